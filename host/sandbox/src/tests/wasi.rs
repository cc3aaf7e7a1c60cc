//! The virtual WASI, asked by components that want more of it than an interpreter does.

use guanjia_domain::{
    Error, Result,
    decision::{HoldKind, Outcome},
    job::{RunProgress, Watch},
    ports::{Evaluation, PolicyEngine},
};
use rstest::rstest;

use super::{Components, digest, guest::Guest, question, sandbox};
use crate::{
    Limits,
    wasi::limits::{HANDLES, RANDOM_BYTES},
};

/// As much of WASI as the guests below import, from several patch releases.
const WIT: &str = "
package test:guest;
package wasi:io@0.2.3 {
    interface error { resource error; }
    interface poll { resource pollable { ready: func() -> bool; } }
    interface streams {
        use error.{error};
        use poll.{pollable};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            check-write: func() -> result<u64, stream-error>;
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            subscribe: func() -> pollable;
        }
        resource input-stream { read: func(len: u64) -> result<list<u8>, stream-error>; }
    }
}
package wasi:cli@0.2.0 {
    interface exit { exit: func(status: result); }
    interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
    interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
    interface stderr { use wasi:io/streams@0.2.3.{output-stream}; get-stderr: func() -> output-stream; }
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
    }
}
package wasi:clocks@0.2.12 {
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
    interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
}
package wasi:random@0.2.9 {
    interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
}
package wasi:filesystem@0.2.9 {
    interface types { resource descriptor { sync: func(); } }
    interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
world guest {
    import wasi:io/streams@0.2.3;
    import wasi:io/poll@0.2.3;
    import wasi:cli/exit@0.2.0;
    import wasi:cli/stdin@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:cli/stderr@0.2.0;
    import wasi:cli/environment@0.2.0;
    import wasi:clocks/wall-clock@0.2.12;
    import wasi:clocks/monotonic-clock@0.2.12;
    import wasi:random/random@0.2.9;
    import wasi:filesystem/types@0.2.9;
    import wasi:filesystem/preopens@0.2.9;
    import guanjia:types/log@1.0.0;
    export guanjia:fee-policy/fee-policy@1.0.0;
}";

const IMPORTS: &str = r#"
(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
(import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
(import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $monotonic (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $wait (param i64) (result i32)))
(import "wasi:random/random@0.2.9" "get-random-bytes" (func $bytes (param i64 i32)))
(import "wasi:random/random@0.2.9" "get-random-u64" (func $u64 (result i64)))
(import "wasi:filesystem/preopens@0.2.9" "get-directories" (func $directories (param i32)))
(import "wasi:filesystem/types@0.2.9" "[resource-drop]descriptor" (func $drop_descriptor (param i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.check-write" (func $check (param i32 i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
(import "wasi:io/streams@0.2.3" "[method]input-stream.read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.3" "[resource-drop]output-stream" (func $drop_output (param i32)))
(import "wasi:io/poll@0.2.3" "[method]pollable.ready" (func $ready (param i32) (result i32)))
"#;

/// Writes a number as 16 hexadecimal digits to the log, and ends the call where two numbers differ.
const BESIDE: &str = r#"
(func $tell (param i64)
    (local $i i32) (local $digit i32)
    (loop $next
        (local.set $digit (i32.wrap_i64 (i64.and (i64.shr_u (local.get 0) (i64.extend_i32_u (i32.mul (i32.sub (i32.const 15) (local.get $i)) (i32.const 4)))) (i64.const 15))))
        (i32.store8 (i32.add (i32.const 8192) (local.get $i))
            (i32.add (local.get $digit) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 16))))
    (call $log (i32.const 1) (i32.const 8192) (i32.const 16)))
(func $must_be (param i64 i64)
    (if (i64.ne (local.get 0) (local.get 1)) (then (call $tell (local.get 0)) unreachable)))
"#;

fn guest(evaluate: &'static str) -> Guest {
    Guest { evaluate, imports: IMPORTS, wit: WIT, beside: BESIDE, ..Guest::default() }
}

async fn evaluate(evaluate: &'static str) -> Evaluation {
    let component = guest(evaluate).component();
    let sandbox = sandbox(Limits::default());
    sandbox.prepare(&digest(&component), &Components::of(&component)).await.unwrap();
    sandbox.evaluate(&digest(&component), "{}", &question(2)).await.unwrap()
}

async fn log_of(instructions: &'static str) -> Vec<String> {
    let evaluation = evaluate(instructions).await;
    assert!(matches!(evaluation.outcome, Outcome::Answer(_)), "{evaluation:?}");
    evaluation.log
}

#[tokio::test]
async fn a_component_that_imports_it_is_installed() {
    let plugin = sandbox(Limits::default()).verify(guest("i32.const 1024").component()).await.unwrap();
    assert_eq!(plugin.id, "hand-made");
}

#[tokio::test]
async fn the_clock_stands_still_and_the_generator_repeats_itself() {
    let instructions = "
        (call $wall (i32.const 8448)) (call $tell (i64.load (i32.const 8448))) (call $tell (i64.load32_u offset=8 (i32.const 8448)))
        (call $tell (call $monotonic)) (call $tell (call $u64)) (call $tell (call $u64))
        (call $bytes (i64.const 8) (i32.const 8448)) (call $tell (i64.load (i32.load (i32.const 8448))))
        i32.const 1024";
    let first = log_of(instructions).await;
    // 2025-01-01T00:00:00Z; nothing; nothing; then SplitMix64 seeded with 0.
    let values: Vec<u64> = first.iter().map(|line| u64::from_str_radix(&line["info: ".len()..], 16).unwrap()).collect();
    assert_eq!(values[..4], [1_735_689_600, 0, 0, 0xe220_a839_7b1d_cdaf]);
    assert!(values[3] != values[4] && values[4] != values[5]);
    assert_eq!(log_of(instructions).await, first, "in another sandbox, too");
}

#[tokio::test]
async fn there_is_nothing_to_read() {
    // Lists come as address and length; `closed` is the second case of the error.
    log_of(
        "(call $environment (i32.const 8448)) (call $must_be (i64.load32_u offset=4 (i32.const 8448)) (i64.const 0))
         (call $arguments (i32.const 8448)) (call $must_be (i64.load32_u offset=4 (i32.const 8448)) (i64.const 0))
         (call $directories (i32.const 8448)) (call $must_be (i64.load32_u offset=4 (i32.const 8448)) (i64.const 0))
         (call $read (call $stdin) (i64.const 100) (i32.const 8448))
         (call $must_be (i64.load8_u (i32.const 8448)) (i64.const 1)) (call $must_be (i64.load8_u offset=4 (i32.const 8448)) (i64.const 1))
         i32.const 1024",
    )
    .await;
}

#[tokio::test]
async fn what_is_printed_is_logged_with_its_stream() {
    let log = log_of(
        "(call $print (call $stdout) (i32.const 16) (i32.const 5) (i32.const 8448))
         (call $must_be (i64.load8_u (i32.const 8448)) (i64.const 0))
         (call $print (call $stderr) (i32.const 0) (i32.const 4) (i32.const 8448))
         (call $must_be (i64.extend_i32_u (call $ready (call $subscribe (call $stdout)))) (i64.const 1))
         i32.const 1024",
    )
    .await;
    assert_eq!(log, ["info: month", "warn: step"]);
}

#[tokio::test]
async fn a_flood_of_printing_is_dropped_and_the_answer_counts() {
    // 10,000 times 4,096 zeros, without a newline; then 10,000 times as many newlines.
    let flood = "(local $i i32) (local $to i32) (local.set $to (call $stdout))
        (loop $zeros (call $print (local.get $to) (i32.const 9000) (i32.const 4096) (i32.const 8448))
            (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $zeros (i32.lt_u (local.get $i) (i32.const 10000))))
        (memory.fill (i32.const 9000) (i32.const 10) (i32.const 4096)) (local.set $i (i32.const 0))
        (loop $lines (call $print (local.get $to) (i32.const 9000) (i32.const 4096) (i32.const 8448))
            (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $lines (i32.lt_u (local.get $i) (i32.const 10000))))
        i32.const 1024";
    let log = log_of(flood).await;
    assert!(log.len() < 300 && log.last().unwrap().contains("dropped"), "{} lines", log.len());
    assert!(log.iter().map(String::len).sum::<usize>() < 20_000);
}

#[rstest]
#[case::exit("(call $exit (i32.const 0)) i32.const 1024", "ended itself")]
#[case::waiting(
    "(drop (call $wait (i64.const 1000))) i32.const 1024",
    "wasi:clocks/monotonic-clock@0.2.12#subscribe-duration"
)]
#[case::much_randomness(
    "(call $bytes (i64.const 65537) (i32.const 8448)) i32.const 1024",
    "more than 65536 random bytes"
)]
#[case::endless_randomness("(call $bytes (i64.const -1) (i32.const 8448)) i32.const 1024", "random bytes")]
#[case::many_handles("(loop $l (drop (call $stdout)) (br $l)) unreachable", "more than 1024 handles")]
#[tokio::test]
async fn what_a_rule_has_no_use_for_breaks_the_call(#[case] instructions: &'static str, #[case] words: &str) {
    assert_eq!((HANDLES, RANDOM_BYTES), (1_024, 65_536));
    let evaluation = evaluate(instructions).await;
    let Outcome::Failure(failure) = evaluation.outcome else { panic!("{evaluation:?}") };
    assert_eq!(failure.kind, HoldKind::Trap);
    assert!(failure.reason.contains(words), "{}", failure.reason);
}

#[tokio::test]
async fn handles_that_are_given_back_are_counted_off() {
    log_of(
        "(local $i i32)
         (loop $l (call $drop_output (call $stdout)) (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 5000))))
         i32.const 1024",
    )
    .await;
}

