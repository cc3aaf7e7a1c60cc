//! What bindings do while they live: their use in each run, and when they are not asked.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Period, Result,
    access::Stamp,
    billing::BillingRun,
    decision::HoldKind,
    ids::{BillingRunId, BindingId, DecisionId, ProjectId, QuarantineId},
    plugin::{BindingUse, Quarantine, QuarantineOrder, QuarantineRow, RunUse, ShadowDifference, Use, UseError},
    ports::WatchStore,
};
use serde_json::json;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Cells, Row, Scope},
    value,
};

/// What [`read_use`] reads, of a use `u`.
macro_rules! use_columns {
    () => {
        concat!(
            "u.calls, u.subjects, u.decided, u.refused, u.undecided, u.trapped, u.limited, u.invalid, u.passed_over, u.fuel, ",
            "u.fuel_permille, u.memory_permille, u.spent_us, u.last_error_kind, u.last_error, u.last_error_at, u.stopped, ",
            "u.difference "
        )
    };
}

fn read_use(cells: &mut Cells<'_>) -> Result<Use> {
    Ok(Use {
        calls: cells.take()?,
        subjects: cells.take()?,
        decided: cells.take()?,
        refused: cells.take()?,
        undecided: cells.take()?,
        trapped: cells.take()?,
        limited: cells.take()?,
        invalid: cells.take()?,
        passed_over: cells.take()?,
        fuel: cells.take()?,
        fuel_permille: cells.take()?,
        memory_permille: cells.take()?,
        spent_us: cells.take()?,
        last_error: read_error(cells)?,
        stopped: cells.take()?,
        difference: cells.take::<Option<String>>()?.map(|text| value::json(&text)).transpose()?,
    })
}

fn read_error(cells: &mut Cells<'_>) -> Result<Option<UseError>> {
    let (kind, reason, at) = (cells.take::<Option<HoldKind>>()?, cells.take::<Option<String>>()?, cells.take()?);
    Ok(match (kind, reason, at) {
        (Some(kind), Some(reason), Some(at)) => Some(UseError { kind, reason, at }),
        _ => None,
    })
}

fn read_quarantine(cells: &mut Cells<'_>) -> Result<Quarantine> {
    Ok(Quarantine {
        id: cells.take()?,
        project_id: cells.take()?,
        binding_id: cells.take()?,
        run_id: cells.take()?,
        reason: cells.take()?,
        since: cells.take()?,
        by: cells.take()?,
    })
}

