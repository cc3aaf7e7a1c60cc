//! Components and manifests put together as no tool of ours would.

use guanjia_packaging::manifest::SECTION;
use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, Component, ComponentSection, ComponentSectionId, CustomSection, Function, FunctionSection, Module,
    ModuleSection, NestedComponentSection, RawSection, TypeSection,
};
use wit_component::ComponentEncoder;

use crate::Guest;

/// A good manifest of [`Guest`], as the JSON that is embedded.
#[must_use]
pub fn good_manifest() -> Value {
    let manifest = crate::guest::manifest(crate::guest::MANIFEST);
    serde_json::from_slice(&manifest.to_json().unwrap()).unwrap()
}

/// The good manifest with another value at a JSON pointer whose parent is there.
#[must_use]
pub fn manifest_with(pointer: &str, value: Value) -> Value {
    let mut manifest = good_manifest();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(key.to_owned(), value);
    manifest
}

/// A component without a manifest.
#[must_use]
pub fn bare(guest: Guest) -> Vec<u8> {
    encode(&guest.core_module(crate::guest::WORLD))
}

/// A component of a core module.
#[must_use]
pub fn encode(core_module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default().validate(true).module(core_module).unwrap().encode().unwrap()
}

/// Appends these bytes as a manifest, whatever they are.
#[must_use]
pub fn with_section(mut component: Vec<u8>, manifest: &[u8]) -> Vec<u8> {
    CustomSection { name: SECTION.into(), data: manifest.into() }.append_to_component(&mut component);
    component
}

/// An honest guest with a manifest that nobody has checked.
#[must_use]
pub fn honest_with(manifest: &Value) -> Vec<u8> {
    with_section(bare(Guest::honest()), &serde_json::to_vec(manifest).unwrap())
}

/// A component written as text, with a good manifest.
#[must_use]
pub fn component_text(text: &str) -> Vec<u8> {
    with_section(wat::parse_str(text).unwrap(), &serde_json::to_vec(&good_manifest()).unwrap())
}

/// A component that holds a core module and a good manifest, and nothing that uses the module.
#[must_use]
pub fn around_module(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    with_section(component.finish(), &serde_json::to_vec(&good_manifest()).unwrap())
}

/// The honest guest with a core module beside it that is compiled and never started.
#[must_use]
pub fn honest_beside(module: &Module) -> Vec<u8> {
    let mut component = bare(Guest::honest());
    ModuleSection(module).append_to_component(&mut component);
    with_section(component, &serde_json::to_vec(&good_manifest()).unwrap())
}

/// The same with a core module written as text.
#[must_use]
pub fn honest_beside_text(module: &str) -> Vec<u8> {
    let module = wat::parse_str(module).unwrap();
    let mut component = bare(Guest::honest());
    RawSection { id: ComponentSectionId::CoreModule.into(), data: &module }.append_to_component(&mut component);
    with_section(component, &serde_json::to_vec(&good_manifest()).unwrap())
}

/// Components within components, the innermost with a good manifest where `manifest` is set.
#[must_use]
pub fn nested(levels: usize, manifest: bool) -> Vec<u8> {
    let mut inner = Component::new();
    let json = serde_json::to_vec(&good_manifest()).unwrap();
    if manifest {
        inner.section(&CustomSection { name: SECTION.into(), data: json.as_slice().into() });
    }
    for _ in 0..levels {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&inner));
        inner = outer;
    }
    inner.finish()
}

/// A component with one section of these bytes.
#[must_use]
pub fn raw_section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Component::HEADER.to_vec();
    bytes.push(id);
    push_leb128(&mut bytes, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// A number as the binary format writes it.
pub fn push_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

/// A core module of so many functions, all with these locals and instructions.
#[must_use]
pub fn module_of(functions: u32, body: &Function) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..functions {
        declared.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module
}

/// The good manifest with these golden cases.
#[must_use]
pub fn manifest_with_cases(cases: Value) -> Value {
    manifest_with("/cases", cases)
}

/// A golden case of [`Guest::honest`] over so many subjects, which holds.
#[must_use]
pub fn good_case(subjects: usize) -> Value {
    json!({
        "name": "good", "period": "2025-03",
        "subjects": vec![json!({ "segments": [{}] }); subjects],
        "expect": vec![json!({ "lines": [{ "amount_fen": 100 }] }); subjects],
    })
}
