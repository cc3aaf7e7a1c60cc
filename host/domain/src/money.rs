//! Money: signed 64-bit minor units of the project's currency. Every operation that can overflow says so.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{Error, Result};

/// Minor units (fen for CNY).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub i64);

impl Fen {
    pub const ZERO: Self = Self(0);

    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        self.0.checked_add(other.0).map(Self).ok_or(Error::Overflow("adding amounts"))
    }

    /// # Errors
    /// [`Error::Overflow`] when the difference does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self> {
        self.0.checked_sub(other.0).map(Self).ok_or(Error::Overflow("subtracting amounts"))
    }

    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// `-1234567` is written `-12,345.67`: two decimals, thousands apart, no currency sign.
impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.0.unsigned_abs();
        let digits = (absolute / 100).to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{grouped}.{:02}", absolute % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::zero(0, "0.00")]
    #[case::fen(-5, "-0.05")]
    #[case::thousands(13_998_672, "139,986.72")]
    #[case::exact_group(-100_000_000, "-1,000,000.00")]
    #[case::least(i64::MIN, "-92,233,720,368,547,758.08")]
    fn amounts_are_written_with_two_decimals(#[case] fen: i64, #[case] text: &str) {
        assert_eq!(Fen(fen).to_string(), text);
    }

    #[test]
    fn overflow_is_an_error_and_never_wraps() {
        assert!(Fen(i64::MAX).checked_add(Fen(1)).is_err());
        assert!(Fen(i64::MIN).checked_sub(Fen(1)).is_err());
        assert!(Fen::sum([Fen(i64::MAX), Fen(1), Fen(-2)]).is_err());
    }
}
