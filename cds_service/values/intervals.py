"""Intervals: how they relate to points and to each other, at a precision where one is given.

Everything is said with the start and the end of an interval. Where a bound is unknown (open and null) or a date is
not precise enough, the answer is null unless it is the same for every possible value. A point may stand where an
interval may.
"""

from __future__ import annotations

from typing import Any

from cds_service.values import arithmetic, comparison, dates, steps
from cds_service.values.equality import equal
from cds_service.values.failures import IncompatibleValues, ManyWhereOneExpected
from cds_service.values.interval import Interval
from cds_service.values.interval_bounds import end, start
from cds_service.values.logic import Truth, conjunction, disjunction, negation
from cds_service.values.precisions import Precision
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty, bounds

At = Precision | None
_TEMPORALS = frozenset((Date, DateTime, Time))


def _start(value: Any) -> Any:
    """The start of an interval; a point starts where it is."""
    if type(value) is not Interval:
        return value
    low = value.low
    return low if low is not None and value.low_closed else start(value)


def _end(value: Any) -> Any:
    """The end of an interval; a point ends where it is."""
    if type(value) is not Interval:
        return value
    high = value.high
    return high if high is not None and value.high_closed else end(value)


def _less(left: Any, right: Any, precision: At) -> Truth:
    kind = type(left)
    if kind is type(right) and kind in _TEMPORALS:
        order = dates.compare(left, right, precision)
        return None if order is None else order < 0
    if precision is None:
        return comparison.less(left, right)
    if left is None or right is None:
        return None
    if type(left) is Uncertainty or type(right) is Uncertainty:
        (low, high), (other_low, other_high) = bounds(left), bounds(right)
        if dates.before(high, other_low, precision):
            return True
        return False if dates.before(low, other_high, precision) is False else None
    return dates.before(left, right, precision)


def _at_most(left: Any, right: Any, precision: At) -> Truth:
    kind = type(left)
    if kind is type(right) and kind in _TEMPORALS:
        order = dates.compare(left, right, precision)
        return None if order is None else order <= 0
    if precision is None:
        return comparison.less_or_equal(left, right)
    return negation(_less(right, left, precision))


def _same(left: Any, right: Any, precision: At) -> Truth:
    if precision is None:
        return equal(left, right)
    if type(left) is Uncertainty or type(right) is Uncertainty:
        apart = _less(left, right, precision) is True or _less(right, left, precision) is True
        return False if apart else None
    return dates.same_as(left, right, precision)


def contains(interval: Interval | None, point: Any, precision: At = None) -> Truth:
    """`interval contains point`: false for a null interval, null for a null point."""
    if interval is None:
        return False
    if point is None:
        return None
    low, high = interval.low, interval.high
    after_start = (
        _at_most(_start(interval), point, precision)
        if interval.low_closed or low is None
        else _less(low, point, precision)
    )
    if after_start is False:
        return False
    before_end = (
        _at_most(point, _end(interval), precision)
        if interval.high_closed or high is None
        else _less(point, high, precision)
    )
    return conjunction(after_start, before_end)


def in_(point: Any, interval: Interval | None, precision: At = None) -> Truth:
    """`point in interval`: false for a null interval, null for a null point."""
    return contains(interval, point, precision)


def properly_contains(interval: Interval | None, point: Any, precision: At = None) -> Truth:
    """`interval properly includes point`: the point lies inside, at neither end."""
    if interval is None:
        return False
    if point is None:
        return None
    return conjunction(_less(_start(interval), point, precision), _less(point, _end(interval), precision))


def properly_in(point: Any, interval: Interval | None, precision: At = None) -> Truth:
    """`point properly included in interval`."""
    return properly_contains(interval, point, precision)


def includes(left: Interval | None, right: Any, precision: At = None) -> Truth:
    """`left includes right`: the right starts and ends within the left."""
    if right is not None and type(right) is not Interval:
        return contains(left, right, precision)
    if left is None or right is None:
        return None
    starts_within = _at_most(_start(left), _start(right), precision)
    return False if starts_within is False else conjunction(starts_within, _at_most(_end(right), _end(left), precision))


def included_in(left: Any, right: Interval | None, precision: At = None) -> Truth:
    """`left included in right`, also `during`."""
    return includes(right, left, precision)


def properly_includes(left: Interval | None, right: Any, precision: At = None) -> Truth:
    """`left properly includes right`: includes it and is not the same."""
    if right is not None and type(right) is not Interval:
        return properly_contains(left, right, precision)
    return conjunction(includes(left, right, precision), negation(same_as(left, right, precision)))


def properly_included_in(left: Any, right: Interval | None, precision: At = None) -> Truth:
    """`left properly included in right`, also `properly during`."""
    return properly_includes(right, left, precision)


def before(left: Any, right: Any, precision: At = None) -> Truth:
    """`left before right`: the left ends before the right starts."""
    return None if left is None or right is None else _less(_end(left), _start(right), precision)


def after(left: Any, right: Any, precision: At = None) -> Truth:
    """`left after right`: the left starts after the right ends."""
    return before(right, left, precision)


def same_or_before(left: Any, right: Any, precision: At = None) -> Truth:
    """`left on or before right`: the left ends no later than the right starts."""
    return None if left is None or right is None else _at_most(_end(left), _start(right), precision)


def same_or_after(left: Any, right: Any, precision: At = None) -> Truth:
    """`left on or after right`: the left starts no earlier than the right ends."""
    return same_or_before(right, left, precision)


on_or_before = same_or_before
on_or_after = same_or_after


def same_as(left: Any, right: Any, precision: At = None) -> Truth:
    """`left same as right`: both start together and end together."""
    if left is None or right is None:
        return None
    together = _same(_start(left), _start(right), precision)
    return False if together is False else conjunction(together, _same(_end(left), _end(right), precision))


