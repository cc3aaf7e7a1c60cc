//! Types generated from `wit/`. What goes to a guest is borrowed, what comes from it is owned: columns are copied once,
//! into the guest's memory and out of it.

#![allow(
    unsafe_code,
    reason = "the generated conversions implement wasmtime's unsafe traits; nothing here is written by hand"
)]
#![allow(
    missing_debug_implementations,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::semicolon_if_nothing_returned
)]

pub(crate) mod fee {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/types@1.0.0", "../../wit/deps/fee-policy@1.0.0"],
        world: "guanjia:fee-policy/fee-policy-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) mod late_fee {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/types@1.0.0", "../../wit/deps/late-fee-policy@1.0.0"],
        world: "guanjia:late-fee-policy/late-fee-policy-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "guanjia:types/types@1.0.0": crate::bindings::fee::guanjia::types::types,
            "guanjia:types/log@1.0.0": crate::bindings::fee::guanjia::types::log,
        },
    });
}

/// Records are moved there and back as they are: there are few of them in a call, whatever it costs to copy one.
pub(crate) mod ticket {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/types@1.0.0", "../../wit/deps/effects@1.0.0", "../../wit/deps/ticket-policy@1.0.0"],
        world: "guanjia:ticket-policy/ticket-policy-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "guanjia:types/types@1.0.0": crate::bindings::fee::guanjia::types::types,
            "guanjia:types/log@1.0.0": crate::bindings::fee::guanjia::types::log,
        },
    });
}

pub(crate) use fee::guanjia::types::{log, types};
