from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.fhir.limits import LimitExceeded, Limits
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.hooks.refusals import MalformedRequest, WrongHook
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from tests.edge.requests import CONTEXTS, INSTANCE, ORDER, bundle, hook_request, without

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ARRIVAL = Arrival(NOW, "c0ffee00-0000-4000-8000-000000000000")
RESOURCES = Decoder(lean({"Patient": frozenset({"birthDate"}), "Condition": frozenset({"code"})})).union


def parse(value: Any, hook: str = "patient-view", *, arrival: Arrival = ARRIVAL, typed: bool = True) -> HookRequest:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return RequestParser(hook, RESOURCES if typed else None).parse(body, arrival)


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("hook", sorted(CONTEXTS))
def test_every_hook_is_read(hook: str, typed: bool) -> None:
    request = parse(hook_request(hook), hook, typed=typed)
    assert request.hook == hook
    assert request.context.patient_id == "p1"
    assert (request.as_of, request.call_id) == (NOW, ARRIVAL.call_id)
    assert {one.member for one in request.context.resources} <= set(CONTEXTS[hook])


def test_what_each_hook_carries() -> None:
    select = parse(hook_request("order-select"), "order-select").context
    assert [order.reference for order in select.draft_orders] == [
        "ServiceRequest/o1",
        "MedicationRequest/m1",
        "ServiceRequest/o2",
    ]
    assert [order.id for order in select.selected_orders] == ["o1"]
    dispatch = parse(hook_request("order-dispatch"), "order-dispatch").context
    assert (dispatch.dispatched_orders, dispatch.performer) == (("ServiceRequest/o1",), "Organization/x")
    assert [task.reference for task in dispatch.tasks] == ["Task/t1"]
    book = parse(hook_request("appointment-book"), "appointment-book").context
    assert [one.reference for one in book.appointments] == ["Appointment/a1"]


@pytest.mark.parametrize(
    "context",
    [
        {
            "patientId": "p1",
            "order": "ServiceRequest/o1",
            "performer": "Organization/x",
            "task": {"resourceType": "Task", "id": "t1"},
        },
        {
            "patientId": "p1",
            "order": "ServiceRequest/o1",
            "performer": "Organization/x",
            "fulfillment-tasks": [{"resourceType": "Task", "id": "t1"}],
        },
        {
            "patientId": "p1",
            "dispatchedOrders": ["ServiceRequest/o1"],
            "performer": "Organization/x",
            "fulfillmentTasks": bundle({"resourceType": "Task", "id": "t1"}),
        },
    ],
)
def test_order_dispatch_is_read_in_every_version(context: dict[str, Any]) -> None:
    read = parse(hook_request("order-dispatch", context=context), "order-dispatch").context
    assert read.dispatched_orders == ("ServiceRequest/o1",)
    assert [task.reference for task in read.tasks] == ["Task/t1"]


def test_a_hook_of_ones_own_is_read_by_shape() -> None:
    context = {
        **CONTEXTS["org.example.round-start"],
        "notes": bundle({"resourceType": "Basic", "id": "b"}),
        "odd": {"no": "resource"},
    }
    read = parse(hook_request("org.example.round-start", context=context), "org.example.round-start").context
    assert read.fields["ward"] == "7"
    assert [one.reference for one in read.resources] == ["Basic/b"]


def test_a_draft_keeps_everything() -> None:
    (order,) = parse(hook_request("order-sign"), "order-sign").context.draft_orders
    assert order.json() == {**ORDER, "quantityQuantity": {"value": Decimal("1.1")}}
    assert order.json() is not order.json()
    body = json.dumps(hook_request("order-sign")).replace("1.1}", "1.10}").encode()
    exact = RequestParser("order-sign", RESOURCES).parse(body, ARRIVAL).context.draft_orders[0].json()
    assert str(exact["quantityQuantity"]["value"]) == "1.10"


def test_prefetch_states_stay_apart() -> None:
    prefetch = {
        "asked-none": None,
        "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"},
        "empty": {"resourceType": "Bundle", "type": "searchset"},
    }
    request = parse(hook_request("patient-view", prefetch=prefetch))
    assert request.prefetch["asked-none"] is None
    assert getattr(request.prefetch["patient"], "birthDate", None) == "1950-01-01"
    assert "never-asked" not in request.prefetch
    # One value that is no resource does not take the others with it.
    request = parse(hook_request("patient-view", prefetch={**prefetch, "odd": "123", "list": [1]}))
    assert isinstance(request.prefetch["odd"], msgspec.Raw)
    assert isinstance(request.prefetch["list"], msgspec.Raw)
    assert request.prefetch["asked-none"] is None
    assert getattr(request.prefetch["patient"], "birthDate", None) == "1950-01-01"


