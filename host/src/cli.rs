//! The command line. Its words, JSON and exit codes are what scripts rely on.

mod admin;
mod bill;
mod calendar;
mod demo;
mod facts;
mod import;
mod job;
mod meter;
mod output;
mod plugin;
mod replay;
mod serve;
mod ticket;
mod trial;
mod unit;
mod watch;

use clap::{Args, Parser, Subcommand};
use guanjia_domain::{Error, Result, plugin::Language};
use std::{path::PathBuf, process::ExitCode};
use tracing_subscriber::EnvFilter;

use crate::boot::{self, Config, Host, Office};

/// 管家 — a property office whose rules are sandboxed, dated, explained and replayable.
#[derive(Debug, Parser)]
#[command(name = "guanjia", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Embedded database and caches live here.
    #[arg(long, global = true, env = "GUANJIA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// `sqlite:PATH` or `postgres://…` instead of the embedded database.
    #[arg(long, global = true, env = "GUANJIA_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    /// Keep machine code of plug-ins here instead of in the data directory.
    #[arg(long, global = true, env = "GUANJIA_CACHE_DIR", value_name = "DIR", hide = true)]
    cache_dir: Option<PathBuf>,
    /// Which company to work for, when there are several.
    #[arg(long, global = true, env = "GUANJIA_COMPANY", value_name = "NAME")]
    company: Option<String>,
    /// Act as this person; the operator of this machine otherwise.
    #[arg(long = "as", global = true, value_name = "USER")]
    acting: Option<String>,
    /// Print JSON for scripts.
    #[arg(long, global = true)]
    json: bool,
    /// Language of what people read: zh or en. Text follows the terminal's without it; JSON does not, so that scripts read
    /// the same everywhere.
    #[arg(long, global = true, value_name = "LANG", value_parser = language)]
    lang: Option<Language>,
}

/// A language with its region or without: `zh-CN` is `zh` here.
fn language(text: &str) -> Result<Language> {
    text.split(['-', '_', '.']).next().unwrap_or(text).parse()
}

/// The language of the terminal, if it is one of ours. The first of these variables that is set decides, as everywhere.
fn terminal_language(variable: impl Fn(&str) -> Option<String>) -> Option<Language> {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    language(&named?).ok()
}

/// Where the embedded database lies when nothing is said.
const DATA_DIR: &str = "guanjia-data";

impl Global {
    fn config(&self) -> Result<Config> {
        Ok(Config {
            data_dir: self.data_dir.clone().unwrap_or_else(|| DATA_DIR.into()),
            database_url: self.database_url.clone(),
            cache_dir: self.cache_dir.clone(),
            company: self.company.clone(),
            compiler: boot::compile_in_own_binary()?,
        })
    }

    /// The language that is asked for, else the terminal's for text, else the command's own.
    fn language(&self, otherwise: Language) -> Language {
        let terminal = || terminal_language(|name| std::env::var(name).ok()).filter(|_| !self.json);
        self.lang.or_else(terminal).unwrap_or(otherwise)
    }

    async fn office(&self) -> Result<Office> {
        Host::open(&self.config()?).await?.company().await
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a demo company, bill a month, post it, and open the console on the result.
    Demo(demo::Demo),
    /// Serve API and console.
    Serve(serve::Serve),
    /// Take over a project from the system it leaves.
    #[command(subcommand)]
    Import(import::Import),
    /// Write a project's tables back into a workbook.
    Export(import::Export),
    /// Preview, approve, post and look into billing runs.
    #[command(subcommand)]
    Bill(bill::Bill),
    /// Change a unit.
    #[command(subcommand)]
    Unit(unit::Unit),
    /// Read meters: enter readings and correct them.
    #[command(subcommand)]
    Meter(meter::Meter),
    /// Tickets: take them in, move them on, call back.
    #[command(subcommand)]
    Ticket(ticket::Ticket),
    /// Working calendars: the hours that deadlines count.
    #[command(subcommand)]
    Calendar(calendar::Calendar),
    /// Ask the plug-ins again and compare the answers bit for bit.
    Replay(replay::Replay),
    /// Write one line of a decision into a file that runs again anywhere.
    Prove(replay::Prove),
    /// Install and bind plug-ins.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// People and their roles.
    #[command(subcommand)]
    User(admin::User),
    /// API tokens.
    #[command(subcommand)]
    Token(admin::Token),
    /// The facts that plug-ins may ask for.
    Facts(facts::Facts),
    /// Work that begins by itself: previews of the running month, and the nightly replay.
    #[command(subcommand)]
    Schedule(admin::Schedule),
    /// Check journal, audit trail and records against each other.
    Check,
}

/// What a command came to, beside errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// 0
    Well,
    /// 1: done, and the finding is bad.
    Badly,
    /// 5: done, but lines are held.
    WithHeld,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // The one command that is not for people: without runtime, logs and configuration, it has a job and its limits.
    if std::env::args_os().nth(1).is_some_and(|command| command == boot::COMPILE_WORKER) {
        return boot::compile_worker();
    }
    // clap exits with 2 for wrong usage by itself.
    let cli = Cli::parse();
    start_logs();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&Error::unavailable("starting the runtime", error), false, Language::En),
    };
    match runtime.block_on(run(&cli)) {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Badly) => ExitCode::from(1),
        Ok(Done::WithHeld) => ExitCode::from(5),
        Err(error) => output::failure(&error, cli.global.json, cli.global.language(Language::En)),
    }
}

/// Logs go to stderr: `GUANJIA_LOG` filters them, `GUANJIA_LOG_FORMAT=json` makes them records.
fn start_logs() {
    let filter =
        EnvFilter::try_from_env("GUANJIA_LOG").unwrap_or_else(|_| EnvFilter::new("warn,guanjia=info,guanjia_web=info"));
    let logs = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    if std::env::var("GUANJIA_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.init();
    }
}

async fn run(cli: &Cli) -> Result<Done> {
    let global = &cli.global;
    match &cli.command {
        Command::Demo(command) => command.run(global).await,
        Command::Serve(command) => command.run(global).await,
        Command::Import(command) => command.run(global).await,
        Command::Export(command) => command.run(global).await,
        Command::Bill(command) => command.run(global).await,
        Command::Unit(command) => command.run(global).await,
        Command::Meter(command) => command.run(global).await,
        Command::Ticket(command) => command.run(global).await,
        Command::Calendar(command) => command.run(global).await,
        Command::Replay(command) => command.run(global).await,
        Command::Prove(command) => command.run(global).await,
        Command::Facts(command) => command.run(global),
        Command::Plugin(command) => command.run(global).await,
        Command::User(command) => command.run(global).await,
        Command::Token(command) => command.run(global).await,
        Command::Schedule(command) => command.run(global).await,
        Command::Check => admin::check(global).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case::chinese(&[("LANG", "zh_CN.UTF-8")], Some(Language::Zh))]
    #[case::english(&[("LANG", "en_GB")], Some(Language::En))]
    #[case::all_wins(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_US.UTF-8")], Some(Language::En))]
    #[case::empty_is_unset(&[("LC_ALL", ""), ("LANG", "zh")], Some(Language::Zh))]
    #[case::plain(&[("LANG", "C.UTF-8")], None)]
    #[case::neither(&[("LC_MESSAGES", "de_DE"), ("LANG", "zh")], None)]
    #[case::nothing_said(&[], None)]
    fn the_terminal_names_a_language(#[case] variables: &[(&str, &str)], #[case] expected: Option<Language>) {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(terminal_language(variable), expected);
    }
}
