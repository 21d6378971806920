"""Collections as sets: union, difference, distinct items, membership."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cds_service.fhirpath.items import Primitive, system_value
from cds_service.values.equality import fhirpath_equal

_HASHED = frozenset((str, int))


def same(left: Any, right: Any) -> bool:
    """Whether two items are equal."""
    return fhirpath_equal(system_value(left), system_value(right)) is True


def distinct(items: Iterable[Any]) -> list[Any]:
    """The items without repetition, in order of their first occurrence."""
    items = list(items)
    kinds = {item.__class__ for item in items}
    if len(kinds) == 1 and kinds <= _HASHED:
        return list(dict.fromkeys(items))
    result: list[Any] = []
    seen: dict[Any, None] = {}
    for item in items:
        value = item.value if item.__class__ is Primitive and item.element is None else item
        if value.__class__ is str:
            # Texts of one type are told apart by the text; dates are compared below.
            key = (value, getattr(item, "type", None))
            if key in seen:
                continue
            seen[key] = None
        if not any(same(item, other) for other in result):
            result.append(item)
    return result


def union(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """All items of both without repetition."""
    return distinct([*left, *right])


def combine(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """All items of both, repetitions kept."""
    return [*left, *right]


def intersect(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The items in both, without repetition."""
    return [item for item in distinct(left) if has(right, item)]


def exclude(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The items of the left that the right does not have, repetitions kept."""
    return [item for item in left if not has(right, item)]


def has(items: Iterable[Any], item: Any) -> bool:
    """Whether one of the items is equal to `item`."""
    return any(same(item, other) for other in items)


def is_in(item: Any, items: Sequence[Any]) -> bool | None:
    """`item in items`: None for no item."""
    return None if item is None else has(items, item)


def subset_of(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether the right has all items of the left."""
    return all(has(right, item) for item in left)


def superset_of(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether the left has all items of the right."""
    return subset_of(right, left)


def is_distinct(items: Sequence[Any]) -> bool:
    """Whether no item occurs twice."""
    return len(distinct(items)) == len(items)


def skip(items: Sequence[Any], number: int | None) -> Sequence[Any]:
    """All but the first items; none for no number."""
    return [] if number is None else items[max(number, 0) :]


def take(items: Sequence[Any], number: int | None) -> Sequence[Any]:
    """The first items; none for no number."""
    return [] if number is None else items[: max(number, 0)]


def index(items: Sequence[Any], position: int | None) -> Any:
    """The item at a position, or None."""
    return items[position] if position is not None and 0 <= position < len(items) else None
