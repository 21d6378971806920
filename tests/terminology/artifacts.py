"""Small artifacts for the tests, and the project's own terminology, loaded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from cds_service.terminology.loading import load_terminology
from cds_service.terminology.terminology import Terminology

CONTENT = Path(__file__).parents[2] / "terminology"
OURS = "https://cds-service.example/fhir"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
CPT = "http://www.ama-assn.org/go/cpt"
SITE = "https://hospital.example/fhir"


@cache
def own() -> Terminology:
    """The terminology that the project ships."""
    return load_terminology([CONTENT])


def value_set(
    name: str, *include: dict[str, Any], exclude: tuple[dict[str, Any], ...] = (), **more: Any
) -> dict[str, Any]:
    """A value set with a compose."""
    compose: dict[str, Any] = {"include": list(include)}
    if exclude:
        compose["exclude"] = list(exclude)
    return {
        "resourceType": "ValueSet",
        "url": f"{SITE}/ValueSet/{name}",
        "status": "active",
        "compose": compose,
        **more,
    }


def listed(system: str, *codes: str) -> dict[str, Any]:
    """An include that names codes."""
    return {"system": system, "concept": [{"code": code} for code in codes]}


def filtered(system: str, op: str, value: str, name: str = "concept") -> dict[str, Any]:
    """An include with one filter."""
    return {"system": system, "filter": [{"property": name, "op": op, "value": value}]}


def imported(*names: str) -> dict[str, Any]:
    """An include of other value sets."""
    return {"valueSet": [name if "://" in name else f"{SITE}/ValueSet/{name}" for name in names]}


def code_system(url: str, *concepts: dict[str, Any], content: str = "complete") -> dict[str, Any]:
    """A code system."""
    return {"resourceType": "CodeSystem", "url": url, "status": "active", "content": content, "concept": list(concepts)}


def concept_map(name: str, source: str, target: str, rows: dict[str, list[tuple[str, str]]]) -> dict[str, Any]:
    """A concept map: source code to (target code, equivalence)."""
    return {
        "resourceType": "ConceptMap",
        "url": f"{SITE}/ConceptMap/{name}",
        "status": "active",
        "group": [
            {
                "source": source,
                "target": target,
                "element": [
                    {"code": code, "target": [{"code": to, "equivalence": how} for to, how in targets]}
                    for code, targets in rows.items()
                ],
            }
        ],
    }


def given(*resources: dict[str, Any]) -> Terminology:
    """A terminology of just these resources."""
    return load_terminology([], inline=resources)
