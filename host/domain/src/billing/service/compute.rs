//! Computing a run: pages of units go through the plug-ins of their fee items, and each page leaves its decisions.

use futures_util::{StreamExt, TryStreamExt, future::join, stream, try_join};
use serde::Serialize;
use std::{collections::BTreeMap, pin::pin, sync::Arc};
use tracing::{Instrument, info_span};

use super::{
    BATCH_SUBJECTS, Billing, RunProgress, Work,
    rerate::Rerating,
    shadow::{ActivePage, Shadow, ShadowPage},
    watch::{ItemWatch, Watch},
};
use crate::{
    Error, Fen, Period, Result,
    access::Stamp,
    billing::{
        BillingRun, HeldSubject, ItemTerms, PreparedBatch, ReversedLine, RunState, RunTotal, UnitSource, pick, prepare,
        rerate::Recalled, resolve_lines,
    },
    custom_field::CustomValues,
    decision::{Asked, CallFailure, Decision, HoldKind, Outcome, Part, digest},
    entity::Entity,
    estate::Project,
    facts::{AskedFact, CustomFact, FactKind, ask_for_custom},
    fee_item::{FeeItem, PayerRule},
    hold::HoldCause,
    ids::*,
    plugin::{
        Binding, BindingMode, BindingUse, ExtensionPoint, Language, PluginExport, Quarantine, QuarantineOrder,
        StoredComponents, Use,
    },
    point::{Answer, Question},
    ports::{Evaluation, PageResult, RunCursor, UnitQuery},
    values::{Amounts, Currency, FeeAnswer, FeeBatch, Problem, Verdict, allocate},
};

/// Pages that are read before they are asked about: reading takes longer than asking, and two cores can do it side by side.
const PAGES_AHEAD: usize = 2;

/// One fee item of a run with everything that its pages need.
pub(super) struct ItemPlan {
    pub item: FeeItem,
    terms: ItemTerms,
    /// `None`: nobody answers for it, and its subjects are held.
    pub policy: Option<Policy>,
    /// Asked beside the policy; they count for nothing.
    shadows: Vec<Shadow>,
    /// The shared cost of the period, where one is entered.
    pool_fen: Option<i64>,
}

pub(super) struct Policy {
    pub binding: Binding,
    pub export: PluginExport,
}

impl ItemPlan {
    /// Where its bindings stand in the run.
    fn watched(&self, watch: &Watch) -> ItemWatch {
        ItemWatch {
            active: self.policy.as_ref().map(|policy| watch.of(policy.binding.id)).unwrap_or_default(),
            shadows: self.shadows.iter().map(|shadow| watch.of(shadow.binding.id)).collect(),
        }
    }

    /// Stops those of its bindings that are quarantined.
    fn heed(&self, quarantines: &[Quarantine], watch: &mut ItemWatch) {
        if let Some(policy) = &self.policy {
            watch.active.heed(policy.binding.id, quarantines);
        }
        for (shadow, watched) in self.shadows.iter().zip(&mut watch.shadows) {
            watched.heed(shadow.binding.id, quarantines);
        }
    }
}

/// What the pages of a run depend on. A run that is resumed after one of it has changed would be charged by two rules.
#[derive(Serialize)]
struct ItemRules<'a> {
    fee_item_id: FeeItemId,
    charged: Period,
    payer_rule: PayerRule,
    developer_id: PartyId,
    /// Digest and settings of the plug-in.
    policy: Option<(&'a str, &'a str)>,
    pool_fen: Option<i64>,
    /// Declarations of the custom fields that the policy asks for: field, kind and scale.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom: Vec<(CustomFieldId, &'static str, Option<u8>)>,
}

/// What is read of a page of units.
enum PageSource {
    /// What is to be charged to them, with the values of their custom fields that are asked for.
    Units(Vec<UnitSource>, CustomValues),
    /// What is charged to them, with the questions that it came of.
    Recalled(Vec<Recalled>),
}

struct UnitPage {
    source: PageSource,
    /// Units of the page.
    units: usize,
    until: UnitId,
}

