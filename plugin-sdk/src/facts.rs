//! Names that become indices at compile time, and reading cells by them.

use guanjia_values::{Cells, Column, Date, Decimal};

use crate::No;

/// A declared fact: the index of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact(pub u16);

/// A declared explanation step: its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step(pub u16);

/// A declared unit of measure: its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure(pub u16);

/// Where a name stands in a list. Used at compile time by [`facts!`](crate::facts) and its siblings.
///
/// # Panics
/// When it stands nowhere.
#[must_use]
pub const fn position_of(names: &[&str], name: &str) -> u16 {
    let mut index = 0;
    while index < names.len() {
        if same(names[index].as_bytes(), name.as_bytes()) {
            assert!(index < u16::MAX as usize, "too many names");
            #[allow(clippy::cast_possible_truncation, reason = "asserted above; try_from is not const")]
            return index as u16;
        }
        index += 1;
    }
    panic!("the name is not declared");
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    left.len() == right.len()
}

/// Declares the facts that a rule reads: a constant for each, and `FACTS` with all names in this order.
#[macro_export]
macro_rules! facts {
    ($($constant:ident = $name:literal),* $(,)?) => {
        /// Names of the facts, in the order of their columns.
        pub const FACTS: &[&str] = &[$($name),*];
        $(pub const $constant: $crate::Fact = $crate::Fact($crate::position_of(FACTS, $name));)*
    };
}

/// Declares the explanation steps of a rule: a constant for each, and `STEPS` with all keys.
#[macro_export]
macro_rules! steps {
    ($($constant:ident = $name:literal),* $(,)?) => {
        /// Keys of the explanation steps.
        pub const STEPS: &[&str] = &[$($name),*];
        $(pub const $constant: $crate::Step = $crate::Step($crate::position_of(STEPS, $name));)*
    };
}

/// Declares the units of measure of a rule: a constant for each, and `MEASURES` with all codes.
#[macro_export]
macro_rules! measures {
    ($($constant:ident = $name:literal),* $(,)?) => {
        /// Codes of the units of measure.
        pub const MEASURES: &[&str] = &[$($name),*];
        $(pub const $constant: $crate::Measure = $crate::Measure($crate::position_of(MEASURES, $name));)*
    };
}

/// The facts of one row of a batch.
///
/// Each kind of cell has two accessors: one that says what is missing, and one (`…_if_known`) for facts that the rule
/// can do without.
#[derive(Debug, Clone, Copy)]
pub struct FactRow<'a> {
    columns: &'a [Column],
    names: &'static [&'static str],
    row: u32,
}

impl<'a> FactRow<'a> {
    pub(crate) fn new(columns: &'a [Column], names: &'static [&'static str], row: u32) -> Self {
        Self { columns, names, row }
    }

    /// Whether the row has a value of the fact.
    #[must_use]
    pub fn has(&self, fact: Fact) -> bool {
        self.present(fact).is_some()
    }

    pub fn number(&self, fact: Fact) -> Result<Decimal, No> {
        self.number_if_known(fact)?.ok_or_else(|| self.missing(fact))
    }

    pub fn number_if_known(&self, fact: Fact) -> Result<Option<Decimal>, No> {
        self.cell(fact, |cells, index| match cells {
            Cells::Numbers(numbers) => Decimal::from_parts(*numbers.mantissas.get(index)?, numbers.scale),
            _ => None,
        })
    }

    pub fn code(&self, fact: Fact) -> Result<&'a str, No> {
        self.code_if_known(fact)?.ok_or_else(|| self.missing(fact))
    }

    pub fn code_if_known(&self, fact: Fact) -> Result<Option<&'a str>, No> {
        self.cell(fact, |cells, index| match cells {
            Cells::Codes(codes) => codes.names.get(usize::from(*codes.cells.get(index)?)).map(String::as_str),
            _ => None,
        })
    }

    pub fn date(&self, fact: Fact) -> Result<Date, No> {
        self.date_if_known(fact)?.ok_or_else(|| self.missing(fact))
    }

    pub fn date_if_known(&self, fact: Fact) -> Result<Option<Date>, No> {
        self.cell(fact, |cells, index| match cells {
            Cells::Dates(dates) => dates.get(index).copied(),
            _ => None,
        })
    }

    pub fn flag(&self, fact: Fact) -> Result<bool, No> {
        self.flag_if_known(fact)?.ok_or_else(|| self.missing(fact))
    }

    pub fn flag_if_known(&self, fact: Fact) -> Result<Option<bool>, No> {
        self.cell(fact, |cells, index| match cells {
            Cells::Flags(flags) => flags.get(index).copied(),
            _ => None,
        })
    }

    /// The name of a fact, for [`No::undecided`].
    #[must_use]
    pub fn name(&self, fact: Fact) -> &'static str {
        self.names.get(usize::from(fact.0)).copied().unwrap_or_default()
    }

    fn cell<T>(&self, fact: Fact, read: impl FnOnce(&'a Cells, usize) -> Option<T>) -> Result<Option<T>, No> {
        let Some(column) = self.present(fact) else {
            return Ok(None);
        };
        let index = usize::try_from(self.row).ok();
        match index.and_then(|index| read(&column.cells, index)) {
            Some(value) => Ok(Some(value)),
            None => Err(No::undecided("wrong-kind-of-fact", self.name(fact), &[])),
        }
    }

    /// The column, if the row has a value in it.
    fn present(&self, fact: Fact) -> Option<&'a Column> {
        let column = self.columns.get(usize::from(fact.0))?;
        (column.missing.is_empty() || column.missing.binary_search(&self.row).is_err()).then_some(column)
    }

    fn missing(&self, fact: Fact) -> No {
        No::undecided("missing-fact", self.name(fact), &[])
    }
}
