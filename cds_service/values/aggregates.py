"""Aggregates over lists: nulls are left out; nothing left gives null (0 for a count).

Numbers of one list may be Integer, Long or Decimal, or quantities that compare; the statistics keep the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cds_service.values import arithmetic, comparison, decimals, quantities
from cds_service.values.equality import equal
from cds_service.values.logic import Truth
from cds_service.values.quantity import Quantity

List = Sequence[Any] | None
_EXACT = decimals.EXACT


def _present(elements: List) -> list[Any]:
    return [] if elements is None else [each for each in elements if each is not None]


def all_true(elements: Sequence[Truth] | None) -> bool:
    """Whether no element is false."""
    return all(each is not False for each in elements or ())


def any_true(elements: Sequence[Truth] | None) -> bool:
    """Whether an element is true."""
    return any(each is True for each in elements or ())


def count(elements: List) -> int:
    """The number of elements that are not null."""
    number = 0
    for each in elements or ():
        if each is not None:
            number += 1
    return number


def _extreme(elements: List, better: Any) -> Any:
    best = None
    for each in _present(elements):
        if best is None or better(each, best) is True:
            best = each
    return best


def maximum(elements: List) -> Any:
    """The greatest element."""
    return _extreme(elements, comparison.greater)


def minimum(elements: List) -> Any:
    """The least element."""
    return _extreme(elements, comparison.less)


def sum_(elements: List) -> Any:
    """The sum; null if it does not fit or the units do not compare."""
    result = None
    for index, each in enumerate(_present(elements)):
        result = each if index == 0 else arithmetic.add(result, each)
    return result


def product(elements: List) -> Any:
    """The product; of quantities, the product of the values in the unit of the first."""
    values = _numbers(elements)
    if values is None:
        return None
    numbers, unit = values
    result: Any = None
    for index, each in enumerate(numbers):
        result = each if index == 0 else arithmetic.multiply(result, each)
    return _as(result, unit)


def _numbers(elements: List) -> tuple[list[Any], str | None] | None:
    """The values in one unit (None for plain numbers); null for nothing or for units that do not compare."""
    present = _present(elements)
    if not present:
        return None
    unit = next((each.unit for each in present if type(each) is Quantity), None)
    if unit is None:
        return present, None
    converted = [
        quantities.convert(each if type(each) is Quantity else Quantity(Decimal(each)), unit) for each in present
    ]
    if any(each is None for each in converted):
        return None
    return [each.value for each in converted if each is not None], unit


def _as(value: Any, unit: str | None) -> Any:
    return value if unit is None or value is None else Quantity(value, unit)


def _exact(elements: List) -> tuple[list[Decimal], str | None] | None:
    found = _numbers(elements)
    return None if found is None else ([Decimal(each) for each in found[0]], found[1])


def _mean(values: list[Decimal]) -> Decimal:
    total = Decimal(0)
    for each in values:
        total = _EXACT.add(total, each)
    return _EXACT.divide(total, Decimal(len(values)))


def average(elements: List) -> Any:
    """The arithmetic mean."""
    found = _exact(elements)
    return None if found is None else _as(decimals.normal(_mean(found[0])), found[1])


def median(elements: List) -> Any:
    """The middle element, or the mean of the two in the middle."""
    found = _exact(elements)
    if found is None:
        return None
    values, unit = sorted(found[0]), found[1]
    middle = len(values) // 2
    return _as(decimals.normal(_mean(values[(len(values) - 1) // 2 : middle + 1])), unit)


def mode(elements: List) -> Any:
    """The most frequent element; of several, the one that comes first."""
    tallies: list[list[Any]] = []
    for each in _present(elements):
        for tally in tallies:
            if equal(tally[0], each) is True:
                tally[1] += 1
                break
        else:
            tallies.append([each, 1])
    return max(tallies, key=lambda tally: tally[1])[0] if tallies else None


def _spread(elements: List, less: int) -> tuple[Decimal, str | None] | None:
    """The sum of squared distances from the mean over the number of elements (less so many)."""
    found = _exact(elements)
    if found is None or len(found[0]) <= less:
        return None
    values, unit = found
    mean = _mean(values)
    total = Decimal(0)
    for each in values:
        distance = _EXACT.subtract(each, mean)
        total = _EXACT.add(total, _EXACT.multiply(distance, distance))
    return _EXACT.divide(total, Decimal(len(values) - less)), unit


def variance(elements: List) -> Any:
    """The sample variance; null for a single element."""
    found = _spread(elements, 1)
    return None if found is None else _as(decimals.normal(found[0]), found[1])


def population_variance(elements: List) -> Any:
    """The population variance."""
    found = _spread(elements, 0)
    return None if found is None else _as(decimals.normal(found[0]), found[1])


def stddev(elements: List) -> Any:
    """The sample standard deviation; null for a single element."""
    found = _spread(elements, 1)
    return None if found is None else _as(decimals.normal(_EXACT.sqrt(found[0])), found[1])


def population_stddev(elements: List) -> Any:
    """The population standard deviation."""
    found = _spread(elements, 0)
    return None if found is None else _as(decimals.normal(_EXACT.sqrt(found[0])), found[1])


def geometric_mean(elements: List) -> Any:
    """The nth root of the product; null where it is not a real number."""
    found = _exact(elements)
    if found is None:
        return None
    values, unit = found
    if any(each == 0 for each in values):
        return _as(Decimal(0), unit)
    negative = sum(each < 0 for each in values)
    if negative and (negative % 2 or len(values) % 2):
        return None
    logarithms = [_EXACT.ln(abs(each)) for each in values]
    return _as(decimals.normal(_EXACT.exp(_mean(logarithms))), unit)
