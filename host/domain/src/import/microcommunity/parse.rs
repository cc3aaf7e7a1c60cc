//! From tables to what they state.

use std::collections::{HashMap, HashSet};

use super::{
    Desired, DesiredEntrance, DesiredFeeItem, DesiredHolder, DesiredParty, DesiredSpace, DesiredUnit, DesiredVehicle,
    Formula, GENDERS, LIFTS, NO_IDENTITY_NO, PARTY_KINDS, ROW_MARK, SPACE_TENURES, UNIT_KINDS, VEHICLE_KINDS, layouts,
};
use crate::{
    Date, Decimal,
    error::InputProblem,
    estate::PartyKind,
    import::{
        Workbook,
        reason::{Choice, Key, Measure, Reason},
        table::{DecimalRule, Problems, Record, Table, read_date},
    },
};

/// Storeys of the tallest building that a home can be in.
const STOREYS_MAX: i64 = 200;
/// Basements count downwards from -1.
const STOREY_MIN: i64 = -9;
const AGE_MAX: i64 = 150;
/// Ten years on one demand note are more than any contract runs.
const DEMAND_MONTHS_MAX: i64 = 120;
/// Areas are kept in cm², which is four decimals of a square metre; the largest homes and shops have a few thousand m².
const AREA: DecimalRule =
    DecimalRule { places_max: 4, zero_allowed: false, max: 1_000_000, measure: Measure::SquareMetres };
/// Tariffs are published with two decimals, computed ones with up to four.
const UNIT_PRICE: DecimalRule =
    DecimalRule { places_max: 4, zero_allowed: true, max: 1_000_000, measure: Measure::Yuan };
/// Whole fen.
const AMOUNT: DecimalRule = DecimalRule { places_max: 2, zero_allowed: true, max: 10_000_000, measure: Measure::Yuan };

/// Sign between the entries of 房屋费用, which a fee number may therefore not hold.
const LIST_SIGN: char = '#';

/// What a workbook states.
///
/// # Errors
/// Every problem of the workbook, in the order of its sheets, rows and columns. Then nothing of it may be used.
pub fn parse(workbook: &Workbook) -> Result<Desired, Vec<InputProblem<Reason>>> {
    let problems = Problems::default();
    let desired = read(workbook, &problems);
    let problems = problems.into_sorted();
    if problems.is_empty() { Ok(desired) } else { Err(problems) }
}

fn read(workbook: &Workbook, problems: &Problems) -> Desired {
    let table = |layout, index| Table::locate(workbook, layout, index, problems);
    let entrances = table(&layouts::ENTRANCES, 0);
    let parties = table(&layouts::PARTIES, 1);
    let fee_items = table(&layouts::FEE_ITEMS, 2);
    let units = table(&layouts::UNITS, 3);
    let spaces = table(&layouts::SPACES, 4);
    let known = Known {
        entrances: entrances.as_ref().map(known_entrances),
        owners: parties.as_ref().map(known_owners),
        fees: fee_items.as_ref().map(known_fees),
    };
    Desired {
        entrances: entrances.as_ref().map(read_entrances).unwrap_or_default(),
        parties: parties.as_ref().map(|table| read_parties(table, &known)).unwrap_or_default(),
        fee_items: fee_items.as_ref().map(read_fee_items).unwrap_or_default(),
        units: units.as_ref().map(|table| read_units(table, &known)).unwrap_or_default(),
        spaces: spaces.as_ref().map(|table| read_spaces(table, &known)).unwrap_or_default(),
    }
}

/// What other tables may refer to, taken from the bare cells: a row with a bad cell is named once, and not again by
/// everything that refers to it. A table that could not be found is `None`, and nothing that refers to it is checked.
struct Known<'a> {
    /// Storeys by building and entrance, where they can be read.
    entrances: Option<HashMap<(&'a str, &'a str), Option<i64>>>,
    owners: Option<HashSet<&'a str>>,
    fees: Option<HashSet<&'a str>>,
}

