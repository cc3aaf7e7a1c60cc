//! Lines of one run, page by page. A page is read from whole decisions, so it costs the same wherever it lies in the run.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
};

use super::{
    Billing,
    compute::DECISIONS_PER_READ,
    view::{LineView, Names},
};
use crate::{
    Error, Fen, Result,
    access::{Permission, Stamp},
    billing::{BillingRun, resolve_lines},
    ids::*,
    plugin::Language,
    ports::Page,
};

/// A filter may match nothing for a long while; after so many decisions (a thousand subjects each) the page ends with a
/// cursor instead.
const DECISIONS_PER_PAGE_MAX: u32 = 32;

/// Which lines of a run to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineFilter {
    pub fee_item: Option<FeeItemId>,
    /// Building or parking area.
    pub building: Option<String>,
}

/// The line that a page begins with: the decision before it, and how many lines of the next one were shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LineCursor {
    after: Option<DecisionId>,
    offset: usize,
}

impl fmt::Display for LineCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Some(after) => write!(f, "{after}.{}", self.offset),
            None => write!(f, ".{}", self.offset),
        }
    }
}

impl FromStr for LineCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let broken = || Error::invalid("the cursor is not one that this list gave");
        let (after, offset) = text.split_once('.').ok_or_else(broken)?;
        let after = if after.is_empty() { None } else { Some(after.parse().map_err(|_| broken())?) };
        Ok(Self { after, offset: offset.parse().map_err(|_| broken())? })
    }
}

impl Billing {
    /// One page of a run's lines in their order. With a filter a page may be short and still have a next one.
    ///
    /// # Errors
    /// `Refused` without the permission; `Conflict` while shared costs of the run are not allocated yet; `Invalid` for a
    /// cursor from elsewhere.
    pub async fn run_lines(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        filter: &LineFilter,
        cursor: Option<&str>,
        limit: usize,
        language: Language,
    ) -> Result<Page<LineView>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let mut at = cursor.map_or(Ok(LineCursor::default()), str::parse)?;
        let mut names = Names::default();
        let mut items = Vec::new();
        for _ in 0..DECISIONS_PER_PAGE_MAX {
            let Some(decision) = self.store.decisions(run.id, at.after, 1).await?.pop() else {
                return Ok(Page { items, next: None });
            };
            if filter.fee_item.is_none_or(|fee_item| fee_item == decision.fee_item_id) {
                let lines = self.lines_of(&decision, run.project_id, language, &mut names).await?;
                for (index, line) in lines.into_iter().enumerate().skip(at.offset) {
                    if items.len() == limit {
                        let next = LineCursor { after: at.after, offset: index };
                        return Ok(Page { items, next: Some(next.to_string()) });
                    }
                    if filter.building.as_ref().is_none_or(|building| *building == line.place.building) {
                        items.push(line);
                    }
                }
            }
            at = LineCursor { after: Some(decision.id), offset: 0 };
        }
        Ok(Page { items, next: Some(at.to_string()) })
    }

    /// The lines with the largest amounts, largest first. Reads the whole run: only for runs of a bounded size.
    ///
    /// # Errors
    /// `Refused` without the permission; `Conflict` while shared costs of the run are not allocated yet.
    pub async fn largest_lines(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        count: usize,
        language: Language,
    ) -> Result<Vec<LineView>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let mut smallest_first: BinaryHeap<Reverse<(Fen, DecisionId, u32)>> = BinaryHeap::with_capacity(count + 1);
        let mut after = None;
        loop {
            let decisions = self.store.decisions(run.id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { break };
            after = Some(last.id);
            for decision in &decisions {
                for line in resolve_lines(decision)? {
                    smallest_first.push(Reverse((line.amount, decision.id, line.line)));
                    if smallest_first.len() > count {
                        smallest_first.pop();
                    }
                }
            }
        }
        let mut wanted: Vec<(Fen, DecisionId, u32)> = smallest_first.into_iter().map(|entry| entry.0).collect();
        wanted.sort_unstable_by(|left, right| right.cmp(left));
        let mut names = Names::default();
        let mut read: HashMap<DecisionId, Vec<LineView>> = HashMap::new();
        let mut lines = Vec::with_capacity(wanted.len());
        for (_, id, number) in wanted {
            let of_decision = match read.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let decision = self.store.decision(id).await?;
                    new.insert(self.lines_of(&decision, run.project_id, language, &mut names).await?)
                }
            };
            lines.extend(of_decision.iter().find(|line| line.decision_line == number).cloned());
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        for cursor in [LineCursor::default(), LineCursor { after: Some(DecisionId::generate()), offset: 1_023 }] {
            assert_eq!(cursor.to_string().parse::<LineCursor>().expect("is a cursor"), cursor);
        }
        assert!("".parse::<LineCursor>().is_err());
        assert!("x.1".parse::<LineCursor>().is_err());
    }
}
