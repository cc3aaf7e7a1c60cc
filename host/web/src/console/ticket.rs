//! One ticket: what it is about, what may be done with it now, and everything that happened.

use askama::Template;
use axum::{
    Form,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Error,
    access::{Permission, Role},
    ids::{StaffId, TicketId},
    ticket::{
        FollowUpChannel, FollowUpEntry, FollowUpResult, Priority, TicketEdit, TicketMove, TicketPage,
        link::{LINK_DAYS_DEFAULT, LinkAbout},
        plan::Wanted,
        work_order::WorkOrders,
    },
};
use serde::Deserialize;

use super::{
    Page, Section, show,
    tickets::{category_title, kind_title},
    work_orders::{self, OrderLine},
};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadTickets, WriteTickets},
    },
    api::{
        owner_links::owner_links,
        tickets::{caller_for, tickets},
    },
    fault::Answer,
    format, urls,
    words::{Words, text},
};

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A move as a button with its form.
struct Offer {
    code: &'static str,
    label: String,
    /// The field for a reason: what it is called, empty where none is asked for.
    reason: String,
    reason_required: bool,
    /// Who may get it; empty where nobody is named.
    people: Vec<Choice>,
    /// Nobody has to be named: then whoever takes it has it.
    may_offer: bool,
    follow_up: bool,
    /// What is done most of the time.
    primary: bool,
}

struct MoveLine {
    at: String,
    label: String,
    state: String,
    state_code: &'static str,
    by: String,
    reason: String,
}

struct TimerLine {
    label: String,
    due: String,
    fired: String,
    overdue: bool,
}

struct FollowUpLine {
    at: String,
    result: String,
    code: &'static str,
    channel: String,
    score: String,
    words: String,
    by: String,
}