/// What the calls of one page came to, before the lines are numbered.
struct PageOutcome {
    until: UnitId,
    units: usize,
    /// One a fee item, in the order of the plans.
    items: Vec<ItemOutcome>,
}

#[derive(Default)]
pub(super) struct ItemOutcome {
    pub calls: Vec<Call>,
    /// Held without a call.
    pub held: Vec<HeldSubject>,
    /// What the policy did.
    pub used: Option<Use>,
    /// The policy broke on so much that it is quarantined.
    pub order: Option<QuarantineOrder>,
    shadows: Vec<ShadowPage>,
}

pub(super) struct Call {
    pub prepared: PreparedBatch,
    pub evaluation: Evaluation,
    /// What the weights come to, where that is known already.
    pub allocated: Vec<i64>,
    /// What the answer takes back.
    pub reverses: Vec<ReversedLine>,
}

impl Billing {
    pub(super) async fn compute(&self, stamp: &Stamp, run_id: BillingRunId, mut work: Work<'_>) -> Result<BillingRun> {
        let run = self.store.run(run_id).await?;
        if run.state != RunState::Computing {
            return Ok(run);
        }
        let project = self.store.project(run.project_id).await?;
        let uses = self.store.uses_of_run(run_id).await?;
        let watch = Watch { uses, quarantines: self.store.quarantines(run.project_id).await? };
        let plans = self.plans(&run, &project, &watch).await?;
        let rules = rules(&plans)?;
        let rerating = match plans.first() {
            Some(plan) if run.is_rerating() => Some(self.rerating(&run, plan, &watch, &mut work).await?),
            _ => None,
        };
        let cursor = self.store.cursor(run_id).await?;
        if cursor.as_ref().is_some_and(|cursor| cursor.rules != rules) {
            return Err(Error::Conflict(
                "fee items, rules or shared costs have changed since this preview was interrupted: make a new one"
                    .into(),
            ));
        }
        let custom = custom_facts(&plans);
        let rerating = rerating.as_ref();
        let of_run = RunWork { billing: self, stamp, run: &run, plans: &plans, custom, rules, rerating };
        of_run.compute(cursor, &watch, work).await?;
        self.note_shadow_differences(stamp, &run, plans.iter().flat_map(|plan| &plan.shadows)).await?;
        self.store.finish_preview(stamp, run_id).await
    }

    /// The fee items that hold in the period, in a fixed order, with the binding that answers for each.
    async fn plans(&self, run: &BillingRun, project: &Project, watch: &Watch) -> Result<Vec<ItemPlan>> {
        let bindings = self.store.bindings(run.project_id).await?;
        let mut items = self.store.fee_items(run.project_id).await?;
        items.retain(|item| run.fee_item_id.is_none_or(|only| item.id == only));
        items.sort_by_key(|item| item.id);
        let mut plans = Vec::with_capacity(items.len());
        for item in items {
            let start = run.period.start.max(item.starts_on);
            let end = item.ends_on.map_or(run.period.end, |end| end.min(run.period.end));
            // What is charged already is corrected also where the item was shortened since.
            if start >= end && !run.is_rerating() {
                continue;
            }
            let (policy, facts) = match answering(&bindings, &item, run.period) {
                Some(binding) => self.policy(binding, watch).await.map(|(policy, facts)| (Some(policy), facts))?,
                None => (None, Vec::new()),
            };
            // A re-rating shares what was charged, and charges nothing that a shadow could be compared with.
            let pool_fen = if run.is_rerating() {
                None
            } else {
                self.store.cost_pool(item.id, run.period.start).await?.map(|pool| pool.total_fen)
            };
            let terms = ItemTerms {
                fee_item_id: item.id,
                period: run.period,
                charged: Period { start, end },
                currency: Currency { code: project.currency.clone(), digits: 2 },
                payer_rule: item.payer_rule,
                developer_id: project.developer_id,
                facts,
            };
            let shadowed = policy.is_some() && !run.is_rerating();
            let shadows = if shadowed { self.shadows(&bindings, start, &terms).await } else { Vec::new() };
            plans.push(ItemPlan { item, terms, policy, shadows, pool_fen });
        }
        Ok(plans)
    }

