use chrono::Duration;
use guanjia_domain::{
    Error,
    access::Role,
    estate::PartyKind,
    ports::{Directory, TokenPurpose},
};

use super::{fixture::*, on_both};

on_both! {
    async fn a_company_is_made_once(db) {
        let first = db.store.ensure_company("demo", now()).await.unwrap();
        let (again, other) = tokio::join!(db.store.ensure_company("demo", now()), db.store.ensure_company("other", now()));
        assert_eq!(again.unwrap(), first);
        let companies = db.store.companies().await.unwrap();
        assert_eq!(companies, [(first, "demo".to_owned()), (other.unwrap(), "other".to_owned())]);
        db.store.ping().await.unwrap();
    }

    async fn passwords_open_only_their_own_user(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let user = fixture.store.add_user(&fixture.stamp, "li", &[Role::Finance, Role::Cashier], Some("correct horse")).await.unwrap();
        let taken = fixture.store.add_user(&fixture.stamp, "li", &[Role::Admin], None).await;
        assert!(matches!(taken, Err(Error::Conflict(sentence)) if sentence.contains("user of this name")));
        let log_in = |company: &'static str, name: &'static str, password: &'static str| db.store.log_in(company, name, password, now());
        let actor = log_in("demo", "li", "correct horse").await.unwrap().unwrap();
        assert_eq!((actor.user_id, actor.roles), (user.id, vec![Role::Finance, Role::Cashier]));
        for (company, name, password) in [("demo", "li", "wrong"), ("demo", "wang", "correct horse"), ("none", "li", "correct horse"), ("demo", "operator", "")] {
            assert_eq!(log_in(company, name, password).await.unwrap(), None);
        }
        fixture.store.set_password(&fixture.stamp, user.id, "another").await.unwrap();
        assert_eq!(log_in("demo", "li", "correct horse").await.unwrap(), None);
        assert!(log_in("demo", "li", "another").await.unwrap().is_some());
        fixture.assert_consistent().await;
    }

    /// The tenth wrong password locks the login, also for the right one, and time unlocks it.
    async fn guessing_is_slowed_down(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        fixture.store.add_user(&fixture.stamp, "li", &[Role::Finance], Some("right")).await.unwrap();
        for _ in 0..9 {
            assert_eq!(db.store.log_in("demo", "li", "wrong", now()).await.unwrap(), None);
        }
        assert!(db.store.log_in("demo", "li", "right", now()).await.unwrap().is_some(), "nine are forgiven");
        for _ in 0..10 {
            assert_eq!(db.store.log_in("demo", "li", "wrong", now()).await.unwrap(), None);
        }
        assert_eq!(db.store.log_in("demo", "li", "right", now() + Duration::minutes(14)).await.unwrap(), None);
        assert!(db.store.log_in("demo", "li", "right", now() + Duration::minutes(15)).await.unwrap().is_some());
    }

    async fn tokens_end(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let user = fixture.stamp.actor.user_id;
        let secret = fixture.store.issue_token(&fixture.stamp, user, TokenPurpose::Api, Some(now() + Duration::hours(1))).await.unwrap();
        assert!(secret.starts_with("gj_") && secret.len() == 67);
        assert_eq!(db.store.actor_of_token(&secret, now()).await.unwrap().unwrap().user_id, user);
        assert_eq!(db.store.actor_of_token(&secret, now() + Duration::hours(1)).await.unwrap(), None);
        assert_eq!(db.store.actor_of_token("gj_00", now()).await.unwrap(), None);
        fixture.store.revoke_token(&fixture.stamp, &secret).await.unwrap();
        assert_eq!(db.store.actor_of_token(&secret, now()).await.unwrap(), None);
    }

    /// What one company has is nothing to another, even by its exact id.
    async fn companies_do_not_see_each_other(db) {
        let mine = Fixture::named(&db.store, "mine", 2).await;
        let theirs = Fixture::named(&db.store, "theirs", 2).await;
        let unit = theirs.units()[0];
        assert!(matches!(mine.store.project(theirs.project.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(mine.store.unit(unit).await, Err(Error::NotFound { .. })));
        assert!(matches!(mine.store.estate(theirs.project.id).await, Err(Error::NotFound { .. })));
        assert!(mine.store.places(&[unit]).await.unwrap().is_empty());
        assert!(mine.store.charged_units(&theirs.query(None, guanjia_domain::ids::UnitId(uuid::Uuid::max()))).await.unwrap().is_empty());
        assert!(mine.store.bindings(theirs.project.id).await.unwrap().is_empty());
        let owner = party("New", PartyKind::Owner);
        assert!(mine.hand_over(unit, &owner, day("2025-03-01")).await.is_err());
        let mut stolen = theirs.changes.units.insert[0].clone();
        stolen.unit_no = "stolen".into();
        stolen.entrance_id = mine.changes.units.insert[0].entrance_id;
        let mut changes = guanjia_domain::estate::EstateChanges::default();
        changes.units.update.push(stolen);
        assert!(mine.store.apply_estate(&mine.stamp, mine.project.id, &changes, "theft").await.is_err());
        assert_eq!(theirs.store.unit(unit).await.unwrap().unit, theirs.changes.units.insert[0]);
        let (run, _) = theirs.start_run().await;
        assert!(matches!(mine.store.run(run.id).await, Err(Error::NotFound { .. })));
    }
}
