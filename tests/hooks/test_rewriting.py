"""A request that was written anew says what the request says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.fhir.structs.flavours import full
from cds_service.hooks.definitions import HOOKS
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.hooks.rewriting import rewritten

NOW = Arrival(datetime(2025, 6, 15, 9, tzinfo=UTC), "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10")
ORDER = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order", "note": [{"text": "1.50"}]}
SCORE = {
    "resourceType": "Observation", "id": "s1", "status": "final", "code": {"text": "Pain"},
    "valueQuantity": {"value": 1.50, "unit": "{score}"},
}  # fmt: skip
OTHER = {"resourceType": "Observation", "id": "s2", "status": "final", "code": {"text": "Pulse"}}
CONTEXT: dict[str, Any] = {
    "userId": "Practitioner/u", "patientId": "p", "encounterId": "e", "performer": "Organization/x",
    "selections": ["ServiceRequest/o1"], "dispatchedOrders": ["ServiceRequest/o1"],
    **{
        name: {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}
        for name in ("draftOrders", "orders", "medications", "conditions", "appointments")
    },
    "fulfillmentTasks": [{"resourceType": "Task", "id": "t"}], "allergyIntolerance": ORDER, "medication": ORDER,
}  # fmt: skip


def request_of(hook: str, **members: Any) -> HookRequest:
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in (SCORE, OTHER)]
    body = {
        "hook": hook, "hookInstance": "i", "context": CONTEXT,
        "prefetch": {"some": {"resourceType": "Bundle", "type": "searchset", "entry": entries}, "none": None},
        "fhirServer": "https://ehr.example/fhir", "extension": {"a.b": {"c": [1, "é"]}}, **members,
    }  # fmt: skip
    return read(hook, json.dumps(body).encode())


def read(hook: str, body: bytes) -> HookRequest:
    return RequestParser(hook, full().union).parse(body, NOW)


def said(request: HookRequest) -> Any:
    """All of a request but the bytes it came in."""
    context = request.context
    resources = [(one.type, one.id, one.member, one.json()) for one in context.resources]
    rest = (context.fields, context.selections, context.dispatched_orders, context.performer, context.encounter_id)
    return (
        request.hook, request.hook_instance, request.prefetch, request.fhir_server, request.fhir_authorization,
        request.extension, resources, rest,
    )  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS)
def test_it_says_the_same(hook: str) -> None:
    request = request_of(hook)
    again = rewritten(request, ())
    assert again is not None
    assert said(read(hook, again)) == said(request)


def test_a_token_goes_with_it() -> None:
    given = {
        "access_token": "t0ken",
        "token_type": "Bearer",
        "scope": "patient/*.rs",
        "subject": "c",
        "expires_in": 300,
    }
    request = request_of("order-sign", fhirAuthorization=given)
    again = rewritten(request, ())
    assert again is not None
    assert said(read("order-sign", again)) == said(request)


def test_no_digit_of_a_number_is_lost() -> None:
    context = {"userId": "u", "patientId": "p"}
    call = {"hook": "patient-view", "hookInstance": "i", "context": context, "prefetch": {"a": SCORE}}
    body = json.dumps(call).replace("1.5", "1.50").encode()
    assert b"1.50" in (rewritten(read("patient-view", body), ()) or b"")


def test_what_is_left_out_is_left_out() -> None:
    request = request_of("order-sign")
    bundle: Any = request.prefetch["some"]
    again = rewritten(request, {id(bundle.entry[1].resource)})
    assert again is not None
    entries = json.loads(again)["prefetch"]["some"]["entry"]
    assert [entry["resource"]["id"] for entry in entries] == ["s1"]
    assert len(bundle.entry) == 2


def test_what_cannot_be_read_stays_as_it_came() -> None:
    broken = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "id": 7}}]}
    request = request_of("order-sign", prefetch={"some": broken})
    again = rewritten(request, ())
    assert again is not None
    assert json.loads(again)["prefetch"]["some"] == broken


def test_of_other_hooks_nobody_knows_what_their_context_holds() -> None:
    assert rewritten(request_of("acme-checkup"), ()) is None
