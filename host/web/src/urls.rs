//! Every URL of the host: patterns for the route table, functions for links. Nothing else writes a path.

use guanjia_domain::{Date, billing::HeldFilter, ids::*};
use std::fmt::{Display, Write};

pub(crate) const HEALTHZ: &str = "/healthz";
pub(crate) const READYZ: &str = "/readyz";
pub(crate) const METRICS: &str = "/metrics";
pub(crate) const ASSETS: &str = "/assets/{version}/{*name}";
pub(crate) const OPENAPI: &str = "/api/v1/openapi.json";
pub(crate) const API_DOCS: &str = "/api/v1/docs";

pub(crate) const HOME: &str = "/";
pub(crate) const LOGIN: &str = "/login";
pub(crate) const LOGOUT: &str = "/logout";
pub(crate) const LANGUAGE: &str = "/language";
pub(crate) const ME: &str = "/me";
pub(crate) const UNITS: &str = "/units";
pub(crate) const UNIT: &str = "/units/{id}";
pub(crate) const UNIT_METERS: &str = "/units/{id}/meters";
pub(crate) const METER: &str = "/meters/{id}";
pub(crate) const READING: &str = "/meter-readings/{id}";
pub(crate) const COST_POOLS: &str = "/cost-pools";
pub(crate) const BILLING: &str = "/billing";
pub(crate) const RUN: &str = "/billing/{id}";
pub(crate) const RUN_LINES: &str = "/billing/{id}/lines";
pub(crate) const RUN_HELD: &str = "/billing/{id}/held";
pub(crate) const RUN_APPROVE: &str = "/billing/{id}/approve";
pub(crate) const RUN_POST: &str = "/billing/{id}/post";
pub(crate) const RUN_CANCEL: &str = "/billing/{id}/cancel";
pub(crate) const RUN_RESUME: &str = "/billing/{id}/resume";
pub(crate) const LINE: &str = "/decisions/{id}/lines/{line}";
pub(crate) const REPLAY: &str = "/decisions/{id}/lines/{line}/replay";
pub(crate) const CHARGE: &str = "/charges/{id}";
pub(crate) const PLUGINS: &str = "/plugins";
pub(crate) const PLUGIN_PULL: &str = "/plugins/pull";
pub(crate) const PLUGIN: &str = "/plugins/{id}/{version}";
pub(crate) const FACTS: &str = "/facts";
pub(crate) const REPLAY_SAMPLES: &str = "/replay-samples";
pub(crate) const INSTALLATION: &str = "/installations/{id}";
pub(crate) const INSTALLATION_CANCEL: &str = "/installations/{id}/cancel";
pub(crate) const BIND: &str = "/plugins/{id}/{version}/bind";
pub(crate) const BINDING_BACK: &str = "/bindings/{id}/roll-back";
pub(crate) const PROPOSALS: &str = "/proposals";
pub(crate) const PROPOSAL_APPROVE: &str = "/proposals/{id}/approve";
pub(crate) const PROPOSAL_REFUSE: &str = "/proposals/{id}/refuse";
pub(crate) const ACTIVATION_RULE: &str = "/activation-rule";
pub(crate) const BINDING: &str = "/bindings/{id}";
pub(crate) const BINDING_QUARANTINE: &str = "/bindings/{id}/quarantine";
pub(crate) const BINDING_RELEASE: &str = "/bindings/{id}/release";
pub(crate) const BINDING_RERATE: &str = "/bindings/{id}/re-rate";
pub(crate) const TRIALS: &str = "/trials";
pub(crate) const TRIAL: &str = "/trials/{id}";
pub(crate) const TRIAL_CANCEL: &str = "/trials/{id}/cancel";
pub(crate) const TRIAL_RESUME: &str = "/trials/{id}/resume";
pub(crate) const TRIAL_MOVER: &str = "/trials/{id}/movers/{number}";
pub(crate) const TICKETS: &str = "/tickets";
pub(crate) const TICKET_NEW: &str = "/tickets/new";
pub(crate) const MY_TICKETS: &str = "/tickets/mine";
pub(crate) const TICKET: &str = "/tickets/{id}";
pub(crate) const TICKET_MOVES: &str = "/tickets/{id}/moves";
pub(crate) const TICKET_LINKS: &str = "/tickets/{id}/owner-links";
pub(crate) const TICKET_ORDERS: &str = "/tickets/{id}/work-orders";
pub(crate) const WORK_ORDER: &str = "/work-orders/{id}";
pub(crate) const OWNER: &str = "/o/{token}";
pub(crate) const OWNER_REPORT: &str = "/o/{token}/report";
pub(crate) const OWNER_RATE: &str = "/o/{token}/tickets/{id}/rate";
pub(crate) const AUDIT: &str = "/audit";
pub(crate) const IMPORT: &str = "/import";
pub(crate) const IMPORT_APPLY: &str = "/import/apply";

