//! Numbers, names and times as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use guanjia_domain::{Decimal, Fen};

/// The sign of less: a hyphen is too short beside digits.
const MINUS: &str = "−";

/// `−1,234.50`: for columns.
pub(crate) fn amount(fen: Fen) -> String {
    fen.to_string().replace('-', MINUS)
}

/// `¥1,234.50`, `−¥1,234.50`: for totals.
pub(crate) fn yuan(fen: Fen) -> String {
    let text = fen.to_string();
    match text.strip_prefix('-') {
        Some(digits) => format!("{MINUS}¥{digits}"),
        None => format!("¥{text}"),
    }
}

/// `+¥12.00`, `−¥12.00`, `¥0.00`: for differences.
pub(crate) fn signed_yuan(fen: Fen) -> String {
    if fen > Fen::ZERO { format!("+{}", yuan(fen)) } else { yuan(fen) }
}

/// `+12.00`, `−12.00`, `0.00`: for columns of differences.
pub(crate) fn signed_amount(fen: Fen) -> String {
    if fen > Fen::ZERO { format!("+{}", amount(fen)) } else { amount(fen) }
}

/// `1,234`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("{MINUS}{grouped}") } else { grouped }
}

/// `+1.29 %` from two amounts, in whole hundredths cut towards zero; nothing where there was nothing before.
pub(crate) fn percent_change(now: Fen, before: Fen) -> Option<String> {
    if before == Fen::ZERO {
        return None;
    }
    let difference = i128::from(now.0) - i128::from(before.0);
    let basis_points = difference * 10_000 / i128::from(before.0).abs();
    let sign = match basis_points.signum() {
        1 => "+",
        -1 => MINUS,
        _ => "",
    };
    let size = basis_points.abs();
    Some(format!("{sign}{}.{:02} %", size / 100, size % 100))
}

/// An area kept in cm² as `94.56` m².
pub(crate) fn square_metres(area_cm2: i64) -> String {
    Decimal { mantissa: area_cm2, scale: 4 }.trimmed(2).to_string()
}

/// A name in a list: `陈*`, `王*宇`, `J*** S***`. Firms (longer than any Chinese person's name) stay readable.
pub(crate) fn masked(name: &str) -> String {
    /// Two-character surnames with two-character given names are the longest that are common.
    const PERSON_CHARS_MAX: usize = 4;
    if name.is_ascii() {
        return name
            .split(' ')
            .filter_map(|word| word.chars().next())
            .map(|first| format!("{first}***"))
            .collect::<Vec<_>>()
            .join(" ");
    }
    let chars: Vec<char> = name.chars().collect();
    match chars.as_slice() {
        [] => String::new(),
        [first] | [first, _] => format!("{first}*"),
        [first, middle @ .., last] if chars.len() <= PERSON_CHARS_MAX => {
            format!("{first}{}{last}", "*".repeat(middle.len()))
        }
        _ => name.to_owned(),
    }
}

/// A phone number in a list: enough of it to recognise one that is known, too little to call it.
pub(crate) fn masked_phone(phone: &str) -> String {
    const HEAD: usize = 3;
    const TAIL: usize = 4;
    let chars: Vec<char> = phone.chars().collect();
    if chars.len() <= HEAD + TAIL {
        return "*".repeat(chars.len());
    }
    let (head, tail) = (&chars[..HEAD], &chars[chars.len() - TAIL..]);
    format!("{}****{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
}

/// `2025-03-01 09:30` in a time zone.
pub(crate) fn time(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// `2.1 MB`: bytes in thousands, one decimal.
pub(crate) fn bytes(size: i64) -> String {
    match size {
        ..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{}.{} kB", size / 1_000, size % 1_000 / 100),
        _ => format!("{}.{} MB", size / 1_000_000, size % 1_000_000 / 100_000),
    }
}

/// `01933f2a…c41`: enough of an identifier to recognise it.
pub(crate) fn short(id: &str) -> String {
    match (id.get(..8), id.len().checked_sub(4).and_then(|from| id.get(from..))) {
        (Some(head), Some(tail)) if id.len() > 14 => format!("{head}…{tail}"),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(0, "0.00", "¥0.00", "¥0.00")]
    #[case::more(178_262, "1,782.62", "¥1,782.62", "+¥1,782.62")]
    #[case::less(-7_518, "−75.18", "−¥75.18", "−¥75.18")]
    fn amounts_carry_their_sign_before_the_currency(
        #[case] fen: i64,
        #[case] column: &str,
        #[case] total: &str,
        #[case] difference: &str,
    ) {
        assert_eq!(
            (amount(Fen(fen)).as_str(), yuan(Fen(fen)).as_str(), signed_yuan(Fen(fen)).as_str()),
            (column, total, difference)
        );
    }

    #[rstest]
    #[case::small(7, "7")]
    #[case::group(852_000, "852,000")]
    #[case::all(i64::MIN, "−9,223,372,036,854,775,808")]
    fn counts_are_grouped(#[case] number: i64, #[case] text: &str) {
        assert_eq!(count(number), text);
    }

    #[rstest]
    #[case::up(13_998_672, 13_820_410, Some("+1.28 %"))]
    #[case::down(50, 100, Some("−50.00 %"))]
    #[case::same(100, 100, Some("0.00 %"))]
    #[case::below_a_hundredth(1_000_001, 1_000_000, Some("0.00 %"))]
    #[case::nothing_before(100, 0, None)]
    #[case::extremes(i64::MAX, i64::MIN, Some("+199.99 %"))]
    fn changes_are_in_hundredths_of_a_percent(#[case] now: i64, #[case] before: i64, #[case] text: Option<&str>) {
        assert_eq!(percent_change(Fen(now), Fen(before)).as_deref(), text);
    }

    #[rstest]
    #[case::nobody("", "")]
    #[case::two("陈伟", "陈*")]
    #[case::three("王天宇", "王*宇")]
    #[case::four("欧阳小明", "欧**明")]
    #[case::latin("John Smith", "J*** S***")]
    #[case::firm("万家物业服务有限公司", "万家物业服务有限公司")]
    fn names_of_persons_are_masked(#[case] name: &str, #[case] shown: &str) {
        assert_eq!(masked(name), shown);
    }

    #[rstest]
    #[case::mobile("13812345678", "138****5678")]
    #[case::landline("021-55550101", "021****0101")]
    #[case::short("1234567", "*******")]
    #[case::nothing("", "")]
    fn phone_numbers_are_masked(#[case] phone: &str, #[case] shown: &str) {
        assert_eq!(masked_phone(phone), shown);
    }

    #[test]
    fn the_rest_reads_as_people_write_it() {
        assert_eq!(square_metres(945_600), "94.56");
        assert_eq!(
            (bytes(999), bytes(109_500), bytes(2_150_000)),
            ("999 B".into(), "109.5 kB".into(), "2.1 MB".into())
        );
        assert_eq!(short("01933f2a-0000-7000-8000-000000000c41"), "01933f2a…0c41");
        assert_eq!(short("short"), "short");
        let noon = DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(12);
        assert_eq!(time(noon, chrono_tz::Asia::Shanghai), "1970-01-01 20:00");
    }
}
