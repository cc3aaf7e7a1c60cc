//! What the command line prints: results on stdout, progress and errors on stderr.

use guanjia_domain::{
    Date, Error, Period, Result,
    billing::{Progress, RunProgress},
    error::InputProblem,
    estate::Project,
    fee_item::FeeItem,
    ids::ProjectId,
    plugin::Language,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::{io::Write, process::ExitCode};

use crate::boot::Office;

/// Prints the error with what caused it and turns it into an exit code.
pub(super) fn failure(error: &Error, json: bool, language: Language) -> ExitCode {
    let (code, problems): (u8, &[InputProblem]) = match error {
        Error::Invalid { problems, .. } => (3, problems),
        Error::Fields(_) => (3, &[]),
        Error::Refused { .. } => (4, &[]),
        Error::NotFound { .. }
        | Error::Conflict(_)
        | Error::Overflow(_)
        | Error::Cancelled
        | Error::Unavailable { .. } => (1, &[]),
    };
    if json && code == 3 {
        line(&json!({ "error": error.to_string(), "problems": problems }));
    }
    say(&format!("guanjia: {error}"));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        say(&pick(language, format!("  原因：{cause}"), format!("  because: {cause}")));
        source = cause.source();
    }
    if !json {
        for InputProblem { sheet, row, column, value, reason } in problems {
            say(&match language {
                Language::Zh => format!("  表“{sheet}”第 {row} 行“{column}”列，内容“{value}”：{reason}"),
                Language::En => format!("  {sheet} row {row}, {column} {value:?}: {reason}"),
            });
        }
    }
    ExitCode::from(code)
}

/// The text in a language.
pub(super) fn pick<T>(language: Language, zh: T, en: T) -> T {
    match language {
        Language::Zh => zh,
        Language::En => en,
    }
}

/// One JSON value on a line of stdout. A closed pipe is the reader's way to say "enough".
pub(super) fn line(value: &serde_json::Value) {
    text(&value.to_string());
}

/// One line of stdout.
pub(super) fn text(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if writeln!(stdout, "{line}").is_err() {
        std::process::exit(0);
    }
}

/// One line for the person at the terminal.
pub(super) fn say(line: &str) {
    // Nothing can be said to whoever closed stderr.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A progress bar on stderr; invisible when stderr is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(what: &'static str) -> Self {
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}").expect("is a template");
        let bar = ProgressBar::new(0).with_style(style).with_message(what);
        Self(bar)
    }

    pub(super) fn done(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn report(&self, progress: RunProgress) {
        self.0.set_length(progress.total.unsigned_abs());
        self.0.set_position(progress.done.unsigned_abs());
    }
}

/// The project of that name.
pub(super) async fn project(office: &Office, name: &str) -> Result<Project> {
    office.store.project_by_name(name).await?.ok_or_else(|| Error::not_found("project", name))
}

/// The fee item of that name.
pub(super) async fn fee_item(office: &Office, project: ProjectId, name: &str) -> Result<FeeItem> {
    let items = office.store.fee_items(project).await?;
    items.into_iter().find(|item| item.name == name).ok_or_else(|| Error::not_found("fee item", name))
}

/// `2025-03` as the calendar month.
pub(super) fn month(text: &str) -> Result<Period, String> {
    let month = || {
        let (year, month) = text.split_once('-')?;
        Period::month(year.parse().ok()?, month.parse().ok()?)
    };
    month().ok_or_else(|| format!("{text:?} is not a month such as 2025-03"))
}

/// A civil date for clap.
pub(super) fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("{text:?} is not a date such as 2025-03-01"))
}

/// The month as people write it.
pub(super) fn month_text(period: Period) -> String {
    format!("{:04}-{:02}", period.start.year(), period.start.month())
}
