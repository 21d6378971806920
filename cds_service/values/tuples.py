"""Tuples: named elements in the order they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Tuple(Mapping[str, Any]):
    """An immutable mapping from element name to value; the order of elements is kept, but does not matter."""

    # Written code reads them, too: a call for each element would cost more than the rest.
    __slots__ = ("_elements", "_made_of")

    def __init__(self, elements: dict[str, Any], made_of: Sequence[Any] = ()) -> None:
        self._elements = elements  # nobody changes them any more
        self._made_of = made_of  # what an evaluation noted for it (`cql.runtime.tracing`)

    def __getitem__(self, name: str) -> Any:
        return self._elements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._elements)

    def values(self) -> Any:
        """The values of the elements."""
        return self._elements.values()

    def items(self) -> Any:
        """The elements with their names."""
        return self._elements.items()

    def __len__(self) -> int:
        return len(self._elements)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._elements)))

    def __repr__(self) -> str:
        return f"Tuple({self._elements!r})"


def get(elements: Tuple | None, name: str) -> Any:
    """The element of that name; null for a null tuple or an element that it does not have."""
    return None if elements is None else elements._elements.get(name)
