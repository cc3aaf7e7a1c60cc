//! The trial service: what doors and workers call.

use futures_util::{StreamExt, TryStreamExt, stream, try_join};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Candidate, MoverExplanation, TRIAL_MONTHS_MAX, Trial, TrialReport, TrialState, TrialView, TriedPeriod,
    explain::explain, facts::FactMap, run::RunDifference,
};
use crate::{
    Error, Period, Result,
    access::{Permission, Stamp},
    billing::RunState,
    decision::{Asked, Decision, Part},
    ids::*,
    job::{Job, JobKind, Progress, RunProgress, Work, ended},
    plugin::{ExtensionPoint, InstalledPlugin, Language, PluginExport, Plugins, StoredComponents},
    ports::{Clock, CompanyStore, DecisionQuery, PolicyEngine},
};

/// Stable code of the refusal of a trial that would have nothing to ask about.
pub const NOTHING_RECORDED: &str = "nothing-recorded";

/// What helps a candidate that asks for facts that were not recorded.
const ADVICE: &str =
    "try it on months that were charged by a plug-in that asks for them, or let it run as a shadow first";

/// Decisions decoded at a time: some megabytes. While they are asked about, the next ones are read.
const DECISIONS_PER_READ: u32 = 16;
/// Calls at the same time: a trial is background work and leaves the other places of the sandbox to billing and to people.
const CALLS_AT_ONCE: usize = 2;

/// Trials of one company.
#[derive(Clone)]
pub struct Trials {
    pub(super) store: Arc<dyn CompanyStore>,
    pub(super) engine: Arc<dyn PolicyEngine>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Trials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trials").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// What to try on which past months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRequest {
    pub project_id: ProjectId,
    pub point: ExtensionPoint,
    pub fee_item_id: FeeItemId,
    pub plugin_id: String,
    pub plugin_version: String,
    /// JSON.
    pub settings: String,
    /// From the first day of the first month to the day after the last one.
    pub period: Period,
}

/// Posted runs of one month with what they hold of a fee item.
#[derive(Debug)]
struct MonthInputs {
    period: Period,
    /// Newest first: what a newer one decided counts, and an older one adds what only it has.
    runs: Vec<MonthRun>,
    decisions: i64,
}

/// A posted run of a month.
#[derive(Debug, Clone, Copy)]
struct MonthRun {
    id: BillingRunId,
    /// It corrected what was charged.
    corrects: bool,
}

/// All that a trial reads, and by whom it was answered.
#[derive(Debug)]
struct Inputs {
    months: Vec<MonthInputs>,
    digests: BTreeSet<String>,
}

