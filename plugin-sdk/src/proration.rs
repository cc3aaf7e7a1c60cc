//! Which part of a period's price a stretch of it owes.

use guanjia_values::{Date, Exact, Period};
use serde::Deserialize;

/// How a price for the whole period is divided among its stretches.
///
/// However a period is cut into stretches that cover it, their shares sum to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proration {
    /// Days of the stretch by days of the period: ten days of March are 10/31.
    #[default]
    ActualDays,
    /// Every month has 30 days: ten days of any month are 10/30. The 31st costs nothing, and whoever has the last days
    /// of February pays for the two that it lacks.
    ThirtyDays,
    /// Nothing is divided: who has the first stretch of a subject owes the whole price, and later stretches owe nothing.
    None,
}

impl Proration {
    /// The share of a stretch. `first` says whether it is the first one of its subject.
    #[must_use]
    pub fn share(self, stretch: Period, period: Period, first: bool) -> Exact {
        let (part, whole) = match self {
            _ if stretch == period => (1, 1),
            Self::ActualDays => (stretch.days(), period.days()),
            Self::ThirtyDays => self.days(stretch, period),
            Self::None => (i64::from(first), 1),
        };
        Exact::new(part.into(), whole.into()).unwrap_or(Exact::ZERO)
    }

    /// The counted days of the stretch and of the period, for an explanation.
    #[must_use]
    pub fn days(self, stretch: Period, period: Period) -> (i64, i64) {
        match self {
            Self::ThirtyDays => (
                thirty_day_number(stretch.end) - thirty_day_number(stretch.start),
                thirty_day_number(period.end) - thirty_day_number(period.start),
            ),
            Self::ActualDays | Self::None => (stretch.days(), period.days()),
        }
    }
}

/// Days since year 0 if every month had 30, so that differences of it add up however they are cut.
fn thirty_day_number(date: Date) -> i64 {
    let (year, month, day) = date.ymd();
    (i64::from(year) * 12 + i64::from(month)) * 30 + i64::from(day - 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::whole_month(Proration::ActualDays, "2025-03", 1, 1)]
    #[case::ten_days(Proration::ActualDays, "2025-03-22/2025-04-01", 10, 31)]
    #[case::ten_of_thirty(Proration::ThirtyDays, "2025-03-01/2025-03-11", 10, 30)]
    #[case::to_the_end_of_a_long_month(Proration::ThirtyDays, "2025-03-11/2025-04-01", 20, 30)]
    #[case::whole_long_month(Proration::ThirtyDays, "2025-03", 1, 1)]
    #[case::nothing_divided(Proration::None, "2025-03-22/2025-04-01", 1, 1)]
    fn shares(#[case] proration: Proration, #[case] stretch: Period, #[case] part: i128, #[case] whole: i128) {
        let march = "2025-03".parse().unwrap();
        assert_eq!(proration.share(stretch, march, true), Exact::new(part, whole).unwrap());
    }

    #[test]
    fn february_takes_what_it_lacks_at_its_end() {
        let february = "2025-02".parse().unwrap();
        let end = "2025-02-15/2025-03-01".parse().unwrap();
        assert_eq!(Proration::ThirtyDays.share(end, february, false), Exact::new(16, 30).unwrap());
    }

    proptest! {
        #[test]
        fn shares_of_any_cut_sum_to_one(start in 0..40_000_i32, days in 2..400_i32, cut in 1..399_i32) {
            prop_assume!(cut < days);
            let date = |offset: i32| Date::from_days(start + offset);
            let period = Period::new(date(0), date(days)).unwrap();
            let early = Period::new(date(0), date(cut)).unwrap();
            let late = Period::new(date(cut), date(days)).unwrap();
            for proration in [Proration::ActualDays, Proration::ThirtyDays, Proration::None] {
                let sum = proration.share(early, period, true).checked_add(proration.share(late, period, false));
                let worth_something = proration.days(period, period).1 != 0;
                prop_assert_eq!(sum.unwrap(), if worth_something { Exact::ONE } else { Exact::ZERO });
            }
        }
    }
}
