"""Whole numbers of 32 bits: CQL's Integer; what does not fit is null. Uncertain operands give uncertain results."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.values import decimals
from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.uncertainty import Uncertainty, between, bounds

MIN = -(2**31)
MAX = 2**31 - 1

Integer = int | Uncertainty | None


def literal(text: str) -> int:
    """The value of an integer literal (sign optional)."""
    value = int(text)
    if not MIN <= value <= MAX:
        raise ValueOutOfRange(f"{text} does not fit into an Integer.", remedy="Write it as a Long (with L).")
    return value


def in_range(value: int) -> bool:
    """Whether `value` fits into an Integer."""
    return MIN <= value <= MAX


def _uncertain(operation: Callable[[Any, Any], Any], left: Integer, right: Integer) -> Any:
    """The span of the results over the corners of both operands: enough for operations monotonic in each."""
    if left is None or right is None:
        return None
    corners = [operation(a, b) for a in bounds(left) for b in bounds(right)]
    return None if None in corners else between(min(corners), max(corners))


def add(left: Integer, right: Integer) -> Any:
    """`left + right`."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return _uncertain(add, left, right)
    if left is None or right is None:
        return None
    result = left + right  # type: ignore[operator]
    return result if MIN <= result <= MAX else None


def subtract(left: Integer, right: Integer) -> Any:
    """`left - right`."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return _uncertain(subtract, left, right)
    if left is None or right is None:
        return None
    result = left - right  # type: ignore[operator]
    return result if MIN <= result <= MAX else None


def multiply(left: Integer, right: Integer) -> Any:
    """`left * right`."""
    if type(left) is Uncertainty or type(right) is Uncertainty:
        return _uncertain(multiply, left, right)
    if left is None or right is None:
        return None
    result = left * right  # type: ignore[operator]
    return result if MIN <= result <= MAX else None


def _certain(left: Integer, right: Integer, operator: str) -> None:
    if type(left) is Uncertainty or type(right) is Uncertainty:
        raise IncompatibleValues(
            f"{operator} is not defined for an uncertain number.",
            remedy="Dates of full precision give a certain number; or compare instead of dividing.",
        )


def truncated_divide(left: Integer, right: Integer) -> Any:
    """`left div right`, towards zero; null for a divisor of zero; an error for an uncertain operand."""
    _certain(left, right, "div")
    if left is None or not right:
        return None
    quotient = abs(left) // abs(right)  # type: ignore[arg-type]
    result = quotient if (left < 0) == (right < 0) else -quotient  # type: ignore[operator]
    return result if result <= MAX else None


def modulo(left: Integer, right: Integer) -> Any:
    """`left mod right` with the sign of `left`; null for a divisor of zero; an error for an uncertain operand."""
    _certain(left, right, "mod")
    if left is None or not right:
        return None
    remainder = abs(left) % abs(right)  # type: ignore[arg-type]
    return -remainder if left < 0 else remainder  # type: ignore[operator]


def power(left: Integer, right: Integer) -> Any:
    """`left ^ right`; a negative exponent gives a Decimal; an error for an uncertain operand."""
    _certain(left, right, "^")
    if left is None or right is None:
        return None
    assert isinstance(left, int)
    assert isinstance(right, int)
    if right < 0:
        return decimals.power(Decimal(left), Decimal(right))
    if abs(left) > 1 and right > 31:
        return None
    result = left**right
    return result if MIN <= result <= MAX else None


def negate(operand: Integer) -> Any:
    """`-operand`."""
    if type(operand) is Uncertainty:
        return Uncertainty(-operand.high, -operand.low, operand.point_type)
    return None if operand is None or operand == MIN else -operand  # type: ignore[operator]


def absolute(operand: Integer) -> Any:
    """`Abs(operand)`."""
    if type(operand) is Uncertainty:
        low, high = operand.low, operand.high
        least = 0 if low <= 0 <= high else min(abs(low), abs(high))
        return between(least, max(abs(low), abs(high)), operand.point_type)
    return None if operand is None or operand == MIN else abs(operand)  # type: ignore[arg-type]
