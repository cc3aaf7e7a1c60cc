//! Civil dates and half-open periods of them. No clock, no time zone.

use std::fmt;
use std::str::FromStr;

/// A civil date of the Gregorian calendar, as days since 1970-01-01 (day 0).
///
/// As text it is ISO 8601 (`2025-03-01`), also in JSON; compact formats carry the day number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Date(pub i32);

/// Days of the 400 years after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01, where the computation starts its years, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// Years that ISO 8601 writes with four digits and no sign. No business date lies outside them.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

impl Date {
    /// The date of a day number.
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The date, if the calendar has it and the year has four digits.
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        if !YEARS.contains(&year) || day == 0 || day > days_in_month(year, month)? {
            return None;
        }
        // Years start in March here, so that the leap day is the last day of a year.
        let shifted_year = i64::from(year) - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let month_from_march = (i64::from(month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_EPOCH;
        i32::try_from(days).ok().map(Self)
    }

    /// Year, month (1–12) and day of the month (1–31).
    #[must_use]
    pub fn ymd(self) -> (i32, u8, u8) {
        let shifted = i64::from(self.0) + DAYS_BEFORE_EPOCH;
        let era = shifted.div_euclid(DAYS_PER_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        (
            i32::try_from(year).expect("the year of an i32 day number is below six million"),
            u8::try_from(month).expect("a month is at most 12"),
            u8::try_from(day).expect("a day is at most 31"),
        )
    }

    #[must_use]
    pub fn year(self) -> i32 {
        self.ymd().0
    }

    /// 1–12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.ymd().1
    }

    /// 1–31.
    #[must_use]
    pub fn day(self) -> u8 {
        self.ymd().2
    }

    /// The date so many days later (earlier, when negative), if there is one.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Option<Self> {
        self.0.checked_add(days).map(Self)
    }

    /// The same day of the month so many months later (earlier, when negative), or the last day of that month where it
    /// is shorter: 31 January plus one month is 28 or 29 February.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Option<Self> {
        let (year, month, day) = self.ymd();
        let month_number = (i64::from(year) * 12 + i64::from(month) - 1) + i64::from(months);
        let year = i32::try_from(month_number.div_euclid(12)).ok()?;
        let month = u8::try_from(month_number.rem_euclid(12) + 1).ok()?;
        Self::from_ymd(year, month, day.min(days_in_month(year, month)?))
    }

    /// The first day of the date's month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self(self.0 - i32::from(self.day()) + 1)
    }

    /// How many days the date's month has.
    #[must_use]
    pub fn days_in_month(self) -> u8 {
        let (year, month, _) = self.ymd();
        days_in_month(year, month).expect("the month of a date is between 1 and 12")
    }

    /// Days from `earlier` to this date; negative when `earlier` is later.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }
}

/// Days of a month, or none if `month` is not between 1 and 12.
fn days_in_month(year: i32, month: u8) -> Option<u8> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        if YEARS.contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(f, "{year:+}-{month:02}-{day:02}")
        }
    }
}

/// The text is not a date of the calendar in the form `2025-03-01`, or not a month in the form `2025-03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseDateError;

impl fmt::Display for ParseDateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date of the calendar; write it like 2025-03-01")
    }
}

impl std::error::Error for ParseDateError {}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month, day) = match text.as_bytes() {
            [year @ .., b'-', m1, m2, b'-', d1, d2] if year.len() == 4 => {
                (digits(year), digits(&[*m1, *m2]), digits(&[*d1, *d2]))
            }
            _ => return Err(ParseDateError),
        };
        from_parts(year, month, day).ok_or(ParseDateError)
    }
}

fn from_parts(year: Option<u16>, month: Option<u16>, day: Option<u16>) -> Option<Date> {
    Date::from_ymd(i32::from(year?), u8::try_from(month?).ok()?, u8::try_from(day?).ok()?)
}

/// The number that up to four ASCII digits write.
fn digits(bytes: &[u8]) -> Option<u16> {
    bytes.iter().try_fold(0_u16, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))
}

/// A half-open stretch of civil dates: `start` belongs to it, `end` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Period {
    pub start: Date,
    /// The first day that no longer belongs to the period.
    pub end: Date,
}

impl Period {
    /// The period, if it has at least one day.
    #[must_use]
    pub fn new(start: Date, end: Date) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// A calendar month.
    #[must_use]
    pub fn month(year: i32, month: u8) -> Option<Self> {
        let start = Date::from_ymd(year, month, 1)?;
        Some(Self::month_of(start))
    }

    /// The calendar month that a date lies in.
    #[must_use]
    pub fn month_of(date: Date) -> Self {
        let start = date.first_of_month();
        Self { start, end: Date(start.0.saturating_add(i32::from(start.days_in_month()))) }
    }

    /// How many days it has; 0 when the end is not after the start.
    #[must_use]
    pub fn days(self) -> i64 {
        self.end.days_since(self.start).max(0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    #[must_use]
    pub fn contains(self, date: Date) -> bool {
        self.start <= date && date < self.end
    }

    /// Whether every day of `other` belongs to this period. An empty period is covered where its ends lie within.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The days that both have, if there are any.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Year and month, if the period is exactly one calendar month.
    #[must_use]
    pub fn as_month(self) -> Option<(i32, u8)> {
        let (year, month, _) = self.start.ymd();
        (Self::month_of(self.start) == self).then_some((year, month))
    }

    /// The calendar months that have a day in the period, whole and in order.
    pub fn months_touched(self) -> impl Iterator<Item = Self> {
        let first = (!self.is_empty()).then(|| Self::month_of(self.start));
        std::iter::successors(first, move |month| {
            (month.end < self.end && month.end > month.start).then(|| Self::month_of(month.end))
        })
    }
}

/// A whole calendar month as `2025-03`, anything else as `2025-03-01/2025-03-11`, where the end no longer belongs to it.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_month() {
            Some((year, month)) => write!(f, "{year:04}-{month:02}"),
            None => write!(f, "{}/{}", self.start, self.end),
        }
    }
}

