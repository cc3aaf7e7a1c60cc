// `fee-policy`: turns the columns of the contract into subjects with segments, and what a rule writes into columns.

import { Decimal, Exact, toI64 } from "./decimal.js";
import { Refused, Undecided, outOfRange } from "./no.js";

/** Places that a step shows of a value that has more, such as a third. */
const SHOWN_SCALE_MAX = 6;

/**
 * Makes the export of a component out of a rule:
 *
 *     export const feePolicy = defineFeePolicy({
 *       facts: ["unit.area"], steps: ["area-price"], measures: ["m2"],
 *       settings: (json) => ({ price: Decimal.parse(json.price) }),
 *       charge(settings, subject, lines) { … },
 *     });
 *
 * `settings` reads the checked JSON once a call; `check(settings)` may return problems that the schema cannot express, as
 * `{ code, about, args }`. `charge` writes at least one line for a subject, or throws `Refused` or `Undecided`; what it
 * wrote before is dropped then. Its answer must depend on the settings and the subject alone.
 */
export function defineFeePolicy(rule) {
  const { facts, steps, measures } = rule;
  const names = {
    facts: indices(facts),
    steps: indices(steps),
    measures: indices(measures),
  };
  return {
    describe: () => ({ facts, steps, measures }),

    checkSettings(text) {
      const settings = rule.settings(JSON.parse(text));
      return (rule.check?.(settings) ?? []).map(toProblem);
    },

    evaluate(text, batch) {
      const settings = rule.settings(JSON.parse(text));
      const columns = batch.facts.map((column) => new Facts(column));
      const lines = new Lines(names, batch.currency.digits);
      const verdicts = [];
      const problems = [];
      let row = 0;
      for (let index = 0; index < batch.subjects; index += 1) {
        const first = row;
        while (batch.segments.subject[row] === index) row += 1;
        const mark = lines.mark();
        try {
          rule.charge(settings, new Subject(batch, columns, names.facts, first, row), lines);
          lines.finishSubject(mark);
          verdicts.push("decided");
        } catch (no) {
          if (!(no instanceof Refused || no instanceof Undecided)) throw no;
          lines.rollBack(mark);
          verdicts.push(no.verdict);
          problems.push({ subject: index, problem: toProblem(no) });
        }
      }
      return { verdicts, problems, lines: lines.columns(), steps: lines.stepColumns() };
    },
  };
}

function indices(names) {
  return new Map(names.map((name, index) => [name, index]));
}

function indexOf(names, name) {
  const index = names.get(name);
  if (index === undefined) throw new ReferenceError(`${name} is not declared`);
  return index;
}

