"""Functions on numbers and parts of dates; no result where there is none."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.values import arithmetic, dates, decimals, integers
from cds_service.values.failures import ValueOutOfRange
from cds_service.values.precisions import BY_NAME
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time

Number = int | Decimal
absolute = arithmetic.absolute


def _whole(function: Callable[[Decimal], int | None]) -> Callable[[Number | None], int | None]:
    def apply(value: Number | None) -> int | None:
        return value if value is None or value.__class__ is int else function(Decimal(value))

    apply.__doc__ = function.__doc__
    return apply


ceiling = _whole(decimals.ceiling)
floor = _whole(decimals.floor)
truncate = _whole(decimals.truncate)
log = decimals.log
sqrt = decimals.sqrt


def exp(value: Number | None) -> Decimal | None:
    """e to the power of the value."""
    try:
        return decimals.exp(value)
    except ValueOutOfRange:
        return None


def ln(value: Number | None) -> Decimal | None:
    """The natural logarithm; none for zero and below."""
    return None if value is None or value <= 0 else decimals.ln(value)


def power(base: Number | None, exponent: Number | None) -> Number | None:
    """`base` to the power of `exponent`: whole for whole numbers."""
    if base is None or exponent is None:
        return None
    if base.__class__ is int and exponent.__class__ is int and exponent >= 0:
        result = integers.power(int(base), int(exponent))
        return None if result is None else int(result)
    return decimals.power(Decimal(base), Decimal(exponent))


def round_(value: Number | Quantity | None, digits: int | None = None) -> Any:
    """The value rounded half away from zero."""
    return arithmetic.round_(value, digits) if value.__class__ is Quantity else decimals.round_(value, digits)  # type: ignore[arg-type]


def component(name: str) -> Callable[[Any], int | None]:
    """A function that gives the year, month … of a value."""
    precision = BY_NAME[name]
    return lambda value: dates.component(value, precision)


def timezone_offset(value: DateTime | None) -> Decimal | None:
    """The offset in hours; none where none is given."""
    return None if value is None or value.offset is None else dates.timezone_offset(value)


def date_of(value: Date | DateTime | None) -> Date | None:
    """The date of a date-time."""
    return value if value is None or value.__class__ is Date else dates.date_from(value)  # type: ignore[arg-type]


def time_of(value: DateTime | None) -> Time | None:
    """The time of day of a date-time."""
    return dates.time_from(value)
