//! Lines of one run, page by page. A page is read from whole decisions, so it costs the same wherever it lies in the run.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
};

use super::{
    Billing,
    compute::DECISIONS_PER_READ,
    view::{LineAdjustment, LineView, Names},
};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    billing::{BillingRun, resolve_lines},
    decision::Decision,
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

/// Which part of a run's lines to show, and in whose words.
#[derive(Debug, Clone, Copy)]
pub struct LineList<'a> {
    pub filter: &'a LineFilter,
    /// Where the page before ended.
    pub cursor: Option<&'a str>,
    /// Entries of one page.
    pub limit: usize,
    pub language: Language,
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
    pub async fn run_lines(&self, stamp: &Stamp, run: &BillingRun, list: LineList<'_>) -> Result<Page<LineView>> {
        let of_decision = |lines: &[LineView]| Ok(lines.to_vec());
        self.paged(stamp, run, list, of_decision, |line| &line.place.building).await
    }

    /// One page of what a re-rating changes, unit by unit; none of a regular run. Pages are cut as those of
    /// [`Billing::run_lines`].
    ///
    /// # Errors
    /// As [`Billing::run_lines`].
    pub async fn run_adjustments(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        list: LineList<'_>,
    ) -> Result<Page<LineAdjustment>> {
        if !run.is_rerating() {
            return Ok(Page { items: Vec::new(), next: None });
        }
        self.paged(stamp, run, list, LineAdjustment::of_decision, LineAdjustment::building).await
    }

    /// One page of what the lines of each decision are shown as.
    async fn paged<T>(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        list: LineList<'_>,
        of_decision: impl Fn(&[LineView]) -> Result<Vec<T>> + Send,
        building_of: impl Fn(&T) -> &str + Send,
    ) -> Result<Page<T>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let LineList { filter, cursor, limit, language } = list;
        let mut at = cursor.map_or(Ok(LineCursor::default()), str::parse)?;
        let mut names = Names::default();
        let mut items = Vec::new();
        for _ in 0..DECISIONS_PER_PAGE_MAX {
            let Some(decision) = self.store.decisions(run.id, at.after, 1).await?.pop() else {
                return Ok(Page { items, next: None });
            };
            if filter.fee_item.is_none_or(|fee_item| fee_item == decision.fee_item_id) {
                let lines = self.lines_of(&decision, run.project_id, language, &mut names).await?;
                for (index, item) in of_decision(&lines)?.into_iter().enumerate().skip(at.offset) {
                    if items.len() == limit {
                        let next = LineCursor { after: at.after, offset: index };
                        return Ok(Page { items, next: Some(next.to_string()) });
                    }
                    if filter.building.as_ref().is_none_or(|building| building == building_of(&item)) {
                        items.push(item);
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
        let ranked = |decision: &Decision| {
            Ok(resolve_lines(decision)?.into_iter().map(|line| (i128::from(line.amount.0), line.line)).collect())
        };
        let shown = |lines: &[LineView], number: u32| {
            let line = lines.iter().find(|line| line.decision_line == number);
            line.cloned().ok_or_else(|| Error::not_found("line", number))
        };
        self.largest(stamp, run, count, language, ranked, shown).await
    }

    /// What a re-rating changes most, unit by unit, the largest change first. Reads the whole run, as
    /// [`Billing::largest_lines`].
    ///
    /// # Errors
    /// As [`Billing::largest_lines`].
    pub async fn largest_adjustments(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        count: usize,
        language: Language,
    ) -> Result<Vec<LineAdjustment>> {
        let ranked = |decision: &Decision| {
            let mut changes: BTreeMap<UnitId, i128> = BTreeMap::new();
            for line in resolve_lines(decision)? {
                *changes.entry(line.unit_id).or_default() += i128::from(line.amount.0);
            }
            Ok(changes.into_iter().map(|(unit, change)| (change.abs(), unit)).collect())
        };
        self.largest(stamp, run, count, language, ranked, LineAdjustment::of).await
    }

    /// What ranks highest in a run: `ranked` gives the ranks of what a decision holds, `shown` makes one of them of the
    /// decision's lines.
    async fn largest<K: Ord + Copy + Send, T: Send>(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        count: usize,
        language: Language,
        ranked: impl Fn(&Decision) -> Result<Vec<(i128, K)>> + Send,
        shown: impl Fn(&[LineView], K) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let mut smallest_first: BinaryHeap<Reverse<(i128, DecisionId, K)>> = BinaryHeap::with_capacity(count + 1);
        let mut after = None;
        loop {
            let decisions = self.store.decisions(run.id, after, DECISIONS_PER_READ).await?;
            let Some(last) = decisions.last() else { break };
            after = Some(last.id);
            for decision in &decisions {
                for (rank, key) in ranked(decision)? {
                    smallest_first.push(Reverse((rank, decision.id, key)));
                    if smallest_first.len() > count {
                        smallest_first.pop();
                    }
                }
            }
        }
        let mut wanted: Vec<(i128, DecisionId, K)> = smallest_first.into_iter().map(|entry| entry.0).collect();
        wanted.sort_unstable_by(|left, right| right.cmp(left));
        let mut names = Names::default();
        let mut read: HashMap<DecisionId, Vec<LineView>> = HashMap::new();
        let mut found = Vec::with_capacity(wanted.len());
        for (_, id, key) in wanted {
            let of_decision = match read.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let decision = self.store.decision(id).await?;
                    new.insert(self.lines_of(&decision, run.project_id, language, &mut names).await?)
                }
            };
            found.push(shown(of_decision, key)?);
        }
        Ok(found)
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
