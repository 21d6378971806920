"""Dates, date-times and times: comparison at a precision, components, and arithmetic with durations.

A comparison looks at both values component by component; where one of them is not known finely enough the answer is
null. Date-times of different offsets are brought to one offset first, for comparisons of hours and finer only (CQL
reference, Same As).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.logic import Truth
from cds_service.values.precisions import MILLISECONDS_PER, Precision
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Temporal, Time
from cds_service.values.uncertainty import Uncertainty
from cds_service.values.uncertainty import bounds as spread

_YEAR, _MONTH, _DAY, _HOUR = Precision.YEAR, Precision.MONTH, Precision.DAY, Precision.HOUR
_SECOND, _MILLISECOND, _WEEK = Precision.SECOND, Precision.MILLISECOND, Precision.WEEK

_UNITS = {
    "year": _YEAR,
    "month": _MONTH,
    "week": _WEEK,
    "wk": _WEEK,
    "day": _DAY,
    "d": _DAY,
    "hour": _HOUR,
    "h": _HOUR,
    "minute": Precision.MINUTE,
    "min": Precision.MINUTE,
    "second": _SECOND,
    "s": _SECOND,
    "millisecond": _MILLISECOND,
    "ms": _MILLISECOND,
}
Moment = Temporal | Uncertainty
"""A date or time, or what is only known to lie between two of them."""

_DAYS_PER_YEAR, _DAYS_PER_MONTH = 365, 30  # calendar duration conversion, CQL reference, Equal
_FAR = 3 * DAY_LENGTH  # so far apart, no two offsets change which of two days is the earlier one


_evaluation_offset: ContextVar[int] = ContextVar("offset of the evaluation in minutes", default=0)


@contextmanager
def evaluated_at(minutes: int) -> Iterator[None]:
    """Within this block, date-times without an offset are read at this one (UTC unless said otherwise)."""
    token = _evaluation_offset.set(minutes)
    try:
        yield
    finally:
        _evaluation_offset.reset(token)


def shift(value: DateTime) -> int:
    """The milliseconds from the clock of a date-time to the clock of the evaluation; none for a mere day."""
    if value.offset is None or value.precision < _HOUR:
        return 0
    return (_evaluation_offset.get() - value.offset) * 60_000


def to_datetime(value: Date | DateTime | None) -> DateTime | None:
    """A date as the date-time of the same precision."""
    return DateTime(value.days * DAY_LENGTH, value.precision) if isinstance(value, Date) else value


def localize(value: DateTime | None, minutes: int) -> DateTime | None:
    """The date-time with that offset, if it has none of its own."""
    if value is None or value.offset is not None:
        return value
    return DateTime(value.instant, value.precision, minutes)


def now_from(moment: datetime) -> DateTime:
    """The date-time of a moment, to the millisecond, with its offset."""
    offset = moment.utcoffset()
    milliseconds = (moment.hour * 3600 + moment.minute * 60 + moment.second) * 1000 + moment.microsecond // 1000
    return DateTime(
        moment.toordinal() * DAY_LENGTH + milliseconds,
        _MILLISECOND,
        None if offset is None else int(offset.total_seconds() // 60),
    )


def component(value: Moment | None, precision: Precision) -> int | None:
    """The year, month … of a value; null beyond its precision."""
    return None if value is None else getattr(value, precision.name.lower(), None)


def date_from(value: DateTime | Uncertainty | None) -> Date | None:
    """The date of a date-time, at its own offset."""
    if type(value) is not DateTime:
        return None
    return Date(value.instant // DAY_LENGTH, min(value.precision, _DAY))


def time_from(value: DateTime | Uncertainty | None) -> Time | None:
    """The time of day of a date-time, at its own offset; null without one."""
    if type(value) is not DateTime or value.precision < _HOUR:
        return None
    return Time(value.instant % DAY_LENGTH, value.precision)


def timezone_offset(value: DateTime | None) -> Decimal | None:
    """The offset in hours."""
    return None if value is None else Decimal(value.offset or 0) / 60


def floor_index(instant: int, precision: Precision) -> int:
    """The number of whole periods of that precision from the beginning of the calendar to `instant` (milliseconds)."""
    if precision == _DAY:
        return instant // DAY_LENGTH
    if precision > _DAY:
        return instant // (7 * DAY_LENGTH) if precision == _WEEK else instant // MILLISECONDS_PER[precision]
    year, month, _ = calendar_day(instant // DAY_LENGTH)
    return year if precision == _YEAR else year * 12 + month


@lru_cache(maxsize=16_384)
def calendar_day(ordinal: int) -> tuple[int, int, int]:
    """Year, month and day of an ordinal, kept within the calendar."""
    day = date.fromordinal(min(max(ordinal, 1), 3_652_059))
    return day.year, day.month, day.day


def milliseconds(value: Temporal) -> int:
    """The earliest completion in milliseconds, local."""
    kind = type(value)
    if kind is DateTime:
        return value.instant  # type: ignore[union-attr]
    return value.days * DAY_LENGTH if kind is Date else value.milliseconds  # type: ignore[union-attr]


def truncate(value: Any, precision: Precision) -> Any:
    """The value known only to that precision (or to its own, if that is coarser)."""
    if value is None or value.precision <= precision:
        return value
    if type(value) is Time:
        length = MILLISECONDS_PER[precision]
        return Time(value.milliseconds // length * length, precision)
    start = milliseconds(value)
    if precision >= _DAY:
        length = MILLISECONDS_PER[precision]
        start = start // length * length
    else:
        year, month, _ = calendar_day(start // DAY_LENGTH)
        start = date(year, month if precision == _MONTH else 1, 1).toordinal() * DAY_LENGTH
    return Date(start // DAY_LENGTH, precision) if type(value) is Date else DateTime(start, precision, value.offset)


def alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both values, a date as a date-time where the other is one."""
    if type(left) is type(right):
        return left, right
    left_kind, right_kind = type(left), type(right)
    if left_kind in (Date, DateTime) and right_kind in (Date, DateTime):
        return to_datetime(left), to_datetime(right)
    raise IncompatibleValues("Dates and times of day cannot be compared.", remedy="Compare two of one kind.")


