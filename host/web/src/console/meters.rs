//! 抄表: one meter with its readings, entering one and correcting one.

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use guanjia_domain::{
    Date, Decimal, Error,
    access::Permission,
    estate::{Meter, STALE},
    ids::{FeeItemId, MeterId, MeterReadingId, UnitId},
    meter::{EnteredReading, ReadingRow, ReadingView},
};
use serde::Deserialize;

use super::{Page, Section, show};
use crate::{
    access::{
        Require, Signed,
        needs::{ReadEstate, WriteReadings},
    },
    api::meters::meters,
    fault::Answer,
    urls,
    words::{Words, text},
};

/// Readings of one page: two years by the month.
const READINGS_SHOWN: u32 = 24;

#[derive(Deserialize)]
pub(crate) struct MeterQuery {
    before: Option<Date>,
    /// The reading that is corrected.
    correct: Option<MeterReadingId>,
}

#[derive(Template)]
#[template(path = "meter.html")]
struct MeterPage {
    page: Page,
    title: String,
    place: String,
    unit_url: String,
    multiplier: String,
    url: String,
    /// Where the form goes, and what it is called when it corrects.
    form_url: String,
    correcting: String,
    correcting_charged: bool,
    today: String,
    may_write: bool,
    /// Why what was sent was not taken; nothing when nothing was sent.
    refused: Option<Refusal>,
    draft: Draft,
    rows: Vec<ReadingLine>,
    more_url: String,
}

struct Refusal {
    title: String,
    help: String,
}

/// What the form shows: what was typed, so that it is not lost, or the reading that is corrected.
#[derive(Default)]
struct Draft {
    /// Set when it corrects.
    of: Option<MeterReadingId>,
    version: i64,
    read_on: String,
    reading: String,
    restart: String,
}

impl From<ReadingRow> for Draft {
    fn from(row: ReadingRow) -> Self {
        Self {
            of: Some(row.reading.id),
            version: row.version,
            read_on: row.reading.read_on.to_string(),
            reading: thousandths(row.reading.reading_milli),
            restart: row.reading.restart_milli.map(thousandths).unwrap_or_default(),
        }
    }
}

struct ReadingLine {
    read_on: String,
    reading: String,
    /// Where a replaced counter went on; empty for an ordinary reading.
    restart: String,
    usage: String,
    charged: bool,
    correct_url: String,
    /// It is the one that is corrected.
    current: bool,
}

pub(crate) async fn page(
    access: Require<ReadEstate>,
    Path(id): Path<MeterId>,
    Query(query): Query<MeterQuery>,
) -> Answer<Response> {
    let draft = match query.correct {
        Some(reading) => access.store.reading(reading).await?.into(),
        None => Draft::default(),
    };
    render(&access, id, query.before, None, draft).await
}

async fn render(
    access: &Signed,
    id: MeterId,
    before: Option<Date>,
    refused: Option<Refusal>,
    draft: Draft,
) -> Answer<Response> {
    let placed = access.store.meter(id).await?;
    let project = access.store.project(placed.project_id).await?;
    let (readings, more) = meters(access).history(&access.stamp(), id, before, READINGS_SHOWN).await?;
    let words = access.words;
    let today = project.today(access.at)?.to_string();
    let corrected = match draft.of {
        Some(reading) => Some(access.store.reading(reading).await?),
        None => None,
    };
    let last = readings.last().map(|view| view.row.reading.read_on);
    show(&MeterPage {
        title: words.say("meter-title", &[("item", text(placed.fee_item))]),
        place: placed.place.to_string(),
        unit_url: urls::unit(placed.meter.unit_id),
        multiplier: thousandths(placed.meter.multiplier_milli),
        url: urls::meter(id),
        form_url: draft.of.map_or_else(|| urls::meter(id), urls::reading),
        correcting: corrected.as_ref().map_or_else(String::new, |row| {
            words.say("reading-correcting", &[("date", text(row.reading.read_on.to_string()))])
        }),
        correcting_charged: corrected.as_ref().is_some_and(|row| row.charged),
        may_write: access.may(Permission::WriteReadings),
        refused,
        draft: Draft { read_on: if draft.read_on.is_empty() { today.clone() } else { draft.read_on }, ..draft },
        today,
        rows: readings.iter().map(|view| reading_line(view, corrected.as_ref())).collect(),
        more_url: last.filter(|_| more).map(|before| urls::meter_before(id, before)).unwrap_or_default(),
        page: Page::new(access, Section::Units, Some(project)),
    })
}

fn reading_line(view: &ReadingView, corrected: Option<&ReadingRow>) -> ReadingLine {
    let reading = &view.row.reading;
    ReadingLine {
        read_on: reading.read_on.to_string(),
        reading: thousandths(reading.reading_milli),
        restart: reading.restart_milli.map(thousandths).unwrap_or_default(),
        usage: view.usage_milli.map(thousandths).unwrap_or_default(),
        charged: view.row.charged,
        correct_url: urls::meter_correcting(reading.meter_id, reading.id),
        current: corrected.is_some_and(|row| row.reading.id == reading.id),
    }
}

