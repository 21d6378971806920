"""Three-valued logic: the truth tables of CQL and FHIRPath, with null as "not known yet"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Truth = bool | None


def conjunction(left: Truth, right: Truth) -> Truth:
    """`left and right`: false as soon as one side is false, null while neither settles it."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def disjunction(left: Truth, right: Truth) -> Truth:
    """`left or right`: true as soon as one side is true, null while neither settles it."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def exclusive(left: Truth, right: Truth) -> Truth:
    """`left xor right`: null unless both sides are known."""
    return None if left is None or right is None else left is not right


def implication(left: Truth, right: Truth) -> Truth:
    """`left implies right`: true when the left is false or the right is true."""
    if left is False or right is True:
        return True
    return None if left is None or right is None else False


def negation(operand: Truth) -> Truth:
    """`not operand`."""
    return None if operand is None else not operand


def is_true(operand: Truth) -> bool:
    """`operand is true`: never null."""
    return operand is True


def is_false(operand: Truth) -> bool:
    """`operand is false`: never null."""
    return operand is False


def is_null(operand: Any) -> bool:
    """`operand is null`: never null."""
    return operand is None


def coalesce(*operands: Any) -> Any:
    """The first operand that is not null."""
    return coalesce_list(operands)


def coalesce_list(operands: Iterable[Any] | None) -> Any:
    """The first element that is not null."""
    return None if operands is None else next((operand for operand in operands if operand is not None), None)


def conjunction_of(truths: Iterable[Truth]) -> Truth:
    """The conjunction of all, evaluated only as far as needed; true for none."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def disjunction_of(truths: Iterable[Truth]) -> Truth:
    """The disjunction of all, evaluated only as far as needed; false for none."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            result = None
    return result
