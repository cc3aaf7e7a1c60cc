//! Exact numbers: decimals as they are written, fractions as they are computed, and the one way between two minor units.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// An exact decimal, `mantissa × 10^-scale`.
///
/// Two decimals are equal (`==`) when they are written alike: `2.8` and `2.80` are two, as they are on a receipt. To
/// compare what they are worth, use [`Decimal::compare`]. As text, and so in JSON, it is `"2.80"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    pub mantissa: i64,
    /// Places after the point, at most [`Decimal::SCALE_MAX`].
    pub scale: u8,
}

impl Decimal {
    /// Nine places hold any tariff, and 10^9 leaves the mantissa room for nine digits before the point.
    pub const SCALE_MAX: u8 = 9;

    /// A decimal that is known to be well-formed, such as a constant.
    ///
    /// # Panics
    /// When `scale` is above [`Decimal::SCALE_MAX`]. For values from outside use [`Decimal::from_parts`].
    #[must_use]
    pub const fn new(mantissa: i64, scale: u8) -> Self {
        assert!(scale <= Self::SCALE_MAX, "a decimal has at most 9 places");
        Self { mantissa, scale }
    }

    /// The decimal, if its scale is allowed.
    #[must_use]
    pub fn from_parts(mantissa: i64, scale: u8) -> Option<Self> {
        (scale <= Self::SCALE_MAX).then_some(Self { mantissa, scale })
    }

    /// A whole number.
    #[must_use]
    pub const fn integer(value: i64) -> Self {
        Self { mantissa: value, scale: 0 }
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The same value for exact computing.
    #[must_use]
    pub fn exact(self) -> Exact {
        Exact { num: i128::from(self.mantissa), den: i128::from(power_of_ten(self.scale)) }
    }

    /// The order of the values, however they are written.
    #[must_use]
    pub fn compare(self, other: Self) -> Ordering {
        let left = i128::from(self.mantissa) * i128::from(power_of_ten(other.scale));
        let right = i128::from(other.mantissa) * i128::from(power_of_ten(self.scale));
        left.cmp(&right)
    }

    /// The same value with so many places; none where that would lose a digit or does not fit.
    #[must_use]
    pub fn rescale(self, scale: u8) -> Option<Self> {
        if scale > Self::SCALE_MAX {
            return None;
        }
        let mantissa = if scale >= self.scale {
            self.mantissa.checked_mul(power_of_ten(scale - self.scale))?
        } else {
            let divisor = power_of_ten(self.scale - scale);
            (self.mantissa % divisor == 0).then_some(self.mantissa / divisor)?
        };
        Some(Self { mantissa, scale })
    }

    /// The value with at most so many places; none where it does not fit.
    #[must_use]
    pub fn round(self, scale: u8, rounding: Rounding) -> Option<Self> {
        if self.scale <= scale {
            return Some(self);
        }
        Self::from_parts(self.exact().round_to(scale, rounding)?, scale)
    }

    /// Without zeros at the end, down to `scale_min` places.
    #[must_use]
    pub fn trimmed(self, scale_min: u8) -> Self {
        let Self { mut mantissa, mut scale } = self;
        // Several zeros at a time: divisions are the dearest instructions of a sandbox.
        for (places, power) in [(4, 10_000), (2, 100), (1, 10)] {
            while scale >= scale_min.saturating_add(places) && mantissa % power == 0 {
                mantissa /= power;
                scale -= places;
            }
        }
        Self { mantissa, scale }
    }

    /// With the larger of both scales; none on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let mantissa = self.rescale(scale)?.mantissa.checked_add(other.rescale(scale)?.mantissa)?;
        Some(Self { mantissa, scale })
    }

    /// With the larger of both scales; none on overflow.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.checked_neg()?)
    }

    /// Exact, with the sum of both scales; none where that is above [`Decimal::SCALE_MAX`] or on overflow.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        Self::from_parts(self.mantissa.checked_mul(other.mantissa)?, self.scale.saturating_add(other.scale))
    }

    #[must_use]
    pub fn checked_neg(self) -> Option<Self> {
        Some(Self { mantissa: self.mantissa.checked_neg()?, scale: self.scale })
    }
}

