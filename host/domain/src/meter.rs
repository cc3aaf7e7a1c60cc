//! Meter readings (抄表): what may be entered, and how it is corrected.
//!
//! A counter only goes up. A reading below the one before is a slip, a wrong meter or a replaced one; it is refused, and
//! the replacement is entered as such: the old counter's last value, and where the new one starts.

use std::sync::Arc;

use crate::{
    Date, Error, Result,
    access::{Permission, Stamp},
    estate::{Meter, MeterReading, UnitPlace},
    ids::*,
    ports::CompanyStore,
};

/// The largest reading, in thousandths: twelve figures before the point, more than any counter shows, and far from where
/// differences times a multiplier overflow.
pub const READING_MAX_MILLI: i64 = 999_999_999_999_999;
/// The largest multiplier, in thousandths: transformers of large buildings multiply by a few thousand.
pub const MULTIPLIER_MAX_MILLI: i64 = 1_000_000_000;

/// A meter with where it hangs and what it is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedMeter {
    pub meter: Meter,
    pub project_id: ProjectId,
    pub place: UnitPlace,
    pub fee_item: String,
}

/// A reading as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingRow {
    pub reading: MeterReading,
    /// Counts the corrections.
    pub version: i64,
    /// A posted charge of the meter's unit and fee item covers the day: correcting the reading does not change it.
    pub charged: bool,
}

/// A reading in the history of its meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingView {
    pub row: ReadingRow,
    /// What the counter went up since the reading before, in thousandths, without the multiplier.
    pub usage_milli: Option<i64>,
}

/// What a person reads off a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnteredReading {
    pub read_on: Date,
    pub reading_milli: i64,
    /// Set when the counter was replaced or set back on that day.
    pub restart_milli: Option<i64>,
}

/// Checks a reading against its neighbours in time.
///
/// # Errors
/// `Refused` with `reading-out-of-range`, `reading-below-previous` or `reading-above-next`.
pub fn check_reading(
    reading: &MeterReading,
    before: Option<&MeterReading>,
    after: Option<&MeterReading>,
) -> Result<()> {
    let range = 0..=READING_MAX_MILLI;
    if !range.contains(&reading.reading_milli) || !range.contains(&reading.counted_from()) {
        let most = shown(READING_MAX_MILLI);
        return Err(Error::refused("reading-out-of-range", format!("a reading lies between 0 and {most}")));
    }
    if let Some(before) = before
        && reading.reading_milli < before.counted_from()
    {
        return Err(Error::refused(
            "reading-below-previous",
            format!(
                "{} is less than {}, which the counter showed after {}: check it, or say that the meter was changed",
                shown(reading.reading_milli),
                shown(before.counted_from()),
                before.read_on
            ),
        ));
    }
    if let Some(after) = after
        && after.reading_milli < reading.counted_from()
    {
        return Err(Error::refused(
            "reading-above-next",
            format!(
                "the counter showed {} on {} already, less than {}: check both",
                shown(after.reading_milli),
                after.read_on,
                shown(reading.counted_from())
            ),
        ));
    }
    Ok(())
}

/// A reading as the counter shows it.
fn shown(milli: i64) -> String {
    crate::Decimal::new(milli, 3).trimmed(0).to_string()
}

/// Meter readings of one company.
#[derive(Clone)]
pub struct Meters {
    store: Arc<dyn CompanyStore>,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meters").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Meters {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Readings of a meter, newest first, those before a day where one is given; at most so many, and whether there are
    /// earlier ones.
    ///
    /// # Errors
    /// `NotFound` for an unknown meter, `Refused` without the permission.
    pub async fn history(
        &self,
        stamp: &Stamp,
        meter: MeterId,
        before: Option<Date>,
        limit: u32,
    ) -> Result<(Vec<ReadingView>, bool)> {
        stamp.actor.require(Permission::ReadEstate)?;
        // One more than is shown: the last shown one's usage is counted from it.
        let rows = self.store.readings(meter, before, limit.saturating_add(1)).await?;
        let more = rows.len() > limit as usize;
        let views = rows.iter().enumerate().take(limit as usize).map(|(index, row)| ReadingView {
            usage_milli: rows
                .get(index + 1)
                .and_then(|earlier| row.reading.reading_milli.checked_sub(earlier.reading.counted_from())),
            row: row.clone(),
        });
        Ok((views.collect(), more))
    }