impl Scope {
    async fn uses_of_run(&mut self, run: BillingRunId) -> Result<Vec<BindingUse>> {
        let statement = sql!(
            "SELECT u.binding_id, u.mode, ",
            use_columns!(),
            "FROM binding_use u WHERE u.company_id = $1 AND u.run_id = $2 ORDER BY u.binding_id"
        );
        let rows = self.rows(statement, values![run]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(BindingUse { binding_id: cells.take()?, mode: cells.take()?, used: read_use(&mut cells)? })
            })
            .collect()
    }

    /// Adds what a page did. The run is locked, so that nobody else adds in between.
    pub(crate) async fn write_uses(&mut self, run: BillingRunId, uses: &[BindingUse]) -> Result<()> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut known = self.uses_of_run(run).await?;
        for page in uses {
            let before = known.iter().position(|known| known.binding_id == page.binding_id);
            let mut sum = before.map(|before| known.swap_remove(before).used).unwrap_or_default();
            sum.add(&page.used)?;
            self.write_use(run, page, &sum).await?;
        }
        Ok(())
    }

    async fn write_use(&mut self, run: BillingRunId, page: &BindingUse, sum: &Use) -> Result<()> {
        let error = sum.last_error.as_ref();
        let difference = sum.difference.as_ref().map(value::to_json).transpose()?;
        self.execute(
            sql!(
                "INSERT INTO binding_use (company_id, run_id, binding_id, mode, calls, subjects, decided, refused, undecided, ",
                "trapped, limited, invalid, passed_over, fuel, fuel_permille, memory_permille, spent_us, last_error_kind, ",
                "last_error, last_error_at, stopped, difference, differs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ",
                "$12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, FALSE) ON CONFLICT (run_id, binding_id) DO UPDATE SET ",
                "calls = excluded.calls, subjects = excluded.subjects, decided = excluded.decided, refused = excluded.refused, ",
                "undecided = excluded.undecided, trapped = excluded.trapped, limited = excluded.limited, ",
                "invalid = excluded.invalid, passed_over = excluded.passed_over, fuel = excluded.fuel, ",
                "fuel_permille = excluded.fuel_permille, memory_permille = excluded.memory_permille, ",
                "spent_us = excluded.spent_us, last_error_kind = excluded.last_error_kind, last_error = excluded.last_error, ",
                "last_error_at = excluded.last_error_at, stopped = excluded.stopped, difference = excluded.difference ",
                "WHERE binding_use.company_id = excluded.company_id"
            ),
            values![
                run,
                page.binding_id,
                page.mode,
                sum.calls,
                sum.subjects,
                sum.decided,
                sum.refused,
                sum.undecided,
                sum.trapped,
                sum.limited,
                sum.invalid,
                sum.passed_over,
                sum.fuel,
                sum.fuel_permille,
                sum.memory_permille,
                sum.spent_us,
                error.map(|error| error.kind),
                error.map(|error| error.reason.clone()),
                error.map(|error| error.at),
                &sum.stopped,
                difference
            ],
        )
        .await?;
        Ok(())
    }

    pub(crate) async fn is_quarantined(&mut self, binding: BindingId) -> Result<bool> {
        let statement =
            sql!("SELECT COUNT(*) FROM quarantine WHERE company_id = $1 AND binding_id = $2 AND released_at IS NULL");
        let row = self.row(statement, values![binding]).await?;
        Ok(row.map(|row| row.only::<i64>()).transpose()?.is_some_and(|open| open > 0))
    }

    /// Begins a quarantine with its event and audit row; `false` where the binding is quarantined already.
    pub(crate) async fn start_quarantine(&mut self, order: &QuarantineOrder) -> Result<bool> {
        let QuarantineOrder { stamp, quarantine } = order;
        let begun = self
            .execute(
                sql!(
                    "INSERT INTO quarantine (company_id, id, binding_id, run_id, reason, created_at, created_by) ",
                    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
                ),
                values![
                    quarantine.id,
                    quarantine.binding_id,
                    quarantine.run_id,
                    &quarantine.reason,
                    quarantine.since,
                    &quarantine.by
                ],
            )
            .await?;
        if begun == 0 {
            return Ok(false);
        }
        let after = json!({ "reason": quarantine.reason, "run": quarantine.run_id });
        self.tell(stamp, quarantine, "binding.quarantined", &after).await?;
        let subject = format!("binding {}", quarantine.binding_id);
        self.audit(stamp, Change::of("binding.quarantine", subject, after)).await?;
        Ok(true)
    }

    async fn tell(
        &mut self,
        stamp: &Stamp,
        quarantine: &Quarantine,
        kind: &str,
        payload: &serde_json::Value,
    ) -> Result<()> {
        let subject = quarantine.binding_id.to_string();
        self.event(stamp.at, kind, Some(quarantine.project_id), subject, payload).await
    }
}

#[async_trait]
impl WatchStore for CompanyScope {
    async fn uses_of_run(&self, run: BillingRunId) -> Result<Vec<BindingUse>> {
        self.read().await?.uses_of_run(run).await
    }

