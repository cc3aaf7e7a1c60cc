use super::super::{
    Caller, Channel, Dispatch, FollowUpChannel, Level, Priority, TicketSetup, routing::built_in, timer::fire,
};
use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("is an instant")
}

/// A Monday morning in Shanghai.
fn monday() -> DateTime<Utc> {
    instant("2026-03-02T01:00:00Z")
}

/// A person at a desk, an engineer, and a calendar.
struct Office {
    calendar: WorkingCalendar,
    setup: TicketSetup,
    engineer: StaffId,
    at: DateTime<Utc>,
}

impl Office {
    fn new() -> Self {
        Self {
            calendar: WorkingCalendar::default(),
            setup: TicketSetup::of(vec![]),
            engineer: StaffId::generate(),
            at: monday(),
        }
    }

    fn scene(&self, me: StaffId, dispatches: bool) -> Scene<'_> {
        Scene {
            at: self.at,
            by: "li",
            me,
            dispatches,
            calendar: &self.calendar,
            calendar_version: 0,
            zone: chrono_tz::Asia::Shanghai,
            follow_up_within: Some(Allowed::working(60)),
        }
    }

    fn take_in(&self, kind: &str, dispatch: Dispatch) -> Planned {
        let intake = Intake {
            project_id: ProjectId::generate(),
            kind: kind.into(),
            category: String::new(),
            channel: Channel::Phone,
            unit_id: None,
            place: "6号楼大堂".into(),
            words: "漏水".into(),
            caller: Caller { name: "王天宇".into(), phone: "13800000000".into() },
            priority: None,
            link_id: None,
        };
        let scene = self.scene(StaffId::generate(), true);
        let mut terms = self.setup.terms(kind, "").expect("is known");
        terms.dispatch = dispatch;
        let draft = draft(&intake, &self.setup.kinds[kind].of, terms.priority, &scene);
        let mut routing = built_in(&draft, &terms);
        if dispatch == Dispatch::Assign {
            routing.ranking = vec![super::super::Ranked { staff: self.engineer, reason: String::new() }];
        }
        take_in(draft, routing, &scene).expect("is taken in")
    }

    /// As the engineer.
    fn go(&self, planned: &Planned, wanted: &Wanted) -> Result<Planned> {
        let routing = asks_routing(wanted).map(|_| planned.ticket.routing.clone());
        move_ticket(&planned.ticket, &planned.timers, wanted, routing, &self.scene(self.engineer, true))
    }

    fn walk(&self, planned: &Planned, moves: &[TicketMove]) -> Planned {
        moves.iter().fold(planned.clone(), |planned, made| {
            let mut wanted = Wanted::because(*made, "因此");
            if *made == TicketMove::Dispatch {
                wanted.to = Some(self.engineer);
            }
            self.go(&planned, &wanted).expect("is possible")
        })
    }
}

fn followed_up(result: FollowUpResult) -> Wanted {
    let score = (result == FollowUpResult::Satisfied).then_some(5);
    let entry = FollowUpEntry { result, channel: FollowUpChannel::Call, score, words: "还在漏".into() };
    Wanted { follow_up: Some(entry), ..Wanted::plain(TicketMove::FollowUp) }
}

use TicketMove as M;
use TicketState as S;

const TO_SOLVED: &[TicketMove] = &[M::Dispatch, M::Accept, M::Start, M::Solve];

#[test]
fn a_ticket_that_is_taken_in_has_its_deadlines() {
    let office = Office::new();
    let taken = office.take_in("repair", Dispatch::Wait);
    assert_eq!((taken.ticket.state, taken.ticket.version, taken.moves.len()), (S::Intake, 1, 1));
    assert_eq!(taken.ticket.response_due_at, Some(instant("2026-03-02T01:30:00Z")));
    assert_eq!(taken.ticket.solve_due_at, Some(instant("2026-03-03T01:00:00Z")), "a working day later");
    assert_eq!(taken.ticket.due_at(), taken.ticket.response_due_at);
    let kinds: Vec<_> = taken.timers.iter().map(|timer| (timer.kind, timer.level)).collect();
    let rises = |level| (TimerKind::Escalation, Some(level));
    assert_eq!(
        kinds,
        [(TimerKind::Response, None), (TimerKind::Solve, None), rises(Level::Supervisor), rises(Level::ProjectHead)]
    );
    assert_eq!(taken.events[0].kind, "ticket.taken-in");
    assert!(!taken.events[0].payload.to_string().contains("138"), "events carry no personal data");
}

