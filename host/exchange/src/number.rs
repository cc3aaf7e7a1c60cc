//! The numbers and dates of spreadsheets as exact text.

use calamine::ExcelDateTime;
use guanjia_domain::import::Cell;

/// The shortest decimal text that means the number, as people typed it: 89.5 and not 89.500000000000000001.
pub(crate) fn number(value: f64) -> Cell {
    if !value.is_finite() {
        return Cell::Error(value.to_string());
    }
    match value.to_string() {
        zero if zero == "-0" => Cell::Number("0".to_owned()),
        text => Cell::Number(text),
    }
}

/// A cell that the spreadsheet shows as a date: `2025-01-01`, with its time where it has one.
pub(crate) fn date(value: ExcelDateTime) -> Cell {
    if value.is_duration() {
        return Cell::Error("a duration".to_owned());
    }
    let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) {
        return Cell::Text(date);
    }
    Cell::Text(format!("{date} {hour:02}:{minute:02}:{second:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::ExcelDateTimeType;
    use rstest::rstest;

    #[rstest]
    #[case::area(89.5, "89.5")]
    #[case::two_places(118.27, "118.27")]
    #[case::phone(19_071_924_865.0, "19071924865")]
    #[case::large(1e15, "1000000000000000")]
    #[case::beyond_any_area(1e21, "1000000000000000000000")]
    #[case::small(1e-7, "0.0000001")]
    #[case::sum_with_noise(0.1 + 0.2, "0.30000000000000004")]
    #[case::negative(-2.8, "-2.8")]
    #[case::negative_zero(-0.0, "0")]
    #[allow(clippy::float_arithmetic)]
    fn numbers_are_their_shortest_text(#[case] value: f64, #[case] text: &str) {
        assert_eq!(number(value), Cell::Number(text.into()));
    }

    /// Some programs write more digits than the number has.
    #[test]
    fn digits_beyond_the_number_are_dropped() {
        let written: f64 = "73.76000000000001".parse().expect("is a number");
        assert_eq!(number(written), Cell::Number("73.76".into()));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        assert!(matches!(number(f64::NAN), Cell::Error(_)));
        assert!(matches!(number(f64::INFINITY), Cell::Error(_)));
    }

    #[rstest]
    #[case::midnight(45_658.0, "2025-01-01")]
    #[case::noon(45_658.5, "2025-01-01 12:00:00")]
    fn dates_are_iso(#[case] serial: f64, #[case] text: &str) {
        assert_eq!(date(ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, false)), Cell::Text(text.into()));
    }
}
