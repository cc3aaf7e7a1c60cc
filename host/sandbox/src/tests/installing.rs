//! What is installed, and why the rest is not.

use guanjia_domain::{plugin::ExtensionPoint, ports::PolicyEngine};
use rstest::rstest;

use super::{
    guest::{Guest, MANIFEST, manifest},
    options, question, sandbox,
};
use crate::{Limits, Sandbox, SandboxOptions};

#[tokio::test]
async fn a_component_that_keeps_its_word_is_installed_and_ready() {
    let sandbox = sandbox(Limits::default());
    let component = Guest::default().component();
    let plugin = sandbox.verify(component.clone()).await.unwrap();
    assert_eq!((plugin.id.as_str(), plugin.version.as_str()), ("hand-made", "1.0.0"));
    assert_eq!(plugin.digest, super::digest(&component));
    assert!(plugin.float_free);
    assert_eq!(usize::try_from(plugin.size_bytes), Ok(component.len()));
    let export = plugin.export(ExtensionPoint::FeePolicy).unwrap();
    assert_eq!(
        (export.description.steps.as_slice(), export.description.measures.as_slice()),
        (["step".to_owned()].as_slice(), ["month".to_owned()].as_slice())
    );
    assert!(plugin.messages.contains_key("missing-fact"), "the SDK's own codes have their sentences");
    assert!(sandbox.evaluate(&plugin.digest, "{}", &question(1)).await.is_ok());
}

type Make = fn() -> Vec<u8>;

fn changed(from: &str, to: &str) -> Vec<u8> {
    assert!(MANIFEST.contains(from));
    Guest::default().component_with(&manifest(&MANIFEST.replacen(from, to, 1)))
}

fn with_case(case: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plugin.toml"), format!("cases = [\"case.json\"]\n{MANIFEST}")).unwrap();
    std::fs::write(directory.path().join("case.json"), case).unwrap();
    Guest::default().component_with(&guanjia_packaging::Manifest::from_directory(directory.path()).unwrap())
}

#[rstest]
#[case::text(|| b"hello, world".to_vec(), "guanjia plugin build")]
#[case::core_module(|| Guest::default().core_module("guanjia:fee-policy/fee-policy-plugin"), "core module")]
#[case::cut(|| { let mut bytes = Guest::default().component(); bytes.truncate(bytes.len() / 2); bytes }, "Build it again")]
#[case::trap_in_describe(|| Guest { describe: "unreachable", ..Guest::default() }.component(), "describe of fee-policy")]
#[case::loop_in_describe(|| Guest { describe: "(loop $l (br $l)) unreachable", ..Guest::default() }.component(), "used up its fuel")]
#[case::too_much_memory(|| Guest { pages: 1025, ..Guest::default() }.component(), "memory")]
#[case::facts_disagree(|| changed("facts = []", r#"facts = ["unit.area"]"#), "its manifest lists [unit.area]")]
#[case::step_without_words(|| changed("[steps.step]", "[steps.stop]"), "Add [steps.step] to plugin.toml")]
#[case::later_contract(|| changed(r#"wit = "1.0.0""#, r#"wit = "1.1.0""#), "this host serves 1.0")]
#[case::promised_but_missing(|| changed("[exports.fee-policy]", "[exports.late-fee-policy]\nwit = \"1.0.0\"\n\n[exports.fee-policy]"), "promises guanjia:late-fee-policy")]
#[case::wrong_golden_case(|| with_case(r#"{"name": "one home", "period": "2025-03", "subjects": [{"segments": [{}]}], "expect": [{"lines": []}]}"#), "golden case \"one home\": 0 verdicts for 1 subjects")]
#[case::golden_case_with_unknown_fact(|| with_case(r#"{"name": "x", "period": "2025-03", "subjects": [{"segments": [{"facts": {"unit.area": "1"}}]}], "expect": []}"#), "does not declare the fact unit.area")]
#[case::golden_case_with_wrong_settings(|| with_case(r#"{"name": "x", "settings": {"prize": 1}, "period": "2025-03", "subjects": [], "expect": []}"#), "do not fit")]
#[tokio::test]
async fn a_refusal_says_what_to_do(#[case] make: Make, #[case] words: &str) {
    let sandbox = sandbox(Limits::default());
    let component = make();
    let error = sandbox.verify(component.clone()).await.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    let call = sandbox.evaluate(&super::digest(&component), "{}", &question(1)).await;
    assert!(call.is_err(), "a refused component is not kept");
}

#[tokio::test]
async fn a_golden_case_may_be_empty_and_then_holds() {
    let component = with_case(r#"{"name": "nobody", "period": "2025-03", "subjects": [], "expect": []}"#);
    sandbox(Limits::default()).verify(component).await.unwrap();
}

#[tokio::test]
async fn a_component_of_the_size_limit_is_installed_and_one_byte_more_is_not() {
    let component = Guest::default().component();
    let with_max = |component_bytes_max| Sandbox::new(SandboxOptions { component_bytes_max, ..options() }).unwrap();
    with_max(component.len()).verify(component.clone()).await.unwrap();
    let error = with_max(component.len() - 1).verify(component).await.unwrap_err().to_string();
    assert!(error.contains("or have the operator raise the limit"), "{error}");
}

/// A file with signatures is the component without them: the same identity, the same machine code, more to say.
#[tokio::test]
async fn signatures_do_not_change_what_runs() {
    let sandbox = sandbox(Limits::default());
    let component = Guest::default().component();
    let key = guanjia_packaging::PrivateKey::generate().unwrap();
    let file = guanjia_packaging::sign(&component, &key, "author").unwrap();
    let plugin = sandbox.verify(file.clone()).await.unwrap();
    assert_eq!(plugin.digest, super::digest(&component));
    assert_eq!(plugin.component_in(&file).unwrap(), component);
    assert_eq!(sandbox.signatures(file).await.unwrap(), plugin.signatures);
    let signers: Vec<_> = plugin.signatures.iter().map(|by| (by.key.to_string(), by.publisher.as_str())).collect();
    assert_eq!(signers, [(key.public().to_string(), "author")]);
    assert_eq!(plugin.signatures[0].key.id(), key.public().id());
    let unsigned = sandbox.verify(component.clone()).await.unwrap();
    assert_eq!(unsigned, guanjia_domain::plugin::InstalledPlugin { signatures: vec![], ..plugin.clone() });
    assert!(sandbox.evaluate(&plugin.digest, "{}", &question(1)).await.is_ok());
    assert!(plugin.component_in(&component[1..]).is_err() && plugin.component_in(b"").is_err());
}

#[tokio::test]
async fn a_signature_that_does_not_hold_is_refused_with_what_to_do() {
    let key = guanjia_packaging::PrivateKey::generate().unwrap();
    let mut file = guanjia_packaging::sign(&Guest::default().component(), &key, "author").unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    let sandbox = sandbox(Limits::default());
    let asked = sandbox.signatures(file.clone()).await.unwrap_err().to_string();
    let error = sandbox.verify(file).await.unwrap_err().to_string();
    assert_eq!(asked, error);
    assert!(error.contains("author") && error.contains("get the file from its publisher again"), "{error}");
}