fn known_entrances<'a>(table: &'a Table<'a>) -> HashMap<(&'a str, &'a str), Option<i64>> {
    let storeys = |row: Record<'_>| row.raw(2).parse().ok().filter(|storeys| (1..=STOREYS_MAX).contains(storeys));
    table.records().map(|row| ((row.raw(0), row.raw(1)), storeys(row))).collect()
}

fn known_owners<'a>(table: &'a Table<'a>) -> HashSet<&'a str> {
    table.records().filter(|row| row.raw(6) == "1001").map(|row| row.raw(7)).collect()
}

fn known_fees<'a>(table: &'a Table<'a>) -> HashSet<&'a str> {
    table.records().map(|row| row.raw(0)).collect()
}

/// Remembers the first row of each key.
struct Firsts<K> {
    rows: HashMap<K, u32>,
}

impl<K: std::hash::Hash + Eq> Firsts<K> {
    fn new() -> Self {
        Self { rows: HashMap::new() }
    }

    /// Notes a problem when an earlier row has the same key.
    fn once(&mut self, key: K, row: Record<'_>, column: usize, what: Key) -> Option<()> {
        if let Some(&first) = self.rows.get(&key) {
            return row.problem(column, Reason::Doubled { key: what, row: first });
        }
        self.rows.insert(key, row.number());
        Some(())
    }
}

/// The value that a fixed set of words stands for.
fn choice<T: Copy>(row: Record<'_>, column: usize, what: Choice, table: &[(&'static str, T)]) -> Option<Option<T>> {
    let Some(text) = row.optional_text(column)? else { return Some(None) };
    match table.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Some(Some(*value)),
        None => {
            let known = table.iter().map(|(word, _)| *word).collect();
            row.problem(column, Reason::UnknownWord { what, known })
        }
    }
}

fn required_choice<T: Copy>(row: Record<'_>, column: usize, what: Choice, table: &[(&'static str, T)]) -> Option<T> {
    row.text(column)?;
    choice(row, column, what, table)?
}

fn read_entrances(table: &Table<'_>) -> Vec<DesiredEntrance> {
    let mut firsts = Firsts::new();
    let read = |row: Record<'_>| {
        let building_no = row.code(0, &[]);
        let entrance_no = row.code(1, &[]);
        let storeys = row.integer(2, 1..=STOREYS_MAX);
        let has_lift = required_choice(row, 3, Choice::Lift, &LIFTS);
        let (building_no, entrance_no) = (building_no?, entrance_no?);
        firsts.once((building_no.clone(), entrance_no.clone()), row, 1, Key::Entrance)?;
        Some(DesiredEntrance { building_no, entrance_no, storeys: storeys?, has_lift: has_lift? })
    };
    table.records().filter_map(read).collect()
}

fn read_parties(table: &Table<'_>, known: &Known<'_>) -> Vec<DesiredParty> {
    let mut owners = Firsts::new();
    let mut rows = Firsts::new();
    let read = |row: Record<'_>| {
        let row_no = row.code(0, &[ROW_MARK]);
        let name = row.text(1);
        let gender = choice(row, 2, Choice::Gender, &GENDERS);
        let age = row.optional_integer(3, 0..=AGE_MAX);
        let phone = row.optional_text(4);
        let identity_no = identity_no(row, 5);
        let kind = required_choice(row, 6, Choice::PartyKind, &PARTY_KINDS);
        let owner_no = row.code(7, &[ROW_MARK]);
        let (row_no, owner_no, kind) = (row_no?, owner_no?, kind?);
        if kind == PartyKind::Owner {
            owners.once(owner_no.clone(), row, 7, Key::Owner)?;
        } else if known.owners.as_ref().is_some_and(|owners| !owners.contains(owner_no.as_str())) {
            return row.problem(7, Reason::UnknownOwner);
        }
        rows.once(row_no.clone(), row, 0, Key::PartyRow)?;
        Some(DesiredParty {
            row_no,
            owner_no,
            kind,
            name: name?,
            gender: gender?,
            age: age?,
            phone: phone?,
            identity_no: identity_no?,
        })
    };
    table.records().filter_map(read).collect()
}

