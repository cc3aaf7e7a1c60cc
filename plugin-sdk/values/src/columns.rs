//! Columns: parallel lists in which entry `i` of each list belongs to row `i`.

use crate::{Date, Decimal};

/// The values of one declared fact, one cell per row of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Column {
    pub cells: Cells,
    /// Rows without a value, ascending; what their cells hold means nothing.
    pub missing: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cells {
    Numbers(Numbers),
    Codes(Codes),
    Dates(Vec<Date>),
    Flags(Vec<bool>),
}

impl Cells {
    /// How many rows the column has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Cells::Numbers(numbers) => numbers.mantissas.len(),
            Cells::Codes(codes) => codes.cells.len(),
            Cells::Dates(dates) => dates.len(),
            Cells::Flags(flags) => flags.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Decimals that share one scale.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Numbers {
    pub scale: u8,
    pub mantissas: Vec<i64>,
}

/// Codes of an open set; each cell is an index into `names`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Codes {
    pub names: Vec<String>,
    pub cells: Vec<u16>,
}

/// How a rule answered one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    Decided,
    /// The rule says no, with its reason.
    Refused,
    /// The rule cannot decide: something is missing or contradictory.
    Undecided,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SubjectProblem {
    pub subject: u32,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Problem {
    /// Stable code, translated by the manifest's messages.
    pub code: String,
    /// Name of a fact or JSON pointer into the settings; may be empty.
    pub about: String,
    pub args: Vec<Decimal>,
}

/// Explanation steps in columns, ascending by `row`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Steps {
    /// The line, or the row of the batch, that the step explains.
    pub row: Vec<u32>,
    /// Index into [`crate::Description::steps`].
    pub kind: Vec<u16>,
    pub value: Vec<i64>,
    pub value_scale: Vec<u8>,
    /// How many entries of `arg` belong to the step.
    pub arg_count: Vec<u8>,
    pub arg: Vec<i64>,
    pub arg_scale: Vec<u8>,
}
