//! `guanjia demo`: a demo company, from a workbook to posted charges, and the console open on it.

mod organisation;

use clap::Args;
use guanjia_domain::{
    Error, Period, Result,
    access::{Role, Stamp},
    billing::{BillingRun, Progress, RunProgress, RunState},
    estate::Project,
    plugin::{InstalledPlugin, Language},
};
use serde_json::json;
use std::{net::SocketAddr, path::PathBuf};

use super::{Done, Global, bill, import, output, serve};
use crate::{
    boot::{Config, Host, Office},
    generate,
    registries::Registries,
    standard_plugins,
};

/// The example estate: three buildings of a real layout with invented people.
const WORKBOOK: &[u8] = include_bytes!("../../../tests/fixtures/hc-import.xlsx");
/// Its project, and the month that is billed: the first one of its fee settings.
const PROJECT: &str = "巴黎都市";
const GENERATED_PROJECT: &str = "万家城";
const YEAR: i32 = 2025;
const MONTH: u8 = 1;
/// Logins of the demo, all with the same password. A demo listens on this machine only.
const PEOPLE: [(&str, Role); 4] =
    [("admin", Role::Admin), ("manager", Role::Manager), ("finance", Role::Finance), ("cashier", Role::Cashier)];
const PASSWORD: &str = "guanjia-demo";
/// Who approves what the operator has previewed.
const APPROVER: &str = "manager";

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Stop after posting.
    #[arg(long)]
    no_serve: bool,
    /// Address and port of the console; port 0 takes a free one.
    #[arg(long, default_value = serve::LISTEN, value_name = "ADDR")]
    listen: SocketAddr,
    /// A generated estate of so many homes instead of the example workbook.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=10_000_000))]
    units: Option<i64>,
}

impl Demo {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let mut config = global.config()?;
        // Held until the end: the folder goes with the demo.
        let temporary = self.place(global, &mut config)?;
        let host = Host::open(&config).await?;
        // Taken first, so that a busy port is said before the work and not after it.
        let listener = if self.no_serve { None } else { Some(serve::listen(self.listen).await?) };
        let office = host.company().await?;
        let stamp = office.stamp(None, "cli").await?;
        let plugins = standard_plugins::install(&office, &stamp).await?;
        people(&office, &stamp).await?;
        let project = match self.units {
            None => {
                let project = example(&office, &stamp).await?;
                organisation::make(&office, &stamp, &project).await?;
                project
            }
            Some(units) => generated(&office, &stamp, &plugins, units).await?,
        };
        let period = Period::month(YEAR, MONTH).expect("January 2025 is a month");
        let run = posted(&office, &stamp, &project, period).await?;
        let url = match &listener {
            None => None,
            Some(listener) => {
                let address =
                    listener.local_addr().map_err(|error| Error::unavailable("reading the address", error))?;
                Some(format!("http://{address}"))
            }
        };
        self.summary(&office, &project, &run, url.as_deref(), global).await?;
        if let Some(listener) = listener {
            serve::serve(&host, listener, false, Registries::default()).await?;
        }
        drop(temporary);
        Ok(if run.held > 0 { Done::WithHeld } else { Done::Well })
    }

    /// A temporary data directory unless one is named.
    fn place(&self, global: &Global, config: &mut Config) -> Result<Option<tempfile::TempDir>> {
        if global.data_dir.is_some() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new()
            .prefix("guanjia-demo-")
            .tempdir()
            .map_err(|error| Error::unavailable("making a temporary data directory", error))?;
        config.data_dir = PathBuf::from(folder.path());
        Ok(Some(folder))
    }

    async fn summary(
        &self,
        office: &Office,
        project: &Project,
        run: &BillingRun,
        url: Option<&str>,
        global: &Global,
    ) -> Result<()> {
        let sum = office.store.journal_sum(Some(project.id)).await?;
        let units = office.store.count_units(project.id).await?;
        let period = output::month_text(run.period);
        let language = global.language(Language::En);
        if global.json {
            output::line(&json!({
                "project": project.name, "period": period, "units": units, "charges": run.posted_lines, "held": run.held,
                "posted_fen": run.total.0, "journal_sum_fen": sum.sum_fen, "url": url,
            }));
            return Ok(());
        }
        let BillingRun { posted_lines, held, total, .. } = run;
        let name = &project.name;
        output::text(&match language {
            Language::Zh => {
                format!("{name}  {period}：{units} 户，已过账 {posted_lines} 条，暂挂 {held} 户，¥{total}")
            }
            Language::En => {
                format!("{name}  {period}: {units} units, {posted_lines} charges posted, {held} held, ¥{total}")
            }
        });
        if let Some(url) = url {
            let names: Vec<_> = PEOPLE.iter().map(|(name, _)| *name).collect();
            output::text(&match language {
                Language::Zh => format!("{url}  用户名 {}，密码都是 {PASSWORD}", names.join("、")),
                Language::En => format!("{url}  log in as {} with the password {PASSWORD}", names.join(", ")),
            });
        }
        Ok(())
    }
}

async fn people(office: &Office, stamp: &Stamp) -> Result<()> {
    let known = office.store.users().await?;
    for (name, role) in PEOPLE {
        if !known.iter().any(|user| user.name == name) {
            office.store.add_user(stamp, name, &[role], Some(PASSWORD)).await?;
        }
    }
    Ok(())
}

async fn example(office: &Office, stamp: &Stamp) -> Result<Project> {
    let files = [("hc-import.xlsx".to_owned(), WORKBOOK.to_vec())];
    import::take_over(office, stamp, PROJECT, &files, false).await?;
    output::project(office, PROJECT).await
}

async fn generated(office: &Office, stamp: &Stamp, plugins: &[InstalledPlugin], units: i64) -> Result<Project> {
    let project = office.imports.ensure_project(stamp, GENERATED_PROJECT).await?;
    let bar = output::Bar::new("generating");
    let report = |done| bar.report(RunProgress { done, total: units });
    generate::estate(office, stamp, &project, plugins, units, &report).await?;
    bar.done();
    Ok(project)
}

/// The posted run of the month: made, approved by a second person and posted, from wherever an earlier demo stopped.
async fn posted(office: &Office, stamp: &Stamp, project: &Project, period: Period) -> Result<BillingRun> {
    let runs = office.store.runs_of_period(project.id, period.start).await?;
    let current =
        runs.into_iter().filter(|run| run.state != RunState::Cancelled && !run.is_rerating()).max_by_key(|run| run.id);
    let run = match current {
        None => bill::preview(office, stamp, project.id, period).await?,
        Some(run) if run.state == RunState::Computing => bill::resume(office, stamp, run.id).await?,
        Some(run) => run,
    };
    if run.state == RunState::Previewed {
        let approver = office.stamp(Some(APPROVER), "cli").await?;
        office.billing.approve(&approver, run.id).await?;
    }
    bill::post(office, stamp, run.id).await
}