    async fn uses_of_binding(&self, binding: BindingId, limit: u32) -> Result<Vec<RunUse>> {
        let statement = sql!(
            "SELECT r.id, r.period_start, r.period_end, r.state, r.created_at, u.mode, u.differs, ",
            use_columns!(),
            "FROM binding_use u JOIN billing_run r ON r.company_id = u.company_id AND r.id = u.run_id ",
            "WHERE u.company_id = $1 AND u.binding_id = $2 ORDER BY u.run_id DESC LIMIT $3"
        );
        let rows = self.read().await?.rows(statement, values![binding, limit]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(RunUse {
                    run_id: cells.take()?,
                    period: Period { start: cells.take()?, end: cells.take()? },
                    run_state: cells.take()?,
                    since: cells.take()?,
                    mode: cells.take()?,
                    differs: cells.take()?,
                    used: read_use(&mut cells)?,
                })
            })
            .collect()
    }

    async fn decisions_of_binding(&self, run: BillingRunId, binding: BindingId) -> Result<Vec<(DecisionId, i64)>> {
        let statement = sql!(
            "SELECT id, lines FROM decision WHERE company_id = $1 AND run_id = $2 AND binding_id = $3 ORDER BY first_line, id"
        );
        let rows = self.read().await?.rows(statement, values![run, binding]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((cells.take()?, cells.take()?))
            })
            .collect()
    }

    async fn quarantines(&self, project: ProjectId) -> Result<Vec<Quarantine>> {
        let statement = sql!(
            "SELECT q.id, b.project_id, q.binding_id, q.run_id, q.reason, q.created_at, q.created_by FROM quarantine q ",
            "JOIN binding b ON b.company_id = q.company_id AND b.id = q.binding_id ",
            "WHERE q.company_id = $1 AND b.project_id = $2 AND q.released_at IS NULL ORDER BY q.id"
        );
        let rows = self.read().await?.rows(statement, values![project]).await?;
        rows.iter().map(|row| read_quarantine(&mut row.cells())).collect()
    }

    async fn open_quarantines(&self, after: Option<QuarantineId>, limit: u32) -> Result<Vec<QuarantineRow>> {
        let statement = sql!(
            "SELECT q.id, b.project_id, q.binding_id, q.run_id, q.reason, q.created_at, q.created_by, p.name, f.name, b.point, ",
            "b.plugin_code, b.plugin_version, b.effective_from, b.effective_to FROM quarantine q ",
            "JOIN binding b ON b.company_id = q.company_id AND b.id = q.binding_id ",
            "JOIN project p ON p.company_id = q.company_id AND p.id = b.project_id ",
            "LEFT JOIN fee_item f ON f.company_id = q.company_id AND f.id = b.fee_item_id ",
            "WHERE q.company_id = $1 AND q.released_at IS NULL AND ($2 IS NULL OR q.id > $2) ORDER BY q.id LIMIT $3"
        );
        let rows = self.read().await?.rows(statement, values![after, limit]).await?;
        let read = |row: &Row| {
            let mut cells = row.cells();
            Ok(QuarantineRow {
                quarantine: read_quarantine(&mut cells)?,
                project: cells.take()?,
                fee_item: cells.take()?,
                point: cells.take()?,
                plugin: cells.take()?,
                version: cells.take()?,
                from: cells.take()?,
                to: cells.take()?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn quarantine(&self, order: &QuarantineOrder) -> Result<()> {
        let mut scope = self.write().await?;
        if !scope.start_quarantine(order).await? {
            return Err(Error::Conflict("the binding is quarantined already".into()));
        }
        scope.commit().await
    }

    async fn release(&self, stamp: &Stamp, quarantine: &Quarantine, replayed: i64) -> Result<()> {
        let mut scope = self.write().await?;
        let ended = scope
            .execute(
                sql!(
                    "UPDATE quarantine SET released_at = $3, released_by = $4 ",
                    "WHERE company_id = $1 AND id = $2 AND released_at IS NULL"
                ),
                values![quarantine.id, stamp.at, &stamp.actor.name],
            )
            .await?;
        if ended == 0 {
            return Err(Error::Conflict("the binding is released already".into()));
        }
        let after = json!({ "replayed": replayed });
        scope.tell(stamp, quarantine, "binding.released", &after).await?;
        let change = Change {
            action: "binding.release",
            subject: format!("binding {}", quarantine.binding_id),
            before: json!({ "reason": quarantine.reason, "run": quarantine.run_id, "since": quarantine.since }),
            after,
        };
        scope.audit(stamp, change).await?;
        scope.commit().await
    }

    async fn note_shadow_differences(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        differences: &[ShadowDifference],
    ) -> Result<()> {
        if differences.is_empty() {
            return Ok(());
        }
        let mut scope = self.write().await?;
        for found in differences {
            let first = scope
                .execute(
                    sql!(
                        "UPDATE binding_use SET differs = TRUE ",
                        "WHERE company_id = $1 AND run_id = $2 AND binding_id = $3 AND NOT differs"
                    ),
                    values![run.id, found.binding_id],
                )
                .await?;
            if first == 0 {
                continue;
            }
            // Without a total where it leaves its range.
            let total = found.difference.total().ok();
            let payload = json!({
                "binding": found.binding_id,
                "tolerance_permille": found.tolerance_permille,
                "subjects": total.map(|total| total.subjects),
                "unchanged": found.difference.unchanged(),
                "before_fen": total.map(|total| total.before),
                "after_fen": total.map(|total| total.after),
            });
            scope.event(stamp.at, "shadow.differs", Some(run.project_id), run.id.to_string(), &payload).await?;
        }
        scope.commit().await
    }
}
