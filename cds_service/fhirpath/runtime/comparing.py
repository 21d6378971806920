"""Equality, equivalence and order of System values and of collections of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import type_of
from cds_service.values import comparison, equality
from cds_service.values.failures import IncompatibleValues

Truth = bool | None


def _negated(test: Callable[[Any, Any], Truth]) -> Callable[[Any, Any], Truth]:
    def negated(left: Any, right: Any) -> Truth:
        result = test(left, right)
        return None if result is None else not result

    return negated


SINGLE: dict[str, Callable[[Any, Any], Truth]] = {
    "=": equality.fhirpath_equal,
    "!=": _negated(equality.fhirpath_equal),
    "~": equality.fhirpath_equivalent,
    "!~": _negated(equality.fhirpath_equivalent),
}
LISTS: dict[str, Callable[[Sequence[Any], Sequence[Any]], Truth]] = {
    "=": equality.fhirpath_lists_equal,
    "!=": _negated(equality.fhirpath_lists_equal),
    "~": equality.fhirpath_lists_equivalent,
    "!~": _negated(equality.fhirpath_lists_equivalent),
}


def _ordering(name: str, test: Callable[[int], bool]) -> Callable[[Any, Any], Truth]:
    def compare(left: Any, right: Any) -> Truth:
        if left is None or right is None:
            return None
        if left.__class__ is bool or right.__class__ is bool:
            raise FhirPathEvaluationError(f"`{name}` does not take a Boolean.", remedy="Compare with `=`.")
        try:
            result = comparison.combined_compare(left, right)
        except IncompatibleValues:
            raise FhirPathEvaluationError(
                f"`{name}` does not take a {type_of(left).name} and a {type_of(right).name}.",
                remedy="Convert one of them.",
            ) from None
        return None if result is None else test(result)

    return compare


ORDER: dict[str, Callable[[Any, Any], Truth]] = {
    "<": _ordering("<", lambda order: order < 0),
    "<=": _ordering("<=", lambda order: order <= 0),
    ">": _ordering(">", lambda order: order > 0),
    ">=": _ordering(">=", lambda order: order >= 0),
}