/// Why what was sent was not taken.
struct Refusal {
    title: String,
    help: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct OnePage {
    page: Page,
    ticket_no: String,
    title: String,
    state: String,
    state_code: &'static str,
    headline: String,
    overdue: bool,
    refused: Option<Refusal>,
    words: String,
    facts: Vec<(String, String)>,
    unit_url: String,
    place: String,
    phone: String,
    offers: Vec<Offer>,
    moves_url: String,
    version: i64,
    moves: Vec<MoveLine>,
    timers: Vec<TimerLine>,
    follow_ups: Vec<FollowUpLine>,
    /// None where it cannot be corrected.
    edit: Option<EditForm>,
    /// Where a link for the owner is made; empty where it cannot be.
    links_url: String,
    /// The link that was just made: shown once.
    link: String,
    orders: Vec<OrderLine>,
    /// Where a work order is added; empty where none can be.
    orders_url: String,
    scores: Vec<Choice>,
    channels: Vec<Choice>,
}

struct EditForm {
    url: String,
    categories: Vec<Choice>,
    priorities: Vec<Choice>,
    /// Of what belongs to no unit.
    place: Option<String>,
    words: String,
    caller: String,
    phone: String,
    /// Of a complaint.
    effective: Option<Vec<Choice>>,
}

pub(crate) async fn page(access: Signed, Path(id): Path<TicketId>) -> Answer<Response> {
    render(&access, id, None, String::new()).await
}

async fn render(access: &Signed, id: TicketId, refused: Option<Refusal>, link: String) -> Answer<Response> {
    let found = tickets(access).page(&access.actor, id).await?;
    let setup = tickets(access).setup(Some(found.row.ticket.project_id)).await?;
    let page = Page::new(access, Section::Tickets, Some(found.project.clone()));
    let (words, ticket) = (access.words, &found.row.ticket);
    let kind = kind_title(&setup, &ticket.kind, words);
    let category = category_title(&setup, &ticket.category, words);
    let due = ticket.due_at();
    let overdue = due.is_some_and(|due| due < access.at);
    let caller = caller_for(access, ticket);
    let orders = WorkOrders::new(access.store.clone()).of_ticket(id).await?;
    let works = access.may(Permission::WorkTickets) || access.may(Permission::DispatchTickets);
    let people = if found.offered.iter().any(|made| matches!(made, TicketMove::Dispatch | TicketMove::Transfer)) {
        people(access).await?
    } else {
        Vec::new()
    };
    show(&OnePage {
        ticket_no: ticket.ticket_no.clone(),
        title: if category.is_empty() { kind } else { format!("{kind} · {category}") },
        state: words.t(&format!("ticket-state-{}", ticket.state)),
        state_code: ticket.state.code(),
        headline: match due {
            Some(due) if overdue => words.say("ticket-was-due", &[("time", text(page.time(&due)))]),
            Some(due) => words.say("ticket-is-due", &[("time", text(page.time(&due)))]),
            None => String::new(),
        },
        overdue,
        refused,
        words: ticket.words.clone(),
        facts: facts(&page, &found, caller.name),
        unit_url: ticket.unit_id.map(urls::unit).unwrap_or_default(),
        place: ticket.place.clone(),
        phone: caller.phone.unwrap_or_default(),
        offers: found.offered.iter().map(|made| offer(words, *made, &people, &found)).collect(),
        moves_url: urls::ticket_moves(id),
        version: ticket.version,
        moves: moves(&page, &found),
        timers: timers(&page, &found, access),
        follow_ups: follow_ups(&page, &found),
        edit: (access.may(Permission::WriteTickets) && !ticket.has_ended()).then(|| edit_form(words, &found, &setup)),
        links_url: if access.may(Permission::WriteTickets) { urls::ticket_links(id) } else { String::new() },
        link,
        orders: orders.into_iter().map(|order| work_orders::line(order, words)).collect(),
        orders_url: if works && !ticket.has_ended() { urls::ticket_orders(id) } else { String::new() },
        scores: (1..=guanjia_domain::ticket::SCORE_MAX)
            .rev()
            .map(|score| Choice { value: score.to_string(), label: score.to_string(), chosen: false })
            .collect(),
        channels: [FollowUpChannel::Call, FollowUpChannel::Visit, FollowUpChannel::Message]
            .into_iter()
            .map(|channel| Choice {
                value: channel.to_string(),
                label: words.t(&format!("follow-up-channel-{channel}")),
                chosen: false,
            })
            .collect(),
        page,
    })
}

/// Who may be given a ticket.
async fn people(access: &Signed) -> Answer<Vec<(StaffId, String)>> {
    let works = |role: &Role| role.permissions().contains(&Permission::WorkTickets);
    let users = access.store.users().await?.into_iter();
    let mut people: Vec<_> = users
        .filter(|user| !user.disabled && user.roles.iter().any(works) && user.name != guanjia_domain::access::OPERATOR)
        .map(|user| (StaffId(user.id.0), user.name))
        .collect();
    people.sort_by(|left, right| left.1.cmp(&right.1));
    Ok(people)
}

fn facts(page: &Page, found: &TicketPage, caller: String) -> Vec<(String, String)> {
    let (words, ticket) = (page.words, &found.row.ticket);
    let assignee = if ticket.offered {
        words.t("ticket-offered")
    } else {
        let unnamed = || ticket.assignee.map(|staff| format::short(&staff.to_string()));
        found.row.assignee.clone().or_else(unnamed).unwrap_or_else(|| "–".to_owned())
    };
    let mut facts = vec![
        (words.t("ticket-caller"), if caller.is_empty() { "–".to_owned() } else { caller }),
        (words.t("ticket-channel"), words.t(&format!("ticket-channel-{}", ticket.channel))),
        (words.t("ticket-priority"), words.t(&format!("ticket-priority-{}", ticket.priority))),
        (words.t("ticket-assignee"), assignee),
        (words.t("ticket-taken-in"), format!("{} {}", page.time(&ticket.taken_in_at), ticket.taken_in_by)),
    ];
    if let Some(level) = ticket.level {
        facts.push((words.t("ticket-level"), words.t(&format!("ticket-level-{level}"))));
    }
    if ticket.late {
        facts.push((words.t("ticket-late"), words.t("yes")));
    }
    if ticket.is_complaint() {
        let judged = match ticket.effective {
            None => "ticket-unjudged",
            Some(true) => "ticket-effective",
            Some(false) => "ticket-unfounded",
        };
        facts.push((words.t("ticket-judged"), words.t(judged)));
    }
    if ticket.not_reached > 0 {
        facts.push((words.t("ticket-not-reached"), ticket.not_reached.to_string()));
    }
    if let Some(why) = &ticket.routing.flagged {
        facts.push((words.t("ticket-flagged"), why.clone()));
    }
    facts
}

fn offer(words: Words, made: TicketMove, people: &[(StaffId, String)], found: &TicketPage) -> Offer {
    use TicketMove as M;
    let asks = match made {
        M::Solve => "ticket-reason-done",
        M::Suspend | M::Transfer | M::Return | M::Reopen | M::Cancel => "ticket-reason",
        M::Dispatch => "ticket-note",
        _ => "",
    };
    let named = matches!(made, M::Dispatch | M::Transfer);
    // What a routing ranks comes first.
    let rank = |staff: StaffId| found.row.ticket.routing.ranking.iter().position(|ranked| ranked.staff == staff);
    let mut people: Vec<_> = if named { people.to_vec() } else { Vec::new() };
    people.sort_by_key(|(staff, _)| rank(*staff).unwrap_or(usize::MAX));
    Offer {
        code: made.code(),
        label: words.t(&format!("ticket-move-{made}")),
        reason: if asks.is_empty() { String::new() } else { words.t(asks) },
        reason_required: !matches!(made, M::Dispatch),
        people: people
            .into_iter()
            .map(|(staff, label)| Choice { value: staff.to_string(), label, chosen: false })
            .collect(),
        may_offer: made == M::Dispatch,
        follow_up: made == M::FollowUp,
        primary: matches!(made, M::Dispatch | M::Accept | M::Start | M::Solve | M::FollowUp | M::Close | M::Resume),
    }
}

fn moves(page: &Page, found: &TicketPage) -> Vec<MoveLine> {
    let line = |row: &guanjia_domain::ticket::MoveRow| MoveLine {
        at: page.time(&row.at),
        label: page.words.t(&format!("ticket-move-{}", row.made)),
        state: page.words.t(&format!("ticket-state-{}", row.to)),
        state_code: row.to.code(),
        by: row.by.clone(),
        reason: row.reason.clone(),
    };
    found.history.moves.iter().rev().map(line).collect()
}

fn timers(page: &Page, found: &TicketPage, access: &Signed) -> Vec<TimerLine> {
    let label = |kind: guanjia_domain::ticket::TimerKind, level: Option<guanjia_domain::ticket::Level>| {
        let kind = page.words.t(&format!("ticket-timer-{kind}"));
        match level {
            Some(level) => format!("{kind} · {}", page.words.t(&format!("ticket-level-{level}"))),
            None => kind,
        }
    };
    let fired = found.history.fired.iter().map(|timer| TimerLine {
        label: label(timer.kind, timer.level),
        due: page.time(&timer.due_at),
        fired: page.time(&timer.fired_at),
        overdue: true,
    });
    let runs = found.history.timers.iter().map(|timer| TimerLine {
        label: label(timer.kind, timer.level),
        due: timer.due_at.map_or_else(|| page.words.t("ticket-stands-still"), |due| page.time(&due)),
        fired: String::new(),
        overdue: timer.due_at.is_some_and(|due| due < access.at),
    });
    fired.chain(runs).collect()
}

fn follow_ups(page: &Page, found: &TicketPage) -> Vec<FollowUpLine> {
    let line = |row: &guanjia_domain::ticket::FollowUp| FollowUpLine {
        at: page.time(&row.at),
        result: page.words.t(&format!("follow-up-result-{}", row.entry.result)),
        code: row.entry.result.code(),
        channel: page.words.t(&format!("follow-up-channel-{}", row.entry.channel)),
        score: row.entry.score.map(|score| score.to_string()).unwrap_or_default(),
        words: row.entry.words.clone(),
        by: row.by.clone(),
    };
    found.history.follow_ups.iter().map(line).collect()
}

fn edit_form(words: Words, found: &TicketPage, setup: &guanjia_domain::ticket::TicketSetup) -> EditForm {
    let ticket = &found.row.ticket;
    let of_kind = setup
        .categories
        .iter()
        .filter(|(code, held)| held.of.kind == ticket.kind && (!held.of.retired || **code == ticket.category));
    let mut categories = vec![Choice {
        value: String::new(),
        label: words.t("ticket-category-none"),
        chosen: ticket.category.is_empty(),
    }];
    categories.extend(of_kind.map(|(code, held)| Choice {
        value: code.clone(),
        label: held.of.title.in_language(words.language).to_owned(),
        chosen: *code == ticket.category,
    }));
    let judged = |value: &str, key: &str, chosen| Choice { value: value.to_owned(), label: words.t(key), chosen };
    EditForm {
        url: urls::ticket(ticket.id),
        categories,
        priorities: Priority::ALL
            .iter()
            .map(|priority| Choice {
                value: priority.to_string(),
                label: words.t(&format!("ticket-priority-{priority}")),
                chosen: *priority == ticket.priority,
            })
            .collect(),
        place: ticket.unit_id.is_none().then(|| ticket.place.clone()),
        words: ticket.words.clone(),
        caller: ticket.caller.name.clone(),
        phone: ticket.caller.phone.clone(),
        effective: ticket.is_complaint().then(|| {
            vec![
                judged("", "ticket-unjudged", ticket.effective.is_none()),
                judged("true", "ticket-effective", ticket.effective == Some(true)),
                judged("false", "ticket-unfounded", ticket.effective == Some(false)),
            ]
        }),
    }
}

#[derive(Deserialize)]
pub(crate) struct MoveForm {
    #[serde(rename = "move")]
    made: String,
    /// What was seen when the button was pressed.
    version: i64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    result: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    score: String,
}

impl MoveForm {
    fn wanted(&self) -> Result<Wanted, Error> {
        let made: TicketMove = self.made.parse()?;
        let to = match self.to.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| Error::invalid("nobody has this id"))?),
        };
        let follow_up = if made == TicketMove::FollowUp {
            let result: FollowUpResult = self.result.parse()?;
            Some(FollowUpEntry {
                result,
                channel: self.channel.parse()?,
                score: self.score.parse().ok().filter(|_| result != FollowUpResult::NotReached),
                words: self.reason.trim().to_owned(),
            })
        } else {
            None
        };
        let reason = if follow_up.is_some() { String::new() } else { self.reason.clone() };
        Ok(Wanted { made, reason, to, follow_up })
    }
}