/// The template's placeholder means none. Typed as a number it comes as fifteen ones, because a spreadsheet's number has
/// no more digits.
fn identity_no(row: Record<'_>, column: usize) -> Option<Option<String>> {
    let raw = row.raw(column);
    let typed_as_number =
        row.is_number(column) && raw.len() == NO_IDENTITY_NO.len() && raw.starts_with(&NO_IDENTITY_NO[3..]);
    if raw == NO_IDENTITY_NO || typed_as_number { Some(None) } else { row.optional_text(column) }
}

fn read_fee_items(table: &Table<'_>) -> Vec<DesiredFeeItem> {
    let mut numbers = Firsts::new();
    let mut names = Firsts::new();
    let read = |row: Record<'_>| {
        let fee_no = row.code(0, &[LIST_SIGN]);
        let category = row.optional_text(1);
        let name = row.text(2);
        let recurrence = row.optional_text(3);
        let payment_mode = row.optional_text(4);
        let demand_months = row.integer(5, 1..=DEMAND_MONTHS_MAX);
        let charge_day = row.optional_text(6);
        let dates = span(row.date(7).map(Some), row.optional_date(8), row, 8);
        let formula = formula(row, 9);
        let prices = prices(row, formula);
        if let Some(fee_no) = &fee_no {
            numbers.once(fee_no.clone(), row, 0, Key::FeeNumber)?;
        }
        if let Some(name) = &name {
            names.once(name.clone(), row, 2, Key::FeeName)?;
        }
        let (starts_on, ends_on) = dates?;
        let (unit_price, fixed_amount) = prices?;
        Some(DesiredFeeItem {
            fee_no: fee_no?,
            category: category?.unwrap_or_default(),
            name: name?,
            recurrence: recurrence?.unwrap_or_default(),
            payment_mode: payment_mode?.unwrap_or_default(),
            demand_months: demand_months?,
            charge_day: charge_day?.unwrap_or_default(),
            starts_on: starts_on?,
            ends_on,
            formula: formula?,
            unit_price,
            fixed_amount,
        })
    };
    table.records().filter_map(read).collect()
}

fn formula(row: Record<'_>, column: usize) -> Option<Formula> {
    let code = row.code(column, &[])?;
    match Formula::by_code(&code) {
        Some(formula) => Some(formula),
        None => {
            let known = Formula::ALL.map(Formula::code).to_vec();
            row.problem(column, Reason::UnknownFormula { code, known })
        }
    }
}

/// Unit price and fixed amount. What the formula multiplies may not be missing: an empty cell is no 0.
fn prices(row: Record<'_>, formula: Option<Formula>) -> Option<(Option<Decimal>, Option<Decimal>)> {
    let unit_price = match formula {
        Some(Formula::AreaPrice) => row.decimal(10, UNIT_PRICE).map(Some),
        Some(Formula::FixedAmount) | None => row.optional_decimal(10, UNIT_PRICE),
    };
    let fixed_amount = match formula {
        Some(Formula::FixedAmount) => row.decimal(11, AMOUNT).map(Some),
        Some(Formula::AreaPrice) | None => row.optional_decimal(11, AMOUNT),
    };
    Some((unit_price?, fixed_amount?))
}

/// Start and end of something, in this order.
fn span(
    start: Option<Option<Date>>,
    end: Option<Option<Date>>,
    row: Record<'_>,
    end_column: usize,
) -> Option<(Option<Date>, Option<Date>)> {
    let (start, end) = (start?, end?);
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return row.problem(end_column, Reason::NotAfterStart { start });
    }
    Some((start, end))
}

