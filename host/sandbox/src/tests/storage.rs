//! Compiled code on disk: it is used, and nothing but what this host wrote is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use guanjia_domain::{decision::Outcome, ports::PolicyEngine};
use rstest::rstest;

use super::{Components, digest, guest::Guest, options, question};
use crate::{Sandbox, SandboxOptions};

fn host(directory: &Path) -> Sandbox {
    let cache_dir = Some(directory.join("code"));
    Sandbox::new(SandboxOptions { cache_dir, ..options() }).unwrap()
}

fn code_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("code")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "code")).collect()
}

#[tokio::test]
async fn compiled_code_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let component = Guest::default().component();
    let digest = digest(&component);
    host(directory.path()).prepare(&digest, &Components::of(&component)).await.unwrap();
    assert_eq!(code_files(directory.path()).len(), 1);
    // The component itself is not asked for again.
    let restarted = host(directory.path());
    restarted.prepare(&digest, &Components::default()).await.unwrap();
    assert!(matches!(restarted.evaluate(&digest, "{}", &question(1)).await.unwrap().outcome, Outcome::Answer(_)));
}

type Meddle = fn(&Path);

#[rstest]
#[case::flipped_bit(|file: &Path| { let mut bytes = fs::read(file).unwrap(); let middle = bytes.len() / 2; bytes[middle] ^= 1; fs::write(file, bytes).unwrap(); })]
#[case::cut(|file: &Path| { let bytes = fs::read(file).unwrap(); fs::write(file, &bytes[..bytes.len() - 1]).unwrap(); })]
#[case::empty(|file: &Path| fs::write(file, b"").unwrap())]
#[case::key_replaced(|file: &Path| fs::write(file.with_file_name("key"), [7; 32]).unwrap())]
#[case::key_lost(|file: &Path| fs::remove_file(file.with_file_name("key")).unwrap())]
#[tokio::test]
async fn a_file_that_is_not_ours_is_not_loaded_and_written_anew(#[case] meddle: Meddle) {
    let directory = tempfile::tempdir().unwrap();
    let component = Guest::default().component();
    let digest = digest(&component);
    host(directory.path()).prepare(&digest, &Components::of(&component)).await.unwrap();
    meddle(&code_files(directory.path())[0]);
    // Without the component there is nothing to fall back on, so that a load would be seen.
    let restarted = host(directory.path());
    let error = restarted.prepare(&digest, &Components::default()).await.unwrap_err();
    assert!(error.to_string().contains("not found"), "{error}");
    restarted.prepare(&digest, &Components::of(&component)).await.unwrap();
    host(directory.path()).prepare(&digest, &Components::default()).await.unwrap();
}

#[tokio::test]
async fn one_components_code_does_not_stand_in_for_anothers() {
    let directory = tempfile::tempdir().unwrap();
    let trusted = Guest::default().component();
    let other = Guest { evaluate: "unreachable", ..Guest::default() }.component();
    let host_ = host(directory.path());
    host_.prepare(&digest(&other), &Components::of(&other)).await.unwrap();
    let code_for_other = code_files(directory.path()).remove(0);
    for file in [code_for_other.with_extension("seal"), code_for_other] {
        let name = file.file_name().unwrap().to_str().unwrap().replace(&digest(&other), &digest(&trusted));
        fs::rename(&file, file.with_file_name(name)).unwrap();
    }
    let restarted = host(directory.path());
    assert!(restarted.prepare(&digest(&trusted), &Components::default()).await.is_err());
}

#[tokio::test]
async fn bytes_with_another_digest_are_not_compiled() {
    let component = Guest::default().component();
    let other = digest(b"something else");
    let source = Components([(other.clone(), component)].into());
    let error = super::sandbox(crate::Limits::default()).prepare(&other, &source).await.unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_costs_only_time() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("code"), b"a file where a directory should be").unwrap();
    let component = Guest::default().component();
    let sandbox = host(directory.path());
    sandbox.prepare(&digest(&component), &Components::of(&component)).await.unwrap();
    assert!(sandbox.evaluate(&digest(&component), "{}", &question(1)).await.is_ok());
}
