"""What an EHR does with a call: carries out suggestions, and turns the same patient into the call of another hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.knowledge.services import KnownService
from cds_service.plans.extensions import listed
from cds_service.workbench.assertions import filed

_DRAFTS = "draftOrders"
_USER, _ENCOUNTER = "Practitioner/workbench", "workbench-encounter"


def apply_actions(request: Mapping[str, Any], service: KnownService, actions: Iterable[Any]) -> dict[str, Any]:
    """The request after the actions of a suggestion: deletes first, then creates, then updates."""
    ordered = sorted(
        (action for action in actions if isinstance(action, Mapping)),
        key=lambda action: ("delete", "create", "update").index(str(action.get("type", "update"))),
    )
    drafts = draft_orders(request)
    for action in ordered:
        resource = action.get("resource")
        if action.get("type") == "delete":
            drafts = [draft for draft in drafts if _reference(draft) != action.get("resourceId")]
        elif not isinstance(resource, Mapping):
            continue
        elif action.get("type") == "update":
            known = _reference(resource) in {_reference(draft) for draft in drafts}
            drafts = [dict(resource) if _reference(draft) == _reference(resource) else draft for draft in drafts]
            drafts += [] if known else [dict(resource)]
        elif str(resource.get("resourceType", "")).endswith("Request"):
            drafts.append({"id": f"added-{len(drafts) + 1}", **resource})
        else:
            number = str(request).count("said-") + 1
            request = filed(request, service, [{"id": f"said-{number}", **resource}])
    return with_drafts(request, service.hook, drafts)


def draft_orders(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The orders of a call, wherever its hook has them."""
    context = request.get("context")
    context = context if isinstance(context, Mapping) else {}
    found = _resources(context.get(_DRAFTS))
    dispatched = {str(reference) for reference in listed(context.get("dispatchedOrders"))}
    prefetch = request.get("prefetch")
    for value in prefetch.values() if dispatched and isinstance(prefetch, Mapping) else ():
        found += [resource for resource in _resources(value) if _reference(resource) in dispatched]
    return found


def with_drafts(request: Mapping[str, Any], hook: str, drafts: list[dict[str, Any]]) -> dict[str, Any]:
    """The request with these draft orders, where its hook has drafts."""
    written = request.get("context")
    context = dict(written) if isinstance(written, Mapping) else {}
    if hook not in {"order-select", "order-sign"} and _DRAFTS not in context:
        return {**request, "context": context}
    context[_DRAFTS] = _bundle(drafts)
    if hook == "order-select":
        context["selections"] = [_reference(draft) for draft in drafts]
    return {**request, "context": context}


def for_service(request: Mapping[str, Any], service: KnownService) -> dict[str, Any]:
    """The same patient and orders as a call of the hook that `service` answers."""
    written = request.get("context")
    context = dict(written) if isinstance(written, Mapping) else {}
    drafts = draft_orders(request)
    kept = {name: context[name] for name in ("userId", "patientId", "encounterId") if name in context}
    kept.setdefault("userId", _USER)
    match service.hook:
        case "order-select" | "order-sign":
            request = with_drafts({**request, "context": kept}, service.hook, drafts)
            kept = request["context"]
        case "order-dispatch":
            kept["dispatchedOrders"] = [_reference(draft) for draft in drafts]
            kept["performer"] = kept["userId"]
        case "appointment-book":
            patient = {"actor": {"reference": f"Patient/{kept.get('patientId')}"}, "status": "needs-action"}
            based_on = [{"reference": _reference(draft)} for draft in drafts]
            appointment: dict[str, Any] = {
                "resourceType": "Appointment", "id": "proposed", "status": "proposed", "participant": [patient],
            }  # fmt: skip
            kept["appointments"] = context.get("appointments") or _bundle(
                [appointment | ({"basedOn": based_on} if based_on else {})]
            )
        case _:
            kept.setdefault("encounterId", _ENCOUNTER)
    moved = {**request, "hook": service.hook, "context": kept}
    prefetch = moved.get("prefetch")
    if service.hook in {"order-dispatch", "appointment-book"} and drafts:
        key = next((need.key for need in service.needs if need.type_name == "ServiceRequest"), "service-request")
        moved["prefetch"] = {**(prefetch if isinstance(prefetch, Mapping) else {}), key: _bundle(drafts, "searchset")}
    return moved


def _resources(bundle: Any) -> list[dict[str, Any]]:
    entries = listed(bundle.get("entry")) if isinstance(bundle, Mapping) else []
    return [
        dict(entry["resource"])
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("resource"), Mapping)
    ]


def _bundle(resources: list[dict[str, Any]], kind: str = "collection") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource} for resource in resources]}


def _reference(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