    /// Hangs a meter for a fee item on a unit.
    ///
    /// # Errors
    /// `Conflict` when the unit has one for the fee item, `Refused` without the permission or for an absurd multiplier.
    pub async fn add_meter(&self, stamp: &Stamp, meter: &Meter) -> Result<()> {
        stamp.actor.require(Permission::WriteReadings)?;
        if !(1..=MULTIPLIER_MAX_MILLI).contains(&meter.multiplier_milli) {
            let most = shown(MULTIPLIER_MAX_MILLI);
            return Err(Error::refused(
                "multiplier-out-of-range",
                format!("a multiplier is more than 0 and at most {most}"),
            ));
        }
        let project = self.store.project_of_unit(meter.unit_id).await?;
        if !self.store.fee_items(project).await?.iter().any(|item| item.id == meter.fee_item_id) {
            return Err(Error::not_found("fee item", meter.fee_item_id));
        }
        self.store.add_meters(stamp, std::slice::from_ref(meter), &[]).await
    }

    /// Enters a reading.
    ///
    /// # Errors
    /// `Conflict` when the day is read already; `Refused` for what a counter cannot show and for a day to come.
    pub async fn enter(&self, stamp: &Stamp, meter: MeterId, entered: EnteredReading) -> Result<ReadingRow> {
        stamp.actor.require(Permission::WriteReadings)?;
        self.require_past(stamp, meter, entered.read_on).await?;
        let reading = MeterReading {
            id: MeterReadingId::generate(),
            meter_id: meter,
            read_on: entered.read_on,
            reading_milli: entered.reading_milli,
            restart_milli: entered.restart_milli,
        };
        self.store.add_reading(stamp, &reading).await?;
        self.store.reading(reading.id).await
    }

    /// Corrects a reading over the version that was seen.
    ///
    /// # Errors
    /// `Refused` with [`crate::estate::STALE`] when it was corrected meanwhile; otherwise as when it is entered.
    pub async fn correct(
        &self,
        stamp: &Stamp,
        reading: MeterReadingId,
        version: i64,
        entered: EnteredReading,
    ) -> Result<ReadingRow> {
        stamp.actor.require(Permission::WriteReadings)?;
        let meter_id = self.store.reading(reading).await?.reading.meter_id;
        self.require_past(stamp, meter_id, entered.read_on).await?;
        let corrected = MeterReading {
            id: reading,
            meter_id,
            read_on: entered.read_on,
            reading_milli: entered.reading_milli,
            restart_milli: entered.restart_milli,
        };
        self.store.correct_reading(stamp, &corrected, version).await?;
        self.store.reading(reading).await
    }

    /// Nobody has read a meter tomorrow, where the project is.
    async fn require_past(&self, stamp: &Stamp, meter: MeterId, day: Date) -> Result<()> {
        let project = self.store.project(self.store.meter(meter).await?.project_id).await?;
        if day > project.today(stamp.at)? {
            return Err(Error::refused("reading-in-future", format!("{day} has not come yet")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn reading(day: &str, reading_milli: i64, restart_milli: Option<i64>) -> MeterReading {
        MeterReading {
            id: MeterReadingId::generate(),
            meter_id: MeterId::generate(),
            read_on: day.parse().expect("is a date"),
            reading_milli,
            restart_milli,
        }
    }

    /// Read as 1,200 on 28 February and as 1,300 on 30 April.
    #[rstest]
    #[case::between(1_250_000, None, "")]
    #[case::unchanged(1_200_000, None, "")]
    #[case::one_thousandth_less(1_199_999, None, "reading-below-previous")]
    #[case::as_the_next(1_300_000, None, "")]
    #[case::above_the_next(1_300_001, None, "reading-above-next")]
    #[case::changed(1_400_000, Some(0), "")]
    #[case::changed_below(1_100_000, Some(0), "reading-below-previous")]
    #[case::new_counter_above_the_next(1_250_000, Some(1_300_001), "reading-above-next")]
    #[case::negative(-1, None, "reading-out-of-range")]
    #[case::negative_start(1_250_000, Some(-1), "reading-out-of-range")]
    #[case::endless(READING_MAX_MILLI + 1, None, "reading-out-of-range")]
    fn a_counter_only_goes_up(#[case] milli: i64, #[case] restart: Option<i64>, #[case] expected: &str) {
        let (before, after) = (reading("2025-02-28", 1_200_000, None), reading("2025-04-30", 1_300_000, None));
        let checked = check_reading(&reading("2025-03-31", milli, restart), Some(&before), Some(&after));
        let code = match checked {
            Ok(()) => "",
            Err(Error::Refused { code, .. }) => code,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(code, expected);
    }

    #[test]
    fn after_a_change_the_new_counter_counts() {
        let changed = reading("2025-02-28", 1_200_000, Some(5_000));
        assert!(check_reading(&reading("2025-03-31", 5_000, None), Some(&changed), None).is_ok());
        assert!(check_reading(&reading("2025-03-31", 4_999, None), Some(&changed), None).is_err());
        assert!(check_reading(&reading("2025-03-31", READING_MAX_MILLI, None), None, None).is_ok());
    }
}
