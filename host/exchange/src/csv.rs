//! Comma-separated text, in the encodings that spreadsheets save on Chinese machines.

use std::borrow::Cow;

use guanjia_domain::import::{Cell, Sheet};

use crate::{ReadError, limits::Budget, sheet::SheetBuilder};

/// Reads one table; the sheet is named by the file without its folders and its ending.
pub(crate) fn read(name: &str, bytes: &[u8], budget: &mut Budget) -> Result<Sheet, ReadError> {
    let mut text = decode(name, bytes)?;
    // So that the last line counts like the others.
    if !text.ends_with('\n') {
        text.to_mut().push('\n');
    }
    let mut sheet = SheetBuilder::new(stem(name));
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut record = ::csv::StringRecord::new();
    let mut row = 0_u64;
    let mut line = reader.position().line();
    loop {
        let more = reader.read_record(&mut record).map_err(|error| damaged(name, &error))?;
        if !more {
            return Ok(sheet.finish());
        }
        // The reader passes over blank lines, which are rows of the spreadsheet all the same.
        let breaks: usize = record.iter().map(|field| field.matches('\n').count()).sum();
        let breaks = u64::try_from(breaks).unwrap_or(u64::MAX);
        let passed = reader.position().line().saturating_sub(line).saturating_sub(breaks);
        line = reader.position().line();
        row = row.saturating_add(passed.max(1));
        let number = u32::try_from(row).map_err(|_| damaged(name, &"it has too many lines"))?;
        for (column, field) in record.iter().enumerate() {
            if !field.trim().is_empty() {
                let cell = Cell::Text(budget.text(name, field)?);
                sheet.put(number, column, cell, budget)?;
            }
        }
    }
}

fn damaged(name: &str, reason: &dyn std::fmt::Display) -> ReadError {
    ReadError::Damaged { name: name.to_owned(), reason: reason.to_string() }
}

/// `tables/费用设置.csv` is the sheet 费用设置.
fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// By its mark, else UTF-8 when it is that throughout, else GBK: GBK text is hardly ever valid UTF-8 by chance.
pub(crate) fn decode<'a>(name: &str, bytes: &'a [u8]) -> Result<Cow<'a, str>, ReadError> {
    let fail = || ReadError::Encoding { name: name.to_owned() };
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]).ok_or_else(fail);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(fail)
}

/// The sign that stands most often in the first line: spreadsheets of some countries and "Unicode text" use another one.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let mut best = (b',', first.matches(',').count());
    for sign in [b';', b'\t'] {
        let count = first.matches(char::from(sign)).count();
        if count > best.1 {
            best = (sign, count);
        }
    }
    best.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn rows(bytes: &[u8]) -> Vec<(u32, Vec<String>)> {
        let sheet = read("x/表.csv", bytes, &mut Budget::default()).unwrap();
        assert_eq!(sheet.name, "表");
        let text = |cell: &Cell| if let Cell::Text(text) = cell { text.clone() } else { String::new() };
        sheet.rows.iter().map(|row| (row.number, row.cells.iter().map(text).collect())).collect()
    }

    #[rstest]
    #[case::commas(b"a,b\n1,2\n")]
    #[case::semicolons(b"a;b\n1;2\n")]
    #[case::tabs(b"a\tb\n1\t2\n")]
    #[case::windows_lines(b"a,b\r\n1,2\r\n")]
    #[case::marked(b"\xef\xbb\xbfa,b\n1,2\n")]
    #[case::utf_16(b"\xff\xfea\0,\0b\0\n\x001\0,\x002\0\n\0")]
    #[case::no_last_line_end(b"a,b\n1,2")]
    #[case::trailing_commas(b"a,b,,\n1,2,,\n,,,\n")]
    fn ways_of_writing_one_table(#[case] bytes: &[u8]) {
        let line = |number, left: &str, right: &str| (number, vec![left.to_owned(), right.to_owned()]);
        assert_eq!(rows(bytes), [line(1, "a", "b"), line(2, "1", "2")]);
    }

    #[rstest]
    #[case::blank_line(b"a\n\nb\n", &[1, 3])]
    #[case::several(b"a\r\n\r\n\r\nb\r\nc\r\n", &[1, 4, 5])]
    #[case::cell_of_two_lines(b"\"a\nb\"\nc\n\nd", &[1, 2, 4])]
    #[case::first_line_blank(b"\na\n", &[2])]
    fn rows_are_counted_as_spreadsheets_show_them(#[case] bytes: &[u8], #[case] numbers: &[u32]) {
        assert_eq!(rows(bytes).iter().map(|(number, _)| *number).collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn gbk_is_told_from_utf_8() {
        let (gbk, _, _) = encoding_rs::GBK.encode("业主,电梯\n有,无\n");
        assert_eq!(rows(&gbk), rows("业主,电梯\n有,无\n".as_bytes()));
        assert!(matches!(decode("x", b"a\xff\xff\xffb"), Err(ReadError::Encoding { .. })));
    }
}
