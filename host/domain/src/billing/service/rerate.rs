//! Re-rating: what a posted month would come to by the rule that is bound today, proposed as adjustments.
//!
//! A re-rating is a run like any other: it is computed page by page, previewed, approved by a second person and posted. It
//! differs in what its pages read, which is what is charged with the questions that it came of, and in what they keep, which
//! is the subjects whose lines differ.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    BATCH_SUBJECTS, Billing, RunProgress, Work,
    compute::{Call, DECISIONS_PER_READ, ItemOutcome, ItemPlan, ItemWork, Policy, answering},
    watch::{ItemWatch, Watch},
};
use crate::{
    Date, Error, Period, Result,
    access::{Permission, Stamp},
    billing::{
        BillingRun, RunState,
        rerate::{Compared, Recalled, SHARED_COST, Shares, Weighed, amounts, shared_difference},
    },
    decision::{Asked, Decision, Part},
    difference::{Change, Difference},
    ids::*,
    job::{Job, JobKind},
    plugin::{Binding, BindingMode, ExtensionPoint, InstalledPlugin, PluginExport, Use},
    point::Question,
    ports::{RecordedCalls, StandingQuery},
    trial::{FactMap, NOTHING_RECORDED},
};

/// Stable code of the refusal to re-rate by a rule that there is not.
pub const NO_BINDING: &str = "no-binding";
/// What helps a rule that asks for facts that were not recorded.
const ADVICE: &str = "bind a rule that needs only what was recorded";
/// Runs of one binding that are looked through for what it has charged itself: sixteen years of months.
const OWN_RUNS_MAX: u32 = 200;
/// Decisions of one page that are read at the same time: mostly there is one.
const READS_AT_ONCE: usize = 4;

/// What a re-rating comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjustment {
    /// Subjects that owe more than before.
    pub up: i64,
    /// Subjects that owe less than before.
    pub down: i64,
    /// Subjects that owe the same, though perhaps in other lines.
    pub unchanged: i64,
    /// All of it: the largest movers, the classes of change, what it was and what it would be.
    pub difference: Difference,
}

impl Billing {
    /// Makes a run that corrects what is posted of a fee item in a period, and the job that computes it: the rule that is
    /// bound today is asked the recorded questions, and what comes out otherwise is proposed. An earlier such run that nobody
    /// approved is replaced. What would only fail on the way is refused here.
    ///
    /// # Errors
    /// `Refused` without the permission, with [`NOTHING_RECORDED`] where nothing of the fee item is posted, with
    /// [`NO_BINDING`] where no rule is bound, or with [`crate::trial::MISSING_FACT`] for facts that were not recorded;
    /// `Conflict` while an approved run of the period waits to be posted.
    pub async fn start_rerating(
        &self,
        stamp: &Stamp,
        project_id: ProjectId,
        fee_item_id: FeeItemId,
        period: Period,
    ) -> Result<(BillingRun, Job)> {
        stamp.actor.require(Permission::PreviewCharges)?;
        let items = self.store.fee_items(self.store.project(project_id).await?.id).await?;
        let item = items.into_iter().find(|item| item.id == fee_item_id);
        let item = item.ok_or_else(|| Error::not_found("fee item", fee_item_id))?;
        let runs = self.store.runs_of_period(project_id, period.start).await?;
        let posted = Recorded::of(&runs, &self.store.recorded_calls(fee_item_id).await?);
        let Some(period) = posted.period else { return Err(nothing_recorded()) };
        let bindings = self.store.bindings(project_id).await?;
        let binding = answering(&bindings, &item, period).ok_or_else(|| {
            Error::refused(NO_BINDING, format!("no rule is switched on for {} in {period}: bind one first", item.name))
        })?;
        let plugin = self.installed(&binding.digest).await?;
        self.fact_maps(&posted, plugin.export(ExtensionPoint::FeePolicy)?).await?;
        let run = BillingRun::rerating(project_id, period, fee_item_id, posted.revision + 1, stamp);
        let job = Job::new(JobKind::PreviewRun, run.id, stamp);
        self.store.create_run(stamp, &run, &job).await?;
        Ok((run, job))
    }

