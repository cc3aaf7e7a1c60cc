//! Rosters (排班): who is on duty when, and the hours in which nobody is.

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Code, NAME_LENGTH_MAX, Staff, text_problem};
use crate::{
    Date, Error, Result,
    estate::{FieldProblem, Project},
    ids::{PostId, ProjectId, ShiftId, StaffId},
};

/// Longest shift. Longer ones are two that were entered as one.
pub const SHIFT_HOURS_MAX: i64 = 24;
/// Shifts that are entered at once: a month of a large project's squads.
pub const SHIFTS_AT_ONCE_MAX: usize = 2_000;
/// Longest stretch that a roster is read or checked for: a quarter with its borders.
pub const ROSTER_DAYS_MAX: i64 = 93;

/// Somebody is on duty at a project for a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub id: ShiftId,
    pub project_id: ProjectId,
    pub staff_id: StaffId,
    /// As what: whoever has several posts is on duty in one.
    pub post_id: Option<PostId>,
    /// Where, such as the control room (监控中心).
    pub place: Option<String>,
    pub starts_at: DateTime<Utc>,
    /// The first instant at which it is over.
    pub ends_at: DateTime<Utc>,
}

impl Shift {
    /// Every field that a person may not have meant.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = self
            .place
            .as_deref()
            .and_then(|place| text_problem("place", place, NAME_LENGTH_MAX, false))
            .into_iter()
            .collect();
        let length = self.ends_at - self.starts_at;
        if length <= TimeDelta::zero() || length > TimeDelta::hours(SHIFT_HOURS_MAX) {
            let sentence = format!("a shift ends after it starts, within {SHIFT_HOURS_MAX} hours");
            problems.push(FieldProblem::new("ends_at", sentence));
        }
        problems
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.starts_at < other.ends_at && other.starts_at < self.ends_at
    }
}

/// Checks a shift against the person, where the project is, and the other shifts of the person around it.
///
/// # Errors
/// `Refused` with `not-employed` or `on-duty-already`.
pub fn check_shift(shift: &Shift, staff: &Staff, project: &Project, others: &[Shift]) -> Result<()> {
    // A night shift belongs to the day on which it starts.
    if !staff.employment().contains(project.today(shift.starts_at)?) {
        return Err(Error::refused("not-employed", format!("{} does not work here on that day", staff.name)));
    }
    if let Some(other) = others.iter().find(|other| other.id != shift.id && other.overlaps(shift)) {
        let sentence = format!("{} is on duty from {} already", staff.name, other.starts_at.to_rfc3339());
        return Err(Error::refused("on-duty-already", sentence));
    }
    Ok(())
}

/// The same hours on several days, as rosters are drawn up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftPattern {
    pub project_id: ProjectId,
    pub staff_id: StaffId,
    pub post_id: Option<PostId>,
    pub place: Option<String>,
    /// The first and the last day.
    pub from: Date,
    pub to: Date,
    /// Every so many days: 1 for each day, 3 for one in three.
    pub every_days: i32,
    /// Hours of the project's clock. An end that is not after the start lies on the next day.
    pub starts: NaiveTime,
    pub ends: NaiveTime,
}

impl ShiftPattern {
    /// The shifts of the pattern, in the project's time zone.
    ///
    /// # Errors
    /// `Refused` with `pattern-too-long`, or `Invalid` for days that are out of order or a time that the zone skips.
    pub fn shifts(&self, project: &Project) -> Result<Vec<Shift>> {
        let zone = zone(project)?;
        let step = usize::try_from(self.every_days).unwrap_or(0);
        let days = self.to.days_since(self.from);
        if step == 0 || days < 0 {
            return Err(Error::invalid("a pattern goes from one day to the same or a later one, by one day or more"));
        }
        if days >= ROSTER_DAYS_MAX {
            let sentence = format!("shifts are entered for {ROSTER_DAYS_MAX} days at once at most");
            return Err(Error::refused("pattern-too-long", sentence));
        }
        (self.from.days()..=self.to.days())
            .step_by(step)
            .map(|day| {
                let next = i32::from(self.ends <= self.starts);
                Ok(Shift {
                    id: ShiftId::generate(),
                    project_id: self.project_id,
                    staff_id: self.staff_id,
                    post_id: self.post_id,
                    place: self.place.clone(),
                    starts_at: instant(Date(day), self.starts, zone)?,
                    ends_at: instant(Date(day.saturating_add(next)), self.ends, zone)?,
                })
            })
            .collect()
    }
}

/// The instant at which a project's clock shows a time; the earlier one where it shows it twice.
fn instant(day: Date, time: NaiveTime, zone: Tz) -> Result<DateTime<Utc>> {
    let out_of_range = || Error::invalid(format!("{day} is out of range"));
    let day: chrono::NaiveDate = day.to_string().parse().map_err(|_| out_of_range())?;
    zone.from_local_datetime(&NaiveDateTime::new(day, time))
        .earliest()
        .map(|at| at.with_timezone(&Utc))
        .ok_or_else(|| Error::invalid(format!("clocks skip {day} {time} in {zone}")))
}

