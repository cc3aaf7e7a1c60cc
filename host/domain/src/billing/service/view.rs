//! What people look at: lines with names, explanations, held subjects in their language, the difference to last month.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

use super::{Billing, compute::DECISIONS_PER_READ};
use crate::{
    Date, Decimal, Error, Fen, Period, Result,
    access::{Permission, Stamp},
    billing::{
        BillingRun, ExplainedStep, HeldSubject, ResolvedLine, RunState, broken_sentence, explain_line,
        problem_sentence, resolve_lines,
    },
    decision::{Decision, HoldKind},
    estate::UnitPlace,
    ids::*,
    plugin::{ExtensionPoint, InstalledPlugin, Language},
    values::{Cells, Column},
};

/// One line of a run with everything a list or a script shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    pub charge_id: ChargeId,
    pub run_id: BillingRunId,
    pub unit_id: UnitId,
    pub place: UnitPlace,
    pub fee_item: String,
    pub payer_id: PartyId,
    pub payer: String,
    pub quantity: Decimal,
    /// Registered code of the quantity's unit of measure.
    pub measure: String,
    pub unit_price: Decimal,
    pub amount: Fen,
    pub from: Date,
    pub to: Date,
    pub plugin_id: String,
    pub plugin_version: String,
    pub decision_id: DecisionId,
    pub decision_line: u32,
    pub steps: Vec<ExplainedStep>,
}

/// Why a line is what it is: the answer to "why do I owe this?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeExplanation {
    pub line: LineView,
    pub plugin: InstalledPlugin,
    pub settings: String,
    /// From when the settings hold.
    pub effective_from: Date,
    pub facts: Vec<FactValue>,
    pub period: Period,
    pub engine: String,
}

/// A fact as the plug-in saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactValue {
    pub name: String,
    pub title: String,
    /// `None`: it was missing.
    pub value: Option<String>,
    pub measure: String,
}

/// A held subject with names and its reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    pub held: HeldSubject,
    pub place: UnitPlace,
    pub fee_item: String,
    /// In the reader's language.
    pub sentence: String,
}

/// A run beside the last posted period before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The period compared with; `None` when nothing earlier is posted.
    pub previous: Option<Period>,
    pub rows: Vec<ComparisonRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonRow {
    pub fee_item_id: FeeItemId,
    pub fee_item: String,
    pub building: String,
    pub lines: i64,
    pub amount: Fen,
    pub previous_lines: i64,
    pub previous_amount: Fen,
}

/// Names that lines of one project need, read once.
#[derive(Debug, Default)]
pub(super) struct Names {
    fee_items: HashMap<FeeItemId, String>,
    plugins: HashMap<String, InstalledPlugin>,
}

