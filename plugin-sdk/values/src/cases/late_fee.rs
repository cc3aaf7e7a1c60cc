//! Golden cases of `late-fee-policy`.
//!
//! ```json
//! {
//!   "name": "thirty days late",
//!   "settings": { "rate-percent-per-day": "0.05" },
//!   "as_of": "2025-04-10",
//!   "charges": [{ "due_on": "2025-03-10", "principal_fen": 25060 }],
//!   "expect": [{ "late_fee_fen": 376 }]
//! }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CaseError, Cell, ExpectedGap, ExpectedRefusal, ExpectedStep, FactCells, FactKind, GoldenCase, StepReader, check,
    empty_settings, gap, read_cases, refusal, step_words, to_column,
};
use crate::{Balances, Currency, Date, Description, LateFeeAnswer, LateFeeBatch, OverdueCharges, Verdict};

/// One golden case of a late-fee policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateFeeCase {
    pub name: String,
    #[serde(default = "empty_settings")]
    pub settings: serde_json::Value,
    #[serde(default = "Currency::cny")]
    pub currency: Currency,
    /// The day up to which the late fee runs; the day itself is not counted.
    pub as_of: Date,
    /// Facts of every charge that does not say otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: FactCells,
    /// What kind a fact's column has, where its cells do not show it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, FactKind>,
    pub charges: Vec<CaseCharge>,
    pub expect: Vec<ExpectedLateFee>,
}

/// An overdue charge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseCharge {
    /// The last day on which paying was in time.
    pub due_on: Date,
    pub principal_fen: i64,
    /// What was open from which day on, in order. All of the principal from the day after the due date, where it is left
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<CaseBalance>,
    #[serde(default)]
    pub facts: FactCells,
}

/// What was open from a day on, until the next balance or the day as of which is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseBalance {
    pub from: Date,
    pub fen: i64,
}

/// What the answer about a charge must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExpectedLateFee {
    Decided(ExpectedTotal),
    Refused(ExpectedRefusal),
    Undecided(ExpectedGap),
}

/// A total. Steps that are left out are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedTotal {
    /// Minor units of the case's currency.
    pub late_fee_fen: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<ExpectedStep>>,
}

/// Reads a file of golden cases: one case, or a list of them.
pub fn parse(text: &str) -> Result<Vec<LateFeeCase>, CaseError> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| CaseError(error.to_string()))?;
    from_value(&value)
}

/// Reads golden cases that a manifest has inlined: one case, or a list of them.
pub fn from_value(value: &serde_json::Value) -> Result<Vec<LateFeeCase>, CaseError> {
    read_cases(value)
}

impl GoldenCase for LateFeeCase {
    const POINT: &'static str = "late-fee-policy";
    const SUBJECT: &'static str = "charge";
    type Batch = LateFeeBatch;
    type Answer = LateFeeAnswer;
    type Words = ExpectedLateFee;

    fn read(value: &serde_json::Value) -> Result<Vec<Self>, CaseError> {
        from_value(value)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    fn subjects(&self) -> usize {
        self.charges.len()
    }

    fn alone(&self, charge: usize) -> Self {
        let charges = self.charges.get(charge).cloned().into_iter().collect();
        let expect = self.expect.get(charge).cloned().into_iter().collect();
        Self { charges, expect, ..self.clone() }
    }

    fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<LateFeeBatch, CaseError> {
        Self::to_batch(self, declared, kinds)
    }

    fn words(
        _: &LateFeeBatch,
        answer: &LateFeeAnswer,
        description: &Description,
    ) -> Result<Vec<ExpectedLateFee>, CaseError> {
        outcome(answer, description)
    }

    fn compare(&self, _: &LateFeeBatch, answer: &LateFeeAnswer, description: &Description) -> Vec<String> {
        Self::compare(self, answer, description)
    }
}

impl LateFeeCase {
    /// The settings as the plug-in gets them.
    #[must_use]
    pub fn settings_text(&self) -> String {
        self.settings.to_string()
    }

    /// The batch, with one column per declared fact in the declared order; kinds as for fee policies.
    pub fn to_batch(&self, declared: &[String], kinds: &BTreeMap<String, FactKind>) -> Result<LateFeeBatch, CaseError> {
        let fail = |reason: String| CaseError(format!("case {}: {reason}", self.name));
        let names = self.charges.iter().flat_map(|charge| charge.facts.keys()).chain(self.facts.keys());
        if let Some(name) = names.into_iter().find(|name| !declared.contains(name)) {
            return Err(fail(format!("the plug-in does not declare the fact {name}")));
        }
        let mut balances = Balances::default();
        for (index, charge) in (0_u32..).zip(&self.charges) {
            charge.balances(index, self.as_of, &mut balances).map_err(&fail)?;
        }
        let column = |name: &String| {
            let cells: Vec<Option<&Cell>> = self
                .charges
                .iter()
                .map(|charge| charge.facts.get(name).or_else(|| self.facts.get(name))?.as_ref())
                .collect();
            let kind = self.kinds.get(name).or_else(|| kinds.get(name)).copied();
            to_column(&cells, kind).map_err(|reason| fail(format!("fact {name}: {reason}")))
        };
        Ok(LateFeeBatch {
            as_of: self.as_of,
            currency: self.currency.clone(),
            charges: OverdueCharges {
                due_on: self.charges.iter().map(|charge| charge.due_on).collect(),
                principal: self.charges.iter().map(|charge| charge.principal_fen).collect(),
            },
            balances,
            facts: declared.iter().map(column).collect::<Result<_, _>>()?,
        })
    }

