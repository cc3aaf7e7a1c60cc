//! Golden cases and descriptions that do not hold, or do not end.

use serde_json::{Value, json};

use super::{Entry, refused};
use crate::{guest::Guest, package::*};

pub(super) const ENTRIES: &[Entry] = &[
    refused("a golden case that does not hold", "amount_fen", || {
        with_cases(
            Guest::honest(),
            json!([{
                "name": "cheaper", "period": "2025-03", "subjects": [{ "segments": [{}] }],
                "expect": [{ "lines": [{ "amount_fen": 1 }] }],
            }]),
        )
    }),
    refused("golden cases that do not answer", "golden case \"good\": the plug-in used up its fuel", || {
        let endless = Guest { evaluate: "(loop $l (br $l)) unreachable", ..Guest::honest() };
        with_cases(endless, json!([good_case(1)]))
    }),
    refused("golden cases that each take all their time", "run longer than", || {
        // Divisions, because they take the longest for their fuel, each waiting for the one before.
        let slow = "(local $i i32) (local $n i64) (local.set $n (i64.const -1))
            (loop $l
              (local.set $n (i64.div_u (i64.const -1) (i64.or (i64.div_u (i64.const -1) (i64.or (i64.div_u (i64.const -1) (i64.or (local.get $n) (i64.const 1))) (i64.const 1))) (i64.const 1))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $i) (i32.const 200000))))
            (if (i64.eqz (local.get $n)) (then unreachable))
            (call $honest (local.get 7))";
        with_cases(Guest { evaluate: slow, ..Guest::honest() }, json!(vec![good_case(1); 1_000]))
    }),
    refused("golden cases of twenty thousand subjects", "10000 are allowed together", || {
        with_cases(Guest::honest(), json!([good_case(20_000)]))
    }),
    refused("a golden case that traps for the second subject alone", "golden case", || {
        // Where one subject is asked about alone, it gets another answer.
        let moody = "(if (i32.eq (local.get 7) (i32.const 1)) (then unreachable)) (call $honest (local.get 7))";
        with_cases(Guest { evaluate: moody, ..Guest::honest() }, json!([good_case(2)]))
    }),
    refused("a golden case in a currency of 255 digits", "a currency has at most 9 digits", || {
        let mut case = good_case(1);
        case["currency"] = json!({ "code": "XXX", "digits": 255 });
        with_cases(Guest::honest(), json!([case]))
    }),
    refused("a golden case of the year 999999999", "cases", || {
        let mut case = good_case(1);
        case["period"] = json!("999999999-01");
        with_cases(Guest::honest(), json!([case]))
    }),
    refused("a golden case whose settings do not fit", "do not fit", || {
        let mut case = good_case(1);
        case["settings"] = json!({ "anything": "else" });
        with_cases(Guest::honest(), json!([case]))
    }),
    refused("a golden case with a fact that is not read", "does not declare the fact unit.area", || {
        let mut case = good_case(1);
        case["facts"] = json!({ "unit.area": "1" });
        with_cases(Guest::honest(), json!([case]))
    }),
    refused("describe that traps", "describe of fee-policy", || describing("unreachable")),
    refused("describe that does not end", "used up its fuel", || describing("(loop $l (br $l)) unreachable")),
    refused("describe that lies outside of its memory", "out of bounds", || {
        describing("(i32.store (i32.const 260) (i32.const 99999999)) (i32.const 256)")
    }),
    refused("describe with half a million steps", "describe of fee-policy", || {
        describing("(i32.store (i32.const 268) (i32.const 500000)) (i32.const 256)")
    }),
    refused("describe with a unit of measure that is markup", "Name it with small letters", || {
        Guest { beside: r#"(data (i32.const 16) "<b>m2")"#, ..Guest::honest() }.component()
    }),
    refused("describe with a unit of measure of sixty kilobytes", "Name it with small letters", || {
        describing(
            "(i32.store (i32.const 48) (i32.const 131072)) (i32.store (i32.const 52) (i32.const 60000)) (i32.const 256)",
        )
    }),
    refused("a start function that does not end", "describe of fee-policy", || {
        Guest { beside: "(func $forever (loop $l (br $l))) (start $forever)", ..Guest::honest() }.component()
    }),
    refused("a start function that traps", "describe of fee-policy", || {
        Guest { beside: "(func $now unreachable) (start $now)", ..Guest::honest() }.component()
    }),
    refused("more memory than there is", "memory", || Guest { pages: 65_536, ..Guest::honest() }.component()),
    refused("a table of ten million elements", "table", || {
        Guest { beside: "(table 10000000 funcref)", ..Guest::honest() }.component()
    }),
];

fn describing(describe: &'static str) -> Vec<u8> {
    Guest { describe, ..Guest::honest() }.component()
}

fn with_cases(guest: Guest, cases: Value) -> Vec<u8> {
    with_section(bare(guest), &serde_json::to_vec(&manifest_with_cases(cases)).unwrap())
}
