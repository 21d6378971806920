"""A synthetic registry with known true rates: twelve operators, three years, two causes, one operator who exceeds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

OURS = "https://cds-service.example/fhir/CodeSystem"
LEVELS = ["T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4"]


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator with a true rate of major complications for each cause."""

    name: str
    sittings: int
    osteoporosis: float = 0.004
    neoplasm: float = 0.02


OPERATORS = (
    Operator("high", 220, osteoporosis=0.07),  # the one who exceeds
    Operator("unlucky", 14, osteoporosis=0.0),  # gets two events by fiat below: small volume, no judgement
    *(Operator(f"op{number:02}", 90 + 11 * number) for number in range(10)),
)


def code(system: str, value: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": value}]}


def sitting(
    patient: str,
    day: date,
    operator: str,
    levels: list[str],
    cause: str,
    events: list[dict[str, Any]] | None = None,
    *,
    identifier: str = "v1",
) -> list[dict[str, Any]]:
    """One augmentation of a patient with its fracture, its pain scores and what went wrong."""
    subject = {"reference": f"Patient/{patient}"}
    diagnosis = "M80.08XA" if cause == "osteoporosis" else "M84.58XA"
    return [
        {
            "resourceType": "Procedure",
            "id": f"{patient}-{identifier}",
            "status": "completed",
            "code": code(f"{OURS}/vcf-procedures", "vertebroplasty"),
            "subject": subject,
            "performedDateTime": f"{day.isoformat()}T10:00:00Z",
            "bodySite": [code(f"{OURS}/vertebral-level", level) for level in levels],
            "performer": [{"actor": {"reference": f"Practitioner/{operator}"}}],
        },
        {
            "resourceType": "Condition",
            "id": f"{patient}-c-{identifier}",
            "code": code("http://hl7.org/fhir/sid/icd-10-cm", diagnosis),
            "subject": subject,
            "bodySite": [code(f"{OURS}/vertebral-level", levels[0])],
            "onsetDateTime": (day - timedelta(days=20)).isoformat(),
        },
        *(events or []),
    ]


def pain(patient: str, number: int, day: date, score: int) -> dict[str, Any]:
    """A pain score from 0 to 10."""
    return {
        "resourceType": "Observation",
        "id": f"{patient}-nrs-{number}",
        "status": "final",
        "code": code("http://loinc.org", "72514-3"),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": day.isoformat(),
        "valueInteger": score,
    }


def adverse(
    patient: str, event: str, *, major: str | None = None, identifier: str = "v1", status: str = "actual"
) -> dict[str, Any]:
    """An adverse event that is laid to a sitting."""
    resource: dict[str, Any] = {
        "resourceType": "AdverseEvent",
        "id": f"{patient}-ae-{event}",
        "actuality": status,
        "event": code(f"{OURS}/vcf-complications", event),
        "subject": {"reference": f"Patient/{patient}"},
        "suspectEntity": [{"instance": {"reference": f"Procedure/{patient}-{identifier}"}}],
    }
    if major:
        resource["category"] = [code(f"{OURS}/vcf-major-criteria", major)]
    return resource


def bundle(patient: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of one patient."""
    entries = [{"resourceType": "Patient", "id": patient}, *resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}


def registry(seed: int = 7) -> Iterator[str]:
    """One line of NDJSON for each patient."""
    chance = random.Random(seed)
    number = 0
    for operator in OPERATORS:
        for index in range(operator.sittings):
            number += 1
            patient = f"p{number:05}"
            cause = "osteoporosis" if chance.random() < 0.75 or operator.name == "unlucky" else "neoplasm"
            day = date(2022, 1, 3) + timedelta(days=chance.randrange(3 * 365))
            rate = operator.osteoporosis if cause == "osteoporosis" else operator.neoplasm
            bad = chance.random() < rate or (operator.name == "unlucky" and index < 2)
            events = [adverse(patient, "symptomatic-cement-leakage", major="admission")] if bad else []
            count = chance.choice([1, 1, 1, 2, 2, 4])
            start = chance.randrange(len(LEVELS) - count)
            resources = sitting(patient, day, operator.name, LEVELS[start : start + count], cause, events)
            resources.append(pain(patient, 1, day - timedelta(days=3), chance.choice([6, 7, 8, 9])))
            if chance.random() < 0.8:
                resources.append(pain(patient, 2, day + timedelta(days=30), chance.choice([1, 2, 3, 6])))
            chance.shuffle(resources)
            yield json.dumps(bundle(patient, resources))
