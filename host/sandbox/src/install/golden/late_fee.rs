//! Golden cases of late-fee policies.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use guanjia_domain::{
    Result,
    billing::AnswerLimits,
    decision::Outcome,
    plugin::check_settings,
    point::{Answer, Question},
    values::{
        Description,
        cases::late_fee::{self, ExpectedLateFee, LateFeeCase, is_late_fee},
    },
};
use guanjia_packaging::Manifest;

use super::{Progress, check_words, failed, in_time, refused};
use crate::{prepared::Prepared, sandbox::Inner};

/// Runs every case whole, and once more charge by charge: an answer may not depend on who else was asked about.
pub(crate) fn run(
    inner: &Inner,
    prepared: &Prepared,
    manifest: &Manifest,
    description: &Description,
    time: Duration,
    progress: &mut Progress,
) -> Result<()> {
    let trial = Trial { inner, prepared, manifest, description, started: Instant::now(), time };
    for value in manifest.cases.iter().filter(|value| is_late_fee(value)) {
        let cases =
            late_fee::from_value(value).map_err(|error| refused(format!("a golden case cannot be read: {error}")))?;
        for case in &cases {
            progress.case(|| trial.case(case))?;
        }
    }
    Ok(())
}

struct Trial<'a> {
    inner: &'a Inner,
    prepared: &'a Prepared,
    manifest: &'a Manifest,
    description: &'a Description,
    started: Instant,
    time: Duration,
}

impl Trial<'_> {
    fn case(&self, case: &LateFeeCase) -> Result<()> {
        let settings = case.settings_text();
        check_settings(&self.manifest.settings_schema, &settings).map_err(|error| failed(&case.name, &error))?;
        let (whole, differences) = self.ask(case, &settings)?;
        if !differences.is_empty() {
            return Err(failed(&case.name, &differences.join("; ")));
        }
        for (index, charge) in case.charges.iter().enumerate() {
            let single = LateFeeCase { charges: vec![charge.clone()], expect: Vec::new(), ..case.clone() };
            let (alone, _) = self.ask(&single, &settings)?;
            if whole.get(index) != alone.first() {
                return Err(failed(
                    &case.name,
                    &format!(
                        "charge {index} gets another answer when it is asked about alone; charges have to be independent"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// One call: the answer in the words of a case, and how it differs from what the case expects.
    fn ask(&self, case: &LateFeeCase, settings: &str) -> Result<(Vec<ExpectedLateFee>, Vec<String>)> {
        in_time(self.started, self.time)?;
        // Overdue charges have no facts yet, so there are no kinds to know.
        let batch =
            case.to_batch(&self.description.facts, &BTreeMap::new()).map_err(|error| failed(&case.name, &error))?;
        let question = Question::LateFee(Arc::new(batch));
        let answer = match self.inner.evaluate_prepared(self.prepared, settings, &question)?.outcome {
            Outcome::Answer(answer) => answer,
            Outcome::Failure(failure) => return Err(failed(&case.name, &failure.reason)),
        };
        question
            .check(&answer, self.description, &AnswerLimits::default())
            .map_err(|reason| failed(&case.name, &reason))?;
        let Answer::LateFee(answer) = answer else {
            return Err(failed(&case.name, &format!("{} answered", answer.point())));
        };
        check_words(self.manifest, self.description, &answer.problems, &answer.steps)
            .map_err(|reason| failed(&case.name, &reason))?;
        let words = late_fee::outcome(&answer, self.description).map_err(|error| failed(&case.name, &error))?;
        Ok((words, case.compare(&answer, self.description)))
    }
}