def test_null_prefetch_counts_as_absent() -> None:
    body = json.dumps({**hook_request("patient-view"), "prefetch": None}).encode()
    assert parse(body).prefetch == {}


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"hook": 1}, "hook"),
        ({"hook": None}, "hook"),
        ({"hookInstance": None}, "hookInstance"),
        ({"hookInstance": 7}, "hookInstance"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": []}, "context"),
        ({"context": "x"}, "context"),
        ({"context": {"userId": "Practitioner/1"}}, "context.patientId"),
        ({"context": {"patientId": "p"}}, "context.userId"),
        ({"context": {"patientId": 5, "userId": "Practitioner/1"}}, "context.patientId"),
        ({"prefetch": []}, "prefetch"),
        ({"prefetch": "x"}, "prefetch"),
        ({"extension": []}, "extension"),
        ({"fhirServer": 5}, "fhirServer"),
        ({"fhirServer": "ftp://x"}, "fhirServer"),
        ({"fhirServer": "/relative"}, "fhirServer"),
        ({"fhirServer": "http://["}, "fhirServer"),
        ({"fhirAuthorization": {"access_token": "t"}}, "fhirServer"),
        ({"fhirServer": "https://x/fhir", "fhirAuthorization": {}}, "fhirAuthorization.access_token"),
        ({"fhirServer": "https://x/fhir", "fhirAuthorization": "t"}, "fhirAuthorization"),
        (
            {"fhirServer": "https://x/fhir", "fhirAuthorization": {"access_token": "a\nb"}},
            "fhirAuthorization.access_token",
        ),
        (
            {"fhirServer": "https://x/fhir", "fhirAuthorization": {"access_token": "t", "token_type": "MAC"}},
            "fhirAuthorization.token_type",
        ),
        (
            {"fhirServer": "https://x/fhir", "fhirAuthorization": {"access_token": "t", "expires_in": "soon"}},
            "fhirAuthorization.expires_in",
        ),
    ],
)
@pytest.mark.parametrize("typed", [True, False])
def test_what_does_not_hold_is_named(change: dict[str, Any], member: str, typed: bool) -> None:
    absent = [name for name, value in change.items() if value is None]
    with pytest.raises(MalformedRequest) as caught:
        parse(without({**hook_request("patient-view"), **change}, *absent), typed=typed)
    assert caught.value.member == member
    assert member in caught.value.what


