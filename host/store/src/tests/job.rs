use chrono::{DateTime, Duration};
use guanjia_domain::{
    Error,
    billing::{BillingRun, ReplayDifference, ReplayReport, ReplaySample},
    ids::*,
    job::{ATTEMPTS_MAX, Job, JobKind, JobState, JobSubject, LEASE_SECONDS, Schedule, Scheduled},
    ports::Directory,
};
use std::collections::HashSet;

use super::{fixture::*, on_both};

on_both! {
    async fn a_job_is_claimed_by_one_worker(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (run, first) = fixture.start_run().await;
        let mut expected = HashSet::from([first.id]);
        for _ in 0..19 {
            let job = Job::new(JobKind::PostRun, run.id, &fixture.stamp);
            fixture.store.add_job(&fixture.stamp, &job).await.unwrap();
            expected.insert(job.id);
        }
        let other = db.another_host().await;
        let drain = |store: std::sync::Arc<crate::Store>, worker: &'static str| async move {
            let mut claimed = Vec::new();
            while let Some((_, job)) = store.claim_job(worker, now()).await.unwrap() {
                claimed.push(job.id);
            }
            claimed
        };
        let (left, right) = tokio::join!(tokio::spawn(drain(db.store.clone(), "a")), tokio::spawn(drain(other, "b")));
        let all: Vec<_> = left.unwrap().into_iter().chain(right.unwrap()).collect();
        assert_eq!((all.len(), all.into_iter().collect::<HashSet<_>>()), (20, expected));
    }

    /// A silent worker loses its job; a job that kills its hosts is given up.
    async fn a_lease_runs_out(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (_, job) = fixture.start_run().await;
        let mut at = now();
        assert!(fixture.store.claim(job.id, "a", at).await.unwrap());
        assert!(!fixture.store.claim(job.id, "b", at).await.unwrap());
        assert_eq!(db.store.claim_job("b", at + Duration::seconds(LEASE_SECONDS)).await.unwrap(), None);
        assert!(fixture.store.report(job.id, "a", 5, 10, at + Duration::seconds(20)).await.unwrap());
        for attempt in 2..=ATTEMPTS_MAX {
            at += Duration::seconds(2 * LEASE_SECONDS);
            let (_, claimed) = db.store.claim_job("b", at).await.unwrap().unwrap();
            assert_eq!((claimed.id, claimed.attempts, claimed.done), (job.id, attempt, 5));
        }
        assert!(!fixture.store.report(job.id, "a", 6, 10, at).await.unwrap(), "the first worker has lost it");
        fixture.store.finish(job.id, "a", None, false, at).await.unwrap();
        assert_eq!(fixture.store.job(job.id).await.unwrap().state, JobState::Running);
        assert_eq!(db.store.claim_job("c", at + Duration::hours(1)).await.unwrap(), None);
        let given_up = fixture.store.job(job.id).await.unwrap();
        assert_eq!(given_up.state, JobState::Failed);
        assert!(given_up.error.unwrap().contains("given up"));
    }

    /// The job of a worker that is known to be dead waits for no lease; progress gives a job its starts back.
    async fn what_a_dead_worker_held_is_released(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (_, job) = fixture.start_run().await;
        for done in 1..=2 * ATTEMPTS_MAX {
            let (_, claimed) = db.store.claim_job("a", now()).await.unwrap().unwrap();
            assert_eq!((claimed.id, claimed.done), (job.id, done - 1));
            assert!(fixture.store.report(job.id, "a", done, 100, now()).await.unwrap());
            db.store.release_jobs("b").await.unwrap();
            assert_eq!(db.store.claim_job("b", now()).await.unwrap(), None, "another one's death frees nothing");
            db.store.release_jobs("a").await.unwrap();
        }
        for _ in 1..ATTEMPTS_MAX {
            assert!(db.store.claim_job("a", now()).await.unwrap().is_some());
            db.store.release_jobs("a").await.unwrap();
        }
        assert_eq!(db.store.claim_job("a", now()).await.unwrap(), None, "it never gets further");
        assert_eq!(fixture.store.job(job.id).await.unwrap().state, JobState::Failed);
    }

    async fn a_job_can_be_cancelled(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (run, job) = fixture.start_run().await;
        fixture.store.claim(job.id, "a", now()).await.unwrap();
        fixture.store.request_cancel(&fixture.stamp, job.id).await.unwrap();
        assert!(matches!(fixture.store.report(job.id, "a", 1, 2, now()).await, Err(Error::Cancelled)));
        fixture.store.finish(job.id, "a", None, true, now()).await.unwrap();
        assert_eq!(fixture.store.job(job.id).await.unwrap().state, JobState::Cancelled);
        assert!(matches!(fixture.store.request_cancel(&fixture.stamp, job.id).await, Err(Error::Conflict(_))));
        let waiting = Job::new(JobKind::PreviewRun, run.id, &fixture.stamp);
        fixture.store.add_job(&fixture.stamp, &waiting).await.unwrap();
        fixture.store.request_cancel(&fixture.stamp, waiting.id).await.unwrap();
        assert_eq!(fixture.store.jobs_of_run(run.id).await.unwrap()[1].state, JobState::Cancelled);
        assert_eq!(db.store.claim_job("b", now()).await.unwrap(), None);
    }

    async fn a_schedule_fires_once(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let schedule = Schedule {
            id: ScheduleId::generate(),
            work: Scheduled::PreviewMonth { project_id: fixture.project.id },
            cron: "0 6 1 * *".into(),
            time_zone: "Asia/Shanghai".into(),
            enabled: true,
            next_at: now(),
        };
        fixture.store.add_schedule(&fixture.stamp, &schedule).await.unwrap();
        assert!(db.store.due_schedules(now() - Duration::seconds(1)).await.unwrap().is_empty());
        let (_, due) = db.store.due_schedules(now()).await.unwrap().pop().unwrap();
        let next = now() + Duration::days(31);
        let fire = || async {
            let run = BillingRun::new(fixture.project.id, march(), &fixture.stamp);
            let job = Job::new(JobKind::PreviewRun, run.id, &fixture.stamp);
            fixture.store.fire_schedule(&fixture.stamp, &due, next, Some(&run), &job).await.unwrap()
        };
        let (left, right) = tokio::join!(fire(), fire());
        assert!(left ^ right);
        assert_eq!(fixture.store.runs(fixture.project.id).await.unwrap().len(), 1);
        assert!(db.store.due_schedules(now()).await.unwrap().is_empty());
        fixture.store.set_schedule_enabled(&fixture.stamp, schedule.id, false).await.unwrap();
        let due = db.store.due_schedules(next).await.unwrap();
        assert_eq!(due.iter().map(|(_, due)| due.work).collect::<Vec<_>>(), [Scheduled::ReplaySample]);
        let kept = fixture.store.schedules().await.unwrap();
        assert!(!kept.iter().find(|kept| kept.id == schedule.id).unwrap().enabled);
    }

    async fn a_company_begins_with_a_nightly_sample(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let schedule = fixture.store.schedules().await.unwrap().pop().unwrap();
        assert_eq!((schedule.work, schedule.enabled), (Scheduled::ReplaySample, true));
        let job = Job::new(JobKind::ReplaySample, JobSubject::Nothing, &fixture.stamp);
        let next = schedule.next_at + Duration::days(1);
        assert!(fixture.store.fire_schedule(&fixture.stamp, &schedule, next, None, &job).await.unwrap());
        assert!(!fixture.store.fire_schedule(&fixture.stamp, &schedule, next, None, &job).await.unwrap());
        assert_eq!(fixture.store.job(job.id).await.unwrap().kind, JobKind::ReplaySample);
        let report = ReplayReport { decisions: 2, identical: 1, different: vec![ReplayDifference {
            decision: DecisionId::generate(), recorded: "a".into(), replayed: "b".into(), reason: "another".into(),
        }] };
        // Databases keep microseconds.
        let at = DateTime::from_timestamp_micros(now().timestamp_micros()).unwrap();
        let sample = ReplaySample { job_id: job.id, at, build: "1.0.0".into(), report };
        for _ in 0..2 {
            fixture.store.add_replay_sample(&fixture.stamp, &sample).await.unwrap();
        }
        assert_eq!(fixture.store.replay_samples(9).await.unwrap(), [sample]);
        let told = fixture.store.events(None, 100).await.unwrap();
        assert_eq!(told.iter().filter(|event| event.kind == "replay-sample.differs").count(), 1);
        let check = fixture.store.check().await.unwrap();
        assert!(!check.iter().find(|check| check.name == "replay-sample").unwrap().ok);
    }
}
