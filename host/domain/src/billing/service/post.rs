//! Posting: the recorded decisions of an approved run become charges and journal transfers. No plug-in is asked.

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::{pin::pin, sync::Arc};

use super::{Billing, RunProgress, Work, compute::DECISIONS_PER_READ};
use crate::{
    Result,
    access::Stamp,
    billing::{BillingRun, RunState, resolve_lines},
    decision::Decision,
    ids::*,
    journal::Charge,
};

/// While one page is written, the next is made ready.
const PAGES_AT_ONCE: usize = 2;

impl Billing {
    pub(super) async fn post(&self, stamp: &Stamp, run_id: BillingRunId, mut work: Work<'_>) -> Result<BillingRun> {
        let run = self.store.run(run_id).await?;
        if run.state != RunState::Posting {
            return Ok(run);
        }
        let entry = self.store.ensure_run_entry(stamp, &run).await?;
        let mut at = RunProgress { done: 0, total: run.lines };
        work.report(at).await?;
        let mut posted =
            pin!(self.decisions(run_id).map(|page| self.post_page(&run, entry, page)).buffered(PAGES_AT_ONCE));
        while let Some(lines) = posted.try_next().await? {
            at.done += lines;
            work.report(at).await?;
        }
        self.store.set_run_state(stamp, run_id, &[RunState::Posting], RunState::Posted).await
    }

    /// The decisions of a run, some at a time.
    fn decisions(&self, run_id: BillingRunId) -> impl Stream<Item = Result<Vec<Decision>>> + Send + use<> {
        let store = Arc::clone(&self.store);
        stream::try_unfold((store, None), move |(store, after)| async move {
            let page = store.decisions(run_id, after, DECISIONS_PER_READ).await?;
            let last = page.last().map(|decision| decision.id);
            Ok(last.map(|last| (page, (store, Some(last)))))
        })
    }

    /// Posts the lines of some decisions; those that an interrupted posting has written already stay as they are.
    fn post_page(
        &self,
        run: &BillingRun,
        entry: JournalEntryId,
        page: Result<Vec<Decision>>,
    ) -> impl Future<Output = Result<i64>> + Send + use<> {
        let (store, run) = (Arc::clone(&self.store), run.clone());
        async move {
            let charges = charges(&run, &page?)?;
            let lines = i64::try_from(charges.len()).expect("a few batches are far fewer than 2^63 lines");
            store.post_charges(&run, entry, charges).await?;
            Ok(lines)
        }
    }
}

/// The charges of these decisions.
fn charges(run: &BillingRun, decisions: &[Decision]) -> Result<Vec<Charge>> {
    let mut charges = Vec::new();
    for decision in decisions {
        for line in resolve_lines(decision)? {
            charges.push(Charge {
                id: line.charge_id,
                run_id: run.id,
                unit_id: line.unit_id,
                fee_item_id: decision.fee_item_id,
                payer_id: line.payer_id,
                period_start: run.period.start,
                from: line.from,
                to: line.to,
                revision: run.revision,
                line_no: line.line_no,
                amount: line.amount,
                reverses: line.reverses.map(|posted| posted.charge_id),
                decision_id: decision.id,
                decision_line: i64::from(line.line),
            });
        }
    }
    Ok(charges)
}