/// The instant at which a day begins where a project is.
///
/// # Errors
/// `Invalid` for an unknown time zone, or for a day without a midnight.
pub fn day_start(project: &Project, day: Date) -> Result<DateTime<Utc>> {
    instant(day, NaiveTime::MIN, zone(project)?)
}

fn zone(project: &Project) -> Result<Tz> {
    project.time_zone.parse().map_err(|_| Error::invalid(format!("{:?} is not a time zone", project.time_zone)))
}

/// What a roster is looked through for. Everything that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyFilter {
    pub project_id: ProjectId,
    /// Shifts that have some part in between; the same instant twice asks for those who are on duty then.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub staff_id: Option<StaffId>,
    /// Kind of the post that they are on duty in, or hold there that day where the shift names none.
    pub post_kind: Option<Code>,
    /// Something that they can do, at any level.
    pub skill: Option<Code>,
    pub place: Option<String>,
}

impl DutyFilter {
    #[must_use]
    pub fn between(project_id: ProjectId, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { project_id, from, to, staff_id: None, post_kind: None, skill: None, place: None }
    }

    /// Who is on duty at an instant.
    #[must_use]
    pub fn at(project_id: ProjectId, at: DateTime<Utc>) -> Self {
        Self::between(project_id, at, at)
    }
}

/// A shift with the names that a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftRow {
    pub shift: Shift,
    pub staff: String,
    pub staff_no: String,
    pub post: Option<String>,
}

/// A stretch in which fewer are on duty than should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DutyGap {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// How many are on duty in it.
    pub on_duty: usize,
}

