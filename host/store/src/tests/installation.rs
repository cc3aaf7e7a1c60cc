//! Component files that wait for the job that checks them.

use chrono::TimeDelta;
use guanjia_domain::{
    Error,
    access::Stamp,
    job::{Job, JobKind, JobState, JobSubject},
    plugin::{Installation, UPLOAD_HOURS, UPLOADS_MAX},
    ports::{Directory, NewPlugin},
};

use super::{
    fixture::{Fixture, now, plugin},
    on_both,
};

fn installation(fixture: &Fixture) -> Installation {
    Installation {
        job: Job::new(JobKind::InstallPlugin, JobSubject::Nothing, &fixture.stamp),
        plugin_id: "guanjia.area-fee".into(),
        plugin_version: "2.0.0".into(),
        origin: "registry.example.com/rules/area-fee@sha256:00".into(),
        installed: false,
    }
}

on_both! {
    async fn a_file_that_is_looked_at_is_forgotten_in_time(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let other = Fixture::named(&db.store, "other", 1).await;
        let at = |hours: i64, minutes: i64| {
            Stamp { at: now() + TimeDelta::hours(hours) + TimeDelta::minutes(minutes), ..fixture.stamp.clone() }
        };
        fixture.store.add_upload(&at(0, 0), "first", "", b"a file").await.unwrap();
        let kept = fixture.store.upload(at(0, 0).at, "first").await.unwrap().unwrap();
        assert_eq!((kept.file.as_slice(), kept.origin.as_str()), (b"a file".as_slice(), ""));
        assert_eq!(other.store.upload(now(), "first").await.unwrap(), None, "another company's");
        assert!(fixture.store.upload(at(UPLOAD_HOURS, -1).at, "first").await.unwrap().is_some());
        assert_eq!(fixture.store.upload(at(UPLOAD_HOURS, 0).at, "first").await.unwrap(), None, "a day later");
        // Brought again, it is as young as any.
        fixture.store.add_upload(&at(0, 1), "second", "", b"b").await.unwrap();
        fixture.store.add_upload(&at(0, 2), "first", "", b"a file").await.unwrap();
        for number in 2..UPLOADS_MAX {
            fixture.store.add_upload(&at(0, 3), &format!("more {number}"), "", b"c").await.unwrap();
        }
        assert!(fixture.store.upload(now(), "second").await.unwrap().is_some(), "as many as may be");
        fixture.store.add_upload(&at(0, 4), "one more", "", b"d").await.unwrap();
        assert_eq!(fixture.store.upload(now(), "second").await.unwrap(), None, "the oldest makes room");
        assert!(fixture.store.upload(now(), "first").await.unwrap().is_some());
        fixture.store.forget_upload("first").await.unwrap();
        assert_eq!(fixture.store.upload(now(), "first").await.unwrap(), None);
    }

    async fn a_file_waits_for_its_job_and_is_forgotten_with_it(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (first, second) = (installation(&fixture), installation(&fixture));
        fixture.store.add_installation(&fixture.stamp, &first, b"the first file").await.unwrap();
        fixture.store.add_installation(&fixture.stamp, &second, b"the second file").await.unwrap();
        let open = fixture.store.open_installations().await.unwrap();
        assert_eq!(open.iter().map(|open| open.job.id).collect::<Vec<_>>(), [first.job.id, second.job.id]);
        assert_eq!((open[0].plugin_id.as_str(), open[0].plugin_version.as_str()), ("guanjia.area-fee", "2.0.0"));
        assert_eq!(open[0].origin, first.origin);
        let (_, claimed) = db.store.claim_job("a", now()).await.unwrap().unwrap();
        assert_eq!((claimed.id, claimed.kind, claimed.about), (first.job.id, JobKind::InstallPlugin, JobSubject::Nothing));

        // Nothing is forgotten while there is work to do.
        fixture.store.forget_files().await.unwrap();
        assert_eq!(fixture.store.installation_file(first.job.id).await.unwrap(), b"the first file");
        fixture.store.finish(first.job.id, "a", Some("it does not answer"), false, now()).await.unwrap();
        fixture.store.forget_files().await.unwrap();
        assert!(matches!(fixture.store.installation_file(first.job.id).await, Err(Error::NotFound { .. })));
        let failed = fixture.store.installation(first.job.id).await.unwrap();
        assert_eq!((failed.job.state, failed.installed), (JobState::Failed, false));

        assert_eq!(fixture.store.installation_file(second.job.id).await.unwrap(), b"the second file");
        fixture.store.request_cancel(&fixture.stamp, second.job.id).await.unwrap();
        fixture.store.forget_files().await.unwrap();
        assert!(fixture.store.installation_file(second.job.id).await.is_err(), "nobody had started it");
        assert!(fixture.store.open_installations().await.unwrap().is_empty());
    }

    async fn what_passed_is_kept_with_the_end_of_its_installation(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let waiting = installation(&fixture);
        fixture.store.add_installation(&fixture.stamp, &waiting, b"component").await.unwrap();
        let passed = plugin("2.0.0", "e1");
        let new = NewPlugin { plugin: &passed, component: b"component", origin: "" };
        fixture.store.finish_installation(&fixture.stamp, waiting.job.id, &new).await.unwrap();
        assert!(fixture.store.installation(waiting.job.id).await.unwrap().installed);
        assert_eq!(fixture.store.component("e1").await.unwrap(), b"component");
        assert!(fixture.store.installation_file(waiting.job.id).await.is_err(), "the component is kept once");
        // Another component of that version: neither is it kept, nor did its installation come to an end.
        let other = installation(&fixture);
        fixture.store.add_installation(&fixture.stamp, &other, b"another").await.unwrap();
        let clash = plugin("2.0.0", "e2");
        let new = NewPlugin { plugin: &clash, component: b"another", origin: "" };
        let refused = fixture.store.finish_installation(&fixture.stamp, other.job.id, &new).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        assert!(!fixture.store.installation(other.job.id).await.unwrap().installed);
        assert_eq!(fixture.store.installation_file(other.job.id).await.unwrap(), b"another");
    }

    async fn another_company_sees_no_installation(db) {
        let ours = Fixture::new(&db.store, 1).await;
        let theirs = Fixture::named(&db.store, "other", 1).await;
        let waiting = installation(&ours);
        ours.store.add_installation(&ours.stamp, &waiting, b"component").await.unwrap();
        assert!(matches!(theirs.store.installation(waiting.job.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(theirs.store.installation_file(waiting.job.id).await, Err(Error::NotFound { .. })));
        assert!(theirs.store.open_installations().await.unwrap().is_empty());
        theirs.store.request_cancel(&theirs.stamp, waiting.job.id).await.unwrap_err();
        theirs.store.forget_files().await.unwrap();
        assert_eq!(ours.store.installation_file(waiting.job.id).await.unwrap(), b"component");
    }
}