/// `10^exponent`. Scales above 18 are cut, since no checked value has them.
const fn power_of_ten(exponent: u8) -> i64 {
    const POWERS: [i64; 19] = {
        let mut powers = [1; 19];
        let mut i = 1;
        while i < powers.len() {
            powers[i] = powers[i - 1] * 10;
            i += 1;
        }
        powers
    };
    POWERS[if exponent > 18 { 18 } else { exponent as usize }]
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let unit = power_of_ten(self.scale).unsigned_abs();
        let (whole, fraction) = (magnitude / unit, magnitude % unit);
        write!(f, "{sign}{whole}.{fraction:0places$}", places = usize::from(self.scale))
    }
}

/// Why a text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseDecimalError {
    /// Something else than digits with an optional minus and one point between digits.
    Malformed,
    /// More than [`Decimal::SCALE_MAX`] places after the point.
    TooManyPlaces,
    /// Too many digits in all.
    TooLarge,
}

impl fmt::Display for ParseDecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a decimal number; write it like 2.80",
            Self::TooManyPlaces => "a number has at most 9 places after the point",
            Self::TooLarge => "the number is too large",
        })
    }
}

impl std::error::Error for ParseDecimalError {}

/// Reads `-?digits(.digits)?`: no plus, no exponent, no grouping, no spaces.
impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(ParseDecimalError::Malformed),
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        if whole.is_empty() {
            return Err(ParseDecimalError::Malformed);
        }
        let mut mantissa = 0_i64;
        let mut fits = true;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return Err(ParseDecimalError::Malformed);
            }
            let digit = i64::from(byte - b'0');
            // Downwards, because the smallest number has no positive twin.
            match mantissa.checked_mul(10).and_then(|tens| tens.checked_sub(digit)) {
                Some(next) => mantissa = next,
                None => fits = false,
            }
        }
        let scale = u8::try_from(fraction.len())
            .ok()
            .filter(|scale| *scale <= Self::SCALE_MAX)
            .ok_or(ParseDecimalError::TooManyPlaces)?;
        let mantissa = if text.starts_with('-') { Some(mantissa) } else { mantissa.checked_neg() };
        match mantissa {
            Some(mantissa) if fits => Ok(Self { mantissa, scale }),
            _ => Err(ParseDecimalError::TooLarge),
        }
    }
}

/// How a value between two minor units becomes one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Rounding {
    /// To the nearest; a half goes away from zero.
    #[default]
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// The currency of every amount of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Currency {
    /// ISO 4217, such as `CNY`.
    pub code: String,
    /// Decimal places of the minor unit: 2 for CNY, so that amounts are fen.
    pub digits: u8,
}

impl Currency {
    /// The renminbi, counted in fen.
    #[must_use]
    pub fn cny() -> Self {
        Self { code: "CNY".to_owned(), digits: 2 }
    }
}

/// A fraction for computing without loss. It is rounded once, at the end, with [`Exact::round_to`].
///
/// Every operation says when the value no longer fits 128 bits; amounts and areas stay far below that.
#[derive(Debug, Clone, Copy)]
pub struct Exact {
    num: i128,
    /// Always positive.
    den: i128,
}

