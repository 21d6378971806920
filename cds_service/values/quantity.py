"""The quantity type: a number with a unit. The operations live in `quantities`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in a UCUM unit or a calendar duration (`year` … `millisecond`, in the singular)."""

    value: Decimal
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A relationship between two quantities, such as a titre."""

    numerator: Quantity
    denominator: Quantity


_CALENDAR = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR_UNITS = frozenset(_CALENDAR)
SINGULAR = {f"{name}s": name for name in _CALENDAR} | {name: name for name in _CALENDAR}
"""Calendar words, singular and plural, to the singular."""


def make(value: Decimal | int | None, unit: str | None = None) -> Quantity | None:
    """The quantity of that value; calendar units become singular, no unit becomes '1'; null without a value."""
    if value is None:
        return None
    number = value if type(value) is Decimal else Decimal(value)
    return Quantity(number, SINGULAR.get(unit, unit) if unit else "1")
