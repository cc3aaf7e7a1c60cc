//! Components: made from core modules, and read without running them.

use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Instance, Parser, Payload, Validator, WasmFeatures};
use wit_component::ComponentEncoder;

use crate::{
    gate::{self, Excess},
    manifest::{Manifest, ManifestError, SECTION},
    signature::{SIGNATURES_BYTES_MAX, Signature, SignatureError, read_signatures},
};

/// Components in Rust or C have 20–140 kB, those that carry an interpreter up to 19 MB; this leaves room above them.
pub const COMPONENT_SIZE_MAX: usize = 32 * 1024 * 1024;

/// What can be said about a component without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Names of what it imports, such as `guanjia:types/log@1.0.0`, in their order.
    pub imports: Vec<String>,
    /// Names of what it exports, such as `guanjia:fee-policy/fee-policy@1.0.0`, in their order.
    pub exports: Vec<String>,
    /// Of how many parts it is made.
    pub parts: Parts,
    /// Bytes, without the signatures that follow the component in its file.
    pub size: usize,
    /// SHA-256 of these bytes, in hexadecimal: what identifies the component, whoever signed it.
    pub digest: String,
    /// Who signed the file. Every one of them holds; whether it is trusted is another question.
    pub signatures: Vec<Signature>,
    /// Whether no instruction, type or constant in it is floating point.
    pub float_free: bool,
}

/// Of how many parts a component is made: what it asks of an engine before it has done anything. Nested components and
/// modules count once, as they do in what tools write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Core modules that it instantiates, those of nested components included.
    pub core_instances: u32,
    /// Memories that its core modules make.
    pub memories: u32,
}

/// What a component is called from outside, without knowing whether it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Names of what it imports, such as `guanjia:types/log@1.0.0`, in their order.
    pub imports: Vec<String>,
    /// Names of what it exports, such as `guanjia:fee-policy/fee-policy@1.0.0`, in their order.
    pub exports: Vec<String>,
    /// Of how many parts it is made.
    pub parts: Parts,
    /// Bytes.
    pub size: usize,
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
}

/// What validating a component tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validated {
    /// Whether no instruction, type or constant in it is floating point.
    pub float_free: bool,
}

/// Why bytes are not a usable component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    #[error("the file has {size} bytes; {COMPONENT_SIZE_MAX} are allowed")]
    TooLarge { size: usize },
    #[error("this is not WebAssembly: {reason}")]
    NotWasm { reason: String },
    #[error("this is a core module, not a component; `guanjia plugin build` makes the component")]
    CoreModule,
    #[error("the component is out of proportion: {0}")]
    Excess(Excess),
    #[error("the component is not valid: {reason}")]
    Invalid { reason: String },
    #[error("the module cannot become a component: {reason}")]
    Encode { reason: String },
    #[error("the component carries no manifest (custom section `{SECTION}`)")]
    NoManifest,
    #[error("the component carries more than one manifest")]
    SeveralManifests,
    #[error("the file is signed already: what is added now would break its signatures")]
    Signed,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Makes a component from a core module that wit-bindgen has described, and embeds its manifest.
