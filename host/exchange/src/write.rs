//! Workbooks for people to open.

use guanjia_domain::import::{Cell, Workbook};
use rust_xlsxwriter::{Format, Workbook as Writer, Worksheet, XlsxError};

use crate::WriteError;

/// Writes a workbook as xlsx. Text stays text: what begins like a formula is marked so that a spreadsheet neither runs it
/// nor makes it one when the cell is edited. Formulas and errors are written as the text that they are.
///
/// # Errors
/// [`WriteError`] for more rows or columns than a sheet has, and for names that a sheet may not have.
pub fn write_workbook(workbook: &Workbook) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new();
    for sheet in &workbook.sheets {
        let worksheet = writer.add_worksheet();
        worksheet.set_name(&sheet.name)?;
        for row in &sheet.rows {
            for (column, cell) in row.cells.iter().enumerate() {
                let column = u16::try_from(column).map_err(|_| XlsxError::RowColumnLimitError)?;
                write_cell(worksheet, row.number.saturating_sub(1), column, cell)?;
            }
        }
        // The titles stay in sight.
        worksheet.set_freeze_panes(1, 0)?;
    }
    Ok(writer.save_to_buffer()?)
}

fn write_cell(worksheet: &mut Worksheet, row: u32, column: u16, cell: &Cell) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Number(text) => match text.parse::<f64>() {
            // Only where the spreadsheet will show the same digits.
            Ok(value) if value.to_string() == *text => {
                worksheet.write_number(row, column, value)?;
            }
            _ => write_text(worksheet, row, column, text)?,
        },
        Cell::Text(text) | Cell::Formula(text) | Cell::Error(text) => write_text(worksheet, row, column, text)?,
    }
    Ok(())
}

fn write_text(worksheet: &mut Worksheet, row: u32, column: u16, text: &str) -> Result<(), XlsxError> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        worksheet.write_string_with_format(row, column, text, &Format::new().set_quote_prefix())?;
    } else {
        worksheet.write_string(row, column, text)?;
    }
    Ok(())
}
