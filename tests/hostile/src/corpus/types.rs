//! Components whose types, imports and exports are not what the contract says.

use super::{Entry, refused};
use crate::{
    guest::{Guest, MANIFEST, WORLD, manifest},
    package::*,
};

/// Id of the section of types of a component.
const TYPE_SECTION: u8 = 7;

pub(super) const ENTRIES: &[Entry] = &[
    refused("an import that no contract has", "imports acme:lookup/rates@1.0.0", || {
        component_text(r#"(component (import "acme:lookup/rates@1.0.0" (instance)))"#)
    }),
    refused("sockets", "wasi:sockets/network@0.2.0", || {
        component_text(r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#)
    }),
    refused("a web request", "wasi:http/outgoing-handler@0.2.0", || {
        component_text(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#)
    }),
    refused("an operating system to come", "wasi:cli/environment@0.3.0", || {
        component_text(r#"(component (import "wasi:cli/environment@0.3.0" (instance)))"#)
    }),
    refused("types of a contract to come", "guanjia:types/types@2.0.0", || {
        component_text(r#"(component (import "guanjia:types/types@2.0.0" (instance)))"#)
    }),
    refused("an export that the manifest does not name", "which its manifest does not name", || {
        component_text(
            r#"(component (instance $i)
                (export "guanjia:fee-policy/fee-policy@1.0.0" (instance $i))
                (export "guanjia:late-fee-policy/late-fee-policy@1.0.0" (instance $i)))"#,
        )
    }),
    refused("an export with nothing in it", "does not fit this host", || exporting_nothing("")),
    refused(
        "an export of a contract to come under its own name",
        "promises guanjia:fee-policy/fee-policy@1.0.0",
        || component_text(r#"(component (instance $i) (export "guanjia:fee-policy/fee-policy@2.0.0" (instance $i)))"#),
    ),
    refused("a contract to come, and a manifest that says so", "this host serves 1.0", || {
        let manifest = manifest(&MANIFEST.replace(r#"wit = "1.0.0""#, r#"wit = "2.0.0""#));
        let component =
            wat::parse_str(r#"(component (instance $i) (export "guanjia:fee-policy/fee-policy@2.0.0" (instance $i)))"#);
        with_section(component.unwrap(), &manifest.to_json().unwrap())
    }),
    refused("a fourth verdict under the name of the contract with three", "expected enum of 3 names, found 4", || {
        other_contract("undecided,", "undecided,\n        postponed,")
    }),
    refused(
        "a record with one member more under the name of the contract",
        "expected record of 3 fields, found 4",
        || other_contract("measures: list<string>,", "measures: list<string>,\n        more: list<string>,"),
    ),
    refused("a million types", "1000000 types", || {
        let mut body = Vec::new();
        push_leb128(&mut body, 1_000_000);
        // Each is the type of a truth value.
        body.resize(body.len() + 1_000_000, 0x7f);
        with_section(raw_section(TYPE_SECTION, &body), b"{}")
    }),
    refused("a million types in each other", "levels of nested types", || {
        // One type: that of an instance that declares one type: that of an instance…
        let level = [0x42, 1, 1];
        let body: Vec<u8> = [1].into_iter().chain(level.into_iter().cycle().take(3_000_000)).chain([0x42, 0]).collect();
        with_section(raw_section(TYPE_SECTION, &body), b"{}")
    }),
    refused("a record of five thousand members", "members of one type", || {
        let members: String = (0..5_000).map(|number| format!(r#"(field "f{number}" u8)"#)).collect();
        component_text(&format!("(component (type (record {members})))"))
    }),
    refused("a type that doubles forty times", "not valid", || {
        let doubled: String = (1..40).map(|number| format!("(type (tuple {0} {0}))", number - 1)).collect();
        exporting_nothing(&format!("(type (tuple u8 u8)) {doubled}"))
    }),
    // So many go to the engine of languages with a runtime, which finds nothing that it could call.
    refused("two hundred instances", "does not have export `describe`", || {
        let more: String = (0..200).map(|_| "(core instance (instantiate $m))").collect();
        exporting_nothing(&format!("(core module $m (memory 1)) {more}"))
    }),
];

/// A component that exports what the manifest promises, with nothing in it, after these parts.
fn exporting_nothing(parts: &str) -> Vec<u8> {
    component_text(&format!(
        r#"(component {parts} (instance $i) (export "guanjia:fee-policy/fee-policy@1.0.0" (instance $i)))"#
    ))
}

/// The honest guest, built for a contract whose text was changed and whose name was not.
fn other_contract(from: &'static str, to: &'static str) -> Vec<u8> {
    let change = |text: String| text.replacen(from, to, 1);
    let module = Guest::honest().core_module_for(WORLD, &change);
    with_section(encode(&module), &serde_json::to_vec(&good_manifest()).unwrap())
}
