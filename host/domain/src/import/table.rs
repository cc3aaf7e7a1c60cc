//! From the cells of a sheet to values: columns are found by their titles, and whatever cannot be used is noted with its
//! place and its reason.

use std::cell::RefCell;

use super::{
    Cell, NUMBER_DIGITS_MAX, Row, Sheet, Workbook,
    reason::{Measure, Reason},
};
use crate::{Date, Decimal, error::InputProblem, values::ParseDecimalError};

/// Longest text of a cell in characters. Names, colours and addresses stay far below; more is a mistake or an attack.
pub const CELL_CHARS_MAX: usize = 1_000;
/// Problems that are listed one by one. A person mends a file long before having read so many.
pub const PROBLEMS_MAX: usize = 10_000;
/// Longest number of a building, unit, owner or fee item in characters, so that it fits lists and keys.
const NUMBER_CHARS_MAX: usize = 64;
/// How much of a bad cell is shown.
const SHOWN_CHARS_MAX: usize = 60;
/// Years in which a date of a property office can lie.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2999;

/// A table of a layout: its sheet and the titles of its columns, in the order of the template.
#[derive(Debug)]
pub(super) struct Layout {
    pub sheet: &'static str,
    pub titles: &'static [&'static str],
}

/// The part of a title that names the column: explanations in brackets differ between versions of the template.
fn plain_title(title: &str) -> &str {
    title.split(['（', '(']).next().unwrap_or(title).trim()
}

/// Sheet, row and column, the first and the last as the layout counts them.
type Place = (usize, u32, usize);

/// Collects problems in the order of the layout: sheet, row, column.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<(Place, InputProblem<Reason>)>>,
}

impl Problems {
    /// Notes one; `position` is the place of sheet and column in the layout.
    pub fn note(&self, position: (usize, usize), problem: InputProblem<Reason>) {
        self.found.borrow_mut().push(((position.0, problem.row, position.1), problem));
    }

    /// All of them, sorted; none when everything could be used.
    pub fn into_sorted(self) -> Vec<InputProblem<Reason>> {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        let rest = found.len().saturating_sub(PROBLEMS_MAX);
        let mut problems: Vec<_> = found.into_iter().take(PROBLEMS_MAX).map(|(_, problem)| problem).collect();
        if let Some(last) = problems.last().filter(|_| rest > 0).cloned() {
            problems.push(InputProblem { value: String::new(), reason: Reason::More { count: rest }, ..last });
        }
        problems
    }
}

/// A sheet whose columns are found.
#[derive(Debug)]
pub(super) struct Table<'a> {
    sheet: &'a Sheet,
    /// Place of the sheet in the layout.
    index: usize,
    /// Where each title of the layout stands, with its words in this file.
    columns: Vec<(usize, &'a str)>,
    problems: &'a Problems,
}

impl<'a> Table<'a> {
    /// Finds the sheet and every column of it; notes what is missing.
    pub fn locate(workbook: &'a Workbook, layout: &Layout, index: usize, problems: &'a Problems) -> Option<Self> {
        let missing = |column: usize, title: &str, reason: Reason| {
            let problem = InputProblem {
                sheet: layout.sheet.to_owned(),
                row: 1,
                column: plain_title(title).to_owned(),
                value: String::new(),
                reason,
            };
            problems.note((index, column), problem);
        };
        let Some(sheet) = workbook.sheet(layout.sheet) else {
            missing(0, "", Reason::SheetMissing);
            return None;
        };
        let titles: Vec<&str> = sheet.rows.first().filter(|row| row.number == 1).map_or_else(Vec::new, |row| {
            let text = |cell: &'a Cell| if let Cell::Text(text) = cell { text.trim() } else { "" };
            row.cells.iter().map(text).collect()
        });
        let mut columns = Vec::with_capacity(layout.titles.len());
        for (column, title) in layout.titles.iter().enumerate() {
            match titles.iter().position(|found| plain_title(found) == plain_title(title)) {
                Some(position) => columns.push((position, titles[position])),
                None => missing(column, title, Reason::ColumnMissing),
            }
        }
        (columns.len() == layout.titles.len()).then_some(Self { sheet, index, columns, problems })
    }

    /// Rows below the titles that have something in the table's columns. What stands beside the table is not looked at.
    pub fn records(&'a self) -> impl Iterator<Item = Record<'a>> {
        self.sheet
            .rows
            .iter()
            .filter(|row| row.number > 1)
            .map(move |row| Record { table: self, row })
            .filter(|record| (0..self.columns.len()).any(|column| !record.cell(column).is_empty()))
    }
}

/// One row of a table. Every reader notes its problem itself and answers `None` then; an optional cell that is empty is
/// `Some(None)`. Columns are counted in the order of the layout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    table: &'a Table<'a>,
    row: &'a Row,
}

/// Limits of a decimal cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecimalRule {
    pub places_max: u8,
    pub zero_allowed: bool,
    /// Largest value.
    pub max: i64,
    /// Unit of measure, for the reason.
    pub measure: Measure,
}

impl<'a> Record<'a> {
    pub fn number(self) -> u32 {
        self.row.number
    }