pub(crate) async fn make_move(
    access: Require<ReadTickets>,
    Path(id): Path<TicketId>,
    Form(form): Form<MoveForm>,
) -> Answer<Response> {
    let outcome = match form.wanted() {
        Ok(wanted) => {
            // Whoever grabs an offered ticket hears who was faster; everything else is done to what was seen.
            let seen = (wanted.made != TicketMove::Accept).then_some(form.version);
            tickets(&access).move_ticket(&access.stamp(), id, seen, &wanted).await.map(drop)
        }
        Err(error) => Err(error),
    };
    answer(&access, id, outcome).await
}

#[derive(Deserialize)]
pub(crate) struct TicketForm {
    version: i64,
    #[serde(default)]
    category: String,
    priority: String,
    #[serde(default)]
    place: String,
    words: String,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    effective: String,
}

pub(crate) async fn edit(
    access: Require<WriteTickets>,
    Path(id): Path<TicketId>,
    Form(form): Form<TicketForm>,
) -> Answer<Response> {
    let outcome = match form.priority.parse() {
        Ok(priority) => {
            let edit = TicketEdit {
                category: form.category,
                priority,
                place: form.place,
                words: form.words,
                caller: guanjia_domain::ticket::Caller {
                    name: form.caller.trim().to_owned(),
                    phone: form.phone.trim().to_owned(),
                },
                effective: form.effective.parse().ok(),
            };
            tickets(&access).edit(&access.stamp(), id, form.version, &edit).await.map(drop)
        }
        Err(error) => Err(error),
    };
    answer(&access, id, outcome).await
}

