//! Every way in which a call comes to nothing, and what it is called.

use guanjia_domain::{
    decision::{HoldKind, Outcome},
    plugin::ExtensionPoint,
    ports::{Evaluation, PolicyEngine},
    values::Verdict,
};
use rstest::rstest;

use super::{Components, digest, guest::Guest, question, sandbox};
use crate::{Limits, Sandbox};

async fn evaluate(sandbox: &Sandbox, guest: Guest, subjects: u32) -> Evaluation {
    let component = guest.component();
    sandbox.prepare(&digest(&component), &Components::of(&component)).await.unwrap();
    sandbox.evaluate(&digest(&component), "{}", &question(subjects)).await.unwrap()
}

/// Stores a list of `count` entries at address 0 where the result has one: `at` is an offset in the result.
macro_rules! list {
    ($at:literal, $address:literal, $count:literal) => {
        concat!(
            "(i32.store offset=",
            $at,
            " (i32.const 1024) (i32.const ",
            $address,
            "))",
            "(i32.store offset=",
            $at,
            " (i32.const 1028) (i32.const ",
            $count,
            "))"
        )
    };
}

#[rstest]
#[case::panic("unreachable", "", HoldKind::Trap, "unreachable")]
#[case::division_by_zero("(i32.div_u (i32.const 1) (i32.const 0))", "", HoldKind::Trap, "divide by zero")]
#[case::bad_address("(i32.load (i32.const -4))", "", HoldKind::Trap, "out of bounds")]
#[case::endless_loop("(loop $l (br $l)) unreachable", "", HoldKind::Limit, "fuel of 5302000 units")]
#[case::eats_memory(
    "(loop $l (drop (memory.grow (i32.const 64))) (br $l)) unreachable",
    "",
    HoldKind::Limit,
    "67108864 are allowed"
)]
#[case::endless_recursion(
    "(call $deep)",
    "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))",
    HoldKind::Limit,
    "524288 bytes of stack"
)]
// 12 MB of steps, all read from the same place.
#[case::endless_answer(concat!("(drop (memory.grow (i32.const 256)))", list!("104", "0", "1500000"), "i32.const 1024"), "", HoldKind::Limit, "more than 1060864 bytes")]
#[case::list_outside_of_memory(concat!(list!("104", "0", "99999999"), "i32.const 1024"), "", HoldKind::InvalidOutput, "out of bounds")]
#[case::result_outside_of_memory("i32.const -16", "", HoldKind::InvalidOutput, "out of bounds")]
#[case::unaligned_result("i32.const 1025", "", HoldKind::InvalidOutput, "aligned")]
#[case::neither_ok_nor_err(
    "(i32.store8 (i32.const 1024) (i32.const 9)) i32.const 1024",
    "",
    HoldKind::InvalidOutput,
    "discriminant"
)]
#[case::unknown_verdict(concat!("(i32.store8 (i32.const 640) (i32.const 9))", list!("4", "640", "1"), "i32.const 1024"), "", HoldKind::InvalidOutput, "discriminant")]
#[case::unknown_amounts(
    "(i32.store8 (i32.const 1100) (i32.const 7)) i32.const 1024",
    "",
    HoldKind::InvalidOutput,
    "discriminant"
)]
#[tokio::test]
async fn a_bad_call_is_called_by_its_name(
    #[case] instructions: &'static str,
    #[case] beside: &'static str,
    #[case] kind: HoldKind,
    #[case] words: &str,
) {
    let guest = Guest { evaluate: instructions, beside, ..Guest::default() };
    let sandbox = sandbox(Limits::default());
    let evaluation = evaluate(&sandbox, guest, 3).await;
    let Outcome::Failure(failure) = evaluation.outcome else { panic!("{evaluation:?}") };
    assert_eq!(failure.kind, kind, "{}", failure.reason);
    assert!(failure.reason.contains(words), "{}", failure.reason);
    assert_eq!(evaluation.fuel, 0);
    // The sandbox itself is none the worse.
    assert!(matches!(evaluate(&sandbox, Guest::default(), 3).await.outcome, Outcome::Answer(_)));
}

#[tokio::test]
async fn what_fuel_does_not_stop_the_clock_does() {
    let limits = Limits { fuel_base: u64::MAX / 2, deadline_ticks: 5, ..Limits::default() };
    let guest = Guest { evaluate: "(loop $l (br $l)) unreachable", ..Guest::default() };
    let evaluation = evaluate(&sandbox(limits), guest, 1).await;
    let Outcome::Failure(failure) = evaluation.outcome else { panic!("{evaluation:?}") };
    assert_eq!(failure.kind, HoldKind::Limit);
    assert!(failure.reason.contains("50ms, twice"), "{}", failure.reason);
}

