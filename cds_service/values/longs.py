"""Whole numbers of 64 bits: CQL's Long; what does not fit is null."""

from __future__ import annotations

from decimal import Decimal

from cds_service.values import decimals
from cds_service.values.failures import ValueOutOfRange

MIN = -(2**63)
MAX = 2**63 - 1


class Long(int):
    """A whole number whose static type is Long."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}L"


def literal(text: str) -> Long:
    """The value of a literal such as `12L` (sign and suffix optional)."""
    value = int(text.rstrip("L"))
    if not MIN <= value <= MAX:
        raise ValueOutOfRange(f"{text} does not fit into a Long.", remedy="Use a Decimal.")
    return Long(value)


def _fit(value: int) -> Long | None:
    return Long(value) if MIN <= value <= MAX else None


def add(left: int | None, right: int | None) -> Long | None:
    """`left + right`."""
    return None if left is None or right is None else _fit(int(left) + int(right))


def subtract(left: int | None, right: int | None) -> Long | None:
    """`left - right`."""
    return None if left is None or right is None else _fit(int(left) - int(right))


def multiply(left: int | None, right: int | None) -> Long | None:
    """`left * right`."""
    return None if left is None or right is None else _fit(int(left) * int(right))


def truncated_divide(left: int | None, right: int | None) -> Long | None:
    """`left div right`, towards zero; null for a divisor of zero."""
    if left is None or not right:
        return None
    quotient = abs(int(left)) // abs(int(right))
    return _fit(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int | None, right: int | None) -> Long | None:
    """`left mod right` with the sign of `left`; null for a divisor of zero."""
    if left is None or not right:
        return None
    remainder = abs(int(left)) % abs(int(right))
    return _fit(-remainder if left < 0 else remainder)


def power(left: int | None, right: int | None) -> Long | Decimal | None:
    """`left ^ right`; a negative exponent gives a Decimal."""
    if left is None or right is None:
        return None
    if right < 0:
        return decimals.power(Decimal(int(left)), Decimal(int(right)))
    if abs(left) > 1 and right > 63:
        return None
    return _fit(int(left) ** int(right))


def negate(operand: int | None) -> Long | None:
    """`-operand`."""
    return None if operand is None else _fit(-int(operand))


def absolute(operand: int | None) -> Long | None:
    """`Abs(operand)`."""
    return None if operand is None else _fit(abs(int(operand)))
