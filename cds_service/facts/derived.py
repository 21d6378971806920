"""What free text says where a resource has no code for it; lower-grade evidence, and marked so.

A concept with text alone gets codings. The conclusion of a recent imaging report becomes observations, one for each
thing that it asserts, denies or leaves open, unless somebody recorded an observation of the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, Protocol

from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import Struct, full

DeriveCodings = Callable[[str, str], Iterable[tuple[str, str]]]
"""Resource type and text in, pairs of system and code out."""

# Text in other places than the main code: the type whose texts it is like.
_LIKE_A_PROBLEM = {"ServiceRequest": "reasonCode"}
_READ_REPORTS = frozenset({"final", "amended", "corrected", "appended", "preliminary"})
_UNKNOWN = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UCUM = "http://unitsofmeasure.org"


class CodePair(Protocol):
    """A code with its system."""

    @property
    def system(self) -> str: ...
    @property
    def code(self) -> str: ...


class FoundInText(Protocol):
    """One thing that a text asserts; a `value` of None leaves it open."""

    @property
    def code(self) -> CodePair: ...
    @property
    def value(self) -> bool | CodePair | Decimal | None: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def levels(self) -> tuple[str, ...]: ...


class TextEvidence(Protocol):
    """Reads texts: the main texts of resources as codings, conclusions of reports as findings."""

    @property
    def report_weeks(self) -> int: ...
    @property
    def resource_types(self) -> frozenset[str]: ...
    @property
    def level_system(self) -> str: ...
    def codings(self, resource_type: str, text: str) -> Iterable[tuple[str, str]]: ...
    def findings(self, text: str) -> Iterable[FoundInText]: ...


def derive_codings(resources: Sequence[Struct], derive: DeriveCodings) -> list[Struct]:
    """Put derived codings into concepts that have only text; the resources (of one type) that got some."""
    marked: dict[int, Struct] = {}
    for read, is_list, read_as in _places(resources[0].__class__) if resources else ():
        for resource in resources:
            value = read(resource)
            # Most concepts have a code, and this is asked of every resource: they are through here.
            if value is None or (not is_list and value.coding and value.coding[0].code):
                continue
            for concept in value if is_list else (value,):
                if _fill(concept, read_as, derive):
                    marked[id(resource)] = resource
    return list(marked.values())


@cache
def _places(made: type[Struct]) -> tuple[tuple[Callable[[Any], Any], bool, str], ...]:
    """What reads the concepts of a resource whose texts stand for codes, and like which type's they are read."""
    fhir_type: str = made.fhir_type  # type: ignore[attr-defined]  # classes of resources are made from the model
    info = r4().type(fhir_type)
    path, reason = info.primary_code_path, _LIKE_A_PROBLEM.get(fhir_type)
    found: list[tuple[Callable[[Any], Any], bool, str]] = []
    for step, read_as in ((path, fhir_type), (reason, "Condition")):
        element = info.element(step) if step is not None and "." not in step else None
        attribute = element.attributes.get("CodeableConcept") if element is not None else None
        if element is not None and attribute in made.__struct_fields__:
            found.append((attrgetter(attribute), element.is_list, read_as))
    return tuple(found)


def _fill(concept: Any, fhir_type: str, derive: DeriveCodings) -> bool:
    if not concept.text or any(coding.code for coding in concept.coding):
        return False
    found = [full().new("Coding", system=system, code=code) for system, code in derive(fhir_type, concept.text)]
    if found:
        concept.coding = [*concept.coding, *found]
    return bool(found)


def derive_conclusions(reports: Sequence[Any], texts: TextEvidence) -> list[Struct]:
    """Give reports with a conclusion and no code for it the codes of what it states; the reports that got some."""
    marked: list[Struct] = []
    structs = full()
    for report in reports:
        text = getattr(report, "conclusion", None)
        if not text or getattr(report, "conclusionCode", None) or report.status not in _READ_REPORTS:
            continue
        codings = [structs.new("Coding", system=system, code=code) for system, code in texts.codings("Condition", text)]
        if codings:
            report.conclusionCode = [structs.new("CodeableConcept", coding=codings)]
            marked.append(report)
    return marked


def observations_of(reports: Sequence[Any], recorded: Sequence[Any], texts: TextEvidence, today: date) -> list[Struct]:
    """Observations of what recent reports say in words; what somebody recorded as an observation is left to it."""
    oldest = (today - timedelta(weeks=texts.report_weeks)).isoformat()
    known: set[tuple[str, str]] | None = None
    made: list[Struct] = []
    for report in reports:
        text = getattr(report, "conclusion", None)
        when = getattr(report, "effectiveDateTime", None) or getattr(report, "issued", None)
        if not text or not when or when[:10] < oldest or report.status not in _READ_REPORTS:
            continue
        for number, found in enumerate(texts.findings(text)):
            if known is None:
                known = {
                    (coding.system, coding.code)
                    for one in recorded
                    if one.code is not None
                    for coding in one.code.coding
                }
            if (found.code.system, found.code.code) not in known:
                made.append(_observation(report, number, found, texts.level_system, when))
    return made


def _observation(report: Any, number: int, found: FoundInText, level_system: str, when: str) -> Struct:
    structs = full()

    def concept(system: str, code: str) -> Any:
        return structs.new("CodeableConcept", coding=[structs.new("Coding", system=system, code=code)])

    members: dict[str, Any] = {}
    if isinstance(found.value, bool):
        members["valueBoolean"] = found.value
    elif isinstance(found.value, Decimal):
        unit = found.unit or "1"
        members["valueQuantity"] = structs.new("Quantity", value=found.value, unit=unit, system=_UCUM, code=unit)
    elif found.value is None:
        members["dataAbsentReason"] = concept(_UNKNOWN, "unknown")
    else:
        members["valueCodeableConcept"] = concept(found.value.system, found.value.code)
    if found.levels:
        members["bodySite"] = concept(level_system, found.levels[0])
    observation: Struct = structs.new(
        "Observation",
        id=f"{report.id or 'report'}-text-{number + 1}",
        status="preliminary" if report.status == "preliminary" else "final",
        code=concept(found.code.system, found.code.code),
        effectiveDateTime=when,
        derivedFrom=[structs.new("Reference", reference=f"DiagnosticReport/{report.id}")] if report.id else (),
        **members,
    )
    return observation
