//! `guanjia ticket`: what somebody asks of the office, from intake to the call back.

use clap::{Args, Subcommand};
use guanjia_domain::{
    Error, Result,
    access::Permission,
    estate::Project,
    ids::{ProjectId, StaffId, TicketId},
    plugin::Language,
    ticket::{
        Caller, Channel, Declared, FollowUpChannel, FollowUpEntry, FollowUpResult, Intake, Priority, TicketFilter,
        TicketMove, TicketRow, TicketState, Tickets, plan::Wanted, staff_of,
    },
};
use serde_json::{Value, json};

use super::{Done, Global, output, unit::Place};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Ticket {
    /// Take a ticket in.
    Add(Add),
    /// Tickets of a project, newest first.
    List(List),
    /// One ticket with everything that happened to it.
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// Move a ticket on: dispatch, accept, start, suspend, resume, transfer, return, solve, close, reopen or cancel.
    Move(Move),
    /// Write down what a follow-up found. A dissatisfied customer has the ticket again.
    FollowUp(FollowUp),
    /// The kinds and categories that hold.
    Kinds {
        /// At this project; for the company without it.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
    /// Declare a kind or category from a JSON file, over the version that was seen.
    Declare {
        /// `kind` or `category`.
        noun: guanjia_domain::ticket::Noun,
        code: String,
        file: std::path::PathBuf,
        /// For this project only.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
        /// The version that was seen, as `kinds` shows it; 0 where the company or project had none of its own.
        #[arg(long, default_value_t = 0, value_name = "VERSION")]
        seen: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    #[arg(long, value_name = "NAME")]
    project: String,
    /// Building, entrance and number, such as 6-1-103.
    #[arg(long, value_name = "PLACE", conflicts_with = "place")]
    unit: Option<String>,
    /// Where it is, of what belongs to no unit.
    #[arg(long, default_value = "", value_name = "WORDS")]
    place: String,
    #[arg(long, value_name = "CODE")]
    kind: String,
    #[arg(long, default_value = "", value_name = "CODE")]
    category: String,
    /// What was said.
    #[arg(long, value_name = "WORDS")]
    words: String,
    #[arg(long, default_value = "", value_name = "NAME")]
    caller: String,
    #[arg(long, default_value = "", value_name = "NUMBER")]
    phone: String,
    /// `counter` or `phone`.
    #[arg(long, default_value = "counter", value_name = "CHANNEL")]
    channel: Channel,
    /// Over the category's.
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<Priority>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[arg(long, value_name = "NAME")]
    project: String,
    #[arg(long, value_name = "STATE")]
    state: Option<TicketState>,
    /// Neither closed nor cancelled.
    #[arg(long)]
    open: bool,
    #[arg(long, value_name = "CODE")]
    kind: Option<String>,
    /// Past the next deadline, in the order of deadlines.
    #[arg(long)]
    overdue: bool,
    /// Those of whoever `--as` names.
    #[arg(long)]
    mine: bool,
    /// A number of a ticket or phone, or a part of what was said.
    #[arg(long, default_value = "", value_name = "WORDS")]
    text: String,
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: u32,
}

/// A ticket by its id, or by its number in a project.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// Id, or number such as 2026-000123 with `--project`.
    ticket: String,
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Move {
    #[command(flatten)]
    of: Of,
    #[arg(value_name = "MOVE")]
    made: TicketMove,
    /// Why; of `solve`, what was done.
    #[arg(long, default_value = "", value_name = "WORDS")]
    reason: String,
    /// Of `dispatch` and `transfer`: name of the user who gets it. Dispatching to nobody offers it.
    #[arg(long, value_name = "USER")]
    to: Option<String>,
    /// Only from this version.
    #[arg(long, value_name = "VERSION")]
    seen: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct FollowUp {
    #[command(flatten)]
    of: Of,
    #[arg(value_name = "RESULT")]
    result: FollowUpResult,
    #[arg(long, default_value = "call", value_name = "CHANNEL")]
    channel: FollowUpChannel,
    /// 1 to 5.
    #[arg(long, value_name = "SCORE")]
    score: Option<i64>,
    #[arg(long, default_value = "", value_name = "WORDS")]
    words: String,
}

impl Ticket {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let tickets = &office.tickets;
        match self {
            Ticket::Add(add) => {
                let row = tickets.take_in(&stamp, add.intake(&office).await?).await?;
                print(&row, global);
            }
            Ticket::List(list) => {
                let filter = TicketFilter {
                    project_id: Some(output::project(&office, &list.project).await?.id),
                    state: list.state,
                    open: list.open,
                    kind: list.kind.clone(),
                    assignee: list.mine.then(|| staff_of(&stamp.actor)),
                    overdue_at: list.overdue.then_some(stamp.at),
                    text: list.text.clone(),
                    ..TicketFilter::default()
                };
                let mut left = list.limit;
                let mut cursor = None;
                while left > 0 {
                    let page = tickets.list(&stamp.actor, filter.clone(), false, cursor.as_deref(), left).await?;
                    page.items.iter().for_each(|row| print(row, global));
                    left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
            }
            Ticket::Show { of } => show(tickets, &stamp.actor, of.find(&office).await?, global).await?,
            Ticket::Move(asked) => {
                let id = asked.of.find(&office).await?;
                let to = match &asked.to {
                    Some(name) => Some(staff(&office, name).await?),
                    None => None,
                };
                let wanted = Wanted { made: asked.made, reason: asked.reason.clone(), to, follow_up: None };
                print(&tickets.move_ticket(&stamp, id, asked.seen, &wanted).await?, global);
            }
            Ticket::FollowUp(found) => {
                let id = found.of.find(&office).await?;
                let entry = FollowUpEntry {
                    result: found.result,
                    channel: found.channel,
                    score: found.score,
                    words: found.words.clone(),
                };
                let wanted = Wanted { follow_up: Some(entry), ..Wanted::plain(TicketMove::FollowUp) };
                print(&tickets.move_ticket(&stamp, id, None, &wanted).await?, global);
            }
            Ticket::Kinds { project } => kinds(&office, project.as_deref(), global).await?,
            Ticket::Declare { noun, code, file, project, seen } => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| Error::unavailable(format!("reading {}", file.display()), error))?;
                // The file holds the declaration alone; which noun it is was said.
                let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
                let declared: Declared =
                    serde_json::from_value(json!({ noun.code(): value })).map_err(|error| unreadable(&error))?;
                let scope = scope(&office, project.as_deref()).await?.map(|project| project.id);
                let kept = tickets.declare(&stamp, scope, code, *seen, declared).await?;
                if global.json {
                    output::line(&json!({ "code": kept.code, "version": kept.version }));
                }
            }
        }
        Ok(Done::Well)
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::invalid(format!("the declaration cannot be read: {error}"))
}

async fn scope(office: &Office, project: Option<&str>) -> Result<Option<Project>> {
    match project {
        Some(name) => Ok(Some(output::project(office, name).await?)),
        None => Ok(None),
    }
}

/// The staff record of a user.
async fn staff(office: &Office, name: &str) -> Result<StaffId> {
    let actor = office.store.actor(name).await?.ok_or_else(|| Error::not_found("user", name))?;
    Ok(staff_of(&actor))
}

impl Add {
    async fn intake(&self, office: &Office) -> Result<Intake> {
        let project_id: ProjectId = output::project(office, &self.project).await?.id;
        let unit_id = match &self.unit {
            Some(unit) => Some(Place::of(&self.project, unit).find(office).await?.unit.id),
            None => None,
        };
        Ok(Intake {
            project_id,
            kind: self.kind.clone(),
            category: self.category.clone(),
            channel: self.channel,
            unit_id,
            place: self.place.clone(),
            words: self.words.clone(),
            caller: Caller { name: self.caller.clone(), phone: self.phone.clone() },
            priority: self.priority,
            link_id: None,
        })
    }
}

impl Of {
    async fn find(&self, office: &Office) -> Result<TicketId> {
        if let Ok(id) = self.ticket.parse() {
            return Ok(id);
        }
        let unknown = || Error::not_found("ticket", &self.ticket);
        let project = self.project.as_deref().ok_or_else(|| Error::invalid("a number needs --project beside it"))?;
        let filter = TicketFilter {
            project_id: Some(output::project(office, project).await?.id),
            text: self.ticket.clone(),
            ..TicketFilter::default()
        };
        let page = office.store.tickets(&filter, false, None, 1).await?;
        page.items
            .into_iter()
            .find(|row| row.ticket.ticket_no == self.ticket)
            .map(|row| row.ticket.id)
            .ok_or_else(unknown)
    }
}

fn object(row: &TicketRow) -> Value {
    let TicketRow { ticket, assignee } = row;
    json!({
        "ticket": ticket.id, "ticket_no": ticket.ticket_no, "kind": ticket.kind, "category": ticket.category,
        "priority": ticket.priority, "channel": ticket.channel, "state": ticket.state, "place": ticket.place,
        "words": ticket.words, "assignee": ticket.assignee, "assignee_name": assignee, "offered": ticket.offered,
        "level": ticket.level, "effective": ticket.effective, "late": ticket.late, "due_at": ticket.due_at(),
        "taken_in_at": ticket.taken_in_at, "version": ticket.version,
    })
}

fn print(row: &TicketRow, global: &Global) {
    if global.json {
        output::line(&object(row));
        return;
    }
    let ticket = &row.ticket;
    let language = global.language(Language::En);
    let who = row.assignee.clone().unwrap_or_else(|| match (ticket.assignee, ticket.offered) {
        (Some(staff), _) => staff.to_string(),
        (None, true) => output::pick(language, "待抢单", "offered").to_owned(),
        (None, false) => "–".to_owned(),
    });
    let due = ticket.due_at().map(|due| due.format("%Y-%m-%d %H:%MZ").to_string()).unwrap_or_default();
    output::text(&format!(
        "{}  {:11}  {:10}  {}  {who}  {due}  {}",
        ticket.ticket_no, ticket.state, ticket.kind, ticket.place, ticket.words
    ));
}

async fn show(tickets: &Tickets, actor: &guanjia_domain::access::Actor, id: TicketId, global: &Global) -> Result<()> {
    let page = tickets.page(actor, id).await?;
    let hidden = !actor.may(Permission::ReadPersonalData) && page.row.ticket.assignee != Some(staff_of(actor));
    let moves: Vec<_> = page.history.moves.iter().map(|row| {
        json!({ "number": row.number, "move": row.made, "to": row.to, "at": row.at, "by": row.by, "reason": row.reason })
    }).collect();
    if global.json {
        let mut object = object(&page.row);
        if !hidden {
            object["caller"] = json!(page.row.ticket.caller);
        }
        object["moves"] = json!(moves);
        object["possible"] = json!(page.offered);
        object["follow_ups"] = page.history.follow_ups.iter().map(|row| json!({ "result": row.entry.result, "score": row.entry.score, "words": row.entry.words, "by": row.by, "at": row.at })).collect();
        output::line(&object);
        return Ok(());
    }
    print(&page.row, global);
    for row in &page.history.moves {
        output::text(&format!(
            "  {}  {} → {}  {}  {}",
            row.at.format("%Y-%m-%d %H:%MZ"),
            row.made,
            row.to,
            row.by,
            row.reason
        ));
    }
    Ok(())
}

async fn kinds(office: &Office, project: Option<&str>, global: &Global) -> Result<()> {
    let scope = scope(office, project).await?.map(|project| project.id);
    let setup = office.tickets.setup(scope).await?;
    if global.json {
        for (code, held) in &setup.kinds {
            output::line(
                &json!({ "kind": code, "declared": held.of, "project": held.project_id, "version": held.version }),
            );
        }
        for (code, held) in &setup.categories {
            output::line(
                &json!({ "category": code, "declared": held.of, "project": held.project_id, "version": held.version }),
            );
        }
        return Ok(());
    }
    let language = global.language(Language::En);
    for (code, held) in &setup.kinds {
        output::text(&format!("{code}  {}  v{}", held.of.title.in_language(language), held.version));
        for (code, of) in setup.categories.iter().filter(|(_, of)| of.of.kind == *code) {
            output::text(&format!("  {code}  {}  v{}", of.of.title.in_language(language), of.version));
        }
    }
    Ok(())
}