pub fn componentise(core_module: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ComponentError> {
    // The whole chain: the outer sentence alone says only that the module could not be decoded.
    let fail = |error: &dyn std::fmt::Display| ComponentError::Encode { reason: error.to_string() };
    let mut encoder =
        ComponentEncoder::default().validate(true).module(core_module).map_err(|error| fail(&format!("{error:#}")))?;
    let component = encoder.encode().map_err(|error| fail(&format!("{error:#}")))?;
    embed_manifest(&component, manifest)
}

/// Appends the manifest to a component that has none yet, such as one written in another language.
pub fn embed_manifest(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ComponentError> {
    if !manifest_sections(component)?.is_empty() {
        return Err(ComponentError::SeveralManifests);
    }
    if !read_signatures(component)?.signatures.is_empty() {
        return Err(ComponentError::Signed);
    }
    let json = manifest.to_json()?;
    let mut bytes = component.to_vec();
    bytes.extend_from_slice(&custom_section(SECTION, &json));
    Ok(bytes)
}

/// The manifest that a component carries, checked.
pub fn read_manifest(component: &[u8]) -> Result<Manifest, ComponentError> {
    match manifest_sections(component)?.as_slice() {
        [] => Err(ComponentError::NoManifest),
        [json] => Ok(Manifest::from_json(json)?),
        _ => Err(ComponentError::SeveralManifests),
    }
}

/// Counts what a component holds and reads its names. It takes one pass over the bytes, and no more memory than the names:
/// what is not valid may pass.
pub fn outline(component: &[u8]) -> Result<Outline, ComponentError> {
    check_header(component)?;
    gate::check(component)?;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for_each_outer(component, |payload| {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let parts = parts(component).map_err(|error| ComponentError::Invalid { reason: error.to_string() })?;
    Ok(Outline { imports, exports, parts, size: component.len(), digest: hex::encode(Sha256::digest(component)) })
}

fn parts(component: &[u8]) -> Result<Parts, wasmparser::BinaryReaderError> {
    let mut parts = Parts::default();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::InstanceSection(section) => {
                for instance in section {
                    // The others only give names to what is there.
                    let instantiates = matches!(instance?, Instance::Instantiate { .. });
                    parts.core_instances = parts.core_instances.saturating_add(u32::from(instantiates));
                }
            }
            Payload::MemorySection(section) => parts.memories = parts.memories.saturating_add(section.count()),
            _ => {}
        }
    }
    Ok(parts)
}

/// Validates a component whose proportions are sound. Time and memory grow with what it declares.
pub fn validate(component: &[u8]) -> Result<Validated, ComponentError> {
    check_header(component)?;
    gate::check(component)?;
    let with_floats = WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL;
    is_valid(component, with_floats).map_err(|reason| ComponentError::Invalid { reason })?;
    Ok(Validated { float_free: is_valid(component, with_floats - WasmFeatures::FLOATS).is_ok() })
}

/// Validates a component file and says who signed it, what it imports and what it exports. Nothing is compiled or run.
pub fn inspect(file: &[u8]) -> Result<ComponentInfo, ComponentError> {
    let signed = read_signatures(file)?;
    let Validated { float_free } = validate(signed.component)?;
    let Outline { imports, exports, parts, size, digest } = outline(signed.component)?;
    Ok(ComponentInfo { imports, exports, parts, size, digest, signatures: signed.signatures, float_free })
}

/// Id of a custom section in the binary format.
const CUSTOM_SECTION: u8 = 0;

/// A custom section of that name, written as briefly as the format allows.
pub(crate) fn custom_section(name: &str, data: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(data.len() + name.len() + 5);
    push_leb128(&mut payload, name.len());
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(data);
    let mut bytes = Vec::with_capacity(payload.len() + 6);
    bytes.push(CUSTOM_SECTION);
    push_leb128(&mut bytes, payload.len());
    bytes.extend_from_slice(&payload);
    bytes
}

fn is_valid(component: &[u8], features: WasmFeatures) -> Result<(), String> {
    Validator::new_with_features(features).validate_all(component).map(drop).map_err(|error| error.to_string())
}

/// Refuses what is too large, no WebAssembly, or a core module, before anything else reads it.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), ComponentError> {
    if bytes.len() > COMPONENT_SIZE_MAX + SIGNATURES_BYTES_MAX {
        return Err(ComponentError::TooLarge { size: bytes.len() });
    }
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => Ok(()),
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => Err(ComponentError::CoreModule),
        Some(Err(error)) => Err(ComponentError::NotWasm { reason: error.to_string() }),
        _ => Err(ComponentError::NotWasm { reason: "the file is empty".to_owned() }),
    }
}

fn manifest_sections(component: &[u8]) -> Result<Vec<&[u8]>, ComponentError> {
    check_header(component)?;
    let mut found = Vec::new();
    for_each_outer(component, |payload| {
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            found.push(section.data());
        }
        Ok(())
    })?;
    Ok(found)
}

/// Visits the sections of the component itself, not those of what is nested in it.
fn for_each_outer<'a>(
    component: &'a [u8],
    mut visit: impl FnMut(Payload<'a>) -> Result<(), wasmparser::BinaryReaderError>,
) -> Result<(), ComponentError> {
    let invalid = |error: wasmparser::BinaryReaderError| ComponentError::Invalid { reason: error.to_string() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(invalid)?;
        match &payload {
            // The parser steps into nested modules and components right after announcing them.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 => visit(payload).map_err(invalid)?,
            _ => {}
        }
    }
    Ok(())
}

fn push_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits fit a byte");
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[rstest]
    #[case::empty(b"", "not WebAssembly")]
    #[case::text(b"hello, world", "not WebAssembly")]
    #[case::core_module(CORE_MODULE, "core module")]
    #[case::cut(b"\0asm\x0d\0\x01\0\x01\x05", "not valid")]
    fn what_is_no_component_is_refused(#[case] bytes: &[u8], #[case] words: &str) {
        let error = inspect(bytes).expect_err("must be refused").to_string();
        assert!(error.contains(words), "{error}");
        assert!(read_manifest(bytes).is_err());
    }

    #[test]
    fn an_empty_component_has_no_manifest() {
        assert!(matches!(read_manifest(EMPTY_COMPONENT), Err(ComponentError::NoManifest)));
        let info = inspect(EMPTY_COMPONENT).expect("it is a component");
        assert!(info.float_free && info.imports.is_empty() && info.exports.is_empty());
    }

    #[test]
    fn lengths_are_leb128() {
        for (value, expected) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xac, 2])] {
            let mut bytes = Vec::new();
            push_leb128(&mut bytes, value);
            assert_eq!(bytes, expected);
        }
    }
}
