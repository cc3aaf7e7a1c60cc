//! The JSON of a manifest: what is taken is written the same again, and can be used for all that a manifest is for.
#![no_main]

use std::collections::BTreeMap;

use guanjia_domain::{
    plugin::{check_settings, check_settings_schema},
    values::{
        Decimal,
        cases::{self, late_fee},
    },
};
use guanjia_packaging::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    let Ok(manifest) = Manifest::from_json(json) else { return };
    let written = manifest.to_json().expect("what was read can be written");
    assert_eq!(Manifest::from_json(&written).expect("what was written can be read"), manifest);
    let args = [Decimal::new(i64::MIN, 9), Decimal::integer(i64::MAX)];
    for step in manifest.steps.values() {
        for language in ["zh-CN", "en"] {
            let _ = step.render(language, Decimal::new(-1, 2), &args);
        }
    }
    for code in manifest.messages.keys().map(String::as_str).chain(["missing-fact"]) {
        let message = manifest.message(code).expect("a message that is there");
        let _ = message.render("en", "unit.area", &args);
    }
    let schema = check_settings_schema(&manifest.settings_schema);
    let settings = |text: &str| {
        if schema.is_ok() {
            let _ = check_settings(&manifest.settings_schema, text);
        }
    };
    let declared = |point: &str| manifest.exports.get(point).map_or(&[][..], |export| &export.facts);
    for value in &manifest.cases {
        if late_fee::is_late_fee(value) {
            for case in late_fee::from_value(value).expect("a checked manifest has readable cases") {
                settings(&case.settings_text());
                let _ = case.to_batch(declared("late-fee-policy"), &BTreeMap::new());
            }
        } else {
            for case in cases::from_value(value).expect("a checked manifest has readable cases") {
                settings(&case.settings_text());
                let _ = case.to_batch(declared("fee-policy"), &BTreeMap::new());
            }
        }
    }
});