#[tokio::test]
async fn randomness_costs_fuel() {
    let evaluation = evaluate("(loop $l (call $bytes (i64.const 65536) (i32.const 8448)) (br $l)) unreachable").await;
    let Outcome::Failure(failure) = evaluation.outcome else { panic!("{evaluation:?}") };
    // Whichever comes first: the fuel, or the memory that the bytes are put into.
    assert_eq!(failure.kind, HoldKind::Limit, "{}", failure.reason);
}

/// Writes down what it is told, and ends the work when it is so far.
struct Told {
    parts: Vec<i64>,
    ends_at: i64,
}

#[async_trait::async_trait]
impl Watch for Told {
    async fn tell(&mut self, at: RunProgress) -> Result<()> {
        assert_eq!(at.total, 100);
        self.parts.push(at.done);
        if at.done < self.ends_at { Ok(()) } else { Err(Error::Cancelled) }
    }
}

#[tokio::test]
async fn who_watches_is_told_how_far_it_is_and_may_end_it() {
    let component = guest("i32.const 1024").component();
    let mut told = Told { parts: Vec::new(), ends_at: i64::MAX };
    sandbox(Limits::default()).verify_watched(component.clone(), &mut told).await.unwrap();
    assert!(told.parts.is_sorted(), "{:?}", told.parts);
    assert_eq!((told.parts.first(), told.parts.last()), (Some(&0), Some(&100)));
    let sandbox = sandbox(Limits::default());
    // At once, and when only the golden cases are left.
    for ends_at in [0, 90] {
        let mut impatient = Told { parts: Vec::new(), ends_at };
        let ended = sandbox.verify_watched(component.clone(), &mut impatient).await;
        assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
        assert!(sandbox.evaluate(&digest(&component), "{}", &question(1)).await.is_err(), "nothing of it is kept");
    }
    // What takes a moment is not told about.
    let mut told = Told { parts: Vec::new(), ends_at: 0 };
    sandbox.verify_watched(Guest::default().component(), &mut told).await.unwrap();
}
