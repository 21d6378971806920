"""Equality and equivalence over all values: three-valued `=`, two-valued `~`, for CQL and for FHIRPath.

Equality of tuples and structures looks at the elements in order and stops at the first that is not equal or not
known. Elements that are null on both sides do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from cds_service.values import comparison, dates, decimals, interval_bounds, quantities
from cds_service.values.codes import Code, Concept, Vocabulary
from cds_service.values.interval import Interval
from cds_service.values.logic import Truth, conjunction
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity, Ratio
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.tuples import Tuple
from cds_service.values.uncertainty import Uncertainty, bounds

_NATIVE = frozenset((int, str, Decimal, Long, bool))
_NUMBERS = frozenset((int, Decimal, Long))
_TEMPORALS = frozenset((Date, DateTime, Time))
_LISTS = (list, tuple)
_WHITESPACE = re.compile(r"\s")

Equal = Callable[[Any, Any], Truth]


def equal(left: Any, right: Any) -> Truth:
    """`left = right`: null if either is null or the answer is not certain; false for values of different types."""
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left == right  # type: ignore[no-any-return]
    return _equal(left, right, equal, dates.compare)


def fhirpath_equal(left: Any, right: Any) -> Truth:
    """`=` of two single items in FHIRPath: seconds with milliseconds are one component; elements given on one side
    only make structures unequal."""
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is type(right) and kind in _NATIVE:
        return left == right  # type: ignore[no-any-return]
    return _equal(left, right, fhirpath_equal, dates.compare_combined)


def not_equal(left: Any, right: Any) -> Truth:
    """`left != right`."""
    result = equal(left, right)
    return None if result is None else not result


def _equal(left: Any, right: Any, same: Equal, compare: Callable[[Any, Any], int | None]) -> Truth:
    kind, other = type(left), type(right)
    if kind in _TEMPORALS and other in _TEMPORALS:
        if kind is not other and Time in (kind, other):
            return False
        order = compare(left, right)
        return None if order is None else order == 0
    if kind is Quantity and other is Quantity:
        return quantities.equal(left, right)
    if kind in _NUMBERS and other in _NUMBERS:
        return left == right  # type: ignore[no-any-return]
    if kind is Uncertainty or other is Uncertainty:
        (low, high), (other_low, other_high) = bounds(left), bounds(right)
        apart = comparison.less(high, other_low) is True or comparison.less(other_high, low) is True
        return False if apart else None
    if isinstance(left, _LISTS) and isinstance(right, _LISTS):
        return lists_equal(left, right, same)
    if kind is not other:
        return _quantity_equal(left, right)
    if kind is Ratio:
        numerators = quantities.equal(left.numerator, right.numerator)
        return conjunction(numerators, quantities.equal(left.denominator, right.denominator))
    if kind is Interval:
        starts = same(interval_bounds.start(left), interval_bounds.start(right))
        return conjunction(starts, same(interval_bounds.end(left), interval_bounds.end(right)))
    if left is right:
        return True
    if kind is Tuple:
        names = dict.fromkeys((*left, *right))
        return _elements_equal(((left.get(name), right.get(name)) for name in names), same, strict=False)
    fields = getattr(left, "__struct_fields__", None)
    if fields is not None:
        elements = ((_present(getattr(left, name)), _present(getattr(right, name))) for name in fields)
        return _elements_equal(elements, same, strict=same is fhirpath_equal)
    if kind is Code:
        pairs = [(left.code, right.code), (left.system, right.system)]
        return _elements_equal([*pairs, (left.version, right.version), (left.display, right.display)], same, False)
    if kind is Concept:
        return _elements_equal([(left.codes, right.codes), (left.display, right.display)], same, strict=False)
    return bool(left == right)


def _quantity_equal(left: Any, right: Any) -> Truth:
    """A number beside a quantity counts as a quantity without unit; other types are never equal."""
    if type(left) is Quantity and type(right) in _NUMBERS:
        return quantities.equal(left, Quantity(Decimal(right)))
    if type(right) is Quantity and type(left) in _NUMBERS:
        return quantities.equal(Quantity(Decimal(left)), right)
    return False


def _present(value: Any) -> Any:
    """Null for an empty list."""
    return None if isinstance(value, _LISTS) and not value else value


def _elements_equal(pairs: Iterable[tuple[Any, Any]], same: Equal, strict: bool) -> Truth:
    for left, right in pairs:
        if left is None and right is None:
            continue
        result = same(left, right)
        if result is not True:
            return False if strict and (left is None or right is None) else result
    return True


def lists_equal(left: Sequence[Any], right: Sequence[Any], same: Equal = equal) -> Truth:
    """Whether two lists have equal elements in the same order; two nulls are equal here."""
    if len(left) != len(right):
        return False
    return _elements_equal(zip(left, right, strict=True), same, strict=False)


def equivalent(left: Any, right: Any) -> bool:
    """`left ~ right`: true or false also for nulls; ignores case, precision beyond the coarser decimal, displays."""
    return _equivalent(left, right, equivalent)


def fhirpath_equivalent(left: Any, right: Any) -> bool:
    """`~` of two single items in FHIRPath."""
    if type(left) in _TEMPORALS and type(right) in _TEMPORALS and (type(left) is Time) == (type(right) is Time):
        return dates.compare_combined(left, right) == 0
    return _equivalent(left, right, fhirpath_equivalent)


def not_equivalent(left: Any, right: Any) -> bool:
    """`left !~ right`."""
    return not equivalent(left, right)


def _texts_equivalent(left: str, right: str) -> bool:
    """Whether two strings are the same but for case and the kind of white space."""
    left, right = left.casefold(), right.casefold()
    return left == right or (len(left) == len(right) and _WHITESPACE.sub(" ", left) == _WHITESPACE.sub(" ", right))


def _equivalent(left: Any, right: Any, same: Callable[[Any, Any], bool]) -> bool:
    if left is None or right is None:
        return left is right
    kind, other = type(left), type(right)
    if kind is str and other is str:
        return left == right or _texts_equivalent(left, right)
    if kind in _NUMBERS and other in _NUMBERS:
        return decimals.equivalent(Decimal(left), Decimal(right))
    if kind is Code and other is Code:
        return bool(left.code == right.code and left.system == right.system)
    if kind in (Code, Concept) and other in (Code, Concept):
        return any(_equivalent(a, b, same) for a in _codes(left) for b in _codes(right))
    if kind is Quantity and other is Quantity:
        return quantities.equivalent(left, right)
    if isinstance(left, _LISTS) and isinstance(right, _LISTS):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if kind is not other:
        return equal(left, right) is True
    if kind is Ratio:
        return _ratios_equivalent(left, right)
    if kind is Interval:
        return same(interval_bounds.start(left), interval_bounds.start(right)) and same(
            interval_bounds.end(left), interval_bounds.end(right)
        )
    if kind is Uncertainty:
        return same(left.low, right.low) and same(left.high, right.high)
    if kind is Tuple:
        return all(same(left.get(name), right.get(name)) for name in dict.fromkeys((*left, *right)))
    fields = getattr(left, "__struct_fields__", None)
    if fields is not None:
        return all(same(_present(getattr(left, name)), _present(getattr(right, name))) for name in fields)
    if isinstance(left, Vocabulary):
        return bool(left.id == right.id and left.version == right.version)
    return equal(left, right) is True


def _codes(value: Code | Concept) -> tuple[Code, ...]:
    return value.codes if isinstance(value, Concept) else (value,)


def _ratios_equivalent(left: Ratio, right: Ratio) -> bool:
    """Whether both have the same quotient: `1:100 ~ 10:1000`."""
    first = quantities.multiply(left.numerator, right.denominator)
    second = quantities.multiply(right.numerator, left.denominator)
    return first is not None and second is not None and quantities.equivalent(first, second)


def fhirpath_lists_equivalent(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether two collections have equivalent items in any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        found = next((index for index, other in enumerate(rest) if fhirpath_equivalent(item, other)), None)
        if found is None:
            return False
        del rest[found]
    return True


def fhirpath_lists_equal(left: Sequence[Any], right: Sequence[Any]) -> Truth:
    """Whether two collections have equal items in the same order; null if either is empty."""
    return lists_equal(left, right, fhirpath_equal) if left and right else None
