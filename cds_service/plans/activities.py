"""An ActivityDefinition applied to a subject: the draft request that it describes, for every kind of request in R4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cds_service.plans.extensions import listed


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a request type keeps what an ActivityDefinition says; an empty name: it has no such element."""

    subject: str = "subject"
    encounter: str = "encounter"
    requester: str = "requester"
    code: str = "code"
    code_is_list: bool = False
    intent: str = "order"  # the intent when the definition has none; empty: the type has no intent
    status: str = "draft"
    body_site: str = ""
    timing: str = ""
    location: str = ""
    location_is_list: bool = False
    product: str = ""
    quantity: str = ""
    dosage: str = ""
    performer_type: str = ""
    do_not_perform: bool = False
    priority: bool = True
    canonical: str = ""  # "list", "single" or empty
    description: str = ""
    moments: tuple[str, ...] = ()  # when it was made; the type requires these
    defaults: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, Kind] = {
    "Appointment": Kind(
        subject="", encounter="", requester="", code="serviceType", code_is_list=True, intent="", status="proposed",
        priority=False, description="description",
    ),
    "AppointmentResponse": Kind(
        subject="actor", encounter="", requester="", code="", intent="", status="", priority=False,
        defaults={"participantStatus": "needs-action"},
    ),
    "CarePlan": Kind(
        requester="author", code="category", code_is_list=True, intent="proposal", priority=False, canonical="list",
        description="description",
    ),
    "Claim": Kind(
        subject="patient", encounter="", requester="", code="", intent="", priority=False, moments=("created",),
        defaults={"use": "preauthorization"},
    ),
    "CommunicationRequest": Kind(
        code="category", code_is_list=True, intent="", timing="occurrence", do_not_perform=True,
    ),
    "Contract": Kind(
        subject="subject", encounter="", requester="author", code="topicCodeableConcept", intent="", status="offered",
        priority=False,
    ),
    "DeviceRequest": Kind(
        code="codeCodeableConcept", timing="occurrence", product="code", performer_type="performerType",
        canonical="list",
    ),
    "EnrollmentRequest": Kind(subject="candidate", encounter="", requester="", code="", intent="", priority=False),
    "ImmunizationRecommendation": Kind(
        subject="patient", encounter="", requester="", code="", intent="", status="", priority=False,
        moments=("date",),
    ),
    "MedicationRequest": Kind(
        code="", product="medication", dosage="dosageInstruction", quantity="dispenseRequest.quantity",
        performer_type="performerType", do_not_perform=True, canonical="list",
    ),
    "NutritionOrder": Kind(
        subject="patient", requester="orderer", code="", canonical="list", priority=False, moments=("dateTime",),
    ),
    "RequestGroup": Kind(requester="author", intent="proposal", canonical="list"),
    "ServiceRequest": Kind(
        body_site="bodySite", timing="occurrence", location="locationReference", location_is_list=True,
        quantity="quantityQuantity", performer_type="performerType", do_not_perform=True, canonical="list",
    ),
    "SupplyRequest": Kind(
        subject="deliverTo", encounter="", intent="", code="category", product="item", quantity="quantity",
        timing="occurrence",
    ),
    "Task": Kind(
        subject="for", intent="proposal", location="location", canonical="single", description="description",
        timing="executionPeriod",
    ),
    "VisionPrescription": Kind(
        subject="patient", requester="prescriber", code="", intent="", priority=False,
        moments=("created", "dateWritten"),
    ),
}  # fmt: skip

# The elements of an activity that say what is to be done.
_DESCRIBING = frozenset({
    "bodySite", "code", "description", "dosage", "location", "participant", "productCodeableConcept",
    "productReference", "quantity", "timingDateTime", "timingPeriod", "timingTiming", "title",
})  # fmt: skip


class Subjects(msgspec.Struct, frozen=True, gc=False):
    """Who and what a plan is applied for, as references; None where it was not said."""

    subject: str
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None