/// An embedded file under a name that changes with its content.
pub(crate) fn asset(name: &str) -> String {
    format!("/assets/{}/{name}", crate::assets::version(name))
}

/// The samples, while the one that was asked for is being taken.
pub(crate) fn replay_sample(job: JobId) -> String {
    format!("{REPLAY_SAMPLES}?job={job}")
}

pub(crate) fn login(next: &str) -> String {
    with_query(LOGIN, &[("next", next)])
}

pub(crate) fn units(project: Option<ProjectId>) -> String {
    in_project(UNITS, project)
}

/// The next page of a search.
pub(crate) fn units_after(project: ProjectId, search: &str, cursor: &str) -> String {
    with_query(UNITS, &[("project", &project.to_string()), ("search", search), ("cursor", cursor)])
}

pub(crate) fn unit(unit: UnitId) -> String {
    filled(UNIT, unit)
}

pub(crate) fn unit_meters(unit: UnitId) -> String {
    filled(UNIT_METERS, unit)
}

pub(crate) fn meter(meter: MeterId) -> String {
    filled(METER, meter)
}

/// Readings of a meter before a day.
pub(crate) fn meter_before(meter: MeterId, before: Date) -> String {
    with_query(&filled(METER, meter), &[("before", &before.to_string())])
}

/// The meter's page with one reading in the form.
pub(crate) fn meter_correcting(meter: MeterId, reading: MeterReadingId) -> String {
    with_query(&filled(METER, meter), &[("correct", &reading.to_string())])
}

pub(crate) fn reading(reading: MeterReadingId) -> String {
    filled(READING, reading)
}

/// Shared costs of a month written `2025-03`.
pub(crate) fn cost_pools(project: Option<ProjectId>, month: &str) -> String {
    let project = project.map(|project| project.to_string()).unwrap_or_default();
    with_query(COST_POOLS, &[("project", &project), ("month", month)])
}

pub(crate) fn billing(project: Option<ProjectId>) -> String {
    in_project(BILLING, project)
}

pub(crate) fn run(run: BillingRunId) -> String {
    filled(RUN, run)
}

/// A run with the totals of every building.
pub(crate) fn run_all_buildings(run: BillingRunId) -> String {
    format!("{}#totals", with_query(&filled(RUN, run), &[("buildings", "all")]))
}

/// Lines of a run; of one fee item and building where they are given.
pub(crate) fn run_lines(
    run: BillingRunId,
    fee_item: Option<FeeItemId>,
    building: Option<&str>,
    cursor: Option<&str>,
) -> String {
    let fee_item = fee_item.map(|id| id.to_string()).unwrap_or_default();
    let query = [
        ("fee_item", fee_item.as_str()),
        ("building", building.unwrap_or_default()),
        ("cursor", cursor.unwrap_or_default()),
    ];
    with_query(&filled(RUN_LINES, run), &query)
}

pub(crate) fn run_held(run: BillingRunId) -> String {
    filled(RUN_HELD, run)
}

