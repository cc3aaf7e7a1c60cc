//! A package file: the signatures behind it, the component and its manifest. Reading it must end, and all ways of reading
//! must agree.
#![no_main]

use guanjia_packaging::{inspect, outline, read_manifest, read_signatures, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let inspected = inspect(file);
    let signed = match read_signatures(file) {
        Ok(signed) => signed,
        Err(error) => {
            assert!(inspected.is_err(), "its signatures cannot be read, and it is taken: {error}");
            return;
        }
    };
    let component = signed.component;
    match (outline(component), validate(component), inspected) {
        (Ok(outlined), Ok(validated), Ok(inspected)) => {
            assert_eq!((&outlined.imports, &outlined.exports), (&inspected.imports, &inspected.exports));
            assert_eq!((outlined.size, outlined.digest), (inspected.size, inspected.digest));
            assert_eq!((validated.float_free, signed.signatures), (inspected.float_free, inspected.signatures));
        }
        (_, Ok(_), Err(error)) => panic!("valid, and refused: {error}"),
        (_, Err(error), Ok(_)) => panic!("taken, and not valid: {error}"),
        (Err(error), _, Ok(_)) => panic!("taken, and without an outline: {error}"),
        _ => {}
    }
    if let Ok(manifest) = read_manifest(component) {
        assert_eq!(manifest.problems(), Vec::<String>::new());
    }
});
