"""What becomes of the data of a call: from prefetch, from a real FHIR server on loopback, and from a bad one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.facts.availability import Availability
from cds_service.facts.facts import Facts
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.hooks.refusals import UnmetNeed
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.patient_data.fhir_server import Bounds
from cds_service.patient_data.gather import Reading, gather
from cds_service.patient_data.needs import Need
from cds_service.patient_data.path_tokens import PathTokens
from cds_service.patient_data.sources import Sources
from tests.patient_data import fhir_bench
from tests.patient_data.fhir_bench import Answer, FhirBench, serve, status

READS = {
    "Patient": frozenset({"birthDate"}),
    "Condition": frozenset({"code", "recordedDate"}),
    "Observation": frozenset({"code", "value", "effective"}),
    "ServiceRequest": frozenset({"code", "status"}),
}
READING = Reading(Decoder(lean(READS)), CodeGroups())
NEEDS = (
    Need("patient", "Patient/{{context.patientId}}", required=True),
    Need("conditions", "Condition?patient={{context.patientId}}"),
    Need("labs", "Observation?patient={{context.patientId}}&category=laboratory"),
    Need("encounter", "Encounter/{{context.encounterId}}"),
)
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"}
CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
LAB = {"resourceType": "Observation", "id": "l1", "subject": {"reference": "Patient/p1"}}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
CONDITIONS = "Condition?patient=p1"
LABS = "Observation?patient=p1&category=laboratory"
LOOPBACK = ("http://127.0.0.1:*",)


def found(*resources: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
    }
    return {**bundle, "link": [{"relation": "next", "url": following}]} if following else bundle


EVERYTHING = {"patient": PATIENT, "conditions": found(CONDITION), "labs": found(LAB)}


def request(**members: Any) -> HookRequest:
    context = members.pop("context", {"patientId": "p1", "userId": "Practitioner/d"})
    hook = members.pop("hook", "patient-view")
    body = json.dumps({"hook": hook, "hookInstance": "1", "context": context, **members}).encode()
    arrival = Arrival(datetime(2026, 1, 1, tzinfo=UTC), "call")
    return RequestParser(hook, READING.decoder.union).parse(body, arrival)


@pytest.fixture
def bench() -> Iterator[FhirBench]:
    with fhir_bench.running() as running:
        running.on("Patient/p1", PATIENT)
        running.on(CONDITIONS, found(CONDITION))
        running.on(LABS, found(LAB))
        yield running


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    made = Sources(LOOPBACK, Bounds(seconds=0.6, connect_seconds=0.5, pages=4, size=200_000))
    yield made
    made.close()


def states(facts: Facts) -> dict[str, str]:
    return {name: facts.availability(name).value for name in ("Patient", "Condition", "Observation", "Encounter")}


# -- prefetch -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "state", "count"),
    [
        (None, "none", 0),
        (found(), "none", 0),
        (found(CONDITION), "value", 1),
        (CONDITION, "value", 1),
        (found(CONDITION, following="http://a.example/next"), "partial", 1),
        (OUTCOME, "unobtainable", 0),
        (found(OUTCOME), "unobtainable", 0),
        (found(CONDITION, OUTCOME), "partial", 1),
        (found(CONDITION, WARNING), "value", 1),
        (found({**CONDITION, "code": 7}), "unobtainable", 0),
        (found(CONDITION, {**CONDITION, "id": "c2", "code": 7}), "partial", 1),
        ({**CONDITION, "recordedDate": "x"}, "unobtainable", 0),
        (PATIENT, "absent", 0),
        ([CONDITION], "absent", 0),
        ("Condition/c1", "absent", 0),
        (7, "absent", 0),
        ({"resourceType": "Nonsense"}, "absent", 0),
        ({}, "absent", 0),
    ],
)
def test_the_states_of_a_prefetch_key_stay_apart(value: Any, state: str, count: int) -> None:
    facts = gather(request(prefetch={**EVERYTHING, "conditions": value}), NEEDS, Sources(), READING)
    assert facts.availability("Condition") is Availability(state)
    assert len(facts.retrieve("Condition")) == count
    assert ("Condition" in facts.unreadable()) is (state not in ("value", "none"))


def test_a_key_that_is_not_sent_is_absent_and_unknown_keys_are_ignored() -> None:
    facts = gather(request(prefetch={"patient": PATIENT, "more": found(CONDITION)}), NEEDS, Sources(), READING)
    assert states(facts) == {"Patient": "value", "Condition": "absent", "Observation": "absent", "Encounter": "absent"}
    assert facts.retrieve("Condition") == []


def test_what_does_not_parse_is_named_with_its_key() -> None:
    facts = gather(
        request(prefetch={**EVERYTHING, "conditions": found({**CONDITION, "code": 7})}), NEEDS, Sources(), READING
    )
    [bad] = facts.set_aside
    assert (bad.key, bad.type_name, bad.id, bad.path) == ("conditions", "Condition", "c1", "Condition.code")


@pytest.mark.parametrize("prefetch", [{}, {"patient": {**PATIENT, "id": "p2"}}, {"patient": OUTCOME}, {"patient": "x"}])
def test_required_data_that_cannot_be_had_are_a_refusal_that_names_the_key(prefetch: dict[str, Any]) -> None:
    with pytest.raises(UnmetNeed) as caught:
        gather(request(prefetch=prefetch), NEEDS, Sources(), READING)
    assert caught.value.keys == ("patient",)
    assert "p2" not in str(caught.value)


@pytest.mark.parametrize("value", [None, {**PATIENT, "birthDate": "unknown"}])
def test_a_required_patient_who_is_not_on_record_or_unreadable_is_unknown(value: Any) -> None:
    facts = gather(request(prefetch={**EVERYTHING, "patient": value}), NEEDS, Sources(), READING)
    assert facts.patient is None
    assert facts.patient_id == "p1"
    assert ("Patient" in facts.unreadable()) is (value is not None)


def test_a_patient_whose_id_names_the_type_is_the_patient() -> None:
    named = {**PATIENT, "id": "Patient/p1"}
    facts = gather(request(prefetch={**EVERYTHING, "patient": named}), NEEDS, Sources(), READING)
    assert facts.patient.birthDate == PATIENT["birthDate"]
    assert facts.patient_id == "p1"


def test_data_of_another_patient_are_dropped() -> None:
    other = {**CONDITION, "id": "c2", "subject": {"reference": "Patient/p2"}}
    facts = gather(request(prefetch={**EVERYTHING, "conditions": found(CONDITION, other)}), NEEDS, Sources(), READING)
    assert [each.id for each in facts.retrieve("Condition")] == ["c1"]  # type: ignore[attr-defined]


def test_the_resources_of_the_context_are_facts_too() -> None:
    order = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "subject": {"reference": "Patient/p1"}}
    strange = {**order, "id": "o2", "subject": {"reference": "Patient/p2"}}
    broken = {**order, "id": "o3", "status": 1}
    context = {"patientId": "Patient/p1", "userId": "Practitioner/d", "draftOrders": found(order, strange, broken)}
    facts = gather(request(hook="order-sign", context=context, prefetch=EVERYTHING), NEEDS, Sources(), READING)
    drafts: Any = facts.context["draftOrders"]
    assert [draft.id for draft in drafts] == ["o1"]
    assert facts.retrieve("ServiceRequest") == list(drafts)
    assert facts.origin(drafts[0]).source == "context"
    assert facts.context["patientId"] == "p1"
    assert [(bad.key, bad.id) for bad in facts.set_aside] == [("draftOrders", "o3")]
    assert facts.availability("ServiceRequest") is not Availability.VALUE


# -- the server -----------------------------------------------------------------------------------------------------


def authorization(scope: str = "patient/*.read", **members: Any) -> dict[str, Any]:
    return {
        "access_token": "T0KEN",
        "token_type": "Bearer",
        "expires_in": 300,
        "subject": "s",
        "scope": scope,
        **members,
    }


def test_what_was_not_sent_is_fetched_with_the_token(bench: FhirBench, sources: Sources) -> None:
    call = request(fhirServer=bench.base + "/", fhirAuthorization=authorization(), prefetch={"labs": None})
    facts = gather(call, NEEDS, sources, READING)
    assert states(facts) == {"Patient": "value", "Condition": "value", "Observation": "none", "Encounter": "none"}
    assert bench.paths == [CONDITIONS, "Patient/p1"]
    assert {token for _, token in bench.asked} == {"Bearer T0KEN"}
    assert str(facts.origin(facts.retrieve("Condition")[0])) == "server conditions"


def test_an_open_server_is_asked_without_a_token(bench: FhirBench, sources: Sources) -> None:
    facts = gather(request(fhirServer=bench.base), NEEDS, sources, READING)
    assert facts.patient.birthDate == "1950-01-01"
    assert {token for _, token in bench.asked} == {None}


@pytest.mark.parametrize(
    "allowed", [(), ("https://fhir.example/r4",), ("http://127.0.0.1:1/fhir",), ("http://*",), ("https://127.0.0.1:*",)]
)
def test_a_server_that_is_not_listed_is_never_called(bench: FhirBench, allowed: tuple[str, ...]) -> None:
    made = Sources(allowed, Bounds(seconds=0.6))
    facts = gather(request(fhirServer=bench.base, prefetch={"patient": PATIENT}), NEEDS, made, READING)
    made.close()
    assert bench.asked == []
    assert not facts.availability("Condition").is_complete


def test_ids_are_percent_encoded(bench: FhirBench, sources: Sources) -> None:
    context = {"patientId": "p1&x=../y", "userId": "Practitioner/d"}
    with pytest.raises(UnmetNeed):
        gather(request(context=context, fhirServer=bench.base), NEEDS, sources, READING)
    assert "Condition?patient=p1%26x%3D..%2Fy" in bench.paths


def redirect(handler: fhir_bench.Handler) -> None:
    handler.send(302, b"", Location=f"{handler.owner.base}/Condition?patient=stolen")


@pytest.mark.parametrize(
    "answer",
    [
        status(401),
        status(403),
        status(404),
        status(500),
        status(503, **{"Retry-After": "1"}),
        redirect,
        fhir_bench.html,
        fhir_bench.garbage,
        fhir_bench.hang,
        fhir_bench.drip,
        fhir_bench.drip_headers,
        fhir_bench.close,
        fhir_bench.flood,
        serve(OUTCOME),
        serve(found(OUTCOME)),
        serve(PATIENT),
        serve([]),
        serve("x"),
        serve({"resourceType": "Bundle", "entry": 7}),
        serve({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Nonsense"}}]}),
        serve(
            {"x": "[" * 3, "resourceType": "Bundle", "extension": [[[[[]]]]] * 3 + [json.loads("[" * 70 + "]" * 70)]}
        ),
    ],
)
def test_a_bad_answer_is_not_obtainable_and_harms_nothing_else(
    bench: FhirBench, sources: Sources, answer: Answer
) -> None:
    bench.on(CONDITIONS, answer)
    start = time.monotonic()
    facts = gather(request(fhirServer=bench.base, fhirAuthorization=authorization()), NEEDS, sources, READING)
    assert time.monotonic() - start < 2
    assert states(facts) == {
        "Patient": "value",
        "Condition": "unobtainable",
        "Observation": "value",
        "Encounter": "none",
    }
    assert facts.unreadable() == ("Condition",)
    assert not any("stolen" in path for path in bench.paths)


def test_all_answers_share_one_deadline(bench: FhirBench, sources: Sources) -> None:
    for path in ("Patient/p1", CONDITIONS, LABS):
        bench.on(path, fhir_bench.drip)
    start = time.monotonic()
    with pytest.raises(UnmetNeed):
        gather(request(fhirServer=bench.base), NEEDS, sources, READING)
    assert time.monotonic() - start < 1.5


def test_answers_that_lie_about_the_patient_are_dropped(bench: FhirBench, sources: Sources) -> None:
    bench.on("Patient/p1", {**PATIENT, "id": "p2"})
    bench.on(CONDITIONS, found({**CONDITION, "subject": {"reference": "Patient/p2"}}))
    facts = gather(request(fhirServer=bench.base), NEEDS[1:], sources, READING)
    assert facts.retrieve("Condition") == []
    with pytest.raises(UnmetNeed):
        gather(request(fhirServer=bench.base), NEEDS, sources, READING)


def page(number: int) -> dict[str, Any]:
    return {**CONDITION, "id": f"c{number}"}


def test_pages_are_read_to_the_end(bench: FhirBench, sources: Sources) -> None:
    bench.on(CONDITIONS, found(page(1), following=f"{bench.base}?_getpages=a"))
    bench.answers["/fhir?_getpages=a"] = serve(found(page(2), following=f"{bench.base}/Condition?page=3"))
    bench.on("Condition?page=3", found(page(3)))
    facts = gather(request(fhirServer=bench.base, prefetch={"patient": PATIENT}), NEEDS, sources, READING)
    assert [each.id for each in facts.retrieve("Condition")] == ["c1", "c2", "c3"]  # type: ignore[attr-defined]
    assert facts.availability("Condition") is Availability.VALUE


@pytest.mark.parametrize(
    ("following", "calls"),
    [
        ("{base}/Condition?page=1", 4),  # without end: as many pages as the bounds allow
        ("http://127.0.0.2:{port}/fhir/Condition?page=1", 1),
        ("http://127.0.0.1:{port}/other/Condition?page=1", 1),
        ("http://127.0.0.1:{port}/fhirother?page=1", 1),
        ("https://127.0.0.1:{port}/fhir/Condition?page=1", 1),
        ("http://user@127.0.0.1:{port}/fhir/Condition?page=1", 1),
        ("http://127.0.0.1:{port}/fhir/../other?page=1", 1),
        ("//evil.example/fhir/Condition?page=1", 1),
        ("file:///etc/passwd", 1),
        ("{base}/Condition?patient=p1", 1),  # in a circle
        ("{base}/Condition?gone=1", 2),
    ],
)
def test_pages_have_bounds_and_data_are_partial_beyond(
    bench: FhirBench, sources: Sources, following: str, calls: int
) -> None:
    port = bench.server.server_port
    bench.on(CONDITIONS, found(page(0), following=following.format(base=bench.base, port=port)))
    for number in range(1, 10):
        bench.on(f"Condition?page={number}", found(page(number), following=f"{bench.base}/Condition?page={number + 1}"))
    facts = gather(request(fhirServer=bench.base, prefetch={"patient": PATIENT, "labs": None}), NEEDS, sources, READING)
    assert facts.availability("Condition") is Availability.PARTIAL
    assert len(bench.asked) == calls
    assert facts.unreadable() == ("Condition",)


def test_further_pages_of_prefetch_are_read_with_the_token(bench: FhirBench, sources: Sources) -> None:
    bench.on("Condition?page=2", found(page(2)))
    sent = {**EVERYTHING, "conditions": found(page(1), following=f"{bench.base}/Condition?page=2")}
    call = request(fhirServer=bench.base, fhirAuthorization=authorization(), prefetch=sent)
    facts = gather(call, NEEDS, sources, READING)
    assert len(facts.retrieve("Condition")) == 2
    assert facts.availability("Condition") is Availability.VALUE
    bench.on("Condition?page=2", status(500))
    again = gather(call, NEEDS, sources, READING)
    assert len(again.retrieve("Condition")) == 1
    assert again.availability("Condition") is Availability.PARTIAL


def test_a_failure_that_the_client_reports_is_not_asked_again(bench: FhirBench, sources: Sources) -> None:
    gather(request(fhirServer=bench.base, prefetch={**EVERYTHING, "conditions": OUTCOME}), NEEDS, sources, READING)
    assert bench.asked == []


@pytest.mark.parametrize(
    ("scope", "bound", "called", "state"),
    [
        ("patient/Condition.read", None, True, "value"),
        ("launch openid patient/*.rs", "p1", True, "value"),
        ("user/Condition.cruds", None, True, "value"),
        ("system/*.*", None, True, "value"),
        ("patient/Condition.r", None, False, "unobtainable"),
        ("patient/Observation.read", None, False, "unobtainable"),
        ("patient/Condition.write", None, False, "unobtainable"),
        ("launch openid", None, False, "unobtainable"),
        ("patient/*.read", "p2", False, "unobtainable"),
        ("user/*.read", "p2", True, "value"),
        ("patient/Condition.rs?category=problem-list-item", None, True, "partial"),
    ],
)
def test_only_what_the_token_allows_is_asked_for(
    bench: FhirBench, sources: Sources, scope: str, bound: str | None, called: bool, state: str
) -> None:
    access = authorization(scope, **({"patient": bound} if bound else {}))
    call = request(fhirServer=bench.base, fhirAuthorization=access, prefetch={"patient": PATIENT, "labs": None})
    facts = gather(call, NEEDS, sources, READING)
    assert (CONDITIONS in bench.paths) is called
    assert facts.availability("Condition").value == state


def test_neither_token_nor_server_text_is_ever_said(bench: FhirBench, sources: Sources) -> None:
    bench.on("Patient/p1", status(401))
    with pytest.raises(UnmetNeed) as caught:
        gather(request(fhirServer=bench.base, fhirAuthorization=authorization()), NEEDS, sources, READING)
    told = f"{caught.value!s} {caught.value!r} {caught.value.__context__!r}"
    assert "SECRET" not in told
    assert "T0KEN" not in told


# -- FHIRPath tokens ------------------------------------------------------------------------------------------------

ORDERS = found(
    {"resourceType": "ServiceRequest", "id": "o1", "reasonReference": [{"reference": "Condition/c1"}]},
    {"resourceType": "ServiceRequest", "id": "o2", "reasonReference": [{"reference": "Condition/c7"}]},
    {"resourceType": "MedicationRequest", "id": "m1"},
)
ORDER_IDS = "context.draftOrders.entry.resource.ofType(ServiceRequest).id"


@pytest.mark.parametrize(
    ("template", "asked"),
    [
        (f"Condition?based-on={{{{{ORDER_IDS}}}}}", "Condition?based-on=o1,o2"),
        ("Condition?x={{context.draftOrders.entry.resource.ofType(MedicationRequest).id}}", "Condition?x=m1"),
        (f"Condition?x={{{{{ORDER_IDS} | context.patientId}}}}", "Condition?x=o1,o2,p1"),
        ("Condition?x={{%labs.id}}", "Condition?x=l1"),
        ("Condition?date=ge{{today() - 90 days}}", "Condition?date=ge2025-10-03"),
        (
            "Condition?_id={{context.draftOrders.entry.resource.ofType(ServiceRequest).reasonReference.resolve().ofType(Condition).id}}",
            "Condition?_id=c7",
        ),
        ("Condition?x={{context.draftOrders.entry.resource.ofType(Task).id}}", None),
        ("Condition?x={{%nothing.id}}", None),
        ("Condition?x={{context.draftOrders.nonsense(}}", None),
    ],
)
def test_templates_with_paths_are_filled_in_by_us(
    bench: FhirBench, sources: Sources, template: str, asked: str | None
) -> None:
    needs = (
        NEEDS[0],
        NEEDS[2],
        Need("more", "Condition?x=1"),
        Need("paths", template),
    )
    bench.on("Condition?x=1", found({**CONDITION, "id": "c7"}))
    if asked is not None:
        bench.on(asked, found({**CONDITION, "id": "c9"}))
    context = {"patientId": "p1", "userId": "Practitioner/d", "draftOrders": ORDERS}
    call = request(hook="order-sign", context=context, fhirServer=bench.base)
    PathTokens(call)  # the first ones make the decoder for all elements, which need not count against the deadline
    facts = gather(call, needs, sources, READING)
    assert sorted(each.id for each in facts.retrieve("Condition")) == (["c7", "c9"] if asked else ["c7"])  # type: ignore[attr-defined]
    assert facts.availability("Condition") is Availability.VALUE
