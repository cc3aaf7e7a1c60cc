//! The owner's page (业主自助): behind a signed link instead of a login. Report a repair, follow it, rate it.

use askama::Template;
use axum::{
    Extension, Form,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use chrono_tz::Tz;
use guanjia_domain::{
    Error, calendar,
    ids::{OwnerLinkId, TicketId},
    ticket::{
        Caller, TicketRow, TicketSetup,
        link::{self, OpenLink, Report},
    },
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    ZONE, show,
    tickets::{category_title, kind_title},
};
use crate::{
    AppState,
    fault::{Answer, Fault},
    format, urls,
    words::{Words, text},
};

/// What a person can press in a minute, with room for a slow line that asks again.
const REQUESTS_A_MINUTE_MAX: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Links that are counted at once; beyond them those whose minute is over are forgotten.
const COUNTED_MAX: usize = 10_000;

/// When the minute of a link began, and how often it was asked for since. Of this host: a fleet allows as many times as it has hosts.
static ASKED: LazyLock<Mutex<HashMap<OwnerLinkId, (Instant, u32)>>> = LazyLock::new(Mutex::default);

/// Whether a link may be asked for once more.
fn may_ask(counts: &mut HashMap<OwnerLinkId, (Instant, u32)>, link: OwnerLinkId, now: Instant) -> bool {
    if counts.len() >= COUNTED_MAX {
        counts.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
    }
    let (since, count) = counts.entry(link).or_insert((now, 0));
    if now.duration_since(*since) >= WINDOW {
        (*since, *count) = (now, 0);
    }
    *count = count.saturating_add(1);
    *count <= REQUESTS_A_MINUTE_MAX
}

struct Line {
    ticket_no: String,
    kind: String,
    words: String,
    state: String,
    state_code: &'static str,
    /// What happens next, in a sentence.
    next: String,
    at: String,
    rate_url: String,
}

struct Choice {
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "owner.html")]
struct OwnerPage {
    words: Words,
    here: String,
    project: String,
    place: String,
    /// Empty where the link is about one ticket.
    report_url: String,
    kinds: Vec<Choice>,
    lines: Vec<Line>,
    /// Why what was sent was not taken.
    refused: String,
    said: String,
    caller: String,
    phone: String,
}

impl OwnerPage {
    fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    fn other_language(&self) -> &'static str {
        self.words.other()
    }
}

async fn opened(app: &AppState, token: &str) -> Answer<OpenLink> {
    let open = link::open(&*app.directory, token, app.clock.now()).await?;
    let mut counts = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if may_ask(&mut counts, open.link.id, Instant::now()) {
        return Ok(open);
    }
    let detail = "this link was asked for too often: wait a minute";
    Err(Fault::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail))
}

