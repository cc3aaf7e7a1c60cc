//! The state of runs and how far they have come.

use chrono::{DateTime, Utc};
use guanjia_domain::{
    Date, Error, Fen, Period, Result,
    access::Stamp,
    billing::{BillingRun, RunState, RunTotal},
    ids::*,
    job::Job,
    ports::{PageResult, RunCursor},
};
use serde_json::json;

use crate::{
    audit::Change,
    billing::decision::EncodedDecisions,
    bulk::Bulk,
    db::{Row, Scope},
    value::{Value, Values},
};

macro_rules! run_columns {
    () => {
        concat!(
            "SELECT id, project_id, period_start, period_end, revision, fee_item_id, state, created_by, created_at, approved_by, approved_at, ",
            "posted_by, posted_at, lines, held, total_fen, posted_lines FROM billing_run "
        )
    };
}

fn read_run(row: &Row) -> Result<BillingRun> {
    let mut cells = row.cells();
    Ok(BillingRun {
        id: cells.take()?,
        project_id: cells.take()?,
        period: Period { start: cells.take()?, end: cells.take()? },
        revision: cells.take()?,
        fee_item_id: cells.take()?,
        state: cells.take()?,
        created_by: cells.take()?,
        created_at: cells.take()?,
        approved_by: cells.take()?,
        approved_at: cells.take()?,
        posted_by: cells.take()?,
        posted_at: cells.take()?,
        lines: cells.take()?,
        held: cells.take()?,
        total: cells.take()?,
        posted_lines: cells.take()?,
    })
}

/// What a recorded cursor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CursorStep {
    /// The page is new.
    Page,
    /// The pages stand; only the end is new.
    Finish,
}

impl Scope {
    pub(crate) async fn run(&mut self, run: BillingRunId) -> Result<BillingRun> {
        let row = self.row(sql!(run_columns!(), "WHERE company_id = $1 AND id = $2"), values![run]).await?;
        read_run(&row.ok_or_else(|| Error::not_found("billing run", run))?)
    }

    /// The run, kept from others until the transaction ends.
    pub(crate) async fn locked_run(&mut self, run: BillingRunId) -> Result<BillingRun> {
        let row =
            self.row(sql!(run_columns!(), "WHERE company_id = $1 AND id = $2 {for update}"), values![run]).await?;
        read_run(&row.ok_or_else(|| Error::not_found("billing run", run))?)
    }

    /// Oldest first.
    pub(crate) async fn runs(&mut self, project: ProjectId, period_start: Option<Date>) -> Result<Vec<BillingRun>> {
        let rows = match period_start {
            None => {
                self.rows(
                    sql!(run_columns!(), "WHERE company_id = $1 AND project_id = $2 ORDER BY id"),
                    values![project],
                )
                .await?
            }
            Some(start) => {
                let statement =
                    sql!(run_columns!(), "WHERE company_id = $1 AND project_id = $2 AND period_start = $3 ORDER BY id");
                self.rows(statement, values![project, start]).await?
            }
        };
        rows.iter().map(read_run).collect()
    }

    /// Whether a run of the same period is on its way to be posted.
    pub(crate) async fn period_is_approved(&mut self, run: &BillingRun) -> Result<bool> {
        let row = self
            .row(
                sql!(
                    "SELECT id FROM billing_run WHERE company_id = $1 AND project_id = $2 AND period_start = $3 ",
                    "AND state IN ('approved', 'posting') LIMIT 1"
                ),
                values![run.project_id, run.period.start],
            )
            .await?;
        Ok(row.is_some())
    }

    /// # Errors
    /// `Conflict` when a correction of the same fee item was posted that the run does not stand on.
    pub(crate) async fn require_next_revision(&mut self, run: &BillingRun) -> Result<()> {
        let statement = sql!(
            "SELECT id FROM billing_run WHERE company_id = $1 AND project_id = $2 AND period_start = $3 AND fee_item_id = $4 ",
            "AND revision >= $5 AND state = 'posted' LIMIT 1"
        );
        let later = values![run.project_id, run.period.start, run.fee_item_id, run.revision];
        match self.row(statement, later).await? {
            Some(_) => Err(Error::Conflict("the period was corrected meanwhile: make a new preview".into())),
            None => Ok(()),
        }
    }

