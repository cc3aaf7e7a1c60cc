//! `ticket-policy` as a [`Point`](super::Point).

use super::records::{Records, check_code};
use crate::{
    billing::AnswerLimits,
    facts::{FactDefinition, FactKind},
    values::{Allowed, Description, Route, Ticket, TicketPoint},
};

/// Candidates of one ticket: the people of a large project.
pub const CANDIDATES_MAX: usize = 1_000;
/// What a customer said, in bytes: some pages.
pub const WORDS_BYTES_MAX: usize = 16 << 10;
/// The longest time that can be allowed: a year around the clock.
pub const ALLOWED_MINUTES_MAX: u32 = 366 * 24 * 60;
/// Levels of escalation: from the steward to the company, and some between.
pub const ESCALATIONS_MAX: usize = 8;

/// What may be known of a ticket, besides what it is.
pub const TICKET_FACTS: &[FactDefinition] = &[
    fact("unit.kind", FactKind::Code, "房屋类型", "kind of unit", ""),
    fact("unit.occupancy", FactKind::Code, "使用状态", "occupancy", ""),
    fact("unit.area", FactKind::Number { scale: 4 }, "建筑面积", "gross floor area", "m2"),
    fact("unit.storey", FactKind::Number { scale: 0 }, "楼层", "storey", ""),
    fact("building.has-lift", FactKind::Flag, "有电梯", "has a lift", ""),
    fact("reporter.role", FactKind::Code, "报事人身份", "who reports it (owner, tenant, family, other)", ""),
    fact(
        "ticket.repeats",
        FactKind::Number { scale: 0 },
        "同类报事次数（30 天内，同一房屋）",
        "tickets of the same category about the unit in the 30 days before",
        "",
    ),
    fact("ticket.reopened", FactKind::Number { scale: 0 }, "重新打开次数", "times it was reopened", ""),
    fact("calendar.working-time", FactKind::Flag, "是否在工作时间", "whether it is working time", ""),
];

const fn fact(
    name: &'static str,
    kind: FactKind,
    title_zh: &'static str,
    title_en: &'static str,
    measure: &'static str,
) -> FactDefinition {
    FactDefinition { name, kind, title_zh, title_en, measure }
}

