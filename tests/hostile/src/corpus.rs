//! The table.

mod calls;
mod cases;
mod files;
mod manifests;
mod signatures;
mod types;
pub mod wasi;

use crate::Verdict;

pub use signatures::author;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Unique; what is attacked, in a few words.
    pub name: &'static str,
    /// Makes the file, the same bytes each time.
    pub make: fn() -> Vec<u8>,
    pub verdict: Verdict,
}

/// Every entry.
#[must_use]
pub fn corpus() -> Vec<Entry> {
    [
        files::ENTRIES,
        manifests::ENTRIES,
        signatures::ENTRIES,
        types::ENTRIES,
        cases::ENTRIES,
        calls::ENTRIES,
        wasi::ENTRIES,
    ]
    .concat()
}

const fn refused(name: &'static str, words: &'static str, make: fn() -> Vec<u8>) -> Entry {
    Entry { name, make, verdict: Verdict::Refused(words) }
}

const fn harmless(name: &'static str, make: fn() -> Vec<u8>) -> Entry {
    Entry { name, make, verdict: Verdict::Harmless }
}
