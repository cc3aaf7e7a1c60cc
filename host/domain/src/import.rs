//! Workbooks as plain tables, and what an import of one would change.
//!
//! Nothing here reads files: `guanjia-exchange` turns bytes into a [`Workbook`] and back. A layout (today there is one,
//! [`microcommunity`]) turns the workbook into what it states about an estate, compares that with the records and
//! answers with an [`ImportPlan`]: all changes of one file, or every problem of it and no plan at all.

mod difference;
pub mod microcommunity;
mod plan;
mod reason;
mod service;
mod table;

pub use difference::{Change, Difference, DifferenceKind, Field, PersonalField, Thing, Things, ToldDifference, Value};
pub use plan::{ChangeCount, ImportCounts, ImportPlan, apply};
pub use reason::{Choice, Key, Measure, Reason};
pub use service::{Imports, PlannedImport};
pub use table::{CELL_CHARS_MAX, PROBLEMS_MAX};

/// A file of tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workbook {
    pub sheets: Vec<Sheet>,
}

impl Workbook {
    /// The sheet of that name. Programs that save every sheet as a csv file of its own put the workbook's name before
    /// it (`estate-费用设置.csv`), so that a single sheet that ends with the name is taken, too.
    #[must_use]
    pub fn sheet(&self, name: &str) -> Option<&Sheet> {
        let exact = self.sheets.iter().find(|sheet| sheet.name.trim() == name);
        exact.or_else(|| {
            let mut ending = self.sheets.iter().filter(|sheet| sheet.name.trim().ends_with(name));
            ending.next().filter(|_| ending.next().is_none())
        })
    }
}

/// One table, with whatever stands beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    pub name: String,
    /// Ascending by number; rows without any cell may be left out.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Row as the spreadsheet shows it, from 1.
    pub number: u32,
    /// From column A on; cells after the last one are empty.
    pub cells: Vec<Cell>,
}

/// A cell without its looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cell {
    #[default]
    Empty,
    /// Also dates, written like 2025-01-01.
    Text(String),
    /// A number as the shortest decimal text that means it, without an exponent.
    Number(String),
    /// What the file would compute. The value that it remembers may be stale or made up, so it is not taken over.
    Formula(String),
    /// Something that is no value, such as `#REF!`.
    Error(String),
}

impl Cell {
    /// Empty when there is nothing to write.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A number where spreadsheets show it unchanged, else text: `007` and numbers of more than 15 digits stay text.
    #[must_use]
    pub fn number(text: impl Into<String>) -> Self {
        let text = text.into();
        if is_plain_number(&text) { Self::Number(text) } else { Self::text(text) }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.trim().is_empty(),
            Cell::Number(_) | Cell::Formula(_) | Cell::Error(_) => false,
        }
    }
}

/// Digits that a spreadsheet's numbers hold without loss.
pub(crate) const NUMBER_DIGITS_MAX: usize = 15;

/// Whether a spreadsheet that reads this text as a number shows the same text again.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = (whole == "0" || !whole.starts_with('0')) && (fraction == "0" || !fraction.ends_with('0'));
    let written_zero = unsigned.contains('.') && fraction == "0";
    digits(whole)
        && digits(fraction)
        && shortest
        && !written_zero
        && text != "-0"
        && whole.len() + fraction.len() <= NUMBER_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::whole("18", true)]
    #[case::phone("19071924865", true)]
    #[case::decimal("89.5", true)]
    #[case::zero("0", true)]
    #[case::negative("-2.8", true)]
    #[case::leading_zero("007", false)]
    #[case::written_places("2.80", false)]
    #[case::written_zero("2.0", false)]
    #[case::identity_number("111111111111111111", false)]
    #[case::text("B0001", false)]
    #[case::bare_sign("-", false)]
    #[case::negative_zero("-0", false)]
    #[case::no_whole(".5", false)]
    fn only_what_a_spreadsheet_keeps_is_a_number(#[case] text: &str, #[case] number: bool) {
        assert_eq!(matches!(Cell::number(text), Cell::Number(_)), number);
    }

    #[test]
    fn a_sheet_is_found_by_the_end_of_its_name_when_that_is_unique() {
        let sheet = |name: &str| Sheet { name: name.into(), rows: Vec::new() };
        let mut workbook = Workbook { sheets: vec![sheet("estate-费用设置"), sheet("estate-房屋信息")] };
        assert_eq!(workbook.sheet("费用设置").map(|sheet| sheet.name.as_str()), Some("estate-费用设置"));
        workbook.sheets.push(sheet("old-费用设置"));
        assert_eq!(workbook.sheet("费用设置"), None);
        workbook.sheets.push(sheet(" 费用设置"));
        assert_eq!(workbook.sheet("费用设置").map(|sheet| sheet.name.as_str()), Some(" 费用设置"));
    }
}
