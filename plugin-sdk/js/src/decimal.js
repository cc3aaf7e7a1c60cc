// Exact numbers on BigInt: decimals as they are written, fractions as they are computed, and the one way between two
// minor units. A `number` of JavaScript is floating point and ends at 2^53; money never passes through one.

import { outOfRange } from "./no.js";

const SCALE_MAX = 9;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const POWERS = Array.from({ length: 19 }, (_, exponent) => 10n ** BigInt(exponent));

/** A mantissa that the contract can carry. */
export function toI64(value) {
  if (value < I64_MIN || value > I64_MAX) throw outOfRange();
  return value;
}

/** An exact decimal, `mantissa × 10^-scale`. `2.8` and `2.80` are two decimals of one value, as on a receipt. */
export class Decimal {
  /** @param {bigint} mantissa @param {number} scale places after the point, 0 to 9 */
  constructor(mantissa, scale) {
    this.mantissa = mantissa;
    this.scale = scale;
  }

  static integer(value) {
    return new Decimal(BigInt(value), 0);
  }

  /** Reads `-?digits(.digits)?`, as settings carry decimals. */
  static parse(text) {
    const match = /^(-?)([0-9]+)(?:\.([0-9]{1,9}))?$/.exec(text);
    if (!match) throw new TypeError(`${JSON.stringify(text)} is not a decimal number; write it like 2.80`);
    const [, sign, whole, fraction = ""] = match;
    const magnitude = BigInt(whole + fraction);
    return new Decimal(toI64(sign ? -magnitude : magnitude), fraction.length);
  }

  /** The same value for exact computing. */
  exact() {
    return new Exact(this.mantissa, POWERS[this.scale]);
  }

  isZero() {
    return this.mantissa === 0n;
  }

  toString() {
    const digits = (this.mantissa < 0n ? -this.mantissa : this.mantissa).toString().padStart(this.scale + 1, "0");
    const point = digits.length - this.scale;
    const sign = this.mantissa < 0n ? "-" : "";
    return sign + digits.slice(0, point) + (this.scale > 0 ? "." + digits.slice(point) : "");
  }
}

/** A fraction for computing without loss. It is rounded once, at the end, with `roundTo`. */
export class Exact {
  /** @param {bigint} num @param {bigint} den not 0 */
  constructor(num, den = 1n) {
    this.num = den < 0n ? -num : num;
    this.den = den < 0n ? -den : den;
  }

  static integer(value) {
    return new Exact(BigInt(value));
  }

  add(other) {
    return this.den === other.den
      ? new Exact(this.num + other.num, this.den)
      : new Exact(this.num * other.den + other.num * this.den, this.den * other.den);
  }

  sub(other) {
    return this.add(new Exact(-other.num, other.den));
  }

  mul(other) {
    return new Exact(this.num * other.num, this.den * other.den);
  }

  div(other) {
    if (other.num === 0n) throw outOfRange();
    return new Exact(this.num * other.den, this.den * other.num);
  }

  /** Below 0, 0 or above 0, as this value is less than, equal to or more than the other. */
  compare(other) {
    const left = this.num * other.den;
    const right = other.num * this.den;
    return left < right ? -1 : left > right ? 1 : 0;
  }

  /** In units of `10^-digits`: `roundTo(2, "half-up")` of an amount in yuan are fen, as a BigInt. */
  roundTo(digits, rounding) {
    const num = this.num * POWERS[digits];
    // BigInt divides towards zero.
    const quotient = num / this.den;
    const remainder = num % this.den;
    if (remainder === 0n) return toI64(quotient);
    const twice = (remainder < 0n ? -remainder : remainder) * 2n;
    const away =
      rounding === "up" ||
      (rounding === "half-up" && twice >= this.den) ||
      (rounding === "half-even" && (twice > this.den || (twice === this.den && quotient % 2n !== 0n)));
    return toI64(away ? quotient + (num < 0n ? -1n : 1n) : quotient);
  }

  /** For showing: as many places as the value needs, but at least `scaleMin` and at most `scaleMax`, rounded half up. */
  toDecimal(scaleMin, scaleMax) {
    let mantissa = this.roundTo(Math.min(scaleMax, SCALE_MAX), "half-up");
    let scale = Math.min(scaleMax, SCALE_MAX);
    while (scale > scaleMin && mantissa % 10n === 0n) {
      mantissa /= 10n;
      scale -= 1;
    }
    return new Decimal(mantissa, scale);
  }
}
