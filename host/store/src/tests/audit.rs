use guanjia_domain::{access::Role, ports::Directory};
use std::sync::Arc;

use super::{fixture::*, on_both};

on_both! {
    /// Two hosts write at once: the numbers have no gap and the chain no fork.
    async fn concurrent_changes_make_one_chain(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let before = fixture.store.audit(None, 1).await.unwrap()[0].seq;
        let other = db.another_host().await.company(fixture.store.company_id());
        let mut tasks = Vec::new();
        for number in 0..20 {
            let store = if number % 2 == 0 { Arc::clone(&fixture.store) } else { Arc::clone(&other) };
            let stamp = stamp_of(&fixture.stamp, "wang");
            tasks.push(tokio::spawn(async move { store.add_user(&stamp, &format!("user {number}"), &[Role::Steward], None).await }));
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let rows = fixture.store.audit(None, 100).await.unwrap();
        assert_eq!(rows[0].seq, before + 20);
        assert!(rows.windows(2).all(|pair| pair[0].seq == pair[1].seq + 1));
        assert_eq!(fixture.store.audit(Some(rows[0].seq), 1).await.unwrap()[0], rows[1]);
        fixture.assert_consistent().await;
        let events = fixture.store.events(None, 100).await.unwrap();
        assert_eq!(events.iter().filter(|event| event.kind == "user.added").count(), 20);
        assert_eq!(fixture.store.events(Some(events[2].id), 1).await.unwrap()[0], events[3]);
        for kind in ["plugin.installed", "estate.imported"] {
            assert!(events.iter().any(|event| event.kind == kind), "{kind} is missing");
        }
    }

    /// Somebody with the database in hand removes the last row: the head still knows of it.
    async fn a_shortened_trail_is_found(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let mut session = db.store.db.write().await.unwrap();
        session.execute(sql_unscoped!("plays somebody who tampers", "UPDATE audit_head SET seq = seq + 1"), values![]).await.unwrap();
        session.commit().await.unwrap();
        let check = fixture.store.check().await.unwrap().into_iter().find(|check| check.name == "audit-chain").unwrap();
        assert!(!check.ok && check.detail.contains("ends at row"), "{}", check.detail);
    }
}