impl Trials {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>, engine: Arc<dyn PolicyEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { store, engine, clock }
    }

    /// Makes a trial and the job that works on it. What would only fail on the way is refused here: settings that do not
    /// fit, months without recorded inputs, facts that were not recorded.
    ///
    /// # Errors
    /// `Refused` without the permission, with [`NOTHING_RECORDED`] or with [`super::MISSING_FACT`]; `Invalid` for settings
    /// or months that cannot be.
    pub async fn start(&self, stamp: &Stamp, request: TrialRequest) -> Result<(Trial, Job)> {
        stamp.actor.require(Permission::TryPlugins)?;
        check_months(request.period)?;
        let items = self.store.fee_items(self.store.project(request.project_id).await?.id).await?;
        if items.iter().all(|item| item.id != request.fee_item_id) {
            return Err(Error::not_found("fee item", request.fee_item_id));
        }
        let name = format!("{}@{}", request.plugin_id, request.plugin_version);
        let plugin = self.store.plugin(&request.plugin_id, &request.plugin_version).await?;
        let plugin = plugin.ok_or_else(|| Error::not_found("plug-in", &name))?;
        let plugins = Plugins::new(self.store.clone(), self.engine.clone());
        let settings = plugins.checked_settings(&plugin, request.point, &request.settings).await?;
        let trial = Trial {
            id: TrialId::generate(),
            project_id: request.project_id,
            point: request.point,
            fee_item_id: request.fee_item_id,
            candidate: Candidate {
                plugin_id: plugin.id.clone(),
                plugin_version: plugin.version.clone(),
                digest: plugin.digest.clone(),
                settings,
            },
            period: request.period,
            created_by: stamp.actor.name.clone(),
            created_at: stamp.at,
            finished_at: None,
            report: TrialReport::default(),
        };
        let inputs = self.inputs(&trial).await?;
        self.fact_maps(&trial, &inputs, plugin.export(trial.point)?).await?;
        let job = Job::new(JobKind::Trial, trial.id, stamp);
        self.store.create_trial(stamp, &trial, &job).await?;
        Ok((trial, job))
    }

    /// Goes on with a trial that was stopped or failed, after the months that are done.
    ///
    /// # Errors
    /// `Refused` without the permission, `Conflict` when nothing of it is left to do.
    pub async fn resume(&self, stamp: &Stamp, id: TrialId) -> Result<Job> {
        let TrialView { trial, job } = self.view(stamp, id).await?;
        if trial.finished_at.is_some() {
            return Err(Error::Conflict("the trial is done: there is nothing to go on with".into()));
        }
        if let Some(job) = job.filter(|job| job.is_open() && !job.cancel_requested) {
            return Ok(job);
        }
        let job = Job::new(JobKind::Trial, id, stamp);
        self.store.add_job(stamp, &job).await?;
        Ok(job)
    }

    /// Asks the work on a trial to stop; what is found of whole months stays.
    ///
    /// # Errors
    /// `Refused` without the permission, `Conflict` when nobody works on it.
    pub async fn cancel(&self, stamp: &Stamp, id: TrialId) -> Result<()> {
        match self.view(stamp, id).await?.job {
            Some(job) if job.is_open() => self.store.request_cancel(stamp, job.id).await,
            _ => Err(Error::Conflict("nobody works on the trial: there is nothing to stop".into())),
        }
    }

    /// # Errors
    /// `Refused` without the permission, `NotFound` for a trial that there is not.
    pub async fn view(&self, stamp: &Stamp, id: TrialId) -> Result<TrialView> {
        stamp.actor.require(Permission::TryPlugins)?;
        let trial = self.store.trial(id).await?;
        Ok(TrialView { job: Job::current(self.store.jobs_of_trial(id).await?), trial })
    }

    /// The trials of a project, newest first.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn list(&self, stamp: &Stamp, project: ProjectId) -> Result<Vec<TrialView>> {
        stamp.actor.require(Permission::TryPlugins)?;
        let trials = self.store.trials(self.store.project(project).await?.id).await?;
        let mut views = Vec::with_capacity(trials.len());
        for trial in trials {
            let job = match trial.finished_at {
                Some(_) => None,
                None => Job::current(self.store.jobs_of_trial(trial.id).await?),
            };
            views.push(TrialView { trial, job });
        }
        Ok(views)
    }

    /// Does a job that this worker has claimed, to its end or until it is asked to stop.
    ///
    /// # Errors
    /// Whatever stopped it; the job's row says the same.
    pub async fn work(&self, job: &Job, worker: &str, progress: &dyn Progress) -> Result<Trial> {
        let (store, clock) = (self.store.as_ref(), self.clock.as_ref());
        let work = Work::new(store, clock, job, worker, progress);
        let result = match (job.kind, job.trial_id()) {
            (JobKind::Trial, Some(trial)) => self.try_out(trial, work).await,
            (kind, _) => Err(Error::invalid(format!("a {kind} is no work on a trial"))),
        };
        ended(store, clock, job, worker, result).await
    }

    /// Month by month: each one that is done is recorded, and an interrupted trial goes on after the last of them. Asking
    /// again gives the same answers, so a month that was interrupted is simply asked again.
    async fn try_out(&self, id: TrialId, mut work: Work<'_>) -> Result<Trial> {
        let mut trial = self.store.trial(id).await?;
        if trial.finished_at.is_some() {
            return Ok(trial);
        }
        let plugin = self.installed(&trial.candidate.digest).await?;
        let export = plugin.export(trial.point)?;
        let inputs = self.inputs(&trial).await?;
        let maps = self.fact_maps(&trial, &inputs, export).await?;
        self.engine.prepare(&trial.candidate.digest, &StoredComponents(self.store.as_ref())).await?;
        let done = trial.report.periods.last().map(|month| month.period.start);
        let is_done = |month: &MonthInputs| done.is_some_and(|done| month.period.start <= done);
        let mut at = RunProgress { done: 0, total: inputs.months.iter().map(|month| month.decisions).sum() };
        at.done = inputs.months.iter().filter(|month| is_done(month)).map(|month| month.decisions).sum();
        work.report(at).await?;
        let left: Vec<&MonthInputs> = inputs.months.iter().filter(|month| !is_done(month)).collect();
        for (position, month) in left.iter().enumerate() {
            let asking = Asking { trials: self, trial: &trial, export, maps: &maps, failures: AtomicUsize::new(0) };
            let tried = asking.month(month, &mut at, &mut work).await?;
            trial.report.add(tried)?;
            let finished = position + 1 == left.len();
            trial.finished_at = finished.then(|| self.clock.now());
            self.store.record_trial(&trial).await?;
        }
        Ok(trial)
    }

    /// The posted runs of the trial's months that hold decisions of its fee item.
    async fn inputs(&self, trial: &Trial) -> Result<Inputs> {
        let calls = self.store.recorded_calls(trial.fee_item_id).await?;
        let inside = |period: Period| trial.period.start <= period.start && period.end <= trial.period.end;
        let mut months: BTreeMap<crate::Date, MonthInputs> = BTreeMap::new();
        let mut digests = BTreeSet::new();
        // Newest first, and so are the runs of each month.
        for run in self.store.runs(trial.project_id).await? {
            if run.state != RunState::Posted || !inside(run.period) {
                continue;
            }
            let of_run = || calls.iter().filter(|call| call.run_id == run.id);
            let decisions: i64 = of_run().map(|call| call.decisions).sum();
            if decisions == 0 {
                continue;
            }
            digests.extend(of_run().map(|call| call.component_digest.clone()));
            let month = months.entry(run.period.start).or_insert_with(|| MonthInputs {
                period: run.period,
                runs: Vec::new(),
                decisions: 0,
            });
            month.runs.push(MonthRun { id: run.id, corrects: run.is_rerating() });
            month.decisions += decisions;
        }
        if months.is_empty() {
            return Err(Error::refused(
                NOTHING_RECORDED,
                "no posted run of these months has decisions of this fee item: there is nothing to try the candidate on",
            ));
        }
        Ok(Inputs { months: months.into_values().collect(), digests })
    }

    /// Where the candidate's facts stand in what each recorded component was asked.
    async fn fact_maps(
        &self,
        trial: &Trial,
        inputs: &Inputs,
        candidate: &PluginExport,
    ) -> Result<BTreeMap<String, FactMap>> {
        let mut maps = BTreeMap::new();
        for digest in &inputs.digests {
            let recorded = self.installed(digest).await?;
            // A component may have answered another point of the same fee item: those decisions are passed over.
            if let Ok(export) = recorded.export(trial.point) {
                let map = FactMap::new(trial.point, &export.description, &candidate.description, ADVICE)?;
                maps.insert(digest.clone(), map);
            }
        }
        Ok(maps)
    }

    async fn installed(&self, digest: &str) -> Result<InstalledPlugin> {
        let plugin = self.store.plugin_by_digest(digest).await?;
        plugin.ok_or_else(|| Error::not_found("plug-in with the digest", digest))
    }

    /// A mover's two answers side by side, in the words of each plug-in. `number` counts [`TrialReport::movers`].
    ///
    /// The candidate is asked again: answers are deterministic, so nothing of them has to be kept.
    ///
    /// # Errors
    /// `Refused` without the permission; `NotFound` when there is no such mover.
    pub async fn explain(
        &self,
        stamp: &Stamp,
        id: TrialId,
        number: usize,
        language: Language,
    ) -> Result<MoverExplanation> {
        let TrialView { trial, .. } = self.view(stamp, id).await?;
        let found = trial.report.movers().nth(number);
        let (direction, mover) = found.ok_or_else(|| Error::not_found("mover", number))?;
        let decision = self.store.decision(mover.place.decision_id).await?;
        let (recorded, candidate) =
            (self.installed(&decision.component_digest).await?, self.installed(&trial.candidate.digest).await?);
        let export = candidate.export(trial.point)?;
        let map = FactMap::new(trial.point, &recorded.export(trial.point)?.description, &export.description, ADVICE)?;
        self.engine.prepare(&trial.candidate.digest, &StoredComponents(self.store.as_ref())).await?;
        let maps = BTreeMap::from([(decision.component_digest.clone(), map)]);
        let asking = Asking { trials: self, trial: &trial, export, maps: &maps, failures: AtomicUsize::new(0) };
        let parts = asking.ask(&decision).await?;
        let places = self.store.places(&[mover.place.unit_id]).await?;
        let period = self.store.run(decision.run_id).await?.period;
        let explained = explain(&trial, &mover, &decision, &parts, [&recorded, &candidate], language)?;
        Ok(MoverExplanation {
            number,
            direction,
            mover,
            place: places.into_iter().next().map(|(_, place)| place),
            period,
            recorded: explained.0,
            candidate: explained.1,
        })
    }
}