impl Exact {
    pub const ZERO: Self = Self { num: 0, den: 1 };
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// The fraction `num / den`; none when `den` is 0 or has no positive twin.
    #[must_use]
    pub fn new(num: i128, den: i128) -> Option<Self> {
        match den.cmp(&0) {
            Ordering::Greater => Some(Self { num, den }),
            Ordering::Less => Some(Self { num: num.checked_neg()?, den: den.checked_neg()? }),
            Ordering::Equal => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self { num: i128::from(value), den: 1 }
    }

    /// An amount of minor units in major units: 25060 fen with 2 digits are 250.60.
    #[must_use]
    pub fn from_minor(amount: i64, digits: u8) -> Self {
        Self { num: i128::from(amount), den: i128::from(power_of_ten(digits)) }
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.num == 0
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.num < 0
    }

    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.sum(other).or_else(|| self.reduced().sum(other.reduced()))
    }

    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self { num: other.num.checked_neg()?, den: other.den })
    }

    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.product(other).or_else(|| {
            // Reducing crosswise keeps the factors as small as the result allows.
            let left = Self { num: self.num, den: other.den }.reduced();
            let right = Self { num: other.num, den: self.den }.reduced();
            left.product(right)
        })
    }

    /// None when `other` is 0.
    #[must_use]
    pub fn checked_div(self, other: Self) -> Option<Self> {
        self.checked_mul(Self::new(other.den, other.num)?)
    }

    /// The order of the values; none when comparing them does not fit.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        Some(self.checked_sub(other)?.num.cmp(&0))
    }

    /// The value in units of `10^-digits`, rounded: `round_to(2, …)` of an amount in yuan are fen.
    #[must_use]
    pub fn round_to(self, digits: u8, rounding: Rounding) -> Option<i64> {
        let scaled = self.checked_mul(Self { num: i128::from(power_of_ten(digits)), den: 1 })?;
        i64::try_from(scaled.round(rounding)?).ok()
    }

    /// For showing: as many places as the value needs, but at least `scale_min` and at most `scale_max`, where it is
    /// rounded half up. None where it does not fit.
    #[must_use]
    pub fn to_decimal(self, scale_min: u8, scale_max: u8) -> Option<Decimal> {
        if let Some(decimal) = self.as_decimal().filter(|decimal| decimal.scale <= scale_max)
            && let Some(decimal) = decimal.rescale(decimal.scale.max(scale_min))
        {
            return Some(decimal.trimmed(scale_min));
        }
        let mantissa = self.round_to(scale_max, Rounding::HalfUp)?;
        Some(Decimal::from_parts(mantissa, scale_max)?.trimmed(scale_min))
    }

    /// The value as it is, where its denominator is a power of ten, which sums and products of decimals leave it.
    fn as_decimal(self) -> Option<Decimal> {
        let den = i64::try_from(self.den).ok()?;
        let scale = (0..=Decimal::SCALE_MAX).find(|scale| power_of_ten(*scale) == den)?;
        Decimal::from_parts(i64::try_from(self.num).ok()?, scale)
    }

    fn sum(self, other: Self) -> Option<Self> {
        if self.den == other.den {
            return Some(Self { num: self.num.checked_add(other.num)?, den: self.den });
        }
        let left = narrow_mul(self.num, other.den)?;
        let right = narrow_mul(other.num, self.den)?;
        Some(Self { num: left.checked_add(right)?, den: narrow_mul(self.den, other.den)? })
    }

    fn product(self, other: Self) -> Option<Self> {
        Some(Self { num: narrow_mul(self.num, other.num)?, den: narrow_mul(self.den, other.den)? })
    }

    fn reduced(self) -> Self {
        let divisor = gcd(self.num.unsigned_abs(), self.den.unsigned_abs());
        match i128::try_from(divisor) {
            Ok(divisor) => Self { num: self.num / divisor, den: self.den / divisor },
            Err(_) => self,
        }
    }

    fn round(self, rounding: Rounding) -> Option<i128> {
        let (quotient, remainder) = div_rem(self.num, self.den);
        if remainder == 0 {
            return Some(quotient);
        }
        let magnitude = remainder.unsigned_abs();
        let half = magnitude.cmp(&(self.den.unsigned_abs() - magnitude));
        let away = match rounding {
            Rounding::Down => false,
            Rounding::Up => true,
            Rounding::HalfUp => half != Ordering::Less,
            Rounding::HalfEven => half == Ordering::Greater || (half == Ordering::Equal && quotient % 2 != 0),
        };
        let step = if self.num < 0 { -1 } else { 1 };
        if away { quotient.checked_add(step) } else { Some(quotient) }
    }
}