/// What a run held for one reason, or its next page.
pub(crate) fn run_held_by(run: BillingRunId, filter: &HeldFilter, cursor: Option<&str>) -> String {
    let fee_item = filter.fee_item_id.map(|id| id.to_string()).unwrap_or_default();
    let query = [
        ("fee_item", fee_item.as_str()),
        ("kind", filter.kind.map_or("", |kind| kind.code())),
        ("code", filter.code.as_deref().unwrap_or_default()),
        ("about", filter.about.as_deref().unwrap_or_default()),
        ("cursor", cursor.unwrap_or_default()),
    ];
    with_query(&filled(RUN_HELD, run), &query)
}

pub(crate) fn run_approve(run: BillingRunId) -> String {
    filled(RUN_APPROVE, run)
}

pub(crate) fn run_post(run: BillingRunId) -> String {
    filled(RUN_POST, run)
}

pub(crate) fn run_cancel(run: BillingRunId) -> String {
    filled(RUN_CANCEL, run)
}

pub(crate) fn run_resume(run: BillingRunId) -> String {
    filled(RUN_RESUME, run)
}

/// Progress of a run as server-sent events.
pub(crate) fn run_progress(run: BillingRunId) -> String {
    format!("/api/v1/billing-runs/{run}/progress")
}

pub(crate) fn line(decision: DecisionId, line: u32) -> String {
    filled(LINE, decision).replace("{line}", &line.to_string())
}

/// The line as a file that runs again anywhere.
pub(crate) fn proof(decision: DecisionId, line: u32) -> String {
    format!("/api/v1/decisions/{decision}/lines/{line}/proof")
}

pub(crate) fn replay(decision: DecisionId, line: u32) -> String {
    filled(REPLAY, decision).replace("{line}", &line.to_string())
}

pub(crate) fn charge(charge: ChargeId) -> String {
    filled(CHARGE, charge)
}

/// The form that switches a plug-in on.
pub(crate) fn bind(id: &str, version: &str) -> String {
    format!("{}/bind", plugin(id, version))
}

pub(crate) fn binding_back(binding: BindingId) -> String {
    filled(BINDING_BACK, binding)
}

pub(crate) fn proposal_approve(proposal: ProposalId) -> String {
    filled(PROPOSAL_APPROVE, proposal)
}

pub(crate) fn proposal_refuse(proposal: ProposalId) -> String {
    filled(PROPOSAL_REFUSE, proposal)
}

pub(crate) fn plugin(id: &str, version: &str) -> String {
    PLUGIN.replace("{id}", &encoded(id)).replace("{version}", &encoded(version))
}

pub(crate) fn installation(job: JobId) -> String {
    filled(INSTALLATION, job)
}

pub(crate) fn installation_cancel(job: JobId) -> String {
    filled(INSTALLATION_CANCEL, job)
}

/// Progress of an installation as server-sent events.
pub(crate) fn installation_progress(job: JobId) -> String {
    format!("/api/v1/installations/{job}/progress")
}

pub(crate) fn binding(binding: BindingId) -> String {
    filled(BINDING, binding)
}

pub(crate) fn binding_quarantine(binding: BindingId) -> String {
    filled(BINDING_QUARANTINE, binding)
}

pub(crate) fn binding_release(binding: BindingId) -> String {
    filled(BINDING_RELEASE, binding)
}

pub(crate) fn binding_rerate(binding: BindingId) -> String {
    filled(BINDING_RERATE, binding)
}

pub(crate) fn trials(project: Option<ProjectId>) -> String {
    in_project(TRIALS, project)
}

/// The form for a trial of that plug-in version.
pub(crate) fn trials_of(id: &str, version: &str) -> String {
    with_query(TRIALS, &[("plugin", &format!("{id}@{version}"))])
}

pub(crate) fn trial(trial: TrialId) -> String {
    filled(TRIAL, trial)
}

pub(crate) fn trial_cancel(trial: TrialId) -> String {
    filled(TRIAL_CANCEL, trial)
}

