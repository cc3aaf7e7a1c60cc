//! Components written by hand: the canonical ABI of `guanjia:fee-policy`, filled with whatever a test needs.

use guanjia_packaging::{Manifest, componentise};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A fee policy whose `evaluate` runs these instructions, with further functions and data beside it.
#[derive(Clone, Copy)]
pub struct Guest {
    /// Leaves the address of the result on the stack.
    pub evaluate: &'static str,
    pub describe: &'static str,
    pub check_settings: &'static str,
    pub beside: &'static str,
    /// Further imports, which have to come before everything else.
    pub imports: &'static str,
    /// Packages of WIT with a world `test:guest/guest` that has those imports.
    pub wit: &'static str,
    /// Pages of memory that it starts with.
    pub pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            evaluate: "i32.const 1024",
            describe: "i32.const 256",
            check_settings: "i32.const 512",
            beside: "",
            imports: "",
            wit: "",
            pages: 4,
        }
    }
}

impl Guest {
    pub fn component(self) -> Vec<u8> {
        self.component_with(&manifest(MANIFEST))
    }

    pub fn component_with(self, manifest: &Manifest) -> Vec<u8> {
        let world = if self.wit.is_empty() { "guanjia:fee-policy/fee-policy-plugin" } else { "test:guest/guest" };
        componentise(&self.core_module(world), manifest).unwrap()
    }

    pub fn core_module(self, world: &str) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).unwrap();
        let mut resolve = Resolve::default();
        let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/deps");
        let mut package = None;
        for folder in ["types@1.0.0", "fee-policy@1.0.0"] {
            package = Some(resolve.push_path(wit.join(folder)).unwrap().0);
        }
        if !self.wit.is_empty() {
            package = Some(resolve.push_str("guest.wit", self.wit).unwrap());
        }
        let world = resolve.select_world(&[package.unwrap()], Some(world)).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }

    /// Data: 0 "step", 16 "month"; 32, 48: lists of one string each; 256: a description; 512: an empty list; 1024: the
    /// result of `evaluate`, whose zeros are an answer without any rows.
    fn text(self) -> String {
        let Self { evaluate, describe, check_settings, beside, imports, pages, .. } = self;
        let params = "i32 ".repeat(16);
        format!(
            r#"(module
                (import "guanjia:types/log@1.0.0" "write" (func $log (param i32 i32 i32)))
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                (data (i32.const 0) "step")
                (data (i32.const 16) "month")
                (data (i32.const 32) "\00\00\00\00\04\00\00\00")
                (data (i32.const 48) "\10\00\00\00\05\00\00\00")
                (data (i32.const 256) "\00\00\00\00\00\00\00\00\20\00\00\00\01\00\00\00\30\00\00\00\01\00\00\00")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (block $fits
                        (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                        (drop (memory.grow (i32.const 16))))
                    (local.get $at))
                (func (export "guanjia:fee-policy/fee-policy@1.0.0#describe") (result i32) {describe})
                (func (export "guanjia:fee-policy/fee-policy@1.0.0#check-settings") (param i32 i32) (result i32) {check_settings})
                (func $evaluate (export "guanjia:fee-policy/fee-policy@1.0.0#evaluate") (param {params}) (result i32) {evaluate})
                {beside})"#
        )
    }
}

pub const MANIFEST: &str = r#"
id = "hand-made"
version = "1.0.0"
publisher = "Guanjia"
licence = "Apache-2.0"
title = { zh = "手写", en = "Hand-made" }
summary = { zh = "手写的组件", en = "A component written by hand" }

[exports.fee-policy]
wit = "1.0.0"
facts = []

[steps.step]
label = { zh = "步骤", en = "Step" }
text = { zh = "{value}", en = "{value}" }
"#;

/// Reads a manifest as a plug-in's folder would have it.
pub fn manifest(text: &str) -> Manifest {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plugin.toml"), text).unwrap();
    Manifest::from_directory(directory.path()).unwrap()
}