    /// Makes such a run for each posted period within a stretch of time.
    ///
    /// # Errors
    /// As [`Billing::start_rerating`].
    pub async fn start_reratings(
        &self,
        stamp: &Stamp,
        project_id: ProjectId,
        fee_item_id: FeeItemId,
        within: Period,
    ) -> Result<Vec<BillingRun>> {
        stamp.actor.require(Permission::PreviewCharges)?;
        let mut runs = Vec::new();
        for period in self.posted_periods(stamp, project_id, fee_item_id, within).await? {
            runs.push(self.start_rerating(stamp, project_id, fee_item_id, period).await?.0);
        }
        Ok(runs)
    }

    /// Posted periods of a binding's fee item that it would answer for and that another one has charged: those that are worth
    /// a re-rating, ascending.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn periods_of_others(&self, stamp: &Stamp, binding: &Binding) -> Result<Vec<Period>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let (BindingMode::Active, Some(fee_item_id)) = (binding.mode, binding.fee_item_id) else {
            return Ok(Vec::new());
        };
        let mut charged_by: BTreeMap<Date, (Period, i64, bool)> = BTreeMap::new();
        let own: BTreeSet<BillingRunId> =
            self.store.uses_of_binding(binding.id, OWN_RUNS_MAX).await?.into_iter().map(|used| used.run_id).collect();
        let calls = self.store.recorded_calls(fee_item_id).await?;
        for run in self.store.runs(binding.project_id).await? {
            let has_calls = calls.iter().any(|call| call.run_id == run.id);
            if run.state == RunState::Posted && has_calls && binding.holds_on(run.period.start) {
                let latest = charged_by.entry(run.period.start).or_insert((run.period, -1, false));
                // Of the runs of one revision any may have charged what the others did not.
                if run.revision > latest.1 {
                    *latest = (run.period, run.revision, own.contains(&run.id));
                } else if run.revision == latest.1 {
                    latest.2 &= own.contains(&run.id);
                }
            }
        }
        Ok(charged_by.into_values().filter(|(.., own)| !own).map(|(period, ..)| period).collect())
    }

    /// The posted periods within a stretch of time in which something of a fee item is charged: those that can be re-rated,
    /// ascending.
    ///
    /// # Errors
    /// `Refused` without the permission, or with [`NOTHING_RECORDED`] when there is none; `Invalid` for no time at all.
    pub async fn posted_periods(
        &self,
        stamp: &Stamp,
        project_id: ProjectId,
        fee_item_id: FeeItemId,
        within: Period,
    ) -> Result<Vec<Period>> {
        stamp.actor.require(Permission::ReadCharges)?;
        if within.start >= within.end {
            return Err(Error::invalid("the months end before they start"));
        }
        let calls = self.store.recorded_calls(fee_item_id).await?;
        let has_calls = |run: &BillingRun| calls.iter().any(|call| call.run_id == run.id);
        let inside = |period: Period| within.start <= period.start && period.end <= within.end;
        let mut periods: Vec<Period> = self
            .store
            .runs(project_id)
            .await?
            .into_iter()
            .filter(|run| run.state == RunState::Posted && inside(run.period) && has_calls(run))
            .map(|run| run.period)
            .collect();
        periods.sort_by_key(|period| period.start);
        periods.dedup_by_key(|period| period.start);
        if periods.is_empty() { Err(nothing_recorded()) } else { Ok(periods) }
    }

    /// What a re-rating comes to so far; `None` for a regular run.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn adjustment(&self, stamp: &Stamp, run: &BillingRun) -> Result<Option<Adjustment>> {
        stamp.actor.require(Permission::ReadCharges)?;
        if !run.is_rerating() {
            return Ok(None);
        }
        let mut difference = Difference::default();
        for known in self.store.uses_of_run(run.id).await? {
            if let Some(found) = &known.used.difference {
                difference.merge(found)?;
            }
        }
        let subjects = |changes: &[Change]| changes.iter().map(|change| difference.subjects(*change)).sum();
        Ok(Some(Adjustment {
            up: subjects(&[Change::Up, Change::Appears]),
            down: subjects(&[Change::Down, Change::Vanishes]),
            unchanged: subjects(&[Change::Same]),
            difference,
        }))
    }

    async fn installed(&self, digest: &str) -> Result<InstalledPlugin> {
        let plugin = self.store.plugin_by_digest(digest).await?;
        plugin.ok_or_else(|| Error::not_found("plug-in with the digest", digest))
    }

    /// Where the facts of today's rule stand in what each recorded component was asked.
    async fn fact_maps(&self, posted: &Recorded, today: &PluginExport) -> Result<BTreeMap<String, FactMap>> {
        let mut maps = BTreeMap::new();
        for digest in &posted.digests {
            let recorded = self.installed(digest).await?;
            // A component may have answered another point of the same fee item, which is not what is re-rated.
            if let Ok(export) = recorded.export(ExtensionPoint::FeePolicy) {
                let map = FactMap::new(ExtensionPoint::FeePolicy, &export.description, &today.description, ADVICE)?;
                maps.insert(digest.clone(), map);
            }
        }
        Ok(maps)
    }

    /// Makes a re-rating ready to be computed: maps the recorded facts and, where the rule of today answers with weights,
    /// asks it about the whole fee item first, because what a weight comes to depends on all others.
    pub(super) async fn rerating<'a>(
        &'a self,
        run: &'a BillingRun,
        plan: &ItemPlan,
        watch: &Watch,
        work: &mut Work<'_>,
    ) -> Result<Rerating<'a>> {
        let runs = self.store.runs_of_period(run.project_id, run.period.start).await?;
        let posted = Recorded::of(&runs, &self.store.recorded_calls(plan.item.id).await?);
        let maps = match &plan.policy {
            Some(policy) => self.fact_maps(&posted, &policy.export).await?,
            None => BTreeMap::new(),
        };
        let mut rerating = Rerating { billing: self, run, fee_item_id: plan.item.id, maps, shares: None };
        if let Some(policy) = plan.policy.as_ref().filter(|policy| watch.asks(policy.binding.id)) {
            rerating.shares = rerating.share(policy, work).await?;
        }
        Ok(rerating)
    }
}