#[rstest]
#[case::assigned(Dispatch::Assign, S::Dispatched, false)]
#[case::offered(Dispatch::Offer, S::Dispatched, true)]
#[case::waits(Dispatch::Wait, S::Intake, false)]
fn a_routing_says_who_gets_it(#[case] dispatch: Dispatch, #[case] state: TicketState, #[case] offered: bool) {
    let office = Office::new();
    let taken = office.take_in("repair", dispatch);
    assert_eq!((taken.ticket.state, taken.ticket.offered), (state, offered));
    assert_eq!(taken.ticket.assignee, (dispatch == Dispatch::Assign).then_some(office.engineer));
    assert_eq!(taken.moves.len(), if state == S::Intake { 1 } else { 2 });
}

#[rstest]
#[case::repair("repair", "follow-up-missing")]
#[case::complaint("complaint", "follow-up-missing")]
#[case::enquiry("enquiry", "")]
fn what_has_to_be_followed_up_is_not_closed_before(#[case] kind: &str, #[case] expected: &str) {
    let office = Office::new();
    let solved = office.walk(&office.take_in(kind, Dispatch::Wait), TO_SOLVED);
    match office.go(&solved, &Wanted::plain(M::Close)) {
        Ok(closed) => assert_eq!((expected, closed.ticket.state), ("", S::Closed)),
        Err(Error::Refused { code, .. }) => assert_eq!(code, expected),
        Err(other) => panic!("{other}"),
    }
    let satisfied = office.go(&solved, &followed_up(FollowUpResult::Satisfied)).expect("is possible");
    let closed = office.go(&satisfied, &Wanted::plain(M::Close)).expect("is possible");
    assert_eq!((closed.ticket.state, closed.timers.len(), closed.ticket.due_at()), (S::Closed, 0, None));
    assert_eq!(closed.ticket.effective, (kind == "complaint").then_some(true));
}

#[test]
fn whoever_is_dissatisfied_has_it_again() {
    let mut office = Office::new();
    let solved = office.walk(&office.take_in("repair", Dispatch::Wait), TO_SOLVED);
    office.at += Duration::minutes(10);
    let again = office.go(&solved, &followed_up(FollowUpResult::Dissatisfied)).expect("is possible");
    assert_eq!((again.ticket.state, again.ticket.assignee, again.moves.len()), (S::Reopened, None, 2));
    assert_eq!(again.ticket.response_due_at, Some(instant("2026-03-02T01:40:00Z")), "it begins anew");
    assert_eq!(again.follow_up.as_ref().map(|found| found.entry.result), Some(FollowUpResult::Dissatisfied));
    assert!(again.ticket.solved_at.is_none() && again.timers.iter().all(|timer| timer.kind != TimerKind::FollowUp));
    assert!(office.go(&again, &Wanted::because(M::Cancel, "算了")).is_err(), "work was done on it");
}

#[test]
fn nobody_reached_is_counted_and_called_again() {
    let mut office = Office::new();
    let mut planned = office.walk(&office.take_in("complaint", Dispatch::Wait), TO_SOLVED);
    assert_eq!(planned.ticket.due_at(), Some(office.at + Duration::hours(1)));
    for count in 1..=3 {
        office.at += Duration::minutes(20);
        planned = office.go(&planned, &followed_up(FollowUpResult::NotReached)).expect("is possible");
        assert_eq!((planned.ticket.state, planned.ticket.not_reached), (S::Solved, count));
        assert_eq!(planned.ticket.due_at(), Some(office.at + Duration::hours(1)));
        assert!(matches!(
            office.go(&planned, &Wanted::plain(M::Close)),
            Err(Error::Refused { code: "follow-up-missing", .. })
        ));
    }
    assert_eq!(planned.timers.len(), 1);
}