function toProblem({ code, about = "", args = [] }) {
  const arg = ({ mantissa, scale }) => {
    // A lone 64-bit number crosses as a `number`.
    const number = Number(mantissa);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${mantissa} is too large for the argument of a problem`);
    return { mantissa: number, scale };
  };
  return { code, about, args: args.map(arg) };
}

/** One column with a cursor over its missing rows. */
class Facts {
  constructor({ cells, missing }) {
    this.kind = cells.tag;
    this.cells = cells.val;
    this.missing = new Set(missing);
  }

  has(row) {
    return !this.missing.has(row);
  }
}

/** One unit (or space, lease, party…) with one fee item in one period. */
class Subject {
  constructor(batch, columns, names, first, end) {
    this.batch = batch;
    this.columns = columns;
    this.names = names;
    this.first = first;
    this.end = end;
  }

  /** The whole period that is charged: day numbers, `end` not included. */
  get period() {
    return this.batch.period;
  }

  /** The stretches of the period in which payer, status and price basis were constant. */
  get segments() {
    return Array.from({ length: this.end - this.first }, (_, at) => new Segment(this, this.first + at));
  }
}

/** A stretch of the period with its facts. */
class Segment {
  constructor(subject, row) {
    this.subject = subject;
    this.row = row;
  }

  /** First day. */
  get start() {
    return this.subject.batch.segments.start[this.row];
  }

  /** The first day that no longer belongs to it. */
  get end() {
    return this.subject.batch.segments.end[this.row];
  }

  get days() {
    return this.end - this.start;
  }

  /** Whether the row has a value of the fact. */
  has(fact) {
    return this.column(fact).has(this.row);
  }

  /** A number as a Decimal, or the no that says that it is missing. */
  number(fact) {
    const { mantissas, scale } = this.present(fact, "numbers").cells;
    const mantissa = mantissas[this.row];
    // 64-bit numbers cross as `number`; beyond 2^53 they are no longer what the host sent.
    if (!Number.isSafeInteger(mantissa)) throw outOfRange();
    return new Decimal(BigInt(mantissa), scale);
  }

  /** A code of an open set. */
  code(fact) {
    const { names, cells } = this.present(fact, "codes").cells;
    return names[cells[this.row]];
  }

  /** A day number. */
  date(fact) {
    return this.present(fact, "dates").cells[this.row];
  }

  flag(fact) {
    return this.present(fact, "flags").cells[this.row];
  }

  column(fact) {
    return this.subject.columns[indexOf(this.subject.names, fact)];
  }

  present(fact, kind) {
    const column = this.column(fact);
    if (!column.has(this.row)) throw new Undecided("missing-fact", fact);
    if (column.kind !== kind) throw new Undecided("wrong-kind-of-fact", fact);
    return column;
  }
}

/** Where the answer is written: first the steps of a line, then the line. */
class Lines {
  constructor(names, digits) {
    this.names = names;
    this.digits = digits;
    this.lines = [];
    this.steps = [];
    this.args = [];
  }

  /** A step of the next line: what it arrived at (a Decimal, or an Exact that is shown), and the numbers of its sentence. */
  step(step, value, args = []) {
    const { mantissa, scale } = this.shown(value);
    const kind = indexOf(this.names.steps, step);
    this.steps.push({ row: this.lines.length, kind, mantissa, scale, count: args.length });
    for (const arg of args) this.args.push(typeof arg === "number" ? Decimal.integer(arg) : this.shown(arg));
  }

  /** A computed value as steps show it, with at least the places of the currency and at most six. */
  shown(value) {
    return value instanceof Exact ? value.toDecimal(this.digits, SHOWN_SCALE_MAX) : value;
  }

  /** A step that says that the line rounds, where it does; its argument is the value before. */
  stepRounding(step, amount, rounding) {
    const rounded = new Decimal(amount.roundTo(this.digits, rounding), this.digits);
    if (rounded.exact().compare(amount) !== 0) this.step(step, rounded, [amount]);
  }

  /** Ends a line of money: `amount` in major units, rounded to the minor unit here and nowhere else. */
  charge(segment, { measure, quantity, unitPrice }, amount, rounding) {
    this.lines.push({
      segment: segment.row,
      measure: indexOf(this.names.measures, measure),
      quantity,
      unitPrice,
      rounding,
      amount: amount.roundTo(this.digits, rounding),
    });
  }

  mark() {
    return { lines: this.lines.length, steps: this.steps.length, args: this.args.length };
  }

  rollBack({ lines, steps, args }) {
    this.lines.length = lines;
    this.steps.length = steps;
    this.args.length = args;
  }

  /** A subject without any line, or with steps that explain none, is a mistake of the rule: held, never 0. */
  finishSubject(mark) {
    const last = this.steps.length > mark.steps ? this.steps[this.steps.length - 1] : undefined;
    if (this.lines.length === mark.lines || last?.row === this.lines.length) throw new Undecided("no-line");
  }

  columns() {
    const { lines } = this;
    return {
      segment: lines.map((line) => line.segment),
      measure: lines.map((line) => line.measure),
      quantity: mantissas(lines, (line) => line.quantity.mantissa),
      quantityScale: Uint8Array.from(lines, (line) => line.quantity.scale),
      unitPrice: mantissas(lines, (line) => line.unitPrice.mantissa),
      unitPriceScale: Uint8Array.from(lines, (line) => line.unitPrice.scale),
      rounding: lines.map((line) => line.rounding),
      amounts: { tag: "money", val: mantissas(lines, (line) => line.amount) },
    };
  }

  stepColumns() {
    const { steps, args } = this;
    return {
      row: steps.map((step) => step.row),
      kind: steps.map((step) => step.kind),
      value: mantissas(steps, (step) => step.mantissa),
      valueScale: Uint8Array.from(steps, (step) => step.scale),
      argCount: Uint8Array.from(steps, (step) => step.count),
      arg: mantissas(args, (arg) => arg.mantissa),
      argScale: Uint8Array.from(args, (arg) => arg.scale),
    };
  }
}

/** 64-bit numbers cross exactly in this array only; in an ordinary one they would pass through `number`. */
function mantissas(rows, mantissa) {
  return BigInt64Array.from(rows, (row) => toI64(mantissa(row)));
}
