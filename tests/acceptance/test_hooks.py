"""The hooks without a rating: who performs, what is ready, what is left to do, what to remember."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.acceptance.charts import (
    CPT,
    HL7,
    LOINC,
    NUCC,
    OURS,
    Resource,
    coded,
    condition,
    fracture,
    order,
    pain,
    procedure,
)
from tests.acceptance.customer import LEFT_OUT, Customer

AUGMENTATION = order("22514", CPT, at="L1", id="sr1", status="active")
NURSE = {
    "resourceType": "PractitionerRole",
    "id": "role1",
    "practitioner": {"reference": "Practitioner/np1"},
    "code": [coded(NUCC, "363LF0000X")],
}
RADIOLOGIST = NURSE | {"code": [coded(NUCC, "2085R0202X")]}
BY_NURSE = {"dispatchedOrders": ["ServiceRequest/sr1"], "performer": "Practitioner/np1"}


DISPATCHES: Sequence[tuple[str, dict[str, Any], Sequence[Resource], list[str] | None, str]] = [
    ("a nurse practitioner", BY_NURSE, [AUGMENTATION, NURSE], ["CARE-PERS-1"], "warning"),
    ("a radiologist", BY_NURSE, [AUGMENTATION, RADIOLOGIST], None, "info"),
    ("nobody knows whom", BY_NURSE, [AUGMENTATION], ["CARE-PERS-1", "CARE-PERS-2"], "info"),
    ("by role", BY_NURSE | {"performer": "PractitionerRole/role1"}, [AUGMENTATION, NURSE], ["CARE-PERS-1"], "warning"),
    (
        "as hook version 1.0 says it",
        {"order": "ServiceRequest/sr1", "performer": "Practitioner/np1", "task": {"resourceType": "Task", "id": "t"}},
        [AUGMENTATION, NURSE],
        ["CARE-PERS-1"],
        "warning",
    ),
    ("no augmentation", BY_NURSE, [AUGMENTATION | {"code": coded(CPT, "72148")}, NURSE], None, "info"),
]


@pytest.mark.parametrize(("title", "context", "data", "flags", "indicator"), DISPATCHES, ids=[r[0] for r in DISPATCHES])
def test_order_dispatch(
    customer: Customer,
    title: str,
    context: dict[str, Any],
    data: Sequence[Resource],
    flags: list[str] | None,
    indicator: str,
) -> None:
    answer = customer.ask([], data, service="vcf-order-dispatch", context=context)
    assert (answer.record["status"], answer.record["order"]) == ("advisory", "ServiceRequest/sr1")
    assert answer.record.get("careFlags") == flags
    assert [card["indicator"] for card in answer.cards] == ([indicator] if flags else [])


def test_order_dispatch_needs_the_order(customer: Customer) -> None:
    body = customer.request(
        [], [NURSE], service="vcf-order-dispatch", context=BY_NURSE, sent={"service-request": LEFT_OUT}
    )
    assert customer.post(body, "vcf-order-dispatch").status_code == 412


def appointment(**more: Any) -> Resource:
    return {"resourceType": "Appointment", "id": "a1", "status": "proposed", "start": "2025-06-25T09:00:00Z", **more}


def consent(status: str) -> Resource:
    who = {"patient": {"reference": "Patient/p1"}, "dateTime": "2025-06-14"}
    return {
        "resourceType": "Consent",
        "id": "k",
        "status": status,
        "scope": coded(f"{HL7}/consentscope", "treatment"),
        **who,
    }


def test_appointment_book_lists_what_is_not_met_and_not_documented(customer: Customer) -> None:
    booked = appointment(basedOn=[{"reference": "ServiceRequest/sr1"}])
    data = [fracture(), pain(), AUGMENTATION]
    answer = customer.ask([booked], data, service="vcf-appointment-book")
    assert {"CARE-PRE-4", "CARE-CON-1"} <= set(answer.record["careFlags"])
    assert [card["indicator"] for card in answer.cards] == ["info"]
    assert answer.cards[0]["extension"]["davinci-crd.associated-resource"] == [{"reference": "Appointment/a1"}]
    agreed = customer.ask([booked], [*data, consent("active")], service="vcf-appointment-book")
    assert "CARE-CON-1" not in agreed.record["careFlags"]
    refused = customer.ask([booked], [*data, consent("rejected")], service="vcf-appointment-book")
    assert [card["indicator"] for card in refused.cards] == ["warning"]
    assert "CARE-CON-1" in refused.record["careFlags"]


def test_other_appointments_are_left_alone(customer: Customer) -> None:
    other = appointment(serviceType=[{"text": "eye check"}])
    answer = customer.ask([other], [fracture()], service="vcf-appointment-book")
    assert (answer.cards, "careFlags" in answer.record) == ([], False)


def test_two_appointments_are_two_subjects(customer: Customer) -> None:
    kind = [coded(f"{OURS}/vcf-procedures", "vertebroplasty")]
    both = [appointment(serviceType=kind), appointment(serviceType=kind) | {"id": "a2"}]
    answer = customer.ask(both, [fracture()], service="vcf-appointment-book")
    assert (len(answer.records), len(answer.cards)) == (2, 2)


def test_encounter_discharge_ignores_how_long_ago(customer: Customer) -> None:
    def flags(*data: Resource) -> list[str]:
        record = customer.ask([], [fracture(), *data], service="vcf-encounter-discharge").record
        return list(record.get("careFlags", []))

    assert flags() == []
    done = procedure("22514", "2025-06-15")
    assert {"CARE-POST-1", "CARE-FU-1", "CARE-FU-2", "CARE-FU-3"} <= set(flags(done))
    assert flags(done | {"status": "entered-in-error"}) == []
    note = {"resourceType": "DocumentReference", "id": "d", "status": "current", "type": coded(LOINC, "28570-0")}
    note |= {"subject": {"reference": "Patient/p1"}, "date": "2025-06-15T08:00:00Z"}
    assert "CARE-POST-1" not in flags(done, note)


VIEWS: Sequence[tuple[str, Sequence[Resource], set[str]]] = [
    ("nothing", [], set()),
    ("a fracture", [fracture(), pain()], {"info"}),
    ("after an augmentation", [fracture(), procedure("22514", "2025-03-01")], {"info"}),
    ("cauda equina", [condition("G83.4"), condition("M54.50")], {"critical"}),
    ("red flags", [fracture(), pain(), condition("C50.911", onset="2020-01-01")], {"info"}),
]


@pytest.mark.parametrize(("title", "data", "indicators"), VIEWS, ids=[row[0] for row in VIEWS])
def test_patient_view_never_rates_and_says_each_topic_once(
    customer: Customer, title: str, data: Sequence[Resource], indicators: set[str]
) -> None:
    answer = customer.ask([], data, service="vcf-patient-view")
    topics = [card["source"]["topic"]["code"] for card in answer.cards]
    assert len(topics) == len(set(topics))
    assert {card["indicator"] for card in answer.cards} == indicators
    assert answer.record["status"] == "advisory"
    assert not {"rating", "procedure", "order", "alternatives"} & set(answer.record)
    assert "appropriate" not in answer.text
    assert answer.actions == []