fn nothing_recorded() -> Error {
    Error::refused(NOTHING_RECORDED, "nothing of this fee item is posted in these months: there is nothing to re-rate")
}

/// What is posted of a fee item in one period.
struct Recorded {
    /// `None`: nothing is.
    period: Option<Period>,
    /// The last correction; 0 without one.
    revision: i64,
    /// Components whose answers are posted.
    digests: Vec<String>,
}

impl Recorded {
    fn of(runs: &[BillingRun], calls: &[RecordedCalls]) -> Self {
        let mut recorded = Self { period: None, revision: 0, digests: Vec::new() };
        for run in runs.iter().filter(|run| run.state == RunState::Posted) {
            for call in calls.iter().filter(|call| call.run_id == run.id) {
                recorded.period = Some(run.period);
                recorded.revision = recorded.revision.max(run.revision);
                recorded.digests.push(call.component_digest.clone());
            }
        }
        recorded.digests.sort_unstable();
        recorded.digests.dedup();
        recorded
    }
}

/// A re-rating on its way.
pub(super) struct Rerating<'a> {
    billing: &'a Billing,
    run: &'a BillingRun,
    fee_item_id: FeeItemId,
    /// By digest of the component that was asked.
    maps: BTreeMap<String, FactMap>,
    /// What today's weights come to; `None` where today's rule answers with amounts.
    shares: Option<Shares>,
}