#[derive(Deserialize)]
pub(crate) struct LinkForm {
    /// About the ticket's unit, where it has one; about the ticket alone otherwise.
    #[serde(default)]
    unit: bool,
}

/// Makes a link for the owner and shows it once.
pub(crate) async fn make_link(
    access: Require<WriteTickets>,
    Path(id): Path<TicketId>,
    Form(form): Form<LinkForm>,
) -> Answer<Response> {
    let ticket = tickets(&access).ticket(&access.actor, id).await?.ticket;
    let unit = ticket.unit_id.filter(|_| form.unit);
    let about = unit.map_or(LinkAbout::Ticket(id), LinkAbout::Unit);
    let (_, token) = owner_links(&access).make(&access.stamp(), about, LINK_DAYS_DEFAULT).await?;
    render(&access, id, None, urls::owner(&token)).await
}

/// The ticket's page anew, with the reason where nothing was done.
pub(super) async fn answer(access: &Signed, id: TicketId, outcome: Result<(), Error>) -> Answer<Response> {
    let words = access.words;
    let (status, code, detail) = match outcome {
        Ok(()) => return Ok(Redirect::to(&urls::ticket(id)).into_response()),
        Err(error @ Error::Conflict(_)) => (StatusCode::CONFLICT, "ticket-taken", error.to_string()),
        Err(error @ Error::Invalid { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "ticket-invalid", error.to_string()),
        Err(Error::Refused { code, message }) if code != "permission" => {
            (StatusCode::UNPROCESSABLE_ENTITY, code, message)
        }
        Err(other) => return Err(other.into()),
    };
    let title = words.find(&format!("fault-{code}")).unwrap_or_else(|| words.t("fault-other"));
    let help = words.find(&format!("fault-{code}-help")).unwrap_or_else(|| words.t("fault-other-help"));
    // The detail is the host's own sentence, for whoever helps.
    let mut response = render(access, id, Some(Refusal { title, help, detail }), String::new()).await?;
    *response.status_mut() = status;
    Ok(response)
}
