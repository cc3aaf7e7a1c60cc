//! A package file: the component around it and its manifest. Reading it must end, and all ways of reading must agree.
#![no_main]

use guanjia_packaging::{inspect, outline, read_manifest, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outlined = outline(bytes);
    let validated = validate(bytes);
    match (outlined, validated, inspect(bytes)) {
        (Ok(outlined), Ok(validated), Ok(inspected)) => {
            assert_eq!((&outlined.imports, &outlined.exports), (&inspected.imports, &inspected.exports));
            assert_eq!(validated.float_free, inspected.float_free);
        }
        (_, Ok(_), Err(error)) => panic!("valid, and refused: {error}"),
        (_, Err(_), Ok(_)) => panic!("not valid, and taken"),
        _ => {}
    }
    if let Ok(manifest) = read_manifest(bytes) {
        assert!(manifest.problems().is_empty());
    }
});
