"""Code systems: their concepts, names, properties and hierarchy, as far as they are at hand."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cds_service.terminology import codes
from cds_service.terminology.artifacts import Resource

Relation = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]
PropertyValue = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept as its code system describes it."""

    system: str
    code: str
    display: str | None = None
    definition: str | None = None
    properties: tuple[tuple[str, PropertyValue], ...] = ()
    designations: tuple[tuple[str, str], ...] = ()  # (language, text)
    parents: tuple[str, ...] = ()

    def values(self, name: str) -> tuple[PropertyValue, ...]:
        """Every value of one property."""
        return tuple(value for key, value in self.properties if key == name)

    def value(self, name: str) -> PropertyValue | None:
        """The first value of one property."""
        return next((value for key, value in self.properties if key == name), None)


class CodeSystem:
    """A code system at hand: `complete` says whether a code that is missing here does not exist."""

    def __init__(
        self, url: str, version: str, concepts: Iterable[Concept], *, content: str, case_sensitive: bool
    ) -> None:
        self.url = url
        self.version = version
        self.content = content
        self.complete = content == "complete"
        self.case_sensitive = case_sensitive
        self.concepts: dict[str, Concept] = {concept.code: concept for concept in concepts}
        self._children: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            for parent in concept.parents:
                self._children.setdefault(parent, []).append(concept.code)
        self._in_order = sorted(self.concepts)
        self._folded = {} if case_sensitive else {code.lower(): code for code in self.concepts}

    @property
    def has_hierarchy(self) -> bool:
        """Whether this code system says what stands above what."""
        return bool(self._children) or self.url == codes.ICD_10_CM

    def find(self, code: str) -> Concept | None:
        """The concept of `code`, in any spelling that the system allows."""
        code = codes.canonical_code(self.url, code)
        return self.concepts.get(code) or self.concepts.get(self._folded.get(code.lower(), ""))

    def descendants(self, code: str) -> set[str]:
        """Every code at hand that stands below `code`."""
        if self.url == codes.ICD_10_CM:
            roots = codes.icd_roots(code)
            return {one for root in roots for one in self._beginning_with(root)}.difference(roots)
        found: set[str] = set()
        open_codes = list(self._children.get(code, ()))
        while open_codes:
            one = open_codes.pop()
            if one not in found:
                found.add(one)
                open_codes.extend(self._children.get(one, ()))
        return found

    def _beginning_with(self, text: str) -> Iterator[str]:
        """The codes that begin with `text`."""
        place = bisect_left(self._in_order, text)
        while place < len(self._in_order) and self._in_order[place].startswith(text):
            yield self._in_order[place]
            place += 1

    def ancestors(self, code: str) -> set[str]:
        """Every code that stands above `code`."""
        found: set[str] = set()
        open_codes = list(self.parents(code))
        while open_codes:
            one = open_codes.pop()
            if one not in found:
                found.add(one)
                open_codes.extend(self.parents(one))
        return found

    def parents(self, code: str) -> tuple[str, ...]:
        """The codes right above `code`."""
        if self.url == codes.ICD_10_CM:
            parent = codes.icd_parent(code)
            return (parent,) if parent else ()
        concept = self.concepts.get(code)
        return concept.parents if concept else ()

    def children(self, code: str) -> tuple[str, ...]:
        """The codes at hand right below `code`."""
        if self.url == codes.ICD_10_CM:
            return tuple(one for one in self.concepts if codes.icd_parent(one) == code)
        return tuple(self._children.get(code, ()))

    def relation(self, a: str, b: str) -> Relation | None:
        """How `a` stands to `b`; None where no hierarchy at hand can tell."""
        a, b = codes.canonical_code(self.url, a), codes.canonical_code(self.url, b)
        if a == b:
            return "equivalent"
        if not self.has_hierarchy:
            return None
        if b in self.ancestors(a):
            return "subsumed-by"
        if a in self.ancestors(b):
            return "subsumes"
        return "not-subsumed" if self.url == codes.ICD_10_CM or (a in self.concepts and b in self.concepts) else None


def parse_code_system(resource: Resource, supplements: Iterable[Resource] = ()) -> CodeSystem:
    """The code system of a FHIR CodeSystem resource, with what supplements add to its concepts."""
    url = codes.canonical_system(str(resource.get("url", "")))
    extra: dict[str, tuple[list[tuple[str, PropertyValue]], list[tuple[str, str]]]] = {}
    for supplement in supplements:
        for raw, _ in _walk(supplement.get("concept", ()), ()):
            properties, designations = extra.setdefault(str(raw["code"]), ([], []))
            properties.extend(_properties(raw))
            designations.extend(_designations(raw))
    concepts = [_concept(url, raw, parents, extra) for raw, parents in _walk(resource.get("concept", ()), ())]
    return CodeSystem(
        url,
        str(resource.get("version", "")),
        _with_children_as_parents(concepts),
        content=str(resource.get("content", "complete")),
        case_sensitive=bool(resource.get("caseSensitive", True)),
    )


def _walk(
    raws: Iterable[Mapping[str, Any]], above: tuple[str, ...]
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    for raw in raws:
        yield raw, above
        yield from _walk(raw.get("concept", ()), (str(raw["code"]),))


def _concept(
    url: str,
    raw: Mapping[str, Any],
    above: tuple[str, ...],
    extra: Mapping[str, tuple[list[tuple[str, PropertyValue]], list[tuple[str, str]]]],
) -> Concept:
    code = codes.canonical_code(url, str(raw["code"]))
    more_properties, more_designations = extra.get(code, ((), ()))
    properties = (*_properties(raw), *more_properties)
    parents = {*above, *(str(value) for name, value in properties if name in ("parent", "subsumedBy"))}
    return Concept(
        url,
        code,
        raw.get("display"),
        raw.get("definition"),
        properties,
        (*_designations(raw), *more_designations),
        tuple(sorted(parents)),
    )


def _with_children_as_parents(concepts: list[Concept]) -> Iterator[Concept]:
    """Some publishers name the children instead of the parents; both say the same."""
    upward: dict[str, set[str]] = {}
    for concept in concepts:
        for child in concept.values("child"):
            upward.setdefault(str(child), set()).add(concept.code)
    for concept in concepts:
        if concept.code in upward:
            parents = tuple(sorted({*concept.parents, *upward[concept.code]}))
            yield replace(concept, parents=parents)
        else:
            yield concept


def _properties(raw: Mapping[str, Any]) -> list[tuple[str, PropertyValue]]:
    found: list[tuple[str, PropertyValue]] = []
    for item in raw.get("property", ()):
        for key, value in item.items():
            if key.startswith("value"):
                found.append((str(item["code"]), value["code"] if isinstance(value, dict) else value))
    return found


def _designations(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(item.get("language", "")), str(item["value"])) for item in raw.get("designation", ())]
