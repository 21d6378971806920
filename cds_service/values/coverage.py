"""Sets of intervals: collapsed to the fewest that cover the same points, or expanded into pieces of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from cds_service.values import comparison, dates, decimals, quantities, steps
from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.interval import Interval
from cds_service.values.interval_bounds import end, start
from cds_service.values.logic import Truth
from cds_service.values.longs import Long
from cds_service.values.precisions import BY_NAME, Precision
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty

_TEMPORALS = frozenset((Date, DateTime, Time))
_UCUM_PRECISIONS = {
    "wk": Precision.WEEK,
    "d": Precision.DAY,
    "h": Precision.HOUR,
    "min": Precision.MINUTE,
    "s": Precision.SECOND,
    "ms": Precision.MILLISECOND,
}
_LIMIT = 1_000_000
_ONE = Decimal(1)

Span = tuple[Any, Any, Interval]


def collapse(intervals: Sequence[Interval | None] | None, per: Quantity | None = None) -> list[Interval] | None:
    """The fewest intervals that cover the same points, in order: those that overlap or meet become one.

    With `per`, gaps smaller than that are closed as well, and dates are looked at in that unit.
    """
    if intervals is None:
        return None
    spans = [(start(each), end(each), each) for each in intervals if each is not None]
    known = sorted((span for span in spans if span[0] is not None), key=lambda span: comparison.sort_key(span[0]))
    precision = _precision(per) if per is not None else _coarsest(known)
    merged: list[Span] = []
    for span in known:
        if merged and _reaches(merged[-1][1], span[0], per, precision):
            first, last, interval = merged[-1]
            if _ends_later(span[1], last):
                interval = Interval(
                    interval.low, span[2].high, interval.low_closed, span[2].high_closed, interval.point_type
                )
                merged[-1] = (first, span[1], interval)
        else:
            merged.append(span)
    return [interval for _, _, interval in merged]


def _ends_later(left: Any, right: Any) -> Truth:
    return comparison.greater(left, right)


def _reaches(last: Any, first: Any, per: Quantity | None, precision: Precision | None) -> bool:
    """Whether an interval that ends at `last` overlaps or meets one that starts at `first`."""
    if type(last) in _TEMPORALS and precision is not None:
        unit = precision if precision != Precision.WEEK else Precision.DAY
        last, first = dates.truncate(last, unit), dates.truncate(first, unit)
        try:
            limit = dates.add(last, Quantity(per.value if per else _ONE, precision.name.lower()))
        except ValueOutOfRange:
            return True
        if type(last) is Time and limit.milliseconds < last.milliseconds:
            return True  # past midnight: everything later that day is reached
        return comparison.less_or_equal(first, limit) is True
    if per is not None and type(last) is not Uncertainty:
        limit = _plus(last, per)
        return limit is None or comparison.less_or_equal(first, limit) is True
    if comparison.less_or_equal(first, last) is True:
        return True
    following = steps.step(last, 1)
    return following is None or comparison.less_or_equal(first, following) is True


def _plus(value: Any, per: Quantity) -> Any:
    if type(value) is Quantity:
        amount = Quantity(per.value, value.unit) if per.unit == "1" else per
        return quantities.add(value, amount)
    return decimals.add(Decimal(value), _count(per))


def _count(per: Quantity) -> Decimal:
    """The size of the pieces of an interval of plain numbers."""
    if per.unit != "1":
        raise IncompatibleValues(f"Numbers are not counted in '{per.unit}'.", remedy="Give `per` as a plain number.")
    return per.value


def _precision(per: Quantity) -> Precision | None:
    """The date component that `per` counts; null for a plain number."""
    return BY_NAME.get(per.unit) or _UCUM_PRECISIONS.get(per.unit)


def _coarsest(spans: Sequence[Span]) -> Precision | None:
    """The coarsest precision among the ends of the intervals of dates."""
    found = [each.precision for span in spans for each in span[:2] if type(each) in _TEMPORALS]
    return min(found, default=None)


def expand_intervals(intervals: Sequence[Interval | None] | None, per: Quantity | None = None) -> list[Any] | None:
    """All pieces of size `per` that fit into the intervals, as intervals.

    Without `per` a piece is one unit of the coarsest precision among the bounds. Intervals with an unknown or
    unbounded end give no pieces, nor do dates that are coarser than `per`.
    """
    if intervals is None:
        return None
    known = [each for each in intervals if each is not None]
    return [piece for each in known for piece in _pieces(each, per or _default(known))]


def expand_points(interval: Interval | None, per: Quantity | None = None) -> list[Any] | None:
    """The first points of all pieces of size `per` that fit into the interval."""
    if interval is None:
        return None
    return [piece.low for piece in _pieces(interval, per or _default([interval]))]


def _default(intervals: Sequence[Interval]) -> Quantity:
    spans = [(start(each), end(each), each) for each in intervals]
    coarsest = _coarsest(spans)
    if coarsest is not None:
        return Quantity(_ONE, coarsest.name.lower())
    values = [each.value if type(each) is Quantity else each for span in spans for each in span[:2]]
    places = [decimals.places(each) for each in values if type(each) is Decimal]
    unit = next((each.unit for span in spans for each in span[:2] if type(each) is Quantity), "1")
    return Quantity(_ONE.scaleb(-min(places, default=0)), unit)


def _pieces(interval: Interval, per: Quantity) -> Iterator[Interval]:
    if interval.low is None or interval.high is None:
        return
    first, last = start(interval), end(interval)
    if per.value <= 0:
        raise IncompatibleValues("An interval cannot be cut into pieces of no size.", remedy="Give `per` above zero.")
    yield from _date_pieces(first, last, per) if type(first) in _TEMPORALS else _number_pieces(first, last, per)


def _date_pieces(first: Any, last: Any, per: Quantity) -> Iterator[Interval]:
    precision = _precision(per)
    if precision is None:
        raise IncompatibleValues(f"Dates cannot be cut by '{per.unit}'.", remedy="Use a unit of time, such as day.")
    unit = Precision.DAY if precision == Precision.WEEK else precision
    if first.precision < unit or last.precision < unit:
        return
    current, last = dates.truncate(first, unit), dates.truncate(last, unit)
    width = Quantity(per.value, precision.name.lower())
    point_type = steps.type_name(current)
    while current is not None:
        try:
            following = dates.add(current, width)
            past_end = comparison.less_or_equal(following, current) is not False
        except ValueOutOfRange:
            following, past_end = None, True
        piece_end = steps.maximum(point_type) if past_end else steps.step(following, -1)
        if past_end:
            piece_end = dates.truncate(piece_end, unit)
        if comparison.less_or_equal(piece_end, last) is not True:
            return
        yield Interval(current, piece_end, point_type=point_type)
        current = None if past_end else following


def _number_pieces(first: Any, last: Any, per: Quantity) -> Iterator[Interval]:
    unit = None
    if type(first) is Quantity:
        unit = first.unit
        width = Quantity(per.value, unit) if per.unit == "1" else quantities.convert(per, unit)
        other = quantities.convert(last, unit)
        if width is None or other is None:
            raise IncompatibleValues(f"'{per.unit}' does not cut an interval in '{unit}'.", remedy="Use its unit.")
        low, high, size = first.value, other.value, width.value
    else:
        low, high, size = Decimal(first), Decimal(last), _count(per)
    places = decimals.places(size)
    grain = _ONE.scaleb(-places)
    missing = places - decimals.places(high)
    if missing > 0:
        # A coarser bound stands for all finer values that begin with it: 10 reaches up to 10.9.
        high = high + _ONE.scaleb(-decimals.places(high)) - grain
    current, high = low.quantize(grain, ROUND_FLOOR), high.quantize(grain, ROUND_FLOOR)
    if (high - current) / size > _LIMIT:
        raise ValueOutOfRange(f"An interval has more than {_LIMIT} pieces.", remedy="Use a larger `per`.")
    whole = places == 0 and isinstance(first, int)
    point_type = steps.type_name(first if whole or unit else current)
    while current + size - grain <= high:
        bounds = (_point(current, unit, first, whole), _point(current + size - grain, unit, first, whole))
        yield Interval(*bounds, point_type=point_type)
        current += size


def _point(value: Decimal, unit: str | None, like: Any, whole: bool) -> Any:
    if unit is not None:
        return Quantity(value, unit)
    return (Long(value) if type(like) is Long else int(value)) if whole else value
