"""Lists: membership, set operations, positions and parts. Two nulls count as the same element.

Plain elements (numbers, strings) go through hashing; dates, quantities and structures through equality.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from cds_service.values import comparison
from cds_service.values.equality import equal, equivalent
from cds_service.values.failures import ManyWhereOneExpected
from cds_service.values.logic import Truth, conjunction, conjunction_of, disjunction_of
from cds_service.values.longs import Long

List = Sequence[Any] | None
_HASHABLE = frozenset((int, str, Decimal, Long))


def _same(left: Any, right: Any) -> Truth:
    """Equality with null equal to null and to nothing else."""
    if left is None or right is None:
        return left is right
    return equal(left, right)


def contains(elements: List, element: Any) -> Truth:
    """`elements contains element`: false for a null list; null if it hangs on an uncertain comparison."""
    return False if elements is None else disjunction_of(_same(each, element) for each in elements)


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


class _Seen:
    """A set of elements under `_same`, answered by hashing for plain elements."""

    __slots__ = ("others", "plain")

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        self.plain: set[Any] = set()
        self.others: list[Any] = []
        for element in elements:
            self.add(element)

    def add(self, element: Any) -> None:
        if element is None or type(element) in _HASHABLE:
            self.plain.add(element)
        else:
            self.others.append(element)

    def __contains__(self, element: Any) -> bool:
        if element is None or type(element) in _HASHABLE:
            return element in self.plain
        return any(equal(each, element) is True for each in self.others)


def distinct(elements: List) -> list[Any] | None:
    """The elements without repetition, in the order of their first appearance."""
    return None if elements is None else _without_repetition(elements)


def _without_repetition(elements: Iterable[Any]) -> list[Any]:
    seen, result = _Seen(), []
    for element in elements:
        if element not in seen:
            seen.add(element)
            result.append(element)
    return result


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
    return elements is not None and any(each is not None for each in elements)


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
