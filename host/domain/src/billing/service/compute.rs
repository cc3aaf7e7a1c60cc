//! Computing a run: pages of subjects go through the plug-ins, and each page leaves its decisions.

use futures_util::try_join;
use std::{collections::BTreeMap, sync::Arc};
use tracing::{Instrument, info_span};

use super::{BATCH_SUBJECTS, Billing, Progress, RunProgress};
use crate::{
    Error, Fen, Period, Result,
    access::Stamp,
    billing::{
        AnswerLimits, BillingRun, HeldSubject, PreparedBatch, RunState, RunTotal, SubjectSource, check_answer, prepare,
        split,
    },
    decision::{CallFailure, Decision, HoldKind, Outcome},
    estate::Project,
    facts::FeeFact,
    fee_item::FeeItem,
    ids::*,
    plugin::{Binding, BindingMode, ExtensionPoint, PluginExport, StoredComponents},
    ports::{Evaluation, PageResult, RunCursor, SubjectQuery},
    values::{Amounts, Currency, FeeAnswer, Problem, Verdict, allocate},
};

/// Subjects of one fee item that may fail one by one before a failing batch is no longer taken apart. A plug-in that
/// breaks on so many is broken: what is left of its failing batches is held whole, and nothing is charged by accident.
const ISOLATED_FAILURES_MAX: usize = 4_096;

/// One fee item of a run with everything that its pages need.
struct ItemPlan {
    item: FeeItem,
    /// The part of the period in which the item holds.
    charged: Period,
    /// `None`: nobody answers for it, and its subjects are held.
    policy: Option<Policy>,
    /// The shared cost of the period, where one is entered.
    pool_fen: Option<i64>,
}

struct Policy {
    binding: Binding,
    export: PluginExport,
    facts: Vec<FeeFact>,
}

/// What the calls of one page came to, before the lines are numbered.
struct PageOutcome {
    cursor: RunCursor,
    subjects: i64,
    calls: Vec<Call>,
    /// Held without a call.
    held: Vec<HeldSubject>,
}

struct Call {
    prepared: PreparedBatch,
    evaluation: Evaluation,
}

impl Billing {
    pub(super) async fn compute(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        job: JobId,
        worker: &str,
        progress: &dyn Progress,
    ) -> Result<BillingRun> {
        let run = self.store.run(run_id).await?;
        if run.state != RunState::Computing {
            return Ok(run);
        }
        let project = self.store.project(run.project_id).await?;
        let plans = self.plans(&run).await?;
        let cursors: BTreeMap<FeeItemId, RunCursor> =
            self.store.cursors(run_id).await?.into_iter().map(|cursor| (cursor.fee_item_id, cursor)).collect();
        let mut at = RunProgress { done: 0, total: 0 };
        for plan in &plans {
            at.total += self.store.count_subjects(&query(&run, plan, None)).await?;
        }
        self.report(job, worker, at, progress).await?;
        let mut next_line = run.lines;
        for plan in &plans {
            let cursor = cursors.get(&plan.item.id).copied();
            let span = info_span!("fee_item", run.id = %run.id, project.id = %project.id, fee_item.id = %plan.item.id,
                plugin = plan.policy.as_ref().map_or("none", |policy| policy.binding.plugin_id.as_str()));
            let item = ItemRun { billing: self, run: &run, project: &project, plan, job, worker, progress };
            next_line = item.compute(cursor, next_line, &mut at).instrument(span).await?;
        }
        self.store.finish_preview(stamp, run_id).await
    }

    /// The fee items that hold in the period, in a fixed order, with the binding that answers for each.
    async fn plans(&self, run: &BillingRun) -> Result<Vec<ItemPlan>> {
        let bindings = self.store.bindings(run.project_id).await?;
        let mut items = self.store.fee_items(run.project_id).await?;
        items.sort_by_key(|item| item.id);
        let mut plans = Vec::with_capacity(items.len());
        for item in items {
            let start = run.period.start.max(item.starts_on);
            let end = item.ends_on.map_or(run.period.end, |end| end.min(run.period.end));
            if start >= end {
                continue;
            }
            let binding = bindings.iter().find(|binding| {
                binding.point == ExtensionPoint::FeePolicy
                    && binding.mode == BindingMode::Active
                    && binding.fee_item_id == Some(item.id)
                    && binding.holds_on(start)
            });
            let policy = match binding {
                Some(binding) => Some(self.policy(binding).await?),
                None => None,
            };
            let pool_fen = self.store.cost_pool(item.id, run.period.start).await?.map(|pool| pool.total_fen);
            plans.push(ItemPlan { item, charged: Period { start, end }, policy, pool_fen });
        }
        Ok(plans)
    }

