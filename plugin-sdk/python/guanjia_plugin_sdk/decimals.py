"""Exact numbers on `int`: decimals as they are written, fractions as they are computed, and the one way between two
minor units. Money never passes through a `float`."""

import re
from enum import Enum

from .no import OutOfRange

SCALE_MAX = 9
_WRITTEN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]{1,9}))?")
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
_POWERS = [10**exponent for exponent in range(19)]


class Rounding(Enum):
    """How a value between two minor units becomes one of them."""

    HALF_UP = 0
    HALF_EVEN = 1
    DOWN = 2
    UP = 3


def to_i64(value):
    """A mantissa that the contract can carry."""
    if not _I64_MIN <= value <= _I64_MAX:
        raise OutOfRange
    return value


class Decimal:
    """An exact decimal, `mantissa × 10^-scale`. `2.8` and `2.80` are two decimals of one value, as on a receipt."""

    __slots__ = ("mantissa", "scale")

    def __init__(self, mantissa, scale=0):
        self.mantissa = mantissa
        self.scale = scale

    @classmethod
    def parse(cls, text):
        """Reads `-?digits(.digits)?`, as settings carry decimals."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a decimal number; write it like 2.80")
        sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
        magnitude = int(whole + fraction)
        return cls(to_i64(-magnitude if sign else magnitude), len(fraction))

    def exact(self):
        """The same value for exact computing."""
        return Exact(self.mantissa, _POWERS[self.scale])

    def __str__(self):
        sign, digits = "-" if self.mantissa < 0 else "", str(abs(self.mantissa)).rjust(self.scale + 1, "0")
        point = len(digits) - self.scale
        return sign + digits[:point] + ("." + digits[point:] if self.scale else "")

    def __repr__(self):
        return f"Decimal.parse({str(self)!r})"

    def __eq__(self, other):
        return isinstance(other, Decimal) and (self.mantissa, self.scale) == (other.mantissa, other.scale)

    def __hash__(self):
        return hash((self.mantissa, self.scale))


class Exact:
    """A fraction for computing without loss. It is rounded once, at the end, with `round_to`."""

    __slots__ = ("num", "den")

    def __init__(self, num, den=1):
        """`den` is not 0."""
        self.num, self.den = (num, den) if den > 0 else (-num, -den)

    def __add__(self, other):
        if self.den == other.den:
            return Exact(self.num + other.num, self.den)
        return Exact(self.num * other.den + other.num * self.den, self.den * other.den)

    def __sub__(self, other):
        return self + Exact(-other.num, other.den)

    def __mul__(self, other):
        return Exact(self.num * other.num, self.den * other.den)

    def __truediv__(self, other):
        if other.num == 0:
            raise OutOfRange
        return Exact(self.num * other.den, self.den * other.num)

    def __lt__(self, other):
        return self.num * other.den < other.num * self.den

    def __eq__(self, other):
        return isinstance(other, Exact) and self.num * other.den == other.num * self.den

    __hash__ = None

    def round_to(self, digits, rounding):
        """In units of `10^-digits`: `round_to(2, Rounding.HALF_UP)` of an amount in yuan are fen."""
        quotient, remainder = divmod(abs(self.num) * _POWERS[digits], self.den)
        if remainder:
            twice = remainder * 2
            away = (
                rounding is Rounding.UP
                or (rounding is Rounding.HALF_UP and twice >= self.den)
                or (rounding is Rounding.HALF_EVEN and (twice > self.den or (twice == self.den and quotient % 2)))
            )
            quotient += 1 if away else 0
        return to_i64(-quotient if self.num < 0 else quotient)

    def to_decimal(self, scale_min, scale_max):
        """For showing: as many places as the value needs, but at least `scale_min` and at most `scale_max`, where it is
        rounded half up."""
        scale = min(scale_max, SCALE_MAX)
        mantissa = self.round_to(scale, Rounding.HALF_UP)
        while scale > scale_min and mantissa % 10 == 0:
            mantissa //= 10
            scale -= 1
        return Decimal(mantissa, scale)
