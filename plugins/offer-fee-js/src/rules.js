// Area × price, with an offer of free months; see `README.md` for worked numbers.

import { Decimal, Exact, addMonths, dateOf, dayOf, defineFeePolicy } from "guanjia-plugin-sdk";

export const feePolicy = defineFeePolicy({
  facts: ["unit.area", "unit.occupancy"],
  steps: ["area-price", "free", "proration", "rounded"],
  measures: ["m2"],

  /** `settings.schema.json` says what they mean. */
  settings({ price, free }) {
    return { price: Decimal.parse(price), free: free && offer(free) };
  },

  check({ free }) {
    return free && !free.exists ? [{ code: "no-such-day", about: "/free/from" }] : [];
  },

  /** Per stretch: area × price, by the days of it that are not free. Rounded once, half up, at the line. */
  charge({ price, free }, subject, lines) {
    const ofDays = subject.period.end - subject.period.start;
    for (const segment of subject.segments) {
      const area = segment.number("unit.area");
      let amount = area.exact().mul(price.exact());
      lines.step("area-price", amount, [area, price]);
      const freeDays = free ? daysFree(free, segment) : 0;
      if (freeDays > 0 || segment.days !== ofDays) {
        const before = lines.shown(amount);
        amount = amount.mul(new Exact(BigInt(segment.days - freeDays), BigInt(ofDays)));
        if (freeDays > 0) lines.step("free", amount, [before, segment.days, freeDays, ofDays]);
        else lines.step("proration", amount, [before, segment.days, ofDays]);
      }
      lines.stepRounding("rounded", amount, "half-up");
      lines.charge(segment, { measure: "m2", quantity: area, unitPrice: price }, amount, "half-up");
    }
  },
});

function offer({ from, months, occupancies }) {
  const [year, month, day] = from.split("-").map(Number);
  const start = dayOf(year, month, day);
  return { start, end: addMonths(start, months), occupancies, exists: dateOf(start).day === day };
}

/** Days of the stretch that the offer covers. */
function daysFree({ start, end, occupancies }, segment) {
  if (occupancies && !occupancies.includes(segment.code("unit.occupancy"))) return 0;
  return Math.max(0, Math.min(end, segment.end) - Math.max(start, segment.start));
}
