"""What logic looks for in a record, numbered: which of it a record has is told by one number, a bit for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Site = tuple[str, str | None, int]  # a type of resources, the path of a code, the identity of the group looked for

_MOST_CODES = 20_000  # whose bits a place keeps


class Groups:
    """Some groups of codes, each with a bit, and the bits of the codes that were looked at."""

    __slots__ = ("_groups", "_of_pair", "bit_of", "of_code")

    def __init__(self, groups: tuple[tuple[int, Any], ...] = ()) -> None:
        self._groups = groups  # keeps them alive, so that their ids stay their own
        self.bit_of = {id(membership): bit for bit, membership in groups}
        # By code alone: its system, and its bits there. Hardly any code is used in two systems.
        self.of_code: dict[str | None, tuple[str | None, int]] = {}
        self._of_pair: dict[tuple[str | None, str | None], int] = {}

    def with_group(self, bit: int, membership: Any) -> Groups:
        """These and one more."""
        return Groups((*self._groups, (bit, membership)))

    @property
    def all_bits(self) -> int:
        """The bits of all groups."""
        return sum(self.bit_of.values())

    def bits(self, system: str | None, code: str | None) -> int:
        """The bits of the groups that a code is in; they are kept, also in `of_code`."""
        found = self._of_pair.get((system, code))
        if found is None:
            found = 0
            if code is not None:
                for bit, membership in self._groups:
                    if membership.contains(system, code):
                        found |= bit
            if len(self._of_pair) >= _MOST_CODES:
                self._of_pair, self.of_code = {}, {}
            self._of_pair[system, code] = found
        self.of_code[code] = (system, found)
        return found

    def bits_of(self, codings: Iterable[Any]) -> int:
        """The bits of the groups that any of some codings is in."""
        found = 0
        for coding in codings:
            known = self.of_code.get(coding.code)
            if known is not None and known[0] == coding.system:
                found |= known[1]
            else:
                found |= self.bits(coding.system, coding.code)
        return found


class Place:
    """One path of a type of resources, with the groups that are looked for there."""

    __slots__ = ("bit", "code_path", "groups", "mask", "type_name")

    def __init__(self, type_name: str, code_path: str | None) -> None:
        self.type_name = type_name
        self.code_path = code_path
        self.bit = 0  # where the whole type is looked for
        self.mask = 0  # the bits of groups that somebody wants to be told of
        self.groups = Groups()

    def add(self, bit: int, membership: Any) -> None:
        """Take a group into account, and tell of it."""
        self.mask |= bit
        if membership is None:
            self.bit = bit
        else:
            self.groups = self.groups.with_group(bit, membership)


class Sites:
    """All that logic looks for."""

    __slots__ = ("by_type", "order")

    def __init__(self, groups: Mapping[Site, Any]) -> None:
        self.order = tuple(groups)  # the site of each bit
        places: dict[tuple[str, str | None], Place] = {}
        for number, ((type_name, code_path, _), membership) in enumerate(groups.items()):
            place = places.setdefault((type_name, code_path), Place(type_name, code_path))
            place.add(1 << number, membership)
        self.by_type: dict[str, tuple[Place, ...]] = {}
        for place in places.values():
            self.by_type[place.type_name] = (*self.by_type.get(place.type_name, ()), place)
