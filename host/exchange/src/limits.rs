//! How much of a file is read. An estate of 100,000 units with its people stays below every one of them.

use crate::{ReadError, Size};

/// Largest file, and largest sum of csv files, in bytes: ten times the workbook of an estate of 100,000 units.
pub const FILE_BYTES_MAX: usize = 32 << 20;
/// Largest content of an archive in bytes. Sheets shrink to a tenth or less, so that a full file may be this large.
pub const CONTENT_BYTES_MAX: usize = 256 << 20;
/// Files in an archive. A workbook has about ten and a few for every sheet.
pub const ARCHIVE_FILES_MAX: usize = 1_000;
pub const SHEETS_MAX: usize = 64;
/// Rows with something in them, over all sheets.
pub const ROWS_MAX: usize = 200_000;
/// The widest table has 12 columns; what stands beside it needs a few more.
pub const COLUMNS_MAX: usize = 64;
/// Text of all cells in bytes. A shared text counts for each cell that shows it.
pub const TEXT_BYTES_MAX: usize = 128 << 20;
/// Characters of a cell that are kept: enough for the domain to see that a text is too long and to show its beginning.
pub const CELL_CHARS_KEPT: usize = guanjia_domain::import::CELL_CHARS_MAX + 1;
/// Texts that a workbook shares between cells. One for each cell of the largest file would be more than any has.
pub const SHARED_TEXTS_MAX: usize = 2_000_000;

pub(crate) fn check_file_size(name: &str, bytes: usize) -> Result<(), ReadError> {
    at_most(name, Size::Bytes, bytes, FILE_BYTES_MAX)
}

pub(crate) fn check_sheet_count(name: &str, sheets: usize) -> Result<(), ReadError> {
    at_most(name, Size::Sheets, sheets, SHEETS_MAX)
}

pub(crate) fn at_most(name: &str, what: Size, count: usize, max: usize) -> Result<(), ReadError> {
    if count > max { Err(ReadError::TooLarge { name: name.to_owned(), what, max }) } else { Ok(()) }
}

/// What has been read so far, over all sheets.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    rows: usize,
    text_bytes: usize,
}

impl Budget {
    pub fn row(&mut self, name: &str) -> Result<(), ReadError> {
        self.rows += 1;
        at_most(name, Size::Rows, self.rows, ROWS_MAX)
    }

    /// The part of a text that is kept.
    pub fn text(&mut self, name: &str, text: &str) -> Result<String, ReadError> {
        let end = text.char_indices().nth(CELL_CHARS_KEPT).map_or(text.len(), |(end, _)| end);
        self.text_bytes += end;
        at_most(name, Size::TextBytes, self.text_bytes, TEXT_BYTES_MAX)?;
        Ok(text[..end].to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that many cells share is counted for each of them.
    #[test]
    fn texts_do_not_multiply_without_end() {
        let mut budget = Budget { rows: 0, text_bytes: TEXT_BYTES_MAX - 6 };
        assert!(matches!(budget.text("x", "有无").as_deref(), Ok("有无")));
        assert!(matches!(budget.text("x", "a"), Err(ReadError::TooLarge { .. })));
    }

    #[test]
    fn rows_are_counted_up_to_the_limit() {
        let mut budget = Budget { rows: ROWS_MAX - 1, text_bytes: 0 };
        assert!(budget.row("x").is_ok());
        assert!(matches!(budget.row("x"), Err(ReadError::TooLarge { .. })));
    }
}
