"""The resources of one type: in the order they came, and by id for those who look at several of them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from cds_service.fhir.structs.encoding import to_json
from cds_service.fhir.structs.flavours import Struct

_by_id = attrgetter("id")


class Members:
    """The resources of one type; `resources` are in no order, unless they are given as ordered."""

    __slots__ = ("_ordered", "resources")

    def __init__(self, resources: Sequence[Struct], ordered: list[Struct] | None = None) -> None:
        self.resources = resources if ordered is None else ordered
        self._ordered = ordered

    def all(self) -> list[Struct]:
        """All of them, by id."""
        if self._ordered is None:
            self._ordered = in_order(self.resources)
        return self._ordered

    def some(self, chosen: list[Struct]) -> list[Struct]:
        """Some of them, which are given in the order of `resources`, as they come in the order of all."""
        return chosen if len(chosen) < 2 or self.resources is self._ordered else in_order(chosen)


def in_order(members: Sequence[Struct]) -> list[Struct]:
    """The resources by id; those without one last, by their content."""
    try:
        return sorted(members, key=_by_id)
    except TypeError:
        named = sorted((member for member in members if member.id is not None), key=_by_id)  # type: ignore[attr-defined]  # classes of resources are made from the model
        return named + sorted((member for member in members if member.id is None), key=to_json)  # type: ignore[attr-defined]  # classes of resources are made from the model
