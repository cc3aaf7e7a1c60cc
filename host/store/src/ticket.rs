//! Tickets: written over the version that they were planned from, listed through the index that narrows them most.

mod link;
mod list;
mod timer;
mod work_order;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    estate::STALE,
    ids::*,
    ports::{Page, TicketStore},
    ticket::{
        Caller, Declaration, Declared, FollowUp, FollowUpEntry, MoveRow, StateCount, Ticket, TicketEdit, TicketFilter,
        TicketHistory, TicketRow, Timer,
        plan::{NewEvent, Planned},
        timer::Firing,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    CompanyScope,
    audit::Change,
    bulk::Bulk,
    db::{Cells, Row, Scope},
    value::{Values, json, to_json},
};

/// What [`read_row`] reads of a ticket `t`.
macro_rules! ticket_columns {
    () => {
        concat!(
            "t.id, t.project_id, t.ticket_no, t.kind, t.category, t.priority, t.channel, t.state, t.unit_id, t.place, t.words, ",
            "t.caller_name, t.caller_phone, t.assignee, t.offered, t.level, t.effective, t.late, t.follow_up, t.not_reached, ",
            "t.taken_in_by, t.owner_link_id, t.created_at, t.response_due_at, t.solve_due_at, t.follow_up_due_at, ",
            "t.accepted_at, t.started_at, t.solved_at, t.ended_at, t.moved_at, t.moves, t.routing, t.calendar_version, ",
            "t.version, (SELECT u.name FROM app_user u WHERE u.id = t.assignee) "
        )
    };
}
use ticket_columns;

fn read_ticket(cells: &mut Cells<'_>) -> Result<Ticket> {
    Ok(Ticket {
        id: cells.take()?,
        project_id: cells.take()?,
        ticket_no: cells.take()?,
        kind: cells.take()?,
        category: cells.take()?,
        priority: cells.take()?,
        channel: cells.take()?,
        state: cells.take()?,
        unit_id: cells.take()?,
        place: cells.take()?,
        words: cells.take()?,
        caller: Caller { name: cells.take()?, phone: cells.take()? },
        assignee: cells.take()?,
        offered: cells.take()?,
        level: cells.take()?,
        effective: cells.take()?,
        late: cells.take()?,
        follow_up: cells.take()?,
        not_reached: cells.take()?,
        taken_in_by: cells.take()?,
        link_id: cells.take()?,
        taken_in_at: cells.take()?,
        response_due_at: cells.take()?,
        solve_due_at: cells.take()?,
        follow_up_due_at: cells.take()?,
        accepted_at: cells.take()?,
        started_at: cells.take()?,
        solved_at: cells.take()?,
        ended_at: cells.take()?,
        moved_at: cells.take()?,
        moves: cells.take()?,
        routing: json(&cells.take::<String>()?)?,
        calendar_version: cells.take()?,
        version: cells.take()?,
    })
}

fn read_row(row: &Row) -> Result<TicketRow> {
    let mut cells = row.cells();
    Ok(TicketRow { ticket: read_ticket(&mut cells)?, assignee: cells.take()? })
}

fn read_move(row: &Row) -> Result<MoveRow> {
    let mut cells = row.cells();
    Ok(MoveRow {
        number: cells.take()?,
        made: cells.take()?,
        from: cells.take()?,
        to: cells.take()?,
        at: cells.take()?,
        by: cells.take()?,
        reason: cells.take()?,
        assignee: cells.take()?,
    })
}

fn read_follow_up(row: &Row) -> Result<FollowUp> {
    let mut cells = row.cells();
    Ok(FollowUp {
        id: cells.take()?,
        entry: FollowUpEntry {
            result: cells.take()?,
            channel: cells.take()?,
            score: cells.take()?,
            words: cells.take()?,
        },
        by: cells.take()?,
        at: cells.take()?,
    })
}

