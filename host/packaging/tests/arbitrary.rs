//! Goal: whatever a file is, reading it ends with an answer, and all ways of reading agree.
//! Method: good components and manifests with arbitrary changes, and arbitrary bytes. `tests/fuzz` looks longer.
#![allow(clippy::unwrap_used)]

use guanjia_hostile::{Guest, package};
use guanjia_packaging::{Manifest, inspect, manifest::schema, outline, read_manifest, validate};
use proptest::{collection::vec, prelude::*, test_runner::Config};

fn settings() -> Config {
    Config { cases: 256, failure_persistence: None, ..Config::default() }
}

/// A good file with bytes changed, a piece taken out and a piece put in.
fn changed(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = (any::<prop::sample::Index>(), 0..40_usize);
    let insert = (any::<prop::sample::Index>(), vec(any::<u8>(), 0..12));
    (changes, cut, insert).prop_map(move |(changes, (at, length), (to, piece))| {
        let mut bytes = good.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let from = at.index(bytes.len());
        bytes.drain(from..(from + length).min(bytes.len()));
        let to = to.index(bytes.len());
        bytes.splice(to..to, piece);
        bytes
    })
}

fn component() -> Vec<u8> {
    Guest::honest().component()
}

fn manifest() -> Vec<u8> {
    serde_json::to_vec(&package::manifest_with_cases(serde_json::json!([package::good_case(2)]))).unwrap()
}

/// Bytes with the header of a component, so that reading goes past it.
fn with_header() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300).prop_map(|body| [b"\0asm\x0d\0\x01\0".as_slice(), &body].concat())
}

fn read_in_every_way(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (outline(bytes), validate(bytes), inspect(bytes)) {
        (Ok(outlined), Ok(validated), Ok(inspected)) => {
            prop_assert_eq!((outlined.imports, outlined.exports), (inspected.imports, inspected.exports));
            prop_assert_eq!(validated.float_free, inspected.float_free);
        }
        (_, Ok(_), Err(error)) => prop_assert!(false, "valid, and refused: {}", error),
        (_, Err(error), Ok(_)) => prop_assert!(false, "taken, and not valid: {}", error),
        _ => {}
    }
    if let Ok(manifest) = read_manifest(bytes) {
        prop_assert_eq!(manifest.problems(), Vec::<String>::new());
    }
    Ok(())
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_changed_component_is_read_alike_in_every_way(bytes in changed(component())) {
        read_in_every_way(&bytes)?;
    }

    #[test]
    fn arbitrary_sections_are_read_alike_in_every_way(bytes in with_header()) {
        read_in_every_way(&bytes)?;
    }

    #[test]
    fn a_changed_manifest_that_is_taken_is_written_the_same(json in changed(manifest())) {
        if let Ok(manifest) = Manifest::from_json(&json) {
            prop_assert_eq!(Manifest::from_json(&manifest.to_json().unwrap()).unwrap(), manifest);
        }
    }

    #[test]
    fn any_json_is_judged_as_a_schema(json in any_json()) {
        let _ = schema::problems(&json);
    }
}

/// JSON in which a schema's own words are as frequent as others.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let word = prop_oneof![
        Just("$ref".to_owned()),
        Just("$defs".to_owned()),
        Just("pattern".to_owned()),
        Just("title".to_owned()),
        Just("#/$defs/a".to_owned()),
        Just("a".to_owned()),
        Just("#/a/0".to_owned()),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((word.clone(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