    /// How the answer differs from what the case expects: one sentence each, none when it agrees.
    ///
    /// The answer need not be well-formed; what does not add up is a difference too.
    #[must_use]
    pub fn compare(&self, answer: &LateFeeAnswer, description: &Description) -> Vec<String> {
        let actual = match outcome(answer, description) {
            Ok(actual) => actual,
            Err(reason) => return vec![format!("the answer is malformed: {reason}")],
        };
        let mut differences = Vec::new();
        if actual.len() != self.expect.len() {
            differences.push(format!("{} charges are expected, {} answered", self.expect.len(), actual.len()));
        }
        for (index, (expected, actual)) in self.expect.iter().zip(&actual).enumerate() {
            let mut found = Vec::new();
            compare_charge(expected, actual, &mut found);
            differences.extend(found.into_iter().map(|difference| format!("charge {index}: {difference}")));
        }
        differences
    }
}

impl CaseCharge {
    /// Its stretches, from the day after the due date where the case says nothing else. One without a day is left out.
    fn balances(&self, index: u32, as_of: Date, out: &mut Balances) -> Result<(), String> {
        let first = self.due_on.plus_days(1).ok_or("the calendar ends after the due date")?;
        let whole = [CaseBalance { from: first, fen: self.principal_fen }];
        let open = if self.open.is_empty() { whole.as_slice() } else { &self.open };
        for (position, balance) in open.iter().enumerate() {
            let end = open.get(position + 1).map_or(as_of, |next| next.from);
            if balance.from < end {
                out.charge.push(index);
                out.start.push(balance.from);
                out.end.push(end);
                out.open.push(balance.fen);
            } else if position + 1 < open.len() {
                return Err(format!("the balance from {} does not come before the next one", balance.from));
            }
        }
        Ok(())
    }
}

/// An answer in the words of a case, such as for writing a new one. The error says what is malformed.
pub fn outcome(answer: &LateFeeAnswer, description: &Description) -> Result<Vec<ExpectedLateFee>, CaseError> {
    let malformed = |reason: &str| CaseError(reason.to_owned());
    if answer.totals.len() != answer.verdicts.len() {
        return Err(malformed("columns differ in length"));
    }
    let mut steps = StepReader { steps: &answer.steps, description, step: 0, arg: 0 };
    let mut charges = Vec::with_capacity(answer.verdicts.len());
    for (index, (verdict, total)) in answer.verdicts.iter().zip(&answer.totals).enumerate() {
        let found = steps.of_line(index).ok_or_else(|| malformed("a step names what is not there"))?;
        let problem = answer.problems.iter().find(|entry| usize::try_from(entry.subject) == Ok(index));
        charges.push(match (verdict, problem) {
            (Verdict::Decided, None) => {
                ExpectedLateFee::Decided(ExpectedTotal { late_fee_fen: *total, steps: Some(found) })
            }
            (Verdict::Decided, Some(_)) => return Err(malformed("a decided charge has a problem")),
            (_, None) => return Err(malformed("a charge without decision has no problem")),
            (_, Some(_)) if !found.is_empty() || *total != 0 => {
                return Err(malformed("a charge without decision has a late fee or steps"));
            }
            (Verdict::Refused, Some(entry)) => ExpectedLateFee::Refused(refusal(&entry.problem)),
            (Verdict::Undecided, Some(entry)) => ExpectedLateFee::Undecided(gap(&entry.problem)),
        });
    }
    if steps.step != answer.steps.row.len() {
        return Err(malformed("a step explains no charge"));
    }
    Ok(charges)
}

fn compare_charge(expected: &ExpectedLateFee, actual: &ExpectedLateFee, differences: &mut Vec<String>) {
    match (expected, actual) {
        (ExpectedLateFee::Decided(expected), ExpectedLateFee::Decided(actual)) => {
            check("late_fee_fen", Some(&expected.late_fee_fen), Some(&actual.late_fee_fen), differences);
            let steps = |total: &ExpectedTotal| Some(total.steps.as_ref()?.iter().map(step_words).collect::<Vec<_>>());
            check("steps", steps(expected).as_ref(), steps(actual).as_ref(), differences);
        }
        (ExpectedLateFee::Refused(expected), ExpectedLateFee::Refused(actual)) => {
            check("refusal", Some(&expected.refused), Some(&actual.refused), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (ExpectedLateFee::Undecided(expected), ExpectedLateFee::Undecided(actual)) => {
            check("problem", Some(&expected.undecided), Some(&actual.undecided), differences);
            check("about", expected.about.as_ref(), actual.about.as_ref(), differences);
            check("args", expected.args.as_ref(), actual.args.as_ref(), differences);
        }
        (expected, actual) => differences.push(format!("expected {expected:?}, got {actual:?}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Problem, Steps, SubjectProblem};

    const CASE: &str = r#"{
        "name": "paid in part",
        "as_of": "2025-03-21",
        "charges": [
            {"due_on": "2025-03-10", "principal_fen": 25060, "open": [{"from": "2025-03-01", "fen": 25060}, {"from": "2025-03-16", "fen": 10000}]},
            {"due_on": "2025-03-10", "principal_fen": 100},
            {"due_on": "2025-03-20", "principal_fen": 100}
        ],
        "expect": [
            {"late_fee_fen": 88, "steps": [{"kind": "days", "value": "0.88", "args": ["2025-03-11"]}]},
            {"refused": "disputed"},
            {"undecided": "missing-fact"}
        ]
    }"#;

    fn case() -> LateFeeCase {
        parse(CASE).unwrap().remove(0)
    }

    fn description() -> Description {
        Description { facts: Vec::new(), steps: vec!["days".to_owned()], measures: Vec::new() }
    }

    fn answer() -> LateFeeAnswer {
        let problem = |subject, code: &str| SubjectProblem {
            subject,
            problem: Problem { code: code.to_owned(), about: String::new(), args: Vec::new() },
        };
        LateFeeAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Refused, Verdict::Undecided],
            problems: vec![problem(1, "disputed"), problem(2, "missing-fact")],
            totals: vec![88, 0, 0],
            steps: Steps {
                row: vec![0],
                kind: vec![0],
                value: vec![88],
                value_scale: vec![2],
                arg_count: vec![1],
                arg: vec![20_158],
                arg_scale: vec![0],
            },
        }
    }

    #[test]
    fn balances_run_on_until_the_next_one() {
        let batch = case().to_batch(&[], &BTreeMap::new()).unwrap();
        let stretch = |index: usize| {
            let Balances { charge, start, end, open } = &batch.balances;
            (charge[index], start[index].to_string(), end[index].to_string(), open[index])
        };
        assert_eq!(batch.balances.charge, [0, 0, 1], "what is due today has no late day");
        assert_eq!(stretch(0), (0, "2025-03-01".to_owned(), "2025-03-16".to_owned(), 25_060));
        assert_eq!(stretch(1), (0, "2025-03-16".to_owned(), "2025-03-21".to_owned(), 10_000));
        assert_eq!(stretch(2), (1, "2025-03-11".to_owned(), "2025-03-21".to_owned(), 100));
    }

    #[test]
    fn balances_out_of_order_and_undeclared_facts_are_errors() {
        let mut wrong = case();
        wrong.charges[0].open.reverse();
        assert!(wrong.to_batch(&[], &BTreeMap::new()).unwrap_err().to_string().contains("2025-03-16"));
        let mut wrong = case();
        wrong.facts.insert("party.arrears".to_owned(), None);
        assert!(wrong.to_batch(&[], &BTreeMap::new()).unwrap_err().to_string().contains("party.arrears"));
    }

    #[test]
    fn each_wrong_answer_is_told() {
        type Spoil = fn(&mut LateFeeAnswer);
        let wrong: [(&str, Spoil); 7] = [
            ("late_fee_fen", |a| a.totals[0] = 89),
            ("steps", |a| a.steps.value[0] = 89),
            ("refusal", |a| a.problems[0].problem.code.clear()),
            ("expected Undecided", |a| a.verdicts[2] = Verdict::Refused),
            ("malformed", |a| a.totals[1] = 1),
            ("malformed", |a| a.steps.row[0] = 9),
            ("malformed", |a| a.steps.kind[0] = 9),
        ];
        assert_eq!(case().compare(&answer(), &description()), Vec::<String>::new());
        for (word, spoil) in wrong {
            let mut answer = answer();
            spoil(&mut answer);
            let differences = case().compare(&answer, &description());
            assert!(differences.len() == 1 && differences[0].contains(word), "{word}: {differences:?}");
        }
    }

    #[test]
    fn a_case_survives_being_written() {
        let text = serde_json::to_string(&case()).unwrap();
        assert_eq!(parse(&text).unwrap(), [case()]);
        let value: serde_json::Value = serde_json::from_str(&format!("[{CASE}]")).unwrap();
        assert_eq!(super::super::point_of(&value), "late-fee-policy");
        assert_eq!(super::super::point_of(&serde_json::json!({ "subjects": [] })), "fee-policy");
    }
}
