"""Value sets computed: compose to members, with imports, exclusions, filters and the parts that join from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.errors import Span
from cds_service.terminology import codes
from cds_service.terminology.artifacts import Artifact, Resource, split_canonical
from cds_service.terminology.codes import CodePair
from cds_service.terminology.codesystems import CodeSystem, Concept, PropertyValue
from cds_service.terminology.failures import UnknownValueSet, UnresolvableValueSet
from cds_service.terminology.membership import (
    Extent,
    Extents,
    Membership,
    Subtree,
    difference,
    intersection,
    union,
)

OPTIONAL_PART = "StructureDefinition/optional-part"
ADDS_TO = "StructureDefinition/adds-to"
NO_HIERARCHY = "No hierarchy of "
_CODE_PROPERTIES = ("concept", "code")


class Shelf(Protocol):
    """What computing a value set needs to find."""

    def value_set(self, url: str, version: str | None) -> Artifact | None:
        """The value set of that URL, from wherever value sets come."""

    def code_system(self, url: str, version: str | None = None) -> CodeSystem | None:
        """The code system of that URL, if it is at hand."""

    def added_to(self, url: str) -> Iterable[Artifact]:
        """Value sets whose members join the one of that URL."""

    def local_names(self) -> Mapping[CodePair, Iterable[CodePair]]:
        """For a code of ours: the local codes that a site's maps let stand for it."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks for a value set, for the error when it is missing."""

    name: str = ""
    where: Span | None = None

    def __str__(self) -> str:
        return f", which {self.name} uses," if self.name else ""