fn read_declaration(row: &Row) -> Result<Declaration> {
    let mut cells = row.cells();
    Ok(Declaration {
        project_id: cells.take()?,
        code: cells.take()?,
        declared: json(&cells.take::<String>()?)?,
        version: cells.take()?,
    })
}

impl Scope {
    pub(crate) async fn ticket_row(&mut self, ticket: TicketId) -> Result<TicketRow> {
        let statement = sql!("SELECT ", ticket_columns!(), "FROM ticket t WHERE t.company_id = $1 AND t.id = $2");
        let row = self.row(statement, values![ticket]).await?;
        read_row(&row.ok_or_else(|| Error::not_found("ticket", ticket))?)
    }

    /// The next number of a project in a year: `2026-000123`.
    async fn next_ticket_no(&mut self, project: ProjectId, year: i32, now: DateTime<Utc>) -> Result<String> {
        let statement = sql!(
            "INSERT INTO ticket_counter (company_id, project_id, year, last, created_at) VALUES ($1, $2, $3, 1, $4) ",
            "ON CONFLICT (project_id, year) DO UPDATE SET last = ticket_counter.last + 1 ",
            "WHERE ticket_counter.company_id = excluded.company_id RETURNING last"
        );
        let row = self.row(statement, values![project, i64::from(year), now]).await?;
        let last: i64 = row.ok_or_else(|| Error::not_found("project", project))?.only()?;
        Ok(format!("{year:04}-{last:06}"))
    }

    async fn insert_ticket(&mut self, ticket: &Ticket, ticket_no: &str) -> Result<()> {
        let statement = sql!(
            "INSERT INTO ticket (company_id, id, project_id, ticket_no, kind, category, priority, channel, state, unit_id, place, ",
            "words, caller_name, caller_phone, assignee, offered, level, effective, late, follow_up, not_reached, taken_in_by, ",
            "owner_link_id, created_at, response_due_at, solve_due_at, follow_up_due_at, accepted_at, started_at, solved_at, ",
            "ended_at, moved_at, moves, routing, calendar_version, version, due_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, ",
            "$24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)"
        );
        let t = ticket;
        let values = values![
            t.id,
            t.project_id,
            ticket_no,
            &t.kind,
            &t.category,
            t.priority,
            t.channel,
            t.state,
            t.unit_id,
            &t.place,
            &t.words,
            &t.caller.name,
            &t.caller.phone,
            t.assignee,
            t.offered,
            t.level,
            t.effective,
            t.late,
            t.follow_up,
            t.not_reached,
            &t.taken_in_by,
            t.link_id,
            t.taken_in_at,
            t.response_due_at,
            t.solve_due_at,
            t.follow_up_due_at,
            t.accepted_at,
            t.started_at,
            t.solved_at,
            t.ended_at,
            t.moved_at,
            t.moves,
            to_json(&t.routing)?,
            t.calendar_version,
            t.version,
            t.due_at()
        ];
        self.execute(statement, values).await?;
        Ok(())
    }

    /// Writes what can change over the version before; `false` when another one is stored.
    async fn replace_ticket(&mut self, ticket: &Ticket) -> Result<bool> {
        let statement = sql!(
            "UPDATE ticket SET version = $4, category = $5, priority = $6, state = $7, place = $8, words = $9, caller_name = $10, ",
            "caller_phone = $11, assignee = $12, offered = $13, level = $14, effective = $15, late = $16, not_reached = $17, ",
            "response_due_at = $18, solve_due_at = $19, follow_up_due_at = $20, accepted_at = $21, started_at = $22, ",
            "solved_at = $23, ended_at = $24, moved_at = $25, moves = $26, routing = $27, calendar_version = $28, due_at = $29 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3"
        );
        let t = ticket;
        let values = values![
            t.id,
            t.version - 1,
            t.version,
            &t.category,
            t.priority,
            t.state,
            &t.place,
            &t.words,
            &t.caller.name,
            &t.caller.phone,
            t.assignee,
            t.offered,
            t.level,
            t.effective,
            t.late,
            t.not_reached,
            t.response_due_at,
            t.solve_due_at,
            t.follow_up_due_at,
            t.accepted_at,
            t.started_at,
            t.solved_at,
            t.ended_at,
            t.moved_at,
            t.moves,
            to_json(&t.routing)?,
            t.calendar_version,
            t.due_at()
        ];
        Ok(self.execute(statement, values).await? == 1)
    }

