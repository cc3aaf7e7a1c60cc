//! `guanjia meter`: readings (抄表).

use clap::{Args, Subcommand};
use guanjia_domain::{
    Date, Decimal, Error, Result,
    estate::Meter as Record,
    ids::{MeterId, MeterReadingId},
    meter::{EnteredReading, Meters, ReadingRow, ReadingView},
    plugin::Language,
    ports::MeterRow,
};
use serde_json::json;

use super::{Done, Global, output, unit::Place};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Meter {
    /// Hang a meter for a fee item on a unit.
    Add {
        #[command(flatten)]
        of: OfItem,
        #[arg(long, default_value = "1", value_name = "FACTOR")]
        multiplier: Decimal,
    },
    /// The readings of a unit's meter, newest first.
    List {
        #[command(flatten)]
        of: OfItem,
    },
    /// Enter a reading. A counter only goes up; one that was changed is entered with `--restart`.
    Read {
        #[command(flatten)]
        of: OfItem,
        #[command(flatten)]
        reading: Entry,
    },
    /// Correct a reading over the version that was seen.
    Correct {
        reading: MeterReadingId,
        /// The version that was seen, as `list` shows it.
        #[arg(long, value_name = "VERSION")]
        seen: i64,
        #[command(flatten)]
        entry: Entry,
    },
}

#[derive(Debug, Args)]
pub(super) struct OfItem {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_name = "NAME")]
    fee_item: String,
}

#[derive(Debug, Args)]
pub(super) struct Entry {
    #[arg(long, value_name = "DATE", value_parser = output::date)]
    on: Date,
    /// What the counter showed; of a changed one, in the end.
    #[arg(long, value_name = "READING")]
    value: Decimal,
    /// The meter was changed or set back on that day and goes on from here.
    #[arg(long, value_name = "READING")]
    restart: Option<Decimal>,
}

/// Readings that are listed: ten years by the month.
const READINGS_LISTED: u32 = 120;

impl Meter {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let meters = Meters::new(office.store.clone());
        match self {
            Meter::Add { of, multiplier } => {
                let unit = of.place.find(&office).await?;
                let project = office.store.project_of_unit(unit.unit.id).await?;
                let items = office.store.fee_items(project).await?;
                let item = items.into_iter().find(|item| item.name == of.fee_item);
                let meter = Record {
                    id: MeterId::generate(),
                    unit_id: unit.unit.id,
                    fee_item_id: item.ok_or_else(|| Error::not_found("fee item", &of.fee_item))?.id,
                    multiplier_milli: milli(*multiplier)?,
                };
                meters.add_meter(&stamp, &meter).await?;
                if global.json {
                    output::line(&json!({ "meter": meter.id, "multiplier_milli": meter.multiplier_milli }));
                }
            }
            Meter::List { of } => {
                let meter = of.meter(&office).await?.meter.id;
                let (readings, _) = meters.history(&stamp, meter, None, READINGS_LISTED).await?;
                for view in &readings {
                    print(view, global);
                }
            }
            Meter::Read { of, reading } => {
                let meter = of.meter(&office).await?.meter.id;
                let row = meters.enter(&stamp, meter, reading.entered()?).await?;
                print(&ReadingView { row, usage_milli: None }, global);
            }
            Meter::Correct { reading, seen, entry } => {
                let row = meters.correct(&stamp, *reading, *seen, entry.entered()?).await?;
                print(&ReadingView { row, usage_milli: None }, global);
            }
        }
        Ok(Done::Well)
    }
}

impl OfItem {
    async fn meter(&self, office: &Office) -> Result<MeterRow> {
        let unit = self.place.find(office).await?;
        let meters = office.store.unit_records(unit.unit.id).await?.meters;
        let meter = meters.into_iter().find(|row| row.fee_item == self.fee_item);
        meter.ok_or_else(|| Error::not_found("meter for the fee item", &self.fee_item))
    }
}

impl Entry {
    fn entered(&self) -> Result<EnteredReading> {
        Ok(EnteredReading {
            read_on: self.on,
            reading_milli: milli(self.value)?,
            restart_milli: self.restart.map(milli).transpose()?,
        })
    }
}

fn milli(value: Decimal) -> Result<i64> {
    let exact = value.rescale(3).map(|exact| exact.mantissa);
    exact.ok_or_else(|| Error::invalid(format!("{value} has more than three decimals, or is out of range")))
}

fn print(ReadingView { row, usage_milli }: &ReadingView, global: &Global) {
    let ReadingRow { reading, version, charged } = row;
    if global.json {
        output::line(&json!({
            "reading": reading.id, "meter": reading.meter_id, "on": reading.read_on.to_string(),
            "reading_milli": reading.reading_milli, "restart_milli": reading.restart_milli,
            "usage_milli": usage_milli, "version": version, "charged": charged,
        }));
        return;
    }
    let language = global.language(Language::En);
    let shown = |milli: i64| Decimal::new(milli, 3).trimmed(0).to_string();
    let mut line = format!("{}  {}", reading.read_on, shown(reading.reading_milli));
    if let Some(restart) = reading.restart_milli {
        line.push_str(output::pick(language, "  换表，新表从 ", "  changed, goes on from "));
        line.push_str(&shown(restart));
    }
    if let Some(usage) = usage_milli {
        line.push_str(output::pick(language, "  比上次 +", "  +"));
        line.push_str(&shown(*usage));
    }
    if *charged {
        line.push_str(output::pick(language, "  已出账", "  charged"));
    }
    output::text(&format!("{line}  {} v{version}", reading.id));
}
