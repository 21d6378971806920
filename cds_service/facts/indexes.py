"""The resources of one type by the codes at one path: by the groups that logic looks for, or by any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.facts.coding import Pair, Resolve, coded_attributes_at, codes_at
from cds_service.facts.groups import CodeGroups, Membership
from cds_service.facts.sites import Groups, Place
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import Struct

_NOTHING: list[Struct] = []


class UnreadElement(CdsError):
    """A search by an element that was not decoded: a mistake of the program, not of the data."""

    code = "unread-element"


class Hits(msgspec.Struct, frozen=True, gc=False):
    """The resources with a code of a group that is looked for at a place, with a bit for each of these groups."""

    place: Place
    groups: Groups
    bits: int
    """Those of all resources together."""
    resources: list[tuple[int, Struct]]


def look_for(place: Place, resources: Sequence[Struct], resolve: Resolve) -> Hits | None:
    """The hits among some resources of the type of a place; None where the element was not decoded."""
    path = place.code_path or ""
    try:
        readers = _readers(resources[0].__class__, place.type_name, path)
    except UnreadElement:
        return None
    read, others = readers.concept, readers.others
    found: list[tuple[int, Struct]] = []
    all_bits = 0
    groups = place.groups
    of_code = groups.of_code
    for resource in resources:
        bits = 0
        concept = read(resource) if read is not None else None
        if concept is not None:
            for coding in concept.coding:
                known = of_code.get(coding.code)
                if known is not None and known[0] == coding.system:
                    bits |= known[1]
                else:
                    bits |= groups.bits(coding.system, coding.code)
        elif others is not None:
            for system, code in _codes(resource, path, others, resolve):
                bits |= groups.bits(system, code)
        if bits:
            found.append((bits, resource))
            all_bits |= bits
    return Hits(place, groups, all_bits, found)


class Index:
    """The resources of one type by the codes at one path."""

    __slots__ = ("_by_group", "_resources", "_version", "by_code")

    def __init__(self, resources: list[Struct]) -> None:
        self.by_code: dict[Pair, list[Struct]] = {}
        self._by_group: dict[int, list[Struct]] = {}
        self._resources = resources
        self._version = -1  # of the groups that were known when `_by_group` was filled

    def members_of(self, membership: Membership, groups: CodeGroups) -> list[Struct]:
        """The resources with a code of a group, in order."""
        if not self.by_code:
            return _NOTHING
        groups.learn(membership)
        if self._version != groups.version:
            self._fill_groups(groups)
        return self._by_group.get(id(membership), _NOTHING)

    def matching(self, membership: Membership) -> list[Struct]:
        """The same for a group that will not be asked for again."""
        pairs = self.by_code.items()
        lists = [found for (system, code), found in pairs if code is not None and membership.contains(system, code)]
        return _NOTHING if not lists else lists[0] if len(lists) == 1 else self._union(lists)

    def _fill_groups(self, groups: CodeGroups) -> None:
        """Put every resource under each of the groups that its codes are in."""
        self._version = groups.version
        collected: dict[int, list[list[Struct]]] = {}
        for (system, code), members in self.by_code.items():
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
        return [resource for resource in self._resources if id(resource) in wanted]


def make_index(type_name: str, code_path: str, resources: list[Struct], resolve: Resolve) -> Index:
    """The index of some resources of a type, which are in order."""
    index = Index(resources)
    by_code = index.by_code
    readers = _readers(resources[0].__class__, type_name, code_path).all if resources else ()
    for resource in resources:
        for pair in _codes(resource, code_path, readers, resolve):
            members = by_code.get(pair)
            if members is None:
                by_code[pair] = [resource]
            elif members[-1] is not resource:
                members.append(resource)
    return index


def _codes(resource: Struct, path: str, readers: Sequence[_Reader], resolve: Resolve) -> Iterable[Pair]:
    """The codes of a resource."""
    for reader in readers:
        value = reader.read(resource)
        if value is None:
            continue
        if reader.holds == "concept":
            return [(coding.system, coding.code) for coding in value.coding]
        if reader.holds == "concepts":
            return [(coding.system, coding.code) for concept in value for coding in concept.coding]
        return codes_at(resource, path, resolve)
    return () if readers else codes_at(resource, path, resolve)


class _Reader:
    """Reads what stands at the first step of a path, and knows what that is."""

    __slots__ = ("holds", "read")

    def __init__(self, attribute: str, holds: str) -> None:
        self.read: Callable[[Any], Any] = attrgetter(attribute)
        self.holds = holds


class _Readers:
    """What reads the codes at a path of a type, one for each type of a choice; none for a path of several steps."""

    __slots__ = ("all", "concept", "others")

    def __init__(self, readers: tuple[_Reader, ...]) -> None:
        self.all = readers
        # By far the usual case is one concept, alone or as the first of a choice; the others matter where it is absent.
        starts = bool(readers) and readers[0].holds == "concept"
        self.concept = readers[0].read if starts else None
        self.others = (readers[1:] or None) if starts else readers


@lru_cache(maxsize=2048)
def _readers(made: type[Struct], type_name: str, code_path: str) -> _Readers:
    step = code_path.split(".")[0]
    attributes = coded_attributes_at(type_name, step)
    fields = frozenset(made.__struct_fields__)
    if not any(attribute in fields for attribute in attributes):
        raise UnreadElement(f"{type_name}.{code_path} is searched by its code, but was not decoded.")
    element = r4().type(type_name).element(step)
    if "." in code_path or element is None:
        return _Readers(())
    concepts = "concepts" if element.is_list else "concept"
    kinds = {attribute: kind for kind, attribute in element.attributes.items()}
    return _Readers(
        tuple(
            _Reader(attribute, concepts if kinds.get(attribute) == "CodeableConcept" else "other")
            for attribute in attributes
            if attribute in fields
        )
    )
