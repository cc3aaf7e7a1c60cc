//! 工单: the board by state and deadline, the list behind each figure, and one's own day.

use askama::Template;
use axum::{extract::Query, response::Response};
use chrono_tz::Tz;
use guanjia_domain::{
    access::Permission,
    calendar,
    estate::Project,
    ids::ProjectId,
    ticket::{TicketFilter, TicketRow, TicketSetup, TicketState, staff_of},
};
use serde::Deserialize;

use super::{Page, Section, ZONE, chosen_project, show};
use crate::{
    access::{Require, Signed, needs::ReadTickets},
    api::tickets::tickets,
    fault::Answer,
    format, urls,
    words::{Arg, Words},
};

/// Tickets of the board: those that are due first. Whoever has more at once needs the lists.
const BOARD_TICKETS: u32 = 200;
/// Cards of one column.
const COLUMN_CARDS: usize = 30;
const LIST_TICKETS: u32 = 50;
/// One's own day: nobody does more.
const DAY_TICKETS: u32 = 100;

/// Columns of the board with their states.
const COLUMNS: &[(&str, &[TicketState])] = &[
    ("open", &[TicketState::Intake, TicketState::Reopened, TicketState::Returned, TicketState::Transferred]),
    ("dispatched", &[TicketState::Dispatched, TicketState::Accepted]),
    ("working", &[TicketState::Working, TicketState::Suspended]),
    ("solved", &[TicketState::Solved, TicketState::FollowedUp]),
];

#[derive(Deserialize)]
pub(crate) struct BoardQuery {
    project: Option<ProjectId>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    overdue: bool,
    #[serde(default)]
    offered: bool,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

impl BoardQuery {
    /// Whether one list is asked for, instead of the board.
    fn narrows(&self) -> bool {
        self.all
            || self.overdue
            || self.offered
            || !self.state.is_empty()
            || !self.kind.is_empty()
            || !self.search.trim().is_empty()
    }
}

/// One ticket on a board or in a list.
pub(super) struct Card {
    url: String,
    ticket_no: String,
    place: String,
    words: String,
    kind: String,
    /// Empty where it is ordinary.
    priority: String,
    priority_code: &'static str,
    state: String,
    state_code: &'static str,
    due: String,
    overdue: bool,
    assignee: String,
    level: String,
}

/// What cards are written with.
pub(super) struct Writer<'a> {
    pub(super) access: &'a Signed,
    pub(super) setup: &'a TicketSetup,
    pub(super) zone: Tz,
}

pub(super) fn zone_of(project: Option<&Project>) -> Tz {
    project.and_then(|project| calendar::zone(&project.time_zone).ok()).unwrap_or(ZONE)
}

/// The title of a kind, or its code where it is declared no more.
pub(super) fn kind_title(setup: &TicketSetup, code: &str, words: Words) -> String {
    let title = setup.kinds.get(code).map(|held| held.of.title.in_language(words.language).to_owned());
    title.unwrap_or_else(|| code.to_owned())
}

pub(super) fn category_title(setup: &TicketSetup, code: &str, words: Words) -> String {
    let title = setup.categories.get(code).map(|held| held.of.title.in_language(words.language).to_owned());
    title.unwrap_or_else(|| code.to_owned())
}

impl Writer<'_> {
    pub(super) fn card(&self, row: &TicketRow) -> Card {
        let TicketRow { ticket, assignee } = row;
        let words = self.access.words;
        let due = ticket.due_at();
        let ordinary = ticket.priority == guanjia_domain::ticket::Priority::Normal;
        let kind = kind_title(self.setup, &ticket.kind, words);
        let category = category_title(self.setup, &ticket.category, words);
        Card {
            url: urls::ticket(ticket.id),
            ticket_no: ticket.ticket_no.clone(),
            place: ticket.place.clone(),
            words: ticket.words.clone(),
            kind: if category.is_empty() { kind } else { format!("{kind} · {category}") },
            priority: if ordinary { String::new() } else { words.t(&format!("ticket-priority-{}", ticket.priority)) },
            priority_code: ticket.priority.code(),
            state: words.t(&format!("ticket-state-{}", ticket.state)),
            state_code: ticket.state.code(),
            due: due.map(|due| format::time(due, self.zone)).unwrap_or_default(),
            overdue: due.is_some_and(|due| due < self.access.at),
            assignee: if ticket.offered {
                words.t("ticket-offered")
            } else if ticket.assignee == Some(staff_of(&self.access.actor)) {
                words.t("ticket-mine")
            } else {
                assignee.clone().or(ticket.assignee.map(|staff| format::short(&staff.to_string()))).unwrap_or_default()
            },
            level: ticket.level.map(|level| words.t(&format!("ticket-level-{level}"))).unwrap_or_default(),
        }
    }
}

