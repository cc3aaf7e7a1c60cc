//! Lines of one run, page by page. A page is read from whole decisions, so it costs the same wherever it lies in the run.

use guanjia_domain::{
    Error, Fen, Result,
    billing::{BillingRun, LineView, explain_line, resolve_lines},
    decision::Decision,
    ids::{DecisionId, FeeItemId},
    plugin::{ExtensionPoint, InstalledPlugin, Language},
    ports::{CompanyStore, Page},
};
use std::{
    collections::{BinaryHeap, HashMap, hash_map::Entry},
    fmt,
    str::FromStr,
};

/// A filter may match nothing for a long while; after so many decisions (a thousand subjects each) the page ends with a
/// cursor instead.
const DECISIONS_PER_PAGE_MAX: u32 = 32;
/// Decisions that one read brings while the largest lines are looked for.
const DECISIONS_PER_SCAN: u32 = 8;

/// Which lines of a run to show.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineFilter {
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

/// One page of a run's lines in their order.
///
/// # Errors
/// `Conflict` while shared costs of the run are not allocated yet; `Invalid` for a cursor from elsewhere.
pub(crate) async fn page(
    store: &dyn CompanyStore,
    run: &BillingRun,
    filter: &LineFilter,
    cursor: Option<&str>,
    limit: usize,
    language: Language,
) -> Result<Page<LineView>> {
    let mut at = cursor.map_or(Ok(LineCursor::default()), str::parse)?;
    let mut names = Names::default();
    let mut items = Vec::new();
    for _ in 0..DECISIONS_PER_PAGE_MAX {
        let Some(decision) = store.decisions(run.id, at.after, 1).await?.pop() else {
            return Ok(Page { items, next: None });
        };
        if filter.fee_item.is_none_or(|fee_item| fee_item == decision.fee_item_id) {
            let lines = views(store, run, &decision, &mut names, language).await?;
            let count = lines.len();
            for (index, line) in lines.into_iter().enumerate().skip(at.offset) {
                if items.len() == limit {
                    return Ok(Page { items, next: Some(LineCursor { after: at.after, offset: index }.to_string()) });
                }
                if filter.building.as_ref().is_none_or(|building| *building == line.place.building) {
                    items.push(line);
                }
            }
            debug_assert!(at.offset <= count, "a cursor lies inside its decision");
        }
        at = LineCursor { after: Some(decision.id), offset: 0 };
    }
    Ok(Page { items, next: Some(at.to_string()) })
}

/// The lines with the largest amounts, largest first. Reads the whole run: only for runs of a bounded size.
///
/// # Errors
/// See [`page`].
pub(crate) async fn largest(
    store: &dyn CompanyStore,
    run: &BillingRun,
    count: usize,
    language: Language,
) -> Result<Vec<LineView>> {
    let mut smallest_first: BinaryHeap<std::cmp::Reverse<(Fen, DecisionId, u32)>> =
        BinaryHeap::with_capacity(count + 1);
    let mut after = None;
    loop {
        let decisions = store.decisions(run.id, after, DECISIONS_PER_SCAN).await?;
        let Some(last) = decisions.last() else { break };
        after = Some(last.id);
        for decision in &decisions {
            for line in resolve_lines(decision)? {
                smallest_first.push(std::cmp::Reverse((line.amount, decision.id, line.line)));
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
                let decision = store.decision(id).await?;
                new.insert(views(store, run, &decision, &mut names, language).await?)
            }
        };
        lines.extend(of_decision.iter().find(|line| line.decision_line == number).cloned());
    }
    Ok(lines)
}

/// Names that lines of one run need, read once.
#[derive(Default)]
struct Names {
    fee_items: HashMap<FeeItemId, String>,
    plugins: HashMap<String, InstalledPlugin>,
}

async fn views(
    store: &dyn CompanyStore,
    run: &BillingRun,
    decision: &Decision,
    names: &mut Names,
    language: Language,
) -> Result<Vec<LineView>> {
    let lines = resolve_lines(decision)?;
    if !names.fee_items.contains_key(&decision.fee_item_id) {
        names.fee_items = store.fee_items(run.project_id).await?.into_iter().map(|item| (item.id, item.name)).collect();
    }
    let digest = &decision.component_digest;
    let plugin = match names.plugins.get(digest) {
        Some(plugin) => plugin.clone(),
        None => {
            let plugin = store
                .plugin_by_digest(digest)
                .await?
                .ok_or_else(|| Error::not_found("plug-in with the digest", digest))?;
            names.plugins.insert(digest.clone(), plugin.clone());
            plugin
        }
    };
    let measures = &plugin.export(ExtensionPoint::FeePolicy)?.description.measures;
    let places: HashMap<_, _> = store.places(&decision.subjects.units).await?.into_iter().collect();
    let mut payers = decision.subjects.payers.clone();
    payers.sort_unstable();
    payers.dedup();
    let payers: HashMap<_, _> = store.party_names(&payers).await?.into_iter().collect();
    lines
        .iter()
        .map(|line| {
            Ok(LineView {
                charge_id: line.charge_id,
                run_id: decision.run_id,
                unit_id: line.unit_id,
                place: places.get(&line.unit_id).cloned().ok_or_else(|| Error::not_found("unit", line.unit_id))?,
                fee_item: names.fee_items.get(&decision.fee_item_id).cloned().unwrap_or_default(),
                payer: payers.get(&line.payer_id).cloned().unwrap_or_default(),
                quantity: line.quantity,
                measure: measures.get(usize::from(line.measure)).cloned().unwrap_or_default(),
                unit_price: line.unit_price,
                amount: line.amount,
                from: line.from,
                to: line.to,
                plugin_id: plugin.id.clone(),
                plugin_version: plugin.version.clone(),
                decision_id: decision.id,
                decision_line: line.line,
                steps: explain_line(decision, line.line, &plugin, language)?.steps,
            })
        })
        .collect()
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
