use super::*;
use proptest::prelude::*;
use rstest::rstest;

const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
/// Clocks are set forward on 8 March 2026 and back on 1 November.
const NEW_YORK: Tz = chrono_tz::America::New_York;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("is an instant")
}

fn day(text: &str) -> Date {
    text.parse().expect("is a date")
}

fn hours(text: &str) -> Hours {
    text.parse().expect("are hours")
}

/// Five days with a pause at noon; New Year and the day after are free, the Sunday before is made up for.
fn office() -> WorkingCalendar {
    let workday = || vec![hours("08:30-12:00"), hours("13:30-17:30")];
    WorkingCalendar {
        week: [workday(), workday(), workday(), workday(), workday(), vec![], vec![]],
        days: [
            (day("2026-01-01"), vec![]),
            (day("2026-01-02"), vec![]),
            (day("2025-12-28"), vec![hours("09:00-12:00")]),
        ]
        .into(),
    }
}

/// Shanghai is eight hours ahead all year. 29 December 2025 is a Monday.
#[rstest]
#[case::inside_the_morning("2025-12-29T01:00:00Z", 60, "2025-12-29T02:00:00Z")]
#[case::before_the_doors_open("2025-12-28T23:00:00Z", 30, "2025-12-29T01:00:00Z")]
#[case::to_the_last_minute("2025-12-29T00:30:00Z", 210, "2025-12-29T04:00:00Z")]
#[case::over_noon("2025-12-29T03:30:00Z", 60, "2025-12-29T06:00:00Z")]
#[case::over_night("2025-12-29T09:00:00Z", 60, "2025-12-30T01:00:00Z")]
#[case::made_up_sunday("2025-12-27T12:00:00Z", 180, "2025-12-28T04:00:00Z")]
#[case::over_the_end_of_the_year("2025-12-31T09:00:00Z", 60, "2026-01-05T01:00:00Z")]
#[case::on_a_holiday("2026-01-01T02:00:00Z", 1, "2026-01-05T00:31:00Z")]
#[case::at_the_end_of_a_day("2025-12-29T09:30:00Z", 1, "2025-12-30T00:31:00Z")]
fn working_minutes_become_instants(#[case] from: &str, #[case] minutes: i64, #[case] expected: &str) {
    let due = office().resolve(instant(from), Duration::minutes(minutes), Clock::Working, SHANGHAI).expect("resolves");
    assert_eq!(due, instant(expected));
}

/// A night shift from midnight to six: five hours long on the day clocks go forward, seven on the day they go back.
#[rstest]
#[case::ordinary("2026-03-07T05:00:00Z", 6 * 60, "2026-03-07T11:00:00Z")]
#[case::forward("2026-03-08T05:00:00Z", 5 * 60, "2026-03-08T10:00:00Z")]
#[case::forward_and_on("2026-03-08T05:00:00Z", 5 * 60 + 1, "2026-03-09T04:01:00Z")]
#[case::back("2026-11-01T04:00:00Z", 7 * 60, "2026-11-01T11:00:00Z")]
#[case::back_and_on("2026-11-01T04:00:00Z", 7 * 60 + 1, "2026-11-02T05:01:00Z")]
fn hours_that_come_twice_count_twice(#[case] from: &str, #[case] minutes: i64, #[case] expected: &str) {
    let night = WorkingCalendar { week: std::array::from_fn(|_| vec![hours("00:00-06:00")]), days: BTreeMap::new() };
    let due = night.resolve(instant(from), Duration::minutes(minutes), Clock::Working, NEW_YORK).expect("resolves");
    assert_eq!(due, instant(expected));
}

#[rstest]
#[case::whole_day("00:00-24:00", true)]
#[case::one_minute("08:30-08:31", true)]
#[case::nothing("08:30-08:30", false)]
#[case::backwards("17:30-08:30", false)]
#[case::too_late("23:00-24:01", false)]
#[case::no_minutes("08:60-09:00", false)]
#[case::words("morning", false)]
fn hours_are_read_or_refused(#[case] text: &str, #[case] good: bool) {
    let read = text.parse::<Hours>();
    assert_eq!(read.is_ok(), good);
    if let Ok(hours) = read {
        assert_eq!(hours.to_string(), text);
    }
}

