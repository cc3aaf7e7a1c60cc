//! Trials as rows, the recorded inputs that they read, and whose they are.

use chrono::Duration;
use guanjia_domain::{
    Error, Period,
    billing::HeldSubject,
    decision::HoldKind,
    difference::{Answered, SubjectPlace},
    estate::EstateChanges,
    ids::*,
    job::{Job, JobKind, JobSubject},
    plugin::ExtensionPoint,
    ports::{DecisionQuery, Directory, PageResult, RecordedCalls},
    trial::{Candidate, Trial, TrialPeriod, TrialReport},
    values::Amounts,
};

use super::{fixture::*, on_both};

fn trial(fixture: &Fixture) -> Trial {
    Trial {
        id: TrialId::generate(),
        project_id: fixture.project.id,
        point: ExtensionPoint::FeePolicy,
        fee_item_id: fixture.fee_item().id,
        candidate: Candidate {
            plugin_id: "guanjia.area-fee".into(),
            plugin_version: "1.0.0".into(),
            digest: "aa".into(),
            settings: r#"{"price":"9.99"}"#.into(),
        },
        period: Period { start: day("2025-01-01"), end: day("2025-04-01") },
        created_by: fixture.stamp.actor.name.clone(),
        created_at: now(),
        finished_at: None,
        report: TrialReport::default(),
    }
}

/// The trial after so many months, each with one unit that pays more.
fn after(trial: &Trial, months: usize) -> Trial {
    let mut report = TrialReport::default();
    for subject in 0..months {
        let place =
            SubjectPlace { decision_id: DecisionId::generate(), subject: subject as u32, unit_id: UnitId::generate() };
        report.difference.add(place, Answered::Value(100), Answered::Value(110)).unwrap();
        report.periods.push(TrialPeriod {
            period: march(),
            decisions: 1,
            total: report.difference.total().unwrap(),
            changes: [(guanjia_domain::difference::Change::Up, 1)].into(),
        });
    }
    report.recorded.insert("aa".into(), months as i64);
    Trial { report, ..trial.clone() }
}

