// Exact numbers and dates: the same rows as the tests of the Python SDK.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Decimal, Exact, Undecided, addMonths, dateOf, dayOf } from "../src/index.js";

// Value in 1/1000 yuan; half-up, half-even, down, up, in fen.
const CENTS = [
  [1005n, 101n, 100n, 100n, 101n],
  [1015n, 102n, 102n, 101n, 102n],
  [1014n, 101n, 101n, 101n, 102n],
  [1010n, 101n, 101n, 101n, 101n],
  [-1005n, -101n, -100n, -100n, -101n],
  [-1n, 0n, 0n, 0n, -1n],
];

test("decimals are written as they are read", () => {
  for (const text of ["0", "2.80", "-0.05", "9007199254740993", "-9223372036854775808", "0.000000001"]) {
    assert.equal(Decimal.parse(text).toString(), text);
  }
});

test("other texts are refused", () => {
  for (const text of ["", "+1", "1.", ".5", "1e3", "1,000", " 1", "1.0000000001", "NaN", "１"]) {
    assert.throws(() => Decimal.parse(text), TypeError, text);
  }
  assert.throws(() => Decimal.parse("9223372036854775808"), Undecided);
});

test("rounding", () => {
  for (const [thousandths, ...expected] of CENTS) {
    const roundings = ["half-up", "half-even", "down", "up"];
    assert.deepEqual(
      roundings.map((rounding) => new Exact(thousandths, 1000n).roundTo(2, rounding)),
      expected,
    );
  }
});

test("shown values have the places they need", () => {
  const rows = [[1n, 3n, "0.333333"], [5n, 2n, "2.50"], [0n, 1n, "0.00"], [12345n, 10000n, "1.2345"]];
  for (const [num, den, shown] of rows) assert.equal(new Exact(num, den).toDecimal(2, 6).toString(), shown);
});

test("computing loses nothing", () => {
  const third = Exact.integer(10).div(Exact.integer(3));
  assert.equal(third.add(third).add(third).compare(Exact.integer(10)), 0);
  const sum = Decimal.parse("0.1").exact().add(Decimal.parse("0.2").exact());
  assert.equal(sum.compare(Decimal.parse("0.3").exact()), 0);
  assert.throws(() => Exact.integer(1).div(Exact.integer(0)), Undecided);
  assert.throws(() => new Exact(2n ** 63n).roundTo(0, "down"), Undecided);
});

test("day numbers", () => {
  for (const [days, year, month, day] of [[0, 1970, 1, 1], [20148, 2025, 3, 1], [11016, 2000, 2, 29], [-1, 1969, 12, 31]]) {
    assert.equal(dayOf(year, month, day), days);
    assert.deepEqual(dateOf(days), { year, month, day });
  }
});

test("months end where they are shorter", () => {
  assert.equal(addMonths(dayOf(2025, 1, 31), 1), dayOf(2025, 2, 28));
  assert.equal(addMonths(dayOf(2024, 11, 30), 3), dayOf(2025, 2, 28));
  assert.equal(addMonths(dayOf(2025, 3, 15), 0), dayOf(2025, 3, 15));
});
