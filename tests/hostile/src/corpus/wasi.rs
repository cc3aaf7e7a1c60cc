//! Components that bring themselves, by importing WASI, onto the engine of languages with a runtime: more parts, memory and
//! fuel are there, and still no more than that, and no operating system.

use super::{Entry, harmless, refused};
use crate::{EVERYBODY, Verdict, guest::Guest};

/// As much of WASI as these guests ask for.
const WIT: &str = "
package test:guest;
package wasi:cli@0.2.0 {
    interface exit { exit: func(status: result); }
    interface environment { initial-cwd: func() -> option<string>; }
}
package wasi:clocks@0.2.0 {
    interface monotonic-clock { now: func() -> u64; }
}
package wasi:random@0.2.0 {
    interface random { get-random-u64: func() -> u64; get-random-bytes: func(len: u64) -> list<u8>; }
}
world guest {
    import wasi:cli/exit@0.2.0;
    import wasi:cli/environment@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:random/random@0.2.0;
    import guanjia:types/log@1.0.0;
    export guanjia:fee-policy/fee-policy@1.0.0;
}";

const IMPORTS: &str = r#"
(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(import "wasi:cli/environment@0.2.0" "initial-cwd" (func $folder (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $bytes (param i64 i32)))
"#;

const fn held(name: &'static str, kind: &'static str, words: &'static str, make: fn() -> Vec<u8>) -> Entry {
    Entry { name, make, verdict: Verdict::Held { kind, words, subjects: EVERYBODY } }
}

pub(super) const ENTRIES: &[Entry] = &[
    held("an endless loop with the fuel of an interpreter", "limit", "fuel", || {
        evaluating("(loop $l (br $l)) unreachable")
    }),
    held("a memory bomb with the memory of an interpreter", "limit", "268435456 are allowed", || {
        evaluating("(loop $l (drop (memory.grow (i32.const 64))) (br $l)) unreachable")
    }),
    held("a process that ends itself", "trap", "ended itself", || {
        evaluating("(call $exit (i32.const 0)) (i32.const 1024)")
    }),
    held("all the chance that there is", "trap", "random bytes", || {
        evaluating("(call $bytes (i64.const -1) (i32.const 8448)) (i32.const 1024)")
    }),
    harmless("waiting for a clock, for as long as it has fuel for", || {
        evaluating(
            "(local $i i32)
             (block $done (loop $l
                (br_if $done (i64.ne (call $now) (i64.const 0)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 10000)))
                (return (call $honest (local.get 7)))))
             unreachable",
        )
    }),
    // The first number of the one sequence: whoever decides by chance decides alike whenever it is asked.
    harmless("a decision by chance", || {
        evaluating(
            "(if (i64.ne (call $random) (i64.const 0xe220a8397b1dcdaf)) (then unreachable)) (call $honest (local.get 7))",
        )
    }),
    harmless("looking for the folder of the host", || {
        evaluating(
            "(call $folder (i32.const 8448)) (if (i32.load8_u (i32.const 8448)) (then unreachable))
             (call $honest (local.get 7))",
        )
    }),
    refused("describe that ends the process", "ended itself", || {
        Guest { describe: "(call $exit (i32.const 0)) (i32.const 256)", ..guest("unreachable") }.component()
    }),
];

fn evaluating(evaluate: &'static str) -> Vec<u8> {
    guest(evaluate).component()
}

/// A guest that imports WASI, and with that is one of those that bring a runtime, whatever it does with it.
#[must_use]
pub fn guest(evaluate: &'static str) -> Guest {
    Guest { evaluate, imports: IMPORTS, wit: WIT, ..Guest::honest() }
}
