//! `guanjia:fee-policy`: what does each subject owe for a period?

use crate::{Column, Currency, Date, Period, Rounding, Steps, SubjectProblem, Verdict};

/// One call of a fee policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FeeBatch {
    /// The whole period that is charged.
    pub period: Period,
    pub currency: Currency,
    /// How many subjects there are, numbered from 0.
    pub subjects: u32,
    pub segments: Segments,
    /// One column per declared fact, in the declared order, one cell per segment.
    pub facts: Vec<Column>,
}

/// Stretches of the period in which payer, status and price basis were constant; ascending by subject, then start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Segments {
    pub subject: Vec<u32>,
    pub start: Vec<Date>,
    pub end: Vec<Date>,
}

/// What a fee policy answered. Nothing in it is trusted until the host has checked it against its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FeeAnswer {
    pub verdicts: Vec<Verdict>,
    pub problems: Vec<SubjectProblem>,
    pub lines: FeeLines,
    pub steps: Steps,
}

/// Charge lines in columns, ascending by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FeeLines {
    pub segment: Vec<u32>,
    /// Index into [`crate::Description::measures`].
    pub measure: Vec<u16>,
    pub quantity: Vec<i64>,
    pub quantity_scale: Vec<u8>,
    /// Price of one unit of measure for the whole period, in major units.
    pub unit_price: Vec<i64>,
    pub unit_price_scale: Vec<u8>,
    pub rounding: Vec<Rounding>,
    pub amounts: Amounts,
}

/// Places of a weight: an area in cm² times a factor of thousandths is exact.
pub const WEIGHT_DIGITS: u8 = 7;

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Amounts {
    /// Minor units owed, one per line.
    Money(Vec<i64>),
    /// Shares in units of 10^-[`WEIGHT_DIGITS`], not negative; the host allocates a known total by largest remainder.
    Weights(Vec<i64>),
}

impl Amounts {
    /// How many lines have an amount.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Amounts::Money(values) | Amounts::Weights(values) => values.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
