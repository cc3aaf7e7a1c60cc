//! Decisions that no billing run asks for.

use chrono::SubsecRound;
use guanjia_domain::{
    decision::{CallFailure, Outcome},
    effect::{Effect, JudgedEffect},
    hold::HoldCause,
    ids::*,
    plugin::{Binding, BindingMode, ExtensionPoint, QuarantineOrder},
    point::{Answer, Question},
    ports::{Directory, NewPlugin},
    ruling::{About, Entity, Ruling, RulingCounts},
    values::{RecordAnswer, RecordBatch, Route, Steps, Ticket, Verdict},
};
use std::sync::Arc;

use super::{
    fixture::{Fixture, binding, now, plugin},
    on_both,
};

fn ticket_question() -> Question {
    let ticket = Ticket { kind: "repair".into(), words: Some("厨房漏水".into()), ..Ticket::default() };
    Question::Ticket(Arc::new(RecordBatch { shared: (), subjects: vec![ticket], facts: vec![] }))
}

fn ruling(binding: &Binding, about: About, outcome: Outcome) -> Ruling {
    Ruling {
        id: DecisionId::generate(),
        project_id: binding.project_id,
        binding_id: binding.id,
        mode: BindingMode::Active,
        component_digest: binding.digest.clone(),
        settings: binding.settings.clone(),
        wit: "1.0.0".into(),
        engine: "native".into(),
        about: vec![about],
        question: ticket_question(),
        outcome,
        effects: vec![],
        fuel: 17,
        spent_us: 40,
        log: vec!["a line".into()],
        // Databases keep microseconds.
        at: now().trunc_subsecs(6),
    }
}

fn decided() -> Outcome {
    Outcome::Answer(Answer::Ticket(RecordAnswer {
        verdicts: vec![Verdict::Decided],
        problems: vec![],
        decided: vec![Route { kind: "repair".into(), priority: "urgent".into(), ..Route::default() }],
        steps: Steps::default(),
        effects: vec![],
    }))
}

fn broken() -> Outcome {
    Outcome::Failure(CallFailure::new(HoldCause::Broken, "unreachable"))
}

/// A rule for the tickets of the project.
async fn bound(fixture: &Fixture) -> Binding {
    let rule = plugin("2.0.0", "bb");
    let new = NewPlugin { plugin: &rule, component: b"component", origin: "" };
    fixture.store.install_plugins(&fixture.stamp, &[new]).await.unwrap();
    let binding = Binding {
        point: ExtensionPoint::TicketPolicy,
        fee_item_id: None,
        plugin_version: "2.0.0".into(),
        digest: "bb".into(),
        granted: vec!["notify".into()],
        ..binding(fixture.project.id, FeeItemId::generate(), "2025-01-01")
    };
    let cause = guanjia_domain::plugin::Cause::Bound;
    fixture.store.add_bindings(&fixture.stamp, std::slice::from_ref(&binding), cause).await.unwrap();
    binding
}

on_both! {
    async fn a_ruling_comes_back_as_it_was_and_is_found_by_what_it_is_about(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let binding = bound(&fixture).await;
        assert_eq!(fixture.store.binding(binding.id).await.unwrap().granted, ["notify"]);
        let about = |id| About { entity: Entity::Ticket, id };
        let (first, second) = (about(uuid::Uuid::now_v7()), about(uuid::Uuid::now_v7()));
        let effect = Effect::Notify { audience: "supervisor".into(), message: "third-time".into(), urgent: false };
        let applied = JudgedEffect { subject: 0, kind: "notify".into(), effect: Some(effect), refused: String::new() };
        let one = Ruling { effects: vec![applied], ..ruling(&binding, first, decided()) };
        let two = ruling(&binding, first, broken());
        let three = ruling(&binding, second, decided());
        fixture.store.keep_rulings(&[one.clone(), two.clone(), three.clone()]).await.unwrap();

        assert_eq!(fixture.store.ruling(one.id).await.unwrap(), one);
        assert_eq!(fixture.store.rulings_about(first, 10).await.unwrap(), [two, one]);
        assert_eq!(fixture.store.rulings_about(second, 10).await.unwrap(), [three]);
        let counts = fixture.store.ruling_counts(binding.id, 10).await.unwrap();
        assert_eq!(counts, RulingCounts { subjects: 3, decided: 2, failed: 1, ..RulingCounts::default() });
        let newest = fixture.store.ruling_counts(binding.id, 1).await.unwrap();
        assert_eq!((newest.subjects, newest.decided), (1, 1));
    }

    async fn a_ruling_stays_as_it_is_and_belongs_to_its_company(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let binding = bound(&fixture).await;
        let about = About { entity: Entity::Ticket, id: uuid::Uuid::now_v7() };
        let kept = ruling(&binding, about, decided());
        fixture.store.keep_rulings(std::slice::from_ref(&kept)).await.unwrap();
        assert!(fixture.store.keep_rulings(std::slice::from_ref(&kept)).await.is_err(), "once is once");
        for statement in [
            sql_unscoped!("tests the triggers", "UPDATE ruling SET fuel = 0"),
            sql_unscoped!("tests the triggers", "DELETE FROM ruling"),
        ] {
            let mut session = db.store.db.write().await.unwrap();
            assert!(session.execute(statement, values![]).await.is_err(), "{statement:?}");
        }
        let other = db.store.ensure_company("another", now()).await.unwrap();
        let other = db.store.company(other);
        assert!(other.ruling(kept.id).await.is_err());
        assert!(other.rulings_about(about, 10).await.unwrap().is_empty());
        assert!(other.keep_rulings(&[ruling(&binding, about, decided())]).await.is_err(), "it has no such project");
    }

    /// A rule that was released is judged by what it did since.
    async fn what_a_rule_did_before_it_was_released_counts_no_more(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let binding = bound(&fixture).await;
        let about = About { entity: Entity::Ticket, id: uuid::Uuid::now_v7() };
        fixture.store.keep_rulings(&[ruling(&binding, about, broken())]).await.unwrap();
        let order = QuarantineOrder::new(fixture.stamp.clone(), &binding, None, "it breaks");
        fixture.store.quarantine(&order).await.unwrap();
        let released = guanjia_domain::access::Stamp { at: now() + chrono::TimeDelta::hours(1), ..fixture.stamp.clone() };
        fixture.store.release(&released, &order.quarantine, 0).await.unwrap();
        assert_eq!(fixture.store.ruling_counts(binding.id, 10).await.unwrap(), RulingCounts::default());
        let later = Ruling { at: now() + chrono::TimeDelta::hours(2), ..ruling(&binding, about, broken()) };
        fixture.store.keep_rulings(&[later]).await.unwrap();
        assert_eq!(fixture.store.ruling_counts(binding.id, 10).await.unwrap().failed, 1);
    }
}