/// Multiplies; 64 bits wide where both factors are, because a sandbox has no 128-bit instructions.
fn narrow_mul(a: i128, b: i128) -> Option<i128> {
    // Numbers of so many bits together have a product of less than 63: it cannot wrap, and no overflow has to be looked for,
    // which on a machine without 128-bit instructions means a 128-bit product.
    if let (Ok(a), Ok(b)) = (i64::try_from(a), i64::try_from(b))
        && a.unsigned_abs().leading_zeros() + b.unsigned_abs().leading_zeros() > 64
    {
        return Some(i128::from(a.wrapping_mul(b)));
    }
    a.checked_mul(b)
}

/// Divides; 64 bits wide where both numbers are.
fn div_rem(a: i128, b: i128) -> (i128, i128) {
    match (i64::try_from(a), i64::try_from(b)) {
        // The divisor is positive, so the quotient always fits.
        (Ok(a), Ok(b)) => {
            let quotient = a / b;
            (i128::from(quotient), i128::from(a - quotient * b))
        }
        _ => (a / b, a % b),
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// Fractions are equal when their values are.
impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        // Denominators are positive, so that crosswise products are equal just when the fractions are. Only where a
        // product does not fit are the fractions reduced first, which costs two 128-bit divisions a step.
        if let (Some(left), Some(right)) = (narrow_mul(self.num, other.den), narrow_mul(other.num, self.den)) {
            return left == right;
        }
        let (left, right) = (self.reduced(), other.reduced());
        left.num == right.num && left.den == right.den
    }
}

impl Eq for Exact {}

impl From<Decimal> for Exact {
    fn from(decimal: Decimal) -> Self {
        decimal.exact()
    }
}

#[cfg(feature = "serde")]
mod serde_impls {
    use super::Decimal;
    use serde::de::{Error, Visitor};

