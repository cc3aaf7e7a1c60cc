//! Prices that rise (or fall) with the quantity.

use guanjia_values::{Decimal, Exact};
use serde::Deserialize;

use crate::{Fits, No};

/// One tier: up to and including `up_to`, a unit costs `price`. The last tier has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tier {
    #[serde(default)]
    pub up_to: Option<Decimal>,
    pub price: Decimal,
}

/// Tiers in rising order; the last one is open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Tiers(Vec<Tier>);

/// The part of a quantity that falls into one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierPart {
    pub quantity: Decimal,
    pub price: Decimal,
    pub amount: Exact,
}

impl Tiers {
    /// The tiers, as they are written.
    #[must_use]
    pub fn as_slice(&self) -> &[Tier] {
        &self.0
    }

    /// The index of the first tier that is out of order: not above the one before it, closed although it is the last,
    /// or open although others follow. None when all is well; `Some(0)` when there is no tier.
    #[must_use]
    pub fn first_mistake(&self) -> Option<usize> {
        let mut below = Decimal::integer(0);
        for (index, tier) in self.0.iter().enumerate() {
            let last = index + 1 == self.0.len();
            match tier.up_to {
                None if last => {}
                Some(up_to) if !last && up_to.compare(below).is_gt() => below = up_to,
                _ => return Some(index),
            }
        }
        self.0.is_empty().then_some(0)
    }

    /// Cuts a quantity that is not negative into its tiers; those that it does not reach are left out.
    pub fn split(&self, quantity: Decimal) -> impl Iterator<Item = Result<TierPart, No>> {
        self.split_between(Decimal::integer(0), quantity)
    }

    /// Cuts what lies between two readings of one count into its tiers, such as what a second owner used after a first.
    pub fn split_between(&self, from: Decimal, to: Decimal) -> impl Iterator<Item = Result<TierPart, No>> {
        let mut below = from;
        self.0.iter().filter_map(move |tier| {
            let top = match tier.up_to {
                Some(up_to) if up_to.compare(to).is_lt() => up_to,
                _ => to,
            };
            if top.compare(below).is_le() {
                return None;
            }
            let part = top.checked_sub(below);
            below = top;
            Some(part.fits().and_then(|quantity| tier_part(quantity, tier.price)))
        })
    }
}

fn tier_part(quantity: Decimal, price: Decimal) -> Result<TierPart, No> {
    let amount = quantity.exact().checked_mul(price.exact()).fits()?;
    Ok(TierPart { quantity, price, amount })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tiers(tiers: &[(Option<&str>, &str)]) -> Tiers {
        let tier = |(up_to, price): &(Option<&str>, &str)| Tier {
            up_to: up_to.map(|text| text.parse().unwrap()),
            price: price.parse().unwrap(),
        };
        Tiers(tiers.iter().map(tier).collect())
    }

    fn water() -> Tiers {
        tiers(&[(Some("180"), "5.00"), (Some("260"), "7.00"), (None, "9.00")])
    }

    #[rstest]
    #[case::nothing("0", &[])]
    #[case::inside_the_first("100", &[("100", "5.00")])]
    #[case::the_end_belongs_to_its_tier("180", &[("180", "5.00")])]
    #[case::just_above("180.5", &[("180", "5.00"), ("0.5", "7.00")])]
    #[case::all_three("300", &[("180", "5.00"), ("80", "7.00"), ("40", "9.00")])]
    fn quantities_are_cut(#[case] quantity: Decimal, #[case] expected: &[(&str, &str)]) {
        let parts: Vec<_> = water()
            .split(quantity)
            .map(|part| part.map(|part| (part.quantity.to_string(), part.price.to_string())).unwrap())
            .collect();
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_second_part_goes_on_where_the_first_ended() {
        let (from, to) = (Decimal::integer(170), Decimal::integer(270));
        let parts: Vec<_> = water().split_between(from, to).map(|part| part.unwrap().quantity.mantissa).collect();
        assert_eq!(parts, [10, 80, 10]);
        let parts: Vec<_> = water().split_between(to, to).collect();
        assert_eq!(parts, []);
    }

    #[rstest]
    #[case::none(tiers(&[]), Some(0))]
    #[case::right(water(), None)]
    #[case::falling(tiers(&[(Some("260"), "1"), (Some("180"), "1"), (None, "1")]), Some(1))]
    #[case::closed_end(tiers(&[(Some("180"), "1")]), Some(0))]
    #[case::open_middle(tiers(&[(None, "1"), (None, "1")]), Some(0))]
    #[case::zero(tiers(&[(Some("0"), "1"), (None, "1")]), Some(0))]
    fn mistakes_are_found(#[case] tiers: Tiers, #[case] mistake: Option<usize>) {
        assert_eq!(tiers.first_mistake(), mistake);
    }
}