impl Rerating<'_> {
    /// What is charged to a page of units, decision by decision, and how many units the page may have.
    pub(super) async fn recall(&self, after: Option<UnitId>, until: UnitId) -> Result<(Vec<Recalled>, usize)> {
        let store = &self.billing.store;
        let query = StandingQuery { fee_item_id: self.fee_item_id, period_start: self.run.period.start, after, until };
        let mut units_of: BTreeMap<DecisionId, Vec<UnitId>> = BTreeMap::new();
        for standing in store.standing(query).await? {
            units_of.entry(standing.decision_id).or_default().push(standing.unit_id);
        }
        let units: Vec<UnitId> = units_of.values().flatten().copied().collect();
        let places = store.places(&units).await?;
        let buildings: HashMap<UnitId, Arc<str>> =
            places.into_iter().map(|(unit, place)| (unit, place.building.into())).collect();
        let reads = units_of.into_iter().map(|(id, units)| async move { Ok((store.decision(id).await?, units)) });
        let decisions: Vec<(Decision, Vec<UnitId>)> =
            stream::iter(reads).buffered(READS_AT_ONCE).try_collect::<Vec<_>>().await?;
        let mut recalled = Vec::with_capacity(decisions.len());
        for (decision, units) in &decisions {
            let buildings = units.iter().filter_map(|unit| Some((*unit, Arc::clone(buildings.get(unit)?)))).collect();
            recalled.push(Recalled::of(decision, &buildings, |question| self.mapped(decision, question))?);
        }
        Ok((recalled, BATCH_SUBJECTS as usize))
    }

    fn mapped(&self, decision: &Decision, question: &Question) -> Result<Question> {
        match self.maps.get(&decision.component_digest) {
            Some(map) => map.apply(question),
            // Without a rule of today nobody is asked.
            None => Ok(question.clone()),
        }
    }

    /// What the weights of today's rule come to over the whole fee item; `None` when the first page that it answers comes with
    /// amounts. Asked before anything is recorded: the pages are then asked again, which gives the same answers.
    async fn share(&self, policy: &Policy, work: &mut Work<'_>) -> Result<Option<Shares>> {
        let store = &self.billing.store;
        let mut weighed = Weighed::default();
        let mut failures = 0;
        let mut after = None;
        let total = store.count_units(self.run.project_id).await?;
        for until in store.page_ends(self.run.project_id, None, BATCH_SUBJECTS).await? {
            // Nothing is done yet; the job only lives on and hears when it is to stop.
            work.report(RunProgress { done: 0, total: total.max(1) }).await?;
            let (page, _) = self.recall(after, until).await?;
            after = Some(until);
            let mut answered = Vec::new();
            for recalled in &page {
                for part in self.ask(policy, recalled, &mut failures).await? {
                    answered.push((recalled.pick(&part.subjects.collect::<Vec<_>>()), part.evaluation.outcome));
                }
            }
            weighed.add_page(answered.iter().map(|(recalled, outcome)| (recalled, outcome)))?;
            let answers = answered.iter().any(|(_, outcome)| outcome.answer().is_some());
            if answers && weighed.is_empty() && !answered.iter().any(|(_, outcome)| weighs(outcome)) {
                return Ok(None);
            }
        }
        Ok(Some(weighed.share()?))
    }

    /// The answers of today's rule about some recorded subjects.
    async fn ask(&self, policy: &Policy, recalled: &Recalled, failures: &mut usize) -> Result<Vec<Part>> {
        let Policy { binding, export } = policy;
        let engine = self.billing.engine.as_ref();
        let asked = Asked { engine, digest: &binding.digest, settings: &binding.settings };
        let question = Question::Fee(Arc::clone(&recalled.prepared.batch));
        asked.ask_apart(question, &export.description, failures).await
    }

    /// All that was computed together moves a shared cost and does not change it.
    ///
    /// # Errors
    /// `Refused` with [`SHARED_COST`] when some of it was computed after the rule had been stopped.
    pub(super) async fn require_even(&self) -> Result<()> {
        let (mut after, mut difference) = (None, 0_i128);
        loop {
            let decisions = self.billing.store.decisions(self.run.id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { break };
            after = Some(last.id);
            for decision in &decisions {
                difference += shared_difference(decision)?;
            }
        }
        if difference == 0 {
            return Ok(());
        }
        Err(Error::refused(
            SHARED_COST,
            "the rule was stopped while a shared cost was shared anew, so that it would not come out even: make a new preview",
        ))
    }
}