#[test]
fn an_offered_ticket_has_one_taker() {
    let office = Office::new();
    let offered = office.take_in("repair", Dispatch::Offer);
    let other = StaffId::generate();
    let taken = office.go(&offered, &Wanted::plain(M::Accept)).expect("is free");
    assert_eq!((taken.ticket.assignee, taken.ticket.offered), (Some(office.engineer), false));
    let late = move_ticket(&taken.ticket, &taken.timers, &Wanted::plain(M::Accept), None, &office.scene(other, false));
    assert!(matches!(late, Err(Error::Conflict(_))));
    let work = move_ticket(&taken.ticket, &taken.timers, &Wanted::plain(M::Start), None, &office.scene(other, false));
    assert!(matches!(work, Err(Error::Refused { code: "not-yours", .. })));
    assert!(taken.timers.iter().all(|timer| timer.kind != TimerKind::Response));
}

#[rstest]
#[case(M::Suspend)]
#[case(M::Transfer)]
#[case(M::Return)]
#[case(M::Solve)]
fn some_moves_say_why(#[case] made: TicketMove) {
    let office = Office::new();
    let working = office.walk(&office.take_in("repair", Dispatch::Wait), &TO_SOLVED[..3]);
    assert!(matches!(office.go(&working, &Wanted::plain(made)), Err(Error::Refused { code: "reason-missing", .. })));
    assert!(office.go(&working, &Wanted::because(made, "x".repeat(WORDS_LENGTH_MAX + 1))).is_err());
    assert!(office.go(&working, &Wanted::because(made, "缺配件")).is_ok());
}

#[test]
fn a_pause_moves_what_is_due() {
    let mut office = Office::new();
    let working = office.walk(&office.take_in("repair", Dispatch::Wait), &TO_SOLVED[..3]);
    office.at += Duration::hours(2);
    let waits = office.walk(&working, &[M::Suspend]);
    assert_eq!(waits.ticket.due_at(), None);
    assert!(waits.timers.iter().all(|timer| timer.due_at.is_none() && fire(&waits.ticket, timer).is_none()));
    office.at += Duration::days(7);
    let again = office.walk(&waits, &[M::Resume]);
    assert_eq!(again.ticket.solve_due_at, working.ticket.solve_due_at.map(|due| due + Duration::days(7)));
}

#[test]
fn a_late_complaint_rises_to_the_project_head() {
    let mut office = Office::new();
    let taken = office.take_in("complaint", Dispatch::Wait);
    let solve = taken.timers.iter().find(|timer| timer.kind == TimerKind::Solve).expect("is timed");
    let fired = fire(&taken.ticket, solve).expect("fires");
    assert_eq!((fired.ticket.late, fired.ticket.level), (true, Some(Level::ProjectHead)));
    assert_eq!(fired.event.kind, "ticket.solve-due");
    office.at += Duration::days(30);
    let solved = office.walk(&taken, TO_SOLVED);
    assert!(solved.ticket.late, "also where no timer fired");
    assert!(fire(&solved.ticket, solve).is_none(), "what is solved is not due");
}

#[test]
fn what_has_ended_is_not_edited() {
    let office = Office::new();
    let taken = office.take_in("complaint", Dispatch::Wait);
    let mut changed = TicketEdit::of(&taken.ticket);
    changed.effective = Some(false);
    changed.priority = Priority::High;
    let edited = edit(&taken.ticket, &changed).expect("is open");
    assert_eq!((edited.effective, edited.priority, edited.version), (Some(false), Priority::High, 2));
    let cancelled = office.walk(&taken, &[M::Cancel]);
    assert!(matches!(edit(&cancelled.ticket, &changed), Err(Error::Refused { code: "ticket-ended", .. })));
    let enquiry = office.take_in("enquiry", Dispatch::Wait);
    assert!(matches!(edit(&enquiry.ticket, &changed), Err(Error::Refused { code: "not-a-complaint", .. })));
}

