//! Recorded facts as another rule asks for them: the same columns under the same names, in the candidate's order.

use crate::{Error, Result, plugin::ExtensionPoint, point::Question, values::Description};

/// Stable code of the refusal of a rule that asks for facts that were not recorded.
pub const MISSING_FACT: &str = "missing-fact";

/// Where each of the candidate's facts stands among the recorded ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FactMap {
    /// Recorded column of each fact; `None` when they are the same in the same order.
    columns: Option<Vec<usize>>,
}

impl FactMap {
    /// `advice` says what else can be done.
    ///
    /// # Errors
    /// `Refused` with [`MISSING_FACT`] that names every fact that was not recorded.
    pub(crate) fn new(
        point: ExtensionPoint,
        recorded: &Description,
        candidate: &Description,
        advice: &str,
    ) -> Result<Self> {
        if recorded.facts == candidate.facts {
            return Ok(Self { columns: None });
        }
        let (mut columns, mut missing) = (Vec::with_capacity(candidate.facts.len()), Vec::new());
        for fact in &candidate.facts {
            match recorded.facts.iter().position(|known| known == fact) {
                Some(column) => columns.push(column),
                None => missing.push(told(point, fact)),
            }
        }
        if missing.is_empty() {
            return Ok(Self { columns: Some(columns) });
        }
        Err(Error::refused(
            MISSING_FACT,
            format!(
                "the rule asks for facts that were not recorded when these months were charged: {}; {advice}",
                missing.join(", ")
            ),
        ))
    }

    pub(crate) fn apply(&self, question: &Question) -> Result<Question> {
        let Some(columns) = &self.columns else { return Ok(question.clone()) };
        let recorded = question.columns();
        let column = |index: &usize| recorded.get(*index).cloned().ok_or_else(broken);
        Ok(question.with_columns(columns.iter().map(column).collect::<Result<_>>()?))
    }
}

fn broken() -> Error {
    Error::invalid("a recorded question has fewer facts than its plug-in declares")
}

/// `unit.storey (楼层 / Storey)`
fn told(point: ExtensionPoint, fact: &str) -> String {
    point.fact(fact).map_or_else(
        || fact.to_owned(),
        |definition| format!("{fact} ({} / {})", definition.title_zh, definition.title_en),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Cells, Column, Currency, Date, FeeBatch, Period, Segments};
    use std::sync::Arc;

    fn description(facts: &[&str]) -> Description {
        Description { facts: facts.iter().map(ToString::to_string).collect(), ..Description::default() }
    }

    fn question(columns: &[bool]) -> Question {
        let column = |flag: &bool| Column { cells: Cells::Flags(vec![*flag]), missing: vec![] };
        let period = Period { start: Date(0), end: Date(31) };
        Question::Fee(Arc::new(FeeBatch {
            period,
            currency: Currency::cny(),
            subjects: 1,
            segments: Segments { subject: vec![0], start: vec![period.start], end: vec![period.end] },
            facts: columns.iter().map(column).collect(),
        }))
    }

    #[test]
    fn facts_are_found_by_their_names() {
        let recorded = description(&["unit.area", "unit.kind", "unit.storey"]);
        let candidate = description(&["unit.storey", "unit.area"]);
        let map = FactMap::new(ExtensionPoint::FeePolicy, &recorded, &candidate, "wait").expect("all are recorded");
        let asked = map.apply(&question(&[true, false, false])).expect("has all columns");
        assert_eq!(asked, question(&[false, true]));
        assert!(map.apply(&question(&[true])).is_err(), "a question without its columns is damaged");
    }

    #[test]
    fn the_same_facts_are_the_same_question() {
        let facts = description(&["unit.area"]);
        let map = FactMap::new(ExtensionPoint::FeePolicy, &facts, &facts, "wait").expect("all are recorded");
        assert_eq!(map.apply(&question(&[true])).expect("is whole"), question(&[true]));
    }

    #[test]
    fn every_fact_that_was_not_recorded_is_named() {
        let recorded = description(&["unit.area"]);
        let candidate = description(&["unit.kind", "unit.area", "not.registered"]);
        let refused =
            FactMap::new(ExtensionPoint::FeePolicy, &recorded, &candidate, "wait").expect_err("two are missing");
        assert!(matches!(refused, Error::Refused { code: MISSING_FACT, .. }));
        let sentence = refused.to_string();
        assert!(sentence.contains("unit.kind (") && sentence.contains("not.registered"), "{sentence}");
        assert!(!sentence.contains("unit.area"), "{sentence}");
    }
}
