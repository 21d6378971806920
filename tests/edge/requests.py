"""Requests as well-behaved clients send them, one for each hook; tests change a copy."""

from __future__ import annotations

from typing import Any

INSTANCE = "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10"
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}]},
    "subject": {"reference": "Patient/p1"},
    "identifier": [{"system": "urn:site", "value": "42"}],
    "quantityQuantity": {"value": 1.10},
    "unknownToR4": {"deep": [1, 2, {"x": None}]},
}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """A collection of these resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


CONTEXTS: dict[str, dict[str, Any]] = {
    "patient-view": {"userId": "Practitioner/d1", "patientId": "p1", "encounterId": "e1"},
    "order-select": {
        "userId": "Practitioner/d1",
        "patientId": "p1",
        "selections": ["ServiceRequest/o1"],
        "draftOrders": bundle(ORDER, {"resourceType": "MedicationRequest", "id": "m1"}, {**ORDER, "id": "o2"}),
    },
    "order-sign": {"userId": "Practitioner/d1", "patientId": "p1", "draftOrders": bundle(ORDER)},
    "order-dispatch": {
        "patientId": "p1",
        "dispatchedOrders": ["ServiceRequest/o1"],
        "performer": "Organization/x",
        "fulfillmentTasks": [{"resourceType": "Task", "id": "t1"}],
    },
    "appointment-book": {
        "userId": "Patient/p1",
        "patientId": "p1",
        "appointments": bundle({"resourceType": "Appointment", "id": "a1", "status": "proposed"}),
    },
    "encounter-discharge": {"userId": "PractitionerRole/r1", "patientId": "p1", "encounterId": "e1"},
    "encounter-start": {"userId": "PractitionerRole/r1", "patientId": "p1", "encounterId": "e1"},
    "problem-list-item-create": {
        "userId": "Practitioner/d1",
        "patientId": "p1",
        "conditions": bundle({"resourceType": "Condition", "id": "c1"}),
    },
    "allergyintolerance-create": {
        "userId": "Practitioner/d1",
        "patientId": "p1",
        "allergyIntolerance": {"resourceType": "AllergyIntolerance", "id": "x"},
    },
    "medication-refill": {"patientId": "p1", "medications": bundle({"resourceType": "MedicationRequest", "id": "m1"})},
    "medication-verify": {
        "userId": "Practitioner/d1",
        "patientId": "p1",
        "medication": {"resourceType": "MedicationRequest", "id": "m1"},
    },
    "order-review": {"userId": "Practitioner/d1", "patientId": "p1", "orders": bundle(ORDER)},
    "org.example.round-start": {"patientId": "Patient/p1", "ward": "7", "team": ["Practitioner/d1"]},
}


def hook_request(hook: str, **members: Any) -> dict[str, Any]:
    """A request of `hook`; members given as None are left out."""
    request: dict[str, Any] = {"hook": hook, "hookInstance": INSTANCE, "context": CONTEXTS[hook]}
    request.update(members)
    return {name: value for name, value in request.items() if value is not None}


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """A copy of `value` without these members."""
    return {name: part for name, part in value.items() if name not in names}
