//! Lists of tickets. There are millions of them, most of them closed: each list is one range of the index that narrows it
//! most, and whatever else is asked filters that range.

use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    ids::TicketId,
    ports::Page,
    ticket::{TextKind, TicketFilter, TicketRow},
};
use uuid::Uuid;

use super::{read_row, ticket_columns};
use crate::{db::Scope, estate::search_pattern, sql::Scoped, value::Values};

/// Most tickets of a page.
const PAGE_ROWS_MAX: u32 = 500;
/// Words are searched in so many tickets a page: what both databases read in some hundredths of a second. An index of all
/// words would be larger than the tickets, and cost more than the ticket at each intake.
const WORDS_WINDOW: u32 = 10_000;

/// Everything that may be asked, after `$1` to `$4`: the company, where the page starts and ends, and its size.
macro_rules! filters {
    () => {
        concat!(
            "AND ($5 IS NULL OR t.project_id = $5) AND ($6 IS NULL OR t.state = $6) AND ($7 IS NULL OR t.kind = $7) ",
            "AND ($8 IS NULL OR t.assignee = $8) AND ($9 IS NULL OR t.unit_id = $9) AND (NOT $10 OR t.ended_at IS NULL) ",
            "AND (NOT $11 OR t.offered) AND ($12 = '' OR t.ticket_no = $12) AND ($13 = '' OR t.caller_phone = $13) "
        )
    };
}

/// A page from the newest back; `$14` and `$15` search words.
macro_rules! newest {
    ($lead:literal) => {
        (
            sql!(
                "SELECT ",
                ticket_columns!(),
                "FROM ticket t WHERE t.company_id = $1 AND t.id < $2 AND t.id >= $3 ",
                $lead,
                filters!(),
                "AND ($14 = '' OR LOWER(t.words) LIKE $14 ESCAPE '\\' OR LOWER(t.place) LIKE $14 ESCAPE '\\' ",
                "OR ($15 AND LOWER(t.caller_name) LIKE $14 ESCAPE '\\')) ORDER BY t.id DESC LIMIT $4"
            ),
            // The last ticket of the window in which words are searched.
            sql!(
                "SELECT t.id FROM ticket t WHERE t.company_id = $1 AND t.id < $2 AND t.id >= $3 ",
                $lead,
                filters!(),
                "ORDER BY t.id DESC LIMIT 1 OFFSET $4"
            ),
        )
    };
}

/// A page in the order of deadlines: those after `$2` and `$3` and, where it is given, before `$14`.
macro_rules! by_due {
    ($lead:literal) => {
        sql!(
            "SELECT ",
            ticket_columns!(),
            "FROM ticket t WHERE t.company_id = $1 AND t.due_at IS NOT NULL AND (t.due_at, t.id) > ($2, $3) ",
            $lead,
            filters!(),
            "AND ($14 IS NULL OR t.due_at < $14) ORDER BY t.due_at, t.id LIMIT $4"
        )
    };
}

impl Scope {
    pub(super) async fn ticket_page(
        &mut self,
        filter: &TicketFilter,
        by_due: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<TicketRow>> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        if by_due || filter.overdue_at.is_some() {
            return self.tickets_by_due(filter, cursor, limit).await;
        }
        let before = cursor.map_or(Ok(TicketId(Uuid::max())), read_id)?;
        let (page, window) = newest_of(filter);
        let (pattern, named) = words(filter);
        let mut end = None;
        if !pattern.is_empty() {
            let values = asked(filter, values![before, Uuid::nil(), WORDS_WINDOW - 1]);
            end = self.row(window, values).await?.map(|row| row.only::<TicketId>()).transpose()?;
        }
        let start = end.unwrap_or(TicketId(Uuid::nil()));
        let mut values = asked(filter, values![before, start, limit + 1]);
        values.append(&mut values![pattern, named]);
        let rows = self.rows(page, values).await?;
        let mut items = rows.iter().map(read_row).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more).map(|row| row.ticket.id);
        Ok(Page { items, next: last.or(end).map(|id| id.to_string()) })
    }

    async fn tickets_by_due(
        &mut self,
        filter: &TicketFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<TicketRow>> {
        if filter.text_kind() == TextKind::Words {
            return Err(Error::invalid("words are searched in the order of tickets, not of deadlines"));
        }
        let (due, after) = cursor.map_or(Ok((DateTime::UNIX_EPOCH, TicketId(Uuid::nil()))), read_due)?;
        let statement =
            if filter.assignee.is_some() { by_due!("AND t.assignee = $8 ") } else { by_due!("AND t.project_id = $5 ") };
        let mut values = asked(filter, values![due, after, limit + 1]);
        values.append(&mut values![filter.overdue_at]);
        let rows = self.rows(statement, values).await?;
        let mut items = rows.iter().map(read_row).collect::<Result<Vec<_>>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next = last.and_then(|row| Some(format!("{}_{}", row.ticket.due_at()?.timestamp_micros(), row.ticket.id)));
        Ok(Page { items, next })
    }
}

/// The statement whose index narrows most: a number is one ticket, a person's or a unit's are few, a state is rarer than a
/// kind.
fn newest_of(filter: &TicketFilter) -> (Scoped, Scoped) {
    match filter.text_kind() {
        TextKind::TicketNo if filter.project_id.is_some() => {
            return newest!("AND t.project_id = $5 AND t.ticket_no = $12 ");
        }
        TextKind::Phone if filter.project_id.is_some() => {
            return newest!("AND t.project_id = $5 AND t.caller_phone = $13 AND t.caller_phone <> '' ");
        }
        _ => {}
    }
    if filter.unit_id.is_some() {
        newest!("AND t.unit_id = $9 ")
    } else if filter.assignee.is_some() && filter.open {
        newest!("AND t.assignee = $8 AND t.ended_at IS NULL ")
    } else if filter.assignee.is_some() {
        newest!("AND t.assignee = $8 ")
    } else if filter.state.is_some() {
        newest!("AND t.project_id = $5 AND t.state = $6 ")
    } else if filter.open {
        newest!("AND t.project_id = $5 AND t.ended_at IS NULL ")
    } else if filter.kind.is_some() {
        newest!("AND t.project_id = $5 AND t.kind = $7 ")
    } else {
        newest!("AND t.project_id = $5 ")
    }
}

/// The arguments of [`filters!`] after those of the page.
fn asked(filter: &TicketFilter, mut values: Values) -> Values {
    let text = filter.text.trim();
    let (number, phone) = match filter.text_kind() {
        TextKind::TicketNo => (text, ""),
        TextKind::Phone => ("", text),
        TextKind::Nothing | TextKind::Words => ("", ""),
    };
    values.append(&mut values![
        filter.project_id,
        filter.state,
        filter.kind.clone(),
        filter.assignee,
        filter.unit_id,
        filter.open,
        filter.offered,
        number,
        phone
    ]);
    values
}

/// What words are searched for, and whether in names, too.
fn words(filter: &TicketFilter) -> (String, bool) {
    let pattern = if filter.text_kind() == TextKind::Words { search_pattern(&filter.text) } else { String::new() };
    (pattern, filter.personal_data)
}

fn read_id(cursor: &str) -> Result<TicketId> {
    cursor.parse().map_err(|_| bad_cursor())
}

fn read_due(cursor: &str) -> Result<(DateTime<Utc>, TicketId)> {
    let (due, id) = cursor.split_once('_').ok_or_else(bad_cursor)?;
    let due = due.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or_else(bad_cursor)?;
    Ok((due, read_id(id)?))
}

fn bad_cursor() -> Error {
    Error::invalid("the cursor is not one that a page gave")
}
