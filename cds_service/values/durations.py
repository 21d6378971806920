"""Durations and differences between dates: whole periods, or boundaries crossed.

Each is computed from the earliest and the latest completion of both values; where these disagree the result is an
uncertainty between them (CQL developer's guide, Uncertainty).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds_service.values.dates import Moment, alike, bounds, calendar_day, floor_index, milliseconds, shift, to_datetime
from cds_service.values.failures import IncompatibleValues
from cds_service.values.precisions import MILLISECONDS_PER, Precision
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Temporal, Time
from cds_service.values.uncertainty import Uncertainty, between
from cds_service.values.uncertainty import bounds as spread

_YEAR, _DAY, _HOUR = Precision.YEAR, Precision.DAY, Precision.HOUR
_MILLISECOND, _WEEK = Precision.MILLISECOND, Precision.WEEK


def duration(left: Moment | None, right: Moment | None, precision: Precision) -> Any:
    """The whole periods from left to right: an integer, or an uncertainty, negative if right comes first."""
    if left is None or right is None:
        return None
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return _over(duration, left, right, precision)
    left, right = _prepared(left, right, precision)  # type: ignore[arg-type]
    if type(left) is Date and left.precision == right.precision == _DAY:
        return _whole(left.days * DAY_LENGTH, right.days * DAY_LENGTH, precision)  # type: ignore[union-attr]
    (low, high), (other_low, other_high) = _completions(left, precision), _completions(right, precision)
    if _offset(left) != _offset(right):
        # Periods are counted in elapsed time, so both are brought to one offset.
        by, other_by = _shift(left), _shift(right)
        low, high, other_low, other_high = low + by, high + by, other_low + other_by, other_high + other_by
    return between(_whole(high, other_low, precision), _whole(low, other_high, precision))


def difference(left: Moment | None, right: Moment | None, precision: Precision) -> Any:
    """The boundaries crossed from left to right: an integer, or an uncertainty, negative if right comes first."""
    if left is None or right is None:
        return None
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return _over(difference, left, right, precision)
    left, right = _prepared(left, right, precision)  # type: ignore[arg-type]
    shifts = (0, 0)
    if _HOUR <= precision <= _MILLISECOND and _offset(left) != _offset(right):
        shifts = (_shift(left), _shift(right))
    needed = _DAY if precision == _WEEK else precision
    if left.precision >= needed and right.precision >= needed:
        first, second = milliseconds(left) + shifts[0], milliseconds(right) + shifts[1]
        return floor_index(second, precision) - floor_index(first, precision)
    (low, high), (other_low, other_high) = bounds(left), bounds(right)
    return between(
        floor_index(other_low + shifts[1], precision) - floor_index(high + shifts[0], precision),
        floor_index(other_high + shifts[1], precision) - floor_index(low + shifts[0], precision),
    )


def _over(count: Callable[[Any, Any, Precision], Any], left: Any, right: Any, precision: Precision) -> Any:
    """The span from the shortest to the longest, where one of the values is uncertain itself."""
    (low, high), (other_low, other_high) = spread(left), spread(right)
    return between(spread(count(high, other_low, precision))[0], spread(count(low, other_high, precision))[1])


def _prepared(left: Temporal, right: Temporal, precision: Precision) -> tuple[Temporal, Temporal]:
    left, right = alike(left, right)
    if type(left) is Date and _HOUR <= precision <= _MILLISECOND:
        return to_datetime(left), to_datetime(right)  # type: ignore[arg-type, return-value]
    if type(left) is Time and not _HOUR <= precision <= _MILLISECOND:
        raise IncompatibleValues(
            "Times of day are not counted in days or longer.", remedy="Use hours, minutes, seconds or milliseconds."
        )
    return left, right


def _offset(value: Temporal) -> int | None:
    return value.offset if type(value) is DateTime and value.precision >= _HOUR else None


def _shift(value: Temporal) -> int:
    return shift(value) if type(value) is DateTime else 0


def _completions(value: Temporal, precision: Precision) -> tuple[int, int]:
    """The first and the last moment that counts: those of a date are whole days, missing milliseconds are zero."""
    low, high = bounds(value)
    if type(value) is Date:
        return low, high // DAY_LENGTH * DAY_LENGTH
    return (low, low) if value.precision == Precision.SECOND and precision != _MILLISECOND else (low, high)


def _whole(start: int, end: int, precision: Precision) -> int:
    if precision >= _DAY:
        length = MILLISECONDS_PER[precision]
        return (end - start) // length if end >= start else -((start - end) // length)
    year, month, day = calendar_day(start // DAY_LENGTH)
    end_year, end_month, end_day = calendar_day(end // DAY_LENGTH)
    months = (end_year - year) * 12 + end_month - month
    begun, reached = (day, start % DAY_LENGTH), (end_day, end % DAY_LENGTH)
    if end >= start:
        months -= reached < begun
    else:
        months += reached > begun
    return months if precision != _YEAR else months // 12 if months >= 0 else -(-months // 12)