    async fn policy(&self, binding: &Binding) -> Result<Policy> {
        let plugin =
            self.store.plugin_by_digest(&binding.digest).await?.ok_or_else(|| {
                Error::not_found("plug-in", format!("{} {}", binding.plugin_id, binding.plugin_version))
            })?;
        let export = plugin.export(ExtensionPoint::FeePolicy)?.clone();
        let facts = export
            .description
            .facts
            .iter()
            .map(|name| FeeFact::by_name(name).ok_or_else(|| Error::not_found("fact", name)))
            .collect::<Result<_>>()?;
        self.engine.prepare(&binding.digest, &StoredComponents(self.store.as_ref())).await?;
        Ok(Policy { binding: binding.clone(), export, facts })
    }
}

fn query(run: &BillingRun, plan: &ItemPlan, after: Option<UnitId>) -> SubjectQuery {
    SubjectQuery {
        project_id: run.project_id,
        fee_item_id: plan.item.id,
        charged: plan.charged,
        period_start: run.period.start,
        after,
        limit: BATCH_SUBJECTS,
    }
}

/// One fee item being computed.
struct ItemRun<'a> {
    billing: &'a Billing,
    run: &'a BillingRun,
    project: &'a Project,
    plan: &'a ItemPlan,
    job: JobId,
    worker: &'a str,
    progress: &'a dyn Progress,
}

