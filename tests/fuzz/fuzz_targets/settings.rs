//! Settings against a schema, both from anybody: the schema up to the first zero byte, the settings after it.
#![no_main]

use guanjia_domain::plugin::{canonical_settings, check_settings};
use guanjia_packaging::manifest::schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(left), Some(right)) = (parts.next(), parts.next()) else { return };
    let (Ok(left), Ok(right)) = (serde_json::from_slice(left), std::str::from_utf8(right)) else { return };
    if let Ok(canonical) = canonical_settings(right) {
        assert_eq!(canonical_settings(&canonical).expect("what is canonical is settings"), canonical);
    }
    // Only what is installed is ever used.
    if schema::problems(&left).is_empty() {
        let _ = check_settings(&left, right);
    }
});
