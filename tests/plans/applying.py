"""Small plans applied to a small patient."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import knowledge_of
from cds_service.knowledge.operations import ApplyInputs, apply_operation
from cds_service.plans.apply import Applied

NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)
BASE = "https://example.org/fhir"
LOGIC = """library Logic version '1'
using FHIR version '4.0.1'
parameter "Most" Integer
context Patient
define "Yes": true
define "No": false
define "Unknown": (null as Boolean)
define "Broken": Message(true, true, 'x', 'Error', 'it broke')
define "Text": 'a text'
define "Number": 2
define "Several": { 'a', 'b' }
define "Conditions": [Condition]
define "Amount": 5.0 'mg'
define "Day": @2025-07-01
define "Stretch": Interval[@2025-07-01, @2025-08-01]
define "Is woman": Patient.gender = 'female'
define "Term": Code { code: 'c', system: 'http://example.org', display: 'C' }
/* @fact smokes */
define "Smokes": (null as Boolean)
define "Needs smoking": "Smokes" and "Yes"
"""
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "gender": "female",
    "birthDate": "1950-01-01",
    "name": [{"given": ["Ada"]}],
}
CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}


def library(text: str = LOGIC, name: str = "Logic") -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    content = [{"contentType": "text/cql", "data": data}]
    return {"resourceType": "Library", "id": name, "url": f"{BASE}/Library/{name}", "name": name, "content": content}


def cql(name: str) -> dict[str, str]:
    return {"language": "text/cql-identifier", "expression": name}


def when(name: str, kind: str = "applicability") -> dict[str, Any]:
    return {"kind": kind, "expression": cql(name)}


def plan(*actions: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "resourceType": "PlanDefinition",
        "id": "plan",
        "url": f"{BASE}/PlanDefinition/plan",
        "version": "1",
        "status": "active",
        "library": [f"{BASE}/Library/Logic"],
        "action": list(actions),
        **rest,
    }


def activity(kind: str = "ServiceRequest", identifier: str = "activity", **rest: Any) -> dict[str, Any]:
    url = f"{BASE}/ActivityDefinition/{identifier}"
    return {
        "resourceType": "ActivityDefinition", "id": identifier, "url": url, "status": "active", "kind": kind,
        "library": [f"{BASE}/Library/Logic"], **rest,
    }  # fmt: skip


def known(*resources: Mapping[str, Any]) -> Knowledge:
    return knowledge_of([library(), *resources])


def applied(*resources: Mapping[str, Any], data: Mapping[str, Any] | None = None, **inputs: Any) -> Applied:
    """The first plan among the resources, applied to the patient."""
    knowledge = known(*resources)
    wanted = next(resource["id"] for resource in resources if resource["resourceType"] == "PlanDefinition")
    found = knowledge.definitions.plan_by_id(wanted)
    assert found is not None
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": CONDITION}]}
    body = json.dumps(data or bundle).encode()
    return apply_operation(knowledge, found, ApplyInputs("Patient/p", body, **inputs), NOW)
