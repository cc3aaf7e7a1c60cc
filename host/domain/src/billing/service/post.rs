//! Posting: the recorded decisions of an approved run become charges and journal transfers. No plug-in is asked.

use futures_util::try_join;

use super::{Billing, Progress, RunProgress, compute::DECISIONS_PER_READ};
use crate::{
    Result,
    access::Stamp,
    billing::{BillingRun, RunState, resolve_lines},
    decision::Decision,
    ids::*,
    journal::Charge,
};

impl Billing {
    pub(super) async fn post(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        job: JobId,
        worker: &str,
        progress: &dyn Progress,
    ) -> Result<BillingRun> {
        let run = self.store.run(run_id).await?;
        if run.state != RunState::Posting {
            return Ok(run);
        }
        let entry = self.store.ensure_run_entry(stamp, &run).await?;
        let mut at = RunProgress { done: run.posted_lines, total: run.lines };
        self.report(job, worker, at, progress).await?;
        let mut decisions = self.store.decisions(run_id, None, DECISIONS_PER_READ).await?;
        while let Some(last) = decisions.last().map(|decision| decision.id) {
            let charges = charges(&run, &decisions)?;
            let posted = i64::try_from(charges.len()).expect("a few batches are far fewer than 2^63 lines");
            let (following, ()) = try_join!(self.store.decisions(run_id, Some(last), DECISIONS_PER_READ), async {
                if !charges.is_empty() {
                    self.store.post_charges(&run, entry, &charges).await?;
                }
                Ok(())
            })?;
            at.done += posted;
            self.report(job, worker, at, progress).await?;
            decisions = following;
        }
        self.store.set_run_state(stamp, run_id, &[RunState::Posting], RunState::Posted).await
    }
}

/// The charges of these decisions that an interrupted posting has not written yet.
fn charges(run: &BillingRun, decisions: &[Decision]) -> Result<Vec<Charge>> {
    let mut charges = Vec::new();
    for decision in decisions {
        for (index, line) in resolve_lines(decision)?.into_iter().enumerate() {
            let number = decision.first_line + i64::try_from(index).expect("a batch is far smaller than 2^63");
            if number < run.posted_lines {
                continue;
            }
            charges.push(Charge {
                id: line.charge_id,
                run_id: run.id,
                unit_id: line.unit_id,
                fee_item_id: decision.fee_item_id,
                payer_id: line.payer_id,
                period_start: run.period.start,
                from: line.from,
                to: line.to,
                revision: 0,
                line_no: line.line_no,
                amount: line.amount,
                decision_id: decision.id,
                decision_line: i64::from(line.line),
            });
        }
    }
    Ok(charges)
}