    async fn policy(&self, binding: &Binding, watch: &Watch) -> Result<(Policy, Vec<AskedFact>)> {
        let plugin =
            self.store.plugin_by_digest(&binding.digest).await?.ok_or_else(|| {
                Error::not_found("plug-in", format!("{} {}", binding.plugin_id, binding.plugin_version))
            })?;
        let export = plugin.export(ExtensionPoint::FeePolicy)?.clone();
        let facts = self.asked_facts(&export).await?;
        if watch.asks(binding.id) {
            self.engine.prepare(&binding.digest, &StoredComponents(self.store.as_ref())).await?;
        }
        Ok((Policy { binding: binding.clone(), export }, facts))
    }

    /// The facts that a plug-in asks for. Declarations are read only where it asks for a company's own.
    pub(super) async fn asked_facts(&self, export: &PluginExport) -> Result<Vec<AskedFact>> {
        let names = &export.description.facts;
        let fields = if ask_for_custom(names) { self.store.custom_fields().await? } else { Vec::new() };
        AskedFact::all_by_name(names, &fields)
    }
}

/// The custom fields that policies and shadows of a run ask for, each once.
fn custom_facts(plans: &[ItemPlan]) -> Vec<CustomFact> {
    let of_plan = |plan: &ItemPlan| {
        let own = plan.terms.facts.iter().filter_map(|fact| fact.custom());
        own.chain(plan.shadows.iter().flat_map(Shadow::custom_facts)).collect::<Vec<_>>()
    };
    let mut facts: Vec<CustomFact> = plans.iter().flat_map(of_plan).collect();
    facts.sort_by_key(|fact| fact.field_id);
    facts.dedup_by_key(|fact| fact.field_id);
    facts
}

/// The binding that answers for a fee item in a period: the one that is active on the first day that the item holds in it.
pub(super) fn answering<'a>(bindings: &'a [Binding], item: &FeeItem, period: Period) -> Option<&'a Binding> {
    let day = period.start.max(item.starts_on);
    bindings.iter().find(|binding| {
        binding.point == ExtensionPoint::FeePolicy
            && binding.mode == BindingMode::Active
            && binding.fee_item_id == Some(item.id)
            && binding.holds_on(day)
    })
}

fn rules(plans: &[ItemPlan]) -> Result<String> {
    let items = plans.iter().map(|plan| ItemRules {
        fee_item_id: plan.item.id,
        charged: plan.terms.charged,
        payer_rule: plan.terms.payer_rule,
        developer_id: plan.terms.developer_id,
        policy: plan.policy.as_ref().map(|Policy { binding, .. }| (binding.digest.as_str(), binding.settings.as_str())),
        pool_fen: plan.pool_fen,
        custom: plan.terms.facts.iter().filter_map(|fact| fact.custom()).map(declaration).collect(),
    });
    digest(&items.collect::<Vec<_>>())
}

fn declaration(fact: CustomFact) -> (CustomFieldId, &'static str, Option<u8>) {
    let scale = match fact.kind {
        FactKind::Number { scale } => Some(scale),
        FactKind::Code | FactKind::Date | FactKind::Flag => None,
    };
    (fact.field_id, fact.kind.code(), scale)
}

/// A run being computed.
struct RunWork<'a> {
    billing: &'a Billing,
    stamp: &'a Stamp,
    run: &'a BillingRun,
    plans: &'a [ItemPlan],
    /// Custom fields that are asked for; mostly none.
    custom: Vec<CustomFact>,
    rules: String,
    /// How what is charged is asked about again; `None` in a regular run.
    rerating: Option<&'a Rerating<'a>>,
}

