"""A chart of asserted facts as a hook call: every fact one Observation, as a person would file it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.oracle.reading import fact_rows

BASE = "https://cds-service.example/fhir/CodeSystem"
AS_OF = "2025-06-15T09:00:00Z"


def observation(fact: str, value: Any, number: int) -> dict[str, Any]:
    """The Observation that asserts `value` for `fact`; None says that it is explicitly not known."""
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": f"{BASE}/vcf-facts", "code": fact}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2025-06-14T08:00:00Z",
    }
    row = fact_rows()[fact]
    if value is None:
        resource["dataAbsentReason"] = {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]
        }
    elif row["type"] == "tri":
        resource["valueBoolean"] = value
    elif row["type"] == "code":
        resource["valueCodeableConcept"] = {"coding": [{"system": f"{BASE}/vcf-fact-values", "code": value}]}
    else:
        unit = row.get("unit", "1")
        resource["valueQuantity"] = {
            "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
        }  # fmt: skip
    return resource


def order(procedure: str, levels: Sequence[str], identifier: str = "o1") -> dict[str, Any]:
    """A draft order for `procedure` at `levels`, in our own codes."""
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": identifier,
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": f"{BASE}/vcf-procedures", "code": procedure}]},
        "subject": {"reference": "Patient/p1"},
    }
    if levels:
        resource["bodySite"] = [{"coding": [{"system": f"{BASE}/vertebral-level", "code": level}]} for level in levels]
    return resource


def searchset(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer of a FHIR search."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": resource} for resource in resources],
    }


def hook_call(
    hook: str,
    facts: Mapping[str, Any],
    procedure: str | None,
    levels: Sequence[str] = (),
    age: int = 70,
    sex: str = "female",
    prefetch: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The request an EHR would send; `prefetch` maps each template key of the service to the type it asks for."""
    observations = [observation(fact, value, number) for number, (fact, value) in enumerate(facts.items(), 1)]
    patient = {"resourceType": "Patient", "id": "p1", "gender": sex, "birthDate": f"{2025 - age}-01-15"}
    context: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": "p1"}
    if procedure is not None:
        context["draftOrders"] = {
            "resourceType": "Bundle", "type": "collection", "entry": [{"resource": order(procedure, levels)}],
        }  # fmt: skip
    if hook == "order-select":
        context["selections"] = ["ServiceRequest/o1"]
    answers: dict[str, Any] = {}
    for key, resource_type in (prefetch or {}).items():
        if resource_type == "Patient":
            answers[key] = patient
        elif resource_type == "Observation":
            answers[key] = searchset(observations)
        else:
            answers[key] = searchset([])
    return {
        "hook": hook,
        "hookInstance": "3f2c1d4e-0000-4000-8000-000000000001",
        "context": context,
        "prefetch": answers,
        "extension": {"example.cds-service.asOf": AS_OF},
    }
