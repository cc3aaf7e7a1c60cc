//! Which moves are possible from which state: the whole truth in one table.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, access::codes};

codes! {
    TicketState {
        /// Written down, nobody has it yet.
        Intake = "intake",
        /// Given to somebody, or offered to whoever takes it.
        Dispatched = "dispatched",
        Accepted = "accepted",
        Working = "working",
        /// Waits for something; its clock stands still.
        Suspended = "suspended",
        /// Handed on to somebody else.
        Transferred = "transferred",
        /// Given back by whoever had it.
        Returned = "returned",
        Solved = "solved",
        FollowedUp = "followed-up",
        Closed = "closed",
        Reopened = "reopened",
        Cancelled = "cancelled",
    }
}

codes! {
    TicketMove {
        TakeIn = "take-in",
        /// Give it to somebody, or offer it.
        Dispatch = "dispatch",
        Accept = "accept",
        Start = "start",
        Suspend = "suspend",
        Resume = "resume",
        Transfer = "transfer",
        Return = "return",
        Solve = "solve",
        FollowUp = "follow-up",
        Close = "close",
        Reopen = "reopen",
        Cancel = "cancel",
    }
}

use TicketMove as M;
use TicketState as S;

/// A move, from where it is possible, and where it leads. A follow-up leads here when the customer is satisfied; otherwise
/// to [`S::Reopened`], or nowhere when nobody was reached. What depends on more than the state is in [`super::plan`].
pub const MOVES: &[(TicketMove, &[TicketState], TicketState)] = &[
    (M::Dispatch, &[S::Intake, S::Dispatched, S::Transferred, S::Returned, S::Reopened], S::Dispatched),
    (M::Accept, &[S::Dispatched, S::Transferred], S::Accepted),
    (M::Start, &[S::Accepted], S::Working),
    (M::Suspend, &[S::Working], S::Suspended),
    (M::Resume, &[S::Suspended], S::Working),
    (M::Transfer, &[S::Accepted, S::Working, S::Suspended], S::Transferred),
    (M::Return, &[S::Dispatched, S::Accepted, S::Working, S::Transferred], S::Returned),
    (M::Solve, &[S::Intake, S::Working], S::Solved),
    (M::FollowUp, &[S::Solved], S::FollowedUp),
    (M::Close, &[S::Solved, S::FollowedUp], S::Closed),
    (M::Reopen, &[S::Solved, S::FollowedUp], S::Reopened),
    (M::Cancel, &[S::Intake, S::Dispatched, S::Accepted, S::Transferred, S::Returned], S::Cancelled),
];

/// Where a move leads.
///
/// # Errors
/// `Refused` with `illegal-move`, the state, and what is possible instead.
pub fn target(state: TicketState, made: TicketMove) -> Result<TicketState> {
    let found = MOVES.iter().find(|(other, from, _)| *other == made && from.contains(&state));
    found.map(|(_, _, to)| *to).ok_or_else(|| illegal(state, made, &possible(state)))
}

/// The moves that the table has from a state.
#[must_use]
pub fn possible(state: TicketState) -> Vec<TicketMove> {
    MOVES.iter().filter(|(_, from, _)| from.contains(&state)).map(|(made, ..)| *made).collect()
}

/// The refusal of a move that is not possible.
#[must_use]
pub fn illegal(state: TicketState, made: TicketMove, possible: &[TicketMove]) -> Error {
    let instead = match possible {
        [] => "nothing is possible any more".to_owned(),
        moves => format!("possible: {}", moves.iter().map(|made| made.code()).collect::<Vec<_>>().join(", ")),
    };
    Error::refused("illegal-move", format!("{made} is not possible for a ticket that is {state}; {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Each state with all that is possible from it; everything else is refused.
    #[rstest]
    #[case(S::Intake, &[M::Dispatch, M::Solve, M::Cancel])]
    #[case(S::Dispatched, &[M::Dispatch, M::Accept, M::Return, M::Cancel])]
    #[case(S::Accepted, &[M::Start, M::Transfer, M::Return, M::Cancel])]
    #[case(S::Working, &[M::Suspend, M::Transfer, M::Return, M::Solve])]
    #[case(S::Suspended, &[M::Resume, M::Transfer])]
    #[case(S::Transferred, &[M::Dispatch, M::Accept, M::Return, M::Cancel])]
    #[case(S::Returned, &[M::Dispatch, M::Cancel])]
    #[case(S::Solved, &[M::FollowUp, M::Close, M::Reopen])]
    #[case(S::FollowedUp, &[M::Close, M::Reopen])]
    #[case(S::Closed, &[])]
    #[case(S::Reopened, &[M::Dispatch])]
    #[case(S::Cancelled, &[])]
    fn the_table_is_all_that_is_possible(#[case] state: TicketState, #[case] expected: &[TicketMove]) {
        assert_eq!(possible(state), expected);
        for made in TicketMove::ALL {
            match target(state, *made) {
                Ok(_) => assert!(expected.contains(made), "{made} from {state}"),
                Err(Error::Refused { code: "illegal-move", message }) => {
                    assert!(!expected.contains(made), "{made} from {state}");
                    assert!(message.contains(state.code()), "{message}");
                    assert!(expected.iter().all(|made| message.contains(made.code())), "{message}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
