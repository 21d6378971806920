"""Lists at run time: sorting by keys, resources by identity, short forms of `Slice`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.values import comparison, lists
from cds_service.values.tuples import Tuple


def whole(values: list[Any] | None) -> list[Any] | None:
    """`Slice(list)`."""
    return values


def from_start(values: list[Any] | None, start: int | None) -> list[Any] | None:
    """`Slice(list, start)`: to the end."""
    return lists.slice_(values, start, None)


def ordered(rows: list[tuple[Any, ...]], descending: tuple[bool, ...]) -> list[Any]:
    """The last item of every row, the rows sorted by the others in their directions; null counts as lowest."""
    if len(rows) < 2:
        return [row[-1] for row in rows]
    for position in range(len(descending) - 1, -1, -1):
        rows.sort(key=lambda row, at=position: comparison.sort_key(row[at]), reverse=descending[position])  # type: ignore[misc]
    return [row[-1] for row in rows]


def union_same(left: list[Any] | None, right: list[Any] | None) -> list[Any]:
    """The resources of both, each once."""
    seen = {id(item): item for item in left or ()}
    for item in right or ():
        seen.setdefault(id(item), item)
    return list(seen.values())


def intersect_same(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """The resources that are in both."""
    if left is None or right is None:
        return None
    wanted = {id(item) for item in right}
    return list({id(item): item for item in left if id(item) in wanted}.values())


def except_same(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    """The resources of the left that are not in the right."""
    if left is None:
        return None
    unwanted = {id(item) for item in right or ()}
    return list({id(item): item for item in left if id(item) not in unwanted}.values())


def distinct_same(values: list[Any] | None) -> list[Any] | None:
    """Each resource once."""
    return None if values is None else list({id(item): item for item in values}.values())


def distinct_texts(values: list[Any]) -> list[Any]:
    """Each text or whole number once."""
    return list(dict.fromkeys(values))


def over_tuple(value: Tuple | None, steps: Mapping[str, Callable[[Any], Any]]) -> Tuple | None:
    """A tuple with a step done to each element."""
    return None if value is None else Tuple({name: steps[name](item) for name, item in value.items()})
