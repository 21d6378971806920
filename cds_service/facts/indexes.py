"""The resources of one type by the codes at one path: by the groups that logic looks for, or by any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from cds_service.errors import CdsError
from cds_service.facts.coding import Pair, Resolve, coded_attributes_at, codes_at
from cds_service.facts.groups import CodeGroups, Membership
from cds_service.facts.members import Members
from cds_service.facts.sites import Place
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import Struct

_NOTHING: list[Struct] = []


class UnreadElement(CdsError):
    """A search by an element that was not decoded: a mistake of the program, not of the data."""

    code = "unread-element"


class Index:
    """The resources of one type by the codes at one path."""

    __slots__ = ("_by_code", "_by_group", "_hits", "_members", "_path", "_place", "_resolve", "_type", "_version")

    def __init__(self, type_name: str, code_path: str, members: Members, resolve: Resolve) -> None:
        self._type, self._path, self._members, self._resolve = type_name, code_path, members, resolve
        self._place: Place | None = None
        self._hits: list[tuple[int, Struct]] = []
        self._by_code: dict[Pair, list[Struct]] | None = None
        self._by_group: dict[int, list[Struct]] = {}
        self._version = -1  # of the groups that were known when `_by_group` was filled

    def found_at(self, place: Place) -> int:
        """Which of the groups of a place have members here, a bit for each."""
        resources = self._members.resources
        if not resources:
            return 0
        hits: list[tuple[int, Struct]] = []
        try:
            readers = _readers(resources[0].__class__, self._type, self._path)
        except UnreadElement:
            return place.all_bits  # whoever looks for them is told so
        if len(readers) == 1 and readers[0].holds == "concept":
            found = _concepts_in(place, resources, readers[0].read, hits)
        else:
            found = self._codes_in(place, resources, readers, hits)
        self._place, self._hits = place, hits
        return found

    def _codes_in(
        self, place: Place, resources: Sequence[Struct], readers: Sequence[_Reader], hits: list[tuple[int, Struct]]
    ) -> int:
        found = 0
        for resource in resources:
            bits = 0
            for system, code in self._pairs(resource, readers):
                bits |= place.bits(system, code)
            if bits:
                hits.append((bits, resource))
                found |= bits
        return found

    def members_of(self, membership: Membership, groups: CodeGroups) -> list[Struct]:
        """The resources with a code of a group, in order."""
        key = id(membership)
        found = self._by_group.get(key)
        if found is None:
            bit = self._place.bit_of.get(key) if self._place is not None else None
            if bit is not None:
                found = self._members.some([resource for bits, resource in self._hits if bits & bit])
            else:
                found = self._searched(membership, groups)
            self._by_group[key] = found
        return found

    def _searched(self, membership: Membership, groups: CodeGroups) -> list[Struct]:
        """The same for a group that was not known to be looked for."""
        by_code = self.by_code()
        if not by_code:
            return _NOTHING
        groups.learn(membership)
        if self._version != groups.version:
            self._fill_groups(by_code, groups)
        return self._by_group.get(id(membership), _NOTHING)

    def _fill_groups(self, by_code: dict[Pair, list[Struct]], groups: CodeGroups) -> None:
        """Put every resource under each of the groups that its codes are in."""
        self._version = groups.version
        collected: dict[int, list[list[Struct]]] = {}
        for (system, code), members in by_code.items():
            if code is None:
                continue
            for group in groups.of(system, code):
                collected.setdefault(group, []).append(members)
        for group, lists in collected.items():
            if group not in self._by_group:
                self._by_group[group] = lists[0] if len(lists) == 1 else self._union(lists)

    def _union(self, lists: list[list[Struct]]) -> list[Struct]:
        """The union of some lists, each resource once, in the order of the type."""
        wanted = {id(resource) for members in lists for resource in members}
        return [resource for resource in self._members.all() if id(resource) in wanted]

    def by_code(self) -> dict[Pair, list[Struct]]:
        """The resources by each of their codes, in order."""
        if self._by_code is None:
            by_code: dict[Pair, list[Struct]] = {}
            resources = self._members.all()
            if resources:
                readers = _readers(resources[0].__class__, self._type, self._path)
                for resource in resources:
                    for pair in self._pairs(resource, readers):
                        members = by_code.get(pair)
                        if members is None:
                            by_code[pair] = [resource]
                        elif members[-1] is not resource:
                            members.append(resource)
            self._by_code = by_code
        return self._by_code

    def _pairs(self, resource: Struct, readers: Sequence[_Reader]) -> Iterable[Pair]:
        """The codes of a resource."""
        for reader in readers:
            value = reader.read(resource)
            if value is None:
                continue
            if reader.holds == "concept":
                return [(coding.system, coding.code) for coding in value.coding]
            if reader.holds == "concepts":
                return [(coding.system, coding.code) for concept in value for coding in concept.coding]
            return codes_at(resource, self._path, self._resolve)
        return () if readers else codes_at(resource, self._path, self._resolve)


def _concepts_in(
    place: Place, resources: Sequence[Struct], read: Callable[[Any], Any], hits: list[tuple[int, Struct]]
) -> int:
    """The bits of all resources that have one concept each; those with any are put to the hits."""
    found = 0
    of_code = place.of_code
    for resource, concept in zip(resources, map(read, resources), strict=True):
        if concept is None:
            continue
        bits = 0
        for coding in concept.coding:
            known = of_code.get(coding.code)
            if known is not None and known[0] == coding.system:
                bits |= known[1]
            else:
                bits |= place.bits(coding.system, coding.code)
        if bits:
            hits.append((bits, resource))
            found |= bits
    return found


class _Reader:
    """Reads what stands at the first step of a path, and knows what that is."""

    __slots__ = ("holds", "read")

    def __init__(self, attribute: str, holds: str) -> None:
        self.read: Callable[[Any], Any] = attrgetter(attribute)
        self.holds = holds


@lru_cache(maxsize=2048)
def _readers(made: type[Struct], type_name: str, code_path: str) -> tuple[_Reader, ...]:
    """What reads the codes at a path of a type, one for each type of a choice; none for a path of several steps."""
    step = code_path.split(".")[0]
    attributes = coded_attributes_at(type_name, step)
    fields = frozenset(made.__struct_fields__)
    if not any(attribute in fields for attribute in attributes):
        raise UnreadElement(f"{type_name}.{code_path} is searched by its code, but was not decoded.")
    element = r4().type(type_name).element(step)
    if "." in code_path or element is None:
        return ()
    concepts = "concepts" if element.is_list else "concept"
    kinds = {attribute: kind for kind, attribute in element.attributes.items()}
    return tuple(
        _Reader(attribute, concepts if kinds.get(attribute) == "CodeableConcept" else "other")
        for attribute in attributes
        if attribute in fields
    )
