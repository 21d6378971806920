"""A case as the hook call that an EHR would send: the chart as prefetch, facts as Observations, orders as drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cds_service.cases.reading import Case
from cds_service.knowledge.services import KnownService
from cds_service.plans.policy import Policy
from cds_service.plans.questions import QuestionBook

PATIENT = "case-patient"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UCUM = "http://unitsofmeasure.org"


def hook_call(case: Case, service: KnownService, as_of_member: str) -> dict[str, Any]:
    """The request for `case` to `service`, with an answer to every prefetch template."""
    if case.request is not None:
        sent = dict(case.request)
        sent["extension"] = {**(sent.get("extension") or {}), as_of_member: case.as_of}
        return sent
    policy = service.policy if service.deciding or service.questions else None
    chart = [dict(resource) for resource in case.resources]
    patient_id = next((str(r.get("id")) for r in chart if r.get("resourceType") == "Patient"), PATIENT)
    if not any(r.get("resourceType") == "Patient" for r in chart):
        chart.append(_patient(case))
    if policy is not None:
        questions = service.words.questions
        chart += [
            _observation(fact, value, number, case, patient_id, policy, questions)
            for number, (fact, value) in enumerate(case.facts.items(), 1)
        ]
    orders = [_order(order, number, patient_id, policy) for number, order in enumerate(case.orders, 1)]
    return {
        "hook": case.hook,
        "hookInstance": "c0ffee00-0000-4000-8000-000000000001",
        "context": _context(case, orders, patient_id),
        "prefetch": _prefetch(case, service, chart, orders),
        "extension": {as_of_member: case.as_of},
    }


def _context(case: Case, orders: Sequence[Mapping[str, Any]], patient_id: str) -> dict[str, Any]:
    references = [f"{order['resourceType']}/{order['id']}" for order in orders]
    context: dict[str, Any] = {"userId": "Practitioner/case-user", "patientId": patient_id}
    match case.hook:
        case "order-select" | "order-sign":
            context["draftOrders"] = _bundle(orders)
            if case.hook == "order-select":
                context["selections"] = references
        case "order-dispatch":
            context["dispatchedOrders"] = references
            context["performer"] = "Practitioner/case-user"
        case "appointment-book":
            context["appointments"] = _bundle(case.appointments)
        case "encounter-discharge":
            context["encounterId"] = "case-encounter"
    return {**context, **case.context}


def _bundle(resources: Sequence[Mapping[str, Any]], kind: str = "collection") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource} for resource in resources]}


def _prefetch(
    case: Case, service: KnownService, chart: Sequence[Mapping[str, Any]], orders: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    everything = [*chart, *(orders if case.hook == "order-dispatch" else ())]
    answers: dict[str, Any] = {}
    for need in service.needs:
        found = [resource for resource in everything if resource.get("resourceType") == need.type_name]
        if need.type_name in case.unreadable:
            issue = {"severity": "error", "code": "exception"}
            answers[need.key] = {"resourceType": "OperationOutcome", "issue": [issue]}
        elif need.is_read:
            answers[need.key] = found[0] if found else None
        else:
            answers[need.key] = _bundle(found, "searchset")
    return answers


def _patient(case: Case) -> dict[str, Any]:
    patient: dict[str, Any] = {"resourceType": "Patient", "id": PATIENT}
    if case.patient.get("sex"):
        patient["gender"] = case.patient["sex"]
    if case.patient.get("age") is not None:
        year = int(case.as_of[:4]) - int(case.patient["age"])
        patient["birthDate"] = f"{year:04d}-01-15"
    return patient


def _observation(
    fact: str, value: Any, number: int, case: Case, patient_id: str, policy: Policy, questions: QuestionBook
) -> dict[str, Any]:
    question = questions.questions.get(fact)
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"fact-{number}",
        "status": "final",
        "code": {"coding": [{"system": policy.facts, "code": fact}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": case.as_of[:10],
    }
    match value:
        case None:
            resource["dataAbsentReason"] = {"coding": [{"system": _ABSENT, "code": "unknown"}]}
        case bool():
            resource["valueBoolean"] = value
        case int() | float() | Decimal():
            unit = (question.unit if question else "") or "1"
            resource["valueQuantity"] = {"value": value, "unit": unit, "system": _UCUM, "code": unit}
        case _:
            resource["valueCodeableConcept"] = {"coding": [{"system": policy.fact_values, "code": str(value)}]}
    return resource


def _order(written: Mapping[str, Any], number: int, patient_id: str, policy: Policy | None) -> dict[str, Any]:
    if "resourceType" in written:
        order = dict(written)
        order.setdefault("id", f"o{number}")
        return order
    order = {
        "resourceType": "ServiceRequest",
        "id": str(written.get("id") or f"o{number}"),
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"system": policy.procedures if policy else "", "code": written.get("procedure")}]},
        "subject": {"reference": f"Patient/{patient_id}"},
    }
    if written.get("levels"):
        system = policy.levels if policy else ""
        order["bodySite"] = [{"coding": [{"system": system, "code": level}]} for level in written["levels"]]
    if written.get("primary_operator_role"):
        order["performerType"] = {"text": str(written["primary_operator_role"])}
    return order
