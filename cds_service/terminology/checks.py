"""Checks of terminology content: codes that can exist, names that agree, sets that do not touch, maps that lead on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cds_service.errors import CdsError
from cds_service.terminology import codes
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.check_digits import is_loinc_code, is_snomed_id
from cds_service.terminology.codes import CodePair
from cds_service.terminology.membership import Extents, Membership
from cds_service.terminology.terminology import Terminology

DISJOINT_WITH = "StructureDefinition/disjoint-with"
_ICD = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
_EQUIVALENCES = frozenset(
    [
        "relatedto",
        "equivalent",
        "equal",
        "wider",
        "subsumes",
        "narrower",
        "specializes",
        "inexact",
        "unmatched",
        "disjoint",
    ]
)
_NAMES_FILTER = "StructureDefinition/filter-display"
_SAID = ("title", "status", "date", "description", "purpose")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a check found: in which artifact, what, and how much it matters."""

    severity: Literal["error", "warning"]
    artifact: str
    what: str

    def __str__(self) -> str:
        return f"{self.artifact}: {self.what}"


@dataclass(frozen=True, slots=True)
class Authority:
    """The codes of one system as its publisher lists them, with the names it gives them where they are known.

    `whole`: a code that is not listed does not exist.
    """

    system: str
    name: str
    displays: Mapping[str, str | None]
    whole: bool = True
    compares_displays: bool = True


@dataclass(slots=True)
class _Named:
    """Every code that an artifact names, with its display."""

    artifact: Artifact
    pairs: dict[CodePair, str | None] = field(default_factory=dict)


def check_terminology(
    terminology: Terminology, authorities: Iterable[Authority] = (), *, only_ours: str | None = None
) -> list[Remark]:
    """Everything that is wrong with the content; what came in packages is left to those who published it.

    `only_ours` limits it to artifacts below that canonical base.
    """
    chosen = [
        artifact
        for artifact in (*terminology.value_sets(), *terminology.code_systems(), *terminology.concept_maps())
        if ".tgz!" not in artifact.origin and (only_ours is None or artifact.url.startswith(only_ours))
    ]
    named = [_Named(artifact, _pairs(artifact)) for artifact in chosen]
    remarks: list[Remark] = []
    for artifact in chosen:
        remarks.extend(_completeness(artifact))
        if artifact.type == "ValueSet":
            remarks.extend(_computes(terminology, artifact))
            remarks.extend(_disjoint(terminology, artifact))
        elif artifact.type == "ConceptMap":
            remarks.extend(_maps(terminology, artifact))
    for one in named:
        remarks.extend(_forms(one))
        remarks.extend(_displays(terminology, one))
    for authority in authorities:
        remarks.extend(_against(authority, named))
    return remarks


def _completeness(artifact: Artifact) -> Iterator[Remark]:
    missing = [name for name in _SAID if not artifact.resource.get(name)]
    if missing:
        yield Remark("warning", artifact.url, f"does not say its {', '.join(missing)}")


def _computes(terminology: Terminology, artifact: Artifact) -> Iterator[Remark]:
    try:
        membership = terminology.membership(artifact.url, artifact.version or None)
    except CdsError as failure:
        yield Remark("error", artifact.url, failure.what)
        return
    is_empty = not membership.codes() and not any(extent.subtrees for extent in membership.extents.values())
    if is_empty and not membership.notes:
        yield Remark("error", artifact.url, "has no members")


def _disjoint(terminology: Terminology, artifact: Artifact) -> Iterator[Remark]:
    for extension in artifact.resource.get("extension", ()):
        if not str(extension.get("url", "")).endswith(DISJOINT_WITH):
            continue
        other_url = str(extension.get("valueCanonical", ""))
        try:
            own, other = terminology.membership(artifact.url), terminology.membership(other_url, used_by=artifact.url)
        except CdsError as failure:
            yield Remark("error", artifact.url, failure.what)
            continue
        for pair in sorted(shared_codes(own, other)):
            yield Remark(
                "error", artifact.url, f"must not touch {other_url}, and both hold {pair.code} of {pair.system}"
            )


def shared_codes(a: Membership, b: Membership) -> set[CodePair]:
    """Codes that two value sets both hold; where subtrees meet, the header at which they do."""
    return _within(a.extents, b) | _within(b.extents, a)


def _within(extents: Extents, other: Membership) -> set[CodePair]:
    found: set[CodePair] = set()
    for system, extent in extents.items():
        heads = {root for subtree in extent.subtrees for root in subtree.roots}
        found.update(CodePair(system, code) for code in extent.names | heads if other.contains(system, code))
    return found


