//! What people look at: lines with names, explanations, the difference to last month.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{Billing, compute::DECISIONS_PER_READ};
use crate::{
    Date, Decimal, Error, Fen, Period, Result,
    access::{Permission, Stamp},
    billing::{BillingRun, ExplainedStep, PostedLine, ResolvedLine, RunState, explain_line, resolve_lines},
    decision::Decision,
    estate::UnitPlace,
    ids::*,
    journal::Charge,
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
    /// The posted line that this one takes back. Plug-in and steps are then those that the line was made by.
    pub reverses: Option<PostedLine>,
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
    /// What the plug-in logged during the call that this line came of, which answered for other subjects, too.
    pub log: Vec<String>,
    /// Where the line belongs to a correction: what it changes.
    pub adjustment: Option<LineAdjustment>,
    /// The posted line that takes this one back, if there is one.
    pub reversed_by: Option<PostedLine>,
}

/// What a correction changes of one unit and fee item: the lines that it takes back and those that stand instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineAdjustment {
    pub reversed: Vec<LineView>,
    pub charged: Vec<LineView>,
    /// By how much more is owed.
    pub difference: Fen,
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

/// A run beside the last posted period before it; of a re-rating, what its month comes to with it beside what is posted.
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
        let mut origins: HashMap<DecisionId, Decision> = HashMap::new();
        for reversed in &decision.reverses {
            if let Entry::Vacant(unread) = origins.entry(reversed.posted.decision_id) {
                let origin = unread.insert(self.store.decision(reversed.posted.decision_id).await?);
                self.learn(origin, project, names).await?;
            }
        }
        let places: HashMap<UnitId, UnitPlace> =
            self.store.places(&decision.subjects.units).await?.into_iter().collect();
        let mut payers = decision.subjects.payers.clone();
        payers.extend(decision.reverses.iter().map(|reversed| reversed.payer_id));
        payers.sort_unstable();
        payers.dedup();
        let payers: HashMap<PartyId, String> = self.store.party_names(&payers).await?.into_iter().collect();
        let view = |line: &ResolvedLine| {
            let (origin, number) = match line.reverses {
                None => (decision, line.line),
                Some(posted) => {
                    let origin = origins.get(&posted.decision_id);
                    (origin.ok_or_else(|| Error::not_found("decision", posted.decision_id))?, posted.line)
                }
            };
            view(decision, line, (origin, number), &places, &payers, names, language)
        };
        lines.iter().map(view).collect()
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
            .iter()
            .find(|view| view.decision_line == line)
            .cloned()
            .ok_or_else(|| Error::not_found("line", format!("{decision_id}/{line}")))?;
        let adjustment = if run.is_rerating() { Some(LineAdjustment::of(&views, view.unit_id)?) } else { None };
        let reversed_by = self.store.reversal_of(view.charge_id).await?.as_ref().map(posted_line).transpose()?;
        // A line that is taken back is explained by the decision that made it.
        let (decision, line) = match view.reverses {
            None => (decision, line),
            Some(posted) => (self.store.decision(posted.decision_id).await?, posted.line),
        };
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
            log: decision.log,
            adjustment,
            reversed_by,
        })
    }

    /// One decision as it is recorded.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn decision(&self, stamp: &Stamp, decision_id: DecisionId) -> Result<Decision> {
        stamp.actor.require(Permission::ReadCharges)?;
        self.store.decision(decision_id).await
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

    /// The run's totals by fee item and building beside those of the last period posted before it. A re-rating stands beside
    /// its own period without it: what is posted of its fee item, and what that comes to when it is added.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn comparison(&self, stamp: &Stamp, run: &BillingRun) -> Result<Comparison> {
        stamp.actor.require(Permission::ReadCharges)?;
        let fee_items: HashMap<FeeItemId, String> =
            self.store.fee_items(run.project_id).await?.into_iter().map(|item| (item.id, item.name)).collect();
        let runs = self.store.runs(run.project_id).await?;
        let posted = || runs.iter().filter(|other| other.state == RunState::Posted);
        let compared: Vec<&BillingRun> = if run.is_rerating() {
            posted().filter(|other| other.period.start == run.period.start && is_below(other, run)).collect()
        } else {
            let earlier = posted().filter(|other| other.period.start < run.period.start);
            let previous = earlier.map(|other| other.period).max_by_key(|period| period.start);
            posted().filter(|other| Some(other.period) == previous).collect()
        };
        let previous = compared.first().map(|other| other.period);
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
        for other in compared {
            let totals = self.store.totals(other.id).await?;
            for total in totals.into_iter().filter(|total| run.fee_item_id.is_none_or(|only| only == total.fee_item_id))
            {
                let key = (total.fee_item_id, total.building.clone());
                let row = rows.entry(key).or_insert_with(|| empty(total.fee_item_id, &total.building));
                row.previous_lines += total.lines;
                row.previous_amount = row.previous_amount.checked_add(total.amount)?;
                if run.is_rerating() {
                    row.lines += total.lines;
                    row.amount = row.amount.checked_add(total.amount)?;
                }
            }
        }
        Ok(Comparison { previous, rows: rows.into_values().collect() })
    }
}