impl RunWork<'_> {
    /// Reads, asks and records as a pipeline: while one page is asked about, the next ones are read and the one before is
    /// recorded.
    async fn compute(&self, cursor: Option<RunCursor>, watch: &Watch, mut work: Work<'_>) -> Result<()> {
        if cursor.as_ref().is_some_and(|cursor| cursor.finished) {
            return Ok(());
        }
        let (after, done) = cursor.map_or((None, 0), |cursor| (cursor.after, cursor.units));
        let store = &self.billing.store;
        let mut at = RunProgress { done, total: store.count_units(self.run.project_id).await? };
        work.report(at).await?;
        let ends = store.page_ends(self.run.project_id, after, BATCH_SUBJECTS).await?;
        let starts = std::iter::once(after).chain(ends.iter().copied().map(Some));
        let reads = starts.zip(ends.iter().copied()).map(|(after, until)| self.read(after, until));
        let mut pages = pin!(stream::iter(reads).buffered(PAGES_AHEAD));
        let mut next_line = self.run.lines;
        let mut watches: Vec<ItemWatch> = self.plans.iter().map(|plan| plan.watched(watch)).collect();
        let mut page = pages.try_next().await?;
        let mut computed: Option<PageOutcome> = None;
        while page.is_some() || computed.is_some() {
            let recorded = computed.take();
            let asked = page.take();
            let (outcome, following, ()) =
                try_join!(self.ask(asked.as_ref(), &mut watches), pages.try_next(), async {
                    let Some(outcome) = recorded else { return Ok(()) };
                    let units = i64::try_from(outcome.units).expect("a page is far smaller than 2^63");
                    at.done = (at.done + units).min(at.total);
                    let cursor = self.cursor(Some(outcome.until), at.done, false);
                    let result = self.result(outcome, &mut next_line)?;
                    store.record_page(self.run.id, result, &cursor).await?;
                    work.report(at).await
                })?;
            computed = outcome;
            page = following;
        }
        self.allocate(at.done).await
    }

    fn cursor(&self, after: Option<UnitId>, units: i64, finished: bool) -> RunCursor {
        RunCursor { rules: self.rules.clone(), after, units, finished }
    }

    async fn read(&self, after: Option<UnitId>, until: UnitId) -> Result<UnitPage> {
        if let Some(rerating) = self.rerating {
            let (recalled, units) = rerating.recall(after, until).await?;
            return Ok(UnitPage { source: PageSource::Recalled(recalled), units, until });
        }
        let query = UnitQuery { project_id: self.run.project_id, period: self.run.period, after, until };
        let units = self.billing.store.charged_units(&query).await?;
        let custom = self.custom_values(&units).await?;
        Ok(UnitPage { units: units.len(), source: PageSource::Units(units, custom), until })
    }

    /// Values of the custom fields that are asked for. A run that asks for none reads nothing.
    async fn custom_values(&self, units: &[UnitSource]) -> Result<CustomValues> {
        if self.custom.is_empty() {
            return Ok(CustomValues::default());
        }
        let asks_for = |entity| self.custom.iter().any(|fact| fact.entity == entity);
        let mut records = Vec::new();
        if asks_for(Entity::Unit) {
            records.extend(units.iter().map(|unit| unit.unit_id.0));
        }
        if asks_for(Entity::Party) {
            records.extend(units.iter().flat_map(|unit| &unit.holders).map(|holder| holder.party_id.0));
            records.extend(self.plans.iter().map(|plan| plan.terms.developer_id.0));
            records.sort_unstable();
            records.dedup();
        }
        self.billing.store.custom_values(&self.custom, &records).await
    }

    /// Asks the plug-ins of all fee items about a page.
    async fn ask(&self, page: Option<&UnitPage>, watches: &mut [ItemWatch]) -> Result<Option<PageOutcome>> {
        let Some(page) = page else { return Ok(None) };
        // Read for every page, so that whoever quarantines a binding stops it in runs that are on their way, too.
        let quarantines = self.billing.store.quarantines(self.run.project_id).await?;
        let mut items = Vec::with_capacity(self.plans.len());
        for (plan, watch) in self.plans.iter().zip(watches) {
            plan.heed(&quarantines, watch);
            let span = info_span!("fee_item", run.id = %self.run.id, project.id = %self.run.project_id,
                fee_item.id = %plan.item.id,
                plugin = plan.policy.as_ref().map_or("none", |policy| policy.binding.plugin_id.as_str()));
            let item = self.item(plan);
            items.push(match (&page.source, self.rerating) {
                (PageSource::Recalled(page), Some(rerating)) => {
                    item.ask_again(page, rerating, watch).instrument(span).await?
                }
                (PageSource::Units(units, custom), _) => item.ask(units, custom, watch).instrument(span).await?,
                (PageSource::Recalled(_), None) => return Err(Error::invalid("a regular run recalls nothing")),
            });
        }
        Ok(Some(PageOutcome { until: page.until, units: page.units, items }))
    }

    fn item<'w>(&'w self, plan: &'w ItemPlan) -> ItemWork<'w> {
        ItemWork { billing: self.billing, stamp: self.stamp, run: self.run, plan }
    }

    /// Numbers the lines of a page and turns its calls into decisions, held subjects and totals.
    fn result(&self, outcome: PageOutcome, next_line: &mut i64) -> Result<PageResult> {
        let mut page = PageResult::default();
        for (plan, outcome) in self.plans.iter().zip(outcome.items) {
            self.item(plan).record(outcome, next_line, &mut page)?;
        }
        Ok(page)
    }

    /// Allocates each shared cost over all weights of its fee item, so that the shares sum to it exactly, and ends the run.
    async fn allocate(&self, units: i64) -> Result<()> {
        let mut pools: BTreeMap<FeeItemId, PoolShares> = self
            .plans
            .iter()
            .filter_map(|plan| Some((plan.item.id, PoolShares::new(plan.pool_fen?, &plan.item.name))))
            .collect();
        if let Some(rerating) = self.rerating {
            rerating.require_even().await?;
        }
        let mut after = None;
        while !pools.is_empty() {
            let decisions = self.billing.store.decisions(self.run.id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { break };
            after = Some(last.id);
            for decision in &decisions {
                if let Some(pool) = pools.get_mut(&decision.fee_item_id)
                    && let Some(answer) = decision.outcome.fee()
                    && let Amounts::Weights(own) = &answer.lines.amounts
                {
                    pool.weights.extend_from_slice(own);
                    pool.parts.push((decision.id, own.len(), self.line_buildings(decision, answer).await?));
                }
            }
        }
        let mut allocated = Vec::new();
        let mut totals = Vec::new();
        for (fee_item_id, pool) in pools {
            totals.extend(run_totals(fee_item_id, pool.allocate(&mut allocated)?));
        }
        let finished = self.cursor(None, units, true);
        self.billing.store.record_allocation(self.run.id, &allocated, &totals, &finished).await
    }

    /// Building of each line of a decision.
    async fn line_buildings(&self, decision: &Decision, answer: &FeeAnswer) -> Result<Vec<String>> {
        let places: BTreeMap<UnitId, String> = self
            .billing
            .store
            .places(&decision.subjects.units)
            .await?
            .into_iter()
            .map(|(unit, place)| (unit, place.building))
            .collect();
        let batch = decision.fee_batch()?;
        let building = |segment: &u32| {
            let subject = *batch.segments.subject.get(*segment as usize)?;
            places.get(decision.subjects.units.get(subject as usize)?).cloned()
        };
        answer
            .lines
            .segment
            .iter()
            .map(|segment| building(segment).ok_or_else(|| Error::invalid("a line of no unit")))
            .collect()
    }
}