def _maps(terminology: Terminology, artifact: Artifact) -> Iterator[Remark]:
    for group in artifact.resource.get("group", ()):
        target = terminology.code_system(str(group.get("target", "")))
        for element in group.get("element", ()):
            for one in element.get("target", ()):
                code, equivalence = one.get("code"), one.get("equivalence")
                if equivalence not in _EQUIVALENCES:
                    yield Remark("error", artifact.url, f"{element.get('code')} has the equivalence {equivalence!r}")
                if (code is None) != (equivalence in ("unmatched", "disjoint")):
                    yield Remark("error", artifact.url, f"{element.get('code')}: {equivalence} goes with {code!r}")
                if code is not None and target is not None and target.complete and target.find(code) is None:
                    yield Remark(
                        "error", artifact.url, f"{element.get('code')} leads to {code!r}, which does not exist"
                    )
                if equivalence == "inexact" and not one.get("comment"):
                    yield Remark("error", artifact.url, f"{element.get('code')} is inexact and says not why")


def _forms(named: _Named) -> Iterator[Remark]:
    for pair in named.pairs:
        if pair.system == codes.SNOMED_CT and not is_snomed_id(pair.code):
            yield Remark("error", named.artifact.url, f"SNOMED CT {pair.code} has a wrong check digit: it is invented")
        elif pair.system == codes.LOINC and not is_loinc_code(pair.code):
            yield Remark("error", named.artifact.url, f"LOINC {pair.code} has a wrong check digit: it is invented")
        elif pair.system == codes.ICD_10_CM and not _ICD.fullmatch(pair.code):
            yield Remark("error", named.artifact.url, f"{pair.code} is not written as ICD-10-CM codes are")


def _displays(terminology: Terminology, named: _Named) -> Iterator[Remark]:
    for pair, display in named.pairs.items():
        at_hand = terminology.code_system(pair.system)
        if at_hand is None or at_hand.url == named.artifact.url:
            continue
        concept = at_hand.find(pair.code)
        if concept is None:
            if at_hand.complete or pair.system == codes.ICD_10_CM:
                yield Remark("error", named.artifact.url, f"{pair.code} does not exist in {pair.system}")
        elif display and concept.display and not _agree(display, concept.display):
            yield Remark("error", named.artifact.url, f"{pair.code} is called {display!r}, not {concept.display!r}")


def _against(authority: Authority, all_named: Iterable[_Named]) -> Iterator[Remark]:
    for named in all_named:
        for pair, display in named.pairs.items():
            if pair.system != authority.system:
                continue
            if pair.code not in authority.displays:
                if authority.whole:
                    yield Remark("error", named.artifact.url, f"{pair.code} is not in {authority.name}")
                continue
            known = authority.displays[pair.code]
            if authority.compares_displays and display and known and not _agree(display, known):
                what = f"{pair.code} is called {display!r}, {authority.name} says {known!r}"
                yield Remark("error", named.artifact.url, what)


def _is_block(part: Mapping[str, object], value: str) -> bool:
    return part.get("system") == codes.ICD_10_CM and "-" in value


def _agree(a: str, b: str) -> bool:
    return " ".join(a.split()).casefold() == " ".join(b.split()).casefold()


def _pairs(artifact: Artifact) -> dict[CodePair, str | None]:
    """Codes by name: listed, filtered by, defined or mapped from."""
    found: dict[CodePair, str | None] = {}

    def note(system: str, code: object, display: object) -> None:
        system = codes.canonical_system(system)
        pair = CodePair(system, codes.canonical_code(system, str(code)))
        found[pair] = str(display) if display else found.get(pair)

    resource = artifact.resource
    compose = resource.get("compose", {})
    for part in (*compose.get("include", ()), *compose.get("exclude", ())):
        for one in part.get("concept", ()):
            note(str(part.get("system", "")), one["code"], one.get("display"))
        for one in part.get("filter", ()):
            if one.get("op") in ("is-a", "descendent-of") and not _is_block(part, str(one.get("value"))):
                names = [
                    str(e["valueString"]) for e in one.get("extension", ()) if "filter-display" in str(e.get("url"))
                ]
                note(str(part.get("system", "")), one["value"], names[0] if names else None)
    if artifact.type == "CodeSystem" and artifact.url in (codes.ICD_10_CM, codes.SNOMED_CT, codes.LOINC):
        for one in resource.get("concept", ()):
            note(artifact.url, one["code"], one.get("display"))
    for group in resource.get("group", ()) if artifact.type == "ConceptMap" else ():
        for element in group.get("element", ()):
            note(str(group.get("source", "")), element.get("code", ""), element.get("display"))
    return found
