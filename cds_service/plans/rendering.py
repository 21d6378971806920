"""An applied plan as FHIR: RequestGroup and CarePlan as R4 has them, or the Bundle that R5 callers expect."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cds_service.plans.apply import Applied, AppliedAction
from cds_service.plans.extensions import listed

TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
MESSAGES = "http://hl7.org/fhir/StructureDefinition/cqf-messages"


def request_group(applied: Applied) -> dict[str, Any]:
    """The RequestGroup with the actions that apply."""
    group: dict[str, Any] = {"resourceType": "RequestGroup", "id": applied.id}
    group["instantiatesCanonical"] = [applied.plan.canonical]
    group |= {"status": "active", "intent": "proposal", "subject": {"reference": applied.subjects.subject}}
    if applied.subjects.encounter:
        group["encounter"] = {"reference": applied.subjects.encounter}
    if applied.subjects.practitioner:
        group["author"] = {"reference": applied.subjects.practitioner}
    actions = [copy.deepcopy(action.element) for action in applied.actions if action.element is not None]
    if actions:
        group["action"] = actions
    return group


def all_resources(applied: Applied) -> list[dict[str, Any]]:
    """The RequestGroup, then every request and nested RequestGroup, each once."""
    written = listed(applied.plan.written.get("goal"))
    goals = {str(goal.get("id")): made["id"] for goal, made in zip(written, applied.goals, strict=True)}
    return [request_group(applied), *_below(applied.actions, goals), *copy.deepcopy(applied.goals)]


def _below(actions: list[AppliedAction], goals: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for action in actions:
        if action.element is None:
            continue
        if action.request is not None:
            found.append(_towards(copy.deepcopy(action.request), action, goals))
        if action.nested is not None:
            found.extend(all_resources(action.nested))
        found.extend(_below(action.children, goals))
    return found


def _towards(request: dict[str, Any], action: AppliedAction, goals: Mapping[str, str]) -> dict[str, Any]:
    """The request with the goals of the plan that its action is for."""
    wanted = [goals[identifier] for identifier in listed(action.action.written.get("goalId")) if identifier in goals]
    if wanted:
        named = [{"url": TO_GOAL, "valueReference": {"reference": f"Goal/{goal}"}} for goal in wanted]
        request["extension"] = [*request.get("extension", []), *named]
    return request


def messages(applied: Applied) -> dict[str, Any] | None:
    """What has to be said about the application, as an OperationOutcome; None where nothing has."""
    if not applied.messages:
        return None
    codes = {"error": "exception", "warning": "incomplete", "information": "informational"}
    return {
        "resourceType": "OperationOutcome",
        "id": "messages",
        "issue": [
            {
                "severity": message.severity,
                "code": codes[message.severity],
                "diagnostics": message.text,
                "expression": [message.action],
            }
            for message in applied.messages
        ],
    }


def care_plan(applied: Applied) -> dict[str, Any]:
    """The CarePlan that contains everything: the answer of `$apply` in R4."""
    resources = all_resources(applied)
    outcome = messages(applied)
    if outcome is not None:
        while any(resource["id"] == outcome["id"] for resource in resources):
            outcome["id"] += "-2"
        resources.append(outcome)
    known = {f"{resource['resourceType']}/{resource['id']}": f"#{resource['id']}" for resource in resources}
    for resource in resources:
        _rewrite(resource, known)
    plan: dict[str, Any] = {"resourceType": "CarePlan", "id": applied.id}
    if outcome is not None:
        plan["extension"] = [{"url": MESSAGES, "valueReference": {"reference": f"#{outcome['id']}"}}]
    plan["contained"] = resources
    plan["instantiatesCanonical"] = [applied.plan.canonical]
    plan |= {"status": "active", "intent": "proposal"}
    if applied.plan.title:
        plan["title"] = applied.plan.title
    plan["subject"] = {"reference": applied.subjects.subject}
    if applied.subjects.encounter:
        plan["encounter"] = {"reference": applied.subjects.encounter}
    if applied.subjects.practitioner:
        plan["author"] = {"reference": applied.subjects.practitioner}
    goals = [{"reference": f"#{resource['id']}"} for resource in resources if resource["resourceType"] == "Goal"]
    if goals:
        plan["goal"] = goals
    plan["activity"] = [{"reference": {"reference": f"#{applied.id}"}}]
    return plan


def bundle(applied: Applied) -> dict[str, Any]:
    """The Bundle of separate resources: the answer of `$r5.apply`."""
    resources = all_resources(applied)
    outcome = messages(applied)
    if outcome is not None:
        while any(resource["id"] == outcome["id"] for resource in resources):
            outcome["id"] += "-2"
        resources.append(outcome)
    return {
        "resourceType": "Bundle",
        "id": applied.id,
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def _rewrite(value: Any, known: dict[str, str]) -> None:
    """References to resources of the result become references to what is contained."""
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference in known:
            value["reference"] = known[reference]
        for part in value.values():
            _rewrite(part, known)
    elif isinstance(value, list):
        for part in value:
            _rewrite(part, known)
