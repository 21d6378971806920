"""Sums, extremes, averages and sorted order of a collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cmp_to_key, reduce
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import type_of
from cds_service.fhirpath.runtime import arithmetic, comparing
from cds_service.values.failures import IncompatibleValues


def sum_(items: Sequence[Any]) -> Any:
    """All items added up; None for none."""
    return reduce(arithmetic.OPERATORS["+"], items) if items else None


def least(items: Sequence[Any]) -> Any:
    """The item before all others."""
    return reduce(lambda a, b: b if comparing.ORDER["<"](b, a) else a, items) if items else None


def greatest(items: Sequence[Any]) -> Any:
    """The item after all others."""
    return reduce(lambda a, b: b if comparing.ORDER[">"](b, a) else a, items) if items else None


def average(items: Sequence[Any]) -> Any:
    """The sum divided by the number of items."""
    return arithmetic.OPERATORS["/"](sum_(items), Decimal(len(items))) if items else None


def sort(items: Sequence[Any], keys: Sequence[tuple[Callable[[Any], Any], bool]]) -> list[Any]:
    """The items in order of their keys, each a function and whether it goes downwards; no key comes first in both."""
    columns = [([key(item) for item in items], descending) for key, descending in keys]

    def order(first: int, second: int) -> int:
        for values, descending in columns:
            a, b = values[first], values[second]
            if a is None or b is None:
                result = (a is not None) - (b is not None)
            else:
                result = -_order(a, b) if descending else _order(a, b)
            if result:
                return result
        return first - second

    return [items[index] for index in sorted(range(len(items)), key=cmp_to_key(order))]


def _order(left: Any, right: Any) -> int:
    try:
        if comparing.ORDER["<"](left, right):
            return -1
        return 1 if comparing.ORDER[">"](left, right) else 0
    except IncompatibleValues:
        raise FhirPathEvaluationError(
            f"sort() cannot order a {type_of(left).name} and a {type_of(right).name}.", remedy="Sort by one type."
        ) from None
