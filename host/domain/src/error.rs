//! One error for everything below the doors. A door maps it to an exit code or an HTTP status by its variant, never by
//! its text. What a rule refuses is a variant of its own: it is an answer, not a fault.

use serde::Serialize;
use std::fmt;

use crate::estate::FieldProblem;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the person may not know of it.
    #[error("{what} {name:?} not found")]
    NotFound { what: &'static str, name: String },
    /// The state does not allow it: changed meanwhile, already posted, twice the same name.
    #[error("{0}")]
    Conflict(String),
    /// Refused by a rule or for lack of a permission; `code` is stable.
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    /// What came in cannot be used; nothing was written.
    #[error("{message}")]
    Invalid { message: String, problems: Vec<InputProblem> },
    /// Fields that a person entered cannot be used; nothing was written.
    #[error("{}", told(.0))]
    Fields(Vec<FieldProblem>),
    /// An amount or a count left its range.
    #[error("overflow while {0}")]
    Overflow(&'static str),
    /// The person or the host asked to stop; the work can be resumed.
    #[error("cancelled; it can be resumed")]
    Cancelled,
    /// Something below failed: database, disk, network. The chain is logged where it is handled.
    #[error("{context}")]
    Unavailable {
        context: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// All fields with their reasons, in one sentence.
fn told(problems: &[FieldProblem]) -> String {
    problems.iter().map(|problem| format!("{}: {}", problem.field, problem.reason)).collect::<Vec<_>>().join("; ")
}

impl Error {
    #[allow(clippy::needless_pass_by_value, reason = "callers name ids and texts, and errors are rare")]
    #[must_use]
    pub fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }

    #[must_use]
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), problems: Vec::new() }
    }

    #[must_use]
    pub fn unavailable(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { context: context.into(), source: source.into() }
    }
}

/// One cell or field that cannot be used. What is read off a workbook carries a typed reason
/// ([`crate::import::Reason`]); what leaves through a door carries it [`Told`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct InputProblem<R = Told> {
    /// Sheet of the workbook, or the part of a document.
    pub sheet: String,
    /// Row as the spreadsheet shows it, from 1.
    pub row: u32,
    /// Title of the column.
    pub column: String,
    /// What stood there, cut to a readable length.
    pub value: String,
    /// Why it cannot be used. Scripts see it as `code` and `reason` beside the place.
    #[serde(flatten)]
    pub reason: R,
}

/// A reason in the language of whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Told {
    /// Stable, and the same in every language.
    pub code: &'static str,
    #[serde(rename = "reason")]
    pub sentence: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
