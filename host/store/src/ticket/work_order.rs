//! Work orders under tickets.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    access::Stamp,
    ids::*,
    ports::{Page, WorkOrderStore},
    ticket::{
        plan::NewEvent,
        work_order::{PlannedWork, WorkOrder},
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    CompanyScope,
    audit::Change,
    db::{Row, Scope},
    value::{json as read_json, to_json},
};

/// Most work orders of a page.
const PAGE_ROWS_MAX: u32 = 500;

macro_rules! order_columns {
    () => {
        concat!(
            "SELECT id, project_id, ticket_id, number, title, state, assignee, checklist, parts, minutes, payment, quote_fen, ",
            "quoted_for, answered_by, answered_at, completed_at, version, created_at FROM work_order "
        )
    };
}

fn read_order(row: &Row) -> Result<WorkOrder> {
    let mut cells = row.cells();
    Ok(WorkOrder {
        id: cells.take()?,
        project_id: cells.take()?,
        ticket_id: cells.take()?,
        number: cells.take()?,
        title: cells.take()?,
        state: cells.take()?,
        assignee: cells.take()?,
        checklist: read_json(&cells.take::<String>()?)?,
        parts: read_json(&cells.take::<String>()?)?,
        minutes: cells.take()?,
        payment: cells.take()?,
        quote: cells.take()?,
        quoted_for: cells.take()?,
        answered_by: cells.take()?,
        answered_at: cells.take()?,
        completed_at: cells.take()?,
        version: cells.take()?,
        created_at: cells.take()?,
    })
}

/// What the trail keeps of one.
fn told(order: &WorkOrder) -> serde_json::Value {
    json!({
        "number": order.number, "title": order.title, "state": order.state, "assignee": order.assignee,
        "checklist": order.checklist, "parts": order.parts, "minutes": order.minutes, "payment": order.payment,
        "quote_fen": order.quote.map(|fen| fen.0), "version": order.version,
    })
}

impl Scope {
    async fn order_events(&mut self, stamp: &Stamp, order: &WorkOrder, events: &[NewEvent]) -> Result<()> {
        for event in events {
            let project = Some(order.project_id);
            self.event(stamp.at, &event.kind, project, order.id.to_string(), &event.payload).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl WorkOrderStore for CompanyScope {
    async fn add_work_order(&self, stamp: &Stamp, planned: &PlannedWork) -> Result<()> {
        let order = &planned.order;
        let mut scope = self.write().await?;
        let statement = sql!(
            "INSERT INTO work_order (company_id, id, project_id, ticket_id, number, title, state, assignee, checklist, parts, ",
            "minutes, payment, quote_fen, quoted_for, answered_by, answered_at, completed_at, version, created_at) ",
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
        );
        let values = values![
            order.id,
            order.project_id,
            order.ticket_id,
            order.number,
            &order.title,
            order.state,
            order.assignee,
            to_json(&order.checklist)?,
            to_json(&order.parts)?,
            order.minutes,
            order.payment,
            order.quote.map(|fen| fen.0),
            &order.quoted_for,
            &order.answered_by,
            order.answered_at,
            order.completed_at,
            order.version,
            order.created_at
        ];
        scope.execute(statement, values).await?;
        scope.order_events(stamp, order, &planned.events).await?;
        scope.audit(stamp, Change::of("work-order.add", format!("work-order {}", order.id), told(order))).await?;
        scope.commit().await
    }

    async fn work_order(&self, order: WorkOrderId) -> Result<WorkOrder> {
        let statement = sql!(order_columns!(), "WHERE company_id = $1 AND id = $2");
        let row = self.read().await?.row(statement, values![order]).await?;
        read_order(&row.ok_or_else(|| Error::not_found("work order", order))?)
    }

    async fn work_orders(&self, ticket: TicketId) -> Result<Vec<WorkOrder>> {
        let statement = sql!(order_columns!(), "WHERE company_id = $1 AND ticket_id = $2 ORDER BY number");
        let rows = self.read().await?.rows(statement, values![ticket]).await?;
        rows.iter().map(read_order).collect()
    }

    async fn work_orders_of_project(
        &self,
        project: ProjectId,
        to_charge: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<WorkOrder>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let bad = |_| Error::invalid("the cursor is not one that a page gave");
        let before: WorkOrderId = cursor.map_or(Ok(WorkOrderId(Uuid::max())), |cursor| cursor.parse().map_err(bad))?;
        // Two statements: those to charge are few, and have an index of their own.
        let statement = if to_charge {
            sql!(
                order_columns!(),
                "WHERE company_id = $1 AND project_id = $2 AND id < $3 AND payment = 'to-charge' ORDER BY id DESC LIMIT $4"
            )
        } else {
            sql!(order_columns!(), "WHERE company_id = $1 AND project_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4")
        };
        let rows = self.read().await?.rows(statement, values![project, before, limit + 1]).await?;
        let mut items = rows.iter().map(read_order).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(|order| order.id.to_string());
        Ok(Page { items, next })
    }

    async fn change_work_order(&self, stamp: &Stamp, before: &WorkOrder, planned: &PlannedWork) -> Result<bool> {
        let order = &planned.order;
        let mut scope = self.write().await?;
        let statement = sql!(
            "UPDATE work_order SET version = $4, title = $5, state = $6, assignee = $7, checklist = $8, parts = $9, minutes = $10, ",
            "payment = $11, quote_fen = $12, quoted_for = $13, answered_by = $14, answered_at = $15, completed_at = $16 ",
            "WHERE company_id = $1 AND id = $2 AND version = $3"
        );
        let values = values![
            order.id,
            before.version,
            order.version,
            &order.title,
            order.state,
            order.assignee,
            to_json(&order.checklist)?,
            to_json(&order.parts)?,
            order.minutes,
            order.payment,
            order.quote.map(|fen| fen.0),
            &order.quoted_for,
            &order.answered_by,
            order.answered_at,
            order.completed_at
        ];
        if scope.execute(statement, values).await? == 0 {
            return Ok(false);
        }
        scope.order_events(stamp, order, &planned.events).await?;
        let subject = format!("work-order {}", order.id);
        let change = Change { action: "work-order.change", subject, before: told(before), after: told(order) };
        scope.audit(stamp, change).await?;
        scope.commit().await?;
        Ok(true)
    }
}
