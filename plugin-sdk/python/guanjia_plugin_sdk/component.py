"""The export of a component: the contract's columns become subjects, and what a rule wrote becomes columns.

Import it in the module that `componentize-py` is given, and nowhere else: the bindings exist only there.

    FeePolicy = export_fee_policy(MyRule())
"""

import json
import sys

from wit_world.exports import fee_policy as wit
from wit_world.imports import log, types

from .no import No, Refused
from .rules import Column, Lines, Segment, Subject

# By the numbers that both sides agree on.
_ROUNDINGS = {rounding.value: rounding for rounding in types.Rounding}


class _LogStream:
    """What is printed goes to the log of the call; there is nowhere else."""

    def __init__(self, level):
        self._level = level
        self._open = ""

    def write(self, text):
        *lines, self._open = (self._open + text).split("\n")
        for line in lines:
            log.write(self._level, line)
        return len(text)

    def flush(self):
        if self._open:
            log.write(self._level, self._open)
            self._open = ""


def export_fee_policy(policy):
    """The class that the component exports for a rule."""
    sys.stdout, sys.stderr = _LogStream(log.Level.INFO), _LogStream(log.Level.WARN)

    class FeePolicy:
        def describe(self):
            return types.Description(policy.FACTS, policy.STEPS, policy.MEASURES)

        def check_settings(self, settings):
            problems = policy.check(policy.settings(json.loads(settings)))
            return [types.Problem(code, about, _decimals(numbers)) for code, about, numbers in problems]

        def evaluate(self, settings, batch):
            return _evaluate(policy, policy.settings(json.loads(settings)), batch)

    return FeePolicy


def _evaluate(policy, settings, batch):
    columns = dict(zip(policy.FACTS, map(_column, batch.facts)))
    period = (batch.period.start, batch.period.end)
    owners, starts, ends = batch.segments.subject, batch.segments.start, batch.segments.end
    lines = Lines(policy, batch.currency.digits)
    verdicts, problems, row = [], [], 0
    for index in range(batch.subjects):
        segments = []
        while row < len(owners) and owners[row] == index:
            segments.append(Segment(row, starts[row], ends[row], columns))
            row += 1
        mark = lines.mark()
        try:
            policy.charge(settings, Subject(period, segments), lines)
            lines.finish_subject(mark)
            verdicts.append(types.Verdict.DECIDED)
        except No as no:
            lines.roll_back(mark)
            verdicts.append(types.Verdict.REFUSED if isinstance(no, Refused) else types.Verdict.UNDECIDED)
            problem = types.Problem(no.code, no.about, _decimals(no.numbers))
            problems.append(types.SubjectProblem(index, problem))
    return wit.Answer(verdicts, problems, _lines(lines), _steps(lines))


def _column(column):
    cells, missing = column.cells, column.missing
    if isinstance(cells, types.Cells_Numbers):
        return Column("numbers", cells.value.mantissas, missing, scale=cells.value.scale)
    if isinstance(cells, types.Cells_Codes):
        return Column("codes", cells.value.cells, missing, names=cells.value.names)
    if isinstance(cells, types.Cells_Dates):
        return Column("dates", cells.value, missing)
    return Column("flags", cells.value, missing)


def _decimals(numbers):
    return [types.Decimal(number.mantissa, number.scale) for number in numbers]


def _lines(lines):
    rows = lines.lines
    return wit.Lines(
        segment=[row[0] for row in rows],
        measure=[row[1] for row in rows],
        quantity=[row[2].mantissa for row in rows],
        quantity_scale=bytes(row[2].scale for row in rows),
        unit_price=[row[3].mantissa for row in rows],
        unit_price_scale=bytes(row[3].scale for row in rows),
        rounding=[_ROUNDINGS[row[4].value] for row in rows],
        amounts=wit.Amounts_Money([row[5] for row in rows]),
    )


def _steps(lines):
    steps, args = lines.steps, lines.args
    return types.Steps(
        row=[step[0] for step in steps],
        kind=[step[1] for step in steps],
        value=[step[2].mantissa for step in steps],
        value_scale=bytes(step[2].scale for step in steps),
        arg_count=bytes(step[3] for step in steps),
        arg=[arg.mantissa for arg in args],
        arg_scale=bytes(arg.scale for arg in args),
    )
