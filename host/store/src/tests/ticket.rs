use chrono::{DateTime, Duration, Utc};
use guanjia_domain::{
    Error, Fen,
    access::{Role, Stamp},
    calendar::Allowed,
    estate::STALE,
    ids::*,
    ports::Directory,
    ticket::{
        Caller, Channel, Declared, Dispatch, FollowUpChannel, FollowUpEntry, FollowUpResult, Intake, Level, Priority,
        TicketEdit, TicketFilter, TicketMove, TicketState, Tickets,
        link::{self, LinkAbout, OwnerLinks, Report},
        plan::Wanted,
        staff_of,
        timer::{TIMER_LEASE_SECONDS, TIMERS_CLAIMED_MAX},
        work_order::{CheckItem, Part, Payment, WorkOrderEdit, WorkOrderMove, WorkOrders},
    },
};
use std::collections::HashSet;

use super::{fixture::*, on_both};
use crate::Store;

/// A Wednesday afternoon in Shanghai, within working hours: 16:00.
fn afternoon() -> DateTime<Utc> {
    "2025-03-05T08:00:00Z".parse().unwrap()
}

fn intake(fixture: &Fixture, kind: &str) -> Intake {
    Intake {
        project_id: fixture.project.id,
        kind: kind.into(),
        category: String::new(),
        channel: Channel::Phone,
        unit_id: Some(fixture.units()[0]),
        place: String::new(),
        words: "厨房水管漏水".into(),
        caller: Caller { name: "王天宇".into(), phone: "13800000001".into() },
        priority: None,
        link_id: None,
    }
}

/// Another person of the company, at another time.
fn at(fixture: &Fixture, name: &str, roles: &[Role], at: DateTime<Utc>) -> Stamp {
    let mut stamp = stamp_of(&fixture.stamp, name);
    stamp.actor.roles = roles.to_vec();
    stamp.actor.user_id = UserId::generate();
    stamp.at = at;
    stamp
}

fn dispatched_to(stamp: &Stamp) -> Wanted {
    Wanted { to: Some(staff_of(&stamp.actor)), ..Wanted::plain(TicketMove::Dispatch) }
}

fn called(result: FollowUpResult, words: &str) -> Wanted {
    let score = (result == FollowUpResult::Satisfied).then_some(5);
    let entry = FollowUpEntry { result, channel: FollowUpChannel::Call, score, words: words.into() };
    Wanted { follow_up: Some(entry), ..Wanted::plain(TicketMove::FollowUp) }
}

async fn offered(fixture: &Fixture, tickets: &Tickets) -> TicketId {
    let setup = tickets.setup(None).await.unwrap();
    let mut kind = setup.kinds["request"].of.clone();
    kind.dispatch = Dispatch::Offer;
    tickets.declare(&fixture.stamp, None, "request", 0, Declared::Kind(kind)).await.unwrap();
    tickets.take_in(&fixture.stamp, intake(fixture, "request")).await.unwrap().ticket.id
}

/// Claims and fires what is due, as a host does. How many fired.
async fn fire(store: &Store, worker: &str, now: DateTime<Utc>) -> usize {
    let mut fired = 0;
    loop {
        let claimed = store.claim_timers(worker, now, TIMERS_CLAIMED_MAX).await.unwrap();
        if claimed.is_empty() {
            return fired;
        }
        for (company, timer) in claimed {
            let store = store.company(company);
            let actor = store.actor("operator").await.unwrap().unwrap();
            let stamp = Stamp { actor, at: now, origin: "timer".into() };
            fired += usize::from(Tickets::new(store).fire(&stamp, timer).await.unwrap());
        }
    }
}