pub(crate) fn trial_resume(trial: TrialId) -> String {
    filled(TRIAL_RESUME, trial)
}

pub(crate) fn trial_mover(trial: TrialId, number: usize) -> String {
    filled(TRIAL_MOVER, trial).replace("{number}", &number.to_string())
}

/// Progress of a trial as server-sent events.
pub(crate) fn trial_progress(trial: TrialId) -> String {
    format!("/api/v1/trials/{trial}/progress")
}

/// The board, or the list that a filter asks for.
pub(crate) fn tickets_of(project: Option<ProjectId>, filter: &[(&str, &str)]) -> String {
    let project = project.map(|project| project.to_string()).unwrap_or_default();
    let query: Vec<_> = std::iter::once(("project", project.as_str())).chain(filter.iter().copied()).collect();
    with_query(TICKETS, &query)
}

pub(crate) fn ticket_new(project: Option<ProjectId>) -> String {
    in_project(TICKET_NEW, project)
}

pub(crate) fn ticket(ticket: TicketId) -> String {
    filled(TICKET, ticket)
}

pub(crate) fn ticket_moves(ticket: TicketId) -> String {
    filled(TICKET_MOVES, ticket)
}

pub(crate) fn ticket_links(ticket: TicketId) -> String {
    filled(TICKET_LINKS, ticket)
}

pub(crate) fn ticket_orders(ticket: TicketId) -> String {
    filled(TICKET_ORDERS, ticket)
}

pub(crate) fn work_order(order: WorkOrderId) -> String {
    filled(WORK_ORDER, order)
}

/// The page of an owner's link.
pub(crate) fn owner(token: &str) -> String {
    OWNER.replace("{token}", &encoded(token))
}

pub(crate) fn owner_report(token: &str) -> String {
    OWNER_REPORT.replace("{token}", &encoded(token))
}

pub(crate) fn owner_rate(token: &str, ticket: TicketId) -> String {
    filled(OWNER_RATE, ticket).replace("{token}", &encoded(token))
}

pub(crate) fn audit_before(seq: i64) -> String {
    with_query(AUDIT, &[("before", &seq.to_string())])
}

pub(crate) fn import(project: Option<ProjectId>) -> String {
    in_project(IMPORT, project)
}

/// The project's workbook.
pub(crate) fn export(project: ProjectId) -> String {
    format!("/api/v1/projects/{project}/export.xlsx")
}

/// Where to go after logging in: a page of this host, whatever the link said.
pub(crate) fn local(path: &str) -> &str {
    let local =
        path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.contains(char::is_control);
    if local { path } else { HOME }
}

fn in_project(path: &str, project: Option<ProjectId>) -> String {
    project.map_or_else(|| path.to_owned(), |project| with_query(path, &[("project", &project.to_string())]))
}

fn filled(pattern: &str, id: impl Display) -> String {
    pattern.replace("{id}", &id.to_string())
}

/// The path with those parameters that are not empty.
fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut url = path.to_owned();
    for (index, (name, value)) in query.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        write!(url, "{separator}{name}={}", encoded(value)).expect("writing to a string cannot fail");
    }
    url
}

/// Percent-encoded, down to the characters that mean nothing in a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::page("/billing?project=1", "/billing?project=1")]
    #[case::other_host("//evil.example/", "/")]
    #[case::scheme("https://evil.example/", "/")]
    #[case::backslash("/\\evil.example", "/")]
    #[case::header_split("/a\r\nset-cookie: b", "/")]
    #[case::nothing("", "/")]
    fn only_own_pages_are_gone_to_after_login(#[case] asked: &str, #[case] goes_to: &str) {
        assert_eq!(local(asked), goes_to);
    }

    #[test]
    fn values_are_encoded_and_empty_ones_left_out() {
        assert_eq!(with_query("/units", &[("search", "王 &1"), ("cursor", "")]), "/units?search=%E7%8E%8B%20%261");
        assert_eq!(plugin("a/b", "1.0"), "/plugins/a%2Fb/1.0");
    }
}