/// What it takes to ask a candidate about recorded decisions.
struct Asking<'a> {
    trials: &'a Trials,
    trial: &'a Trial,
    export: &'a PluginExport,
    maps: &'a BTreeMap<String, FactMap>,
    /// Failing subjects of the run so far.
    failures: AtomicUsize,
}

impl Asking<'_> {
    async fn month(&self, month: &MonthInputs, at: &mut RunProgress, work: &mut Work<'_>) -> Result<TriedPeriod> {
        let mut tried = TriedPeriod::new(month.period);
        let mut superseded = HashSet::new();
        for (position, run) in month.runs.iter().enumerate() {
            self.failures.store(0, Ordering::Relaxed);
            // Whoever a correction could not ask about keeps what an older run charged.
            let held = if run.corrects {
                Vec::new()
            } else {
                self.trials.store.held_unasked(run.id, self.trial.fee_item_id).await?
            };
            let (difference, units) = self.run(*run, &superseded, &mut tried, at, work).await?;
            tried.difference.merge(&difference)?;
            let new = held.iter().filter(|unit| !superseded.contains(*unit)).count();
            tried.unasked += i64::try_from(new).map_err(|_| Error::Overflow("counting subjects"))?;
            // Only another run of the month asks who was decided here.
            if position + 1 < month.runs.len() {
                superseded.extend(units);
                superseded.extend(held);
            }
        }
        Ok(tried)
    }

    /// Asks about a whole run. While some decisions are asked about, the next ones are read and decoded.
    async fn run(
        &self,
        run: MonthRun,
        superseded: &HashSet<UnitId>,
        tried: &mut TriedPeriod,
        at: &mut RunProgress,
        work: &mut Work<'_>,
    ) -> Result<(crate::difference::Difference, Vec<UnitId>)> {
        let mut counted = RunDifference::new(superseded, run.corrects);
        let mut page = self.read(run.id, None).await?;
        while let Some(last) = page.last() {
            let (next, ()) = try_join!(self.read(run.id, Some(last.id)), self.ask_page(&page, &mut counted))?;
            for decision in &page {
                if self.maps.contains_key(&decision.component_digest) {
                    *tried.recorded.entry(decision.component_digest.clone()).or_default() += 1;
                    tried.decisions += 1;
                }
            }
            at.done += i64::try_from(page.len()).expect("a page is far smaller than 2^63");
            work.report(*at).await?;
            page = next;
        }
        counted.finish()
    }

    async fn read(&self, run_id: BillingRunId, after: Option<DecisionId>) -> Result<Vec<Decision>> {
        let query = DecisionQuery { run_id, fee_item_id: self.trial.fee_item_id, after, limit: DECISIONS_PER_READ };
        self.trials.store.decisions_of_item(query).await
    }

    /// In the order of the decisions, because shares that are left over are given out in the order of weights.
    async fn ask_page(&self, page: &[Decision], counted: &mut RunDifference<'_>) -> Result<()> {
        let asked: Vec<_> = page.iter().map(|decision| self.ask(decision)).collect();
        let mut answers = pin!(stream::iter(asked).buffered(CALLS_AT_ONCE));
        for decision in page {
            let parts = answers.try_next().await?.unwrap_or_default();
            if !parts.is_empty() {
                counted.add(decision, &parts)?;
            }
        }
        Ok(())
    }

    /// The candidate's answers to a decision; none to one that another point made.
    async fn ask(&self, decision: &Decision) -> Result<Vec<Part>> {
        let Some(map) = self.maps.get(&decision.component_digest) else { return Ok(Vec::new()) };
        if decision.question.point() != self.trial.point {
            return Ok(Vec::new());
        }
        let Candidate { digest, settings, .. } = &self.trial.candidate;
        let asked = Asked { engine: self.trials.engine.as_ref(), digest, settings };
        let before = self.failures.load(Ordering::Relaxed);
        let mut failures = before;
        let parts = asked.ask_apart(map.apply(&decision.question)?, &self.export.description, &mut failures).await?;
        self.failures.fetch_add(failures - before, Ordering::Relaxed);
        Ok(parts)
    }
}