impl Billing {
    /// Gives every line of the period's runs that are not cancelled to `each`, in order; posted or not.
    ///
    /// # Errors
    /// `Refused` without the permission; whatever `each` returns.
    pub async fn for_each_line(
        &self,
        stamp: &Stamp,
        project: ProjectId,
        period: Period,
        language: Language,
        each: &mut (dyn FnMut(LineView) -> Result<()> + Send),
    ) -> Result<()> {
        stamp.actor.require(Permission::ReadCharges)?;
        let mut names = Names::default();
        let mut runs = self.store.runs_of_period(project, period.start).await?;
        runs.retain(|run| run.state != RunState::Cancelled);
        runs.sort_by_key(|run| run.id);
        for run in runs {
            let mut after = None;
            loop {
                let decisions = self.store.decisions(run.id, after, DECISIONS_PER_READ).await?;
                let Some(last) = decisions.last() else { break };
                after = Some(last.id);
                for decision in &decisions {
                    for line in self.lines_of(decision, run.project_id, language, &mut names).await? {
                        each(line)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) async fn lines_of(
        &self,
        decision: &Decision,
        project: ProjectId,
        language: Language,
        names: &mut Names,
    ) -> Result<Vec<LineView>> {
        let lines = resolve_lines(decision)?;
        self.learn(decision, project, names).await?;
        let places: HashMap<UnitId, UnitPlace> =
            self.store.places(&decision.subjects.units).await?.into_iter().collect();
        let mut payers = decision.subjects.payers.clone();
        payers.sort_unstable();
        payers.dedup();
        let payers: HashMap<PartyId, String> = self.store.party_names(&payers).await?.into_iter().collect();
        lines.iter().map(|line| view(decision, line, &places, &payers, names, language)).collect()
    }

    async fn learn(&self, decision: &Decision, project: ProjectId, names: &mut Names) -> Result<()> {
        if !names.fee_items.contains_key(&decision.fee_item_id) {
            names.fee_items =
                self.store.fee_items(project).await?.into_iter().map(|item| (item.id, item.name)).collect();
        }
        if !names.plugins.contains_key(&decision.component_digest) {
            let plugin = self
                .store
                .plugin_by_digest(&decision.component_digest)
                .await?
                .ok_or_else(|| Error::not_found("plug-in with the digest", &decision.component_digest))?;
            names.plugins.insert(decision.component_digest.clone(), plugin);
        }
        Ok(())
    }

    /// Explains one line of a decision, posted or not.
    ///
    /// # Errors
    /// `NotFound` when there is no such line.
    pub async fn explain(
        &self,
        stamp: &Stamp,
        decision_id: DecisionId,
        line: u32,
        language: Language,
    ) -> Result<ChargeExplanation> {
        stamp.actor.require(Permission::ReadCharges)?;
        let decision = self.store.decision(decision_id).await?;
        let run = self.store.run(decision.run_id).await?;
        let mut names = Names::default();
        let views = self.lines_of(&decision, run.project_id, language, &mut names).await?;
        let view = views
            .into_iter()
            .find(|view| view.decision_line == line)
            .ok_or_else(|| Error::not_found("line", format!("{decision_id}/{line}")))?;
        let plugin = names
            .plugins
            .remove(&decision.component_digest)
            .ok_or_else(|| Error::not_found("plug-in with the digest", &decision.component_digest))?;
        let binding = self.store.binding(decision.binding_id).await?;
        let facts = facts_of(&decision, line, &plugin, language)?;
        let period = decision.fee_batch()?.period;
        Ok(ChargeExplanation {
            line: view,
            plugin,
            settings: decision.settings,
            effective_from: binding.effective_from,
            facts,
            period,
            engine: decision.engine,
        })
    }

    /// Explains a posted charge.
    ///
    /// # Errors
    /// `NotFound` when there is no such charge.
    pub async fn explain_charge(
        &self,
        stamp: &Stamp,
        charge: ChargeId,
        language: Language,
    ) -> Result<ChargeExplanation> {
        let row = self.store.charge(charge).await?;
        let line = u32::try_from(row.charge.decision_line).map_err(|_| Error::not_found("charge", charge))?;
        self.explain(stamp, row.charge.decision_id, line, language).await
    }

    /// Held subjects of a run with their reasons in words.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn held(&self, stamp: &Stamp, run_id: BillingRunId, language: Language) -> Result<Vec<HeldView>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let run = self.store.run(run_id).await?;
        let held = self.store.held(run_id).await?;
        let units: Vec<UnitId> = held.iter().map(|held| held.unit_id).collect();
        let places: HashMap<UnitId, UnitPlace> = self.store.places(&units).await?.into_iter().collect();
        let fee_items: HashMap<FeeItemId, String> =
            self.store.fee_items(run.project_id).await?.into_iter().map(|item| (item.id, item.name)).collect();
        let mut sentences = HeldSentences { billing: self, language, decisions: HashMap::new() };
        let mut views = Vec::with_capacity(held.len());
        for held in held {
            views.push(HeldView {
                place: places.get(&held.unit_id).cloned().ok_or_else(|| Error::not_found("unit", held.unit_id))?,
                fee_item: fee_items.get(&held.fee_item_id).cloned().unwrap_or_default(),
                sentence: sentences.sentence(&held).await?,
                held,
            });
        }
        Ok(views)
    }

    /// The run's totals by fee item and building beside those of the last period posted before it.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn comparison(&self, stamp: &Stamp, run: &BillingRun) -> Result<Comparison> {
        stamp.actor.require(Permission::ReadCharges)?;
        let fee_items: HashMap<FeeItemId, String> =
            self.store.fee_items(run.project_id).await?.into_iter().map(|item| (item.id, item.name)).collect();
        let runs = self.store.runs(run.project_id).await?;
        let earlier =
            runs.iter().filter(|other| other.state == RunState::Posted && other.period.start < run.period.start);
        let previous = earlier.map(|other| other.period).max_by_key(|period| period.start);
        let mut rows: BTreeMap<(FeeItemId, String), ComparisonRow> = BTreeMap::new();
        let empty = |fee_item_id: FeeItemId, building: &str| ComparisonRow {
            fee_item_id,
            fee_item: fee_items.get(&fee_item_id).cloned().unwrap_or_default(),
            building: building.to_owned(),
            lines: 0,
            amount: Fen::ZERO,
            previous_lines: 0,
            previous_amount: Fen::ZERO,
        };
        for total in self.store.totals(run.id).await? {
            let key = (total.fee_item_id, total.building.clone());
            let row = rows.entry(key).or_insert_with(|| empty(total.fee_item_id, &total.building));
            row.lines += total.lines;
            row.amount = row.amount.checked_add(total.amount)?;
        }
        for other in runs.iter().filter(|other| other.state == RunState::Posted && Some(other.period) == previous) {
            for total in self.store.totals(other.id).await? {
                let key = (total.fee_item_id, total.building.clone());
                let row = rows.entry(key).or_insert_with(|| empty(total.fee_item_id, &total.building));
                row.previous_lines += total.lines;
                row.previous_amount = row.previous_amount.checked_add(total.amount)?;
            }
        }
        Ok(Comparison { previous, rows: rows.into_values().collect() })
    }
}

/// Sentences of held subjects; a decision that holds many is read once.
struct HeldSentences<'a> {
    billing: &'a Billing,
    language: Language,
    decisions: HashMap<DecisionId, (Decision, Option<InstalledPlugin>)>,
}

impl HeldSentences<'_> {
    async fn sentence(&mut self, held: &HeldSubject) -> Result<String> {
        let (HoldKind::PolicyError, Some(decision_id)) = (held.kind, held.decision_id) else {
            return Ok(host_sentence(held, self.language));
        };
        if !self.decisions.contains_key(&decision_id) {
            let decision = self.billing.store.decision(decision_id).await?;
            let plugin = self.billing.store.plugin_by_digest(&decision.component_digest).await?;
            // A run may hold every subject of a million; what was read is needed only while its decision's rows come by.
            self.decisions.clear();
            self.decisions.insert(decision_id, (decision, plugin));
        }
        let Some((decision, Some(plugin))) = self.decisions.get(&decision_id) else {
            return Ok(held.reason.clone());
        };
        let Some(answer) = decision.outcome.answer() else { return Ok(held.reason.clone()) };
        let subject = decision.subjects.units.iter().position(|unit| *unit == held.unit_id);
        let problem = answer.problems().iter().find(|problem| Some(problem.subject as usize) == subject);
        Ok(problem.map_or_else(
            || held.reason.clone(),
            |problem| problem_sentence(&problem.problem, decision.question.point(), plugin, self.language),
        ))
    }
}

