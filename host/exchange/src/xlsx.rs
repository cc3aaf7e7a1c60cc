//! Workbooks.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use calamine::{DataRef, Reader, SheetType, Xlsx, XlsxError};
use guanjia_domain::import::{Cell, Workbook};

use crate::{
    ReadError,
    limits::{Budget, check_sheet_count},
    number,
    sheet::SheetBuilder,
};

/// Reads a workbook whose archive was measured before.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Workbook, ReadError> {
    // The reader panics on some damaged files, such as a dimension that runs backwards. It holds nothing but these bytes,
    // so that nothing half-done is left behind.
    catch_unwind(AssertUnwindSafe(|| read_sheets(name, bytes))).unwrap_or_else(|_| {
        Err(ReadError::Damaged { name: name.to_owned(), reason: "it is no well-formed workbook".to_owned() })
    })
}

fn read_sheets(name: &str, bytes: &[u8]) -> Result<Workbook, ReadError> {
    let damaged = |error: XlsxError| match error {
        XlsxError::Password => ReadError::Encrypted { name: name.to_owned() },
        error => ReadError::Damaged { name: name.to_owned(), reason: error.to_string() },
    };
    let mut reader = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let is_table = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
    let sheets: Vec<String> =
        reader.sheets_metadata().iter().filter(is_table).map(|sheet| sheet.name.clone()).collect();
    check_sheet_count(name, sheets.len())?;
    let mut budget = Budget::default();
    let mut workbook = Workbook::default();
    for sheet in &sheets {
        // Cell by cell: a range would make room for everything between a sheet's first and last cell, which two cells
        // can make billions.
        let mut cells = reader.worksheet_cells_reader(sheet).map_err(damaged)?;
        let mut builder = SheetBuilder::new(sheet);
        while let Some(record) = cells.next_cell_with_formula_metadata().map_err(damaged)? {
            let (row, column) = record.pos;
            let cell = match record.formula {
                Some(formula) => Cell::Formula(budget.text(name, &formula_text(&formula))?),
                None => cell(name, record.value, &mut budget)?,
            };
            builder.put(row.saturating_add(1), usize::try_from(column).unwrap_or(usize::MAX), cell, &mut budget)?;
        }
        workbook.sheets.push(builder.finish());
    }
    Ok(workbook)
}

fn formula_text(formula: &calamine::XlsxFormulaMetadata) -> String {
    use calamine::XlsxFormulaMetadata as Formula;
    match formula {
        Formula::Normal { formula } | Formula::Shared { formula, .. } => format!("={formula}"),
        _ => "=…".to_owned(),
    }
}

fn cell(name: &str, value: DataRef<'_>, budget: &mut Budget) -> Result<Cell, ReadError> {
    Ok(match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(value) => Cell::Number(value.to_string()),
        DataRef::Float(value) => number::number(value),
        DataRef::String(text) => Cell::Text(budget.text(name, &text)?),
        DataRef::SharedString(text) => Cell::Text(budget.text(name, text)?),
        DataRef::Bool(value) => Cell::Text(if value { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::DateTime(value) => number::date(value),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(budget.text(name, &text)?),
        DataRef::Error(error) => Cell::Error(error.to_string()),
    })
}