/// Reads what [`Period`] displays.
impl FromStr for Period {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((start, end)) = text.split_once('/') {
            return Self::new(start.parse()?, end.parse()?).ok_or(ParseDateError);
        }
        match text.as_bytes() {
            [year @ .., b'-', m1, m2] if year.len() == 4 => {
                from_parts(digits(year), digits(&[*m1, *m2]), Some(1)).map(Self::month_of)
            }
            _ => None,
        }
        .ok_or(ParseDateError)
    }
}

#[cfg(feature = "serde")]
mod serde_impls {
    use super::Date;

    impl serde::Serialize for Date {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(self.0) }
        }
    }

    impl<'de> serde::Deserialize<'de> for Date {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if !deserializer.is_human_readable() {
                return i32::deserialize(deserializer).map(Date);
            }
            deserializer.deserialize_str(Text)
        }
    }

    struct Text;

    impl serde::de::Visitor<'_> for Text {
        type Value = Date;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a date like 2025-03-01")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Date, E> {
            text.parse().map_err(E::custom)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::epoch("1970-01-01", 0)]
    #[case::day_before("1969-12-31", -1)]
    #[case::leap_day("2000-02-29", 11_016)]
    #[case::after_century("1900-03-01", -25_508)]
    #[case::today("2025-03-01", 20_148)]
    #[case::last("9999-12-31", 2_932_896)]
    fn text_and_day_number_agree(#[case] text: &str, #[case] days: i32) {
        assert_eq!(text.parse(), Ok(Date(days)));
        assert_eq!(Date(days).to_string(), text);
    }

    #[rstest]
    #[case::no_leap_year("2025-02-29")]
    #[case::century_without_leap_day("1900-02-29")]
    #[case::month_13("2025-13-01")]
    #[case::month_0("2025-00-01")]
    #[case::day_0("2025-01-00")]
    #[case::april_31("2025-04-31")]
    #[case::one_digit("2025-3-1")]
    #[case::slashes("2025/03/01")]
    #[case::signed("+025-03-01")]
    #[case::trailing("2025-03-01 ")]
    #[case::empty("")]
    #[case::month_only("2025-03")]
    fn bad_dates_are_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Date>(), Err(ParseDateError));
    }

    #[rstest]
    #[case::same_day("2025-01-15", 1, "2025-02-15")]
    #[case::shorter_month("2025-01-31", 1, "2025-02-28")]
    #[case::leap_february("2024-01-31", 1, "2024-02-29")]
    #[case::over_new_year("2024-11-30", 3, "2025-02-28")]
    #[case::back("2025-03-31", -1, "2025-02-28")]
    #[case::back_over_new_year("2025-01-01", -13, "2023-12-01")]
    fn months_are_added(#[case] from: Date, #[case] months: i32, #[case] to: Date) {
        assert_eq!(from.plus_months(months), Some(to));
    }

    #[test]
    fn months_touched_are_whole_and_in_order() {
        let period: Period = "2024-12-31/2025-02-02".parse().unwrap();
        let months: Vec<_> = period.months_touched().map(|month| month.to_string()).collect();
        assert_eq!(months, ["2024-12", "2025-01", "2025-02"]);
        let month = Period::month(2025, 2).unwrap();
        assert_eq!(month.months_touched().collect::<Vec<_>>(), [month]);
        let empty = Period { start: Date(5), end: Date(5) };
        assert_eq!(empty.months_touched().count(), 0);
    }

    #[rstest]
    #[case::month("2025-02", 28)]
    #[case::leap_month("2024-02", 29)]
    #[case::stretch("2025-03-01/2025-03-11", 10)]
    fn periods_read_what_they_show(#[case] text: &str, #[case] days: i64) {
        let period: Period = text.parse().unwrap();
        assert_eq!(period.to_string(), text);
        assert_eq!(period.days(), days);
    }

    #[test]
    fn periods_are_half_open() {
        let march = Period::month(2025, 3).unwrap();
        let april = Period::month(2025, 4).unwrap();
        assert!(march.contains(march.start) && !march.contains(march.end));
        assert_eq!(march.intersect(april), None);
        assert!("2025-03-05/2025-03-05".parse::<Period>().is_err());
    }

    proptest! {
        #[test]
        fn any_day_number_survives_the_calendar(days in -719_528..=2_932_896_i32) {
            let (year, month, day) = Date(days).ymd();
            prop_assert_eq!(Date::from_ymd(year, month, day), Some(Date(days)));
            prop_assert_eq!(Date(days).to_string().parse(), Ok(Date(days)));
        }

        #[test]
        fn the_calendar_never_panics(days in any::<i32>()) {
            let _ = Date(days).to_string();
            let _ = Date(days).plus_months(days);
        }

        #[test]
        fn months_of_a_period_add_up_to_it(start in 0..40_000_i32, days in 1..2_000_i32) {
            let period = Period::new(Date(start), Date(start + days)).unwrap();
            let sum: i64 = period.months_touched().filter_map(|m| m.intersect(period)).map(Period::days).sum();
            prop_assert_eq!(sum, period.days());
        }
    }
}
