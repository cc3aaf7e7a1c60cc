//! Golden cases, natively: the same files run in the sandbox when the plug-in is installed.

use std::collections::BTreeMap;
use std::path::Path;

use guanjia_values::Description;
use guanjia_values::cases::{
    self, FeeCase,
    late_fee::{self, LateFeeCase},
};

use crate::{FeeGuest, LateFeeGuest};

/// Runs all golden cases of a plug-in's folder (`env!("CARGO_MANIFEST_DIR")`), each subject also alone, and checks that
/// the manifest names the same facts and steps as the rule.
///
/// # Panics
/// With all differences, when there is one, or when the folder has no case.
pub fn run_cases<P: FeeGuest>(plugin_directory: impl AsRef<Path>) {
    let directory = plugin_directory.as_ref();
    let mut differences = manifest_differences(directory, "fee-policy", &P::describe());
    let mut count = 0;
    for path in case_files(directory) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cases = cases::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases {
            count += 1;
            differences.extend(case_differences::<P>(&case));
        }
    }
    assert!(count > 0, "{} has no golden case", directory.join("cases").display());
    assert!(differences.is_empty(), "{count} golden cases differ:\n{}", differences.join("\n"));
}

/// How a rule's answer differs from a case, also when each subject is asked alone: subjects are independent.
#[must_use]
pub fn case_differences<P: FeeGuest>(case: &FeeCase) -> Vec<String> {
    let mut differences = answer_differences::<P>(case);
    for (index, (subject, expected)) in case.subjects.iter().zip(&case.expect).enumerate() {
        let alone = FeeCase {
            name: format!("{} (subject {index} alone)", case.name),
            subjects: vec![subject.clone()],
            expect: vec![expected.clone()],
            ..case.clone()
        };
        differences.extend(answer_differences::<P>(&alone));
    }
    differences
}

fn answer_differences<P: FeeGuest>(case: &FeeCase) -> Vec<String> {
    let description = P::describe();
    let settings = case.settings_text();
    let mut found: Vec<String> = P::check_settings(&settings)
        .into_iter()
        .map(|problem| format!("the settings are not valid: {} {}", problem.code, problem.about))
        .collect();
    match case.to_batch(&description.facts, &BTreeMap::new()) {
        Err(error) => return vec![error.to_string()],
        Ok(batch) => match P::evaluate(&settings, &batch) {
            Err(problem) => found.push(format!("nothing was decided: {} {}", problem.code, problem.about)),
            Ok(answer) => found.extend(case.compare(&batch, &answer, &description)),
        },
    }
    found.into_iter().map(|difference| format!("{}: {difference}", case.name)).collect()
}

/// Runs all golden cases of a late-fee policy's folder as [`run_cases`] does those of a fee policy: each charge also alone.
///
/// # Panics
/// With all differences, when there is one, or when the folder has no case.
pub fn run_late_fee_cases<P: LateFeeGuest>(plugin_directory: impl AsRef<Path>) {
    let directory = plugin_directory.as_ref();
    let mut differences = manifest_differences(directory, "late-fee-policy", &P::describe());
    let mut count = 0;
    for path in case_files(directory) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cases = late_fee::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases {
            count += 1;
            differences.extend(late_fee_differences::<P>(&case));
            for (index, (charge, expected)) in case.charges.iter().zip(&case.expect).enumerate() {
                differences.extend(late_fee_differences::<P>(&LateFeeCase {
                    name: format!("{} (charge {index} alone)", case.name),
                    charges: vec![charge.clone()],
                    expect: vec![expected.clone()],
                    ..case.clone()
                }));
            }
        }
    }
    assert!(count > 0, "{} has no golden case", directory.join("cases").display());
    assert!(differences.is_empty(), "{count} golden cases differ:\n{}", differences.join("\n"));
}

fn late_fee_differences<P: LateFeeGuest>(case: &LateFeeCase) -> Vec<String> {
    let description = P::describe();
    let settings = case.settings_text();
    let mut found: Vec<String> = P::check_settings(&settings)
        .into_iter()
        .map(|problem| format!("the settings are not valid: {} {}", problem.code, problem.about))
        .collect();
    match case.to_batch(&description.facts, &BTreeMap::new()) {
        Err(error) => return vec![error.to_string()],
        Ok(batch) => match P::evaluate(&settings, &batch) {
            Err(problem) => found.push(format!("nothing was decided: {} {}", problem.code, problem.about)),
            Ok(answer) => found.extend(case.compare(&answer, &description)),
        },
    }
    found.into_iter().map(|difference| format!("{}: {difference}", case.name)).collect()
}

fn case_files(directory: &Path) -> Vec<std::path::PathBuf> {
    let folder = directory.join("cases");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Where `plugin.toml` names other facts or steps than the rule; the host would refuse to install it.
fn manifest_differences(directory: &Path, point: &str, description: &Description) -> Vec<String> {
    let path = directory.join("plugin.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let facts: Vec<String> = manifest
        .get("exports")
        .and_then(|exports| exports.get(point)?.get("facts")?.as_array())
        .map(|facts| facts.iter().filter_map(|fact| Some(fact.as_str()?.to_owned())).collect())
        .unwrap_or_default();
    let mut steps: Vec<String> = manifest
        .get("steps")
        .and_then(toml::Value::as_table)
        .map(|steps| steps.keys().cloned().collect())
        .unwrap_or_default();
    let mut described = description.steps.clone();
    steps.sort();
    described.sort();
    let mut found = Vec::new();
    if facts != description.facts {
        found.push(format!("plugin.toml names the facts {facts:?}, the rule {:?}", description.facts));
    }
    if steps != described {
        found.push(format!("plugin.toml names the steps {steps:?}, the rule {described:?}"));
    }
    found
}
