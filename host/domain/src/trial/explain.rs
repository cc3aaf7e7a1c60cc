//! A mover's two answers side by side.

use serde::Serialize;

use super::{Trial, run::part_of};
use crate::{
    Error, Fen, Period, Result,
    billing::{ExplainedStep, allocated_step, explain_hold, explain_line},
    decision::{Decision, Outcome, Part},
    difference::{Direction, Mover},
    estate::UnitPlace,
    plugin::{InstalledPlugin, Language, Text},
    values::Verdict,
};

/// Why a subject moved: what was recorded beside what the candidate answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoverExplanation {
    /// Its place among the report's movers.
    pub number: usize,
    pub direction: Direction,
    pub mover: Mover,
    /// `None` when the unit is gone.
    pub place: Option<UnitPlace>,
    pub period: Period,
    pub recorded: MoverSide,
    pub candidate: MoverSide,
}

/// One of the two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoverSide {
    pub plugin_id: String,
    pub plugin_version: String,
    pub title: Text,
    /// JSON Schema of the settings, for their titles.
    pub settings_schema: serde_json::Value,
    pub settings: String,
    /// In minor units; `None` when it was held.
    pub value: Option<i64>,
    /// Why it was held, in words.
    pub held: Option<String>,
    pub lines: Vec<SideLine>,
}

/// One explained row of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SideLine {
    pub steps: Vec<ExplainedStep>,
}

/// Recorded side and candidate's side of a mover. `plugins` are those of the two sides.
pub(super) fn explain(
    trial: &Trial,
    mover: &Mover,
    decision: &Decision,
    parts: &[Part],
    plugins: [&InstalledPlugin; 2],
    language: Language,
) -> Result<(MoverSide, MoverSide)> {
    let subject = mover.place.subject as usize;
    let recorded = side(decision, subject, mover.before, plugins[0], language)?;
    let (part, own) = part_of(parts, subject)
        .ok_or_else(|| Error::invalid(format!("decision {} has no subject {subject}", decision.id)))?;
    let asked = Decision {
        component_digest: trial.candidate.digest.clone(),
        settings: trial.candidate.settings.clone(),
        question: part.question.clone(),
        outcome: part.evaluation.outcome.clone(),
        allocated: Vec::new(),
        reverses: Vec::new(),
        ..decision.clone()
    };
    let mut candidate = side(&asked, own, mover.after, plugins[1], language)?;
    let weighs = asked.outcome.answer().is_some_and(crate::point::Answer::weighs);
    if let (true, Some(value), Some(line)) = (weighs, mover.after, candidate.lines.last_mut()) {
        line.steps.push(allocated_step(Fen(value), language));
    }
    Ok((recorded, candidate))
}

fn side(
    decision: &Decision,
    subject: usize,
    value: Option<i64>,
    plugin: &InstalledPlugin,
    language: Language,
) -> Result<MoverSide> {
    let mut lines = Vec::new();
    if let Outcome::Answer(answer) = &decision.outcome {
        let results = decision.question.results(answer);
        let result = results.get(subject).filter(|result| result.verdict == Verdict::Decided);
        for row in result.map_or(0..0, |result| result.first..result.first + result.rows) {
            lines.push(SideLine { steps: explain_line(decision, row, plugin, language)?.steps });
        }
    }
    Ok(MoverSide {
        plugin_id: plugin.id.clone(),
        plugin_version: plugin.version.clone(),
        title: plugin.title.clone(),
        settings_schema: plugin.settings_schema.clone(),
        settings: decision.settings.clone(),
        value,
        held: explain_hold(&decision.question, &decision.outcome, subject, plugin, language),
        lines,
    })
}
