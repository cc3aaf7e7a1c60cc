use chrono::TimeDelta;
use guanjia_domain::idempotency::*;

use super::{fixture::*, on_both};

fn request<'a>(fixture: &Fixture, key: &'a str, body: &'a [u8]) -> KeyedRequest<'a> {
    KeyedRequest { user_id: fixture.stamp.actor.user_id, key, route: "POST /api/v1/users", body }
}

fn claimed(state: KeyState) -> KeyClaim {
    match state {
        KeyState::Claimed(claim) => claim,
        other => panic!("the key was not free: {other:?}"),
    }
}

fn created() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("content-type".into(), "application/json".into())],
        body: b"{}\xff".to_vec(),
    }
}

on_both! {
    async fn a_request_is_answered_once(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let first = request(&fixture, "k-1", b"{}");
        let claim = claimed(fixture.store.claim_key(&first, now()).await.unwrap());
        assert_eq!(fixture.store.claim_key(&first, now()).await.unwrap(), KeyState::Running);
        fixture.store.keep_answer(&claim, &created()).await.unwrap();
        assert_eq!(fixture.store.claim_key(&first, now()).await.unwrap(), KeyState::Answered(created()));
        let other_body = request(&fixture, "k-1", b"{ }");
        let other_route = KeyedRequest { route: "POST /api/v1/plugins", ..first };
        for other in [other_body, other_route] {
            assert_eq!(fixture.store.claim_key(&other, now()).await.unwrap(), KeyState::Other);
        }
        claimed(fixture.store.claim_key(&request(&fixture, "k-2", b"{}"), now()).await.unwrap());
        // Somebody else's key of the same name, in the same company and in another one, is another key.
        let colleague = fixture.store.add_user(&fixture.stamp, "li", &[], None).await.unwrap();
        claimed(fixture.store.claim_key(&KeyedRequest { user_id: colleague.id, ..first }, now()).await.unwrap());
        let other = Fixture::named(&db.store, "other", 1).await;
        claimed(other.store.claim_key(&request(&other, "k-1", b"{}"), now()).await.unwrap());
        fixture.store.release_key(&claim).await.unwrap();
        assert_eq!(fixture.store.claim_key(&first, now()).await.unwrap(), KeyState::Answered(created()), "an answer stays");
    }

    async fn what_failed_or_was_left_can_be_sent_again(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let first = request(&fixture, "k", b"{}");
        let failed = claimed(fixture.store.claim_key(&first, now()).await.unwrap());
        fixture.store.release_key(&failed).await.unwrap();
        let left = claimed(fixture.store.claim_key(&first, now()).await.unwrap());
        let nearly = now() + TimeDelta::minutes(RUNNING_MINUTES_MAX) - TimeDelta::seconds(1);
        assert_eq!(fixture.store.claim_key(&first, nearly).await.unwrap(), KeyState::Running);
        let later = now() + TimeDelta::minutes(RUNNING_MINUTES_MAX);
        assert_eq!(fixture.store.claim_key(&request(&fixture, "k", b"[]"), later).await.unwrap(), KeyState::Other);
        let taken_over = claimed(fixture.store.claim_key(&first, later).await.unwrap());
        // The first comes back after all: the key is no longer its own.
        fixture.store.keep_answer(&left, &StoredAnswer { status: 500, ..created() }).await.unwrap();
        fixture.store.release_key(&left).await.unwrap();
        assert_eq!(fixture.store.claim_key(&first, later).await.unwrap(), KeyState::Running);
        fixture.store.keep_answer(&taken_over, &created()).await.unwrap();
        assert_eq!(fixture.store.claim_key(&first, later).await.unwrap(), KeyState::Answered(created()));
    }

    async fn a_key_is_forgotten_after_a_day(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let first = request(&fixture, "k", b"{}");
        let claim = claimed(fixture.store.claim_key(&first, now()).await.unwrap());
        fixture.store.keep_answer(&claim, &created()).await.unwrap();
        let nearly = now() + TimeDelta::hours(KEY_HOURS) - TimeDelta::seconds(1);
        assert_eq!(fixture.store.claim_key(&first, nearly).await.unwrap(), KeyState::Answered(created()));
        let next_day = now() + TimeDelta::hours(KEY_HOURS);
        claimed(fixture.store.claim_key(&request(&fixture, "k", b"other"), next_day).await.unwrap());
        let statement = sql!("SELECT COUNT(*) FROM idempotency_key WHERE company_id = $1");
        let mut scope = db.store.db.read().await.unwrap().scope(fixture.store.company_id());
        let kept: i64 = scope.row(statement, values![]).await.unwrap().unwrap().only().unwrap();
        assert_eq!(kept, 1);
    }

    /// Many senders of one request at the same moment: one of them runs it.
    async fn one_of_many_claims_a_key(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let first = request(&fixture, "k", b"{}");
        let claims = (0..8).map(|_| fixture.store.claim_key(&first, now()));
        let mut free = 0;
        for claim in futures(claims).await {
            match claim.unwrap() {
                KeyState::Claimed(_) => free += 1,
                state => assert_eq!(state, KeyState::Running),
            }
        }
        assert_eq!(free, 1);
    }
}

/// All of them at once, in one task.
async fn futures<F: Future + Unpin>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    use std::task::Poll;
    let mut waiting: Vec<(F, Option<F::Output>)> = futures.map(|future| (future, None)).collect();
    std::future::poll_fn(move |context| {
        for (future, output) in waiting.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(done) = std::pin::Pin::new(future).poll(context) {
                *output = Some(done);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) {
            Poll::Ready(waiting.drain(..).filter_map(|(_, output)| output).collect())
        } else {
            Poll::Pending
        }
    })
    .await
}