fn read_units(table: &Table<'_>, known: &Known<'_>) -> Vec<DesiredUnit> {
    let mut firsts = Firsts::new();
    let read = |row: Record<'_>| {
        let unit_no = row.code(0, &[]);
        let building_no = row.code(1, &[]);
        let entrance_no = row.code(2, &[]);
        let storey = row.optional_integer(3, STOREY_MIN..=STOREYS_MAX);
        let layout_code = row.optional_text(4);
        let area = area_cm2(row.decimal(5, AREA).map(Some));
        let owner_no = owner_of(row, 6, known);
        let fees = fees(row, known);
        let kind = required_choice(row, 9, Choice::UnitKind, &UNIT_KINDS);
        let internal_area = area_cm2(row.optional_decimal(10, AREA));
        let rent = row.optional_decimal(11, AMOUNT);
        let (building_no, entrance_no, unit_no) = (building_no?, entrance_no?, unit_no?);
        let place = (building_no.clone(), entrance_no.clone(), unit_no.clone());
        firsts.once(place, row, 0, Key::Unit)?;
        let storey = storey?;
        lies_in_entrance(row, known, &building_no, &entrance_no, storey)?;
        Some(DesiredUnit {
            building_no,
            entrance_no,
            unit_no,
            storey,
            layout_code: layout_code?,
            gross_floor_area_cm2: area??,
            owner_no: owner_no?,
            fees: fees?,
            kind: kind?,
            internal_area_cm2: internal_area?,
            rent_fen: rent?.and_then(|rent| rent.rescale(2)).map(|rent| rent.mantissa),
        })
    };
    table.records().filter_map(read).collect()
}

/// An area that was read, in cm².
fn area_cm2(area: Option<Option<Decimal>>) -> Option<Option<i64>> {
    Some(area?.and_then(|area| area.rescale(AREA.places_max)).map(|area| area.mantissa))
}

/// The number of an owner who is in the table of owners.
fn owner_of(row: Record<'_>, column: usize, known: &Known<'_>) -> Option<Option<String>> {
    let owner_no = row.optional_code(column, &[ROW_MARK])?;
    match (&owner_no, &known.owners) {
        (Some(number), Some(owners)) if !owners.contains(number.as_str()) => row.problem(column, Reason::UnknownOwner),
        _ => Some(owner_no),
    }
}

fn lies_in_entrance(
    row: Record<'_>,
    known: &Known<'_>,
    building: &str,
    entrance: &str,
    storey: Option<i64>,
) -> Option<()> {
    let Some(entrances) = &known.entrances else { return Some(()) };
    match entrances.get(&(building, entrance)) {
        Some(Some(storeys)) if storey.is_some_and(|storey| storey > *storeys) => {
            row.problem(3, Reason::AboveRoof { storeys: *storeys })
        }
        Some(_) => Some(()),
        None if entrances.keys().any(|(known, _)| *known == building) => {
            row.problem(2, Reason::UnknownEntrance { building: building.to_owned() })
        }
        None => row.problem(1, Reason::UnknownBuilding),
    }
}

/// Fee items of a unit with the day from which each is charged: 房屋费用 and 费用开始时间 are lists of one length.
fn fees(row: Record<'_>, known: &Known<'_>) -> Option<Vec<(String, Date)>> {
    let numbers = row.list(7);
    let days = row.list(8);
    let (numbers, days) = (numbers?, days?);
    let numbers_fine = fee_numbers_fine(row, &numbers, known);
    if numbers.len() != days.len() {
        return row.problem(8, Reason::ListLengths { days: days.len(), fees: numbers.len() });
    }
    let mut dates = Vec::with_capacity(days.len());
    for day in &days {
        match read_date(day) {
            Ok(date) => dates.push(date),
            Err(reason) => {
                let entry = (*day).to_owned();
                return row.problem(8, Reason::Entry { entry, reason: Box::new(reason) });
            }
        }
    }
    numbers_fine?;
    Some(numbers.into_iter().map(str::to_owned).zip(dates).collect())
}