/// A shared cost and the weights that it is allocated by.
struct PoolShares<'a> {
    total_fen: i64,
    fee_item: &'a str,
    weights: Vec<i64>,
    /// Decisions with their number of lines and the building of each.
    parts: Vec<(DecisionId, usize, Vec<String>)>,
}

impl<'a> PoolShares<'a> {
    fn new(total_fen: i64, fee_item: &'a str) -> Self {
        Self { total_fen, fee_item, weights: Vec::new(), parts: Vec::new() }
    }

    /// Adds the amounts of each decision to `allocated`; gives lines and sum of each building.
    fn allocate(self, allocated: &mut Vec<(DecisionId, Vec<i64>)>) -> Result<Totals> {
        let mut totals = Totals::new();
        if self.weights.is_empty() {
            return Ok(totals);
        }
        let shares = allocate(self.total_fen, &self.weights).map_err(|error| {
            Error::invalid(format!("the shared cost of {} cannot be allocated: {error}", self.fee_item))
        })?;
        let mut rest = shares.as_slice();
        for (decision_id, lines, buildings) in self.parts {
            let (own, later) = rest.split_at(lines);
            for (building, amount) in buildings.iter().zip(own) {
                add(&mut totals, building, Fen(*amount))?;
            }
            allocated.push((decision_id, own.to_vec()));
            rest = later;
        }
        Ok(totals)
    }
}

