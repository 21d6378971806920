"""The FHIR R4 terminology operations over what was loaded; no web in here.

An operation never asks an outside server: what was not loaded is not found.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import ContentError
from cds_service.terminology import codes
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.codesystems import Concept, PropertyValue
from cds_service.terminology.conceptmaps import Match
from cds_service.terminology.expansions import Validation
from cds_service.terminology.failures import OperationFailed
from cds_service.terminology.parameters import Coding, Inputs, group, missing, parameters, part
from cds_service.terminology.terminology import Terminology

Answer = dict[str, Any]
_UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_INLINE = "urn:cds-service:inline"


@dataclass(frozen=True, slots=True)
class Call:
    """What one operation has to go by; `artifact` where it was called on an instance."""

    terminology: Terminology
    inputs: Inputs
    artifact: Artifact | None
    now: str


def run_operation(
    terminology: Terminology, kind: str, operation: str, inputs: Inputs, *, now: str, id: str | None = None
) -> Answer:
    """The resource that answers an operation on a type, or on the artifact `id` of it; `now` dates an expansion."""
    handler = _OPERATIONS.get((kind, operation))
    if handler is None:
        raise OperationFailed(f"{kind}/${operation} is not offered.", status=404, issue="not-supported")
    artifact: Artifact | None = None
    if id is not None:
        found = terminology.find(kind, id=id)
        if not found:
            raise OperationFailed(f"There is no {kind} with the id {id!r}.", status=404, issue="not-found")
        artifact = found[-1]
    try:
        return handler(Call(terminology, inputs, artifact, now))
    except ContentError as failure:
        raise OperationFailed(failure.what, status=422, issue="not-supported", remedy=failure.remedy) from failure


# --- value sets


def _asked_value_set(
    terminology: Terminology, inputs: Inputs, artifact: Artifact | None
) -> tuple[Terminology, str, str | None]:
    if artifact is not None:
        return terminology, artifact.url, artifact.version or None
    sent = inputs.resource("valueSet", "ValueSet")
    if sent is not None:
        named = {"url": _INLINE, **sent}
        return (
            terminology.with_resources([named]),
            str(named["url"]),
            str(named["version"]) if "version" in named else None,
        )
    url, version = inputs.canonical("url", "valueSetVersion")
    if url is None:
        raise missing("Say which value set: url, or the resource itself as valueSet.")
    if not terminology.knows_value_set(url, version):
        shown = f"{url}|{version}" if version else url
        raise OperationFailed(f"The value set {shown} is not known.", status=404, issue="not-found")
    return terminology, url, version


def _expand(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    at_hand, url, version = _asked_value_set(terminology, inputs, artifact)
    words, count, offset = inputs.text("filter") or "", inputs.number("count"), inputs.number("offset") or 0
    expansion = at_hand.expand(url, version, filter=words, count=count, offset=offset)
    source = at_hand.find("ValueSet", url=url, version=version)[-1]
    answer = {key: value for key, value in source.resource.items() if key not in ("compose", "expansion", "text")}
    if answer.get("url") == _INLINE:
        del answer["url"]
    if inputs.flag("includeDefinition") and "compose" in source.resource:
        answer["compose"] = source.resource["compose"]
    used = [part("filter", "String", words or None), part("count", "Integer", count), part("offset", "Integer", offset)]
    answer["expansion"] = {
        **({} if expansion.complete else {"extension": [{"url": _UNCLOSED, "valueBoolean": True}]}),
        "identifier": uuid.uuid5(uuid.NAMESPACE_URL, f"{url}|{version}|{words}|{call.now}").urn,
        "timestamp": call.now,
        "total": expansion.total,
        "offset": offset,
        "parameter": [one for one in used if one is not None],
        "contains": [
            {"system": one.system, "code": one.code, **({"display": one.display} if one.display else {})}
            for one in expansion.members
        ],
    }
    if not answer["expansion"]["contains"]:
        del answer["expansion"]["contains"]
    return answer


def _validate_in_value_set(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    codings = _codings(inputs)
    at_hand, url, version = _asked_value_set(terminology, inputs, artifact)
    return _verdict(
        [
            at_hand.validate_code(code=one.code, system=one.system, url=url, version=version, display=one.display)
            for one in codings
        ]
    )


def _codings(inputs: Inputs) -> list[Coding]:
    codings = inputs.codings()
    if not codings:
        raise missing("Say which code: code and system, coding, or codeableConcept.")
    return codings


def _verdict(validations: list[Validation]) -> Answer:
    """Of several codings of one concept, one that holds is enough."""
    best = next((one for one in validations if one.result), validations[0])
    return parameters(
        part("result", "Boolean", best.result),
        part("message", "String", best.message),
        part("display", "String", best.display),
        part("system", "Uri", best.system),
        part("code", "Code", best.code),
    )


# --- code systems


def _asked_system(inputs: Inputs, artifact: Artifact | None, name: str) -> str | None:
    return artifact.url if artifact is not None else inputs.canonical(name)[0]


def _validate_in_code_system(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    sent = inputs.resource("codeSystem", "CodeSystem")
    at_hand = terminology if sent is None else terminology.with_resources([{"url": _INLINE, **sent}])
    system = str(sent.get("url", _INLINE)) if sent else _asked_system(inputs, artifact, "url")
    codings = _codings(inputs)
    if system is None and all(one.system is None for one in codings):
        raise missing("Say which code system: url, or the system of the coding.")
    if system is not None and at_hand.code_system(system) is None and not _is_named(at_hand, system, codings):
        raise OperationFailed(f"The code system {system} is not known.", status=404, issue="not-found")
    return _verdict(
        [
            at_hand.validate_code(code=one.code, system=system or one.system, display=one.display)
            if system is None
            or one.system is None
            or codes.canonical_system(one.system) == codes.canonical_system(system)
            else Validation(False, f"The coding is of {one.system}, not of {system}.")
            for one in codings
        ]
    )


def _is_same(a: str, b: str) -> bool:
    return codes.canonical_system(a) == codes.canonical_system(b)


def _is_named(terminology: Terminology, system: str, codings: list[Coding]) -> bool:
    return any(terminology.lookup(system, one.code) is not None for one in codings)


def _lookup(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    codings = inputs.codings()
    if not codings:
        raise missing("Say which code: code and system, or coding.")
    coding = codings[0]
    system = artifact.url if artifact is not None else coding.system
    if system is None:
        raise missing("Say of which system the code is.")
    concept = terminology.lookup(system, coding.code, coding.version)
    if concept is None:
        known = terminology.code_system(system)
        what = (
            f"The code {coding.code!r} does not exist in {system}."
            if known is not None and known.complete
            else f"The code {coding.code!r} is not in the part of {system} that is at hand."
        )
        raise OperationFailed(what, status=404, issue="not-found")
    at_hand = terminology.code_system(concept.system)
    names = terminology.find("CodeSystem", url=concept.system)
    wanted = set(inputs.texts("property"))
    return parameters(
        part("name", "String", str(names[-1].resource.get("title") or names[-1].name) if names else concept.system),
        part("version", "String", (at_hand.version or None) if at_hand else None),
        part("display", "String", concept.display or concept.code),
        part("definition", "String", concept.definition),
        *_designations(concept),
        *_concept_properties(terminology, concept, wanted),
    )


def _designations(concept: Concept) -> list[Answer]:
    return [
        group("designation", part("language", "Code", language or None), part("value", "String", text))
        for language, text in concept.designations
    ]


def _concept_properties(terminology: Terminology, concept: Concept, wanted: set[str]) -> list[Answer]:
    found: list[tuple[str, str, PropertyValue]] = []
    at_hand = terminology.code_system(concept.system)
    parents = at_hand.parents(concept.code) if at_hand else concept.parents
    found.extend(("parent", "Code", parent) for parent in parents)
    if at_hand is not None:
        found.extend(("child", "Code", child) for child in at_hand.children(concept.code))
    found.extend((name, _kind(value), value) for name, value in concept.properties if name not in ("parent", "child"))
    return [
        group("property", part("code", "Code", name), part("value", kind, value))
        for name, kind, value in found
        if not wanted or name in wanted
    ]


def _kind(value: PropertyValue) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer"
    return "Decimal" if isinstance(value, float) else "String"


def _subsumes(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    first, second = inputs.codings("A"), inputs.codings("B")
    if not first or not second:
        raise missing("Say which two codes: codeA and codeB with system, or codingA and codingB.")
    a, b = first[0], second[0]
    system = artifact.url if artifact is not None else a.system or b.system
    if system is None:
        raise missing("Say of which system the codes are.")
    if a.system and b.system and not _is_same(a.system, b.system):
        raise OperationFailed("The two codes are of different systems.", status=400, issue="invalid")
    at_hand = terminology.code_system(system)
    for one in (a, b):
        if at_hand is not None and at_hand.complete and at_hand.find(one.code) is None:
            raise OperationFailed(
                f"The code {one.code!r} does not exist in {system}.", status=422, issue="code-invalid"
            )
    outcome = terminology.subsumes(system, a.code, b.code)
    if outcome is None:
        raise OperationFailed(
            f"No hierarchy of {system} is at hand that has both codes.", status=422, issue="not-supported"
        )
    return parameters(part("outcome", "Code", outcome))


# --- concept maps


def _translate(call: Call) -> Answer:
    terminology, inputs, artifact = call.terminology, call.inputs, call.artifact
    sent = inputs.resource("conceptMap", "ConceptMap")
    at_hand = terminology if sent is None else terminology.with_resources([{"url": _INLINE, **sent}])
    url = str(sent.get("url", _INLINE)) if sent else artifact.url if artifact else inputs.canonical("url")[0]
    if url is not None and sent is None and not at_hand.find("ConceptMap", url=url):
        raise OperationFailed(f"The concept map {url} is not known.", status=404, issue="not-found")
    codings = _codings(inputs)
    if any(one.system is None for one in codings):
        raise missing("Say of which system the code is.")
    target = inputs.text("targetsystem") or inputs.text("targetSystem")
    source = inputs.text("source")
    ask = at_hand.translate_back if inputs.flag("reverse") else at_hand.translate
    matches = tuple(
        dict.fromkeys(
            match for one in codings for match in ask(str(one.system), one.code, target, url=url, source=source)
        )
    )
    wanted_set = inputs.text("target")
    if wanted_set is not None:
        matches = tuple(match for match in matches if _leads_to(at_hand, match, wanted_set))
    hit = any(match.is_match for match in matches)
    message = None if hit else "The code is known and has no match." if matches else "No map knows this code."
    return parameters(
        part("result", "Boolean", hit),
        part("message", "String", message),
        *(_match(at_hand, match) for match in matches),
    )


def _leads_to(terminology: Terminology, match: Match, value_set: str) -> bool:
    """Whether the map of a match is made for the target value set."""
    for artifact in terminology.find("ConceptMap", url=match.map_url):
        if value_set in (artifact.resource.get("targetUri"), artifact.resource.get("targetCanonical")):
            return True
    return False


def _match(terminology: Terminology, match: Match) -> Answer:
    concept: dict[str, Any] | None = None
    if match.code is not None:
        concept = {"system": match.system, "code": match.code}
        display = match.display or terminology.name_of(match.system, match.code)
        if display:
            concept["display"] = display
    return group(
        "match",
        part("equivalence", "Code", match.equivalence),
        part("concept", "Coding", concept),
        part("source", "Uri", match.map_url),
        part("comment", "String", match.comment),
        *(part("dependsOn", "String", check) for check in match.checks),
    )


_OPERATIONS: Mapping[tuple[str, str], Callable[[Call], Answer]] = {
    ("ValueSet", "expand"): _expand,
    ("ValueSet", "validate-code"): _validate_in_value_set,
    ("CodeSystem", "validate-code"): _validate_in_code_system,
    ("CodeSystem", "lookup"): _lookup,
    ("CodeSystem", "subsumes"): _subsumes,
    ("ConceptMap", "translate"): _translate,
}
OPERATIONS: tuple[tuple[str, str], ...] = tuple(_OPERATIONS)
