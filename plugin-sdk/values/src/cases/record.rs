//! Golden cases of extension points about records.
//!
//! ```json
//! {
//!   "name": "a burst pipe is urgent",
//!   "settings": { "urgent": ["burst-pipe"] },
//!   "tickets": [{ "kind": "repair", "category": "burst-pipe", "facts": { "unit.occupancy": "occupied" } }],
//!   "expect": [{ "decided": { "priority": "urgent" } }]
//! }
//! ```
//!
//! Subjects stand under the name that their point has for them; beside a subject's own members stand its `facts`. What all
//! subjects share stands under `shared`. Of what is expected, members that are left out are not compared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    CaseError, Cell, ExpectedGap, ExpectedRefusal, ExpectedStep, FactCells, FactKind, GoldenCase, StepReader, check,
    empty_settings, gap, refusal, step_words, to_column,
};
use crate::{AnswerOf, BatchOf, Description, Effect, RecordAnswer, RecordBatch, RecordPoint, TicketPoint, Verdict};

/// Points about records, each with what it calls its subjects.
pub const POINTS: &[(&str, &str)] = &[(TicketPoint::CODE, TicketPoint::SUBJECTS)];

/// A case of a ticket policy.
pub type TicketCase = RecordCase<TicketPoint>;

/// One golden case of a point about records.
#[derive(Debug)]
pub struct RecordCase<P: RecordPoint> {
    pub name: String,
    pub settings: Value,
    pub shared: P::Shared,
    pub subjects: Vec<CaseRecord<P::Subject>>,
    /// What kind a fact's column has, where its cells do not show it.
    pub kinds: BTreeMap<String, FactKind>,
    pub expect: Vec<ExpectedRecord>,
}

/// A subject with its facts.
#[derive(Debug, Clone)]
pub struct CaseRecord<S> {
    pub subject: S,
    pub facts: FactCells,
}

/// What the answer about a subject must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExpectedRecord {
    Decided(ExpectedDecision),
    Refused(ExpectedRefusal),
    Undecided(ExpectedGap),
}

/// A decision. Its members, steps or effects that are left out are not compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDecision {
    pub decided: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<ExpectedStep>>,
    /// Effects in the form of the contract; `subject` is 0 for the subject itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<Vec<Effect>>,
}

/// What a case file has besides its subjects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<H> {
    name: String,
    #[serde(default = "empty_settings")]
    settings: Value,
    #[serde(default)]
    shared: H,
    #[serde(default)]
    kinds: BTreeMap<String, FactKind>,
    expect: Vec<ExpectedRecord>,
}

impl<P: RecordPoint<Shared: Clone, Subject: Clone>> Clone for RecordCase<P> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            settings: self.settings.clone(),
            shared: self.shared.clone(),
            subjects: self.subjects.clone(),
            kinds: self.kinds.clone(),
            expect: self.expect.clone(),
        }
    }
}

impl<P> RecordCase<P>
where
    P: RecordPoint<Shared: DeserializeOwned + Default, Subject: DeserializeOwned>,
{
    fn read_one(value: &Value) -> Result<Self, CaseError> {
        let name = value.get("name").and_then(Value::as_str).unwrap_or("without a name").to_owned();
        let fail = |reason: &dyn fmt::Display| CaseError(format!("case {name}: {reason}"));
        let Value::Object(mut members) = value.clone() else { return Err(fail(&"is not an object")) };
        let Some(Value::Array(listed)) = members.remove(P::SUBJECTS) else {
            return Err(fail(&format!("has no list of {}", P::SUBJECTS)));
        };
        let Frame { name: given, settings, shared, kinds, expect } =
            Frame::deserialize(Value::Object(members)).map_err(|error| fail(&error))?;
        let mut subjects = Vec::with_capacity(listed.len());
        for mut record in listed {
            let facts = record.as_object_mut().and_then(|members| members.remove("facts"));
            subjects.push(CaseRecord {
                facts: facts
                    .map_or_else(|| Ok(FactCells::new()), FactCells::deserialize)
                    .map_err(|error| fail(&error))?,
                subject: P::Subject::deserialize(record).map_err(|error| fail(&error))?,
            });
        }
        Ok(Self { name: given, settings, shared, subjects, kinds, expect })
    }
}