#[test]
fn calendars_that_cannot_be_are_refused() {
    let nobody = WorkingCalendar { week: Default::default(), days: BTreeMap::new() };
    let mut overlapping = office();
    overlapping.week[0] = vec![hours("08:00-12:00"), hours("11:59-13:00")];
    let mut backwards = office();
    backwards.days.insert(day("2026-05-01"), vec![hours("13:00-14:00"), hours("08:00-09:00")]);
    for calendar in [nobody, overlapping, backwards] {
        assert!(calendar.check().is_err(), "{calendar:?}");
    }
    assert!(office().check().is_ok() && WorkingCalendar::default().check().is_ok());
}

#[test]
fn a_deadline_that_never_comes_is_refused() {
    let mut rare = office();
    rare.week = Default::default();
    let refused = rare.resolve(instant("2026-01-05T00:00:00Z"), Duration::minutes(1), Clock::Working, SHANGHAI);
    assert!(matches!(refused, Err(Error::Refused { code: "calendar-too-short", .. })));
}

#[test]
fn a_calendar_is_kept_as_it_reads() {
    let text = serde_json::to_string(&office()).expect("is JSON");
    assert!(text.contains(r#""2025-12-28":["09:00-12:00"]"#), "{text}");
    assert_eq!(serde_json::from_str::<WorkingCalendar>(&text).expect("is a calendar"), office());
}

/// Seconds around two ends of a year and all changes of the clocks between them.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    (1_766_000_000_i64..1_799_000_000).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("is a time"))
}

fn zones() -> impl Strategy<Value = Tz> {
    prop_oneof![Just(SHANGHAI), Just(NEW_YORK)]
}

fn clocks() -> impl Strategy<Value = Clock> {
    prop_oneof![Just(Clock::Working), Just(Clock::Around)]
}

fn durations() -> impl Strategy<Value = Duration> {
    (0_i64..60 * 24 * 60 * 30).prop_map(Duration::seconds)
}

/// Some make-up hours at night, so that changes of the clocks lie within.
fn with_nights() -> WorkingCalendar {
    let mut calendar = office();
    calendar.week[6] = vec![hours("00:30-02:30"), hours("02:30-03:30")];
    calendar
}

proptest! {
    #[test]
    fn later_starts_and_longer_durations_end_no_earlier(
        from in instants(), later in durations(), left in durations(), more in durations(), clock in clocks(), zone in zones(),
    ) {
        let calendar = with_nights();
        let due = calendar.resolve(from, left, clock, zone).expect("resolves");
        prop_assert!(due >= from + left);
        prop_assert!(calendar.resolve(from + later, left, clock, zone).expect("resolves") >= due);
        let longer = calendar.resolve(from, left + more, clock, zone).expect("resolves");
        prop_assert!(longer >= due);
        prop_assert!(more == Duration::zero() || longer > due);
    }

    /// What is resolved counts as long as it was: so a pause neither gives nor takes a second.
    #[test]
    fn what_was_resolved_is_counted_back(from in instants(), left in durations(), clock in clocks(), zone in zones()) {
        let calendar = with_nights();
        let due = calendar.resolve(from, left, clock, zone).expect("resolves");
        prop_assert_eq!(calendar.between(from, due, clock, zone).expect("counts"), left);
    }

    #[test]
    fn in_two_steps_it_is_the_same(
        from in instants(), left in durations(), first in 0_i64..100, clock in clocks(), zone in zones(),
    ) {
        let calendar = with_nights();
        let part = Duration::seconds(left.num_seconds() * first / 100);
        let halt = calendar.resolve(from, part, clock, zone).expect("resolves");
        let whole = calendar.resolve(from, left, clock, zone).expect("resolves");
        prop_assert_eq!(calendar.resolve(halt, left - part, clock, zone).expect("resolves"), whole);
    }

    #[test]
    fn a_pause_moves_an_around_deadline_by_its_length(
        from in instants(), left in durations(), worked in 0_i64..100, pause in durations(), zone in zones(),
    ) {
        let calendar = with_nights();
        let due = calendar.resolve(from, left, Clock::Around, zone).expect("resolves");
        let paused_at = from + Duration::seconds(left.num_seconds() * worked / 100);
        let rest = calendar.between(paused_at, due, Clock::Around, zone).expect("counts");
        let moved = calendar.resolve(paused_at + pause, rest, Clock::Around, zone).expect("resolves");
        prop_assert_eq!(moved, due + pause);
    }
}
