//! Whatever order postings come in, how often and from how many hosts: the journal balances and every line is there once.

use guanjia_domain::ports::Directory;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::sync::Arc;

use super::{fixture::*, on_both, server::TestDb};

const UNITS: usize = 24;

/// Amounts of the lines, and calls that each post a stretch of them, possibly turned around.
fn postings() -> impl Strategy<Value = (Vec<i64>, Vec<(usize, usize, bool)>)> {
    let amounts = prop::collection::vec(prop_oneof![Just(0_i64), -1_000_000..1_000_000_i64], UNITS);
    let calls = prop::collection::vec((0..UNITS, 1..UNITS, any::<bool>()), 1..8);
    (amounts, calls)
}

async fn any_interleaving_balances(db: &TestDb, company: &str, amounts: &[i64], calls: &[(usize, usize, bool)]) {
    let fixture = Fixture::named(&db.store, company, UNITS).await;
    let (run, entry, charges) = fixture.posting_run(amounts).await;
    let other = db.another_host().await.company(fixture.store.company_id());
    let mut tasks = Vec::new();
    let mut covered = [false; UNITS];
    for (number, (from, length, backwards)) in calls.iter().enumerate() {
        let to = (from + length).min(UNITS);
        covered[*from..to].fill(true);
        let mut part = charges[*from..to].to_vec();
        if *backwards {
            part.reverse();
            part.push(part[0].clone());
        }
        let store = if number % 2 == 0 { Arc::clone(&fixture.store) } else { Arc::clone(&other) };
        let run = run.clone();
        tasks.push(tokio::spawn(async move { store.post_charges(&run, entry, part.clone()).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let expected: i64 = amounts.iter().zip(covered).filter(|(_, covered)| *covered).map(|(amount, _)| amount).sum();
    let sum = fixture.store.journal_sum(Some(fixture.project.id)).await.unwrap();
    assert_eq!((sum.sum_fen, sum.receivable_fen), (0, expected));
    let posted = covered.iter().filter(|covered| **covered).count();
    assert_eq!(fixture.store.run(run.id).await.unwrap().posted_lines, posted as i64);
    fixture.store.post_charges(&run, entry, charges.clone()).await.unwrap();
    let sum = fixture.store.journal_sum(Some(fixture.project.id)).await.unwrap();
    assert_eq!((sum.sum_fen, sum.receivable_fen), (0, amounts.iter().sum()));
    fixture.assert_consistent().await;
}

on_both! {
    async fn the_journal_balances_after_any_interleaving(db) {
        let runtime = tokio::runtime::Handle::current();
        let property = move || {
            let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
            let cases = std::cell::Cell::new(0);
            runner
                .run(&postings(), |(amounts, calls)| {
                    cases.set(cases.get() + 1);
                    runtime.block_on(any_interleaving_balances(&db, &format!("company {}", cases.get()), &amounts, &calls));
                    Ok(())
                })
                .unwrap();
            assert!(cases.get() >= 12);
        };
        tokio::task::spawn_blocking(property).await.unwrap();
    }
}