impl<P> GoldenCase for RecordCase<P>
where
    P: RecordPoint<Shared: DeserializeOwned + Default + Clone, Subject: DeserializeOwned + Clone, Decided: Serialize>,
{
    const POINT: &'static str = P::CODE;
    const SUBJECT: &'static str = "subject";
    type Batch = BatchOf<P>;
    type Answer = AnswerOf<P>;
    type Words = ExpectedRecord;

    fn read(value: &Value) -> Result<Vec<Self>, CaseError> {
        match value {
            Value::Array(cases) => cases.iter().map(Self::read_one).collect(),
            one => Ok(vec![Self::read_one(one)?]),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn settings(&self) -> &Value {
        &self.settings
    }

    fn subjects(&self) -> usize {
        self.subjects.len()
    }

    fn alone(&self, subject: usize) -> Self {
        let subjects = self.subjects.get(subject).cloned().into_iter().collect();
        let expect = self.expect.get(subject).cloned().into_iter().collect();
        Self { subjects, expect, ..self.clone() }
    }

    fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<BatchOf<P>, CaseError> {
        let fail = |reason: String| CaseError(format!("case {}: {reason}", self.name));
        let mut names = self.subjects.iter().flat_map(|record| record.facts.keys());
        if let Some(name) = names.find(|name| !declared.contains(name)) {
            return Err(fail(format!("the plug-in does not declare the fact {name}")));
        }
        let column = |name: &String| {
            let cells: Vec<Option<&Cell>> =
                self.subjects.iter().map(|record| record.facts.get(name)?.as_ref()).collect();
            let kind = self.kinds.get(name).or_else(|| kinds.get(name)).copied();
            to_column(&cells, kind).map_err(|reason| fail(format!("fact {name}: {reason}")))
        };
        Ok(RecordBatch {
            shared: self.shared.clone(),
            subjects: self.subjects.iter().map(|record| record.subject.clone()).collect(),
            facts: declared.iter().map(column).collect::<Result<_, _>>()?,
        })
    }

    fn words(
        _: &BatchOf<P>,
        answer: &AnswerOf<P>,
        description: &Description,
    ) -> Result<Vec<ExpectedRecord>, CaseError> {
        words(answer, description)
    }

    /// The answer need not be well-formed; what does not add up is a difference too.
    fn compare(&self, _: &BatchOf<P>, answer: &AnswerOf<P>, description: &Description) -> Vec<String> {
        let actual = match words(answer, description) {
            Ok(actual) => actual,
            Err(reason) => return vec![format!("the answer is malformed: {reason}")],
        };
        let mut differences = Vec::new();
        if actual.len() != self.expect.len() {
            differences.push(format!("{} answers are expected, {} came", self.expect.len(), actual.len()));
        }
        for (index, (expected, actual)) in self.expect.iter().zip(&actual).enumerate() {
            let mut found = Vec::new();
            compare_record(expected, actual, &mut found);
            differences.extend(found.into_iter().map(|difference| format!("subject {index}: {difference}")));
        }
        differences
    }
}

/// An answer in the words of a case. The error says what is malformed.
fn words<D: Serialize>(answer: &RecordAnswer<D>, description: &Description) -> Result<Vec<ExpectedRecord>, CaseError> {
    let malformed = |reason: &str| CaseError(reason.to_owned());
    let mut steps = StepReader { steps: &answer.steps, description, step: 0, arg: 0 };
    let mut decided = answer.decided.iter();
    let mut records = Vec::with_capacity(answer.verdicts.len());
    for (index, verdict) in answer.verdicts.iter().enumerate() {
        let found = steps.of_line(index).ok_or_else(|| malformed("a step names what is not there"))?;
        let problem = answer.problems.iter().find(|entry| usize::try_from(entry.subject) == Ok(index));
        records.push(match (verdict, problem) {
            (Verdict::Decided, None) => {
                let decided = decided.next().ok_or_else(|| malformed("a decided subject has no decision"))?;
                let Ok(Value::Object(decided)) = serde_json::to_value(decided) else {
                    return Err(malformed("a decision cannot be written as JSON"));
                };
                let own = answer.effects.iter().filter(|effect| usize::try_from(effect.subject) == Ok(index));
                let effects = own.map(|effect| Effect { subject: 0, ..effect.clone() }).collect();
                ExpectedRecord::Decided(ExpectedDecision { decided, steps: Some(found), effects: Some(effects) })
            }
            (Verdict::Decided, Some(_)) => return Err(malformed("a decided subject has a problem")),
            (_, None) => return Err(malformed("a subject without decision has no problem")),
            (_, Some(_)) if !found.is_empty() => return Err(malformed("a subject without decision has steps")),
            (Verdict::Refused, Some(entry)) => ExpectedRecord::Refused(refusal(&entry.problem)),
            (Verdict::Undecided, Some(entry)) => ExpectedRecord::Undecided(gap(&entry.problem)),
        });
    }
    if steps.step != answer.steps.row.len() || decided.next().is_some() {
        return Err(malformed("a step or a decision belongs to no subject"));
    }
    Ok(records)
}

fn compare_record(expected: &ExpectedRecord, actual: &ExpectedRecord, differences: &mut Vec<String>) {
    match (expected, actual) {
        (ExpectedRecord::Decided(expected), ExpectedRecord::Decided(actual)) => {
            let (expected_members, actual_members) = (&expected.decided, &actual.decided);
            for (name, value) in expected_members {
                compare_value(name, value, actual_members.get(name).unwrap_or(&Value::Null), differences);
            }
            let steps = |of: &ExpectedDecision| Some(of.steps.as_ref()?.iter().map(step_words).collect::<Vec<_>>());
            check("steps", steps(expected).as_ref(), steps(actual).as_ref(), differences);
            check("effects", expected.effects.as_ref(), actual.effects.as_ref(), differences);
        }
        (ExpectedRecord::Refused(expected), ExpectedRecord::Refused(actual)) => {
            check("refusal", Some(&expected.refused), Some(&actual.refused), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (ExpectedRecord::Undecided(expected), ExpectedRecord::Undecided(actual)) => {
            check("problem", Some(&expected.undecided), Some(&actual.undecided), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (expected, actual) => differences.push(format!("expected {expected:?}, got {actual:?}")),
    }
}

/// Of an object the members that are expected, of a list each entry in turn.
fn compare_value(place: &str, expected: &Value, actual: &Value, differences: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                let found = actual.get(name).unwrap_or(&Value::Null);
                compare_value(&format!("{place}.{name}"), value, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare_value(&format!("{place}[{index}]"), expected, actual, differences);
            }
        }
        (expected, actual) if expected == actual => {}
        (expected, actual) => differences.push(format!("{place}: expected {expected}, got {actual}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Problem, Route, Steps, SubjectProblem, Ticket};
    use rstest::rstest;

    const CASE: &str = r#"{
        "name": "two tickets",
        "tickets": [
            {"kind": "repair", "category": "pipe", "facts": {"unit.occupancy": "occupied"}},
            {"kind": "complaint", "facts": {"unit.occupancy": null}}
        ],
        "expect": [
            {"decided": {"priority": "urgent", "ranking": [{"candidate": 1}]},
             "steps": [{"kind": "solve", "value": "240", "args": []}]},
            {"undecided": "missing-fact", "about": "unit.occupancy"}
        ]
    }"#;

    fn read(text: &str) -> Result<Vec<TicketCase>, CaseError> {
        TicketCase::read(&serde_json::from_str(text).unwrap())
    }

    fn answer() -> AnswerOf<TicketPoint> {
        let route = Route {
            priority: "urgent".into(),
            ranking: serde_json::from_str(r#"[{"candidate": 1, "reason": 0, "score": "3"}]"#).unwrap(),
            ..Route::default()
        };
        let problem = Problem { code: "missing-fact".into(), about: "unit.occupancy".into(), args: vec![] };
        RecordAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem { subject: 1, problem }],
            decided: vec![route],
            steps: Steps {
                row: vec![0],
                kind: vec![0],
                value: vec![240],
                value_scale: vec![0],
                arg_count: vec![0],
                arg: vec![],
                arg_scale: vec![],
            },
            effects: vec![],
        }
    }

    #[test]
    fn a_case_is_a_batch_and_what_it_is_answered() {
        let case = read(CASE).unwrap().remove(0);
        let description =
            Description { facts: vec!["unit.occupancy".into()], steps: vec!["solve".into()], measures: vec![] };
        let batch = case.to_batch(&description.facts, &BTreeMap::new()).unwrap();
        assert_eq!(batch.subjects[0], Ticket { kind: "repair".into(), category: "pipe".into(), ..Ticket::default() });
        assert_eq!(batch.facts[0].missing, [1]);
        assert_eq!(case.compare(&batch, &answer(), &description), Vec::<String>::new());
        let mut other = answer();
        other.decided[0].priority = "low".into();
        let found = case.compare(&batch, &other, &description);
        assert_eq!(found, [r#"subject 0: priority: expected "urgent", got "low""#]);
        assert_eq!(case.alone(1).subjects.len(), 1);
        assert_eq!(super::super::point_of(&serde_json::from_str(CASE).unwrap()), "ticket-policy");
    }

    #[rstest]
    #[case::no_subjects(r#"{"name": "a", "expect": []}"#, "no list of tickets")]
    #[case::unknown_member(r#"{"name": "a", "tickets": [{"colour": "red"}], "expect": []}"#, "colour")]
    #[case::unknown_frame(r#"{"name": "a", "tickets": [], "expect": [], "when": 1}"#, "when")]
    fn a_case_that_cannot_be_read_says_so(#[case] text: &str, #[case] expected: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