impl ItemRun<'_> {
    /// Reads, asks and records as a pipeline: while one page is asked about, the next is read and the one before recorded.
    async fn compute(&self, cursor: Option<RunCursor>, mut next_line: i64, at: &mut RunProgress) -> Result<i64> {
        if cursor.is_some_and(|cursor| cursor.finished) {
            return Ok(next_line);
        }
        let mut failures = 0;
        let mut weighted = false;
        let mut page = self.read(cursor.and_then(|cursor| cursor.after)).await?;
        let mut computed: Option<PageOutcome> = None;
        while page.is_some() || computed.is_some() {
            let next_after = page.as_ref().and_then(|page| page.last()).map(|subject| subject.unit_id);
            let full = page.as_ref().is_some_and(|page| page.len() == BATCH_SUBJECTS as usize);
            let recorded = computed.take().map(|outcome| (self.result(&outcome, &mut next_line), outcome));
            let (outcome, following, ()) = try_join!(
                self.ask(page.take(), &mut failures),
                async { if full { self.read(next_after).await } else { Ok(None) } },
                async {
                    if let Some((result, outcome)) = recorded {
                        let result = result?;
                        weighted |= result.1;
                        self.billing.store.record_page(self.run.id, &result.0, outcome.cursor).await?;
                        at.done += outcome.subjects;
                        self.billing.report(self.job, self.worker, *at, self.progress).await?;
                    }
                    Ok(())
                },
            )?;
            computed = outcome;
            page = following;
        }
        // Weights may also stand in pages that an interrupted run recorded before.
        if weighted || (self.plan.pool_fen.is_some() && cursor.is_some()) {
            self.allocate().await?;
        } else {
            let finished = RunCursor { fee_item_id: self.plan.item.id, after: None, finished: true };
            self.billing.store.record_page(self.run.id, &PageResult::default(), finished).await?;
        }
        Ok(next_line)
    }

    async fn read(&self, after: Option<UnitId>) -> Result<Option<Vec<SubjectSource>>> {
        let page = self.billing.store.subjects(&query(self.run, self.plan, after)).await?;
        Ok((!page.is_empty()).then_some(page))
    }

    /// Asks the plug-in about a page; takes a failing batch apart until the subjects that fail stand alone.
    async fn ask(&self, page: Option<Vec<SubjectSource>>, failures: &mut usize) -> Result<Option<PageOutcome>> {
        let Some(page) = page else { return Ok(None) };
        let after = page.last().map(|subject| subject.unit_id);
        let cursor = RunCursor { fee_item_id: self.plan.item.id, after, finished: false };
        let subjects = i64::try_from(page.len()).expect("a page is far smaller than 2^63");
        let Some(policy) = &self.plan.policy else {
            let held = page
                .iter()
                .map(|subject| self.hold(subject.unit_id, "no-binding", "no plug-in answers for this fee item"))
                .collect();
            return Ok(Some(PageOutcome { cursor, subjects, calls: Vec::new(), held }));
        };
        let currency = Currency { code: self.project.currency.clone(), digits: 2 };
        let whole = prepare(
            page,
            self.run.period,
            self.plan.charged,
            &currency,
            self.plan.item.payer_rule,
            self.project.developer_id,
            &policy.facts,
        );
        let mut outcome = PageOutcome { cursor, subjects, calls: Vec::new(), held: Vec::new() };
        let mut waiting = vec![whole];
        while let Some(prepared) = waiting.pop() {
            if prepared.batch.subjects == 0 {
                continue;
            }
            let evaluation = self.evaluate(policy, &prepared).await?;
            let failed = matches!(evaluation.outcome, Outcome::Failure(_));
            if failed && prepared.batch.subjects > 1 && *failures < ISOLATED_FAILURES_MAX {
                let (left, right) = split(&prepared);
                waiting.push(right);
                waiting.push(left);
                continue;
            }
            if failed {
                *failures += prepared.batch.subjects as usize;
            }
            if self.lacks_pool(&evaluation) {
                outcome.held.extend(prepared.subjects.units.iter().map(|unit| {
                    self.hold(*unit, "missing-cost-pool", "the shared cost of this period has not been entered")
                }));
                continue;
            }
            outcome.calls.push(Call { prepared, evaluation });
        }
        Ok(Some(outcome))
    }

    /// One call, with the host's own check of the answer: what cannot be true is a failure like a trap.
    async fn evaluate(&self, policy: &Policy, prepared: &PreparedBatch) -> Result<Evaluation> {
        let batch = Arc::new(prepared.batch.clone());
        let mut evaluation =
            self.billing.engine.evaluate_fee(&policy.binding.digest, &policy.binding.settings, batch).await?;
        if let Outcome::Answer(answer) = &evaluation.outcome
            && let Err(reason) =
                check_answer(&prepared.batch, answer, &policy.export.description, &AnswerLimits::default())
        {
            evaluation.outcome = Outcome::Failure(CallFailure { kind: HoldKind::InvalidOutput, reason });
        }
        Ok(evaluation)
    }

    fn lacks_pool(&self, evaluation: &Evaluation) -> bool {
        let Outcome::Answer(answer) = &evaluation.outcome else { return false };
        self.plan.pool_fen.is_none()
            && matches!(answer.lines.amounts, Amounts::Weights(_))
            && !answer.lines.segment.is_empty()
    }

    fn hold(&self, unit_id: UnitId, code: &str, reason: &str) -> HeldSubject {
        HeldSubject {
            run_id: self.run.id,
            fee_item_id: self.plan.item.id,
            unit_id,
            kind: HoldKind::PolicyError,
            code: code.to_owned(),
            about: String::new(),
            reason: reason.to_owned(),
            decision_id: None,
        }
    }

    /// Numbers the lines of a page and turns its calls into decisions, held subjects and totals. The flag says whether
    /// anything was answered in weights.
    fn result(&self, outcome: &PageOutcome, next_line: &mut i64) -> Result<(PageResult, bool)> {
        let mut page = PageResult { held: outcome.held.clone(), ..PageResult::default() };
        let mut totals: BTreeMap<String, (i64, Fen)> = BTreeMap::new();
        let mut weighted = false;
        for call in &outcome.calls {
            let policy = self.plan.policy.as_ref().ok_or_else(|| Error::invalid("a call without a policy"))?;
            let decision = self.decision(policy, call, *next_line);
            match &call.evaluation.outcome {
                Outcome::Answer(answer) => {
                    *next_line +=
                        i64::try_from(answer.lines.segment.len()).map_err(|_| Error::Overflow("counting lines"))?;
                    page.held.extend(self.held_by_policy(&decision, answer));
                    match &answer.lines.amounts {
                        Amounts::Money(amounts) => {
                            add_totals(&mut totals, &call.prepared, &answer.lines.segment, amounts)?
                        }
                        Amounts::Weights(_) => weighted = true,
                    }
                }
                Outcome::Failure(failure) => page.held.extend(held_by_failure(&decision, failure)),
            }
            page.decisions.push(decision);
        }
        page.totals = run_totals(self.plan.item.id, totals);
        Ok((page, weighted))
    }

    fn decision(&self, policy: &Policy, call: &Call, first_line: i64) -> Decision {
        Decision {
            id: DecisionId::generate(),
            run_id: self.run.id,
            binding_id: policy.binding.id,
            fee_item_id: self.plan.item.id,
            component_digest: policy.binding.digest.clone(),
            settings: policy.binding.settings.clone(),
            wit: policy.export.wit.clone(),
            engine: self.billing.engine.profile(),
            subjects: call.prepared.subjects.clone(),
            input: call.prepared.batch.clone(),
            outcome: call.evaluation.outcome.clone(),
            allocated: Vec::new(),
            fuel: call.evaluation.fuel,
            first_line,
        }
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

    /// Allocates the shared cost over all weights of the fee item, so that the shares sum to it exactly.
    async fn allocate(&self) -> Result<()> {
        let pool_fen = self.plan.pool_fen.ok_or_else(|| Error::invalid("weights without a cost pool"))?;
        let mut weights = Vec::new();
        let mut parts = Vec::new();
        let mut after = None;
        loop {
            let decisions = self.billing.store.decisions(self.run.id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { break };
            after = Some(last.id);
            for decision in decisions.iter().filter(|decision| decision.fee_item_id == self.plan.item.id) {
                if let Outcome::Answer(answer) = &decision.outcome
                    && let Amounts::Weights(own) = &answer.lines.amounts
                {
                    weights.extend_from_slice(own);
                    parts.push((decision.id, own.len(), self.line_buildings(decision, answer).await?));
                }
            }
        }
        let finished = RunCursor { fee_item_id: self.plan.item.id, after: None, finished: true };
        let shares = if weights.is_empty() {
            Vec::new()
        } else {
            allocate(pool_fen, &weights).map_err(|error| {
                Error::invalid(format!("the shared cost of {} cannot be allocated: {error}", self.plan.item.name))
            })?
        };
        let mut totals: BTreeMap<String, (i64, Fen)> = BTreeMap::new();
        let mut allocated = Vec::with_capacity(parts.len());
        let mut rest = shares.as_slice();
        for (decision_id, lines, buildings) in parts {
            let (own, later) = rest.split_at(lines);
            for (building, amount) in buildings.into_iter().zip(own) {
                add(&mut totals, building, Fen(*amount))?;
            }
            allocated.push((decision_id, own.to_vec()));
            rest = later;
        }
        let totals = run_totals(self.plan.item.id, totals);
        self.billing.store.record_allocation(self.run.id, &allocated, &totals, finished).await
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
        let building = |segment: &u32| {
            let subject = *decision.input.segments.subject.get(*segment as usize)?;
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
            code: failure.kind.code().to_owned(),
            about: String::new(),
            reason: failure.reason.clone(),
            decision_id: Some(decision.id),
        })
        .collect()
}

fn add_totals(
    totals: &mut BTreeMap<String, (i64, Fen)>,
    prepared: &PreparedBatch,
    segments: &[u32],
    amounts: &[i64],
) -> Result<()> {
    for (segment, amount) in segments.iter().zip(amounts) {
        let subject = prepared.batch.segments.subject[*segment as usize];
        let building = &prepared.buildings[subject as usize];
        match totals.get_mut(building) {
            Some((lines, sum)) => {
                *lines += 1;
                *sum = sum.checked_add(Fen(*amount))?;
            }
            None => {
                totals.insert(building.clone(), (1, Fen(*amount)));
            }
        }
    }
    Ok(())
}

fn add(totals: &mut BTreeMap<String, (i64, Fen)>, building: String, amount: Fen) -> Result<()> {
    let (lines, sum) = totals.entry(building).or_default();
    *lines += 1;
    *sum = sum.checked_add(amount)?;
    Ok(())
}

fn run_totals(fee_item_id: FeeItemId, totals: BTreeMap<String, (i64, Fen)>) -> Vec<RunTotal> {
    totals.into_iter().map(|(building, (lines, amount))| RunTotal { fee_item_id, building, lines, amount }).collect()
}
