//! Billing runs, their decisions, and the charges they become.

mod charge;
mod check;
mod decision;
mod held;
mod run;
mod subject;

use async_trait::async_trait;
use guanjia_domain::{
    Date, Error, Result,
    access::Stamp,
    billing::{BillingRun, HeldCount, HeldFilter, HeldSubject, RunState, RunTotal, UnitSource},
    decision::Decision,
    ids::*,
    job::Job,
    journal::{Charge, EntryKind},
    ports::{
        BillingStore, ChargeRow, CheckResult, JournalSum, Page, PageResult, RunCursor, Standing, StandingQuery,
        UnitQuery,
    },
};

use crate::{CompanyScope, aside};

#[async_trait]
impl BillingStore for CompanyScope {
    async fn create_run(&self, stamp: &Stamp, run: &BillingRun, job: &Job) -> Result<()> {
        let mut scope = self.write().await?;
        scope.lock_project(run.project_id).await?;
        if scope.period_is_approved(run).await? {
            return Err(Error::Conflict(
                "another run of the period is approved and not posted: post or cancel it first".into(),
            ));
        }
        if run.is_rerating() {
            scope.require_next_revision(run).await?;
        }
        scope.start_run(stamp, run, job).await?;
        scope.commit().await
    }

    async fn run(&self, run: BillingRunId) -> Result<BillingRun> {
        self.read().await?.run(run).await
    }

    async fn runs(&self, project: ProjectId) -> Result<Vec<BillingRun>> {
        let mut runs = self.read().await?.runs(project, None).await?;
        runs.reverse();
        Ok(runs)
    }

    async fn runs_of_period(&self, project: ProjectId, period_start: Date) -> Result<Vec<BillingRun>> {
        let mut runs = self.read().await?.runs(project, Some(period_start)).await?;
        runs.reverse();
        Ok(runs)
    }

    async fn page_ends(&self, project: ProjectId, after: Option<UnitId>, size: u32) -> Result<Vec<UnitId>> {
        self.read().await?.page_ends(project, after, size).await
    }

    async fn charged_units(&self, query: &UnitQuery) -> Result<Vec<UnitSource>> {
        let (company, query) = (self.clone(), *query);
        aside(async move { company.read().await?.charged_units(&query).await }).await
    }

    async fn standing(&self, query: StandingQuery) -> Result<Vec<Standing>> {
        self.read().await?.standing(&query).await
    }

    async fn cursor(&self, run: BillingRunId) -> Result<Option<RunCursor>> {
        self.read().await?.cursor(run).await
    }

    async fn record_page(&self, run: BillingRunId, page: PageResult, cursor: &RunCursor) -> Result<()> {
        let (company, cursor) = (self.clone(), cursor.clone());
        aside(async move {
            // Encoded before the transaction begins: compressing takes longer than writing.
            let decisions = decision::encode_all(&page.decisions)?;
            let mut scope = company.write().await?;
            let state = scope.locked_run(run).await?;
            if state.state != RunState::Computing {
                return Err(Error::Conflict(format!("the run is {} and takes no more pages", state.state)));
            }
            let Some(step) = scope.next_step(run, &cursor).await? else { return Ok(()) };
            if step == run::CursorStep::Page {
                scope.write_page(&state, &page, decisions).await?;
                scope.write_uses(run, &page.uses).await?;
                for order in &page.quarantines {
                    // Somebody may have quarantined it by hand in this very moment: it is stopped either way.
                    scope.start_quarantine(order).await?;
                }
            }
            scope.move_cursor(run, &cursor).await?;
            scope.commit().await
        })
        .await
    }

    async fn record_allocation(
        &self,
        run: BillingRunId,
        allocated: &[(DecisionId, Vec<i64>)],
        totals: &[RunTotal],
        cursor: &RunCursor,
    ) -> Result<()> {
        let mut scope = self.write().await?;
        let state = scope.locked_run(run).await?;
        if state.state != RunState::Computing {
            return Err(Error::Conflict(format!("the run is {} and takes no more amounts", state.state)));
        }
        if scope.next_step(run, cursor).await?.is_none() {
            return Ok(());
        }
        scope.write_allocation(&state, allocated, totals).await?;
        scope.move_cursor(run, cursor).await?;
        scope.commit().await
    }