pub(crate) async fn page(
    Extension(app): Extension<AppState>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Answer<Response> {
    let open = opened(&app, &token).await?;
    render(&open, &token, Words::of(&headers), String::new(), ReportForm::default()).await
}

async fn render(open: &OpenLink, token: &str, words: Words, refused: String, form: ReportForm) -> Answer<Response> {
    let rows = open.listed().await?;
    let setup = open.tickets().setup(Some(open.link.project_id)).await?;
    let zone = calendar::zone(&open.time_zone().await?).unwrap_or(ZONE);
    let reports = open.link.about.unit_id().is_some();
    show(&OwnerPage {
        words,
        here: urls::owner(token),
        project: open.project.clone(),
        place: open.place.clone(),
        report_url: if reports { urls::owner_report(token) } else { String::new() },
        kinds: if reports { choices(&setup, words) } else { Vec::new() },
        lines: rows.iter().map(|row| line(row, &setup, words, zone, token)).collect(),
        refused,
        said: form.words,
        caller: form.caller,
        phone: form.phone,
    })
}

/// Repairs first, with their categories: what owners report most.
fn choices(setup: &TicketSetup, words: Words) -> Vec<Choice> {
    let mut kinds: Vec<_> = setup.kinds.iter().filter(|(_, held)| !held.of.retired).collect();
    kinds.sort_by_key(|(code, _)| code.as_str() != guanjia_domain::ticket::kind::REPAIR);
    let mut choices = Vec::new();
    for (kind, _) in kinds {
        let title = kind_title(setup, kind, words);
        choices.push(Choice { value: kind.clone(), label: title.clone() });
        for (code, of) in setup.categories.iter().filter(|(_, of)| of.of.kind == *kind && !of.of.retired) {
            let label = format!("{title} · {}", of.of.title.in_language(words.language));
            choices.push(Choice { value: format!("{kind}:{code}"), label });
        }
    }
    choices
}

fn line(row: &TicketRow, setup: &TicketSetup, words: Words, zone: Tz, token: &str) -> Line {
    let ticket = &row.ticket;
    let (kind, category) = (kind_title(setup, &ticket.kind, words), category_title(setup, &ticket.category, words));
    let next = match ticket.due_at() {
        _ if OpenLink::may_rate(row) => words.t("owner-next-rate"),
        Some(due) if !ticket.has_ended() => words.say("owner-next-due", &[("time", text(format::time(due, zone)))]),
        _ => String::new(),
    };
    Line {
        ticket_no: ticket.ticket_no.clone(),
        kind: if category.is_empty() { kind } else { format!("{kind} · {category}") },
        words: ticket.words.clone(),
        state: words.t(&format!("owner-state-{}", ticket.state)),
        state_code: ticket.state.code(),
        next,
        at: format::time(ticket.taken_in_at, zone),
        rate_url: if OpenLink::may_rate(row) { urls::owner_rate(token, ticket.id) } else { String::new() },
    }
}

#[derive(Deserialize, Default)]
pub(crate) struct ReportForm {
    /// Kind, or kind and category with a colon between them.
    #[serde(default)]
    about: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    phone: String,
}

pub(crate) async fn report(
    Extension(app): Extension<AppState>,
    headers: HeaderMap,
    Path(token): Path<String>,
    Form(form): Form<ReportForm>,
) -> Answer<Response> {
    let open = opened(&app, &token).await?;
    let (kind, category) = form.about.split_once(':').unwrap_or((&form.about, ""));
    let report = Report {
        kind: kind.to_owned(),
        category: category.to_owned(),
        words: form.words.clone(),
        caller: Caller { name: form.caller.trim().to_owned(), phone: form.phone.trim().to_owned() },
    };
    let outcome = open.report(report).await.map(drop);
    answer(&open, &token, Words::of(&headers), outcome, form).await
}

#[derive(Deserialize)]
pub(crate) struct RateForm {
    satisfied: bool,
    #[serde(default)]
    score: String,
    #[serde(default)]
    words: String,
}

pub(crate) async fn rate(
    Extension(app): Extension<AppState>,
    headers: HeaderMap,
    Path((token, ticket)): Path<(String, TicketId)>,
    Form(form): Form<RateForm>,
) -> Answer<Response> {
    let open = opened(&app, &token).await?;
    let outcome = open.rate(ticket, form.satisfied, form.score.parse().ok(), form.words.trim().to_owned()).await;
    answer(&open, &token, Words::of(&headers), outcome.map(drop), ReportForm::default()).await
}

async fn answer(
    open: &OpenLink,
    token: &str,
    words: Words,
    outcome: Result<(), Error>,
    form: ReportForm,
) -> Answer<Response> {
    let key = match outcome {
        Ok(()) => return Ok(Redirect::to(&urls::owner(token)).into_response()),
        Err(Error::Refused { code: "too-many-reports", .. }) => "owner-too-many",
        Err(Error::Refused { .. } | Error::Conflict(_)) => "owner-not-now",
        Err(Error::Invalid { .. }) => "owner-unusable",
        Err(other) => return Err(other.into()),
    };
    let mut response = render(open, token, words, words.t(key), form).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_asked_for_so_often_a_minute() {
        let (mut counts, link, start) = (HashMap::new(), OwnerLinkId::generate(), Instant::now());
        for _ in 0..REQUESTS_A_MINUTE_MAX {
            assert!(may_ask(&mut counts, link, start));
        }
        assert!(!may_ask(&mut counts, link, start + WINDOW / 2));
        assert!(may_ask(&mut counts, OwnerLinkId::generate(), start), "another link is another one");
        assert!(may_ask(&mut counts, link, start + WINDOW));
        for _ in 0..COUNTED_MAX {
            may_ask(&mut counts, OwnerLinkId::generate(), start);
        }
        may_ask(&mut counts, link, start + 2 * WINDOW);
        assert!(counts.len() < 10, "what is over is forgotten");
    }
}
