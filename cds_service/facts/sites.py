"""What logic looks for in a record, numbered: which of it a record has is told by one number, a bit for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Site = tuple[str, str | None, int]  # a type of resources, the path of a code, the identity of the group looked for
Pair = tuple[str | None, str | None]

_MOST = 50_000  # codes whose bits are kept


class Place:
    """One path of a type of resources, with the bits of the groups that are looked for there."""

    __slots__ = ("_groups", "bit", "code_path", "of_code", "type_name")

    def __init__(self, type_name: str, code_path: str | None) -> None:
        self.type_name = type_name
        self.code_path = code_path
        self.bit = 0  # where the whole type is looked for
        self.of_code: dict[Pair, int] = {}
        self._groups: list[tuple[int, Any]] = []

    def add(self, bit: int, membership: Any) -> None:
        """Take a group into account."""
        if membership is None:
            self.bit = bit
        else:
            self._groups.append((bit, membership))

    def bits(self, pair: Pair) -> int:
        """The bits of the groups that a code is in, kept in `of_code`."""
        system, code = pair
        found = 0
        if code is not None:
            for bit, membership in self._groups:
                if membership.contains(system, code):
                    found |= bit
        if len(self.of_code) >= _MOST:
            self.of_code = {}
        self.of_code[pair] = found
        return found


class Sites:
    """All that logic looks for."""

    __slots__ = ("order", "places")

    def __init__(self, groups: Mapping[Site, Any]) -> None:
        self.order = tuple(groups)  # the site of each bit
        places: dict[tuple[str, str | None], Place] = {}
        for number, ((type_name, code_path, _), membership) in enumerate(groups.items()):
            place = places.setdefault((type_name, code_path), Place(type_name, code_path))
            place.add(1 << number, membership)
        self.places = tuple(places.values())