    fn cell(self, column: usize) -> &'a Cell {
        const NOTHING: &Cell = &Cell::Empty;
        self.table.columns.get(column).and_then(|(position, _)| self.row.cells.get(*position)).unwrap_or(NOTHING)
    }

    pub fn is_empty(self, column: usize) -> bool {
        self.cell(column).is_empty()
    }

    pub fn is_number(self, column: usize) -> bool {
        matches!(self.cell(column), Cell::Number(_))
    }

    /// What stands in the cell, whether it can be used or not.
    pub fn raw(self, column: usize) -> &'a str {
        match self.cell(column) {
            Cell::Empty => "",
            Cell::Text(text) | Cell::Number(text) | Cell::Formula(text) | Cell::Error(text) => text.trim(),
        }
    }

    /// Notes that a cell cannot be used.
    pub fn problem<T>(self, column: usize, reason: Reason) -> Option<T> {
        let raw = self.raw(column);
        let mut value: String =
            raw.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if raw.chars().nth(SHOWN_CHARS_MAX).is_some() {
            value.push('…');
        }
        let problem = InputProblem {
            sheet: self.table.sheet.name.trim().to_owned(),
            row: self.row.number,
            column: self.table.columns.get(column).map_or_else(String::new, |(_, title)| (*title).to_owned()),
            value,
            reason,
        };
        self.table.problems.note((self.table.index, column), problem);
        None
    }

    /// The cell as text without spaces around it; empty when there is nothing.
    fn checked(self, column: usize) -> Option<&'a str> {
        match self.cell(column) {
            Cell::Empty => Some(""),
            Cell::Number(text) => Some(text),
            Cell::Formula(_) => self.problem(column, Reason::Formula),
            Cell::Error(_) => self.problem(column, Reason::SpreadsheetError),
            Cell::Text(text) => {
                let text = text.trim();
                if text.chars().nth(CELL_CHARS_MAX).is_some() {
                    return self.problem(column, Reason::TooLong { max: CELL_CHARS_MAX });
                }
                if text.chars().any(char::is_control) {
                    return self.problem(column, Reason::ControlCharacter);
                }
                if is_formula(text) {
                    return self.problem(column, Reason::LikeFormula);
                }
                Some(text)
            }
        }
    }

    /// A cell that has to hold something.
    fn filled(self, column: usize) -> Option<&'a str> {
        let text = self.checked(column)?;
        if text.is_empty() { self.problem(column, Reason::Empty) } else { Some(text) }
    }

    pub fn text(self, column: usize) -> Option<String> {
        self.filled(column).map(str::to_owned)
    }

    pub fn optional_text(self, column: usize) -> Option<Option<String>> {
        let text = self.checked(column)?;
        self.no_digits_lost(column)?;
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    /// A number that names something, such as a building's. `reserved` signs have another meaning in keys or lists.
    pub fn code(self, column: usize, reserved: &[char]) -> Option<String> {
        self.filled(column)?;
        self.optional_code(column, reserved)?
    }

    pub fn optional_code(self, column: usize, reserved: &[char]) -> Option<Option<String>> {
        let text = self.checked(column)?;
        self.no_digits_lost(column)?;
        if matches!(self.cell(column), Cell::Number(number) if number.contains('.')) {
            return self.problem(column, Reason::NotWhole);
        }
        if text.chars().nth(NUMBER_CHARS_MAX).is_some() {
            return self.problem(column, Reason::TooLong { max: NUMBER_CHARS_MAX });
        }
        if let Some(sign) = text.chars().find(|sign| reserved.contains(sign)) {
            return self.problem(column, Reason::ReservedSign { sign });
        }
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    /// Numbers of spreadsheets have 15 digits; of a longer one the rest is made up.
    fn no_digits_lost(self, column: usize) -> Option<()> {
        match self.cell(column) {
            Cell::Number(text) if text.bytes().filter(u8::is_ascii_digit).count() > NUMBER_DIGITS_MAX => {
                self.problem(column, Reason::DigitsLost { kept: NUMBER_DIGITS_MAX })
            }
            _ => Some(()),
        }
    }

    pub fn integer(self, column: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.filled(column)?;
        self.optional_integer(column, range)?
    }

    pub fn optional_integer(self, column: usize, range: std::ops::RangeInclusive<i64>) -> Option<Option<i64>> {
        let text = self.checked(column)?;
        if text.is_empty() {
            return Some(None);
        }
        match text.parse::<i64>() {
            Ok(value) if range.contains(&value) => Some(Some(value)),
            _ => self.problem(column, Reason::NotInteger { min: *range.start(), max: *range.end() }),
        }
    }

    pub fn decimal(self, column: usize, rule: DecimalRule) -> Option<Decimal> {
        self.filled(column)?;
        self.optional_decimal(column, rule)?
    }

    /// Without zeros at the end, so that 2.8 and 2.80 are one value.
    pub fn optional_decimal(self, column: usize, rule: DecimalRule) -> Option<Option<Decimal>> {
        let text = self.checked(column)?;
        if text.is_empty() {
            return Some(None);
        }
        let DecimalRule { places_max, zero_allowed, max, measure } = rule;
        let too_large = || Reason::AboveMaximum { max, measure };
        let too_many = || Reason::TooManyPlaces { max: places_max };
        let value = match text.parse::<Decimal>() {
            Ok(value) => value.trimmed(0),
            Err(ParseDecimalError::TooLarge) if !text.starts_with('-') => return self.problem(column, too_large()),
            Err(ParseDecimalError::TooManyPlaces) => return self.problem(column, too_many()),
            Err(ParseDecimalError::Malformed | ParseDecimalError::TooLarge) => {
                return self.problem(column, Reason::NotDecimal { measure });
            }
        };
        if value.is_negative() {
            return self.problem(column, Reason::Negative);
        }
        if value.is_zero() && !zero_allowed {
            return self.problem(column, Reason::NotPositive);
        }
        if value.compare(Decimal::integer(max)).is_gt() {
            return self.problem(column, too_large());
        }
        if value.scale > places_max {
            return self.problem(column, too_many());
        }
        Some(Some(value))
    }

    pub fn date(self, column: usize) -> Option<Date> {
        self.filled(column)?;
        self.optional_date(column)?
    }

    pub fn optional_date(self, column: usize) -> Option<Option<Date>> {
        let text = self.checked(column)?;
        if text.is_empty() {
            return Some(None);
        }
        match read_date(text) {
            Ok(date) => Some(Some(date)),
            Err(reason) => self.problem(column, reason),
        }
    }

    /// Entries between `#` signs; none when the cell is empty.
    pub fn list(self, column: usize) -> Option<Vec<&'a str>> {
        let text = self.checked(column)?;
        if text.is_empty() {
            return Some(Vec::new());
        }
        Some(text.split('#').map(str::trim).collect())
    }
}

