//! `ticket-policy`: what is a ticket, how urgent is it, who should take it, and by when?

use guanjia_values::{Allowed, Decimal, Escalation, Ranked};

use crate::Step;

/// Working hours only.
pub const WORKING: &str = "working";
/// Day and night.
pub const AROUND: &str = "around";

/// So many minutes on a clock.
#[must_use]
pub fn allowed(minutes: u32, clock: &str) -> Allowed {
    Allowed { minutes, clock: clock.to_owned() }
}

/// Somebody's place in a ranking, and why.
#[must_use]
pub fn ranked(candidate: u32, reason: Step, score: Decimal) -> Ranked {
    Ranked { candidate, reason: reason.0, score }
}

/// Who is told when a time has passed.
#[must_use]
pub fn escalation(after: Allowed, level: &str) -> Escalation {
    Escalation { after, level: level.to_owned() }
}

/// Exports a [`Policy<TicketPoint>`](crate::Policy) from the component. On anything but wasm32 it does nothing.
#[macro_export]
#[rustfmt::skip] // It moves the nested macro call to another column.
macro_rules! export_ticket_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        // The generated exports of a component are unsafe functions.
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::bindings::Records<$policy, $crate::values::TicketPoint>;
            $crate::bindings::ticket::export!(Component with_types_in $crate::bindings::ticket);
        };
    };
}
