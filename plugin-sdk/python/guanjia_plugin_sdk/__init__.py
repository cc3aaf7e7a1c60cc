"""What a rule in Python is written with.

The shape follows the Rust SDK: a rule reads facts of a subject and writes lines, or raises why not. Only the module
`component` needs the bindings that exist inside a component; everything else is ordinary Python and tested as such.
"""

from .dates import add_months, date_of, day_of
from .decimals import Decimal, Exact, Rounding
from .no import No, OutOfRange, Refused, Undecided
from .rules import FeePolicy, Lines, Segment, Subject

__all__ = [
    "Decimal",
    "Exact",
    "FeePolicy",
    "Lines",
    "No",
    "OutOfRange",
    "Refused",
    "Rounding",
    "Segment",
    "Subject",
    "Undecided",
    "add_months",
    "date_of",
    "day_of",
]