    /// Writes a run and its job, in place of an earlier one of the same kind that nobody approved.
    pub(crate) async fn start_run(&mut self, stamp: &Stamp, run: &BillingRun, job: &Job) -> Result<()> {
        let replaced = self.runs(run.project_id, Some(run.period.start)).await?;
        for earlier in replaced {
            let open = matches!(earlier.state, RunState::Computing | RunState::Previewed);
            if open && earlier.fee_item_id == run.fee_item_id {
                self.cancel_jobs(earlier.id, stamp.at).await?;
                self.move_run(stamp, earlier, &[RunState::Computing, RunState::Previewed], RunState::Cancelled).await?;
            }
        }
        self.execute(
            sql!(
                "INSERT INTO billing_run (company_id, id, project_id, period_start, period_end, revision, fee_item_id, state, ",
                "created_by, created_at, lines, held, total_fen, posted_lines) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            ),
            values![
                run.id,
                run.project_id,
                run.period.start,
                run.period.end,
                run.revision,
                run.fee_item_id,
                run.state,
                &run.created_by,
                run.created_at,
                run.lines,
                run.held,
                run.total,
                run.posted_lines
            ],
        )
        .await?;
        self.write_job(job).await?;
        let mut after = json!({ "project": run.project_id, "period": run.period.to_string(), "job": job.id });
        if let Some(fee_item) = run.fee_item_id {
            after["fee_item"] = json!(fee_item);
            after["revision"] = json!(run.revision);
        }
        self.audit(stamp, Change::of("billing-run.create", format!("billing-run {}", run.id), after)).await
    }

    pub(crate) async fn cursor(&mut self, run: BillingRunId) -> Result<Option<RunCursor>> {
        let statement =
            sql!("SELECT rules, after_unit, units, finished FROM run_cursor WHERE company_id = $1 AND run_id = $2");
        let row = self.row(statement, values![run]).await?;
        row.map(|row| {
            let mut cells = row.cells();
            Ok(RunCursor { rules: cells.take()?, after: cells.take()?, units: cells.take()?, finished: cells.take()? })
        })
        .transpose()
    }

    /// What is new about a cursor; `None` when all of it is recorded already.
    pub(crate) async fn next_step(&mut self, run: BillingRunId, cursor: &RunCursor) -> Result<Option<CursorStep>> {
        let recorded = self.cursor(run).await?;
        let (after, finished) = recorded.map_or((None, false), |recorded| (recorded.after, recorded.finished));
        Ok(match () {
            () if finished => None,
            () if cursor.after > after => Some(CursorStep::Page),
            () if cursor.finished => Some(CursorStep::Finish),
            () => None,
        })
    }

    pub(crate) async fn move_cursor(&mut self, run: BillingRunId, cursor: &RunCursor) -> Result<()> {
        self.execute(
            sql!(
                "INSERT INTO run_cursor (company_id, run_id, rules, after_unit, units, finished) VALUES ($1, $2, $3, $4, $5, $6) ",
                "ON CONFLICT (run_id) DO UPDATE SET after_unit = COALESCE(excluded.after_unit, run_cursor.after_unit), ",
                "units = excluded.units, finished = excluded.finished WHERE run_cursor.company_id = excluded.company_id"
            ),
            values![run, &cursor.rules, cursor.after, cursor.units, cursor.finished],
        )
        .await?;
        Ok(())
    }

    /// Writes what a page leaves behind and adds it to the run.
    ///
    /// # Errors
    /// `Conflict` when the lines do not go on where the run stands: somebody else recorded a page meanwhile.
    pub(crate) async fn write_page(
        &mut self,
        run: &BillingRun,
        page: &PageResult,
        decisions: EncodedDecisions,
    ) -> Result<()> {
        if decisions.first_line.is_some_and(|first| first != run.lines) {
            return Err(Error::Conflict("another worker has recorded pages of this run meanwhile".into()));
        }
        self.write_decisions(decisions.values).await?;
        self.write_held(&page.held).await?;
        let held = i64::try_from(page.held.len()).map_err(|_| Error::Overflow("counting held subjects"))?;
        let lines = run.lines.checked_add(decisions.lines).ok_or(Error::Overflow("counting lines"))?;
        let held = run.held.checked_add(held).ok_or(Error::Overflow("counting held subjects"))?;
        self.add_totals(run, &page.totals, lines, held).await
    }

    pub(crate) async fn write_allocation(
        &mut self,
        run: &BillingRun,
        allocated: &[(DecisionId, Vec<i64>)],
        totals: &[RunTotal],
    ) -> Result<()> {
        for (decision, amounts) in allocated {
            self.write_allocated(run.id, *decision, amounts).await?;
        }
        self.add_totals(run, totals, run.lines, run.held).await
    }

    async fn add_totals(&mut self, run: &BillingRun, totals: &[RunTotal], lines: i64, held: i64) -> Result<()> {
        let mut total = run.total;
        let mut values = Values::with_capacity(totals.len() * 5);
        for part in totals {
            total = total.checked_add(part.amount)?;
            values.extend([
                Value::from(run.id),
                Value::from(part.fee_item_id),
                Value::from(&part.building),
                Value::from(part.lines),
                Value::from(part.amount),
            ]);
        }
        if !values.is_empty() {
            // Both databases refuse a sum that leaves the range of the column.
            let on_conflict = " ON CONFLICT (run_id, fee_item_id, building) DO UPDATE SET \
                lines = run_total.lines + excluded.lines, amount_fen = run_total.amount_fen + excluded.amount_fen \
                WHERE run_total.company_id = excluded.company_id";
            let columns = &["run_id", "fee_item_id", "building", "lines", "amount_fen"];
            let into = Bulk { table: "run_total", columns, on_conflict: on_conflict.to_owned() };
            self.insert_many(&into, values).await?;
        }
        self.execute(
            sql!("UPDATE billing_run SET lines = $3, held = $4, total_fen = $5 WHERE company_id = $1 AND id = $2"),
            values![run.id, lines, held, total],
        )
        .await?;
        Ok(())
    }

    /// # Errors
    /// `Conflict` while pages are missing or weights are not allocated.
    pub(crate) async fn require_complete(&mut self, run: BillingRunId) -> Result<()> {
        if !self.cursor(run).await?.is_some_and(|cursor| cursor.finished) {
            return Err(Error::Conflict("the run is not computed to its end".into()));
        }
        let open = self
            .row(
                sql!("SELECT id FROM decision WHERE company_id = $1 AND run_id = $2 AND lines > 0 AND sum_fen IS NULL LIMIT 1"),
                values![run],
            )
            .await?;
        match open {
            Some(_) => Err(Error::Conflict("the shared costs of the run are not allocated".into())),
            None => Ok(()),
        }
    }

    /// Moves a locked run to another state, with its audit row and event.
    pub(crate) async fn move_run(
        &mut self,
        stamp: &Stamp,
        before: BillingRun,
        from: &[RunState],
        to: RunState,
    ) -> Result<BillingRun> {
        if !from.contains(&before.state) {
            return Err(Error::Conflict(format!("the run is {} and cannot become {to}", before.state)));
        }
        if to == RunState::Posted && before.posted_lines != before.lines {
            return Err(Error::Conflict(format!("{} of {} lines are posted", before.posted_lines, before.lines)));
        }
        let was = before.state;
        let mut after = BillingRun { state: to, ..before };
        let who = Some(stamp.actor.name.clone());
        let at: Option<DateTime<Utc>> = Some(crate::db::to_micros(stamp.at));
        match to {
            RunState::Approved => (after.approved_by, after.approved_at) = (who, at),
            RunState::Posted => (after.posted_by, after.posted_at) = (who, at),
            RunState::Cancelled => self.cancel_jobs(after.id, stamp.at).await?,
            RunState::Computing | RunState::Previewed | RunState::Posting => {}
        }
        self.execute(
            sql!(
                "UPDATE billing_run SET state = $3, approved_by = $4, approved_at = $5, posted_by = $6, posted_at = $7 ",
                "WHERE company_id = $1 AND id = $2"
            ),
            values![after.id, to, &after.approved_by, after.approved_at, &after.posted_by, after.posted_at],
        )
        .await?;
        let (action, kind) = match to {
            RunState::Computing => ("billing-run.reopen", "billing-run.computing"),
            RunState::Previewed => ("billing-run.preview", "billing-run.previewed"),
            RunState::Approved => ("billing-run.approve", "billing-run.approved"),
            RunState::Posting => ("billing-run.start-posting", "billing-run.posting"),
            RunState::Posted => ("billing-run.post", "billing-run.posted"),
            RunState::Cancelled => ("billing-run.cancel", "billing-run.cancelled"),
        };
        let figures = json!({
            "state": to, "period": after.period.to_string(), "lines": after.lines, "held": after.held, "total_fen": after.total.0,
        });
        self.event(stamp.at, kind, Some(after.project_id), after.id.to_string(), &figures).await?;
        let change = Change {
            action,
            subject: format!("billing-run {}", after.id),
            before: json!({ "state": was }),
            after: figures,
        };
        self.audit(stamp, change).await?;
        Ok(after)
    }

    pub(crate) async fn totals(&mut self, run: BillingRunId) -> Result<Vec<RunTotal>> {
        let statement = sql!(
            "SELECT fee_item_id, building, lines, amount_fen FROM run_total ",
            "WHERE company_id = $1 AND run_id = $2 ORDER BY fee_item_id, building"
        );
        let rows = self.rows(statement, values![run]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(RunTotal {
                    fee_item_id: cells.take()?,
                    building: cells.take()?,
                    lines: cells.take()?,
                    amount: cells.take::<Fen>()?,
                })
            })
            .collect()
    }
}
