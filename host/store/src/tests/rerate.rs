//! Corrections of what is posted: append-only, balanced, once.

use guanjia_domain::{
    Error, Fen,
    billing::{BillingRun, ResolvedLine, ReversedLine, RunState, RunTotal, resolve_lines},
    decision::Decision,
    ids::*,
    job::{Job, JobKind},
    journal::Charge,
    ports::{PageResult, Standing, StandingQuery},
    values::Amounts,
};
use uuid::Uuid;

use super::{fixture::*, on_both};

impl Fixture {
    /// March charged with these amounts, one a unit, and posted.
    async fn charged(&self, amounts: &[i64]) -> (Decision, Vec<Charge>) {
        let (run, entry, charges) = self.posting_run(amounts).await;
        self.store.post_charges(&run, entry, charges.clone()).await.unwrap();
        self.store.set_run_state(&self.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();
        (self.store.decisions(run.id, None, 1).await.unwrap().remove(0), charges)
    }

    fn rerating(&self, revision: i64) -> (BillingRun, Job) {
        let run = BillingRun::rerating(self.project.id, march(), self.fee_item().id, revision, &self.stamp);
        let job = Job::new(JobKind::PreviewRun, run.id, &self.stamp);
        (run, job)
    }

    /// A decision that charges these amounts instead of some lines of another one.
    fn corrected(&self, run: &BillingRun, old: &Decision, subjects: usize, amounts: &[i64]) -> Decision {
        let mut decision = self.decision(run.id, &old.subjects.units[..subjects], Amounts::Money(amounts.to_vec()), 0);
        let lines: Vec<ResolvedLine> = resolve_lines(old).unwrap();
        let own = lines.iter().filter(|line| line.reverses.is_none() && (line.subject as usize) < subjects);
        decision.reverses = own.map(|line| ReversedLine::new(line.subject, old.id, line)).collect();
        decision
    }

    /// Records, approves and begins to post a correction.
    async fn posting_correction(
        &self,
        run: &BillingRun,
        job: &Job,
        decision: &Decision,
    ) -> (BillingRun, JournalEntryId) {
        self.store.create_run(&self.stamp, run, job).await.unwrap();
        let amount = resolve_lines(decision).unwrap().iter().map(|line| line.amount.0).sum();
        let total = RunTotal { fee_item_id: self.fee_item().id, building: "1".into(), lines: 0, amount: Fen(amount) };
        let page = PageResult { decisions: vec![decision.clone()], totals: vec![total], ..PageResult::default() };
        self.store.record_page(run.id, page, &self.cursor(self.units().last().copied(), true)).await.unwrap();
        let previewed = self.store.finish_preview(&self.stamp, run.id).await.unwrap();
        assert_eq!(previewed.lines, i64::try_from(decision.line_count()).unwrap());
        assert_eq!(previewed.total, Fen(amount));
        self.store.set_run_state(&self.stamp, run.id, &[RunState::Previewed], RunState::Approved).await.unwrap();
        let run =
            self.store.set_run_state(&self.stamp, run.id, &[RunState::Approved], RunState::Posting).await.unwrap();
        let entry = self.store.ensure_run_entry(&self.stamp, &run).await.unwrap();
        (run, entry)
    }

    async fn standing(&self) -> Vec<Standing> {
        let query = StandingQuery {
            fee_item_id: self.fee_item().id,
            period_start: march().start,
            after: None,
            until: UnitId(Uuid::max()),
        };
        self.store.standing(query).await.unwrap()
    }
}

on_both! {
    async fn a_correction_takes_back_what_is_posted(db) {
        let fixture = Fixture::new(&db.store, 3).await;
        let units = fixture.units();
        let (old, posted) = fixture.charged(&[100, 200, 300]).await;
        let by = |decision: &Decision, unit: usize, revision| Standing { unit_id: units[unit], decision_id: decision.id, revision };
        assert_eq!(fixture.standing().await, [by(&old, 0, 0), by(&old, 1, 0), by(&old, 2, 0)]);

        let (run, job) = fixture.rerating(1);
        // The second unit gets a further line; the third one is left as it is.
        let decision = fixture.corrected(&run, &old, 2, &[150, 180, 7]);
        let (run, entry) = fixture.posting_correction(&run, &job, &decision).await;
        assert_eq!((run.revision, run.fee_item_id), (1, Some(fixture.fee_item().id)));
        assert_eq!(fixture.store.run(run.id).await.unwrap(), run);
        assert_eq!(fixture.store.decision(decision.id).await.unwrap(), decision);
        let adjustments = charges(&run, &decision);
        fixture.store.post_charges(&run, entry, adjustments.clone()).await.unwrap();
        fixture.store.post_charges(&run, entry, adjustments.clone()).await.unwrap();
        fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();

        fixture.assert_consistent().await;
        let sum = fixture.store.journal_sum(None).await.unwrap();
        assert_eq!((sum.sum_fen, sum.receivable_fen), (0, 150 + 187 + 300));
        assert_eq!(fixture.standing().await, [by(&decision, 0, 1), by(&decision, 1, 1), by(&old, 2, 0)]);
        let query = StandingQuery { after: Some(units[0]), until: units[1], fee_item_id: fixture.fee_item().id, period_start: march().start };
        assert_eq!(fixture.store.standing(query).await.unwrap(), [by(&decision, 1, 1)]);

        let reversal = fixture.store.reversal_of(posted[0].id).await.unwrap().unwrap();
        assert_eq!((reversal.amount, reversal.reverses, reversal.revision), (Fen(-100), Some(posted[0].id), 1));
        assert_eq!(fixture.store.reversal_of(posted[2].id).await.unwrap(), None);
        let of_unit: Vec<(i64, i64)> = fixture.store.charges_of_unit(units[1], 10).await.unwrap().iter().map(|row| (row.charge.revision, row.charge.amount.0)).collect();
        assert_eq!(of_unit, [(0, 200), (1, 180), (1, 7), (1, -200)]);
        let units = fixture.charged_units().await;
        assert!(units.iter().all(|unit| unit.assigned.is_empty()), "a regular run charges none of them again");
    }

    async fn nothing_is_taken_back_twice(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (old, _) = fixture.charged(&[100, 200]).await;
        let (run, job) = fixture.rerating(1);
        let first = fixture.corrected(&run, &old, 2, &[150, 250]);
        let (run, entry) = fixture.posting_correction(&run, &job, &first).await;
        fixture.store.post_charges(&run, entry, charges(&run, &first)).await.unwrap();
        let posted = fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();
        assert_eq!(posted.posted_lines, 4);

        let (stale, job) = fixture.rerating(1);
        let refused = fixture.store.create_run(&fixture.stamp, &stale, &job).await;
        assert!(matches!(&refused, Err(Error::Conflict(sentence)) if sentence.contains("corrected meanwhile")), "{refused:?}");
        // A correction that does not know of the first one cannot be posted either.
        let (run, job) = fixture.rerating(2);
        let unaware = fixture.corrected(&run, &old, 2, &[160, 260]);
        let (run, entry) = fixture.posting_correction(&run, &job, &unaware).await;
        let refused = fixture.store.post_charges(&run, entry, charges(&run, &unaware)).await;
        assert!(matches!(&refused, Err(Error::Conflict(sentence)) if sentence.contains("taken back already")), "{refused:?}");
        fixture.assert_consistent().await;
        assert_eq!(fixture.store.journal_sum(None).await.unwrap().receivable_fen, 400);
    }

    /// A correction and a regular run of the same period wait side by side; two corrections of one fee item do not.
    async fn a_later_correction_replaces_an_earlier_one(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        fixture.charged(&[100]).await;
        let (first, job) = fixture.rerating(1);
        fixture.store.create_run(&fixture.stamp, &first, &job).await.unwrap();
        let (regular, _) = fixture.start_run().await;
        let state = async |run: &BillingRun| fixture.store.run(run.id).await.unwrap().state;
        assert_eq!((state(&first).await, state(&regular).await), (RunState::Computing, RunState::Computing));
        let (second, job) = fixture.rerating(1);
        fixture.store.create_run(&fixture.stamp, &second, &job).await.unwrap();
        assert_eq!((state(&first).await, state(&regular).await), (RunState::Cancelled, RunState::Computing));
        let unnamed = BillingRun { fee_item_id: None, ..fixture.rerating(2).0 };
        let job = Job::new(JobKind::PreviewRun, unnamed.id, &fixture.stamp);
        assert!(fixture.store.create_run(&fixture.stamp, &unnamed, &job).await.is_err(), "of which fee item?");
    }

    /// Many rows go another way than a few, also where only some of them take another back.
    async fn many_adjustments_are_the_rows_that_were_given(db) {
        const UNITS: usize = 400;
        let fixture = Fixture::new(&db.store, UNITS).await;
        let (old, posted) = fixture.charged(&(1..=UNITS as i64).collect::<Vec<_>>()).await;
        let (run, job) = fixture.rerating(1);
        let decision = fixture.corrected(&run, &old, UNITS, &(1..=UNITS as i64).map(|amount| amount * 3).collect::<Vec<_>>());
        let (run, entry) = fixture.posting_correction(&run, &job, &decision).await;
        let mut adjustments = charges(&run, &decision);
        fixture.store.post_charges(&run, entry, adjustments.clone()).await.unwrap();
        fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();
        let mut listed = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = fixture.store.charges(fixture.project.id, None, cursor.as_deref(), 500).await.unwrap();
            listed.extend(page.items.into_iter().map(|row| row.charge));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        adjustments.sort_by_key(|charge| charge.id);
        let expected: Vec<Charge> = posted.into_iter().chain(adjustments).collect();
        assert_eq!(listed, expected);
        fixture.assert_consistent().await;
    }

    async fn another_company_sees_no_correction(db) {
        let ours = Fixture::new(&db.store, 1).await;
        let theirs = Fixture::named(&db.store, "other", 1).await;
        let (_, posted) = ours.charged(&[100]).await;
        let query = StandingQuery {
            fee_item_id: ours.fee_item().id,
            period_start: march().start,
            after: None,
            until: UnitId(Uuid::max()),
        };
        assert_eq!(theirs.store.standing(query).await.unwrap(), []);
        assert_eq!(theirs.store.reversal_of(posted[0].id).await.unwrap(), None);
    }
}