impl Records for TicketPoint {
    fn facts() -> &'static [FactDefinition] {
        TICKET_FACTS
    }

    fn check_subject(ticket: &Ticket) -> Result<(), String> {
        if ticket.candidates.len() > CANDIDATES_MAX {
            return Err(format!("it has more than {CANDIDATES_MAX} candidates"));
        }
        if ticket.words.as_ref().is_some_and(|words| words.len() > WORDS_BYTES_MAX) {
            return Err(format!("its words are longer than {WORDS_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    fn check_decided(
        ticket: &Ticket,
        route: &Route,
        description: &Description,
        limits: &AnswerLimits,
    ) -> Result<(), String> {
        check_code("kind", &route.kind, limits)?;
        one_of("priority", &route.priority, &["urgent", "high", "normal", "low"])?;
        one_of("dispatch", &route.dispatch, &["assign", "offer", "wait"])?;
        for time in route.response.iter().chain(&route.solve) {
            check_allowed(time)?;
        }
        if route.ranking.is_empty() && route.dispatch != "wait" {
            return Err(format!("it is to be dispatched ({}) to nobody", route.dispatch));
        }
        let mut seen = vec![false; ticket.candidates.len()];
        for ranked in &route.ranking {
            match seen.get_mut(ranked.candidate as usize) {
                None => return Err(format!("candidate {} is not among its candidates", ranked.candidate)),
                Some(true) => return Err(format!("candidate {} is ranked twice", ranked.candidate)),
                Some(seen) => *seen = true,
            }
            if usize::from(ranked.reason) >= description.steps.len() {
                return Err(format!("candidate {} is ranked for a reason without words", ranked.candidate));
            }
            if ranked.score.scale > crate::values::Decimal::SCALE_MAX {
                return Err("a score has too many places".to_owned());
            }
        }
        if route.escalations.len() > ESCALATIONS_MAX {
            return Err(format!("it has more than {ESCALATIONS_MAX} escalations"));
        }
        for step in &route.escalations {
            check_allowed(&step.after)?;
            check_code("level of escalation", &step.level, limits)?;
        }
        Ok(())
    }
}

fn one_of(what: &str, code: &str, codes: &[&str]) -> Result<(), String> {
    if codes.contains(&code) { Ok(()) } else { Err(format!("its {what} is {code:?}; it can be {}", codes.join(", "))) }
}

fn check_allowed(time: &Allowed) -> Result<(), String> {
    one_of("clock", &time.clock, &["working", "around"])?;
    if (1..=ALLOWED_MINUTES_MAX).contains(&time.minutes) {
        return Ok(());
    }
    Err(format!("a time of {} minutes lies outside of 1 to {ALLOWED_MINUTES_MAX}", time.minutes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        point::Point,
        values::{
            Candidate, Decimal, Effect, Escalation, Problem, Ranked, RecordAnswer, RecordBatch, Steps, SubjectProblem,
            TicketAnswer, TicketBatch, Verdict,
        },
    };
    use rstest::rstest;

    fn batch() -> TicketBatch {
        let ticket = Ticket { kind: "repair".into(), candidates: vec![Candidate::default(); 2], ..Ticket::default() };
        RecordBatch { shared: (), subjects: vec![ticket.clone(), ticket], facts: vec![] }
    }

    /// The first ticket decided, the second not.
    fn answer() -> TicketAnswer {
        let solve = Allowed { minutes: 240, clock: "working".into() };
        let problem = Problem { code: "no-category".into(), about: String::new(), args: vec![] };
        RecordAnswer {
            verdicts: vec![Verdict::Decided, Verdict::Undecided],
            problems: vec![SubjectProblem { subject: 1, problem }],
            decided: vec![Route {
                kind: "repair".into(),
                priority: "high".into(),
                response: None,
                solve: Some(solve.clone()),
                dispatch: "assign".into(),
                ranking: vec![Ranked { candidate: 1, reason: 0, score: Decimal::integer(3) }],
                escalations: vec![Escalation { after: solve, level: "supervisor".into() }],
            }],
            steps: Steps {
                row: vec![0],
                kind: vec![0],
                value: vec![240],
                value_scale: vec![0],
                arg_count: vec![0],
                arg: vec![],
                arg_scale: vec![],
            },
            effects: vec![Effect { subject: 0, kind: "notify".into(), args: vec![] }],
        }
    }

    #[rstest]
    #[case::believable(|_: &mut TicketAnswer| {}, "")]
    #[case::one_decision_less(|a: &mut TicketAnswer| a.decided.clear(), "0 decisions for 1")]
    #[case::unexplained(|a: &mut TicketAnswer| a.steps = Steps::default(), "not explained")]
    #[case::does_not_arrive(|a: &mut TicketAnswer| a.steps.value[0] = 241, "does not arrive")]
    #[case::explains_nothing(|a: &mut TicketAnswer| a.steps.row[0] = 1, "not explained")]
    #[case::priority(|a: &mut TicketAnswer| a.decided[0].priority = "asap".into(), "it can be urgent")]
    #[case::kind(|a: &mut TicketAnswer| a.decided[0].kind = "<b>".into(), "is no code")]
    #[case::clock(|a: &mut TicketAnswer| a.decided[0].solve.as_mut().unwrap().clock = "lunar".into(), "clock")]
    #[case::never(|a: &mut TicketAnswer| { a.decided[0].solve.as_mut().unwrap().minutes = 0; a.steps.value[0] = 0; }, "outside of 1")]
    #[case::nobody(|a: &mut TicketAnswer| a.decided[0].ranking.clear(), "to nobody")]
    #[case::stranger(|a: &mut TicketAnswer| a.decided[0].ranking[0].candidate = 2, "not among its candidates")]
    #[case::twice(|a: &mut TicketAnswer| { let again = a.decided[0].ranking[0].clone(); a.decided[0].ranking.push(again); }, "ranked twice")]
    #[case::no_reason(|a: &mut TicketAnswer| a.decided[0].ranking[0].reason = 9, "without words")]
    #[case::effect_of_an_undecided_one(|a: &mut TicketAnswer| a.effects[0].subject = 1, "not decided")]
    #[case::problem_missing(|a: &mut TicketAnswer| a.problems.clear(), "subject 1 was not decided")]
    fn an_absurd_answer_is_named(#[case] spoil: fn(&mut TicketAnswer), #[case] expected: &str) {
        let mut answer = answer();
        spoil(&mut answer);
        let description = Description { facts: vec![], steps: vec!["solve".into()], measures: vec![] };
        let verdict = TicketPoint::check(&batch(), &answer, &description, &AnswerLimits::default());
        let sentence = verdict.err().unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }

    #[test]
    fn values_are_one_per_subject() {
        assert_eq!(TicketPoint::values(&answer()).as_ref(), [240, 0]);
        assert_eq!(TicketPoint::pick(&batch(), &[1]).subjects.len(), 1);
    }
}
