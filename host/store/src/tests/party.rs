//! What is kept of a party, who looked at it, and handing a unit over.

use guanjia_domain::{
    Error,
    estate::{PartyKind, STALE},
    ids::*,
    party::{ConsentPurpose, Contact, ContactChannel, HandOver, NewOwner, Parties, Share, ViewedPart, consent_on},
    ports::UnitSearch,
};

use super::{fixture::*, on_both};

fn contact(party_id: PartyId, value: &str, preferred: bool) -> Contact {
    Contact {
        id: ContactId::generate(),
        party_id,
        channel: ContactChannel::Phone,
        value: value.into(),
        note: "daytime".into(),
        preferred,
        starts_on: day("2025-01-01"),
        ends_on: None,
    }
}

fn is_stale<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Refused { code: STALE, .. }))
}

on_both! {
    async fn contacts_are_changed_over_what_was_seen(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let party = fixture.changes.parties.insert[0].id;
        let (first, second) = (contact(party, "13900000001", true), contact(party, "13900000002", true));
        fixture.store.add_contact(&fixture.stamp, &first).await.unwrap();
        fixture.store.add_contact(&fixture.stamp, &second).await.unwrap();
        let file = fixture.store.party_file(party).await.unwrap();
        let listed: Vec<_> = file.contacts.iter().map(|row| (row.contact.id, row.contact.preferred, row.version)).collect();
        assert_eq!(listed, [(second.id, true, 1), (first.id, false, 2)], "one is preferred, and whoever edits the other one hears so");
        assert!(is_stale(fixture.store.change_contact(&fixture.stamp, &first, 1).await));
        let ended = Contact { ends_on: Some(day("2025-03-01")), preferred: false, ..first.clone() };
        fixture.store.change_contact(&fixture.stamp, &ended, 2).await.unwrap();
        assert_eq!(fixture.store.contact(first.id).await.unwrap().contact, ended);
        let trail = fixture.store.audit(None, 10).await.unwrap();
        assert_eq!(trail[0].action, "contact.change");
        assert!(trail.iter().all(|row| !row.after.to_string().contains("1390000000")), "numbers are not in the trail");
        // A unit is found by a number that only the contact has.
        let found = async |text: &str, personal_data| {
            let search = UnitSearch { text, personal_data };
            fixture.store.units(fixture.project.id, &search, None, 10).await.unwrap().items.len()
        };
        assert_eq!((found("13900000002", true).await, found("13900000002", false).await), (1, 0));
        let other = Fixture::named(&db.store, "other", 1).await;
        assert!(matches!(other.store.party_file(party).await, Err(Error::NotFound { .. })));
        assert!(matches!(other.store.contact(first.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(other.store.change_contact(&other.stamp, &ended, 3).await, Err(Error::NotFound { .. })));
        assert!(matches!(other.store.add_contact(&other.stamp, &contact(party, "13900000003", false)).await, Err(Error::NotFound { .. })));
        fixture.assert_consistent().await;
    }

    async fn consents_are_only_added(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let party = fixture.changes.parties.insert[0].id;
        let parties = Parties::new(fixture.store.clone());
        let said = async |given, on: &str| parties.record_consent(&fixture.stamp, party, (ConsentPurpose::Billing, given), day(on), "form").await;
        said(true, "2025-01-01").await.unwrap();
        said(false, "2025-02-01").await.unwrap();
        assert!(matches!(said(true, "2025-03-06").await, Err(Error::Fields(_))), "the fifth of March is today");
        let consents = fixture.store.party_file(party).await.unwrap().consents;
        assert_eq!(consents.len(), 2);
        assert_eq!(consent_on(&consents, ConsentPurpose::Billing, day("2025-03-05")).map(|consent| consent.given), Some(false));
        let mut session = db.store.db.write().await.unwrap();
        let change = sql_unscoped!("tries to change what was said", "UPDATE consent SET given = NOT given");
        assert!(session.execute(change, values![]).await.is_err());
        drop(session);
        parties.note(&fixture.stamp, party, " 晚上联系 ").await.unwrap();
        assert_eq!(fixture.store.party_file(party).await.unwrap().notes[0].text, "晚上联系");
        fixture.assert_consistent().await;
    }

    async fn a_unit_is_handed_over_in_one_step(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let unit = fixture.changes.units.insert[0].id;
        let before = fixture.store.unit_records(unit).await.unwrap().tenures;
        let owner = |name: &str, parts| NewOwner { party: party(name, PartyKind::Owner), share: Some(Share { parts, of: 3 }) };
        let (wang, li) = (owner("王", 1), owner("李", 2));
        let order = HandOver { unit_id: unit, from: day("2025-03-11"), owners: vec![wang.clone(), li.clone()] };
        let seen = fixture.store.unit(unit).await.unwrap().version;
        assert!(is_stale(fixture.store.hand_over(&fixture.stamp, &order, Some(seen + 1)).await));
        assert_eq!(fixture.store.unit_records(unit).await.unwrap().tenures, before, "all or nothing");
        let version = fixture.store.hand_over(&fixture.stamp, &order, Some(seen)).await.unwrap();
        assert_eq!(version, fixture.store.unit(unit).await.unwrap().version);
        assert!(is_stale(fixture.store.hand_over(&fixture.stamp, &order, Some(seen)).await), "sent twice it happens once");
        let tenures = fixture.store.unit_records(unit).await.unwrap().tenures;
        let spans: Vec<_> = tenures.iter().map(|row| (row.party.as_str(), row.tenure.starts_on, row.tenure.ends_on)).collect();
        let from = Some(day("2025-03-11"));
        assert!(spans.contains(&("王", from, None)) && spans.contains(&("李", from, None)), "{spans:?}");
        assert!(spans.iter().all(|(name, _, ends)| ["王", "李"].contains(name) || *ends == from), "{spans:?}");
        let shares: Vec<_> = fixture.store.shares_of_unit(unit).await.unwrap().into_iter().map(|(_, share)| share.to_string()).collect();
        assert_eq!(shares, ["1/3", "2/3"]);
        let held = fixture.store.party_file(li.party.id).await.unwrap().tenures.remove(0);
        assert_eq!((held.tenure.unit_id, held.share), (unit, li.share));
        // The month is charged to both sides, by days.
        let units = fixture.charged_units().await;
        assert_eq!(units[0].holders.len(), 3);
        let late = HandOver { from: day("2025-03-01"), owners: vec![owner("赵", 3)], ..order };
        let refused = fixture.store.hand_over(&fixture.stamp, &late, None).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        fixture.assert_consistent().await;
    }

    async fn who_looked_is_written_down(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let party = fixture.changes.parties.insert[0].id;
        let parties = Parties::new(fixture.store.clone());
        parties.file(&fixture.stamp, party).await.unwrap();
        parties.viewed(&fixture.stamp, ViewedPart::Export, "project x".into()).await.unwrap();
        let all = parties.views(&fixture.stamp, None, None, 1).await.unwrap();
        assert_eq!((all.items[0].part, all.items[0].subject.as_str()), (ViewedPart::Export, "project x"));
        let rest = parties.views(&fixture.stamp, None, all.next.as_deref(), 1).await.unwrap();
        assert_eq!((rest.items[0].subject.as_str(), rest.next), (format!("party {party}").as_str(), None));
        let own = parties.views(&fixture.stamp, Some(&format!("party {party}")), None, 10).await.unwrap();
        assert_eq!((own.items.len(), own.items[0].viewed_by.as_str()), (1, fixture.stamp.actor.name.as_str()));
        let other = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(Parties::new(other.store.clone()).views(&other.stamp, None, None, 10).await.unwrap().items, []);
        let mut session = db.store.db.write().await.unwrap();
        let forget = sql_unscoped!("tries to forget who looked", "DELETE FROM personal_data_view");
        assert!(session.execute(forget, values![]).await.is_err());
    }
}
