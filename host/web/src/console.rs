//! The console: pages for people. A page asks the same services as the API, shows words from the catalogue, works without
//! script, and gets better with htmx.

pub(crate) mod activation;
pub(crate) mod audit;
pub(crate) mod billing;
pub(crate) mod binding;
pub(crate) mod cost_pools;
pub(crate) mod facts;
pub(crate) mod home;
pub(crate) mod import;
pub(crate) mod installation;
pub(crate) mod line;
pub(crate) mod login;
pub(crate) mod meters;
pub(crate) mod owner;
mod plugin_difference;
pub(crate) mod plugins;
pub(crate) mod replay_samples;
mod settings_form;
pub(crate) mod ticket;
pub(crate) mod ticket_intake;
pub(crate) mod tickets;
pub(crate) mod trials;
pub(crate) mod units;
pub(crate) mod work_orders;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use guanjia_domain::{access::Permission, estate::Project, ids::ProjectId, plugin::Text, ports::CompanyStore};

use crate::{
    access::Signed,
    fault::{Answer, Fault},
    format, urls,
    words::{Arg, Words},
};

/// Where the projects of the first customers are; a page about one project uses that project's own zone.
const ZONE: Tz = chrono_tz::Asia::Shanghai;

/// Part of the navigation that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Today,
    Units,
    Tickets,
    MyTickets,
    Billing,
    Import,
    Plugins,
    Trials,
    Audit,
    Me,
}

/// What every page shows around its own content.
pub(crate) struct Page {
    words: Words,
    section: Section,
    user: String,
    roles: String,
    here: String,
    search: String,
    /// The page has the search itself, so the frame leaves it out.
    searches: bool,
    project: Option<Project>,
    permissions: Vec<Permission>,
}

/// One entry of the navigation.
pub(crate) struct NavEntry {
    pub label: String,
    pub url: String,
    pub current: bool,
    /// Path of the icon on a grid of 24.
    pub icon: &'static str,
}

/// Icons of the navigation, as outlines.
mod icon {
    pub(super) const TODAY: &str = "M4 6h16v14H4zM4 10.5h16M9 3.5V8M15 3.5V8";
    pub(super) const UNITS: &str = "M4 20V9.5L12 4l8 5.5V20zM10 20v-6h4v6";
    pub(super) const TICKETS: &str =
        "M4 7h16v4a1.500 1.500 0 0 0 0 3v4H4v-4a1.500 1.500 0 0 0 0-3zM14 7v2.500M14 11.500v2M14 15.500V18";
    pub(super) const BILLING: &str = "M7 4l5 7.5L17 4M12 11.5V20M8 13h8M8 16.5h8";
    pub(super) const PLUGINS: &str = "M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z";
    pub(super) const TRIALS: &str = "M5 20V11M10 20V5M15 20v-7M20 20V8M3.500 20h18";
    pub(super) const IMPORT: &str = "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5";
    pub(super) const AUDIT: &str = "M6 3.5h12v17H6zM9 8h6M9 12h6M9 16h4";
    pub(super) const ME: &str =
        "M12 11.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM4.5 20.5c.8-4.2 3.6-6 7.5-6s6.700 1.800 7.500 6";
}

impl Page {
    pub(crate) fn new(access: &Signed, section: Section, project: Option<Project>) -> Self {
        let roles: Vec<String> = access.actor.roles.iter().map(|role| access.words.role(*role)).collect();
        Self {
            words: access.words,
            section,
            user: access.actor.name.clone(),
            roles: roles.join(" · "),
            here: access.here.clone(),
            search: String::new(),
            searches: false,
            project,
            permissions: Permission::ALL.iter().copied().filter(|permission| access.may(*permission)).collect(),
        }
    }

    fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    fn say(&self, key: &str, args: &[(&'static str, Arg)]) -> String {
        self.words.say(key, args)
    }

    fn text<'a>(&self, text: &'a Text) -> &'a str {
        text.in_language(self.words.language)
    }