def request_from(activity: Mapping[str, Any], subjects: Subjects) -> dict[str, Any]:
    """The draft request that `activity` describes for the subject, before its dynamic values."""
    type_name = str(activity.get("kind") or "ServiceRequest")
    kind = KINDS.get(type_name, Kind())
    request: dict[str, Any] = {"resourceType": type_name}
    if profile := activity.get("profile"):
        request["meta"] = {"profile": listed(profile)}
    _name_origin(request, activity, kind)
    if kind.status:
        request["status"] = kind.status
    if kind.intent:
        request["intent"] = activity.get("intent") or kind.intent
    if kind.priority and activity.get("priority"):
        request["priority"] = activity["priority"]
    if kind.do_not_perform and "doNotPerform" in activity:
        request["doNotPerform"] = activity["doNotPerform"]
    request |= _copied(dict(kind.defaults))
    _name_people(request, type_name, kind, subjects)
    _describe(request, activity, kind)
    return request


def moments_of(request: Mapping[str, Any]) -> list[str]:
    """The elements that a request lacks and that say when it was made."""
    kind = KINDS.get(str(request["resourceType"]))
    return [name for name in kind.moments if name not in request] if kind is not None else []


def _name_origin(request: dict[str, Any], activity: Mapping[str, Any], kind: Kind) -> None:
    url, version = activity.get("url"), activity.get("version")
    if url and kind.canonical:
        canonical = f"{url}|{version}" if version else url
        request["instantiatesCanonical"] = [canonical] if kind.canonical == "list" else canonical


def _name_people(request: dict[str, Any], type_name: str, kind: Kind, subjects: Subjects) -> None:
    subject = {"reference": subjects.subject}
    if type_name == "Appointment":
        request["participant"] = [{"actor": subject, "status": "needs-action"}]
        if subjects.practitioner:
            request["participant"].append({"actor": {"reference": subjects.practitioner}, "status": "needs-action"})
    elif type_name == "Contract":
        request["subject"] = [subject]
    elif kind.subject:
        request[kind.subject] = subject
    if kind.encounter and subjects.encounter:
        request[kind.encounter] = {"reference": subjects.encounter}
    requester = subjects.practitioner or subjects.organization
    if kind.requester and requester:
        request[kind.requester] = {"reference": requester}


def _describe(request: dict[str, Any], activity: Mapping[str, Any], kind: Kind) -> None:
    copied = {name: _copied(activity[name]) for name in activity if name in _DESCRIBING}
    if kind.code and "code" in copied:
        request[kind.code] = [copied["code"]] if kind.code_is_list else copied["code"]
    if kind.product:
        for form in ("CodeableConcept", "Reference"):
            if f"product{form}" in copied:
                request[f"{kind.product}{form}"] = copied[f"product{form}"]
        is_named = "medicationCodeableConcept" in request or "medicationReference" in request
        if request["resourceType"] == "MedicationRequest" and not is_named and "code" in copied:
            request["medicationCodeableConcept"] = copied["code"]
    if kind.body_site and "bodySite" in copied:
        request[kind.body_site] = listed(copied["bodySite"])
    if kind.dosage and "dosage" in copied:
        request[kind.dosage] = listed(copied["dosage"])
    if kind.location and "location" in copied:
        request[kind.location] = listed(copied["location"]) if kind.location_is_list else copied["location"]
    if kind.quantity and "quantity" in copied:
        owner, _, name = kind.quantity.rpartition(".")
        (request.setdefault(owner, {}) if owner else request)[name or kind.quantity] = copied["quantity"]
    if kind.performer_type:
        roles = [
            entry["role"] for entry in listed(copied.get("participant")) if isinstance(entry, dict) and "role" in entry
        ]
        if roles:
            request[kind.performer_type] = roles[0]
    if kind.timing:
        _time(request, copied, kind.timing)
    if kind.description and (words := copied.get("description") or copied.get("title")):
        request[kind.description] = words


def _time(request: dict[str, Any], copied: Mapping[str, Any], name: str) -> None:
    if name == "executionPeriod":
        if "timingPeriod" in copied:
            request[name] = copied["timingPeriod"]
        return
    for form in ("Timing", "DateTime", "Period"):
        if f"timing{form}" in copied:
            allowed = form != "Timing" or request["resourceType"] != "CommunicationRequest"
            if allowed:
                request[f"{name}{form}"] = copied[f"timing{form}"]


def _copied(value: Any) -> Any:
    """Plain data that may be changed without changing what it was taken from."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_copied(part) for part in value]
    return value