    async fn finish_preview(&self, stamp: &Stamp, run: BillingRunId) -> Result<BillingRun> {
        let mut scope = self.write().await?;
        let before = scope.locked_run(run).await?;
        if before.state == RunState::Previewed {
            return Ok(before);
        }
        scope.require_complete(run).await?;
        let after = scope.move_run(stamp, before, &[RunState::Computing], RunState::Previewed).await?;
        scope.commit().await?;
        Ok(after)
    }

    async fn set_run_state(
        &self,
        stamp: &Stamp,
        run: BillingRunId,
        from: &[RunState],
        to: RunState,
    ) -> Result<BillingRun> {
        let mut scope = self.write().await?;
        let before = scope.locked_run(run).await?;
        let after = scope.move_run(stamp, before, from, to).await?;
        scope.commit().await?;
        Ok(after)
    }

    async fn totals(&self, run: BillingRunId) -> Result<Vec<RunTotal>> {
        self.read().await?.totals(run).await
    }

    async fn held_page(
        &self,
        run: BillingRunId,
        filter: &HeldFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<HeldSubject>> {
        self.read().await?.held_page(run, filter, cursor, limit).await
    }

    async fn held_counts(&self, run: BillingRunId, limit: u32) -> Result<Vec<HeldCount>> {
        self.read().await?.held_counts(run, limit).await
    }

    async fn decisions(&self, run: BillingRunId, after: Option<DecisionId>, limit: u32) -> Result<Vec<Decision>> {
        let company = self.clone();
        aside(async move { company.read().await?.decisions(run, after, limit).await }).await
    }

    async fn decision(&self, decision: DecisionId) -> Result<Decision> {
        self.read().await?.decision(decision).await
    }

    async fn post_charges(&self, run: &BillingRun, entry: JournalEntryId, charges: Vec<Charge>) -> Result<()> {
        let (company, run) = (self.clone(), run.clone());
        aside(async move {
            let charges = charge::in_order(&run, charges)?;
            let accounts = company.read().await?.accounts(run.project_id).await?;
            // Made ready before the transaction begins: it is done while the page before is written.
            let page = charge::PostingPage::new(&company, entry, &accounts, charges)?;
            let mut scope = company.write().await?;
            let run = scope.posting_run(run.id).await?;
            let page = match scope.left_to_post(&page).await? {
                None => page,
                Some(left) => charge::PostingPage::new(&company, entry, &accounts, left)?,
            };
            scope.write_posting(&run, entry, page).await?;
            scope.commit().await
        })
        .await
    }

    async fn ensure_run_entry(&self, stamp: &Stamp, run: &BillingRun) -> Result<JournalEntryId> {
        let mut scope = self.write().await?;
        scope.locked_run(run.id).await?;
        let known = scope
            .row(
                sql!("SELECT id FROM journal_entry WHERE company_id = $1 AND run_id = $2 AND kind = $3"),
                values![run.id, EntryKind::ChargeRun],
            )
            .await?;
        if let Some(row) = known {
            return row.only();
        }
        let entry = JournalEntryId::generate();
        scope
            .execute(
                sql!(
                    "INSERT INTO journal_entry (company_id, id, project_id, kind, run_id, posted_at, posted_by) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
                ),
                values![entry, run.project_id, EntryKind::ChargeRun, run.id, stamp.at, &stamp.actor.name],
            )
            .await?;
        let after = serde_json::json!({ "run": run.id });
        scope
            .audit(stamp, crate::audit::Change::of("journal-entry.open", format!("journal-entry {entry}"), after))
            .await?;
        scope.commit().await?;
        Ok(entry)
    }

    async fn charges(
        &self,
        project: ProjectId,
        period_start: Option<Date>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ChargeRow>> {
        self.read().await?.charge_page(project, period_start, cursor, limit).await
    }

    async fn charges_of_unit(&self, unit: UnitId, limit: u32) -> Result<Vec<ChargeRow>> {
        self.read().await?.charges_of_unit(unit, limit).await
    }

    async fn charge(&self, charge: ChargeId) -> Result<ChargeRow> {
        self.read().await?.charge(charge).await
    }

    async fn reversal_of(&self, charge: ChargeId) -> Result<Option<Charge>> {
        self.read().await?.reversal_of(charge).await
    }

    async fn journal_sum(&self, project: Option<ProjectId>) -> Result<JournalSum> {
        self.read().await?.journal_sum(project).await
    }

    async fn check(&self) -> Result<Vec<CheckResult>> {
        self.read().await?.check().await
    }
}
