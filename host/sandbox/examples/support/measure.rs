//! What both measurements share: batches, and CPU time of a thread.

#![allow(dead_code, reason = "each measurement uses a part of it")]

use std::path::Path;

use guanjia_domain::{
    Date, Period,
    facts::{FactKind, FeeFact},
    values::{Cells, Codes, Column, Currency, FeeBatch, Numbers, Segments},
};

pub type AnyError = Box<dyn std::error::Error>;

/// The least of so many rounds is taken: what is above it is the machine's other work.
pub const ROUNDS: usize = 15;

/// CPU nanoseconds of one call, from the best round.
pub fn least(calls: u32, mut call: impl FnMut() -> Result<(), AnyError>) -> Result<u64, AnyError> {
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let before = thread_cpu_ns()?;
        for _ in 0..calls {
            call()?;
        }
        best = best.min((thread_cpu_ns()? - before) / u64::from(calls));
    }
    Ok(best)
}

/// CPU time of this thread so far; Linux tells it without a system library.
pub fn thread_cpu_ns() -> Result<u64, AnyError> {
    cpu_ns(Path::new("/proc/thread-self/schedstat"))
}

/// CPU time of all threads so far.
pub fn process_cpu_ns() -> Result<u64, AnyError> {
    let mut total = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        total += cpu_ns(&thread?.path().join("schedstat"))?;
    }
    Ok(total)
}

fn cpu_ns(path: &Path) -> Result<u64, AnyError> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.split(' ').next().ok_or("an empty schedstat")?.parse()?)
}

/// A number of hundredths, with its point.
pub fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

/// The source of a host whose code cache has everything.
pub struct Nothing;

#[async_trait::async_trait]
impl guanjia_domain::ports::ComponentSource for Nothing {
    async fn component(&self, digest: &str) -> guanjia_domain::Result<Vec<u8>> {
        Err(guanjia_domain::Error::not_found("component", digest))
    }
}

/// Homes of a plausible estate, one segment each, every thirtieth with two.
pub fn batch(facts: &[String], subjects: u32) -> FeeBatch {
    let period = Period { start: Date(20_148), end: Date(20_179) };
    let mut segments = Segments::default();
    for subject in 0..subjects {
        let middle = Date(period.start.0 + 10);
        let halves = [(period.start, middle), (middle, period.end)];
        let whole = [(period.start, period.end)];
        let stretches = if subject % 30 == 29 { halves.as_slice() } else { whole.as_slice() };
        for (start, end) in stretches {
            segments.subject.push(subject);
            segments.start.push(*start);
            segments.end.push(*end);
        }
    }
    let rows = segments.subject.len();
    let facts = facts.iter().map(|name| column(name, rows)).collect();
    FeeBatch { period, currency: Currency::cny(), subjects, segments, facts }
}

fn column(name: &str, rows: usize) -> Column {
    let kind = FeeFact::by_name(name).map(|fact| fact.definition().kind);
    let cells = match kind {
        Some(FactKind::Number { scale }) => Cells::Numbers(Numbers {
            scale,
            mantissas: (0..rows).zip((0..97).cycle()).map(|(_, n)| 700_000 + n * 4_567).collect(),
        }),
        _ => {
            let names = ["residential", "shop", "office"].map(str::to_owned).to_vec();
            Cells::Codes(Codes {
                names,
                cells: (0..rows).zip([0, 0, 0, 1, 0, 2].into_iter().cycle()).map(|(_, n)| n).collect(),
            })
        }
    };
    Column { cells, missing: Vec::new() }
}
