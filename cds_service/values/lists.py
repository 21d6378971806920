"""Lists: membership, set operations, positions and parts. Two nulls count as the same element.

Elements are hashed wherever equal elements can share a key; tuples, intervals and structures are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from cds_service.values import comparison, dates, quantities
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet
from cds_service.values.equality import equal, equivalent
from cds_service.values.failures import ManyWhereOneExpected
from cds_service.values.logic import Truth, conjunction, conjunction_of, disjunction_of
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Time

List = Sequence[Any] | None
_HASHABLE = frozenset((int, str, Decimal, Long))
_EXACT = frozenset((bool, Time, Code, Concept, ValueSet, CodeSystem))


def _same(left: Any, right: Any) -> Truth:
    """Equality with null equal to null and to nothing else."""
    if left is None or right is None:
        return left is right
    return equal(left, right)


def contains(elements: List, element: Any) -> Truth:
    """`elements contains element`: false for a null list; null if it hangs on an uncertain comparison."""
    if elements is None:
        return False
    found: Truth = False
    for each in elements:
        same = _same(each, element)
        if same is True:
            return True
        if same is None:
            found = None
    return found


def in_(element: Any, elements: List) -> Truth:
    """`element in elements`."""
    return contains(elements, element)


def equivalent_in(element: Any, elements: List) -> bool:
    """`element ~in elements`."""
    return elements is not None and any(equivalent(each, element) for each in elements)


def properly_contains(elements: List, element: Any) -> Truth:
    """`elements properly includes element`: it is there, and so is something else."""
    if elements is None:
        return False
    if element is None:
        others: Truth = any(each is not None for each in elements)
    else:
        others = disjunction_of(None if (same := equal(each, element)) is None else not same for each in elements)
    return conjunction(contains(elements, element), others)


def properly_in(element: Any, elements: List) -> Truth:
    """`element properly included in elements`."""
    return properly_contains(elements, element)


def includes(left: List, right: List) -> Truth:
    """`left includes right`: every element of the right is in the left."""
    return None if left is None or right is None else conjunction_of(contains(left, each) for each in right)


def included_in(left: List, right: List) -> Truth:
    """`left included in right`."""
    return includes(right, left)


def properly_includes(left: List, right: List) -> Truth:
    """`left properly includes right`: includes it and has more elements."""
    if left is None or right is None:
        return None
    return conjunction(includes(left, right), len(distinct(left) or ()) > len(distinct(right) or ()))


def properly_included_in(left: List, right: List) -> Truth:
    """`left properly included in right`."""
    return properly_includes(right, left)


def _key(element: Any) -> tuple[Any, bool]:
    """A key that equal elements share, and whether sharing it makes them equal."""
    kind = type(element)
    if element is None or kind in _HASHABLE:
        return element, True
    if kind is DateTime:
        return ("at", element.instant + dates.shift(element), element.precision), True
    if kind is Date:
        return ("at", element.days * DAY_LENGTH, element.precision), True
    if kind is Quantity:
        return quantities.equality_key(element), True
    if kind in _EXACT:
        return (kind, element), True
    # Model objects with different ids are different; the rest is compared one by one.
    return (kind, getattr(element, "id", None)), False


class _Seen:
    """A set of elements under `_same`, answered by hashing wherever equality allows it."""

    __slots__ = ("exact", "similar")

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        self.exact: set[Any] = set()
        self.similar: dict[Any, list[Any]] = {}
        for element in elements:
            self.add(element)

    def add(self, element: Any) -> bool:
        """Take the element in; whether it was new."""
        key, exact = _key(element)
        if exact:
            before = len(self.exact)
            self.exact.add(key)
            return len(self.exact) > before
        similar = self.similar.setdefault(key, [])
        if any(each is element or equal(each, element) is True for each in similar):
            return False
        similar.append(element)
        return True

    def __contains__(self, element: Any) -> bool:
        key, exact = _key(element)
        if exact:
            return key in self.exact
        return any(each is element or equal(each, element) is True for each in self.similar.get(key, ()))


def distinct(elements: List) -> list[Any] | None:
    """The elements without repetition, in the order of their first appearance."""
    if elements is None:
        return None
    return _without_repetition(elements) if len(elements) > 1 else list(elements)


def _without_repetition(elements: Iterable[Any]) -> list[Any]:
    seen = _Seen()
    return [element for element in elements if seen.add(element)]


def union(left: List, right: List) -> list[Any]:
    """`left union right`, without repetition; null counts as the empty list."""
    return _without_repetition([*(left or ()), *(right or ())])


def intersect(left: List, right: List) -> list[Any] | None:
    """`left intersect right`, without repetition."""
    if left is None or right is None:
        return None
    wanted = _Seen(right)
    return _without_repetition(each for each in left if each in wanted)


def except_(left: List, right: List) -> list[Any] | None:
    """`left except right`, without repetition; a null right counts as the empty list."""
    if left is None:
        return None
    unwanted = _Seen(right or ())
    return _without_repetition(each for each in left if each not in unwanted)


def exists(elements: List) -> bool:
    """Whether there is an element that is not null."""
    if elements:
        for each in elements:
            if each is not None:
                return True
    return False


def flatten(elements: List) -> list[Any] | None:
    """The elements of all lists in one list; null lists count as empty."""
    if elements is None:
        return None
    result: list[Any] = []
    for each in elements:
        if isinstance(each, (list, tuple)):
            result.extend(each)
        elif each is not None:
            result.append(each)
    return result


def first(elements: List) -> Any:
    """The first element; null for an empty list."""
    return elements[0] if elements else None


def last(elements: List) -> Any:
    """The last element; null for an empty list."""
    return elements[-1] if elements else None


def index_of(elements: List, element: Any) -> int | None:
    """The position of the first equal element, -1 if there is none."""
    if elements is None or element is None:
        return None
    return next((index for index, each in enumerate(elements) if equal(each, element) is True), -1)


def indexer(elements: List, index: int | None) -> Any:
    """`elements[index]`; null beyond the list."""
    if elements is None or index is None or not 0 <= index < len(elements):
        return None
    return elements[index]


def length(elements: List) -> int:
    """The number of elements, nulls included; 0 for null."""
    return 0 if elements is None else len(elements)


def singleton_from(elements: List) -> Any:
    """The only element; null for an empty list, an error for several."""
    if not elements:
        return None
    if len(elements) > 1:
        raise ManyWhereOneExpected("A list has more than one element.", remedy="Use First, Last or a condition.")
    return elements[0]


def skip(elements: List, number: int | None) -> list[Any] | None:
    """All but the first `number` elements; all for a null number, none for a negative one."""
    if elements is None:
        return None
    return list(elements[number or 0 :]) if number is None or number >= 0 else []


def take(elements: List, number: int | None) -> list[Any] | None:
    """The first `number` elements; none for a null number."""
    return None if elements is None else list(elements[: max(number or 0, 0)])


def tail(elements: List) -> list[Any] | None:
    """All but the first element."""
    return None if elements is None else list(elements[1:])


def slice_(elements: List, start: int | None = None, end: int | None = None) -> list[Any] | None:
    """The elements from position `start` up to, not including, `end`; negative positions count from the end."""
    return None if elements is None else list(elements[start:end])


def sort(elements: List, descending: bool = False) -> list[Any] | None:
    """The elements in order, nulls first (last if descending)."""
    return None if elements is None else sorted(elements, key=comparison.sort_key, reverse=descending)
