"""`fee-policy` as a rule sees it: subjects with segments and facts, and lines with steps.

This module knows nothing of the component around it; `component` turns the contract's columns into what is here.
"""

from .decimals import Decimal, Exact
from .no import Undecided

# Places that a step shows of a value that has more, such as a third.
_SHOWN_SCALE_MAX = 6


class FeePolicy:
    """A rule that charges. Name what it reads and writes, and implement `settings` and `charge`."""

    FACTS: list = []
    STEPS: list = []
    MEASURES: list = []

    def settings(self, json):
        """The settings as the rule wants them, from the checked JSON; read once a call."""
        return json

    def check(self, settings):
        """Problems that the schema cannot express, as (code, about, numbers)."""
        return []

    def charge(self, settings, subject, lines):
        """Charges one subject: at least one line, or a no that is raised. Whatever was written before a no is dropped. The
        answer must depend on the settings and the subject alone."""
        raise NotImplementedError


class Column:
    """One fact: `kind` is `numbers`, `codes`, `dates` or `flags`."""

    __slots__ = ("kind", "cells", "missing", "names", "scale")

    def __init__(self, kind, cells, missing=(), names=(), scale=0):
        self.kind = kind
        self.cells = cells
        self.missing = frozenset(missing)
        self.names = names
        self.scale = scale


class Subject:
    """One unit (or space, lease, party…) with one fee item in one period."""

    __slots__ = ("period", "segments")

    def __init__(self, period, segments):
        # The whole period that is charged: day numbers (start, end), `end` not included.
        self.period = period
        # The stretches of the period in which payer, status and price basis were constant.
        self.segments = segments


class Segment:
    """A stretch of the period with its facts. `end` is the first day that no longer belongs to it."""

    __slots__ = ("row", "start", "end", "_columns")

    def __init__(self, row, start, end, columns):
        self.row = row
        self.start = start
        self.end = end
        self._columns = columns

    @property
    def days(self):
        return self.end - self.start

    def has(self, fact):
        """Whether the row has a value of the fact."""
        return self.row not in self._columns[fact].missing

    def number(self, fact):
        """A number as a Decimal; a no where it is missing."""
        column = self._present(fact, "numbers")
        return Decimal(column.cells[self.row], column.scale)

    def code(self, fact):
        """A code of an open set."""
        column = self._present(fact, "codes")
        return column.names[column.cells[self.row]]

    def date(self, fact):
        """A day number."""
        return self._present(fact, "dates").cells[self.row]

    def flag(self, fact):
        return self._present(fact, "flags").cells[self.row]

    def _present(self, fact, kind):
        column = self._columns[fact]
        if self.row in column.missing:
            raise Undecided("missing-fact", fact)
        if column.kind != kind:
            raise Undecided("wrong-kind-of-fact", fact)
        return column


class Lines:
    """Where the answer is written: first the steps of a line, then the line."""

    def __init__(self, policy, digits):
        self.digits = digits
        # (segment, measure, quantity, unit price, rounding, amount)
        self.lines = []
        # (line, kind, value, count of arguments)
        self.steps = []
        self.args = []
        self._steps = {key: index for index, key in enumerate(policy.STEPS)}
        self._measures = {code: index for index, code in enumerate(policy.MEASURES)}

    def step(self, step, value, args=()):
        """A step of the next line: what it arrived at (a Decimal, or an Exact that is shown), and the numbers of its
        sentence. A date is its day number."""
        self.steps.append((len(self.lines), self._steps[step], self.shown(value), len(args)))
        self.args.extend(map(self.shown, args))

    def shown(self, value):
        """A value as steps show it: a computed one with at least the places of the currency and at most six."""
        if isinstance(value, int):
            return Decimal(value)
        return value.to_decimal(self.digits, _SHOWN_SCALE_MAX) if isinstance(value, Exact) else value

    def step_rounding(self, step, amount, rounding):
        """A step that says that the line rounds, where it does; its argument is the value before."""
        rounded = Decimal(amount.round_to(self.digits, rounding), self.digits)
        if rounded.exact() != amount:
            self.step(step, rounded, [amount])

    def charge(self, segment, measure, quantity, unit_price, amount, rounding):
        """Ends a line of money: `amount` in major units, rounded to the minor unit here and nowhere else."""
        minor = amount.round_to(self.digits, rounding)
        self.lines.append((segment.row, self._measures[measure], quantity, unit_price, rounding, minor))

    def mark(self):
        return len(self.lines), len(self.steps), len(self.args)

    def roll_back(self, mark):
        lines, steps, args = mark
        del self.lines[lines:], self.steps[steps:], self.args[args:]

    def finish_subject(self, mark):
        """A subject without any line, or with steps that explain none, is a mistake of the rule: held, never 0."""
        lines, steps, _ = mark
        stray_step = len(self.steps) > steps and self.steps[-1][0] == len(self.lines)
        if len(self.lines) == lines or stray_step:
            raise Undecided("no-line")
