//! Working calendars (工作日历): which hours of which days count, and how a duration becomes an instant.
//!
//! A deadline is a number of minutes on a clock. On [`Clock::Around`] every minute counts; on [`Clock::Working`] only those
//! of the calendar do, in the time zone of the project. Holidays and make-up working days (调休) are days of the calendar
//! with hours of their own.

use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{
    Date, Error, Result,
    access::{Permission, Stamp, codes},
    ids::ProjectId,
    ports::CompanyStore,
};

codes! {
    /// Which minutes count.
    Clock {
        /// Those of the working calendar.
        Working = "working",
        /// All of them.
        Around = "around",
    }
}

/// A duration that somebody is allowed to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// At least 1, at most [`ALLOWED_MINUTES_MAX`].
    pub minutes: i64,
    pub clock: Clock,
}

/// A year around the clock. Whatever takes longer is no deadline of a ticket.
pub const ALLOWED_MINUTES_MAX: i64 = 366 * 24 * 60;

impl Allowed {
    #[must_use]
    pub const fn working(minutes: i64) -> Self {
        Self { minutes, clock: Clock::Working }
    }

    #[must_use]
    pub const fn around(minutes: i64) -> Self {
        Self { minutes, clock: Clock::Around }
    }

    /// # Errors
    /// `Invalid` for a duration that is no duration, or longer than a year.
    pub fn check(self) -> Result<Self> {
        if (1..=ALLOWED_MINUTES_MAX).contains(&self.minutes) {
            return Ok(self);
        }
        Err(Error::invalid(format!("{} minutes: between 1 and {ALLOWED_MINUTES_MAX} are possible", self.minutes)))
    }
}

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Hours of one day, such as `08:30-12:00`: the first minute belongs to them, the last does not. A day ends with `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    from: u16,
    to: u16,
}

impl Hours {
    /// Minutes since midnight; `None` unless some minutes of one day lie between them.
    #[must_use]
    pub fn new(from: u16, to: u16) -> Option<Self> {
        (from < to && to <= DAY_MINUTES).then_some(Self { from, to })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

impl FromStr for Hours {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let hours = text.split_once('-').and_then(|(from, to)| Self::new(minute(from)?, minute(to)?));
        hours.ok_or_else(|| Error::invalid(format!("{text:?} are no hours of a day; write them like 08:30-12:00")))
    }
}

impl TryFrom<String> for Hours {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

/// The hours that count, of every day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkingCalendar {
    /// Monday first; none on days that are free.
    pub week: [Vec<Hours>; 7],
    /// Days that differ from their day of the week: holidays have no hours, make-up working days have some.
    #[serde(default)]
    pub days: BTreeMap<Date, Vec<Hours>>,
}

/// Hours of one day that are told apart: morning, afternoon, and room for shifts.
const HOURS_MAX: usize = 8;
/// Days that differ: ten years of the country's holidays with their make-up days.
const DAYS_MAX: usize = 800;
/// How far a deadline is looked for. A calendar that has not enough hours in ten years has them by mistake.
const WALK_DAYS_MAX: i32 = 3_660;

impl Default for WorkingCalendar {
    /// What counts until the company says otherwise: Monday to Friday from half past eight to half past five. Holidays are
    /// not guessed: they are announced each year.
    fn default() -> Self {
        let day = || vec![Hours { from: 8 * 60 + 30, to: 17 * 60 + 30 }];
        Self { week: [day(), day(), day(), day(), day(), vec![], vec![]], days: BTreeMap::new() }
    }
}

impl WorkingCalendar {
    /// # Errors
    /// `Invalid` where hours of a day overlap or stand out of order, or nobody ever works.
    pub fn check(&self) -> Result<()> {
        let named = self.week.iter().map(|hours| ("a day of the week".to_owned(), hours));
        let days = self.days.iter().map(|(day, hours)| (day.to_string(), hours));
        for (day, hours) in named.chain(days) {
            if hours.len() > HOURS_MAX {
                return Err(Error::invalid(format!("{day} has more than {HOURS_MAX} stretches of hours")));
            }
            if hours.windows(2).any(|pair| pair[0].to > pair[1].from) {
                return Err(Error::invalid(format!("the hours of {day} overlap or stand out of order")));
            }
        }
        if self.days.len() > DAYS_MAX {
            return Err(Error::invalid(format!("more than {DAYS_MAX} days differ from the week")));
        }
        if self.week.iter().all(Vec::is_empty) {
            return Err(Error::invalid("no day of the week has working hours: deadlines would never come"));
        }
        Ok(())
    }

    /// The hours of a day.
    #[must_use]
    pub fn hours(&self, day: Date) -> &[Hours] {
        // Day 0 was a Thursday.
        let weekday = (i64::from(day.days()) + 3).rem_euclid(7);
        let week = || &self.week[usize::try_from(weekday).expect("a weekday is at most 6")];
        self.days.get(&day).unwrap_or_else(week)
    }

    /// When a duration that begins at an instant is used up: the first instant at which so much time has counted.
    ///
    /// # Errors
    /// `Refused` with `calendar-too-short` when the calendar has not so many hours in ten years.
    pub fn resolve(&self, from: DateTime<Utc>, left: Duration, clock: Clock, zone: Tz) -> Result<DateTime<Utc>> {
        if left <= Duration::zero() {
            return Ok(from);
        }
        if clock == Clock::Around {
            return from.checked_add_signed(left).ok_or(Error::Overflow("adding a duration to an instant"));
        }
        let mut left = left;
        for stretch in self.stretches(from, zone) {
            let (start, end) = stretch?;
            let length = end - start;
            if length >= left {
                return Ok(start + left);
            }
            left -= length;
        }
        Err(Error::refused("calendar-too-short", "the working calendar has not so many hours in the next ten years"))
    }

    /// How much time counts between two instants; nothing where the second is the earlier one.
    ///
    /// # Errors
    /// `Invalid` beyond the calendar's years.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>, clock: Clock, zone: Tz) -> Result<Duration> {
        if to <= from {
            return Ok(Duration::zero());
        }
        if clock == Clock::Around {
            return Ok(to - from);
        }
        let mut counted = Duration::zero();
        for stretch in self.stretches(from, zone) {
            let (start, end) = stretch?;
            if start >= to {
                break;
            }
            counted += end.min(to) - start;
        }
        Ok(counted)
    }

    /// Stretches of counted time from an instant on, in order, for [`WALK_DAYS_MAX`] days.
    fn stretches(
        &self,
        from: DateTime<Utc>,
        zone: Tz,
    ) -> impl Iterator<Item = Result<(DateTime<Utc>, DateTime<Utc>)>> + '_ {
        let first = local_day(from, zone);
        (0..WALK_DAYS_MAX)
            .map(move |offset| {
                let beyond = || Error::invalid("the calendar ends before the deadline");
                first.clone().map_err(Error::invalid).and_then(|day| day.plus_days(offset).ok_or_else(beyond))
            })
            .flat_map(move |day| {
                let found: Vec<Result<_>> = match day {
                    Ok(day) => self
                        .hours(day)
                        .iter()
                        .map(|hours| Ok((at(day, hours.from, zone)?, at(day, hours.to, zone)?)))
                        .collect(),
                    Err(error) => vec![Err(error)],
                };
                found
            })
            .map(move |stretch| stretch.map(|(start, end): (DateTime<Utc>, _)| (start.max(from), end)))
            .filter(|stretch| stretch.as_ref().map_or(true, |(start, end)| start < end))
    }
}

fn local_day(at: DateTime<Utc>, zone: Tz) -> Result<Date, String> {
    let day = at.with_timezone(&zone).date_naive().to_string();
    day.parse().map_err(|_| format!("{day} is out of range"))
}

/// The instant of a minute of a civil day. A minute that comes twice, when clocks are set back, is the first of both; one
/// that never comes, when they are set forward, is the first minute after the gap: so later minutes are never earlier
/// instants.
fn at(day: Date, minute: u16, zone: Tz) -> Result<DateTime<Utc>> {
    /// The longest gap that any zone has had is a whole day.
    const GAP_MINUTES_MAX: i64 = 25 * 60;
    let midnight = DateTime::UNIX_EPOCH
        .naive_utc()
        .checked_add_signed(Duration::days(i64::from(day.days())))
        .ok_or_else(|| Error::invalid(format!("{day} is out of range")))?;
    let civil = midnight + Duration::minutes(i64::from(minute));
    (0..GAP_MINUTES_MAX)
        .find_map(|gap| zone.from_local_datetime(&(civil + Duration::minutes(gap))).earliest())
        .map(|instant| instant.with_timezone(&Utc))
        .ok_or_else(|| Error::invalid(format!("{day} does not exist in {zone}")))
}

/// The time zone of that name.
///
/// # Errors
/// [`Error::Invalid`] for a time zone that nobody knows.
pub fn zone(name: &str) -> Result<Tz> {
    name.parse().map_err(|_| Error::invalid(format!("{name:?} is not a time zone")))
}

/// One state of a company's or a project's calendar. Every change makes a new version; the versions before stay, so that a
/// deadline can be explained by the calendar that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarVersion {
    /// None for the company's, which holds where a project has none of its own.
    pub project_id: Option<ProjectId>,
    /// From 1; 0 is the calendar that holds until somebody writes one.
    pub version: i64,
    pub calendar: WorkingCalendar,
    /// Who wrote it; nobody for version 0.
    pub made_by: String,
}

impl Default for CalendarVersion {
    fn default() -> Self {
        Self { project_id: None, version: 0, calendar: WorkingCalendar::default(), made_by: String::new() }
    }
}

/// Working calendars of one company.
#[derive(Clone)]
pub struct Calendars {
    store: Arc<dyn CompanyStore>,
}

impl fmt::Debug for Calendars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendars").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Calendars {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// The calendar that holds at a project: its own, else the company's, else the one that every company begins with.
    ///
    /// # Errors
    /// `NotFound` for an unknown project.
    pub async fn of(&self, project: Option<ProjectId>) -> Result<CalendarVersion> {
        if let Some(project) = project {
            self.store.project(project).await?;
        }
        Ok(self.store.calendar(project).await?.unwrap_or_default())
    }

    /// All versions of a scope's own calendar, newest first.
    ///
    /// # Errors
    /// `NotFound` for an unknown project.
    pub async fn versions(&self, project: Option<ProjectId>) -> Result<Vec<CalendarVersion>> {
        if let Some(project) = project {
            self.store.project(project).await?;
        }
        self.store.calendar_versions(project).await
    }

    /// Writes the next version over the one that was seen: 0 where the scope had none of its own. Deadlines that run are left as they are;
    /// those that begin, or go on after a pause, follow it.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] over another version, `Invalid` for hours that cannot be.
    pub async fn set(
        &self,
        stamp: &Stamp,
        project: Option<ProjectId>,
        seen: i64,
        calendar: WorkingCalendar,
    ) -> Result<CalendarVersion> {
        stamp.actor.require(Permission::ManageOffice)?;
        calendar.check()?;
        if let Some(project) = project {
            self.store.project(project).await?;
        }
        let version = seen.checked_add(1).ok_or(Error::Overflow("counting versions"))?;
        let next = CalendarVersion { project_id: project, version, calendar, made_by: stamp.actor.name.clone() };
        self.store.add_calendar(stamp, &next).await?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