/// One fee item of a page.
pub(super) struct ItemWork<'a> {
    pub billing: &'a Billing,
    pub stamp: &'a Stamp,
    pub run: &'a BillingRun,
    pub plan: &'a ItemPlan,
}

impl ItemWork<'_> {
    /// Asks the plug-in about a page, and its shadows beside it; takes a failing batch apart until the subjects that fail
    /// stand alone.
    async fn ask(&self, page: &[UnitSource], custom: &CustomValues, watch: &mut ItemWatch) -> Result<ItemOutcome> {
        let whole = prepare(page, custom, &self.plan.terms);
        let mut outcome = ItemOutcome::default();
        if let Some(held) = self.unasked(&whole.subjects.units, watch) {
            return Ok(held);
        }
        let (Some(policy), 1..) = (&self.plan.policy, whole.batch.subjects) else { return Ok(outcome) };
        let subjects = whole.subjects.units.len();
        let active_page = ActivePage { units: page, custom, subjects, spent_us: watch.active.used.spent_us };
        let shadows = &self.plan.shadows;
        let (asked, shadows) = join(
            self.ask_policy(policy, &whole, &mut watch.active.failures),
            self.billing.ask_shadows(self.stamp, self.run, shadows, &mut watch.shadows, &active_page),
        )
        .await;
        let (parts, used) = asked?;
        self.note(policy, used, watch, &mut outcome)?;
        outcome.shadows = shadows;
        for Part { subjects, evaluation, .. } in parts {
            let prepared = if subjects.len() == whole.batch.subjects as usize {
                whole.clone()
            } else {
                pick(&whole, &subjects.collect::<Vec<_>>())
            };
            if self.lacks_pool(&evaluation) {
                let hold = |unit: &UnitId| self.hold(*unit, HoldCause::MissingCostPool);
                outcome.held.extend(prepared.subjects.units.iter().map(hold));
                continue;
            }
            outcome.calls.push(Call { prepared, evaluation, allocated: Vec::new(), reverses: Vec::new() });
        }
        Ok(outcome)
    }

    /// All of these units held, where nobody is asked about them.
    pub(super) fn unasked(&self, units: &[UnitId], watch: &ItemWatch) -> Option<ItemOutcome> {
        let mut outcome = ItemOutcome::default();
        if self.plan.policy.is_none() {
            outcome.held = units.iter().map(|unit| self.hold(*unit, HoldCause::NoBinding)).collect();
            return Some(outcome);
        }
        let reason = watch.active.used.stopped.as_ref().filter(|_| !units.is_empty())?;
        let hold = |unit: &UnitId| HeldSubject { reason: reason.clone(), ..self.hold(*unit, HoldCause::Quarantined) };
        outcome.held = units.iter().map(hold).collect();
        outcome.used = Some(Use::passed_over(units.len(), reason));
        Some(outcome)
    }

    /// Adds what a page took to what is known of the binding; one that shows itself broken is quarantined with the page.
    pub(super) fn note(
        &self,
        policy: &Policy,
        mut used: Use,
        watch: &mut ItemWatch,
        outcome: &mut ItemOutcome,
    ) -> Result<()> {
        if let Some(reason) = watch.active.note(&mut used)? {
            let stamp = Stamp { at: self.billing.clock.now(), ..self.stamp.clone() };
            outcome.order = Some(QuarantineOrder::new(stamp, &policy.binding, Some(self.run.id), &reason));
        }
        outcome.used = Some(used);
        Ok(())
    }

    /// The answers about a page, and what they took.
    pub(super) async fn ask_policy(
        &self,
        policy: &Policy,
        whole: &PreparedBatch,
        failures: &mut usize,
    ) -> Result<(Vec<Part>, Use)> {
        let Policy { binding, export } = policy;
        let engine = self.billing.engine.as_ref();
        let asked = Asked { engine, digest: &binding.digest, settings: &binding.settings };
        let question = Question::Fee(Arc::clone(&whole.batch));
        let began = self.billing.clock.now();
        let parts = asked.ask_apart(question, &export.description, failures).await?;
        let ended = self.billing.clock.now();
        let used = Use::of(&parts, ended - began, ended);
        Ok((parts, used))
    }

    fn lacks_pool(&self, evaluation: &Evaluation) -> bool {
        let Some(answer) = evaluation.outcome.fee() else { return false };
        self.plan.pool_fen.is_none()
            && matches!(answer.lines.amounts, Amounts::Weights(_))
            && !answer.lines.segment.is_empty()
    }

    fn hold(&self, unit_id: UnitId, cause: HoldCause) -> HeldSubject {
        HeldSubject {
            run_id: self.run.id,
            fee_item_id: self.plan.item.id,
            unit_id,
            kind: cause.kind(),
            code: cause.code().to_owned(),
            about: cause.about(),
            reason: cause.told(Language::En),
            decision_id: None,
        }
    }

    /// Adds what the calls of a page came to, with the lines numbered on.
    fn record(&self, outcome: ItemOutcome, next_line: &mut i64, page: &mut PageResult) -> Result<()> {
        let mut totals = Totals::new();
        page.held.extend(outcome.held);
        page.quarantines.extend(outcome.order);
        let mut shadows = outcome.shadows;
        for call in outcome.calls {
            let policy = self.plan.policy.as_ref().ok_or_else(|| Error::invalid("a call without a policy"))?;
            let (decision, buildings) = self.decision(policy, call, *next_line);
            match &decision.outcome {
                Outcome::Answer(Answer::Fee(answer)) => {
                    *next_line +=
                        i64::try_from(decision.line_count()).map_err(|_| Error::Overflow("counting lines"))?;
                    page.held.extend(self.held_by_policy(&decision, answer));
                    if self.run.is_rerating() {
                        add_net_totals(&mut totals, &decision, &buildings)?;
                    } else if let Amounts::Money(amounts) = &answer.lines.amounts {
                        let batch = decision.fee_batch()?;
                        add_totals(&mut totals, batch, &buildings, &answer.lines.segment, amounts)?;
                    }
                }
                Outcome::Answer(other) => {
                    return Err(Error::invalid(format!("a fee was asked for, and {} answered", other.point())));
                }
                Outcome::Failure(failure) => page.held.extend(held_by_failure(&decision, failure)),
            }
            shadows.iter_mut().for_each(|shadow| shadow.compare(&decision));
            page.decisions.push(decision);
        }
        if let (Some(policy), Some(used)) = (&self.plan.policy, outcome.used) {
            page.uses.push(BindingUse { binding_id: policy.binding.id, mode: policy.binding.mode, used });
        }
        page.quarantines.extend(shadows.iter_mut().filter_map(|shadow| shadow.order.take()));
        page.uses.extend(shadows.into_iter().map(ShadowPage::into_use));
        page.totals.extend(run_totals(self.plan.item.id, totals));
        Ok(())
    }

    fn decision(&self, policy: &Policy, call: Call, first_line: i64) -> (Decision, Vec<Arc<str>>) {
        let Call { prepared: PreparedBatch { batch, subjects, buildings }, evaluation, allocated, reverses } = call;
        let decision = Decision {
            id: DecisionId::generate(),
            run_id: self.run.id,
            binding_id: policy.binding.id,
            fee_item_id: self.plan.item.id,
            component_digest: policy.binding.digest.clone(),
            settings: policy.binding.settings.clone(),
            wit: policy.export.wit.clone(),
            engine: evaluation.engine.as_ref().to_owned(),
            subjects,
            question: Question::Fee(batch),
            outcome: evaluation.outcome,
            allocated,
            reverses,
            fuel: evaluation.fuel,
            first_line,
            log: evaluation.log,
        };
        (decision, buildings)
    }

    fn held_by_policy(&self, decision: &Decision, answer: &FeeAnswer) -> Vec<HeldSubject> {
        answer
            .problems
            .iter()
            .filter(|problem| answer.verdicts.get(problem.subject as usize) != Some(&Verdict::Decided))
            .filter_map(|problem| {
                let unit_id = *decision.subjects.units.get(problem.subject as usize)?;
                let Problem { code, about, .. } = &problem.problem;
                Some(HeldSubject {
                    run_id: decision.run_id,
                    fee_item_id: decision.fee_item_id,
                    unit_id,
                    kind: HoldKind::PolicyError,
                    code: code.clone(),
                    about: about.clone(),
                    reason: if about.is_empty() { code.clone() } else { format!("{code} {about}") },
                    decision_id: Some(decision.id),
                })
            })
            .collect()
    }
}