/// A reading as the counter shows it.
pub(super) fn thousandths(reading: i64) -> String {
    Decimal::new(reading, 3).trimmed(0).to_string()
}

/// A number that was typed, in thousandths; `None` for what is no number of at most three decimals.
fn milli(typed: &str) -> Option<i64> {
    typed.trim().parse::<Decimal>().ok()?.rescale(3).map(|exact| exact.mantissa)
}

#[derive(Deserialize)]
pub(crate) struct ReadingForm {
    read_on: String,
    reading: String,
    #[serde(default)]
    restart: String,
    /// Set when the form stands on the unit's page.
    unit: Option<UnitId>,
    /// Of a correction: the version that was seen.
    version: Option<i64>,
}

impl ReadingForm {
    /// What was typed, or the code of why it cannot be read.
    fn entered(&self) -> Result<EnteredReading, &'static str> {
        let restart = self.restart.trim();
        Ok(EnteredReading {
            read_on: self.read_on.trim().parse().map_err(|_| "reading-no-date")?,
            reading_milli: milli(&self.reading).ok_or("reading-no-number")?,
            restart_milli: if restart.is_empty() { None } else { Some(milli(restart).ok_or("reading-no-number")?) },
        })
    }

    fn draft(self, of: Option<MeterReadingId>) -> Draft {
        let version = self.version.unwrap_or_default();
        Draft { of, version, read_on: self.read_on, reading: self.reading, restart: self.restart }
    }
}

pub(crate) async fn enter(
    access: Require<WriteReadings>,
    Path(id): Path<MeterId>,
    Form(form): Form<ReadingForm>,
) -> Answer<Response> {
    let outcome = match form.entered() {
        Ok(entered) => meters(&access).enter(&access.stamp(), id, entered).await.map(|_| ()),
        Err(code) => Err(Error::refused(code, "")),
    };
    let back = form.unit.map_or_else(|| urls::meter(id), |unit| format!("{}#meters", urls::unit(unit)));
    answer(&access, id, outcome, &back, form.draft(None)).await
}

pub(crate) async fn correct(
    access: Require<WriteReadings>,
    Path(id): Path<MeterReadingId>,
    Form(form): Form<ReadingForm>,
) -> Answer<Response> {
    let stored = access.store.reading(id).await?;
    let meter = stored.reading.meter_id;
    let outcome = match form.entered() {
        Ok(entered) => {
            let seen = form.version.unwrap_or_default();
            meters(&access).correct(&access.stamp(), id, seen, entered).await.map(|_| ())
        }
        Err(code) => Err(Error::refused(code, "")),
    };
    // Over somebody else's correction only what is stored now is offered again.
    let stale = matches!(outcome, Err(Error::Refused { code: STALE, .. }));
    let draft = if stale { access.store.reading(id).await?.into() } else { form.draft(Some(id)) };
    answer(&access, meter, outcome, &urls::meter(meter), draft).await
}

/// Where to go on, or the meter's page with the reason and what was typed.
async fn answer(
    access: &Signed,
    meter: MeterId,
    outcome: Result<(), Error>,
    back: &str,
    draft: Draft,
) -> Answer<Response> {
    let code = match outcome {
        Ok(()) => return Ok(Redirect::to(back).into_response()),
        Err(Error::Conflict(_)) => "reading-day-taken",
        Err(Error::Refused { code, .. }) if code == STALE || code.starts_with("reading-") => code,
        Err(other) => return Err(other.into()),
    };
    let refused = refusal(access.words, code);
    let mut response = render(access, meter, None, Some(refused), draft).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

fn refusal(words: Words, code: &str) -> Refusal {
    Refusal { title: words.t(&format!("fault-{code}")), help: words.t(&format!("fault-{code}-help")) }
}

#[derive(Deserialize)]
pub(crate) struct MeterForm {
    fee_item: FeeItemId,
    multiplier: String,
}

pub(crate) async fn add(
    access: Require<WriteReadings>,
    Path(id): Path<UnitId>,
    Form(form): Form<MeterForm>,
) -> Answer<Redirect> {
    let meter = Meter {
        id: MeterId::generate(),
        unit_id: id,
        fee_item_id: form.fee_item,
        // What is no number is refused like one that is out of range.
        multiplier_milli: milli(&form.multiplier).unwrap_or_default(),
    };
    meters(&access).add_meter(&access.stamp(), &meter).await?;
    Ok(Redirect::to(&urls::meter(meter.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::whole("1200", Some(1_200_000))]
    #[case::spaces(" 12.5 ", Some(12_500))]
    #[case::too_fine("1.0005", None)]
    #[case::words("十二", None)]
    #[case::nothing("", None)]
    fn readings_are_typed_in_units_of_the_counter(#[case] typed: &str, #[case] expected: Option<i64>) {
        assert_eq!(milli(typed), expected);
    }
}
