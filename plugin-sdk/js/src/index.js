// What a rule in JavaScript is written with. The shape follows the Rust SDK: a rule reads facts of a subject and writes
// lines, or throws why not.

export { Decimal, Exact } from "./decimal.js";
export { addMonths, dateOf, dayOf } from "./date.js";
export { defineFeePolicy } from "./fee_policy.js";
export { Refused, Undecided } from "./no.js";
