//! Settings against a schema, both from anybody: the schema up to the first zero byte, the settings after it.
#![no_main]

use guanjia_domain::plugin::{canonical_settings, check_settings, check_settings_schema};
use guanjia_packaging::manifest::schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(left), Some(right)) = (parts.next(), parts.next()) else { return };
    let Ok(right) = std::str::from_utf8(right) else { return };
    let canonical = canonical_settings(right);
    if let Ok(canonical) = &canonical {
        assert_eq!(&canonical_settings(canonical).expect("what is canonical is settings"), canonical);
    }
    let Ok(left) = serde_json::from_slice(left) else { return };
    // Only what is installed is ever used.
    if !schema::problems(&left).is_empty() || check_settings_schema(&left).is_err() {
        return;
    }
    let fits = check_settings(&left, right).is_ok();
    if let Ok(canonical) = &canonical {
        assert_eq!(check_settings(&left, canonical).is_ok(), fits, "settings fit as they are kept");
    }
});
