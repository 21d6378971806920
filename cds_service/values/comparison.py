"""Order: `<`, `<=`, `>`, `>=` and `between` over every type that has an order, with null where it is not certain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.values import dates, quantities
from cds_service.values.failures import IncompatibleValues
from cds_service.values.logic import Truth, conjunction
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty, bounds

_NATIVE = frozenset((int, str, Decimal, Long))
_NUMBERS = frozenset((int, Decimal, Long))
_TEMPORALS = frozenset((Date, DateTime, Time))


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; null where it is not certain; an error for types without a common order."""
    if left is None or right is None:
        return None
    kind, other = type(left), type(right)
    if kind is other and kind in _NATIVE:
        return int(left > right) - int(left < right)
    if kind in _TEMPORALS and other in _TEMPORALS:
        return dates.compare(left, right)
    if kind is Quantity or other is Quantity:
        return quantities.compare(_quantity(left), _quantity(right))
    if kind in _NUMBERS and other in _NUMBERS:
        return int(left > right) - int(left < right)
    if kind is Uncertainty or other is Uncertainty:
        (low, high), (other_low, other_high) = bounds(left), bounds(right)
        if compare(high, other_low) == -1:
            return -1
        return 1 if compare(low, other_high) == 1 else None
    raise IncompatibleValues(
        f"A {kind.__name__} and a {other.__name__} have no common order.", remedy="Compare values of one type."
    )


def _quantity(value: Any) -> Quantity:
    if type(value) is Quantity:
        return value
    if type(value) in _NUMBERS:
        return Quantity(Decimal(value))
    raise IncompatibleValues(f"A quantity cannot be compared with a {type(value).__name__}.", remedy="Convert it.")


def less(left: Any, right: Any) -> Truth:
    """`left < right`."""
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left < right  # type: ignore[no-any-return]
    if kind is Uncertainty or type(right) is Uncertainty:
        return _uncertain_less(left, right)
    order = compare(left, right)
    return None if order is None else order < 0


def less_or_equal(left: Any, right: Any) -> Truth:
    """`left <= right`."""
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left <= right  # type: ignore[no-any-return]
    if kind is Uncertainty or type(right) is Uncertainty:
        turned = _uncertain_less(right, left)
        return None if turned is None else not turned
    order = compare(left, right)
    return None if order is None else order <= 0


def greater(left: Any, right: Any) -> Truth:
    """`left > right`."""
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left > right  # type: ignore[no-any-return]
    return less(right, left)


def greater_or_equal(left: Any, right: Any) -> Truth:
    """`left >= right`."""
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left >= right  # type: ignore[no-any-return]
    return less_or_equal(right, left)


def _uncertain_less(left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    (low, high), (other_low, other_high) = bounds(left), bounds(right)
    if less(high, other_low):
        return True
    return False if less(low, other_high) is False else None


def between(operand: Any, low: Any, high: Any) -> Truth:
    """`operand between low and high`, inclusive."""
    return conjunction(greater_or_equal(operand, low), less_or_equal(operand, high))


def combined_compare(left: Any, right: Any) -> int | None:
    """`compare` as FHIRPath has it: seconds and milliseconds are one component, a missing offset leaves it open."""
    if type(left) in _TEMPORALS and type(right) in _TEMPORALS:
        return dates.compare_combined(left, right)
    return compare(left, right)


def sort_key(value: Any) -> tuple[Any, ...]:
    """A key with a total order over the values of one type: null first, a partial date before its refinements."""
    kind = type(value)
    if kind in _NATIVE:
        return 1, value
    if value is None:
        return (0,)
    if kind is DateTime:
        return 1, value.instant + dates.shift(value), value.precision
    if kind is Date:
        return 1, value.days * 86_400_000, value.precision
    if kind is Time:
        return 1, value.milliseconds, value.precision
    if kind is Quantity:
        return 1, *quantities.base_value(value)
    if kind is bool:
        return 1, value
    if kind is Uncertainty:
        return sort_key(value.low)
    raise IncompatibleValues(f"Values of type {kind.__name__} have no order.", remedy="Sort by one of their elements.")