fn weighs(outcome: &crate::decision::Outcome) -> bool {
    outcome.answer().is_some_and(crate::point::Answer::weighs)
}

impl ItemWork<'_> {
    /// Asks today's rule about what is charged, and keeps the subjects whose lines differ or that it holds. A decision is
    /// recorded as it was made: where only some subjects of a call differ, the rule is asked about them alone.
    pub(super) async fn ask_again(
        &self,
        page: &[Recalled],
        rerating: &Rerating<'_>,
        watch: &mut ItemWatch,
    ) -> Result<ItemOutcome> {
        let units: Vec<UnitId> = page.iter().flat_map(|recalled| recalled.prepared.subjects.units.clone()).collect();
        if let Some(held) = self.unasked(&units, watch) {
            return Ok(held);
        }
        let mut outcome = ItemOutcome::default();
        let Some(policy) = self.plan.policy.as_ref().filter(|_| !units.is_empty()) else { return Ok(outcome) };
        let (mut used, mut difference) = (Use::default(), Difference::default());
        for recalled in page {
            let failures = &mut watch.active.failures;
            let (parts, of_calls) = self.ask_policy(policy, &recalled.prepared, failures).await?;
            used.add(&of_calls)?;
            for part in parts {
                difference.measure(&part.evaluation);
                let whole = recalled.pick(&part.subjects.clone().collect::<Vec<_>>());
                let compared = whole.compare(&part.evaluation.outcome, rerating.shares.as_ref())?;
                let kept: Vec<usize> = (0..compared.len()).filter(|subject| compared[*subject].differs).collect();
                for (subject, compared) in compared.iter().enumerate().filter(|(_, compared)| !compared.differs) {
                    count(&mut difference, &whole, subject, *compared)?;
                }
                if kept.len() == compared.len() {
                    self.keep(whole, part, rerating, &mut difference, &mut outcome)?;
                } else if !kept.is_empty() {
                    let some = whole.pick(&kept);
                    for part in rerating.ask(policy, &some, &mut watch.active.failures).await? {
                        let subjects: Vec<usize> = part.subjects.clone().collect();
                        self.keep(some.pick(&subjects), part, rerating, &mut difference, &mut outcome)?;
                    }
                }
            }
        }
        used.difference = Some(difference);
        self.note(policy, used, watch, &mut outcome)?;
        Ok(outcome)
    }

    /// Keeps a call about subjects that differ: what stands of those that it decides is taken back.
    fn keep(
        &self,
        recalled: Recalled,
        part: Part,
        rerating: &Rerating<'_>,
        difference: &mut Difference,
        outcome: &mut ItemOutcome,
    ) -> Result<()> {
        let answered = &part.evaluation.outcome;
        for (subject, compared) in recalled.compare(answered, rerating.shares.as_ref())?.into_iter().enumerate() {
            count(difference, &recalled, subject, compared)?;
        }
        let allocated = match answered.fee() {
            Some(answer) if weighs(answered) => {
                amounts(&recalled.prepared, answer, rerating.shares.as_ref())?.into_owned()
            }
            _ => Vec::new(),
        };
        let reverses = recalled.reversed(answered);
        outcome.calls.push(Call { prepared: recalled.prepared, evaluation: part.evaluation, allocated, reverses });
        Ok(())
    }
}

fn count(difference: &mut Difference, recalled: &Recalled, subject: usize, compared: Compared) -> Result<()> {
    difference.add(recalled.place(subject), compared.before, compared.after)
}