/// Text that a spreadsheet would take for a formula when it is typed or read from csv.
fn is_formula(text: &str) -> bool {
    let mut rest = text.chars();
    match rest.next() {
        Some('=' | '@') => true,
        // A signed number and a telephone number like "+86 21 5555 0000" are harmless.
        Some('+' | '-') => {
            let rest = rest.as_str();
            let number = rest.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ' ');
            !number || !rest.contains(|c: char| c.is_ascii_digit())
        }
        _ => false,
    }
}

/// A date like `2025-01-01`, `2025-1-1` or `2025/1/1`, with midnight after it or without.
pub(super) fn read_date(text: &str) -> Result<Date, Reason> {
    let day = [" 00:00:00", "T00:00:00"].iter().find_map(|midnight| text.strip_suffix(midnight)).unwrap_or(text);
    let separator = if day.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = day.split(separator).collect();
    let [year, month, day] = parts[..] else { return Err(Reason::NotDate) };
    let digits = |part: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(year, 4..=4) || !digits(month, 1..=2) || !digits(day, 1..=2) {
        return Err(Reason::NotDate);
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
        return Err(Reason::NotDate);
    };
    if !YEARS.contains(&year) {
        return Err(Reason::YearOutOfRange { min: *YEARS.start(), max: *YEARS.end() });
    }
    Date::from_ymd(year, month, day).ok_or(Reason::NoSuchDay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::padded("2025-01-01", Ok("2025-01-01"))]
    #[case::short("2025-1-1", Ok("2025-01-01"))]
    #[case::slashes("2037/1/31", Ok("2037-01-31"))]
    #[case::midnight("2025-01-01 00:00:00", Ok("2025-01-01"))]
    #[case::leap_day("2024-2-29", Ok("2024-02-29"))]
    #[case::no_leap_day("2025-02-29", Err(Reason::NoSuchDay))]
    #[case::february_30("2025-02-30", Err(Reason::NoSuchDay))]
    #[case::month_13("2025-13-01", Err(Reason::NoSuchDay))]
    #[case::two_digit_year("25-01-01", Err(Reason::NotDate))]
    #[case::noon("2025-01-01 12:00:00", Err(Reason::NotDate))]
    #[case::serial("45658", Err(Reason::NotDate))]
    #[case::mixed("2025-1/1", Err(Reason::NotDate))]
    #[case::signed("2025-+1-1", Err(Reason::NotDate))]
    #[case::far_future("9999-01-01", Err(Reason::YearOutOfRange { min: 1900, max: 2999 }))]
    fn dates_are_read_as_people_write_them(#[case] text: &str, #[case] expected: Result<&str, Reason>) {
        assert_eq!(read_date(text).map(|date| date.to_string()), expected.map(str::to_owned));
    }

    #[rstest]
    #[case::equals("=1+1", true)]
    #[case::at("@SUM(A1)", true)]
    #[case::plus_call("+cmd|' /C calc'!A0", true)]
    #[case::minus_sum("-1+1", true)]
    #[case::bare_sign("-", true)]
    #[case::negative("-5", false)]
    #[case::telephone("+86 139 0000 0000", false)]
    #[case::inner_sign("A=1", false)]
    #[case::plain("三号楼", false)]
    fn formulas_are_told_from_signed_numbers(#[case] text: &str, #[case] formula: bool) {
        assert_eq!(is_formula(text), formula);
    }
}
