//! Golden cases, natively: the same files run in the sandbox when the plug-in is installed.

use std::collections::BTreeMap;
use std::path::Path;

use guanjia_values::cases::{self, FeeCase, GoldenCase, late_fee::LateFeeCase, record::TicketCase};
use guanjia_values::{Description, Problem, TicketPoint};

use crate::{FeeGuest, LateFeeGuest, PolicyGuest};

/// A rule as golden cases of its extension point know it.
pub trait Golden<C: GoldenCase> {
    fn describe() -> Description;
    fn check_settings(settings: &str) -> Vec<Problem>;
    fn evaluate(settings: &str, batch: &C::Batch) -> Result<C::Answer, Problem>;
}

macro_rules! golden {
    ($($case:ty: $guest:path;)*) => {$(
        impl<R: $guest> Golden<$case> for R {
            fn describe() -> Description {
                <R as $guest>::describe()
            }

            fn check_settings(settings: &str) -> Vec<Problem> {
                <R as $guest>::check_settings(settings)
            }

            fn evaluate(
                settings: &str,
                batch: &<$case as GoldenCase>::Batch,
            ) -> Result<<$case as GoldenCase>::Answer, Problem> {
                <R as $guest>::evaluate(settings, batch)
            }
        }
    )*};
}

golden! {
    FeeCase: FeeGuest;
    LateFeeCase: LateFeeGuest;
    TicketCase: PolicyGuest<TicketPoint>;
}

/// Runs all golden cases of a fee policy's folder (`env!("CARGO_MANIFEST_DIR")`), each subject also alone, and checks that
/// the manifest names the same facts and steps as the rule.
///
/// # Panics
/// With all differences, when there is one, or when the folder has no case.
pub fn run_cases<R: Golden<FeeCase>>(plugin_directory: impl AsRef<Path>) {
    run_cases_of::<FeeCase, R>(plugin_directory);
}

/// The same for a late-fee policy: each charge also alone.
///
/// # Panics
/// As [`run_cases`].
pub fn run_late_fee_cases<R: Golden<LateFeeCase>>(plugin_directory: impl AsRef<Path>) {
    run_cases_of::<LateFeeCase, R>(plugin_directory);
}

/// The same for a ticket policy: each ticket also alone.
///
/// # Panics
/// As [`run_cases`].
pub fn run_ticket_cases<R: Golden<TicketCase>>(plugin_directory: impl AsRef<Path>) {
    run_cases_of::<TicketCase, R>(plugin_directory);
}

/// The same for the rule of any extension point: the folder's cases of that point, each subject also alone.
///
/// # Panics
/// As [`run_cases`].
pub fn run_cases_of<C: GoldenCase, R: Golden<C>>(plugin_directory: impl AsRef<Path>) {
    let directory = plugin_directory.as_ref();
    let mut differences = manifest_differences(directory, C::POINT, &R::describe());
    let mut count = 0;
    for path in case_files(directory) {
        let fail = |error: &dyn std::fmt::Display| -> ! { panic!("{}: {error}", path.display()) };
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| fail(&error));
        let value = serde_json::from_str(&text).unwrap_or_else(|error| fail(&error));
        if cases::point_of(&value) != C::POINT {
            continue;
        }
        for case in C::read(&value).unwrap_or_else(|error| fail(&error)) {
            count += 1;
            differences.extend(case_differences::<C, R>(&case));
        }
    }
    assert!(count > 0, "{} has no golden case of {}", directory.join("cases").display(), C::POINT);
    assert!(differences.is_empty(), "{count} golden cases differ:\n{}", differences.join("\n"));
}

/// How a rule's answer differs from a case, also when each subject is asked alone: subjects are independent.
#[must_use]
pub fn case_differences<C: GoldenCase, R: Golden<C>>(case: &C) -> Vec<String> {
    let mut differences = answer_differences::<C, R>(case.name(), case);
    for index in 0..case.subjects() {
        let name = format!("{} ({} {index} alone)", case.name(), C::SUBJECT);
        differences.extend(answer_differences::<C, R>(&name, &case.alone(index)));
    }
    differences
}

fn answer_differences<C: GoldenCase, R: Golden<C>>(name: &str, case: &C) -> Vec<String> {
    let description = R::describe();
    let settings = case.settings_text();
    let mut found: Vec<String> = R::check_settings(&settings)
        .into_iter()
        .map(|problem| format!("the settings are not valid: {} {}", problem.code, problem.about))
        .collect();
    match case.to_batch(&description.facts, &BTreeMap::new()) {
        Err(error) => found.push(error.to_string()),
        Ok(batch) => match R::evaluate(&settings, &batch) {
            Err(problem) => found.push(format!("nothing was decided: {} {}", problem.code, problem.about)),
            Ok(answer) => found.extend(case.compare(&batch, &answer, &description)),
        },
    }
    found.into_iter().map(|difference| format!("{name}: {difference}")).collect()
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
