//! Files that are no usable component: cut, changed, out of proportion.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, Instruction, Module, TypeSection, ValType,
};

use super::{Entry, refused};
use crate::{guest::Guest, guest::WORLD, package::*};

pub(super) const ENTRIES: &[Entry] = &[
    refused("an empty file", "not WebAssembly", Vec::new),
    refused("a text", "guanjia plugin build", || b"hello, world".to_vec()),
    refused("a core module", "core module", || Guest::honest().core_module(WORLD)),
    refused("a component cut in the middle", "not valid", || {
        let mut component = Guest::honest().component();
        component.truncate(component.len() / 2);
        component
    }),
    refused("a component with a byte of its code changed", "not valid", || {
        let mut component = Guest::honest().component();
        // The body of a function ends with `end`; without it the next one begins within this one.
        let at = component.windows(4).position(|bytes| bytes == b"\x41\x80\x08\x0b").unwrap() + 3;
        component[at] = 0x01;
        component
    }),
    refused("a component with another version of the format", "not WebAssembly", || {
        let mut component = Guest::honest().component();
        component[4] = 0x0e;
        component
    }),
    refused("a hundred megabytes of data", "at most 25165824 are installed", || {
        let mut data = DataSection::new();
        data.passive(vec![7; 100 << 20]);
        let mut module = Module::new();
        module.section(&data);
        around_module(&module)
    }),
    refused("ninety thousand functions", "functions; 80000 are allowed", || {
        let mut body = Function::new([]);
        body.instruction(&Instruction::End);
        honest_beside(&module_of(90_000, &body))
    }),
    refused("one function of a megabyte", "bytes of code in one function", || {
        let mut body = Function::new([]);
        for _ in 0..(1 << 20) {
            body.instruction(&Instruction::Nop);
        }
        body.instruction(&Instruction::End);
        honest_beside(&module_of(1, &body))
    }),
    refused("forty thousand local variables", "40000 local variables in one function", || {
        let mut body = Function::new([(40_000, ValType::I64)]);
        body.instruction(&Instruction::End);
        honest_beside(&module_of(1, &body))
    }),
    refused("eight billion local variables in a dozen bytes", "too many locals", || {
        let mut body = Function::new([(u32::MAX, ValType::I32), (u32::MAX, ValType::I64)]);
        body.instruction(&Instruction::End);
        honest_beside(&module_of(1, &body))
    }),
    refused("thirty thousand globals", "globals", || {
        let mut globals = GlobalSection::new();
        for _ in 0..30_000 {
            let kind = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
            globals.global(kind, &ConstExpr::i32_const(0));
        }
        let mut module = Module::new();
        module.section(&globals);
        honest_beside(&module)
    }),
    refused("sixty thousand segments of data", "segments of data", || {
        let mut data = DataSection::new();
        for _ in 0..60_000 {
            data.passive([7]);
        }
        let mut module = Module::new();
        module.section(&data);
        honest_beside(&module)
    }),
    refused("the name of an export of fifty thousand letters", "bytes in the name", || {
        honest_beside(&exporting(&["x".repeat(50_000)]))
    }),
    refused("thirty thousand exports", "imports and exports", || {
        let names: Vec<String> = (0..30_000).map(|number| format!("export-{number}")).collect();
        honest_beside(&exporting(&names))
    }),
    refused("a hundred core modules", "core modules", || {
        let mut component = bare(Guest::honest());
        for _ in 0..100 {
            wasm_encoder::ComponentSection::append_to_component(
                &wasm_encoder::ModuleSection(&Module::new()),
                &mut component,
            );
        }
        component
    }),
    refused("components within components", "levels of nesting", || nested(2_000, false)),
    refused("two thousand custom sections", "custom sections", || {
        (0..2_000).fold(bare(Guest::honest()), |component, _| {
            let mut component = component;
            let noise = wasm_encoder::CustomSection { name: "noise".into(), data: b"x".as_slice().into() };
            wasm_encoder::ComponentSection::append_to_component(&noise, &mut component);
            component
        })
    }),
    refused("threads", "without threads", || honest_beside_text("(module (memory 1 1 shared))")),
    refused("vectors", "cannot be compiled", || honest_beside_text("(module (func (drop (v128.const i64x2 0 0))))")),
    refused("code that does not agree with its types", "not valid", || {
        let mut body = Function::new([]);
        body.instruction(&Instruction::I32Add).instruction(&Instruction::End);
        honest_beside(&module_of(1, &body))
    }),
    refused("a function without end", "not valid", || {
        let mut body = Function::new([]);
        body.instruction(&Instruction::Nop);
        honest_beside(&module_of(1, &body))
    }),
];

fn exporting(names: &[String]) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    functions.function(0);
    for name in names {
        exports.export(name, ExportKind::Func, 0);
    }
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module
}