on_both! {
    async fn a_trial_is_kept_with_its_job_and_its_report(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let first = trial(&fixture);
        let job = Job::new(JobKind::Trial, first.id, &fixture.stamp);
        fixture.store.create_trial(&fixture.stamp, &first, &job).await.unwrap();
        let kept = fixture.store.trial(first.id).await.unwrap();
        // Databases keep microseconds.
        assert_eq!(Trial { created_at: first.created_at, ..kept.clone() }, first);
        assert!((kept.created_at - first.created_at).abs() < Duration::milliseconds(1));
        let jobs = fixture.store.jobs_of_trial(first.id).await.unwrap();
        assert_eq!(jobs.iter().map(|job| (job.id, job.about)).collect::<Vec<_>>(), [(job.id, JobSubject::Trial(first.id))]);
        let (_, claimed) = db.store.claim_job("a", now()).await.unwrap().unwrap();
        assert_eq!((claimed.id, claimed.kind, claimed.trial_id()), (job.id, JobKind::Trial, Some(first.id)));

        let second = trial(&fixture);
        let job = Job::new(JobKind::Trial, second.id, &fixture.stamp);
        fixture.store.create_trial(&fixture.stamp, &second, &job).await.unwrap();
        let listed = fixture.store.trials(fixture.project.id).await.unwrap();
        assert_eq!(listed.iter().map(|trial| trial.id).collect::<Vec<_>>(), [second.id, first.id]);
        fixture.assert_consistent().await;
    }

    /// A worker that lost its lease may come by with less than is known.
    async fn a_report_only_grows(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let trial = trial(&fixture);
        fixture.store.create_trial(&fixture.stamp, &trial, &Job::new(JobKind::Trial, trial.id, &fixture.stamp)).await.unwrap();
        let report = async || fixture.store.trial(trial.id).await.unwrap().report;
        let two = after(&trial, 2);
        fixture.store.record_trial(&two).await.unwrap();
        assert_eq!(report().await, two.report);
        fixture.store.record_trial(&after(&trial, 1)).await.unwrap();
        assert_eq!(report().await, two.report, "one month is less than two");
        let finished = Trial { finished_at: Some(now()), ..after(&trial, 3) };
        fixture.store.record_trial(&finished).await.unwrap();
        assert!(fixture.store.trial(trial.id).await.unwrap().finished_at.is_some());
        fixture.store.record_trial(&after(&trial, 4)).await.unwrap();
        assert_eq!(report().await, finished.report, "a finished trial stays as it is");
    }

    async fn another_company_sees_no_trial_and_none_of_its_inputs(db) {
        let ours = Fixture::new(&db.store, 1).await;
        let theirs = Fixture::named(&db.store, "other", 1).await;
        let trial = trial(&ours);
        ours.store.create_trial(&ours.stamp, &trial, &Job::new(JobKind::Trial, trial.id, &ours.stamp)).await.unwrap();
        let (run, _, _) = ours.posting_run(&[100]).await;
        assert!(matches!(theirs.store.trial(trial.id).await, Err(Error::NotFound { .. })));
        assert!(theirs.store.trials(ours.project.id).await.unwrap().is_empty());
        assert!(theirs.store.jobs_of_trial(trial.id).await.unwrap().is_empty());
        assert!(theirs.store.recorded_calls(ours.fee_item().id).await.unwrap().is_empty());
        assert!(theirs.store.held_unasked(run.id, ours.fee_item().id).await.unwrap().is_empty());
        let query = DecisionQuery { run_id: run.id, fee_item_id: ours.fee_item().id, after: None, limit: 9 };
        assert!(theirs.store.decisions_of_item(query).await.unwrap().is_empty());
        theirs.store.record_trial(&after(&trial, 1)).await.unwrap();
        assert_eq!(ours.store.trial(trial.id).await.unwrap().report, TrialReport::default(), "it was not written over");
        let foreign = Trial { id: TrialId::generate(), ..trial };
        let job = Job::new(JobKind::Trial, foreign.id, &theirs.stamp);
        let refused = theirs.store.create_trial(&theirs.stamp, &foreign, &job).await;
        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    }

    /// Decisions of two fee items lie between each other; a trial reads those of one, page by page and in order.
    async fn a_trial_reads_the_decisions_of_its_fee_item(db) {
        let fixture = Fixture::new(&db.store, 6).await;
        let other = fee_item("停车费");
        let mut changes = EstateChanges::default();
        changes.fee_items.insert.push(other.clone());
        fixture.store.apply_estate(&fixture.stamp, fixture.project.id, &changes, "more.xlsx").await.unwrap();
        let (run, _) = fixture.start_run().await;
        let units = fixture.units();
        let mut wanted = Vec::new();
        let mut page = PageResult::default();
        for (line, unit) in units.iter().enumerate() {
            let mut decision = fixture.decision(run.id, &[*unit], Amounts::Money(vec![100]), line as i64);
            if line % 2 == 0 {
                wanted.push(decision.id);
            } else {
                decision.fee_item_id = other.id;
            }
            page.decisions.push(decision);
        }
        let held = |unit: UnitId, decision: Option<DecisionId>| HeldSubject {
            run_id: run.id,
            fee_item_id: fixture.fee_item().id,
            unit_id: unit,
            kind: HoldKind::PolicyError,
            code: "no-binding".into(),
            about: String::new(),
            reason: "nobody answers".into(),
            decision_id: decision,
        };
        page.held = vec![held(units[1], None), held(units[0], Some(wanted[0]))];
        fixture.store.record_page(run.id, page, &fixture.cursor(units.last().copied(), true)).await.unwrap();

        let item = fixture.fee_item().id;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let query = DecisionQuery { run_id: run.id, fee_item_id: item, after, limit: 2 };
            let page = fixture.store.decisions_of_item(query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page.iter().map(|decision| decision.id));
        }
        assert_eq!(found, wanted);
        let expected = RecordedCalls { run_id: run.id, component_digest: "aa".into(), decisions: 3 };
        assert_eq!(fixture.store.recorded_calls(item).await.unwrap(), [expected]);
        assert_eq!(fixture.store.held_unasked(run.id, item).await.unwrap(), [units[1]]);
        assert!(fixture.store.held_unasked(run.id, other.id).await.unwrap().is_empty());
    }
}
