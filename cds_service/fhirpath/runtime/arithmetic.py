"""Arithmetic as FHIRPath does it: no result instead of an error where a number gets too large or divides by zero."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import type_of
from cds_service.values import arithmetic, dates
from cds_service.values.failures import IncompatibleValues
from cds_service.values.quantity import CALENDAR_UNITS, Quantity
from cds_service.values.temporals import Date, DateTime, Time

_TEMPORALS = (Date, DateTime, Time)
# Years and months of UCUM are fixed numbers of days, which no calendar can add.
_DEFINITE = frozenset(("wk", "d", "h", "min", "s", "ms"))


def concatenate(left: str | None, right: str | None) -> str:
    """`&`: no text counts as an empty one."""
    for operand in (left, right):
        if operand is not None and operand.__class__ is not str:
            raise FhirPathEvaluationError(f"`&` does not take a {type_of(operand).name}.", remedy="Use toString().")
    return (left or "") + (right or "")


def negate(operand: Any) -> Any:
    """`-x`."""
    return arithmetic.negate(operand)


def positive(operand: Any) -> Any:
    """`+x`."""
    if operand is not None and operand.__class__ not in (int, Decimal, Quantity):
        raise FhirPathEvaluationError(f"`+` does not take a {type_of(operand).name}.", remedy="Remove the sign.")
    return operand


def _move(operation: Callable[[Any, Any], Any], value: Any, amount: Any) -> Any:
    if amount.__class__ is not Quantity or (amount.unit not in CALENDAR_UNITS and amount.unit not in _DEFINITE):
        raise FhirPathEvaluationError(
            f"A {type_of(value).name} does not move by {getattr(amount, 'unit', type_of(amount).name)!r}.",
            remedy="Use a calendar duration such as 3 days, or one of the units wk, d, h, min, s, ms.",
        )
    return operation(value, amount)


def add(left: Any, right: Any) -> Any:
    """`left + right`."""
    if left is None or right is None:
        return None
    return _move(dates.add, left, right) if left.__class__ in _TEMPORALS else arithmetic.add(left, right)


def subtract(left: Any, right: Any) -> Any:
    """`left - right`."""
    if left is None or right is None:
        return None
    return _move(dates.subtract, left, right) if left.__class__ in _TEMPORALS else arithmetic.subtract(left, right)


def _numbers(operation: Callable[[Any, Any], Any], sign: str) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if left is None or right is None:
            return None
        if left.__class__ is bool or right.__class__ is bool:
            raise IncompatibleValues(f"`{sign}` does not take a Boolean.", remedy="Convert it with toInteger().")
        return operation(left, right)

    return apply


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": _numbers(arithmetic.multiply, "*"),
    "/": _numbers(arithmetic.divide, "/"),
    "div": _numbers(arithmetic.truncated_divide, "div"),
    "mod": _numbers(arithmetic.modulo, "mod"),
}