class ValueSetCompiler:
    """Computes memberships from one shelf; each value set once."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._done: dict[tuple[str, str | None], Membership] = {}
        self._under_way: list[str] = []

    def membership(self, url: str, version: str | None, user: User) -> Membership:
        """The members of the value set; an error that names `user` when it is missing or cannot be computed."""
        known = self._done.get((url, version))
        if known is not None:
            return known
        artifact = self._shelf.value_set(url, version)
        if artifact is None:
            shown = f"{url}|{version}" if version else url
            raise UnknownValueSet(
                f'Value set "{shown}"{user} is not in the terminology that was loaded.',
                where=user.where,
                remedy="Add its file to terminology/ or to the site's folder, or correct its URL.",
            )
        if url in self._under_way:
            chain = " > ".join([*self._under_way[self._under_way.index(url) :], url])
            raise UnresolvableValueSet(f"Value set {chain} imports itself.", remedy="Cut the circle of imports.")
        self._under_way.append(url)
        try:
            membership = self._compute(artifact, user)
        finally:
            self._under_way.pop()
        self._done[url, version] = membership
        return membership

    def _compute(self, artifact: Artifact, user: User) -> Membership:
        notes: list[str] = []
        extents = self._defined(artifact, user, notes)
        joined = [extents]
        for part in optional_parts(artifact.resource):
            if self._shelf.value_set(part.value_set, None) is None:
                notes.append(
                    f"{artifact.url.rsplit('/', 1)[-1]}: {part.codes} code(s) of {part.system} are not recognised, "
                    f"because {part.folder} is not installed."
                )
            else:
                joined.append(self._import(part.value_set, artifact, notes))
        joined.extend(self._import(added.canonical, artifact, notes) for added in self._shelf.added_to(artifact.url))
        extents = self._with_local_names(union(joined))
        return Membership(artifact.url, artifact.version, extents, tuple(dict.fromkeys(notes)))

    def _defined(self, artifact: Artifact, user: User, notes: list[str]) -> Extents:
        resource = artifact.resource
        compose = resource.get("compose")
        expansion = resource.get("expansion")
        if compose is None:
            return _expanded(expansion)
        try:
            included = union([self._component(part, artifact, notes) for part in compose.get("include", ())])
            excluded = union([self._component(part, artifact, notes) for part in compose.get("exclude", ())])
        except UnresolvableValueSet as failure:
            # A publisher's stored expansion answers where the definition needs what is not at hand.
            if expansion is not None and "contains" in expansion:
                notes.append(f"{artifact.canonical}: from its stored expansion, since {failure.what}")
                return _expanded(expansion)
            raise UnresolvableValueSet(
                f'Value set "{artifact.canonical}"{user} cannot be computed: {failure.what}',
                where=user.where or failure.where,
                remedy=failure.remedy,
            ) from failure
        return difference(included, excluded) if excluded else included

    def _import(self, canonical: str, importer: Artifact, notes: list[str]) -> Extents:
        url, version = split_canonical(canonical)
        membership = self.membership(url, version, User(f"value set {importer.canonical}"))
        notes.extend(membership.notes)
        return membership.extents

    def _component(self, part: Mapping[str, Any], artifact: Artifact, notes: list[str]) -> Extents:
        parts: list[Extents] = [self._import(canonical, artifact, notes) for canonical in part.get("valueSet", ())]
        if "system" in part:
            parts.append(self._of_system(part, notes))
        if not parts:
            raise UnresolvableValueSet(
                "an include names neither a system nor a value set.", remedy="Give it one of the two."
            )
        return intersection(parts)

    def _of_system(self, part: Mapping[str, Any], notes: list[str]) -> Extents:
        system, version = split_canonical(str(part["system"]), part.get("version"))
        system = codes.canonical_system(system)
        if "concept" in part:
            names = frozenset(codes.canonical_code(system, str(one["code"])) for one in part["concept"])
            return {system: Extent(names)}
        at_hand = self._shelf.code_system(system, version)
        if "filter" in part:
            extents: list[Extents] = [{system: _filtered(system, one, at_hand, notes)} for one in part["filter"]]
            return intersection(extents)
        if at_hand is not None and at_hand.complete:
            return {system: Extent(frozenset(at_hand.concepts))}
        notes.append(f"All of {system} is meant and it is not at hand in full: every code of it counts as a member.")
        listed = frozenset(at_hand.concepts) if at_hand else frozenset[str]()
        return {system: Extent(listed, (Subtree(whole=True),))}

    def _with_local_names(self, extents: dict[str, Extent]) -> Extents:
        added: dict[str, set[str]] = {}
        for target, locals_ in self._shelf.local_names().items():
            extent = extents.get(target.system)
            if extent is not None and extent.holds(target.system, target.code):
                for local in locals_:
                    added.setdefault(local.system, set()).add(local.code)
        if not added:
            return extents
        return union([extents, {system: Extent(frozenset(names)) for system, names in added.items()}])


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """A part of a value set that lives in a folder of its own, which may be missing."""

    value_set: str
    system: str
    codes: int
    folder: str


def optional_parts(resource: Resource) -> list[OptionalPart]:
    """The parts that `resource` says may join it."""
    found = []
    for extension in resource.get("extension", ()):
        if str(extension.get("url", "")).endswith(OPTIONAL_PART):
            values = {item["url"]: next(v for k, v in item.items() if k != "url") for item in extension["extension"]}
            found.append(
                OptionalPart(
                    str(values["valueSet"]),
                    str(values.get("system", "")),
                    int(values.get("codes", 0)),
                    str(values.get("folder", "a licensed folder")),
                )
            )
    return found


def added_to(resource: Resource) -> list[str]:
    """The value sets that the members of `resource` join."""
    return [
        split_canonical(str(extension["valueCanonical"]))[0]
        for extension in resource.get("extension", ())
        if str(extension.get("url", "")).endswith(ADDS_TO) and "valueCanonical" in extension
    ]


def _expanded(expansion: Mapping[str, Any] | None) -> Extents:
    names: dict[str, set[str]] = {}
    open_items = list((expansion or {}).get("contains", ()))
    while open_items:
        item = open_items.pop()
        open_items.extend(item.get("contains", ()))
        if "code" in item and "system" in item and not item.get("abstract", False):
            system = codes.canonical_system(str(item["system"]))
            names.setdefault(system, set()).add(codes.canonical_code(system, str(item["code"])))
    return {system: Extent(frozenset(members)) for system, members in names.items()}


def _filtered(system: str, raw: Mapping[str, Any], at_hand: CodeSystem | None, notes: list[str]) -> Extent:
    name, op, value = str(raw.get("property", "")), str(raw.get("op", "")), str(raw.get("value", ""))
    if name in _CODE_PROPERTIES and op in ("is-a", "descendent-of", "descendant-of"):
        return _hierarchical(system, value, at_hand, notes, with_itself=op == "is-a")
    if at_hand is None:
        raise UnresolvableValueSet(
            f"the filter {name} {op} {value} needs the code system {system}.",
            remedy="Bring that code system, a stored expansion, or a terminology server for the load.",
        )
    if not at_hand.complete:
        notes.append(f"The filter {name} {op} {value} saw only the part of {system} that is at hand.")
    return Extent(frozenset(_tested(at_hand, name, op, value)))


def _hierarchical(
    system: str, value: str, at_hand: CodeSystem | None, notes: list[str], *, with_itself: bool
) -> Extent:
    value = codes.canonical_code(system, value)
    is_block = system == codes.ICD_10_CM and "-" in value
    itself = frozenset([value]) if with_itself and not is_block else frozenset[str]()
    below = frozenset(at_hand.descendants(value)) if at_hand else frozenset[str]()
    if system == codes.ICD_10_CM:
        subtree = Subtree(frozenset(codes.icd_roots(value)), but_not=frozenset() if with_itself else frozenset([value]))
        return Extent(itself | below, (subtree,))
    if at_hand is None or not at_hand.has_hierarchy:
        notes.append(f"{NO_HIERARCHY}{system} is at hand: {value} stands for itself alone, without what lies below it.")
    return Extent(itself | below)


def _tested(system: CodeSystem, name: str, op: str, value: str) -> Iterable[str]:
    if op == "is-not-a":
        return set(system.concepts) - system.descendants(value) - {value}
    if op == "generalizes":
        return system.ancestors(value) | {value}
    if op == "child-of":
        return set(system.children(value))
    test = _value_test(op, value)
    return {concept.code for concept in system.concepts.values() if test(_property_values(concept, name))}


def _property_values(concept: Concept, name: str) -> list[str]:
    if name in _CODE_PROPERTIES:
        return [concept.code]
    if name == "display":
        return [concept.display or ""]
    if name == "parent":
        return list(concept.parents)
    return [_text(value) for value in concept.values(name)]


def _text(value: PropertyValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value_test(op: str, value: str) -> Callable[[list[str]], bool]:
    if op == "=":
        return lambda found: value in found
    if op == "regex":
        pattern = re.compile(value)
        return lambda found: any(pattern.fullmatch(one) for one in found)
    listed = {one.strip() for one in value.split(",")}
    if op == "in":
        return lambda found: any(one in listed for one in found)
    if op == "not-in":
        return lambda found: not any(one in listed for one in found)
    if op == "exists":
        return lambda found: bool(found) is (value == "true")
    raise UnresolvableValueSet(f"the filter operator {op} is not supported.", remedy="Use a stored expansion.")