    async fn write_moves(&mut self, ticket: TicketId, moves: &[MoveRow]) -> Result<()> {
        let columns =
            &["ticket_id", "number", "made", "from_state", "to_state", "moved_by", "reason", "assignee", "created_at"];
        let mut values = Values::with_capacity(moves.len() * columns.len());
        for row in moves {
            values.append(&mut values![
                ticket,
                row.number,
                row.made,
                row.from,
                row.to,
                &row.by,
                &row.reason,
                row.assignee,
                row.at
            ]);
        }
        self.insert_many(&Bulk::insert("ticket_move", columns), values).await?;
        Ok(())
    }

    async fn write_timers(&mut self, ticket: TicketId, timers: &[Timer], now: DateTime<Utc>) -> Result<()> {
        if timers.is_empty() {
            return Ok(());
        }
        let columns = &["id", "ticket_id", "kind", "level", "clock", "due_at", "left_ms", "created_at"];
        let mut values = Values::with_capacity(timers.len() * columns.len());
        for timer in timers {
            let Timer { id, kind, level, clock, due_at, left_ms } = *timer;
            values.append(&mut values![id, ticket, kind, level, clock, due_at, left_ms, now]);
        }
        self.insert_many(&Bulk::insert("ticket_timer", columns), values).await?;
        Ok(())
    }

    async fn write_events(
        &mut self,
        ticket: &Ticket,
        ticket_no: &str,
        events: &[NewEvent],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let columns = &["id", "at", "kind", "project_id", "subject", "payload"];
        let mut values = Values::with_capacity(events.len() * columns.len());
        for event in events {
            // Of a new ticket the number is known only here.
            let mut payload = event.payload.clone();
            payload["ticket_no"] = json!(ticket_no);
            let subject = ticket.id.to_string();
            values.append(&mut values![
                EventId::generate(),
                now,
                &event.kind,
                ticket.project_id,
                subject,
                payload.to_string()
            ]);
        }
        self.insert_many(&Bulk::insert("event", columns), values).await?;
        Ok(())
    }

    async fn write_follow_up(&mut self, ticket: TicketId, follow_up: &FollowUp) -> Result<()> {
        let FollowUpEntry { result, channel, score, words } = &follow_up.entry;
        self.execute(
            sql!(
                "INSERT INTO follow_up (company_id, id, ticket_id, result, channel, score, words, made_by, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            ),
            values![follow_up.id, ticket, *result, *channel, *score, words, &follow_up.by, follow_up.at],
        )
        .await?;
        Ok(())
    }

    /// What the moves of a plan leave besides the ticket itself. The audit row comes last: it makes the writers of a company
    /// wait for one another.
    async fn write_planned(
        &mut self,
        stamp: &Stamp,
        planned: &Planned,
        ticket_no: &str,
        action: &'static str,
    ) -> Result<()> {
        let ticket = &planned.ticket;
        self.write_moves(ticket.id, &planned.moves).await?;
        self.write_timers(ticket.id, &planned.timers, stamp.at).await?;
        if let Some(follow_up) = &planned.follow_up {
            self.write_follow_up(ticket.id, follow_up).await?;
        }
        self.write_events(ticket, ticket_no, &planned.events, stamp.at).await?;
        let moves: Vec<_> =
            planned.moves.iter().map(|row| json!({ "made": row.made, "to": row.to, "reason": row.reason })).collect();
        let before = planned.moves.first().and_then(|row| row.from);
        let after = json!({
            "ticket_no": ticket_no, "kind": ticket.kind, "category": ticket.category, "state": ticket.state,
            "assignee": ticket.assignee, "moves": moves, "routed_by": ticket.routing.by,
            "response_due_at": ticket.response_due_at, "solve_due_at": ticket.solve_due_at, "version": ticket.version,
        });
        let change =
            Change { action, subject: format!("ticket {}", ticket.id), before: json!({ "state": before }), after };
        self.audit(stamp, change).await
    }
}

#[async_trait]
impl TicketStore for CompanyScope {
    async fn ticket_declarations(&self, project: Option<ProjectId>) -> Result<Vec<Declaration>> {
        let statement = sql!(
            "SELECT project_id, code, declared, version FROM ticket_declaration ",
            "WHERE company_id = $1 AND (project_id IS NULL OR project_id = $2) ORDER BY code"
        );
        let rows = self.read().await?.rows(statement, values![project]).await?;
        rows.iter().map(read_declaration).collect()
    }