fn fee_numbers_fine(row: Record<'_>, numbers: &[&str], known: &Known<'_>) -> Option<()> {
    for (position, number) in numbers.iter().enumerate() {
        if number.is_empty() {
            return row.problem(7, Reason::EmptyEntry);
        }
        if known.fees.as_ref().is_some_and(|fees| !fees.contains(number)) {
            return row.problem(7, Reason::UnknownFee { number: (*number).to_owned() });
        }
        if numbers[..position].contains(number) {
            return row.problem(7, Reason::FeeTwice { number: (*number).to_owned() });
        }
    }
    Some(())
}

fn read_spaces(table: &Table<'_>, known: &Known<'_>) -> Vec<DesiredSpace> {
    let mut firsts = Firsts::new();
    let mut plates = Firsts::new();
    let mut area_kinds: HashMap<String, String> = HashMap::new();
    let read = |row: Record<'_>| {
        let area_no = row.code(0, &[]);
        let space_no = row.code(1, &[]);
        let area_kind = row.optional_text(2);
        let area = area_cm2(row.decimal(3, AREA).map(Some));
        let holder = holder(row, known);
        let (area_no, space_no, area_kind) = (area_no?, space_no?, area_kind?.unwrap_or_default());
        firsts.once((area_no.clone(), space_no.clone()), row, 1, Key::ParkingSpace)?;
        let first_kind = area_kinds.entry(area_no.clone()).or_insert_with(|| area_kind.clone());
        if *first_kind != area_kind {
            return row.problem(2, Reason::AreaOfTwoKinds { area: area_no, first: first_kind.clone() });
        }
        let holder = holder?;
        if let Some(vehicle) = holder.as_ref().and_then(|holder| holder.vehicle.as_ref()) {
            plates.once(vehicle.plate_no.clone(), row, 5, Key::Plate)?;
        }
        Some(DesiredSpace { area_no, space_no, area_kind, gross_floor_area_cm2: area??, holder })
    };
    table.records().filter_map(read).collect()
}

/// Everything from 业主编号 to the end belongs to the holder, so that nothing of it may stand alone.
fn holder(row: Record<'_>, known: &Known<'_>) -> Option<Option<DesiredHolder>> {
    let owner_no = owner_of(row, 4, known);
    let vehicle = vehicle(row);
    let kind = choice(row, 9, Choice::SpaceTenure, &SPACE_TENURES);
    let dates = span(row.optional_date(10), row.optional_date(11), row, 11);
    let Some(owner_no) = owner_no? else {
        if (5..=11).any(|column| !row.is_empty(column)) {
            return row.problem(4, Reason::HolderMissing);
        }
        return Some(None);
    };
    let Some(kind) = kind? else {
        return row.problem(9, Reason::TenureMissing);
    };
    let (starts_on, ends_on) = dates?;
    Some(Some(DesiredHolder { owner_no, kind, starts_on, ends_on, vehicle: vehicle? }))
}

fn vehicle(row: Record<'_>) -> Option<Option<DesiredVehicle>> {
    let plate_no = row.optional_text(5);
    let brand = row.optional_text(6);
    let kind_code = choice(row, 7, Choice::VehicleKind, &VEHICLE_KINDS.map(|code| (code, code)));
    let colour = row.optional_text(8);
    let (plate_no, brand, kind_code, colour) = (plate_no?, brand?, kind_code?, colour?);
    let Some(plate_no) = plate_no else {
        // Without a holder the missing owner is the problem, which is named there.
        if row.is_empty(4) || (brand.is_none() && kind_code.is_none() && colour.is_none()) {
            return Some(None);
        }
        return row.problem(5, Reason::PlateMissing);
    };
    Some(Some(DesiredVehicle { plate_no, brand, kind_code: kind_code.map(str::to_owned), colour }))
}
