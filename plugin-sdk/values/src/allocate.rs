//! Splitting an amount so that the shares sum to it.

use std::fmt;

/// Why an amount cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllocationError {
    /// No weight is above 0 (or there is none at all), so nobody could take the amount.
    NoWeight,
    /// A weight is negative; the index says which.
    NegativeWeight(usize),
}

impl fmt::Display for AllocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWeight => f.write_str("no weight is above 0, so nobody could take the amount"),
            Self::NegativeWeight(index) => write!(f, "weight {index} is negative"),
        }
    }
}

impl std::error::Error for AllocationError {}

/// Splits `total` in proportion to `weights` by largest remainder; the shares sum to it exactly.
///
/// Each share is rounded towards zero first; what is left is given out one minor unit each, to the largest remainders,
/// and among equal ones to the earlier. A weight of 0 gets 0. A negative total is split like its positive twin.
pub fn allocate(total: i64, weights: &[i64]) -> Result<Vec<i64>, AllocationError> {
    if let Some(index) = weights.iter().position(|weight| *weight < 0) {
        return Err(AllocationError::NegativeWeight(index));
    }
    let weight_sum: u128 = weights.iter().map(|weight| u128::from(weight.unsigned_abs())).sum();
    if weight_sum == 0 {
        return Err(AllocationError::NoWeight);
    }
    let magnitude = u128::from(total.unsigned_abs());
    let mut left_over = magnitude;
    let mut shares = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let product = magnitude * u128::from(weight.unsigned_abs());
        shares.push(product / weight_sum);
        left_over -= product / weight_sum;
        remainders.push((product % weight_sum, index));
    }
    // Less than one unit each is left over, so fewer units than there are remainders.
    let extra = usize::try_from(left_over).expect("fewer units are left over than there are weights");
    if extra > 0 {
        let largest_first = |a: &(u128, usize), b: &(u128, usize)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
        remainders.select_nth_unstable_by(extra - 1, largest_first);
        for (_, index) in &remainders[..extra] {
            shares[*index] += 1;
        }
    }
    Ok(shares.into_iter().map(|share| with_sign_of(total, share)).collect())
}

fn with_sign_of(total: i64, share: u128) -> i64 {
    let share = i128::try_from(share).expect("a share is not larger than the total");
    i64::try_from(if total < 0 { -share } else { share }).expect("a share is not larger than the total")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::even(100, &[1, 1], &[50, 50])]
    #[case::ties_go_to_the_earlier(100, &[1, 1, 1], &[34, 33, 33])]
    #[case::two_left_over(101, &[1, 1, 1], &[34, 34, 33])]
    #[case::largest_remainder(10, &[335, 333, 332], &[4, 3, 3])]
    #[case::zero_weight_gets_nothing(7, &[0, 3, 0, 3], &[0, 4, 0, 3])]
    #[case::negative_total(-100, &[1, 1, 1], &[-34, -33, -33])]
    #[case::zero_total(0, &[5, 5], &[0, 0])]
    #[case::extremes(i64::MIN, &[i64::MAX, 0], &[i64::MIN, 0])]
    fn shares(#[case] total: i64, #[case] weights: &[i64], #[case] expected: &[i64]) {
        assert_eq!(allocate(total, weights).unwrap(), expected);
    }

    #[rstest]
    #[case::none(&[], AllocationError::NoWeight)]
    #[case::all_zero(&[0, 0], AllocationError::NoWeight)]
    #[case::negative(&[1, -1], AllocationError::NegativeWeight(1))]
    fn refused(#[case] weights: &[i64], #[case] error: AllocationError) {
        assert_eq!(allocate(100, weights), Err(error));
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_total_and_are_fair(
            total in any::<i64>(),
            weights in prop::collection::vec(prop_oneof![Just(0), 0..1_000_i64, 0..=i64::MAX], 1..50),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let shares = allocate(total, &weights).unwrap();
            prop_assert_eq!(shares.iter().map(|share| i128::from(*share)).sum::<i128>(), i128::from(total));
            // In full unit steps: |share × sum − total × weight| stays below one unit, i.e. below the sum of weights.
            let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (share, weight) in shares.iter().zip(&weights) {
                let floor = i128::from(total).unsigned_abs() * weight.unsigned_abs() as u128 / sum.unsigned_abs();
                let magnitude = u128::from(share.unsigned_abs());
                prop_assert!(magnitude == floor || magnitude == floor + 1);
            }
        }

        #[test]
        fn equal_weights_never_rise(total in 0..1_000_000_i64, count in 1..40_usize) {
            let shares = allocate(total, &vec![3; count]).unwrap();
            prop_assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}
