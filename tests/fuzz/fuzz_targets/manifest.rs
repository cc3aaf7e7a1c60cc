//! The JSON of a manifest: what is taken is written the same again, and can be used for all that a manifest is for.
#![no_main]

use std::collections::BTreeMap;

use guanjia_domain::{
    plugin::{check_settings, check_settings_schema},
    values::{
        Decimal,
        cases::{self, FeeCase, GoldenCase, late_fee::LateFeeCase, record::TicketCase},
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
        let kept = match cases::point_of(value) {
            LateFeeCase::POINT => batches::<LateFeeCase>(value, declared("late-fee-policy")),
            TicketCase::POINT => batches::<TicketCase>(value, declared("ticket-policy")),
            _ => batches::<FeeCase>(value, declared("fee-policy")),
        };
        kept.iter().for_each(|text| settings(text));
    }
});

/// The settings of every case; each is made into a batch, or refused in words.
fn batches<C: GoldenCase>(value: &serde_json::Value, declared: &[String]) -> Vec<String> {
    let cases = C::read(value).expect("a checked manifest has readable cases");
    let settings = |case: &C| {
        let _ = case.to_batch(declared, &BTreeMap::new());
        case.settings_text()
    };
    cases.iter().map(settings).collect()
}