/// Decisions decoded at a time: some megabytes.
pub(super) const DECISIONS_PER_READ: u32 = 16;

fn held_by_failure(decision: &Decision, failure: &CallFailure) -> Vec<HeldSubject> {
    decision
        .subjects
        .units
        .iter()
        .map(|unit_id| HeldSubject {
            run_id: decision.run_id,
            fee_item_id: decision.fee_item_id,
            unit_id: *unit_id,
            kind: failure.kind,
            code: failure.cause.code().to_owned(),
            about: failure.cause.about(),
            reason: failure.reason.clone(),
            decision_id: Some(decision.id),
        })
        .collect()
}

/// Lines and sum of each building.
type Totals = BTreeMap<String, (i64, Fen)>;

/// Units of a building stand together, so that its name is looked up once for all of them.
fn add_totals(
    totals: &mut Totals,
    batch: &FeeBatch,
    buildings: &[Arc<str>],
    segments: &[u32],
    amounts: &[i64],
) -> Result<()> {
    let mut together: Option<(&str, i64, Fen)> = None;
    for (segment, amount) in segments.iter().zip(amounts) {
        let subject = batch.segments.subject[*segment as usize];
        let building = &*buildings[subject as usize];
        match &mut together {
            Some((same, lines, sum)) if *same == building => {
                *lines += 1;
                *sum = sum.checked_add(Fen(*amount))?;
            }
            _ => {
                if let Some((building, lines, sum)) = together.replace((building, 1, Fen(*amount))) {
                    add_lines(totals, building, lines, sum)?;
                }
            }
        }
    }
    together.map_or(Ok(()), |(building, lines, sum)| add_lines(totals, building, lines, sum))
}

/// What a decision adds to what stands: lines that are taken back count against those that are charged.
fn add_net_totals(totals: &mut Totals, decision: &Decision, buildings: &[Arc<str>]) -> Result<()> {
    for line in resolve_lines(decision)? {
        let building = buildings.get(line.subject as usize).ok_or_else(|| Error::invalid("a line of no unit"))?;
        let lines = if line.reverses.is_some() { -1 } else { 1 };
        add_lines(totals, building, lines, line.amount)?;
    }
    Ok(())
}

fn add(totals: &mut Totals, building: &str, amount: Fen) -> Result<()> {
    add_lines(totals, building, 1, amount)
}

fn add_lines(totals: &mut Totals, building: &str, lines: i64, amount: Fen) -> Result<()> {
    if !totals.contains_key(building) {
        totals.insert(building.to_owned(), (0, Fen::ZERO));
    }
    if let Some((known, sum)) = totals.get_mut(building) {
        *known += lines;
        *sum = sum.checked_add(amount)?;
    }
    Ok(())
}

fn run_totals(fee_item_id: FeeItemId, totals: Totals) -> impl Iterator<Item = RunTotal> {
    totals.into_iter().map(move |(building, (lines, amount))| RunTotal { fee_item_id, building, lines, amount })
}