struct Column {
    title: String,
    /// How many there are, of which the cards are the first.
    count: i64,
    cards: Vec<Card>,
    more_url: String,
}

struct Figure {
    label: String,
    count: String,
    url: String,
    class: &'static str,
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

struct ProjectTab {
    name: String,
    url: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct BoardPage {
    page: Page,
    headline: String,
    projects: Vec<ProjectTab>,
    figures: Vec<Figure>,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    search: String,
    /// The board, or the list where something is asked for.
    columns: Vec<Column>,
    listed: bool,
    rows: Vec<Card>,
    more_url: String,
    new_url: String,
    mine_url: &'static str,
}

pub(crate) async fn board(access: Require<ReadTickets>, Query(query): Query<BoardQuery>) -> Answer<Response> {
    let words = access.words;
    let project = chosen_project(&*access.store, query.project).await?;
    let project_id = project.as_ref().map(|project| project.id);
    let setup = tickets(&access).setup(project_id).await?;
    let writer = Writer { access: &access, setup: &setup, zone: zone_of(project.as_ref()) };
    let (mut columns, mut rows, mut more_url, mut figures, mut headline) =
        (Vec::new(), Vec::new(), String::new(), Vec::new(), words.t("tickets-no-project"));
    if let Some(project) = project_id {
        let counts = tickets(&access).counts(&access.actor, project, access.at).await?;
        let open: i64 = counts.iter().map(|count| count.tickets).sum();
        let overdue: i64 = counts.iter().map(|count| count.overdue).sum();
        headline = words.say("tickets-headline", &[("count", Arg::Count(open)), ("overdue", Arg::Count(overdue))]);
        let figure = |key: &str, count: i64, filter: &[(&str, &str)], class| Figure {
            label: words.t(key),
            count: format::count(count),
            url: urls::tickets_of(Some(project), filter),
            class: if count > 0 { class } else { "" },
        };
        let in_state = |states: &[TicketState]| {
            counts.iter().filter(|count| states.contains(&count.state)).map(|count| count.tickets).sum::<i64>()
        };
        let waits = in_state(&[TicketState::Solved]);
        figures.push(figure("tickets-overdue", overdue, &[("overdue", "true")], "up"));
        figures.push(figure("tickets-intake", in_state(&[TicketState::Intake]), &[("state", "intake")], "held"));
        figures.push(figure("tickets-to-call-back", waits, &[("state", "solved")], "held"));
        let filter = TicketFilter {
            project_id: Some(project),
            state: query.state.parse().ok(),
            kind: Some(query.kind.clone()).filter(|kind| !kind.is_empty()),
            overdue_at: query.overdue.then_some(access.at),
            offered: query.offered,
            open: !query.all && query.search.trim().is_empty() && query.state.is_empty(),
            text: query.search.clone(),
            ..TicketFilter::default()
        };
        if query.narrows() {
            let cursor = query.cursor.as_deref();
            let page = tickets(&access).list(&access.actor, filter, false, cursor, LIST_TICKETS).await?;
            rows = page.items.iter().map(|row| writer.card(row)).collect();
            more_url = page.next.map(|next| next_url(project, &query, &next)).unwrap_or_default();
        } else {
            columns = self::columns(&writer, project, &filter, &in_state).await?;
        }
    }
    let kinds = setup.kinds.iter().filter(|(_, held)| !held.of.retired).map(|(code, _)| Choice {
        value: code.clone(),
        label: kind_title(&setup, code, words),
        chosen: *code == query.kind,
    });
    let states = TicketState::ALL.iter().map(|state| Choice {
        value: state.to_string(),
        label: words.t(&format!("ticket-state-{state}")),
        chosen: state.code() == query.state,
    });
    let tabs = access.store.projects().await?.into_iter().map(|other| ProjectTab {
        url: urls::tickets_of(Some(other.id), &[]),
        current: Some(other.id) == project_id,
        name: other.name,
    });
    show(&BoardPage {
        headline,
        projects: tabs.collect(),
        figures,
        kinds: kinds.collect(),
        states: states.collect(),
        search: query.search.clone(),
        columns,
        listed: query.narrows(),
        rows,
        more_url,
        new_url: if access.may(Permission::WriteTickets) { urls::ticket_new(project_id) } else { String::new() },
        mine_url: urls::MY_TICKETS,
        page: Page::new(&access, Section::Tickets, project),
    })
}

fn next_url(project: ProjectId, query: &BoardQuery, cursor: &str) -> String {
    let flag = |set| if set { "true" } else { "" };
    urls::tickets_of(
        Some(project),
        &[
            ("state", &query.state),
            ("kind", &query.kind),
            ("overdue", flag(query.overdue)),
            ("offered", flag(query.offered)),
            ("all", flag(query.all)),
            ("search", query.search.trim()),
            ("cursor", cursor),
        ],
    )
}

/// The tickets with a deadline, most urgent first, and behind them those without one.
async fn columns(
    writer: &Writer<'_>,
    project: ProjectId,
    filter: &TicketFilter,
    in_state: &(dyn Fn(&[TicketState]) -> i64 + Sync),
) -> Answer<Vec<Column>> {
    let access = writer.access;
    let mut open = tickets(access).list(&access.actor, filter.clone(), true, None, BOARD_TICKETS).await?.items;
    for state in [TicketState::Suspended, TicketState::FollowedUp] {
        if in_state(&[state]) > 0 {
            let filter = TicketFilter { state: Some(state), ..filter.clone() };
            open.extend(tickets(access).list(&access.actor, filter, false, None, LIST_TICKETS).await?.items);
        }
    }
    let column = |(name, states): &(&str, &[TicketState])| {
        let rows = open.iter().filter(|row| states.contains(&row.ticket.state));
        let cards: Vec<_> = rows.take(COLUMN_CARDS).map(|row| writer.card(row)).collect();
        let count = in_state(states);
        let shown = i64::try_from(cards.len()).unwrap_or(i64::MAX);
        Column {
            title: access.words.t(&format!("tickets-column-{name}")),
            more_url: if count > shown {
                urls::tickets_of(Some(project), &[("state", states[0].code())])
            } else {
                String::new()
            },
            count,
            cards,
        }
    };
    Ok(COLUMNS.iter().map(column).collect())
}

#[derive(Template)]
#[template(path = "my_tickets.html")]
struct MyPage {
    page: Page,
    headline: String,
    rows: Vec<Card>,
    offered: Vec<Card>,
}

/// What is mine, most urgent first, and what I could take.
pub(crate) async fn mine(access: Signed) -> Answer<Response> {
    let words = access.words;
    let project = chosen_project(&*access.store, None).await?;
    let setup = tickets(&access).setup(project.as_ref().map(|project| project.id)).await?;
    let writer = Writer { access: &access, setup: &setup, zone: zone_of(project.as_ref()) };
    let filter = TicketFilter { assignee: Some(staff_of(&access.actor)), open: true, ..TicketFilter::default() };
    let mut rows = tickets(&access).list(&access.actor, filter, false, None, DAY_TICKETS).await?.items;
    // What is solved waits for the desk; it is not my day's any more.
    rows.retain(|row| !matches!(row.ticket.state, TicketState::Solved | TicketState::FollowedUp));
    // Those without a deadline stand still and come last.
    rows.sort_by_key(|row| (row.ticket.due_at().is_none(), row.ticket.due_at()));
    let overdue = rows.iter().filter(|row| row.ticket.due_at().is_some_and(|due| due < access.at)).count();
    let mut offered = Vec::new();
    if access.may(Permission::WorkTickets) && access.may(Permission::ReadTickets) {
        for project in access.store.projects().await? {
            let filter = TicketFilter {
                project_id: Some(project.id),
                state: Some(TicketState::Dispatched),
                offered: true,
                ..TicketFilter::default()
            };
            let page = tickets(&access).list(&access.actor, filter, false, None, LIST_TICKETS).await?;
            offered.extend(page.items.iter().map(|row| writer.card(row)));
        }
    }
    let counted = |count: usize| Arg::Count(i64::try_from(count).unwrap_or(i64::MAX));
    show(&MyPage {
        headline: words.say("my-tickets-headline", &[("count", counted(rows.len())), ("overdue", counted(overdue))]),
        rows: rows.iter().map(|row| writer.card(row)).collect(),
        offered,
        page: Page::new(&access, Section::MyTickets, project),
    })
}
