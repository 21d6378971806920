"""How precise a value is, and the least and greatest value it may stand for at a precision."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from cds_service.values import dates, decimals
from cds_service.values.precisions import Precision
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Time

_DATE_DIGITS = {4: Precision.YEAR, 6: Precision.MONTH, 8: Precision.DAY}
_DATETIME_DIGITS = _DATE_DIGITS | {
    10: Precision.HOUR,
    12: Precision.MINUTE,
    14: Precision.SECOND,
    17: Precision.MILLISECOND,
}
_TIME_DIGITS = {2: Precision.HOUR, 4: Precision.MINUTE, 6: Precision.SECOND, 9: Precision.MILLISECOND}
_DIGITS: dict[type[Any], dict[int, Precision]] = {Date: _DATE_DIGITS, DateTime: _DATETIME_DIGITS, Time: _TIME_DIGITS}
_ONE, _HALF = Decimal(1), Decimal("0.5")


def precision(value: Any) -> int | None:
    """The digits of precision: places of a decimal, all digits of a date or time."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return decimals.places(value)
    if isinstance(value, int):
        return 0
    if type(value) is Quantity:
        return decimals.places(value.value)
    return next(digits for digits, known in _DIGITS[type(value)].items() if known == value.precision)


def low_boundary(value: Any, digits: int | None = None) -> Any:
    """The least value at that precision; null for a precision the type does not have."""
    return _boundary(value, digits, high=False)


def high_boundary(value: Any, digits: int | None = None) -> Any:
    """The greatest value at that precision; null for a precision the type does not have."""
    return _boundary(value, digits, high=True)


def _boundary(value: Any, digits: int | None, *, high: bool) -> Any:
    if value is None:
        return None
    if isinstance(value, (int, Decimal)):
        return _decimal_boundary(Decimal(value), decimals.PLACES if digits is None else digits, high)
    if type(value) is Quantity:
        number = _decimal_boundary(value.value, decimals.PLACES if digits is None else digits, high)
        return None if number is None else Quantity(number, value.unit)
    return _temporal_boundary(value, digits, high)


def _decimal_boundary(value: Decimal, digits: int, high: bool) -> Decimal | None:
    """What was written, cut at or filled up to so many places (with nines for the high boundary)."""
    if not 0 <= digits <= decimals.PLACES:
        return None
    if value < 0:
        mirrored = _decimal_boundary(-value, digits, not high)
        return None if mirrored is None else decimals.negate(mirrored)
    unit = _ONE.scaleb(-digits)
    places = decimals.places(value)
    if digits >= places:
        step = _ONE.scaleb(-places) - unit if high else Decimal(0)
        return decimals.EXACT.quantize(value + step, unit)
    return value.quantize(unit, ROUND_CEILING if high else ROUND_FLOOR, decimals.EXACT)


def _temporal_boundary(value: Any, digits: int | None, high: bool) -> Any:
    known = _DIGITS[type(value)]
    target = known.get(max(known) if digits is None else digits)
    if target is None:
        return None
    start, end = dates.bounds(value)
    edge = end if high else start
    finest = max(known.values())
    if type(value) is Time:
        return dates.truncate(Time(edge, finest), target)
    if type(value) is Date:
        return dates.truncate(Date(edge // DAY_LENGTH, finest), target)
    return dates.truncate(DateTime(edge, finest, value.offset), target)


def fhirpath_low_boundary(value: Any, digits: int | None = None) -> Any:
    """The least value that rounds to what was written, at that precision."""
    return _fhirpath_boundary(value, digits, high=False)


def fhirpath_high_boundary(value: Any, digits: int | None = None) -> Any:
    """The greatest value that rounds to what was written, at that precision."""
    return _fhirpath_boundary(value, digits, high=True)


def _fhirpath_boundary(value: Any, digits: int | None, *, high: bool) -> Any:
    if value is None:
        return None
    if isinstance(value, (int, Decimal)):
        return _rounding_boundary(Decimal(value), decimals.PLACES if digits is None else digits, high)
    if type(value) is Quantity:
        number = _rounding_boundary(value.value, decimals.PLACES if digits is None else digits, high)
        return None if number is None else Quantity(number, value.unit)
    if type(value) is DateTime and value.offset is None:
        # An unknown offset may be any: the earliest moment is furthest east, the latest furthest west.
        edge = _temporal_boundary(value, digits, high)
        fine = edge is not None and edge.precision >= Precision.HOUR
        return DateTime(edge.instant, edge.precision, -720 if high else 840) if fine else edge
    return _temporal_boundary(value, digits, high)


def _rounding_boundary(value: Decimal, digits: int, high: bool) -> Decimal | None:
    if not 0 <= digits <= 28:
        return None
    unit = _ONE.scaleb(-digits)
    if value and not decimals.EXACT.quantize(value, unit):
        return value.quantize(unit, context=decimals.EXACT)
    half = _HALF.scaleb(-decimals.places(value))
    edge = value + half if high else value - half
    return edge.quantize(unit, ROUND_CEILING if high else ROUND_FLOOR, decimals.EXACT)