def compare(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> int | None:
    """-1, 0 or 1 as left is before, at or after right; null where a component needed is not known."""
    if left is None or right is None:
        return None
    if type(left) is DateTime and type(right) is DateTime:
        apart = left.instant - right.instant
        named = left.precision >= _DAY and right.precision >= _DAY
        if not -_FAR < apart < _FAR and named and (precision is None or _DAY <= precision < _WEEK):
            return 1 if apart > 0 else -1
    kind = type(left)
    if kind is not type(right) or kind is Uncertainty:
        if kind is Uncertainty or type(right) is Uncertainty:
            return _compare_uncertain(left, right, precision)
        left, right = alike(left, right)
        kind = type(left)
    left_precision, right_precision = left.precision, right.precision  # type: ignore[union-attr]
    if kind is DateTime:
        first, second = left.instant, right.instant  # type: ignore[union-attr]
        if left.offset != right.offset and (precision is None or precision >= _HOUR):  # type: ignore[union-attr]
            if left_precision == _HOUR or right_precision == _HOUR:
                return _compare_hours(left, right, precision)  # type: ignore[arg-type]
            first += shift(left)  # type: ignore[arg-type, operator]
            second += shift(right)  # type: ignore[arg-type, operator]
    elif kind is Date:
        first, second = left.days * DAY_LENGTH, right.days * DAY_LENGTH  # type: ignore[union-attr]
    else:
        first, second = left.milliseconds, right.milliseconds  # type: ignore[union-attr]
    if precision is None and left_precision == right_precision:
        return (first > second) - (first < second)
    common = left_precision if left_precision < right_precision else right_precision
    level = common if precision is None or common < precision else precision
    if level >= _DAY and level != _WEEK:
        if level != _MILLISECOND:
            length = MILLISECONDS_PER[level]
            first, second = first // length, second // length
    else:
        first, second = floor_index(first, level), floor_index(second, level)
    if first != second:
        return 1 if first > second else -1
    return 0 if precision is not None and common >= precision else None


def _compare_hours(left: DateTime, right: DateTime, precision: Precision | None) -> int | None:
    """Comparison where one side is known to the hour and the offsets differ, perhaps by a part of an hour."""
    spans = []
    for value in (left, right):
        by = shift(value)
        low, high = bounds(value)
        if precision is not None and value.precision >= precision:
            length = MILLISECONDS_PER[precision]
            low = (low + by) // length * length - by
            high = low + length - 1 if value.precision > precision or not by % length else high
        spans.append((low + by, high + by))
    (low, high), (other_low, other_high) = spans
    if high < other_low:
        return -1
    if low > other_high:
        return 1
    certain = precision is None or min(left.precision, right.precision) >= precision
    return 0 if spans[0] == spans[1] and certain else None


def _compare_uncertain(left: Any, right: Any, precision: Precision | None) -> int | None:
    """-1 or 1 where all that both may be is in that order."""
    (low, high), (other_low, other_high) = spread(left), spread(right)
    if compare(high, other_low, precision) == -1:
        return -1
    return 1 if compare(low, other_high, precision) == 1 else None


def _not_before(left: Any, right: Any, precision: Precision | None) -> Truth:
    """Whether left is at or after right, for uncertain values that may touch."""
    if left is None or right is None or Uncertainty not in (type(left), type(right)):
        return None
    least = compare(spread(left)[0], spread(right)[1], precision)
    return True if least is not None and least >= 0 else None


def bounds(value: Temporal) -> tuple[int, int]:
    """The earliest and the latest completion, local milliseconds."""
    start, precision = milliseconds(value), value.precision
    if precision == _MILLISECOND:
        return start, start
    if precision >= _DAY:
        return start, start + MILLISECONDS_PER[precision] - 1
    year, month, _ = calendar_day(start // DAY_LENGTH)
    month = month if precision == _MONTH else 12
    return start, (date(year, month, monthrange(year, month)[1]).toordinal() + 1) * DAY_LENGTH - 1


def same_as(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> Truth:
    """`left same precision as right`."""
    order = compare(left, right, precision)
    return None if order is None else order == 0


def before(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> Truth:
    """`left before precision of right`."""
    order = compare(left, right, precision)
    return None if order is None else order < 0


def after(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> Truth:
    """`left after precision of right`."""
    order = compare(left, right, precision)
    return None if order is None else order > 0


def same_or_before(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> Truth:
    """`left same precision or before right`."""
    order = compare(left, right, precision)
    return _not_before(right, left, precision) if order is None else order <= 0


def same_or_after(left: Moment | None, right: Moment | None, precision: Precision | None = None) -> Truth:
    """`left same precision or after right`."""
    order = compare(left, right, precision)
    return _not_before(left, right, precision) if order is None else order >= 0


def compare_combined(left: Temporal | None, right: Temporal | None) -> int | None:
    """Comparison as FHIRPath does it: seconds and milliseconds are one component, and an offset that is missing on
    one side only leaves the answer open unless the values are further apart than any offset can bridge."""
    if left is None or right is None:
        return None
    if type(left) is not type(right):
        left, right = alike(left, right)
    if type(left) is DateTime and type(right) is DateTime:
        fine = left.precision >= _HOUR and right.precision >= _HOUR
        if fine and (left.offset is None) != (right.offset is None):
            apart = left.instant + shift(left) - right.instant - shift(right)
            return None if abs(apart) <= 26 * 3_600_000 else 1 if apart > 0 else -1
    return compare(_combined(left), _combined(right))


def _combined(value: Temporal) -> Temporal:
    if value.precision != _SECOND:
        return value
    if type(value) is Time:
        return Time(value.milliseconds, _MILLISECOND)
    assert isinstance(value, DateTime)
    return DateTime(value.instant, _MILLISECOND, value.offset)


def add(value: Any, quantity: Quantity | None) -> Any:
    """`value + quantity`: calendar arithmetic at the precision of the value; an error beyond the calendar."""
    if value is None or quantity is None:
        return None
    return _move(value, quantity, quantity.value)


def subtract(value: Any, quantity: Quantity | None) -> Any:
    """`value - quantity`: calendar arithmetic at the precision of the value; an error beyond the calendar."""
    global _last_difference
    if value is None or quantity is None:
        return None
    # Entry by entry logic asks for the same moment before now.
    last_value, last_quantity, difference = _last_difference
    if last_value is not value or last_quantity is not quantity:
        difference = _move(value, quantity, -quantity.value)
        _last_difference = (value, quantity, difference)
    return difference


_last_difference: tuple[Any, Quantity | None, Any] = (None, None, None)


def _move(value: Any, quantity: Quantity, amount: Decimal) -> Any:
    if type(value) is Uncertainty:
        return _move_uncertain(value, quantity, amount)
    unit = _UNITS.get(quantity.unit)
    kind = type(value)
    if unit is None or (kind is Time and (unit < _HOUR or unit == _WEEK)):
        raise IncompatibleValues(
            f"A quantity in '{quantity.unit}' cannot be added to a {kind.__name__}.",
            remedy="Use calendar units: years, months, weeks, days, hours, minutes, seconds, milliseconds.",
        )
    precision = value.precision
    if unit <= _MONTH:
        months = int(amount) * 12 if unit == _YEAR else int(amount)
        return _move_months(value, _whole(months, 12) if precision == _YEAR else months)
    # Fractions count for seconds and milliseconds only.
    fine = unit in (_SECOND, _MILLISECOND)
    shift = int(amount * MILLISECONDS_PER[unit]) if fine else int(amount) * MILLISECONDS_PER[unit]
    if precision == _YEAR:
        return _move_months(value, _whole(shift, _DAYS_PER_YEAR * DAY_LENGTH) // (_DAYS_PER_YEAR * DAY_LENGTH) * 12)
    if precision == _MONTH:
        return _move_months(value, _whole(shift, _DAYS_PER_MONTH * DAY_LENGTH) // (_DAYS_PER_MONTH * DAY_LENGTH))
    return _moved(value, milliseconds(value) + _whole(shift, MILLISECONDS_PER[precision]))


def _move_uncertain(value: Uncertainty, quantity: Quantity, amount: Decimal) -> Uncertainty:
    """Both ends moved; an end that would leave the calendar stays where it is."""

    def moved(end: Any) -> Any:
        try:
            return _move(end, quantity, amount)
        except ValueOutOfRange:
            return end

    return Uncertainty(moved(value.low), moved(value.high), value.point_type)


def _whole(amount: int, length: int) -> int:
    """The amount without what goes beyond whole lengths, towards zero."""
    return amount // length * length if amount >= 0 else -(-amount // length * length)


def _moved(value: Any, start: int) -> Any:
    if type(value) is Time:
        return Time(start % DAY_LENGTH, value.precision)
    if not DAY_LENGTH <= start < 3_652_060 * DAY_LENGTH:
        raise _beyond()
    if type(value) is Date:
        return Date(start // DAY_LENGTH, value.precision)
    return DateTime(start, value.precision, value.offset)


def _move_months(value: Any, months: int) -> Any:
    start = milliseconds(value)
    year, month, day = calendar_day(start // DAY_LENGTH)
    year, month = divmod(year * 12 + month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise _beyond()
    moved = date(year, month + 1, min(day, monthrange(year, month + 1)[1]))
    return _moved(value, moved.toordinal() * DAY_LENGTH + start % DAY_LENGTH)


def _beyond() -> ValueOutOfRange:
    return ValueOutOfRange("A date lies beyond the years 1 to 9999.", remedy="Check the duration that is added.")