#[tokio::test]
async fn memory_that_stays_below_the_limit_is_given() {
    let limits = Limits { memory_bytes: 10 << 16, ..Limits::default() };
    // Four pages to begin with; six more are the limit, seven are one too many.
    let grows = |evaluate| Guest { evaluate, ..Guest::default() };
    let sandbox = sandbox(limits);
    let below = evaluate(&sandbox, grows("(drop (memory.grow (i32.const 6))) i32.const 1024"), 1).await;
    assert!(matches!(below.outcome, Outcome::Answer(_)), "{below:?}");
    let above = evaluate(&sandbox, grows("(drop (memory.grow (i32.const 7))) i32.const 1024"), 1).await;
    let Outcome::Failure(failure) = above.outcome else { panic!("{above:?}") };
    assert!(failure.kind == HoldKind::Limit && failure.reason.contains("720896 bytes"), "{}", failure.reason);
}

#[tokio::test]
async fn no_state_survives_a_call() {
    // Answers with an error as soon as it finds what it wrote before.
    let guest = Guest {
        evaluate: "(if (i32.load (i32.const 8192)) (then unreachable)) (i32.store (i32.const 8192) (i32.const 1)) i32.const 1024",
        ..Guest::default()
    };
    let sandbox = sandbox(Limits::default());
    let fuels =
        [evaluate(&sandbox, guest, 2).await, evaluate(&sandbox, guest, 2).await, evaluate(&sandbox, guest, 2).await];
    assert!(fuels.iter().all(|evaluation| matches!(evaluation.outcome, Outcome::Answer(_))));
    assert!(fuels[0].fuel > 0 && fuels.iter().all(|evaluation| evaluation.fuel == fuels[0].fuel), "{fuels:?}");
}

#[tokio::test]
async fn a_batch_that_cannot_be_decided_leaves_every_subject_undecided() {
    // err(problem { code: "step", about: "", args: [] })
    let guest = Guest {
        evaluate: "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1032) (i32.const 4)) i32.const 1024",
        ..Guest::default()
    };
    let evaluation = evaluate(&sandbox(Limits::default()), guest, 3).await;
    let Outcome::Answer(answer) = evaluation.outcome else { panic!("{evaluation:?}") };
    assert_eq!(answer.verdicts(), [Verdict::Undecided; 3]);
    let named: Vec<(u32, &str)> =
        answer.problems().iter().map(|entry| (entry.subject, entry.problem.code.as_str())).collect();
    assert_eq!(named, [(0, "step"), (1, "step"), (2, "step")]);
}

#[tokio::test]
async fn the_log_is_kept_with_the_call() {
    let guest =
        Guest { evaluate: "(call $log (i32.const 2) (i32.const 16) (i32.const 5)) i32.const 1024", ..Guest::default() };
    let evaluation = evaluate(&sandbox(Limits::default()), guest, 1).await;
    assert_eq!(evaluation.log, ["warn: month"]);
}

#[tokio::test]
async fn a_flood_of_log_is_dropped_and_the_answer_counts() {
    // 1,000 lines of 100 kB.
    let flood = "(local $i i32) (loop $l (call $log (i32.const 0) (i32.const 131072) (i32.const 100000)) \
         (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000)))) i32.const 1024";
    let evaluation = evaluate(&sandbox(Limits::default()), Guest { evaluate: flood, ..Guest::default() }, 1).await;
    assert!(matches!(evaluation.outcome, Outcome::Answer(_)), "{evaluation:?}");
    assert!(evaluation.log.len() == 17 && evaluation.log[16].contains("dropped"));
    assert!(evaluation.log.iter().map(String::len).sum::<usize>() < 17_000);
}

#[tokio::test]
async fn a_trap_while_settings_are_checked_is_said() {
    let component = Guest { check_settings: "unreachable", ..Guest::default() }.component();
    let sandbox = sandbox(Limits::default());
    sandbox.prepare(&digest(&component), &Components::of(&component)).await.unwrap();
    let digest = digest(&component);
    let check = |point| sandbox.check_settings(&digest, point, "{}");
    let error = check(ExtensionPoint::FeePolicy).await.unwrap_err().to_string();
    assert!(error.contains("hand-made@1.0.0") && error.contains("unreachable"), "{error}");
    let error = check(ExtensionPoint::LateFeePolicy).await.unwrap_err().to_string();
    assert!(error.contains("does not export late-fee-policy"), "{error}");
}

#[rstest]
#[case::unprepared(&"0".repeat(64), "not prepared")]
#[case::a_path("../../etc/passwd", "not a SHA-256 digest")]
#[tokio::test]
async fn what_was_not_prepared_cannot_be_called(#[case] digest: &str, #[case] words: &str) {
    let error = sandbox(Limits::default()).evaluate(digest, "{}", &question(1)).await.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[tokio::test]
async fn more_callers_than_places_wait_their_turn() {
    let component = Guest::default().component();
    let sandbox = sandbox(Limits::default());
    sandbox.prepare(&digest(&component), &Components::of(&component)).await.unwrap();
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let (sandbox, digest) = (sandbox.clone(), digest(&component));
            tokio::spawn(async move { sandbox.evaluate(&digest, "{}", &question(10)).await })
        })
        .collect();
    for call in calls {
        assert!(matches!(call.await.unwrap().unwrap().outcome, Outcome::Answer(_)));
    }
}
