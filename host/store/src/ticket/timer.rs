//! Timers: claimed with a lease like jobs, laid aside in the transaction of what they do.

use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    Result,
    ids::{CompanyId, TicketId, TimerId},
    ticket::{FiredTimer, Timer, timer::TIMER_LEASE_SECONDS},
};

use crate::{
    Store,
    db::{Cells, Scope},
};

fn read_timer(cells: &mut Cells<'_>) -> Result<Timer> {
    Ok(Timer {
        id: cells.take()?,
        kind: cells.take()?,
        level: cells.take()?,
        clock: cells.take()?,
        due_at: cells.take()?,
        left_ms: cells.take()?,
    })
}

impl Scope {
    /// Those that have not fired.
    pub(super) async fn timers_of(&mut self, ticket: TicketId) -> Result<Vec<Timer>> {
        let statement = sql!(
            "SELECT id, kind, level, clock, due_at, left_ms FROM ticket_timer ",
            "WHERE company_id = $1 AND ticket_id = $2 AND fired_at IS NULL ORDER BY id"
        );
        let rows = self.rows(statement, values![ticket]).await?;
        rows.iter().map(|row| read_timer(&mut row.cells())).collect()
    }

    pub(super) async fn fired_timers(&mut self, ticket: TicketId) -> Result<Vec<FiredTimer>> {
        let statement = sql!(
            "SELECT kind, level, due_at, fired_at FROM ticket_timer ",
            "WHERE company_id = $1 AND ticket_id = $2 AND fired_at IS NOT NULL ORDER BY fired_at, id"
        );
        let rows = self.rows(statement, values![ticket]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(FiredTimer {
                    kind: cells.take()?,
                    level: cells.take()?,
                    due_at: cells.take()?,
                    fired_at: cells.take()?,
                })
            })
            .collect()
    }

    pub(super) async fn waiting_timer(&mut self, timer: TimerId) -> Result<Option<(TicketId, Timer)>> {
        let statement = sql!(
            "SELECT ticket_id, id, kind, level, clock, due_at, left_ms FROM ticket_timer ",
            "WHERE company_id = $1 AND id = $2 AND fired_at IS NULL"
        );
        let row = self.row(statement, values![timer]).await?;
        row.map(|row| {
            let mut cells = row.cells();
            Ok((cells.take()?, read_timer(&mut cells)?))
        })
        .transpose()
    }

    /// `false` when another host has fired it, or it runs to another time by now.
    pub(super) async fn lay_aside(&mut self, timer: &Timer, now: DateTime<Utc>) -> Result<bool> {
        let statement = sql!(
            "UPDATE ticket_timer SET fired_at = $4, worker = NULL, lease_until = NULL ",
            "WHERE company_id = $1 AND id = $2 AND due_at = $3 AND fired_at IS NULL"
        );
        Ok(self.execute(statement, values![timer.id, timer.due_at, now]).await? == 1)
    }
}

impl Store {
    pub(crate) async fn claim_due_timers(
        &self,
        worker: &str,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(CompanyId, TimerId)>> {
        // Asked without a write first, as for jobs.
        let waiting = sql_unscoped!(
            "one clock serves all companies",
            "SELECT 1 FROM ticket_timer WHERE fired_at IS NULL AND due_at IS NOT NULL AND due_at <= $1 ",
            "AND (lease_until IS NULL OR lease_until < $1) LIMIT 1"
        );
        if self.db.read().await?.rows(waiting, values![now]).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = self.db.write().await?;
        let claim = sql_unscoped!(
            "one clock serves all companies",
            "UPDATE ticket_timer SET worker = $1, lease_until = $2 WHERE id IN (",
            "SELECT id FROM ticket_timer WHERE fired_at IS NULL AND due_at IS NOT NULL AND due_at <= $3 ",
            "AND (lease_until IS NULL OR lease_until < $3) ORDER BY due_at, id LIMIT $4 {skip locked}) ",
            "RETURNING company_id, id"
        );
        let until = now + Duration::seconds(TIMER_LEASE_SECONDS);
        let rows = session.rows(claim, values![worker, until, now, limit]).await?;
        session.commit().await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((cells.take()?, cells.take()?))
            })
            .collect()
    }

    /// Gives back what a worker has claimed and not fired.
    pub(crate) async fn release_timers(&self, worker: &str) -> Result<()> {
        let held =
            sql_unscoped!("one clock serves all companies", "SELECT 1 FROM ticket_timer WHERE worker = $1 LIMIT 1");
        if self.db.read().await?.rows(held, values![worker]).await?.is_empty() {
            return Ok(());
        }
        let mut session = self.db.write().await?;
        let release = sql_unscoped!(
            "one clock serves all companies",
            "UPDATE ticket_timer SET worker = NULL, lease_until = NULL WHERE worker = $1"
        );
        session.execute(release, values![worker]).await?;
        session.commit().await
    }
}