    impl serde::Serialize for Decimal {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                (self.mantissa, self.scale).serialize(serializer)
            }
        }
    }

    impl<'de> serde::Deserialize<'de> for Decimal {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                return deserializer.deserialize_str(Text);
            }
            let (mantissa, scale) = <(i64, u8)>::deserialize(deserializer)?;
            Decimal::from_parts(mantissa, scale).ok_or_else(|| Error::custom("a number has at most 9 places"))
        }
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Decimal;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a decimal number in quotes, like \"2.80\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
            text.parse().map_err(E::custom)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::price("2.80", 280, 2)]
    #[case::negative("-0.05", -5, 2)]
    #[case::whole("12", 12, 0)]
    #[case::nine_places("0.000000001", 1, 9)]
    #[case::smallest("-9223372036854775808", i64::MIN, 0)]
    #[case::largest("9223372036854775807", i64::MAX, 0)]
    fn text_and_parts_agree(#[case] text: &str, #[case] mantissa: i64, #[case] scale: u8) {
        let decimal = Decimal { mantissa, scale };
        assert_eq!(text.parse(), Ok(decimal));
        assert_eq!(decimal.to_string(), text);
    }

    #[rstest]
    #[case::empty("", ParseDecimalError::Malformed)]
    #[case::minus_only("-", ParseDecimalError::Malformed)]
    #[case::no_whole(".5", ParseDecimalError::Malformed)]
    #[case::no_fraction("5.", ParseDecimalError::Malformed)]
    #[case::plus("+5", ParseDecimalError::Malformed)]
    #[case::exponent("1e3", ParseDecimalError::Malformed)]
    #[case::grouping("1,000", ParseDecimalError::Malformed)]
    #[case::two_points("1.2.3", ParseDecimalError::Malformed)]
    #[case::full_width("１", ParseDecimalError::Malformed)]
    #[case::ten_places("0.0000000001", ParseDecimalError::TooManyPlaces)]
    #[case::too_large("9223372036854775808", ParseDecimalError::TooLarge)]
    fn bad_decimals_are_refused(#[case] text: &str, #[case] error: ParseDecimalError) {
        assert_eq!(text.parse::<Decimal>(), Err(error));
    }

    #[rstest]
    #[case::under("2.664", [266, 266, 266, 267])]
    #[case::half("2.665", [267, 266, 266, 267])]
    #[case::half_odd("2.675", [268, 268, 267, 268])]
    #[case::over("2.666", [267, 267, 266, 267])]
    #[case::exact("2.66", [266, 266, 266, 266])]
    #[case::negative_half("-2.665", [-267, -266, -266, -267])]
    #[case::tiny("0.001", [0, 0, 0, 1])]
    fn rounding_to_fen(#[case] value: Decimal, #[case] expected: [i64; 4]) {
        let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up];
        for (mode, expected) in modes.into_iter().zip(expected) {
            assert_eq!(value.exact().round_to(2, mode), Some(expected), "{mode:?}");
        }
    }

    #[rstest]
    #[case::area("89.50", "2.80", 25_060)]
    #[case::half_up("94.56", "2.80", 26_477)]
    fn area_times_price(#[case] area: Decimal, #[case] price: Decimal, #[case] fen: i64) {
        let amount = area.exact().checked_mul(price.exact()).unwrap();
        assert_eq!(amount.round_to(2, Rounding::HalfUp), Some(fen));
    }

    #[test]
    fn overflow_is_none_and_not_a_wrap() {
        let huge = Exact::new(i128::MAX, 1).unwrap();
        assert_eq!(huge.checked_mul(huge), None);
        assert_eq!(huge.checked_add(Exact::ONE), None);
        assert_eq!(huge.round_to(0, Rounding::Down), None);
        assert_eq!(Exact::new(1, 0), None);
        assert_eq!(Exact::ONE.checked_div(Exact::ZERO), None);
        assert_eq!(Decimal::integer(i64::MAX).checked_add(Decimal::integer(1)), None);
        assert_eq!(Decimal::new(1, 5).checked_mul(Decimal::new(1, 5)), None);
    }

    #[test]
    fn values_compare_however_they_are_written() {
        let (short, long) = (Decimal::new(28, 1), Decimal::new(280, 2));
        assert_ne!(short, long);
        assert_eq!(short.compare(long), Ordering::Equal);
        assert_eq!(long.trimmed(0), short);
        assert_eq!(short.rescale(2), Some(long));
        assert_eq!(Decimal::new(281, 2).rescale(1), None);
        assert_eq!(Exact::new(2, 4), Exact::new(-1, -2));
    }

    #[test]
    fn decimals_for_showing() {
        let third = Exact::new(100, 3).unwrap();
        assert_eq!(third.to_decimal(2, 6).unwrap().to_string(), "33.333333");
        let price = Exact::new(25_060, 100).unwrap();
        assert_eq!(price.to_decimal(2, 6).unwrap().to_string(), "250.60");
    }

    proptest! {
        #[test]
        fn any_decimal_survives_its_text(mantissa in any::<i64>(), scale in 0..=9_u8) {
            let decimal = Decimal { mantissa, scale };
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        }

        #[test]
        fn a_decimal_is_shown_as_the_fraction_that_it_is(num in -1_000_000_000_000_i64..1_000_000_000_000, scale in 0..=6_u8) {
            let exact = Exact::from_minor(num, scale);
            let rounded = Decimal::from_parts(exact.round_to(6, Rounding::HalfUp).unwrap(), 6).unwrap();
            prop_assert_eq!(exact.to_decimal(2, 6).unwrap().to_string(), rounded.trimmed(2).to_string());
        }

        #[test]
        fn rounding_is_off_by_less_than_one(num in -1_000_000_000_i64..1_000_000_000, den in 1..1_000_000_i64) {
            let exact = Exact::new(num.into(), den.into()).unwrap();
            for mode in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up] {
                let rounded = exact.round_to(0, mode).unwrap();
                prop_assert!((rounded * den - num).abs() < den);
            }
            let nearest = exact.round_to(0, Rounding::HalfUp).unwrap();
            prop_assert!((nearest * den - num).abs() * 2 <= den);
        }

        #[test]
        fn wide_and_narrow_arithmetic_agree(a in any::<i64>(), b in any::<i64>(), den in 1..=i64::MAX) {
            prop_assert_eq!(narrow_mul(a.into(), b.into()), Some(i128::from(a) * i128::from(b)));
            prop_assert_eq!(div_rem(a.into(), den.into()), (i128::from(a) / i128::from(den), i128::from(a) % i128::from(den)));
        }
    }
}