/// Whether what a posted run charged was there before a re-rating of the same period.
fn is_below(other: &BillingRun, rerating: &BillingRun) -> bool {
    match other.fee_item_id {
        None => true,
        same => same == rerating.fee_item_id && other.revision < rerating.revision,
    }
}

impl LineAdjustment {
    /// What the lines of a correction's decision change of a unit.
    pub(super) fn of(lines: &[LineView], unit_id: UnitId) -> Result<Self> {
        let of_unit = lines.iter().filter(|line| line.unit_id == unit_id).cloned();
        let (reversed, charged): (Vec<_>, Vec<_>) = of_unit.partition(|line| line.reverses.is_some());
        let difference = Fen::sum(reversed.iter().chain(&charged).map(|line| line.amount))?;
        Ok(Self { reversed, charged, difference })
    }

    /// Unit by unit; the lines of each stand together.
    pub(super) fn of_decision(lines: &[LineView]) -> Result<Vec<Self>> {
        lines.chunk_by(|left, right| left.unit_id == right.unit_id).map(|own| Self::of(own, own[0].unit_id)).collect()
    }

    /// Any of its lines: there is always one, and all of them are of one unit and fee item.
    #[must_use]
    pub fn any_line(&self) -> Option<&LineView> {
        self.charged.first().or_else(|| self.reversed.first())
    }

    pub(super) fn building(&self) -> &str {
        self.any_line().map_or("", |line| line.place.building.as_str())
    }

    /// What was charged before it.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit.
    pub fn before(&self) -> Result<Fen> {
        Fen::ZERO.checked_sub(Fen::sum(self.reversed.iter().map(|line| line.amount))?)
    }

    /// What is charged with it.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit.
    pub fn after(&self) -> Result<Fen> {
        Fen::sum(self.charged.iter().map(|line| line.amount))
    }
}

fn posted_line(charge: &Charge) -> Result<PostedLine> {
    let line = u32::try_from(charge.decision_line).map_err(|_| Error::not_found("charge", charge.id))?;
    Ok(PostedLine { charge_id: charge.id, decision_id: charge.decision_id, line })
}

/// `origin` is the decision that the line was made by, and its number there: of a line that is taken back not the one that
/// takes it back.
fn view(
    decision: &Decision,
    line: &ResolvedLine,
    origin: (&Decision, u32),
    places: &HashMap<UnitId, UnitPlace>,
    payers: &HashMap<PartyId, String>,
    names: &Names,
    language: Language,
) -> Result<LineView> {
    let (origin, number) = origin;
    let plugin = names
        .plugins
        .get(&origin.component_digest)
        .ok_or_else(|| Error::not_found("plug-in with the digest", &origin.component_digest))?;
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
        reverses: line.reverses,
        plugin_id: plugin.id.clone(),
        plugin_version: plugin.version.clone(),
        decision_id: decision.id,
        decision_line: line.line,
        steps: explain_line(origin, number, plugin, language)?.steps,
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
            let definition = plugin.fact(ExtensionPoint::FeePolicy, name);
            let definition = definition.as_ref();
            FactValue {
                name: name.clone(),
                title: definition.map_or(name.as_str(), |definition| definition.title(language)).to_owned(),
                value: cell_text(column, *segment),
                measure: definition.map_or("", |definition| &definition.measure).to_owned(),
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
