use guanjia_domain::{
    Error,
    ids::ProposalId,
    plugin::{ActivationRule, Proposal, ProposalState},
};

use super::{fixture::*, on_both};

fn proposal(fixture: &Fixture, from: &str) -> Proposal {
    Proposal {
        id: ProposalId::generate(),
        binding: binding(fixture.project.id, fixture.fee_item().id, from),
        note: "dearer".into(),
        trial_id: None,
        state: ProposalState::Open,
        proposed_by: "operator".into(),
        proposed_at: now(),
        decided_by: None,
        decided_at: None,
        reason: String::new(),
    }
}

on_both! {
    async fn a_proposal_is_decided_once(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (first, second) = (proposal(&fixture, "2025-06-01"), proposal(&fixture, "2025-07-01"));
        fixture.store.add_proposals(&fixture.stamp, &[first.clone(), second.clone()]).await.unwrap();
        let known = fixture.store.proposals(10).await.unwrap();
        assert_eq!(known.len(), 2);
        assert_eq!(fixture.store.proposal(first.id).await.unwrap().binding, first.binding);
        let before = fixture.store.bindings(fixture.project.id).await.unwrap().len();
        let decide = async |id, state| fixture.store.decide_proposal(&fixture.stamp, id, state, "why").await;
        assert_eq!(decide(first.id, ProposalState::Approved).await.unwrap().state, ProposalState::Approved);
        assert_eq!(decide(second.id, ProposalState::Refused).await.unwrap().reason, "why");
        assert!(matches!(decide(first.id, ProposalState::Refused).await, Err(Error::Conflict(_))));
        assert!(matches!(decide(ProposalId::generate(), ProposalState::Refused).await, Err(Error::NotFound { .. })));
        assert_eq!(fixture.store.bindings(fixture.project.id).await.unwrap().len(), before + 1);
        assert!(fixture.store.check().await.unwrap().iter().all(|check| check.ok));
    }

    async fn approving_what_is_in_the_way_leaves_the_proposal_open(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        // The estate's own binding begins earlier and has no end; this one would have to end it twice.
        let (first, second) = (proposal(&fixture, "2025-06-01"), proposal(&fixture, "2025-05-01"));
        fixture.store.add_proposals(&fixture.stamp, &[first.clone(), second.clone()]).await.unwrap();
        fixture.store.decide_proposal(&fixture.stamp, first.id, ProposalState::Approved, "").await.unwrap();
        let late = fixture.store.decide_proposal(&fixture.stamp, second.id, ProposalState::Approved, "").await;
        assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
        assert_eq!(fixture.store.proposal(second.id).await.unwrap().state, ProposalState::Open);
    }

    async fn proposals_stay_in_their_company(db) {
        let ours = Fixture::named(&db.store, "ours", 1).await;
        let theirs = Fixture::named(&db.store, "theirs", 1).await;
        let proposal = proposal(&ours, "2025-06-01");
        ours.store.add_proposals(&ours.stamp, std::slice::from_ref(&proposal)).await.unwrap();
        ours.store.set_activation_rule(&ours.stamp, ActivationRule { second_person: true }).await.unwrap();
        assert!(theirs.store.proposals(10).await.unwrap().is_empty());
        assert!(!theirs.store.activation_rule().await.unwrap().second_person);
        assert!(ours.store.activation_rule().await.unwrap().second_person);
        let decided = theirs.store.decide_proposal(&theirs.stamp, proposal.id, ProposalState::Approved, "").await;
        assert!(matches!(decided, Err(Error::NotFound { .. })));
        assert!(theirs.store.add_proposals(&theirs.stamp, &[proposal]).await.is_err(), "the project is not theirs");
    }
}