@pytest.mark.parametrize(
    ("hook", "context", "member"),
    [
        ("order-sign", {"draftOrders": None}, "context.draftOrders"),
        ("order-sign", {"draftOrders": [ORDER]}, "context.draftOrders"),
        ("order-sign", {"draftOrders": ORDER}, "context.draftOrders"),
        ("order-sign", {"draftOrders": {"resourceType": "Bundle", "entry": {}}}, "context.draftOrders"),
        (
            "order-sign",
            {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": 5}]}},
            "context.draftOrders.entry[0].resource",
        ),
        ("order-select", {"selections": None}, "context.selections"),
        ("order-select", {"selections": "ServiceRequest/o1"}, "context.selections"),
        ("order-select", {"selections": [1]}, "context.selections"),
        ("order-dispatch", {"performer": None}, "context.performer"),
        ("order-dispatch", {"dispatchedOrders": None}, "context.dispatchedOrders"),
        ("appointment-book", {"appointments": None}, "context.appointments"),
        ("encounter-discharge", {"encounterId": None}, "context.encounterId"),
        ("encounter-discharge", {"encounterId": ""}, "context.encounterId"),
    ],
)
def test_each_hook_requires_its_members(hook: str, context: dict[str, Any], member: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(hook_request(hook, context={**CONTEXTS[hook], **context}), hook)
    assert caught.value.member == member


def test_another_hook_is_refused() -> None:
    with pytest.raises(WrongHook):
        parse(hook_request("order-sign"), "patient-view")


def test_several_mistakes_are_named_together() -> None:
    with pytest.raises(MalformedRequest, match="hook is missing; hookInstance must be a string"):
        parse({"hookInstance": 1, "context": {}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"hook":NaN}',
        b'{"hook":"patient-view","hookInstance":"x","context":{"patientId":"\xff"}}',
        b'{"hook":"patient-view","hookInstance":"x","context":{"a":Infinity}}',
        b'{"hook":"patient-view"} trailing',
        b'{"hook":"patient-view","hookInstance":"\\ud800","context":{}}',
        b"\xff\xfe{\x00}\x00",
    ],
)
@pytest.mark.parametrize("typed", [True, False])
def test_what_is_no_json_is_refused(body: bytes, typed: bool) -> None:
    with pytest.raises(MalformedRequest):
        parse(body, typed=typed)


@pytest.mark.parametrize(
    "extension",
    ["[" * 100_000 + "]" * 100_000, "1" * 5000, '{"a":' * 900 + "1" + "}" * 900],
    ids=["deep arrays", "long number", "deep objects"],
)
@pytest.mark.parametrize("place", ['"extension":{"a":%s}', '"prefetch":{"a":%s}', '"unknown":%s'])
def test_costly_json_is_refused_or_ignored(extension: str, place: str) -> None:
    head = '{"hook":"patient-view","hookInstance":"x","context":{"patientId":"p","userId":"Practitioner/1"},'
    body = (head + place % extension + "}").encode()
    for typed in (True, False):
        try:
            parse(body, typed=typed)
        except (LimitExceeded, MalformedRequest):
            continue


def test_a_deep_draft_is_refused() -> None:
    deep: dict[str, Any] = {"resourceType": "ServiceRequest", "id": "o1"}
    node = deep
    for _ in range(100):
        node["x"] = {}
        node = node["x"]
    with pytest.raises(LimitExceeded):
        parse(hook_request("order-sign", context={**CONTEXTS["order-sign"], "draftOrders": bundle(deep)}), "order-sign")


def test_a_large_body_is_refused() -> None:
    body = json.dumps(hook_request("patient-view", padding="x" * 3000)).encode()
    with pytest.raises(LimitExceeded):
        RequestParser("patient-view", RESOURCES, Limits(size=2000)).parse(body, ARRIVAL)


def test_tolerance() -> None:
    request = parse(
        b"\xef\xbb\xbf"
        + json.dumps(
            {
                **hook_request(
                    "patient-view", hookInstance=f"urn:uuid:{INSTANCE}", fhirServer="https://ehr.example/fhir/"
                ),
                "context": {
                    **CONTEXTS["patient-view"],
                    "patientId": "Patient/p1",
                    "encounterId": None,
                    "more": {"a": 1},
                },
                "fhirAuthorization": {"access_token": "tok-1", "token_type": "bearer", "extra": 1},
                "extension": {"org.example.x": [1]},
                "unknown": True,
            }
        ).encode()
    )
    assert request.hook_instance == INSTANCE
    assert (request.context.patient_id, request.context.encounter_id) == ("p1", None)
    assert request.fhir_server == "https://ehr.example/fhir"
    assert request.fhir_authorization is not None
    assert request.fhir_authorization.access_token == "tok-1"
    assert "tok-1" not in repr(request)
    assert "p1" not in repr(request)


def test_the_decision_time_moves_only_where_it_may() -> None:
    sent = hook_request("patient-view", extension={"example.cds-service.asOf": "2025-06-15T09:00:00Z"})
    assert parse(sent).as_of == NOW
    allowed = Arrival(NOW, "x", as_of_member="example.cds-service.asOf")
    assert parse(sent, arrival=allowed).as_of == datetime(2025, 6, 15, 9, tzinfo=UTC)
    assert parse(hook_request("patient-view"), arrival=allowed).as_of == NOW
    for bad in ("2025-06-15", "2025-06-15T09:00:00", "soon", 5, None):
        with pytest.raises(MalformedRequest, match="asOf"):
            parse(hook_request("patient-view", extension={"example.cds-service.asOf": bad}), arrival=allowed)


def test_prefetch_tokens() -> None:
    tokens = parse(hook_request("patient-view")).context.tokens()
    assert tokens == {
        "context.userId": "Practitioner/d1",
        "context.patientId": "p1",
        "context.encounterId": "e1",
        "userPractitionerId": "d1",
    }
    dispatch = parse(hook_request("order-dispatch"), "order-dispatch").context.tokens()
    assert dispatch["context.dispatchedOrders"] == "ServiceRequest/o1"


def outcome(body: bytes, hook: str = "order-select", *, typed: bool = True) -> str:
    """`read`, or the words of the refusal; anything else that is raised fails the test."""
    try:
        assert parse(body, hook, typed=typed).context.patient_id
    except (MalformedRequest, LimitExceeded) as refusal:
        return str(refusal)
    return "read"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(
    ["hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization", "extension", "other"]
)
context_members = st.sampled_from(["patientId", "userId", "encounterId", "draftOrders", "selections", "extra"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(members, anything, max_size=4), st.dictionaries(context_members, anything, max_size=3))
def test_any_json_is_answered_or_refused(change: dict[str, Any], context: dict[str, Any]) -> None:
    value = {**hook_request("order-select"), "context": {**CONTEXTS["order-select"], **context}, **change}
    body = json.dumps(value).encode()
    # Both ways of reading agree, to the word.
    assert outcome(body, typed=True) == outcome(body, typed=False)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(min_value=0))
def test_any_bytes_are_answered_or_refused(noise: bytes, place: int) -> None:
    body = json.dumps(hook_request("order-sign")).encode()
    cut = place % len(body)
    for damaged in (noise, body[:cut] + noise + body[cut:], body[:cut]):
        outcome(damaged)


def test_members_are_missing_one_at_a_time() -> None:
    for hook, context in CONTEXTS.items():
        for name in context:
            body = json.dumps(hook_request(hook, context=without(context, name))).encode()
            told = outcome(body, hook)
            assert told == "read" or told.startswith(f"context.{name} is missing."), told
