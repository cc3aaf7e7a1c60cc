//! Components and package files that mean no good, each with the verdict that it must get.
//!
//! [`corpus`] is the table, by what is attacked: [`corpus::files`], [`corpus::manifests`], [`corpus::signatures`],
//! [`corpus::types`], [`corpus::cases`], [`corpus::calls`] and [`corpus::wasi`]. To add a row, give it a
//! name, a function that makes the bytes, and a [`Verdict`]; the test `hostile` of `tests/all` installs and calls each in a
//! real host's sandbox, with the real compile worker, and asks a standard plug-in afterwards whether anybody was hurt.
//!
//! What makes the bytes: [`Guest`] is a fee policy written by hand in WebAssembly text, whose every function can be
//! replaced; [`package`] puts components and manifests together as no tool of ours would.
//!
//! Not here, because the contract has no way to say it: an answer in another currency than the batch's (an answer names
//! none), and a deep answer (no type of the contract contains itself).
#![allow(clippy::unwrap_used, reason = "a test that cannot make its input panics")]

pub mod corpus;
pub mod guest;
pub mod package;

pub use corpus::{Entry, corpus};
pub use guest::Guest;

/// What has to come of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not installed, and the sentence that says why contains these words.
    Refused(&'static str),
    /// Its signatures hold, or it has none; a company that asks for a signature of [`corpus::author`] does not install it, in
    /// these words.
    Untrusted(&'static str),
    /// It is installed, but cannot be bound: checking settings comes to nothing, in these words.
    Unbound(&'static str),
    /// It is installed, and these subjects of a batch of [`SUBJECTS`] are held: for this kind of reason, in these words.
    Held { kind: &'static str, words: &'static str, subjects: &'static [u32] },
    /// It is installed, and every subject gets an answer that the host believes: what it tried does no harm.
    Harmless,
}

/// Subjects of the batch that each installed entry is asked about. Subject `i` has one segment, which starts `i` days
/// into the period.
pub const SUBJECTS: u32 = 4;
/// All of them.
pub const EVERYBODY: &[u32] = &[0, 1, 2, 3];
