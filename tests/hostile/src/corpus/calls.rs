//! Components that look right until they are called.

use super::{Entry, harmless};
use crate::{
    EVERYBODY, Verdict,
    guest::{Guest, answer},
};

/// Held, all of them.
const fn held(name: &'static str, kind: &'static str, words: &'static str, make: fn() -> Vec<u8>) -> Entry {
    Entry { name, make, verdict: Verdict::Held { kind, words, subjects: EVERYBODY } }
}

/// Instructions that change the honest answer: what is stored where.
macro_rules! store {
    ($kind:literal, $address:expr, $value:literal) => {
        format!("({} (i32.const {}) ({}))", concat!($kind, ".store"), $address, $value)
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    // --- does not come back
    held("an endless loop", "limit", "fuel", || evaluating("(loop $l (br $l)) unreachable")),
    held("endless recursion", "limit", "bytes of stack", || {
        with("(call $deep)", "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))")
    }),
    held("endless recursion through a table", "limit", "bytes of stack", || {
        with(
            "(call_indirect (result i32) (i32.const 0))",
            "(table 1 funcref) (elem (i32.const 0) $deep)
             (func $deep (result i32) (i32.add (call_indirect (result i32) (i32.const 0)) (i32.const 1)))",
        )
    }),
    held("filling memory over and over", "limit", "fuel", || {
        evaluating("(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 200000)) (br $l)) unreachable")
    }),
    held("calling the log without end", "limit", "fuel", || {
        evaluating("(loop $l (call $log (i32.const 2) (i32.const 16) (i32.const 5)) (br $l)) unreachable")
    }),
    Entry {
        name: "settings that are checked without end",
        make: || Guest { check_settings: "(loop $l (br $l)) unreachable", ..Guest::honest() }.component(),
        verdict: Verdict::Unbound("used up its fuel"),
    },
    Entry {
        name: "settings whose check traps",
        make: || Guest { check_settings: "unreachable", ..Guest::honest() }.component(),
        verdict: Verdict::Unbound("unreachable"),
    },
    // --- takes too much
    held("a memory bomb", "limit", "67108864 are allowed", || {
        evaluating("(loop $l (drop (memory.grow (i32.const 64))) (br $l)) unreachable")
    }),
    held("all memory at once", "limit", "67108864 are allowed", || {
        evaluating("(drop (memory.grow (i32.const 65000))) unreachable")
    }),
    harmless("memory up to the limit", || {
        // 1,024 pages are 64 MiB; four are there to begin with.
        evaluating(
            "(if (i32.eq (memory.grow (i32.const 1020)) (i32.const -1)) (then unreachable)) (call $honest (local.get 7))",
        )
    }),
    held("a table bomb", "limit", "20000 are allowed", || {
        with(
            "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)) unreachable",
            "(table $t 1 funcref)",
        )
    }),
    held("a giant answer", "limit", "bytes", || {
        changed(&(store!("i32", answer::STEP_VALUE + 4, "i32.const 1500000") + "(drop (memory.grow (i32.const 256)))"))
    }),
    held("an answer of a million strings", "limit", "bytes", || {
        // Each problem is 28 bytes of the same memory.
        changed(
            &(store!("i32", answer::PROBLEMS, "i32.const 131072")
                + &store!("i32", answer::PROBLEMS + 4, "i32.const 1000000")
                + "(drop (memory.grow (i32.const 600)))"),
        )
    }),
    harmless("a flood of log", || {
        evaluating(
            "(local $i i32) (loop $l (call $log (i32.const 0) (i32.const 131072) (i32.const 100000))
             (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
             (call $honest (local.get 7))",
        )
    }),
    // --- breaks
    held("a trap", "trap", "unreachable", || evaluating("unreachable")),
    held("division by zero", "trap", "divide by zero", || evaluating("(i32.div_u (i32.const 1) (i32.const 0))")),
    held("an address outside of memory", "trap", "out of bounds", || evaluating("(i32.load (i32.const -4))")),
    Entry {
        name: "a trap for some subjects and not for others",
        make: || {
            // By a hash of the day on which the subject's first segment starts, which is all that it knows of it.
            evaluating(
                "(local $i i32)
                 (block $done (loop $next
                   (br_if $done (i32.ge_u (local.get $i) (local.get 11)))
                   (if (i32.and (i32.mul (i32.load (i32.add (local.get 10) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 0x9E3779B1)) (i32.const 2))
                     (then unreachable))
                   (local.set $i (i32.add (local.get $i) (i32.const 1)))
                   (br $next)))
                 (call $honest (local.get 7))",
            )
        },
        verdict: Verdict::Held { kind: "trap", words: "unreachable", subjects: &[2, 3] },
    },
    // --- answers what the contract does not allow
    held("a list outside of memory", "invalid-output", "out of bounds", || {
        changed(&store!("i32", answer::SEGMENT + 4, "i32.const 99999999"))
    }),
    held("an answer at an odd address", "invalid-output", "aligned", || evaluating("i32.const 1025")),
    held("neither an answer nor an error", "invalid-output", "discriminant", || changed(&store8(1024, 9))),
    held("a verdict that there is not", "invalid-output", "discriminant", || changed(&store8(answer::ZEROS, 9))),
    held("amounts of a third kind", "invalid-output", "discriminant", || changed(&store8(answer::AMOUNTS_KIND, 7))),
    held("a problem that is no UTF-8", "invalid-output", "utf-8", || {
        // err(problem { code: two bytes of 0xff, … })
        evaluating(
            "(i32.store16 (i32.const 2048) (i32.const 0xffff)) (i32.store8 (i32.const 1024) (i32.const 1))
             (i32.store (i32.const 1028) (i32.const 2048)) (i32.store (i32.const 1032) (i32.const 2)) (i32.const 1024)",
        )
    }),
    // --- answers what cannot be true
    held("a verdict too many", "invalid-output", "verdicts for 1 subjects", || {
        changed(&format!("(i32.store (i32.const {}) (i32.add (local.get 7) (i32.const 1)))", answer::VERDICTS + 4))
    }),
    held("no answer at all", "invalid-output", "0 verdicts for 1 subjects", || evaluating("i32.const 1024")),
    held("a segment that there is not", "invalid-output", "segment that does not exist", || {
        changed(&store!("i32", answer::SEGMENT_CELLS, "i32.const 4000000"))
    }),
    held("columns of different lengths", "invalid-output", "column quantity", || {
        changed(&format!("(i32.store (i32.const {}) (i32.const 0))", answer::QUANTITY + 4))
    }),
    held("a no without a reason", "invalid-output", "its problem is missing", || {
        // Verdicts are read from where the quantities are: 1, 0, 0…
        changed(&store!("i32", answer::VERDICTS, "i32.const 0x25000"))
    }),
    held("thirty-three lines for a subject", "invalid-output", "33 lines", || {
        // All lists of 33 rows, all on the first segment.
        let lengths: String = LINES.iter().map(|at| store!("i32", at + 4, "i32.const 33")).collect();
        let fill =
            "(call $honest (i32.const 33)) (drop) (memory.fill (i32.const 0x21000) (i32.const 0) (i32.const 200))";
        let text =
            format!("{fill} {lengths} (i32.store (i32.const {}) (local.get 7)) (i32.const 1024)", answer::VERDICTS + 4);
        evaluating(leak(text))
    }),
    held("the largest amount", "invalid-output", "outside of", || {
        changed(&store!("i64", answer::AMOUNT_CELLS, "i64.const 9223372036854775807"))
    }),
    held("the smallest amount", "invalid-output", "outside of", || {
        changed(&store!("i64", answer::AMOUNT_CELLS, "i64.const -9223372036854775808"))
    }),
    held("the largest amount, and a step that agrees", "invalid-output", "outside of", || {
        changed(
            &(store!("i64", answer::AMOUNT_CELLS, "i64.const 9223372036854775807")
                + &store!("i64", answer::HUNDREDS, "i64.const 9223372036854775807")),
        )
    }),
    harmless("the largest amount that is allowed", || {
        changed(
            &(store!("i64", answer::AMOUNT_CELLS, "i64.const 1000000000")
                + &store!("i64", answer::HUNDREDS, "i64.const 1000000000")),
        )
    }),
    held("a weight below zero", "invalid-output", "outside of 0", || {
        changed(&(store8(answer::AMOUNTS_KIND, 1) + &store!("i64", answer::AMOUNT_CELLS, "i64.const -1")))
    }),
    held("a step that does not arrive", "invalid-output", "does not arrive at its amount", || {
        changed(&store!("i64", answer::HUNDREDS, "i64.const 101"))
    }),
    held("nothing owed, and no word why", "invalid-output", "not explained", || {
        let none: String = STEPS.iter().map(|at| store!("i32", at + 4, "i32.const 0")).collect();
        changed(&(store!("i64", answer::AMOUNT_CELLS, "i64.const 0") + &none))
    }),
    held("a decimal of two hundred places", "invalid-output", "more than 9 places", || {
        changed(&store8(answer::SCALE_CELLS, 200))
    }),
    held("a step of a kind that there is not", "invalid-output", "unknown kind", || {
        changed(&store!("i32", answer::STEP_KIND, "i32.const 0x24000"))
    }),
    held("a step with more numbers than there are", "invalid-output", "step arguments", || {
        changed(&store!("i32", answer::STEP_ARG_COUNT, "i32.const 0x24000"))
    }),
    held("a reason that moves the cursor", "invalid-output", "control character", || {
        evaluating(
            "(i32.store8 (i32.const 2048) (i32.const 27)) (i32.store8 (i32.const 1024) (i32.const 1))
             (i32.store (i32.const 1028) (i32.const 2048)) (i32.store (i32.const 1032) (i32.const 1)) (i32.const 1024)",
        )
    }),
    held("a reason without end", "invalid-output", "an endless one", || {
        evaluating(
            "(memory.fill (i32.const 8192) (i32.const 97) (i32.const 5000)) (i32.store8 (i32.const 1024) (i32.const 1))
             (i32.store (i32.const 1028) (i32.const 8192)) (i32.store (i32.const 1032) (i32.const 5000)) (i32.const 1024)",
        )
    }),
    // --- plays games
    held("the rule's own no", "policy-error", "step", || {
        evaluating(
            "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1032) (i32.const 4)) (i32.const 1024)",
        )
    }),
    harmless("state kept from call to call", || {
        evaluating(
            "(if (i32.load (i32.const 8192)) (then unreachable)) (i32.store (i32.const 8192) (i32.const 1))
             (call $honest (local.get 7))",
        )
    }),
    harmless("the bits of not-a-number", || {
        // On x86, 0 ÷ 0 has its sign bit set, on ARM it has not: here it must be the same everywhere.
        evaluating(
            "(local $zero f64)
             (if (i64.ne (i64.reinterpret_f64 (f64.div (local.get $zero) (local.get $zero))) (i64.const 0x7ff8000000000000))
               (then unreachable))
             (if (i32.ne (i32.reinterpret_f32 (f32.sqrt (f32.const -1))) (i32.const 0x7fc00000)) (then unreachable))
             (call $honest (local.get 7))",
        )
    }),
    harmless("passing a not-a-number of its own through", || {
        evaluating(
            "(if (i64.ne (i64.reinterpret_f64 (f64.add (f64.reinterpret_i64 (i64.const 0xfff8dead00000001)) (f64.const 1)))
                         (i64.const 0x7ff8000000000000))
               (then unreachable))
             (call $honest (local.get 7))",
        )
    }),
];

/// Lists of lines and steps of an answer that has no arguments.
const LINES: [u32; 13] = [
    answer::SEGMENT,
    answer::MEASURE,
    answer::QUANTITY,
    answer::QUANTITY_SCALE,
    answer::UNIT_PRICE,
    answer::UNIT_PRICE_SCALE,
    answer::ROUNDING,
    answer::AMOUNTS,
    answer::STEP_ROW,
    answer::STEP_KIND,
    answer::STEP_VALUE,
    answer::STEP_VALUE_SCALE,
    answer::STEP_ARG_COUNT,
];
const STEPS: [u32; 5] =
    [answer::STEP_ROW, answer::STEP_KIND, answer::STEP_VALUE, answer::STEP_VALUE_SCALE, answer::STEP_ARG_COUNT];

fn evaluating(evaluate: &'static str) -> Vec<u8> {
    Guest { evaluate, ..Guest::honest() }.component()
}

fn with(evaluate: &'static str, beside: &'static str) -> Vec<u8> {
    Guest { evaluate, beside, ..Guest::honest() }.component()
}

/// The honest answer with these changes.
fn changed(instructions: &str) -> Vec<u8> {
    evaluating(leak(format!("(drop (call $honest (local.get 7))) {instructions} (i32.const 1024)")))
}

fn store8(address: u32, value: u8) -> String {
    format!("(i32.store8 (i32.const {address}) (i32.const {value}))")
}

/// A guest is made of texts that live as long as the program; a few kilobytes of a test may.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
