"""Arithmetic where the types of the operands are known at run time only: numbers, quantities, dates, uncertainty."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType
from typing import Any

from cds_service.values import dates, decimals, integers, longs, quantities
from cds_service.values.failures import IncompatibleValues
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty

_RANK = {int: 0, Uncertainty: 0, Long: 1, Decimal: 2, Quantity: 3}
_MODULES: tuple[ModuleType, ...] = (integers, longs, decimals, quantities)
_TEMPORALS = frozenset((Date, DateTime, Time))


def _family(left: Any, right: Any, operator: str) -> int:
    """The rank of the widest type among the operands."""
    try:
        return max(_RANK[type(left)], _RANK[type(right)])
    except KeyError:
        raise IncompatibleValues(
            f"{operator} does not take a {type(left).__name__} and a {type(right).__name__}.",
            remedy="Convert one of them.",
        ) from None


def _widened(value: Any, rank: int) -> Any:
    if rank == 2:
        return value if type(value) is Decimal else Decimal(value)
    if rank == 3:
        return value if type(value) is Quantity else Quantity(Decimal(value))
    return value


def _apply(name: str, operator: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    rank = _family(left, right, operator)
    return getattr(_MODULES[rank], name)(_widened(left, rank), _widened(right, rank))


def add(left: Any, right: Any) -> Any:
    """`left + right`: numbers, quantities, strings, or a date and a duration."""
    kind = type(left)
    if kind in _TEMPORALS:
        return dates.add(left, right)
    if kind is str and type(right) is str:
        return left + right
    return _apply("add", "+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """`left - right`: numbers, quantities, or a date and a duration."""
    return dates.subtract(left, right) if type(left) in _TEMPORALS else _apply("subtract", "-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """`left * right`."""
    return _apply("multiply", "*", left, right)


def divide(left: Any, right: Any) -> Any:
    """`left / right`: a Decimal or a quantity."""
    if left is None or right is None:
        return None
    rank = max(_family(left, right, "/"), 2)
    if Uncertainty in (type(left), type(right)):
        raise IncompatibleValues("/ is not defined for an uncertain number.", remedy="Compare instead of dividing.")
    return _MODULES[rank].divide(_widened(left, rank), _widened(right, rank))


def truncated_divide(left: Any, right: Any) -> Any:
    """`left div right`."""
    return _apply("truncated_divide", "div", left, right)


def modulo(left: Any, right: Any) -> Any:
    """`left mod right`."""
    return _apply("modulo", "mod", left, right)


def power(left: Any, right: Any) -> Any:
    """`left ^ right` of two numbers."""
    if left is None or right is None:
        return None
    rank = _family(left, right, "^")
    if rank == 3:
        raise IncompatibleValues("^ does not take a quantity.", remedy="Multiply instead.")
    return _MODULES[rank].power(_widened(left, rank), _widened(right, rank))


def negate(operand: Any) -> Any:
    """`-operand`."""
    return None if operand is None else _MODULES[_family(operand, operand, "-")].negate(operand)


def absolute(operand: Any) -> Any:
    """`Abs(operand)`."""
    return None if operand is None else _MODULES[_family(operand, operand, "Abs")].absolute(operand)


def round_(operand: Any, digits: int | None = None) -> Any:
    """`Round(operand, digits)` of a number or a quantity."""
    return quantities.round_(operand, digits) if type(operand) is Quantity else decimals.round_(operand, digits)