/// Whole months, ascending, and not too many.
fn check_months(period: Period) -> Result<()> {
    let months: Vec<Period> = period.months_touched().take(TRIAL_MONTHS_MAX + 1).collect();
    let (Some(first), Some(last)) = (months.first(), months.last()) else {
        return Err(Error::invalid("the trial ends before it starts"));
    };
    if months.len() > TRIAL_MONTHS_MAX {
        return Err(Error::invalid(format!("a trial covers at most {TRIAL_MONTHS_MAX} months")));
    }
    if first.start != period.start || last.end != period.end {
        return Err(Error::invalid("a trial covers whole months"));
    }
    Ok(())
}

impl TrialView {
    /// Whether it can be gone on with.
    #[must_use]
    pub fn may_resume(&self) -> bool {
        matches!(self.state(), TrialState::Failed | TrialState::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::one_month("2025-03-01", "2025-04-01", "")]
    #[case::a_year("2025-01-01", "2026-01-01", "")]
    #[case::backwards("2025-04-01", "2025-03-01", "ends before it starts")]
    #[case::nothing("2025-04-01", "2025-04-01", "ends before it starts")]
    #[case::half_a_month("2025-03-01", "2025-03-15", "whole months")]
    #[case::from_mid_month("2025-03-02", "2025-04-01", "whole months")]
    #[case::ten_years("2015-01-01", "2025-01-01", "")]
    #[case::too_long("2015-01-01", "2025-02-01", "at most 120")]
    fn a_trial_covers_whole_months(#[case] start: &str, #[case] end: &str, #[case] expected: &str) {
        let day = |text: &str| text.parse().expect("is a date");
        let said = check_months(Period { start: day(start), end: day(end) }).err().map(|error| error.to_string());
        let sentence = said.unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }
}
