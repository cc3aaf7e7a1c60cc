use guanjia_domain::{
    Error, Fen,
    billing::{AssignedItem, BillingRun, HeldCount, HeldFilter, HeldSubject, RunState},
    decision::HoldKind,
    estate::{EstateChanges, OccupancyStatus, UnitKind},
    job::{Job, JobKind, JobState},
    ports::PageResult,
    values::Amounts,
};

use super::{fixture::*, on_both};

on_both! {
    async fn subjects_come_with_their_facts_page_by_page(db) {
        let fixture = Fixture::new(&db.store, 5).await;
        let ends = fixture.store.page_ends(fixture.project.id, None, 3).await.unwrap();
        assert_eq!(ends, [fixture.units()[2], fixture.units()[4]]);
        assert_eq!(fixture.store.page_ends(fixture.project.id, Some(ends[0]), 3).await.unwrap(), ends[1..]);
        assert_eq!(fixture.store.page_ends(fixture.project.id, Some(ends[1]), 3).await.unwrap(), []);
        let first = fixture.store.charged_units(&fixture.query(None, ends[0])).await.unwrap();
        let rest = fixture.store.charged_units(&fixture.query(Some(ends[0]), ends[1])).await.unwrap();
        let units: Vec<_> = first.iter().chain(&rest).map(|subject| subject.unit_id).collect();
        assert_eq!(units, fixture.units());
        let facts = &first[0].facts;
        assert_eq!((facts.kind, facts.occupancy), (UnitKind::Residential, OccupancyStatus::Occupied));
        assert_eq!((facts.gross_floor_area_cm2, facts.internal_area_cm2, facts.storey, facts.rent_fen), (895_000, Some(800_000), Some(5), None));
        assert_eq!((facts.building_storeys, facts.building_has_lift, facts.building_kind.as_deref()), (Some(18), Some(true), Some("high-rise")));
        let assigned = AssignedItem { fee_item_id: fixture.fee_item().id, from: day("2025-01-01"), to: None, meter: None };
        assert_eq!((&*first[0].building, first[0].assigned.as_slice()), ("1", [assigned].as_slice()));
        assert_eq!(first[0].holders[0].party_id, fixture.changes.parties.insert[0].id);
    }

    /// The same page twice counts once; a page that starts elsewhere than the run stands is refused.
    async fn a_page_is_recorded_once(db) {
        let fixture = Fixture::new(&db.store, 4).await;
        let units = fixture.units();
        let (run, _) = fixture.start_run().await;
        let decision = fixture.decision(run.id, &units[..2], Amounts::Money(vec![100, -30]), 0);
        let mut page = fixture.page(decision.clone(), 70);
        page.held.push(HeldSubject {
            run_id: run.id,
            fee_item_id: fixture.fee_item().id,
            unit_id: units[2],
            kind: HoldKind::Trap,
            code: "trap".into(),
            about: String::new(),
            reason: "unreachable".into(),
            decision_id: Some(decision.id),
        });
        let cursor = fixture.cursor(Some(units[2]), false);
        fixture.store.record_page(run.id, page.clone(), &cursor).await.unwrap();
        fixture.store.record_page(run.id, page.clone(), &cursor).await.unwrap();
        let stale = fixture.page(fixture.decision(run.id, &units[3..], Amounts::Money(vec![1]), 0), 1);
        assert!(matches!(fixture.store.record_page(run.id, stale, &fixture.cursor(Some(units[3]), false)).await, Err(Error::Conflict(_))));
        assert!(matches!(fixture.store.finish_preview(&fixture.stamp, run.id).await, Err(Error::Conflict(_))));
        fixture.store.record_page(run.id, PageResult::default(), &fixture.cursor(None, true)).await.unwrap();
        assert_eq!(fixture.store.cursor(run.id).await.unwrap(), Some(fixture.cursor(Some(units[2]), true)));
        let previewed = fixture.store.finish_preview(&fixture.stamp, run.id).await.unwrap();
        assert_eq!((previewed.state, previewed.lines, previewed.held, previewed.total), (RunState::Previewed, 2, 1, Fen(70)));
        assert_eq!(fixture.store.run(run.id).await.unwrap(), previewed);
        assert_eq!(fixture.store.held_page(run.id, &HeldFilter::default(), None, 10).await.unwrap().items, page.held);
        assert_eq!(fixture.store.totals(run.id).await.unwrap(), page.totals);
        assert_eq!(fixture.store.decision(decision.id).await.unwrap(), decision);
        assert_eq!(fixture.store.decisions(run.id, None, 10).await.unwrap(), std::slice::from_ref(&decision));
        assert!(fixture.store.decisions(run.id, Some(decision.id), 10).await.unwrap().is_empty());
        assert!(matches!(fixture.store.record_page(run.id, page.clone(), &cursor).await, Err(Error::Conflict(_))), "no longer computing");
    }

    /// Seven subjects: six run out of fuel or lack a fact, one is another company's business and never seen.
    async fn what_is_held_is_counted_by_reason_and_read_page_by_page(db) {
        let fixture = Fixture::new(&db.store, 7).await;
        let units = fixture.units();
        let (run, _) = fixture.start_run().await;
        let fee_item_id = fixture.fee_item().id;
        let hold = |unit: usize, kind, code: &str, about: &str| HeldSubject {
            run_id: run.id,
            fee_item_id,
            unit_id: units[unit],
            kind,
            code: code.into(),
            about: about.into(),
            reason: "for the log".into(),
            decision_id: None,
        };
        let fuel = |unit| hold(unit, HoldKind::Limit, "fuel", "5100000");
        let lacks = |unit, about| hold(unit, HoldKind::PolicyError, "missing-fact", about);
        let held = [fuel(0), lacks(1, "unit.area"), fuel(2), lacks(3, "unit.kind"), fuel(4), lacks(5, "unit.area")];
        let page = PageResult { held: held.to_vec(), ..PageResult::default() };
        fixture.store.record_page(run.id, page, &fixture.cursor(Some(units[6]), false)).await.unwrap();

        let count = |kind, code: &str, about: &str, count| HeldCount { fee_item_id, kind, code: code.into(), about: about.into(), count };
        let counts = fixture.store.held_counts(run.id, 10).await.unwrap();
        assert_eq!(counts, [
            count(HoldKind::Limit, "fuel", "5100000", 3),
            count(HoldKind::PolicyError, "missing-fact", "unit.area", 2),
            count(HoldKind::PolicyError, "missing-fact", "unit.kind", 1),
        ]);
        assert_eq!(fixture.store.held_counts(run.id, 1).await.unwrap(), counts[..1]);

        let read = async |filter: HeldFilter, limit: u32| {
            let (mut found, mut pages, mut cursor) = (Vec::new(), Vec::new(), None);
            loop {
                let page = fixture.store.held_page(run.id, &filter, cursor.as_deref(), limit).await.unwrap();
                pages.push(page.items.len());
                found.extend(page.items);
                cursor = page.next;
                if cursor.is_none() {
                    return (found, pages);
                }
            }
        };
        let by = |kind, code: &str, about: &str| HeldFilter { fee_item_id: Some(fee_item_id), kind: Some(kind), code: Some(code.into()), about: Some(about.into()) };
        assert_eq!(read(HeldFilter::default(), 4).await, (held.to_vec(), vec![4, 2]));
        assert_eq!(read(HeldFilter::default(), 3).await.1, [3, 3], "a full last page has no next one");
        assert_eq!(read(by(HoldKind::Limit, "fuel", "5100000"), 2).await, (vec![fuel(0), fuel(2), fuel(4)], vec![2, 1]));
        assert_eq!(read(by(HoldKind::Limit, "fuel", ""), 2).await, (vec![], vec![0]), "about is compared whole");
        let kind = HeldFilter { kind: Some(HoldKind::PolicyError), ..HeldFilter::default() };
        assert_eq!(read(kind, 2).await, (vec![lacks(1, "unit.area"), lacks(3, "unit.kind"), lacks(5, "unit.area")], vec![2, 1]));
        let about = HeldFilter { about: Some("unit.area".into()), ..HeldFilter::default() };
        assert_eq!(read(about, 10).await.0.len(), 2);
        let elsewhere = HeldFilter { fee_item_id: Some(guanjia_domain::ids::FeeItemId::generate()), ..HeldFilter::default() };
        assert_eq!(read(elsewhere, 10).await.0, []);
        assert!(matches!(fixture.store.held_page(run.id, &HeldFilter::default(), Some("00"), 10).await, Err(Error::Invalid { .. })));
        let foreign = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(foreign.store.held_counts(run.id, 10).await.unwrap(), []);
        assert_eq!(foreign.store.held_page(run.id, &HeldFilter::default(), None, 10).await.unwrap().items, []);
    }

    async fn weights_are_allocated_once(db) {
        let fixture = Fixture::new(&db.store, 3).await;
        let units = fixture.units();
        let (run, _) = fixture.start_run().await;
        let decision = fixture.decision(run.id, &units, Amounts::Weights(vec![1, 1, 1]), 0);
        let page = PageResult { decisions: vec![decision.clone()], ..PageResult::default() };
        fixture.store.record_page(run.id, page.clone(), &fixture.cursor(units.last().copied(), false)).await.unwrap();
        let finished = fixture.cursor(None, true);
        let totals = fixture.page(decision.clone(), 100).totals;
        let shares = [(decision.id, vec![34, 33, 33])];
        let wrong = [(decision.id, vec![100])];
        assert!(fixture.store.record_allocation(run.id, &wrong, &totals, &finished).await.is_err());
        fixture.store.record_allocation(run.id, &shares, &totals, &finished).await.unwrap();
        fixture.store.record_allocation(run.id, &shares, &totals, &finished).await.unwrap();
        assert_eq!(fixture.store.decision(decision.id).await.unwrap().allocated, [34, 33, 33]);
        let previewed = fixture.store.finish_preview(&fixture.stamp, run.id).await.unwrap();
        assert_eq!((previewed.lines, previewed.total), (3, Fen(100)));
    }

    async fn a_later_preview_replaces_an_earlier_one(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (first, job) = fixture.start_run().await;
        let (run, _, _) = fixture.posting_run(&[100]).await;
        assert_eq!(fixture.store.run(first.id).await.unwrap().state, RunState::Cancelled);
        assert_eq!(fixture.store.job(job.id).await.unwrap().state, JobState::Cancelled);
        let third = BillingRun::new(fixture.project.id, march(), &fixture.stamp);
        let refused = fixture.store.create_run(&fixture.stamp, &third, &Job::new(JobKind::PreviewRun, third.id, &fixture.stamp)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))));
        let runs = fixture.store.runs_of_period(fixture.project.id, march().start).await.unwrap();
        assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id, first.id]);
    }

    async fn posting_is_balanced_and_complete(db) {
        let fixture = Fixture::new(&db.store, 4).await;
        let (run, entry, charges) = fixture.posting_run(&[100, -30, 0, 25_060]).await;
        assert_eq!(fixture.store.ensure_run_entry(&fixture.stamp, &run).await.unwrap(), entry);
        fixture.store.post_charges(&run, entry, charges[..2].to_vec()).await.unwrap();
        let early = fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await;
        assert!(matches!(early, Err(Error::Conflict(sentence)) if sentence.contains("2 of 4")));
        fixture.store.post_charges(&run, entry, charges[1..].to_vec()).await.unwrap();
        fixture.store.post_charges(&run, entry, charges.clone()).await.unwrap();
        let posted = fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();
        assert_eq!((posted.posted_lines, posted.posted_by.as_deref()), (4, Some("operator")));
        let sum = fixture.store.journal_sum(Some(fixture.project.id)).await.unwrap();
        assert_eq!((sum.sum_fen, sum.receivable_fen, sum.transfers), (0, 25_130, 3));
        assert_eq!(fixture.store.journal_sum(None).await.unwrap(), sum);
        fixture.assert_consistent().await;
        let page = fixture.store.charges(fixture.project.id, Some(march().start), None, 3).await.unwrap();
        let rest = fixture.store.charges(fixture.project.id, None, page.next.as_deref(), 3).await.unwrap();
        let listed: Vec<_> = page.items.iter().chain(&rest.items).map(|row| row.charge.clone()).collect();
        assert_eq!((listed, rest.next), (charges.clone(), None));
        assert!(fixture.store.charges(fixture.project.id, Some(march().end), None, 3).await.unwrap().items.is_empty());
        let row = fixture.store.charge(charges[3].id).await.unwrap();
        assert_eq!((row.place.to_string().as_str(), row.fee_item.as_str(), row.payer.as_str()), ("1-1-4", "物业费", "Owner 1"));
        assert_eq!(fixture.store.charges_of_unit(charges[3].unit_id, 10).await.unwrap(), [row]);
        let units = fixture.charged_units().await;
        assert!(units.len() == 4 && units.iter().all(|unit| unit.assigned.is_empty()), "all are charged");
    }

    /// Many rows go another way than a few: column by column into SQLite, by `COPY` into PostgreSQL.
    async fn many_rows_are_the_rows_that_were_given(db) {
        const UNITS: usize = 700;
        let fixture = Fixture::new(&db.store, UNITS).await;
        let amounts: Vec<i64> = (0..UNITS as i64).map(|number| (number - 300) * 1_000_000_007).collect();
        let (run, entry, mut charges) = fixture.posting_run(&amounts).await;
        for (number, charge) in charges.iter_mut().enumerate() {
            charge.from = day(&format!("2025-03-{:02}", number % 28 + 1));
            charge.payer_id = fixture.changes.parties.insert[number % 7].id;
        }
        fixture.store.post_charges(&run, entry, charges.clone()).await.unwrap();
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
        assert_eq!(listed, charges);
        let sum = fixture.store.journal_sum(None).await.unwrap();
        assert_eq!((sum.sum_fen, sum.receivable_fen, sum.transfers), (0, amounts.iter().sum(), UNITS as i64 - 1));
        fixture.assert_consistent().await;
    }

    async fn what_cannot_be_posted_is_refused(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (run, entry, charges) = fixture.posting_run(&[100, 200]).await;
        let mut other_amount = charges.clone();
        other_amount[1].amount = Fen(1);
        fixture.store.post_charges(&run, entry, charges.clone()).await.unwrap();
        let error = fixture.store.post_charges(&run, entry, other_amount.clone()).await.unwrap_err();
        assert!(error.to_string().contains("2.00 instead of 0.01"), "{error}");
        // Another run of the same period cannot charge the same unit again.
        fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Posting], RunState::Posted).await.unwrap();
        let (second, entry, again) = fixture.posting_run(&[100, 200]).await;
        let error = fixture.store.post_charges(&second, entry, again.clone()).await.unwrap_err();
        assert!(matches!(&error, Error::Conflict(sentence) if sentence.contains("charged for this fee item and period")), "{error}");
        let foreign = fixture.store.post_charges(&second, entry, charges.clone()).await;
        assert!(matches!(foreign, Err(Error::Invalid { .. })));
        let closed = fixture.store.post_charges(&run, entry, charges.clone()).await;
        assert!(matches!(closed, Err(Error::Conflict(_))), "the run is posted");
        assert_eq!(fixture.store.journal_sum(None).await.unwrap().transfers, 2);
        fixture.assert_consistent().await;
    }

    /// Whatever an open run may yet charge stays until it is posted or cancelled.
    async fn nothing_is_deleted_under_an_open_run(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let (run, _) = fixture.start_run().await;
        let mut changes = EstateChanges::default();
        changes.units.delete.push(fixture.units()[1]);
        changes.fee_assignments.delete.push(fixture.changes.fee_assignments.insert[1].id);
        changes.tenures.delete.push(fixture.changes.tenures.insert[1].id);
        let delete = || fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "");
        let refused = delete().await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict(sentence) if sentence.contains("post or cancel it")), "{refused}");
        fixture.store.set_run_state(&fixture.stamp, run.id, &[RunState::Computing], RunState::Cancelled).await.unwrap();
        delete().await.unwrap();
    }

    /// A charged unit and its payer stay; so does everything posted and recorded.
    async fn what_is_posted_cannot_be_changed(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (run, entry, charges) = fixture.posting_run(&[100]).await;
        fixture.store.post_charges(&run, entry, charges.clone()).await.unwrap();
        let mut changes = EstateChanges::default();
        changes.units.delete.push(charges[0].unit_id);
        let refused = fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "").await.unwrap_err();
        assert!(refused.to_string().contains("posted charges"), "{refused}");
        let attempts = [
            sql_unscoped!("tests the triggers", "UPDATE transfer SET amount_fen = 1"),
            sql_unscoped!("tests the triggers", "DELETE FROM transfer"),
            sql_unscoped!("tests the triggers", "UPDATE journal_entry SET posted_by = 'me'"),
            sql_unscoped!("tests the triggers", "DELETE FROM journal_entry"),
            sql_unscoped!("tests the triggers", "UPDATE charge SET amount_fen = 1"),
            sql_unscoped!("tests the triggers", "DELETE FROM charge"),
            sql_unscoped!("tests the triggers", "UPDATE audit_row SET actor = 'me'"),
            sql_unscoped!("tests the triggers", "DELETE FROM audit_row"),
            sql_unscoped!("tests the triggers", "UPDATE event SET kind = 'none'"),
            sql_unscoped!("tests the triggers", "DELETE FROM event"),
            sql_unscoped!("tests the triggers", "UPDATE decision SET fuel = 1"),
            sql_unscoped!("tests the triggers", "DELETE FROM decision"),
            sql_unscoped!("tests the triggers", "UPDATE decision SET allocated = outcome"),
            sql_unscoped!("tests the triggers", "UPDATE settings_blob SET settings = '{}'"),
        ];
        for attempt in attempts {
            let mut session = db.store.db.write().await.unwrap();
            let error = session.execute(attempt, values![]).await.unwrap_err();
            assert!(matches!(&error, Error::Conflict(sentence) if sentence.contains("cannot be changed")), "{attempt:?}: {error}");
        }
        fixture.assert_consistent().await;
    }
}
