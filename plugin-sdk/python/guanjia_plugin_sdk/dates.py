"""Civil dates as the contract has them: whole days since 1970-01-01. No clock, no time zone."""

from calendar import monthrange
from datetime import date

_EPOCH = date(1970, 1, 1).toordinal()


def day_of(year, month, day):
    """Day number of a date of the Gregorian calendar."""
    return date(year, month, day).toordinal() - _EPOCH


def date_of(days):
    """The date of a day number."""
    return date.fromordinal(days + _EPOCH)


def add_months(days, months):
    """The same day of the month so many months later, or the last day of that month where it is shorter."""
    start = date_of(days)
    number = start.year * 12 + start.month - 1 + months
    year, month = number // 12, number % 12 + 1
    return day_of(year, month, min(start.day, monthrange(year, month)[1]))
