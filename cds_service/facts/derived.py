"""Codes that are found in free text where a resource has no coded term; lower-grade evidence, and marked so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cds_service.facts.coding import attributes_at
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import Struct

DeriveCodings = Callable[[str, str], Iterable[tuple[str, str]]]
"""Resource type and text in, pairs of system and code out."""


def derive_codings(resources: Sequence[Struct], derive: DeriveCodings, coding_type: type[Struct]) -> list[Struct]:
    """Put derived codings into concepts that have only text; the resources that got some."""
    marked: list[Struct] = []
    for resource in resources:
        fhir_type: str = resource.fhir_type  # type: ignore[attr-defined]
        path = r4().type(fhir_type).primary_code_path
        if path is None or "." in path:
            continue
        changed = False
        for attribute in attributes_at(fhir_type, path):
            value: Any = getattr(resource, attribute, None)
            for concept in value if isinstance(value, list) else (value,):
                changed = _fill(concept, fhir_type, derive, coding_type) or changed
        if changed:
            marked.append(resource)
    return marked


def _fill(concept: Any, fhir_type: str, derive: DeriveCodings, coding_type: type[Struct]) -> bool:
    if getattr(concept, "fhir_type", None) != "CodeableConcept" or not concept.text:
        return False
    if any(coding.code for coding in concept.coding):
        return False
    found = [coding_type(system=system, code=code) for system, code in derive(fhir_type, concept.text)]
    if found:
        concept.coding = [*concept.coding, *found]
    return bool(found)