/// Something that is tried on a ticket, whether it is possible or not.
fn attempts() -> impl Strategy<Value = (Wanted, i64, bool)> {
    let made = prop::sample::select(TicketMove::ALL);
    let result = prop::sample::select(FollowUpResult::ALL);
    // Clocks jump back, too.
    (made, result, -100_i64..500, any::<bool>()).prop_map(|(made, result, minutes, fires)| {
        let wanted = if made == M::FollowUp { followed_up(result) } else { Wanted::because(made, "因此") };
        (wanted, minutes, fires)
    })
}

fn dispatches() -> impl Strategy<Value = Dispatch> {
    prop::sample::select(Dispatch::ALL)
}

fn kinds() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["repair", "complaint", "request", "enquiry", "suggestion"][..])
}

/// A way from each open state on.
fn way_out(state: TicketState) -> Wanted {
    match state {
        S::Intake | S::Transferred | S::Returned | S::Reopened => Wanted::plain(M::Dispatch),
        S::Dispatched => Wanted::plain(M::Accept),
        S::Accepted => Wanted::plain(M::Start),
        S::Suspended => Wanted::plain(M::Resume),
        S::Working => Wanted::because(M::Solve, "修好"),
        S::Solved => followed_up(FollowUpResult::Satisfied),
        S::FollowedUp | S::Closed | S::Cancelled => Wanted::plain(M::Close),
    }
}

proptest! {
    #[test]
    fn any_sequence_of_moves_keeps_the_rules(
        kind in kinds(), dispatch in dispatches(), tried in prop::collection::vec(attempts(), 0..40),
    ) {
        let mut office = Office::new();
        let mut planned = office.take_in(kind, dispatch);
        let mut rows = planned.moves.clone();
        let mut satisfied = false;
        for (mut wanted, minutes, fires) in tried {
            office.at += Duration::minutes(minutes);
            if wanted.made == M::Dispatch && fires {
                wanted.to = Some(office.engineer);
            }
            if fires && let Some(timer) = planned.timers.iter().find(|timer| timer.due_at.is_some_and(|due| due <= office.at)).cloned() {
                let level = planned.ticket.level;
                if let Some(fired) = fire(&planned.ticket, &timer) {
                    planned.ticket = fired.ticket;
                }
                planned.timers.retain(|other| other.id != timer.id);
                prop_assert!(planned.ticket.level >= level);
            }
            let Ok(next) = office.go(&planned, &wanted) else { continue };
            prop_assert!(!planned.ticket.has_ended(), "nothing moves after the end");
            prop_assert_eq!(next.ticket.version, planned.ticket.version + 1);
            match next.follow_up.as_ref().map(|found| found.entry.result) {
                Some(FollowUpResult::Satisfied) => satisfied = true,
                Some(FollowUpResult::Dissatisfied) => prop_assert!(!next.ticket.has_ended() && next.ticket.solved_at.is_none()),
                _ => {}
            }
            if next.ticket.state == S::Reopened || next.moves.iter().any(|row| row.to == S::Reopened) {
                satisfied = false;
            }
            if next.ticket.state == S::Closed {
                prop_assert!(satisfied || !next.ticket.follow_up, "closed without its follow-up");
            }
            if next.ticket.state == S::Cancelled {
                prop_assert!(next.ticket.started_at.is_none());
            }
            let stands_still = next.ticket.state == S::Suspended;
            prop_assert!(next.timers.iter().all(|timer| timer.due_at.is_none() == stands_still));
            prop_assert!(!next.ticket.has_ended() || next.timers.is_empty());
            rows.extend(next.moves.clone());
            planned = next;
        }
        prop_assert!(rows.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].number + 1 == pair[1].number));
        prop_assert!(rows.windows(2).all(|pair| pair[1].from == Some(pair[0].to)), "the history has no hole");
        // Wherever it stands, there is a way to the end.
        for _ in 0..8 {
            if planned.ticket.has_ended() {
                break;
            }
            planned = office.go(&planned, &way_out(planned.ticket.state)).expect("is the way out");
        }
        prop_assert!(planned.ticket.has_ended());
    }
}
