//! Components written by hand: the canonical ABI of `guanjia:fee-policy`, filled with whatever a test needs.

use std::path::Path;

use guanjia_packaging::{Manifest, componentise};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A fee policy whose `evaluate` runs these instructions, with further functions and data beside it.
///
/// `evaluate` gets the number of subjects as its local 7. `(call $honest (local.get 7))` writes a good answer (one line of
/// 1.00 for each subject, on the segment of the same number) to address 1024 and returns that; the addresses of its parts
/// are in [`answer`].
#[derive(Debug, Clone, Copy)]
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

/// World of the one contract that these guests speak.
pub const WORLD: &str = "guanjia:fee-policy/fee-policy-plugin";

impl Guest {
    /// Answers well, whatever is changed beside `evaluate`.
    #[must_use]
    pub fn honest() -> Self {
        Self { evaluate: "(call $honest (local.get 7))", ..Self::default() }
    }

    #[must_use]
    pub fn component(self) -> Vec<u8> {
        self.component_with(&manifest(MANIFEST))
    }

    #[must_use]
    pub fn component_with(self, manifest: &Manifest) -> Vec<u8> {
        let world = if self.wit.is_empty() { WORLD } else { "test:guest/guest" };
        componentise(&self.core_module(world), manifest).unwrap()
    }

    #[must_use]
    pub fn core_module(self, world: &str) -> Vec<u8> {
        self.core_module_for(world, &|text| text)
    }

    /// A core module that speaks a contract of the same name whose text was changed.
    #[must_use]
    pub fn core_module_for(self, world: &str, change: &dyn Fn(String) -> String) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).unwrap();
        let mut resolve = Resolve::default();
        let mut package = None;
        for file in ["types@1.0.0/types.wit", "fee-policy@1.0.0/fee-policy.wit"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/deps").join(file);
            let text = change(std::fs::read_to_string(&path).unwrap());
            package = Some(resolve.push_source(file, &text).unwrap());
        }
        if !self.wit.is_empty() {
            package = Some(resolve.push_source("guest.wit", self.wit).unwrap());
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
        let honest = honest();
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
                {honest}
                {beside})"#
        )
    }
}

/// Where the parts of [`Guest::honest`]'s answer are: offsets of the lists (address, then length), as the canonical ABI
/// lays them out from address 1024, and the addresses of what they hold.
pub mod answer {
    pub const VERDICTS: u32 = 1028;
    pub const PROBLEMS: u32 = 1036;
    pub const SEGMENT: u32 = 1044;
    pub const MEASURE: u32 = 1052;
    pub const QUANTITY: u32 = 1060;
    pub const QUANTITY_SCALE: u32 = 1068;
    pub const UNIT_PRICE: u32 = 1076;
    pub const UNIT_PRICE_SCALE: u32 = 1084;
    pub const ROUNDING: u32 = 1092;
    /// Byte: 0 money, 1 weights.
    pub const AMOUNTS_KIND: u32 = 1100;
    pub const AMOUNTS: u32 = 1104;
    pub const STEP_ROW: u32 = 1112;
    pub const STEP_KIND: u32 = 1120;
    pub const STEP_VALUE: u32 = 1128;
    pub const STEP_VALUE_SCALE: u32 = 1136;
    pub const STEP_ARG_COUNT: u32 = 1144;
    pub const STEP_ARG: u32 = 1152;
    pub const STEP_ARG_SCALE: u32 = 1160;

    /// Zeros, for every list of zeros: verdicts, measures, kinds.
    pub const ZEROS: u32 = 0x20000;
    /// `u32`: 0, 1, 2… for segments.
    pub const SEGMENT_CELLS: u32 = 0x21000;
    /// The same for the rows of steps.
    pub const STEP_ROW_CELLS: u32 = 0x22000;
    /// `s64`: 100 each, the amounts.
    pub const AMOUNT_CELLS: u32 = 0x23000;
    /// `s64`: 100 each, for prices and the values of steps.
    pub const HUNDREDS: u32 = 0x24000;
    /// `s64`: 1 each, the quantities.
    pub const QUANTITY_CELLS: u32 = 0x25000;
    /// `u8`: 2 each, the places of prices and values.
    pub const SCALE_CELLS: u32 = 0x26000;
}

/// The function `$honest`: fills the cells, then the lists.
fn honest() -> String {
    use answer::*;
    let lists = [
        (VERDICTS, ZEROS),
        (SEGMENT, SEGMENT_CELLS),
        (MEASURE, ZEROS),
        (QUANTITY, QUANTITY_CELLS),
        (QUANTITY_SCALE, ZEROS),
        (UNIT_PRICE, HUNDREDS),
        (UNIT_PRICE_SCALE, SCALE_CELLS),
        (ROUNDING, ZEROS),
        (AMOUNTS, AMOUNT_CELLS),
        (STEP_ROW, STEP_ROW_CELLS),
        (STEP_KIND, ZEROS),
        (STEP_VALUE, HUNDREDS),
        (STEP_VALUE_SCALE, SCALE_CELLS),
        (STEP_ARG_COUNT, ZEROS),
    ];
    let list = |(at, cells): &(u32, u32)| {
        let length = at + 4;
        format!("(i32.store (i32.const {at}) (i32.const {cells})) (i32.store (i32.const {length}) (local.get $n))")
    };
    let lists: String = lists.iter().map(list).collect();
    format!(
        "(func $honest (param $n i32) (result i32) (local $i i32)
            (block $done (loop $next
                (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
                (i32.store offset={SEGMENT_CELLS} (i32.shl (local.get $i) (i32.const 2)) (local.get $i))
                (i32.store offset={STEP_ROW_CELLS} (i32.shl (local.get $i) (i32.const 2)) (local.get $i))
                (i64.store offset={AMOUNT_CELLS} (i32.shl (local.get $i) (i32.const 3)) (i64.const 100))
                (i64.store offset={HUNDREDS} (i32.shl (local.get $i) (i32.const 3)) (i64.const 100))
                (i64.store offset={QUANTITY_CELLS} (i32.shl (local.get $i) (i32.const 3)) (i64.const 1))
                (i32.store8 offset={SCALE_CELLS} (local.get $i) (i32.const 2))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next)))
            {lists}
            (i32.const 1024))"
    )
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
#[must_use]
pub fn manifest(text: &str) -> Manifest {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plugin.toml"), text).unwrap();
    Manifest::from_directory(directory.path()).unwrap()
}