    fn lang(&self) -> &'static str {
        self.words.tag()
    }

    fn other_language(&self) -> &'static str {
        self.words.other()
    }

    fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    fn project_id(&self) -> Option<ProjectId> {
        self.project.as_ref().map(|project| project.id)
    }

    /// What the search finds for this reader.
    fn search_hint(&self) -> String {
        if self.may(Permission::ReadPersonalData) { self.t("search-hint") } else { self.t("search-hint-places") }
    }

    /// What to try when it found nothing.
    fn search_help(&self) -> String {
        if self.may(Permission::ReadPersonalData) {
            self.t("units-none-found")
        } else {
            self.t("units-none-found-places")
        }
    }

    fn units_url(&self) -> String {
        urls::units(self.project_id())
    }

    fn time(&self, at: &DateTime<Utc>) -> String {
        let zone = self.project.as_ref().and_then(|project| project.time_zone.parse().ok()).unwrap_or(ZONE);
        format::time(*at, zone)
    }

    fn entry(&self, section: Section, key: &str, url: String, icon: &'static str) -> NavEntry {
        NavEntry { label: self.t(key), url, current: self.section == section, icon }
    }

    fn daily(&self) -> Vec<NavEntry> {
        let mut entries = Vec::new();
        if self.may(Permission::ReadEstate) {
            entries.push(self.entry(Section::Today, "nav-today", urls::HOME.to_owned(), icon::TODAY));
            entries.push(self.entry(Section::Units, "nav-units", urls::units(self.project_id()), icon::UNITS));
        }
        entries.extend(self.tickets());
        if self.may(Permission::ReadCharges) {
            entries.push(self.entry(Section::Billing, "nav-billing", urls::billing(self.project_id()), icon::BILLING));
        }
        entries
    }

    /// All tickets for those who take them in or watch over them; one's own for whoever only works on them.
    fn tickets(&self) -> Option<NavEntry> {
        let works_only = self.may(Permission::WorkTickets) && !self.may(Permission::WriteTickets);
        if works_only {
            let url = urls::MY_TICKETS.to_owned();
            let mut entry = self.entry(Section::MyTickets, "nav-my-tickets", url, icon::TICKETS);
            entry.current |= self.section == Section::Tickets;
            return Some(entry);
        }
        let url = || urls::tickets_of(self.project_id(), &[]);
        let mut entry = self
            .may(Permission::ReadTickets)
            .then(|| self.entry(Section::Tickets, "nav-tickets", url(), icon::TICKETS))?;
        entry.current |= self.section == Section::MyTickets;
        Some(entry)
    }

    fn plugins(&self) -> Option<NavEntry> {
        let plugins = || self.entry(Section::Plugins, "nav-plugins", urls::PLUGINS.to_owned(), icon::PLUGINS);
        self.may(Permission::ReadPlugins).then(plugins)
    }

    fn trials(&self) -> Option<NavEntry> {
        let trials = || self.entry(Section::Trials, "nav-trials", urls::trials(self.project_id()), icon::TRIALS);
        self.may(Permission::TryPlugins).then(trials)
    }

    fn rules(&self) -> Vec<NavEntry> {
        self.plugins().into_iter().chain(self.trials()).collect()
    }

    /// What has no tab on a phone: behind one's own page.
    fn untabbed(&self) -> Vec<NavEntry> {
        self.trials().into_iter().chain(self.office()).collect()
    }

    fn office(&self) -> Vec<NavEntry> {
        let mut entries = Vec::new();
        if self.may(Permission::WriteEstate) {
            entries.push(self.entry(Section::Import, "nav-import", urls::import(self.project_id()), icon::IMPORT));
        }
        if self.may(Permission::ReadAudit) {
            entries.push(self.entry(Section::Audit, "nav-audit", urls::AUDIT.to_owned(), icon::AUDIT));
        }
        entries
    }

    /// Bottom of a phone: what is needed while walking, and everything else behind one's own page.
    fn tabs(&self) -> Vec<NavEntry> {
        let mut tabs = self.daily();
        tabs.extend(self.plugins());
        tabs.push(self.entry(Section::Me, "nav-me", urls::ME.to_owned(), icon::ME));
        tabs
    }
}

/// A rendered page.
fn show(page: &impl Template) -> Answer<Response> {
    Ok(Html(page.render()?).into_response())
}

/// Where a workbook is imported; nowhere for those who may not.
fn import_url(access: &Signed) -> String {
    if access.may(Permission::WriteEstate) { urls::import(None) } else { String::new() }
}

/// The project that is asked for, or the first one.
async fn chosen_project(store: &dyn CompanyStore, asked: Option<ProjectId>) -> Answer<Option<Project>> {
    match asked {
        Some(project) => Ok(Some(store.project(project).await?)),
        None => Ok(store.projects().await?.into_iter().next()),
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    words: Words,
    title: String,
    help: String,
    fault: &'a Fault,
    request_id: &'a str,
}

impl FaultPage<'_> {
    fn t(&self, key: &str) -> String {
        self.words.t(key)
    }
}

/// A fault as a page: what happened, that nothing was lost, what to do, and the request id.
pub(crate) fn fault_page(fault: &Fault, request_id: &str, words: Words) -> Response {
    let title = words.find(&format!("fault-{}", fault.code)).unwrap_or_else(|| words.t("fault-other"));
    let help = words.find(&format!("fault-{}-help", fault.code)).unwrap_or_else(|| words.t("fault-other-help"));
    let page = FaultPage { words, title, help, fault, request_id };
    match page.render() {
        Ok(html) => (fault.status, Html(html)).into_response(),
        Err(_) => (fault.status, format!("{}\n{request_id}", fault.detail)).into_response(),
    }
}
