"""Concept maps: from a code to what other systems say, with how well it fits and what has to be checked first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from cds_service.terminology import codes
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.codes import CodePair

MAP_DESCENDANTS = "StructureDefinition/map-descendants"
ORDER_CHECK = "/order-check"
# R4: the target is at least as wide as the source, so whatever holds for the target holds for the source.
SAME_OR_WIDER = frozenset({"equal", "equivalent", "wider", "subsumes"})
NO_MATCH = frozenset({"unmatched", "disjoint"})


@dataclass(frozen=True, slots=True)
class Match:
    """One target of a mapping; `code` is None where the map says that there is none.

    `checks` name what else has to hold before the match counts; `via` is the code in between, when a site's own map
    led to a code that ours knows.
    """

    system: str
    code: str | None
    display: str | None
    equivalence: str
    comment: str | None
    checks: tuple[str, ...]
    map_url: str
    via: CodePair | None = None

    @property
    def is_match(self) -> bool:
        """Whether this is a target at all."""
        return self.code is not None and self.equivalence not in NO_MATCH


@dataclass(frozen=True, slots=True)
class MapGroup:
    """The rows of one map between two systems."""

    map_url: str
    source_value_set: str | None
    target_value_set: str | None
    source: str
    target: str
    rows: dict[str, tuple[Match, ...]]
    fixed: tuple[Match, ...] = ()  # for any code without a row ("unmapped" mode fixed)
    provided: bool = False  # the code itself ("unmapped" mode provided)
    with_descendants: bool = False
    site: bool = False

    def translate(self, code: str) -> tuple[Match, ...]:
        """What this group says of `code`; with descendants, the nearest header that has a row speaks for it."""
        code = codes.canonical_code(self.source, code)
        row = self.rows.get(code)
        if row is None and self.with_descendants and self.source == codes.ICD_10_CM:
            header: str | None = code
            while row is None and header is not None:
                header = codes.icd_parent(header)
                row = self.rows.get(header) if header else None
        if row is not None:
            return row
        if self.provided:
            return (Match(self.target, code, None, "equal", None, (), self.map_url),)
        return self.fixed


def parse_concept_map(artifact: Artifact) -> list[MapGroup]:
    """The groups of a FHIR ConceptMap resource."""
    resource = artifact.resource
    groups = []
    for raw in resource.get("group", ()):
        source = codes.canonical_system(str(raw.get("source", "")))
        target = codes.canonical_system(str(raw.get("target", "")))
        unmapped = raw.get("unmapped", {})
        fixed: tuple[Match, ...] = ()
        if unmapped.get("mode") == "fixed" and "code" in unmapped:
            fixed = (Match(target, str(unmapped["code"]), unmapped.get("display"), "inexact", None, (), artifact.url),)
        groups.append(
            MapGroup(
                artifact.url,
                resource.get("sourceUri") or resource.get("sourceCanonical"),
                resource.get("targetUri") or resource.get("targetCanonical"),
                source,
                target,
                {
                    codes.canonical_code(source, str(element["code"])): _targets(element, target, artifact.url)
                    for element in raw.get("element", ())
                    if "code" in element
                },
                fixed,
                unmapped.get("mode") == "provided",
                any(
                    str(extension.get("url", "")).endswith(MAP_DESCENDANTS) and extension.get("valueBoolean")
                    for extension in raw.get("extension", ())
                ),
                artifact.site,
            )
        )
    return groups


def _targets(element: dict[str, Any], system: str, url: str) -> tuple[Match, ...]:
    return tuple(
        Match(
            system,
            str(target["code"]) if "code" in target else None,
            target.get("display"),
            # R4 knows `equivalence`; maps written for R5 say `relationship`.
            str(target.get("equivalence") or _RELATIONSHIPS.get(str(target.get("relationship")), "relatedto")),
            target.get("comment"),
            tuple(
                str(item.get("value", ""))
                for item in target.get("dependsOn", ())
                if str(item.get("property", "")).endswith(ORDER_CHECK)
            ),
            url,
        )
        for target in element.get("target", ())
    )


def _reversed(group: MapGroup, wanted: str) -> Iterable[Match]:
    for code, matches in group.rows.items():
        for match in matches:
            if match.code == wanted and match.is_match:
                turned = _TURNED.get(match.equivalence, match.equivalence)
                yield replace(match, system=group.source, code=code, display=None, equivalence=turned)


_TURNED = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
_RELATIONSHIPS = {
    "equivalent": "equivalent",
    "related-to": "relatedto",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "unmatched",
}


class ConceptMaps:
    """Every map at hand, by source system."""

    def __init__(self, groups: Iterable[MapGroup]) -> None:
        self._by_source: dict[str, list[MapGroup]] = {}
        for group in groups:
            self._by_source.setdefault(group.source, []).append(group)
        self._local = [group for one in self._by_source.values() for group in one if group.site]

    def groups(self, source: str) -> list[MapGroup]:
        """The groups that start at one system."""
        return self._by_source.get(source, [])

    def translate(
        self, system: str, code: str, target: str | None = None, url: str | None = None, source_set: str | None = None
    ) -> tuple[Match, ...]:
        """What all maps say of a code, or the one of `url`; without a word, through a site's map to a code of ours."""
        system = codes.canonical_system(system)
        target = codes.canonical_system(target) if target else None
        found = self._direct(system, code, target, url, source_set)
        if found or url is not None:
            return found
        through: list[Match] = []
        for step in self._direct(system, code, None, None, None, only_site=True):
            if step.code is not None and step.equivalence in SAME_OR_WIDER:
                via = CodePair(step.system, step.code)
                onward = self._direct(step.system, step.code, target, None, source_set)
                through.extend(replace(match, via=via) for match in onward)
        return tuple(dict.fromkeys(through))

    def translate_back(
        self, system: str, code: str, source: str | None = None, url: str | None = None, source_set: str | None = None
    ) -> tuple[Match, ...]:
        """The codes of which a map says that they lead to this one; narrower and wider change places."""
        system = codes.canonical_system(system)
        wanted = codes.canonical_code(system, code)
        source = codes.canonical_system(source) if source else None
        found: list[Match] = []
        for groups in self._by_source.values():
            for group in groups:
                if (
                    group.target == system
                    and (source is None or group.source == source)
                    and (url is None or group.map_url == url)
                    and (source_set is None or group.source_value_set == source_set)
                ):
                    found.extend(_reversed(group, wanted))
        return tuple(dict.fromkeys(found))

    def _direct(
        self,
        system: str,
        code: str,
        target: str | None,
        url: str | None,
        source_set: str | None,
        *,
        only_site: bool = False,
    ) -> tuple[Match, ...]:
        found: list[Match] = []
        for group in self._by_source.get(system, ()):
            if (
                (target is None or group.target == target)
                and (url is None or group.map_url == url)
                and (source_set is None or group.source_value_set == source_set)
                and (not only_site or group.site)
            ):
                found.extend(group.translate(code))
        return tuple(dict.fromkeys(found))

    def local_names(self) -> dict[CodePair, list[CodePair]]:
        """For each code that a site's map leads to: the local codes that may stand for it."""
        found: dict[CodePair, list[CodePair]] = {}
        for group in self._local:
            for code, matches in group.rows.items():
                for match in matches:
                    if match.code is not None and match.equivalence in SAME_OR_WIDER and group.source != group.target:
                        target = CodePair(group.target, codes.canonical_code(group.target, match.code))
                        found.setdefault(target, []).append(CodePair(group.source, code))
        return found