    async fn declare_ticket(&self, stamp: &Stamp, declaration: &Declaration) -> Result<()> {
        let Declaration { project_id, code, declared, version } = declaration;
        let mut scope = self.write().await?;
        let noun = declared.noun();
        let text = to_json(declared)?;
        let written = if *version == 1 {
            let statement = sql!(
                "INSERT INTO ticket_declaration (company_id, id, project_id, noun, code, declared, version, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, 1, $7) ON CONFLICT DO NOTHING"
            );
            scope.execute(statement, values![Uuid::now_v7(), *project_id, noun, code, text, stamp.at]).await?
        } else {
            let statement = sql!(
                "UPDATE ticket_declaration SET declared = $6, version = $5 WHERE company_id = $1 ",
                "AND COALESCE(project_id, company_id) = COALESCE($2, company_id) AND noun = $3 AND code = $4 AND version = $5 - 1"
            );
            scope.execute(statement, values![*project_id, noun, code, *version, text]).await?
        };
        if written == 0 {
            return Err(Error::refused(STALE, format!("{noun} {code} was changed meanwhile: read it again")));
        }
        let place = project_id.map_or_else(String::new, |project| format!(" of project {project}"));
        let after = match declared {
            Declared::Kind(kind) => json!(kind),
            Declared::Category(category) => json!(category),
        };
        let action = if matches!(declared, Declared::Kind(_)) { "ticket-kind.set" } else { "ticket-category.set" };
        scope.audit(stamp, Change::of(action, format!("ticket-{noun} {code}{place}"), after)).await?;
        scope.commit().await
    }

    async fn add_ticket(&self, stamp: &Stamp, planned: &Planned, year: i32) -> Result<String> {
        let mut scope = self.write().await?;
        let ticket_no = scope.next_ticket_no(planned.ticket.project_id, year, stamp.at).await?;
        scope.insert_ticket(&planned.ticket, &ticket_no).await?;
        scope.write_planned(stamp, planned, &ticket_no, "ticket.take-in").await?;
        scope.commit().await?;
        Ok(ticket_no)
    }

    async fn ticket(&self, ticket: TicketId) -> Result<TicketRow> {
        self.read().await?.ticket_row(ticket).await
    }

    async fn ticket_timers(&self, ticket: TicketId) -> Result<Vec<Timer>> {
        self.read().await?.timers_of(ticket).await
    }

    async fn ticket_history(&self, ticket: TicketId) -> Result<TicketHistory> {
        let mut scope = self.read().await?;
        let moves = sql!(
            "SELECT number, made, from_state, to_state, created_at, moved_by, reason, assignee FROM ticket_move ",
            "WHERE company_id = $1 AND ticket_id = $2 ORDER BY number"
        );
        let moves = scope.rows(moves, values![ticket]).await?;
        let follow_ups = sql!(
            "SELECT id, result, channel, score, words, made_by, created_at FROM follow_up ",
            "WHERE company_id = $1 AND ticket_id = $2 ORDER BY id"
        );
        let follow_ups = scope.rows(follow_ups, values![ticket]).await?;
        Ok(TicketHistory {
            moves: moves.iter().map(read_move).collect::<Result<_>>()?,
            follow_ups: follow_ups.iter().map(read_follow_up).collect::<Result<_>>()?,
            fired: scope.fired_timers(ticket).await?,
            timers: scope.timers_of(ticket).await?,
        })
    }