def meets_before(left: Interval | None, right: Interval | None, precision: At = None) -> Truth:
    """`left meets before right`: the right starts at the very next point after the left ends."""
    if left is None or right is None:
        return None
    last, first = _end(left), _start(right)
    if last is None or first is None:
        return None
    if precision is not None:
        last = _truncated(last, precision)
    following = steps.step(last, 1)
    return False if following is None else _same(following, first, precision)


def _truncated(value: Any, precision: Precision) -> Any:
    if type(value) is Uncertainty:
        low, high = dates.truncate(value.low, precision), dates.truncate(value.high, precision)
        return Uncertainty(low, high, value.point_type)
    return dates.truncate(value, precision)


def meets_after(left: Interval | None, right: Interval | None, precision: At = None) -> Truth:
    """`left meets after right`: the left starts at the very next point after the right ends."""
    return meets_before(right, left, precision)


def meets(left: Interval | None, right: Interval | None, precision: At = None) -> Truth:
    """`left meets right`, in either order."""
    return disjunction(meets_before(left, right, precision), meets_before(right, left, precision))


def overlaps(left: Any, right: Any, precision: At = None) -> Truth:
    """`left overlaps right`: they have a point in common."""
    if left is None or right is None:
        return None
    begins = _at_most(_start(left), _end(right), precision)
    return False if begins is False else conjunction(begins, _at_most(_start(right), _end(left), precision))


def overlaps_before(left: Any, right: Any, precision: At = None) -> Truth:
    """`left overlaps before right`: they overlap and the left starts first."""
    if left is None or right is None:
        return None
    return conjunction(overlaps(left, right, precision), _less(_start(left), _start(right), precision))


def overlaps_after(left: Any, right: Any, precision: At = None) -> Truth:
    """`left overlaps after right`: they overlap and the left ends last."""
    if left is None or right is None:
        return None
    return conjunction(overlaps(left, right, precision), _less(_end(right), _end(left), precision))


def starts(left: Interval | None, right: Interval | None, precision: At = None) -> Truth:
    """`left starts right`: they start together and the left ends no later."""
    if left is None or right is None:
        return None
    return conjunction(_same(_start(left), _start(right), precision), _at_most(_end(left), _end(right), precision))


def ends(left: Interval | None, right: Interval | None, precision: At = None) -> Truth:
    """`left ends right`: they end together and the left starts no earlier."""
    if left is None or right is None:
        return None
    return conjunction(_same(_end(left), _end(right), precision), _at_most(_start(right), _start(left), precision))


def width(interval: Interval | None) -> Any:
    """`width of interval`: end minus start; null if either is unknown, an error for dates and times."""
    if interval is None:
        return None
    _measurable(interval)
    first, last = start(interval), end(interval)
    return None if Uncertainty in (type(first), type(last)) else arithmetic.subtract(last, first)


def size(interval: Interval | None) -> Any:
    """`Size(interval)`: the width and one point more."""
    distance = width(interval)
    if interval is None or distance is None:
        return None
    step = steps.point_size(interval.point_type)
    if interval.point_type == "Quantity":
        step = type(distance)(step, distance.unit)
    return arithmetic.add(distance, step)


def _measurable(interval: Interval) -> None:
    if interval.point_type in ("Date", "DateTime", "Time"):
        raise IncompatibleValues(
            f"An interval of {interval.point_type} has no width.", remedy="Use `duration in days of` and the like."
        )


def point_from(interval: Interval | None) -> Any:
    """`point from interval`: its only point; an error if it has more."""
    if interval is None:
        return None
    first, last = start(interval), end(interval)
    if equal(first, last) is not True:
        if first is None and last is None:
            return None
        raise ManyWhereOneExpected("An interval has more than one point.", remedy="Use `start of` or `end of`.")
    return first


def union(left: Interval | None, right: Interval | None) -> Interval | None:
    """`left union right`: one interval over both; null unless they overlap or meet."""
    if left is None or right is None or disjunction(overlaps(left, right), meets(left, right)) is not True:
        return None
    left_first = _at_most(_start(left), _start(right), None)
    left_last = _at_most(_end(right), _end(left), None)
    if left_first is None or left_last is None:
        return None
    low, high = (left if left_first else right), (left if left_last else right)
    return Interval(low.low, high.high, low.low_closed, high.high_closed, left.point_type)


def intersect(left: Interval | None, right: Interval | None) -> Interval | None:
    """`left intersect right`: the points of both; null if there are none.

    A bound that may lie on either side of a known one stays unknown (open and null).
    """
    if left is None or right is None or overlaps(left, right) is not True:
        return None
    right_starts_last = _at_most(_start(left), _start(right), None)
    right_ends_first = _at_most(_end(right), _end(left), None)
    low = right if right_starts_last else left
    high = right if right_ends_first else left
    return Interval(
        None if right_starts_last is None else low.low,
        None if right_ends_first is None else high.high,
        low.low_closed and right_starts_last is not None,
        high.high_closed and right_ends_first is not None,
        left.point_type,
    )


def except_(left: Interval | None, right: Interval | None) -> Interval | None:
    """`left except right`: what is left of the left, if that is one interval; else null."""
    if left is None or right is None:
        return None
    apart = negation(overlaps(left, right))
    if apart is None:
        return None
    if apart:
        return left
    keeps_start = _less(_start(left), _start(right), None)
    keeps_end = _less(_end(right), _end(left), None)
    if keeps_start is True and keeps_end is False:
        return Interval(left.low, steps.step(_start(right), -1), left.low_closed, True, left.point_type)
    if keeps_start is False and keeps_end is True:
        return Interval(steps.step(_end(right), 1), left.high, True, left.high_closed, left.point_type)
    return None