/// What the host itself says about a hold.
fn host_sentence(held: &HeldSubject, language: Language) -> String {
    if held.kind != HoldKind::PolicyError {
        return broken_sentence(held.kind, &held.reason, language);
    }
    let said = match (held.code.as_str(), language) {
        ("no-binding", Language::Zh) => "该收费项目还没有启用计费插件",
        ("no-binding", Language::En) => "No plug-in is enabled for this fee item",
        ("missing-cost-pool", Language::Zh) => "本期公摊总额还没有录入",
        ("missing-cost-pool", Language::En) => "The shared cost of this period has not been entered",
        _ => held.reason.as_str(),
    };
    said.to_owned()
}

fn view(
    decision: &Decision,
    line: &ResolvedLine,
    places: &HashMap<UnitId, UnitPlace>,
    payers: &HashMap<PartyId, String>,
    names: &Names,
    language: Language,
) -> Result<LineView> {
    let plugin = names
        .plugins
        .get(&decision.component_digest)
        .ok_or_else(|| Error::not_found("plug-in with the digest", &decision.component_digest))?;
    let measures = &plugin.export(ExtensionPoint::FeePolicy)?.description.measures;
    Ok(LineView {
        charge_id: line.charge_id,
        run_id: decision.run_id,
        unit_id: line.unit_id,
        place: places.get(&line.unit_id).cloned().ok_or_else(|| Error::not_found("unit", line.unit_id))?,
        fee_item: names.fee_items.get(&decision.fee_item_id).cloned().unwrap_or_default(),
        payer_id: line.payer_id,
        payer: payers.get(&line.payer_id).cloned().unwrap_or_default(),
        quantity: line.quantity,
        measure: measures.get(usize::from(line.measure)).cloned().unwrap_or_default(),
        unit_price: line.unit_price,
        amount: line.amount,
        from: line.from,
        to: line.to,
        plugin_id: plugin.id.clone(),
        plugin_version: plugin.version.clone(),
        decision_id: decision.id,
        decision_line: line.line,
        steps: explain_line(decision, line.line, plugin, language)?.steps,
    })
}

/// The facts of the line's segment as the plug-in saw them.
fn facts_of(decision: &Decision, line: u32, plugin: &InstalledPlugin, language: Language) -> Result<Vec<FactValue>> {
    let Some(answer) = decision.outcome.fee() else { return Ok(Vec::new()) };
    let Some(segment) = answer.lines.segment.get(line as usize) else { return Ok(Vec::new()) };
    let names = &plugin.export(ExtensionPoint::FeePolicy)?.description.facts;
    Ok(names
        .iter()
        .zip(decision.question.columns())
        .map(|(name, column)| {
            let definition = ExtensionPoint::FeePolicy.fact(name);
            let title = definition.map_or(name.as_str(), |definition| match language {
                Language::Zh => definition.title_zh,
                Language::En => definition.title_en,
            });
            FactValue {
                name: name.clone(),
                title: title.to_owned(),
                value: cell_text(column, *segment),
                measure: definition.map_or("", |definition| definition.measure).to_owned(),
            }
        })
        .collect())
}

fn cell_text(column: &Column, row: u32) -> Option<String> {
    if column.missing.binary_search(&row).is_ok() {
        return None;
    }
    let index = row as usize;
    match &column.cells {
        Cells::Numbers(numbers) => {
            Some(Decimal { mantissa: *numbers.mantissas.get(index)?, scale: numbers.scale }.to_string())
        }
        Cells::Codes(codes) => codes.names.get(usize::from(*codes.cells.get(index)?)).cloned(),
        Cells::Dates(dates) => dates.get(index).map(ToString::to_string),
        Cells::Flags(flags) => flags.get(index).map(ToString::to_string),
    }
}