/// The stretches between two instants in which fewer than `needed` of the shifts run: a squad leader is on duty in the control
/// room at every hour of the day, leaders taking turns (rule book, control room: 班长须24小时轮换). Stretches that touch and have
/// equally many on duty are one.
#[must_use]
pub fn duty_gaps(shifts: &[Shift], from: DateTime<Utc>, to: DateTime<Utc>, needed: usize) -> Vec<DutyGap> {
    let mut borders = vec![from, to];
    borders.extend(shifts.iter().flat_map(|shift| [shift.starts_at, shift.ends_at]));
    borders.retain(|border| (from..=to).contains(border));
    borders.sort_unstable();
    borders.dedup();
    let mut gaps: Vec<DutyGap> = Vec::new();
    for pair in borders.windows(2) {
        let [start, end] = pair else { continue };
        let on_duty = shifts.iter().filter(|shift| shift.starts_at <= *start && *end <= shift.ends_at).count();
        if on_duty >= needed {
            continue;
        }
        match gaps.last_mut() {
            Some(last) if last.to == *start && last.on_duty == on_duty => last.to = *end,
            _ => gaps.push(DutyGap { from: *start, to: *end, on_duty }),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PartyId;
    use rstest::rstest;

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().expect("is an instant")
    }

    fn shift(starts_at: &str, ends_at: &str) -> Shift {
        Shift {
            id: ShiftId::generate(),
            project_id: ProjectId(uuid::Uuid::nil()),
            staff_id: StaffId(uuid::Uuid::nil()),
            post_id: None,
            place: None,
            starts_at: at(starts_at),
            ends_at: at(ends_at),
        }
    }

    /// The day is 1 March, from midnight to midnight.
    #[rstest]
    #[case::nobody(&[], 1, &[("2025-03-01T00:00", "2025-03-02T00:00", 0)])]
    #[case::whole_day(&[("2025-03-01T00:00", "2025-03-02T00:00")], 1, &[])]
    #[case::two_halves(&[("2025-02-28T20:00", "2025-03-01T08:00"), ("2025-03-01T08:00", "2025-03-02T08:00")], 1, &[])]
    #[case::a_minute(&[("2025-03-01T00:00", "2025-03-01T08:00"), ("2025-03-01T08:01", "2025-03-02T00:00")], 1, &[("2025-03-01T08:00", "2025-03-01T08:01", 0)])]
    #[case::overlapping(&[("2025-03-01T00:00", "2025-03-01T09:00"), ("2025-03-01T08:00", "2025-03-02T00:00")], 1, &[])]
    #[case::two_are_needed(&[("2025-03-01T00:00", "2025-03-01T09:00"), ("2025-03-01T08:00", "2025-03-02T00:00")], 2, &[("2025-03-01T00:00", "2025-03-01T08:00", 1), ("2025-03-01T09:00", "2025-03-02T00:00", 1)])]
    #[case::changing_leaders(&[("2025-03-01T00:00", "2025-03-01T12:00"), ("2025-03-01T12:00", "2025-03-02T00:00")], 2, &[("2025-03-01T00:00", "2025-03-02T00:00", 1)])]
    #[case::another_day(&[("2025-02-28T00:00", "2025-03-01T00:00")], 1, &[("2025-03-01T00:00", "2025-03-02T00:00", 0)])]
    fn hours_without_anybody_are_found(
        #[case] shifts: &[(&str, &str)],
        #[case] needed: usize,
        #[case] expected: &[(&str, &str, usize)],
    ) {
        let shifts: Vec<_> = shifts.iter().map(|(start, end)| shift(start, end)).collect();
        let gaps = duty_gaps(&shifts, at("2025-03-01T00:00"), at("2025-03-02T00:00"), needed);
        let expected: Vec<_> = expected
            .iter()
            .map(|(from, to, on_duty)| DutyGap { from: at(from), to: at(to), on_duty: *on_duty })
            .collect();
        assert_eq!(gaps, expected);
    }

    #[rstest]
    #[case::eight_hours("2025-03-01T00:00", "2025-03-01T08:00", 0)]
    #[case::whole_day("2025-03-01T00:00", "2025-03-02T00:00", 0)]
    #[case::longer("2025-03-01T00:00", "2025-03-02T00:01", 1)]
    #[case::no_time("2025-03-01T00:00", "2025-03-01T00:00", 1)]
    #[case::backwards("2025-03-01T08:00", "2025-03-01T00:00", 1)]
    fn a_shift_is_a_stretch_of_a_day(#[case] start: &str, #[case] end: &str, #[case] problems: usize) {
        assert_eq!(shift(start, end).problems().len(), problems);
    }

    fn project(time_zone: &str) -> Project {
        Project {
            id: ProjectId(uuid::Uuid::nil()),
            name: "p".into(),
            currency: "CNY".into(),
            time_zone: time_zone.into(),
            developer_id: PartyId(uuid::Uuid::nil()),
        }
    }

    #[test]
    fn a_pattern_follows_the_clock_of_the_project() {
        let time = |text: &str| text.parse::<NaiveTime>().expect("is a time");
        let pattern = ShiftPattern {
            project_id: ProjectId(uuid::Uuid::nil()),
            staff_id: StaffId(uuid::Uuid::nil()),
            post_id: None,
            place: Some("监控中心".into()),
            from: "2025-03-01".parse().expect("is a date"),
            to: "2025-03-07".parse().expect("is a date"),
            every_days: 3,
            starts: time("20:00:00"),
            ends: time("08:00:00"),
        };
        let shifts = pattern.shifts(&project("Asia/Shanghai")).expect("is a pattern");
        let starts: Vec<_> = shifts.iter().map(|shift| shift.starts_at).collect();
        assert_eq!(starts, [at("2025-03-01T12:00"), at("2025-03-04T12:00"), at("2025-03-07T12:00")]);
        assert!(shifts.iter().all(|shift| shift.ends_at - shift.starts_at == TimeDelta::hours(12)), "the night");
        let summer = ShiftPattern {
            from: "2025-03-30".parse().expect("is a date"),
            to: "2025-03-30".parse().expect("is a date"),
            starts: time("02:30:00"),
            ..pattern.clone()
        };
        assert!(summer.shifts(&project("Europe/Berlin")).is_err(), "clocks skip the hour");
        assert!(
            ShiftPattern { to: "2025-02-28".parse().expect("is a date"), ..pattern.clone() }
                .shifts(&project("Asia/Shanghai"))
                .is_err()
        );
        assert!(ShiftPattern { every_days: 0, ..pattern.clone() }.shifts(&project("Asia/Shanghai")).is_err());
        let longest =
            ShiftPattern { every_days: 1, to: pattern.from.plus_days(92).expect("is a date"), ..pattern.clone() };
        assert_eq!(longest.shifts(&project("Asia/Shanghai")).expect("is a pattern").len(), 93);
        let longer = ShiftPattern { to: pattern.from.plus_days(93).expect("is a date"), ..pattern };
        assert!(longer.shifts(&project("Asia/Shanghai")).is_err());
    }

    #[test]
    fn nobody_is_on_duty_twice_or_before_joining() {
        let staff = Staff {
            id: StaffId(uuid::Uuid::nil()),
            staff_no: "1".into(),
            name: "Li".into(),
            phone: None,
            born_on: None,
            education: None,
            in_trade_since: None,
            joined_on: "2025-03-01".parse().expect("is a date"),
            left_on: None,
            user_id: None,
        };
        let held = [shift("2025-03-01T08:00", "2025-03-01T16:00")];
        let check = |shift: &Shift| match check_shift(shift, &staff, &project("Asia/Shanghai"), &held) {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(check(&shift("2025-03-01T16:00", "2025-03-02T00:00")), "");
        assert_eq!(check(&shift("2025-03-01T15:59", "2025-03-02T00:00")), "on-duty-already");
        assert_eq!(check(&held[0]), "", "itself is no other");
        // In Shanghai it is 1 March already.
        assert_eq!(check(&shift("2025-02-28T16:00", "2025-02-28T20:00")), "");
        assert_eq!(check(&shift("2025-02-28T15:59", "2025-02-28T20:00")), "not-employed");
    }
}