async fn told(fixture: &Fixture, kind: &str) -> usize {
    let events = fixture.store.events(None, 10_000).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

on_both! {
    async fn a_repair_goes_from_intake_to_its_follow_up(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let desk = at(&fixture, "desk", &[Role::FrontDesk], afternoon());
        let engineer = at(&fixture, "zhou", &[Role::Engineer], afternoon());
        let taken = tickets.take_in(&desk, intake(&fixture, "repair")).await.unwrap().ticket;
        assert_eq!((taken.ticket_no.as_str(), taken.place.as_str()), ("2025-000001", "1-1-1"));
        let go = |stamp: Stamp, wanted: Wanted| {
            let tickets = tickets.clone();
            async move { tickets.move_ticket(&stamp, taken.id, None, &wanted).await }
        };
        go(desk.clone(), dispatched_to(&engineer)).await.unwrap();
        for wanted in [Wanted::plain(TicketMove::Accept), Wanted::plain(TicketMove::Start), Wanted::because(TicketMove::Solve, "换了水管")] {
            go(engineer.clone(), wanted).await.unwrap();
        }
        assert!(matches!(go(desk.clone(), Wanted::plain(TicketMove::Close)).await, Err(Error::Refused { code: "follow-up-missing", .. })));
        assert!(matches!(go(engineer.clone(), called(FollowUpResult::Satisfied, "")).await, Err(Error::Refused { code: "permission", .. })));
        go(desk.clone(), called(FollowUpResult::NotReached, "")).await.unwrap();
        go(desk.clone(), called(FollowUpResult::Satisfied, "谢谢")).await.unwrap();
        let closed = go(desk.clone(), Wanted::plain(TicketMove::Close)).await.unwrap().ticket;
        assert_eq!((closed.state, closed.not_reached, closed.due_at()), (TicketState::Closed, 1, None));
        assert_eq!(fixture.store.ticket(taken.id).await.unwrap().ticket, closed);
        let page = tickets.page(&desk.actor, taken.id).await.unwrap();
        let made: Vec<_> = page.history.moves.iter().map(|row| row.made.code()).collect();
        assert_eq!(made, ["take-in", "dispatch", "accept", "start", "solve", "follow-up", "follow-up", "close"]);
        assert_eq!(page.history.moves[4].reason, "换了水管");
        let results: Vec<_> = page.history.follow_ups.iter().map(|row| row.entry.result).collect();
        assert_eq!(results, [FollowUpResult::NotReached, FollowUpResult::Satisfied]);
        assert!(page.offered.is_empty() && page.history.timers.is_empty());
        // What has ended stays as it is, whoever tries and however.
        let edit = tickets.edit(&desk, taken.id, closed.version, &TicketEdit::of(&closed)).await;
        assert!(matches!(edit, Err(Error::Refused { code: "ticket-ended", .. })));
        let mut forged = closed.clone();
        forged.version += 1;
        let past_the_service = fixture.store.edit_ticket(&desk, &closed, &forged).await;
        assert!(matches!(past_the_service, Err(Error::Conflict(_))), "{past_the_service:?}");
        assert_eq!(told(&fixture, "ticket.closed").await, 1);
        fixture.assert_consistent().await;
    }

    /// Numbers of a year have no gaps, also where intakes fail or come at once.
    async fn numbers_have_no_gaps(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let other = db.another_host().await;
        let company = fixture.store.company_id();
        let take = |store: std::sync::Arc<Store>, stamp: Stamp, intake: Intake| async move {
            let tickets = Tickets::new(store.company(company));
            let mut numbers = Vec::new();
            for _ in 0..10 {
                numbers.push(tickets.take_in(&stamp, intake.clone()).await.unwrap().ticket.ticket_no);
                assert!(tickets.take_in(&stamp, Intake { kind: "praise".into(), ..intake.clone() }).await.is_err());
            }
            numbers
        };
        let stamp = fixture.stamp.clone();
        let (left, right) = tokio::join!(
            tokio::spawn(take(db.store.clone(), stamp.clone(), intake(&fixture, "repair"))),
            tokio::spawn(take(other, stamp.clone(), intake(&fixture, "enquiry"))),
        );
        let numbers: HashSet<_> = left.unwrap().into_iter().chain(right.unwrap()).collect();
        assert_eq!(numbers, (1..=20).map(|number| format!("2025-{number:06}")).collect());
        // It is the next year already where the project is.
        let eve = Stamp { at: "2025-12-31T16:00:00Z".parse().unwrap(), ..stamp };
        let first = Tickets::new(fixture.store.clone()).take_in(&eve, intake(&fixture, "enquiry")).await.unwrap();
        assert_eq!(first.ticket.ticket_no, "2026-000001");
        fixture.assert_consistent().await;
    }

    async fn two_people_grab_one_ticket(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let offered = offered(&fixture, &tickets).await;
        let people: Vec<_> = (0..4).map(|number| at(&fixture, &format!("p{number}"), &[Role::Engineer], afternoon())).collect();
        let other = Tickets::new(db.another_host().await.company(fixture.store.company_id()));
        let grabs = people.iter().enumerate().map(|(index, stamp)| {
            let (tickets, stamp) = (if index % 2 == 0 { tickets.clone() } else { other.clone() }, stamp.clone());
            tokio::spawn(async move { tickets.move_ticket(&stamp, offered, None, &Wanted::plain(TicketMove::Accept)).await })
        });
        let mut won = Vec::new();
        for grab in grabs.collect::<Vec<_>>() {
            match grab.await.unwrap() {
                Ok(row) => won.push(row.ticket.assignee),
                Err(Error::Conflict(sentence)) => assert!(sentence.contains("taken"), "{sentence}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1);
        let kept = fixture.store.ticket(offered).await.unwrap().ticket;
        assert_eq!((kept.assignee, kept.offered, kept.state), (won[0], false, TicketState::Accepted));
        assert_eq!(told(&fixture, "ticket.accepted").await, 1);
    }

    async fn an_edit_is_written_over_what_was_seen(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let taken = tickets.take_in(&fixture.stamp, intake(&fixture, "complaint")).await.unwrap().ticket;
        let mut edit = TicketEdit::of(&taken);
        (edit.category, edit.effective) = ("noise".into(), Some(false));
        let edited = tickets.edit(&fixture.stamp, taken.id, 1, &edit).await.unwrap().ticket;
        assert_eq!((edited.category.as_str(), edited.effective, edited.version), ("noise", Some(false), 2));
        assert!(matches!(tickets.edit(&fixture.stamp, taken.id, 1, &edit).await, Err(Error::Refused { code: STALE, .. })));
        let from_then = tickets.move_ticket(&fixture.stamp, taken.id, Some(1), &Wanted::because(TicketMove::Cancel, "误报")).await;
        assert!(matches!(from_then, Err(Error::Refused { code: STALE, .. })));
        edit.category = "lift".into();
        let of_repairs = tickets.edit(&fixture.stamp, taken.id, 2, &edit).await;
        assert!(matches!(of_repairs, Err(Error::Refused { code: "unknown-category", .. })));
    }

    async fn what_is_anothers_is_not_there(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let other = Fixture::named(&db.store, "other", 1).await;
        let (tickets, others) = (Tickets::new(fixture.store.clone()), Tickets::new(other.store.clone()));
        let taken = tickets.take_in(&fixture.stamp, intake(&fixture, "repair")).await.unwrap().ticket;
        let there = |error: Error| assert!(matches!(error, Error::NotFound { .. }), "{error}");
        there(others.ticket(&other.stamp.actor, taken.id).await.unwrap_err());
        there(others.move_ticket(&other.stamp, taken.id, None, &Wanted::because(TicketMove::Cancel, "误报")).await.unwrap_err());
        there(others.edit(&other.stamp, taken.id, 1, &TicketEdit::of(&taken)).await.unwrap_err());
        there(others.take_in(&other.stamp, intake(&fixture, "repair")).await.unwrap_err());
        let unit_of_the_other = Intake { unit_id: Some(other.units()[0]), ..intake(&fixture, "repair") };
        there(tickets.take_in(&fixture.stamp, unit_of_the_other).await.unwrap_err());
        let timer = fixture.store.ticket_timers(taken.id).await.unwrap()[0].id;
        assert_eq!(other.store.timer(timer).await.unwrap(), None);
        assert!(other.store.ticket_history(taken.id).await.unwrap().moves.is_empty());
        // Somebody who may not read tickets sees their own.
        let staff = at(&fixture, "wang", &[Role::Staff], afternoon());
        there(tickets.ticket(&staff.actor, taken.id).await.unwrap_err());
        let all = TicketFilter { project_id: Some(fixture.project.id), ..TicketFilter::default() };
        assert!(tickets.list(&staff.actor, all.clone(), false, None, 9).await.unwrap().items.is_empty());
        tickets.move_ticket(&fixture.stamp, taken.id, None, &dispatched_to(&staff)).await.unwrap();
        assert!(tickets.ticket(&staff.actor, taken.id).await.is_ok());
        assert_eq!(tickets.list(&staff.actor, all, false, None, 9).await.unwrap().items.len(), 1);
    }

    async fn lists_are_narrowed_and_paged(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let tickets = Tickets::new(fixture.store.clone());
        let engineer = at(&fixture, "zhou", &[Role::Engineer], afternoon());
        let mut ids = Vec::new();
        for number in 0..12 {
            let kind = if number % 3 == 0 { "complaint" } else { "repair" };
            let mut intake = intake(&fixture, kind);
            intake.unit_id = Some(fixture.units()[number % 2]);
            intake.words = format!("第{number}件 100% 漏水");
            intake.caller.phone = format!("1380000{number:04}");
            let stamp = Stamp { at: afternoon() + Duration::minutes(number as i64), ..fixture.stamp.clone() };
            ids.push(tickets.take_in(&stamp, intake).await.unwrap().ticket.id);
        }
        for id in &ids[..4] {
            tickets.move_ticket(&fixture.stamp, *id, None, &dispatched_to(&engineer)).await.unwrap();
        }
        tickets.move_ticket(&fixture.stamp, ids[11], None, &Wanted::because(TicketMove::Cancel, "误报")).await.unwrap();
        let base = || TicketFilter { project_id: Some(fixture.project.id), ..TicketFilter::default() };
        let text = |text: &str| TicketFilter { text: text.into(), ..base() };
        let soon = Some(afternoon() + Duration::minutes(32));
        let newest = |indices: &[usize]| indices.iter().rev().map(|index| ids[*index]).collect::<Vec<_>>();
        let cases = [
            ("all", base(), newest(&(0..12).collect::<Vec<_>>())),
            ("open", TicketFilter { open: true, ..base() }, newest(&(0..11).collect::<Vec<_>>())),
            ("kind", TicketFilter { kind: Some("complaint".into()), ..base() }, newest(&[0, 3, 6, 9])),
            ("state", TicketFilter { state: Some(TicketState::Dispatched), ..base() }, newest(&[0, 1, 2, 3])),
            ("state and kind", TicketFilter { state: Some(TicketState::Dispatched), kind: Some("repair".into()), ..base() }, newest(&[1, 2])),
            ("assignee", TicketFilter { assignee: Some(staff_of(&engineer.actor)), project_id: None, open: true, ..base() }, newest(&[0, 1, 2, 3])),
            ("unit", TicketFilter { unit_id: Some(fixture.units()[1]), ..base() }, newest(&[1, 3, 5, 7, 9, 11])),
            ("number", text("2025-000005"), newest(&[4])),
            ("phone", text("13800000007"), newest(&[7])),
            ("words", text("第7件"), newest(&[7])),
            ("a sign of patterns", text("100%"), newest(&(0..12).collect::<Vec<_>>())),
            ("no sign of patterns", text("1_0"), vec![]),
            ("place", text("1-1-2"), newest(&[1, 3, 5, 7, 9, 11])),
            ("overdue", TicketFilter { overdue_at: soon, ..base() }, vec![ids[0], ids[1]]),
        ];
        for (name, filter, expected) in cases {
            for limit in [1, 3, 50] {
                let (mut found, mut cursor) = (Vec::new(), None);
                loop {
                    let page = tickets.list(&fixture.stamp.actor, filter.clone(), false, cursor.as_deref(), limit).await.unwrap();
                    found.extend(page.items.iter().map(|row| row.ticket.id));
                    cursor = page.next;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{name} by {limit}");
            }
        }
        let by_due = tickets.list(&fixture.stamp.actor, base(), true, None, 50).await.unwrap().items;
        assert!(by_due.windows(2).all(|pair| pair[0].ticket.due_at() <= pair[1].ticket.due_at()) && by_due.len() == 11);
        // A person who may not see numbers and names does not find them either.
        let quality = at(&fixture, "q", &[Role::Quality], afternoon());
        for hidden in ["13800000007", "王天宇"] {
            assert!(tickets.list(&quality.actor, text(hidden), false, None, 9).await.unwrap().items.is_empty(), "{hidden}");
            assert!(!tickets.list(&fixture.stamp.actor, text(hidden), false, None, 9).await.unwrap().items.is_empty(), "{hidden}");
        }
        assert!(matches!(tickets.list(&fixture.stamp.actor, base(), false, Some("x"), 9).await, Err(Error::Invalid { .. })));
        let counts = tickets.counts(&fixture.stamp.actor, fixture.project.id, soon.unwrap()).await.unwrap();
        let counts: Vec<_> = counts.iter().map(|count| (count.state, count.tickets, count.overdue)).collect();
        assert_eq!(counts, [(TicketState::Dispatched, 4, 2), (TicketState::Intake, 7, 0)]);
    }

    async fn kinds_and_categories_are_declared(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let setup = tickets.setup(None).await.unwrap();
        let mut lift = setup.categories["lift"].of.clone();
        lift.solve = Some(Allowed::around(60));
        let project = Some(fixture.project.id);
        let declare = |scope, seen, category: &guanjia_domain::ticket::TicketCategory| {
            let declared = Declared::Category(category.clone());
            let (tickets, stamp) = (tickets.clone(), fixture.stamp.clone());
            async move { tickets.declare(&stamp, scope, "lift", seen, declared).await }
        };
        assert_eq!(declare(project, 0, &lift).await.unwrap().version, 1);
        assert!(matches!(declare(project, 0, &lift).await, Err(Error::Refused { code: STALE, .. })));
        lift.priority = Some(Priority::High);
        declare(None, 0, &lift).await.unwrap();
        assert_eq!(declare(project, 1, &lift).await.unwrap().version, 2);
        assert!(matches!(declare(None, 7, &lift).await, Err(Error::Refused { code: STALE, .. })));
        let taken = tickets.take_in(&fixture.stamp, Intake { category: "lift".into(), ..intake(&fixture, "repair") }).await.unwrap().ticket;
        assert_eq!(taken.priority, Priority::High);
        assert_eq!(taken.solve_due_at.map(|due| due - taken.taken_in_at), Some(Duration::hours(1)));
        let desk = at(&fixture, "desk", &[Role::FrontDesk], afternoon());
        let refused = tickets.declare(&desk, None, "lift", 1, Declared::Category(lift)).await;
        assert!(matches!(refused, Err(Error::Refused { code: "permission", .. })));
        let other = Fixture::named(&db.store, "other", 1).await;
        assert_eq!(Tickets::new(other.store.clone()).setup(None).await.unwrap(), setup);
    }

    /// Two hosts look again and again while clocks jump: each timer fires once, in time, and rises with its ticket.
    async fn timers_fire_once(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let other = db.another_host().await;
        let mut ids = Vec::new();
        for _ in 0..15 {
            let stamp = Stamp { at: afternoon(), ..fixture.stamp.clone() };
            let lift = Intake { category: "lift".into(), ..intake(&fixture, "repair") };
            ids.push(tickets.take_in(&stamp, lift).await.unwrap().ticket.id);
        }
        assert_eq!(fire(&db.store, "a", afternoon() + Duration::minutes(14)).await, 0);
        let now = afternoon() + Duration::minutes(30);
        let (left, right) = tokio::join!(
            { let store = db.store.clone(); tokio::spawn(async move { fire(&store, "a", now).await }) },
            tokio::spawn(async move { fire(&other, "b", now).await }),
        );
        // A host that is overtaken by its own other timer on a ticket comes back to it when its lease is over.
        let mut fired = left.unwrap() + right.unwrap();
        fired += fire(&db.store, "a", now + Duration::seconds(2 * TIMER_LEASE_SECONDS)).await;
        assert_eq!(fired, 30);
        assert_eq!((told(&fixture, "ticket.response-due").await, told(&fixture, "ticket.escalated").await), (15, 15));
        // The clock is set back, and comes by again.
        for minutes in [-600, 14, 30, 31] {
            assert_eq!(fire(&db.store, "a", afternoon() + Duration::minutes(minutes)).await, 0);
        }
        for id in ids {
            let ticket = fixture.store.ticket(id).await.unwrap().ticket;
            assert_eq!((ticket.level, ticket.late), (Some(Level::ProjectHead), false));
            let history = fixture.store.ticket_history(id).await.unwrap();
            assert_eq!((history.fired.len(), history.timers.len()), (2, 1));
        }
        fixture.assert_consistent().await;
    }

    async fn what_is_solved_or_waits_is_not_timed(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let stamp = Stamp { at: afternoon(), ..fixture.stamp.clone() };
        let lift = Intake { category: "lift".into(), ..intake(&fixture, "repair") };
        let mut walked = Vec::new();
        for last in [TicketMove::Suspend, TicketMove::Solve] {
            let id = tickets.take_in(&stamp, lift.clone()).await.unwrap().ticket.id;
            let wanted = [dispatched_to(&stamp), Wanted::plain(TicketMove::Accept), Wanted::plain(TicketMove::Start), Wanted::because(last, "缺配件")];
            for wanted in wanted {
                tickets.move_ticket(&stamp, id, None, &wanted).await.unwrap();
            }
            walked.push(id);
        }
        let late = afternoon() + Duration::days(3);
        assert_eq!(fire(&db.store, "a", late).await, 1, "only the follow-up of the solved one is due");
        assert_eq!(told(&fixture, "ticket.follow-up-due").await, 1);
        // It was suspended at once: all four hours are left, and the half hour until it rises.
        let back = Stamp { at: late, ..stamp };
        let resumed = tickets.move_ticket(&back, walked[0], None, &Wanted::plain(TicketMove::Resume)).await.unwrap().ticket;
        assert_eq!(resumed.solve_due_at, Some(late + Duration::hours(4)));
        assert_eq!(fire(&db.store, "a", late + Duration::hours(4)).await, 2);
        let ticket = fixture.store.ticket(walked[0]).await.unwrap().ticket;
        assert_eq!((ticket.late, ticket.level), (true, Some(Level::ProjectHead)));
    }

    /// What a dead host had claimed another one fires: at once where the death is known, else when the lease is over.
    async fn a_dead_hosts_timers_are_fired_by_another(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let tickets = Tickets::new(fixture.store.clone());
        let stamp = Stamp { at: afternoon(), ..fixture.stamp.clone() };
        let now = afternoon() + Duration::minutes(16);
        for dies_known in [true, false] {
            tickets.take_in(&stamp, Intake { category: "lift".into(), ..intake(&fixture, "repair") }).await.unwrap();
            assert_eq!(db.store.claim_timers("dead", now, 10).await.unwrap().len(), 1);
            assert_eq!(fire(&db.store, "b", now).await, 0);
            if dies_known {
                db.store.release_jobs("dead").await.unwrap();
                assert_eq!(fire(&db.store, "b", now).await, 1);
            } else {
                assert_eq!(fire(&db.store, "b", now + Duration::seconds(TIMER_LEASE_SECONDS + 1)).await, 1);
            }
        }
        assert_eq!(told(&fixture, "ticket.response-due").await, 2);
    }

    async fn paid_work_is_quoted_accepted_and_left_to_charge(db) {
        let fixture = Fixture::new(&db.store, 1).await;
        let (tickets, orders) = (Tickets::new(fixture.store.clone()), WorkOrders::new(fixture.store.clone()));
        let ticket = tickets.take_in(&fixture.stamp, intake(&fixture, "repair")).await.unwrap().ticket;
        let edit = |title: &str| WorkOrderEdit {
            title: title.into(), assignee: None, checklist: vec![CheckItem { text: "关总阀".into(), done: true }],
            parts: vec![Part { name: "水管".into(), quantity_milli: 2_500, unit: "m".into() }], minutes: 45,
        };
        let order = orders.add(&fixture.stamp, ticket.id, edit("换水管")).await.unwrap();
        assert_eq!(orders.add(&fixture.stamp, ticket.id, edit("补墙")).await.unwrap().number, 2);
        // Databases keep microseconds.
        let kept = orders.order(order.id).await.unwrap();
        assert_eq!((kept.number, &kept.parts, &kept.checklist), (1, &order.parts, &order.checklist));
        let edited = orders.edit(&fixture.stamp, order.id, 1, edit("换一段水管")).await.unwrap();
        assert_eq!((edited.version, edited.title.as_str()), (2, "换一段水管"));
        let late = orders.edit(&fixture.stamp, order.id, 1, edit("换")).await;
        assert!(matches!(late, Err(Error::Refused { code: STALE, .. })));
        let quote = WorkOrderMove::Quote { amount: Fen(8_000), what_for: "材料和人工".into() };
        let moves = [quote, WorkOrderMove::Answer { accepted: true }, WorkOrderMove::Complete];
        for (seen, made) in (2..).zip(&moves) {
            orders.make(&fixture.stamp, order.id, seen, made).await.unwrap();
        }
        let to_charge = orders.of_project(fixture.project.id, true, None, 9).await.unwrap().items;
        assert_eq!(to_charge.iter().map(|order| (order.id, order.payment)).collect::<Vec<_>>(), [(order.id, Payment::ToCharge)]);
        let first = orders.of_project(fixture.project.id, false, None, 1).await.unwrap();
        let second = orders.of_project(fixture.project.id, false, first.next.as_deref(), 1).await.unwrap();
        assert_eq!((first.items[0].number, second.items[0].number, second.next), (2, 1, None));
        let events = fixture.store.events(None, 1_000).await.unwrap();
        let chargeable: Vec<_> = events.iter().filter(|event| event.kind == "work-order.chargeable").collect();
        assert_eq!(chargeable.len(), 1);
        assert_eq!(chargeable[0].payload["amount_fen"], 8_000);
        let other = Fixture::named(&db.store, "other", 1).await;
        let others = WorkOrders::new(other.store.clone());
        assert!(matches!(others.order(order.id).await, Err(Error::NotFound { .. })));
        assert!(matches!(others.of_ticket(ticket.id).await, Err(Error::NotFound { .. })));
        fixture.assert_consistent().await;
    }

    async fn a_link_is_kept_until_it_is_taken_back(db) {
        let fixture = Fixture::new(&db.store, 2).await;
        let links = OwnerLinks::new(fixture.store.clone());
        let about = LinkAbout::Unit(fixture.units()[0]);
        assert!(fixture.store.owner_link_secret().await.unwrap().is_none());
        let (made, token) = links.make(&fixture.stamp, about, 2).await.unwrap();
        let opened = link::open(&*db.store, &token, now()).await.unwrap();
        assert_eq!((opened.link.id, opened.place.as_str()), (made.id, "1-1-1"));
        let report = Report { kind: "repair".into(), category: String::new(), words: "漏水".into(), caller: Caller::default() };
        let ticket = opened.report(report.clone()).await.unwrap().ticket;
        assert_eq!((ticket.channel, ticket.link_id, ticket.unit_id), (Channel::OwnerLink, Some(made.id), Some(fixture.units()[0])));
        assert_eq!(opened.listed().await.unwrap().len(), 1);
        // Another link of the same unit does not show it.
        let (_, second) = links.make(&fixture.stamp, about, 2).await.unwrap();
        assert!(link::open(&*db.store, &second, now()).await.unwrap().listed().await.unwrap().is_empty());
        let ended = link::open(&*db.store, &token, now() + Duration::days(3)).await;
        assert!(matches!(ended, Err(Error::Refused { code: "link-expired", .. })));
        assert_eq!(links.of(&fixture.stamp.actor, about).await.unwrap().len(), 2);
        // A company that has made no link has no key; another one's key signs nothing here.
        let other = Fixture::named(&db.store, "other", 1).await;
        assert!(matches!(OwnerLinks::new(other.store.clone()).revoke(&other.stamp, made.id).await, Err(Error::NotFound { .. })));
        links.revoke(&fixture.stamp, made.id).await.unwrap();
        assert!(matches!(links.revoke(&fixture.stamp, made.id).await, Err(Error::Conflict(_))));
        assert!(matches!(link::open(&*db.store, &token, now()).await, Err(Error::NotFound { .. })));
        for days in [0, 367] {
            assert!(matches!(links.make(&fixture.stamp, about, days).await, Err(Error::Invalid { .. })));
        }
        fixture.assert_consistent().await;
    }
}
