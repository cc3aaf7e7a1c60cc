//! The two ways in which a rule says no, and the way from "does not fit" to one of them.

use guanjia_values::{Decimal, Problem};

/// A rule's no. The third kind, a trap, is not a rule's to say: never panic over data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum No {
    /// The rule decides against it, and this is the reason.
    Refused(Problem),
    /// The rule cannot decide: something is missing or contradictory.
    Undecided(Problem),
}

impl No {
    /// The rule says no. The manifest's `[messages]` translate the code; `args` are the numbers of the sentence.
    #[must_use]
    pub fn refused(code: &str, args: &[Decimal]) -> Self {
        Self::Refused(problem(code, "", args))
    }

    /// The rule cannot decide, because of `about`: the name of a fact, or a JSON pointer into the settings.
    #[must_use]
    pub fn undecided(code: &str, about: &str, args: &[Decimal]) -> Self {
        Self::Undecided(problem(code, about, args))
    }

    /// A number left the range that the rule can compute with.
    #[must_use]
    pub fn out_of_range() -> Self {
        Self::undecided("out-of-range", "", &[])
    }
}

pub(crate) fn problem(code: &str, about: &str, args: &[Decimal]) -> Problem {
    Problem { code: code.to_owned(), about: about.to_owned(), args: args.to_vec() }
}

/// Checked arithmetic with `?`: `a.checked_mul(b).fits()?`.
pub trait Fits<T> {
    /// The value, or [`No::out_of_range`].
    fn fits(self) -> Result<T, No>;
}

impl<T> Fits<T> for Option<T> {
    fn fits(self) -> Result<T, No> {
        self.ok_or_else(No::out_of_range)
    }
}