    async fn move_ticket(&self, stamp: &Stamp, planned: &Planned) -> Result<bool> {
        let mut scope = self.write().await?;
        if !scope.replace_ticket(&planned.ticket).await? {
            return Ok(false);
        }
        // Those that run are few: written anew, they are what the plan says, whatever a move did to them.
        let forget = sql!("DELETE FROM ticket_timer WHERE company_id = $1 AND ticket_id = $2 AND fired_at IS NULL");
        scope.execute(forget, values![planned.ticket.id]).await?;
        scope.write_planned(stamp, planned, &planned.ticket.ticket_no, "ticket.move").await?;
        scope.commit().await?;
        Ok(true)
    }

    async fn edit_ticket(&self, stamp: &Stamp, before: &Ticket, after: &Ticket) -> Result<bool> {
        let mut scope = self.write().await?;
        if !scope.replace_ticket(after).await? {
            return Ok(false);
        }
        scope.write_events(after, &after.ticket_no, &[NewEvent::about("ticket.edited", after)], stamp.at).await?;
        let change = Change {
            action: "ticket.edit",
            subject: format!("ticket {}", after.id),
            before: json!(TicketEdit::of(before)),
            after: json!(TicketEdit::of(after)),
        };
        scope.audit(stamp, change).await?;
        scope.commit().await?;
        Ok(true)
    }

    async fn tickets(
        &self,
        filter: &TicketFilter,
        by_due: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<TicketRow>> {
        self.read().await?.ticket_page(filter, by_due, cursor, limit).await
    }

    async fn ticket_counts(&self, project: ProjectId, at: DateTime<Utc>) -> Result<Vec<StateCount>> {
        let statement = sql!(
            "SELECT state, COUNT(*), COUNT(CASE WHEN due_at < $3 THEN 1 END) FROM ticket ",
            "WHERE company_id = $1 AND project_id = $2 AND ended_at IS NULL GROUP BY state ORDER BY state"
        );
        let rows = self.read().await?.rows(statement, values![project, at]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(StateCount { state: cells.take()?, tickets: cells.take()?, overdue: cells.take()? })
            })
            .collect()
    }

    async fn timer(&self, timer: TimerId) -> Result<Option<(TicketRow, Timer)>> {
        let mut scope = self.read().await?;
        let Some((ticket, timer)) = scope.waiting_timer(timer).await? else { return Ok(None) };
        Ok(Some((scope.ticket_row(ticket).await?, timer)))
    }

    async fn fire_timer(&self, stamp: &Stamp, ticket: &Ticket, timer: &Timer, firing: Option<&Firing>) -> Result<bool> {
        let mut scope = self.write().await?;
        if !scope.lay_aside(timer, stamp.at).await? {
            return Ok(false);
        }
        let Some(firing) = firing else {
            scope.commit().await?;
            return Ok(true);
        };
        // Somebody has moved the ticket since: what firing means has to be computed anew.
        if !scope.replace_ticket(&firing.ticket).await? {
            return Ok(false);
        }
        scope.write_events(&firing.ticket, &ticket.ticket_no, std::slice::from_ref(&firing.event), stamp.at).await?;
        let told = |ticket: &Ticket| json!({ "level": ticket.level, "late": ticket.late, "version": ticket.version });
        let mut after = told(&firing.ticket);
        after["timer"] = json!(timer.kind);
        after["due_at"] = json!(timer.due_at);
        let subject = format!("ticket {}", ticket.id);
        scope.audit(stamp, Change { action: "ticket.timer", subject, before: told(ticket), after }).await?;
        scope.commit().await?;
        Ok(true)
    }
}
