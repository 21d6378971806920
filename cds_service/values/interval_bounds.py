"""Where an interval starts and ends, whatever its bounds: open, closed, known or null."""

from __future__ import annotations

from typing import Any

from cds_service.values import comparison, steps
from cds_service.values.failures import InvalidInterval
from cds_service.values.interval import Interval
from cds_service.values.quantity import Quantity
from cds_service.values.uncertainty import Uncertainty, between, bounds


def make(low: Any, high: Any, low_closed: bool = True, high_closed: bool = True, point_type: str = "Any") -> Any:
    """The interval selector: null when nothing is known of bounds and points, an error when low lies above high."""
    if low is None and high is None and point_type == "Any":
        return None
    if point_type == "Any":
        point_type = steps.type_name(high if low is None else low)
    interval = Interval(low, high, low_closed, high_closed, point_type)
    if low is not None and high is not None:
        first, last = (low, high) if low_closed and high_closed else (start(interval), end(interval))
        if first is None or last is None or comparison.compare(first, last) == 1:
            raise InvalidInterval("An interval ends before it begins.", remedy="Order its bounds.")
    return interval


def start(interval: Interval | None) -> Any:
    """`start of interval`: the least of its points; uncertain for an open null bound."""
    if interval is None:
        return None
    low = interval.low
    if low is not None:
        return low if interval.low_closed else steps.step(low, 1)
    if not steps.has_extremes(interval.point_type):
        return None
    least = _extreme(interval, interval.high, steps.minimum)
    if interval.low_closed:
        return least
    highest = _extreme(interval, None, steps.maximum) if interval.high is None else end(interval)
    return between(least, bounds(highest)[1], interval.point_type)


def end(interval: Interval | None) -> Any:
    """`end of interval`: the greatest of its points; uncertain for an open null bound."""
    if interval is None:
        return None
    high = interval.high
    if high is not None:
        return high if interval.high_closed else steps.step(high, -1)
    if not steps.has_extremes(interval.point_type):
        return None
    greatest = _extreme(interval, interval.low, steps.maximum)
    if interval.high_closed:
        return greatest
    lowest = _extreme(interval, None, steps.minimum) if interval.low is None else start(interval)
    return between(bounds(lowest)[0], greatest, interval.point_type)


def known_start(interval: Interval | None) -> Any:
    """`start of interval` as a value: null where an open null bound leaves it unknown."""
    value = start(interval)
    return None if type(value) is Uncertainty else value


def known_end(interval: Interval | None) -> Any:
    """`end of interval` as a value: null where an open null bound leaves it unknown."""
    value = end(interval)
    return None if type(value) is Uncertainty else value


def _extreme(interval: Interval, other: Any, which: Any) -> Any:
    value = which(interval.point_type)
    return Quantity(value.value, other.unit) if type(other) is Quantity else value
