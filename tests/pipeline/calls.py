"""Hook calls made by hand, decided with the project's own content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.rendering import response_json
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, Manner, decide
from cds_service.plans.offers import Site
from cds_service.settings import default_content

BASE = "https://cds-service.example/fhir/CodeSystem"
NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)
DECISIONS = "example.cds-service.decisions"
SITE = Site("tester 1", lambda identifier: f"https://cds.example.org/fhir/Questionnaire/{identifier}")


@cache
def content() -> Knowledge:
    """The project's own knowledge."""
    return load_knowledge([default_content()])


def patient(**rest: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-01-15", **rest}


def fact(name: str, value: Any, *, identifier: str | None = None, level: str | None = None) -> dict[str, Any]:
    """A fact as a person asserts it."""
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": identifier or f"{name}-{level or ''}".replace("_", "-").strip("-"),
        "status": "final",
        "code": {"coding": [{"system": f"{BASE}/vcf-facts", "code": name}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2025-06-14",
    }
    if isinstance(value, bool):
        resource["valueBoolean"] = value
    elif isinstance(value, str):
        resource["valueCodeableConcept"] = {"coding": [{"system": f"{BASE}/vcf-fact-values", "code": value}]}
    elif value is None:
        resource["dataAbsentReason"] = {"text": "unknown"}
    else:
        resource["valueQuantity"] = {"value": value}
    if level:
        resource["bodySite"] = {"coding": [{"system": f"{BASE}/vertebral-level", "code": level}]}
    return resource


def facts(**values: Any) -> list[dict[str, Any]]:
    return [fact(name, value) for name, value in values.items()]


def order(
    code: str | tuple[str, str] | Sequence[tuple[str, str]], *levels: str, identifier: str = "o1", **rest: Any
) -> dict[str, Any]:
    """A draft order by one of our procedure ids, or by codings (system, code)."""
    pairs = [(f"{BASE}/vcf-procedures", code)] if isinstance(code, str) else code
    pairs = [pairs] if isinstance(pairs, tuple) else pairs
    found: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": identifier,
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": system, "code": value} for system, value in pairs]},
        "subject": {"reference": "Patient/p1"},
    }
    if levels:
        found["bodySite"] = [{"coding": [{"system": f"{BASE}/vertebral-level", "code": level}]} for level in levels]
    return {**found, **rest}


def request(
    hook: str,
    chart: Sequence[Mapping[str, Any]] = (),
    orders: Sequence[Mapping[str, Any]] = (),
    *,
    selections: Sequence[str] | None = None,
    prefetch: Mapping[str, Any] | None = None,
    call_id: str = "call-1",
    client: ClientProfile | None = None,
    **context: Any,
) -> HookRequest:
    """A parsed hook request, with every prefetch template answered from the chart."""
    service = content().service_for(hook)
    assert service is not None
    resources = [patient(), *chart] if not any(r["resourceType"] == "Patient" for r in chart) else list(chart)
    answers: dict[str, Any] = {}
    for need in service.needs:
        found = [resource for resource in resources if resource["resourceType"] == need.type_name]
        if need.is_read:
            answers[need.key] = found[0] if found else None
        else:
            entries = [{"resource": resource} for resource in found]
            answers[need.key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    answers.update(prefetch or {})
    sent: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": "p1", **context}
    if orders:
        sent["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": each} for each in orders]}
    if hook == "order-select":
        sent["selections"] = list(
            selections if selections is not None else [f"ServiceRequest/{o['id']}" for o in orders]
        )
    body = {"hook": hook, "hookInstance": "11111111-0000-4000-8000-000000000001", "context": sent, "prefetch": answers}
    parser = RequestParser(hook, content().resource_type)
    arrival = Arrival(NOW, call_id, client) if client else Arrival(NOW, call_id)
    return parser.parse(json.dumps(body).encode(), arrival)


def decided(hook_request: HookRequest, **manner: Any) -> Decision:
    """The decision on a request."""
    service = content().service_for(hook_request.hook)
    assert service is not None
    return decide(hook_request, service, content(), Sources(), Manner(**{"site": SITE, **manner}))


def answer(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """The answer to a request as it goes over the wire."""
    return response_json(decided(request(*args, **kwargs)).response)


def records(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.get("extension", {}).get(DECISIONS, [])
    return found
