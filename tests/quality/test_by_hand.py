"""Thirty small records with every trap, counted by hand beside what the measures say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from cds_service.knowledge.loading import load_knowledge
from cds_service.quality.counting import Item
from cds_service.quality.programme import Programme, read_programme
from cds_service.quality.running import Counter, parse_period
from cds_service.settings import default_content
from tests.quality.registry import OURS, adverse, bundle, code, pain, sitting

DAY = date(2024, 3, 11)
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


@cache
def programme() -> Programme:
    return read_programme(load_knowledge([default_content()]))


def counted(resources: list[dict[str, Any]], group: str, patient: str = "p", as_of: datetime = AS_OF) -> list[Item]:
    counter = Counter(programme(), programme().measures, parse_period("2024"), as_of)
    _, parts = counter.count(json.dumps(bundle(patient, resources)).encode())
    failures = [part.failure for part in parts if part.failure]
    assert not failures
    return [item for part in parts if part.group == group for item in part.items]


def roles(resources: list[dict[str, Any]], group: str, **more: Any) -> list[tuple[str, list[str]]]:
    return [(item.name, sorted(item.roles)) for item in counted(resources, group, **more)]


def one(cause: str = "osteoporosis", *, levels: list[str] | None = None, day: date = DAY, **more: Any) -> list[Any]:
    return sitting("p", day, "o1", levels or ["T12"], cause, **more)


def fracture(level: str, day: date, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"new-{level}",
        "code": code("http://hl7.org/fhir/sid/icd-10-cm", "M80.08XA"),
        "subject": {"reference": "Patient/p"},
        "bodySite": [code(f"{OURS}/vertebral-level", level)],
        "onsetDateTime": day.isoformat(),
        **more,
    }


def leak(level: str, site: str | None, *, symptoms: bool = False) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"leak-{level}",
        "status": "final",
        "code": code(f"{OURS}/vcf-quality-observations", "cement-leak"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": DAY.isoformat(),
        "bodySite": code(f"{OURS}/vertebral-level", level),
    }
    if site:
        resource["valueCodeableConcept"] = code(f"{OURS}/cement-spread", site)
        symptom = {"code": code(f"{OURS}/vcf-quality-observations", "leak-symptoms"), "valueBoolean": symptoms}
        resource["component"] = [symptom]
    else:
        resource["valueBoolean"] = False
    return resource


def spread(level: str, reader: str, infiltration: str, pattern: str, **more: Any) -> dict[str, Any]:
    def part(name: str, value: str) -> dict[str, Any]:
        axis = code(f"{OURS}/vcf-quality-observations", name)
        return {"code": axis, "valueCodeableConcept": code(f"{OURS}/cement-spread", value)}

    return {
        "resourceType": "Observation",
        "id": f"spread-{level}-{reader}",
        "status": "final",
        "code": code(f"{OURS}/vcf-quality-observations", "cement-spread"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": DAY.isoformat(),
        "bodySite": code(f"{OURS}/vertebral-level", level),
        "performer": [{"reference": f"Practitioner/{reader}"}],
        "component": [part("cement-infiltration", infiltration), part("cement-pattern", pattern)],
        **more,
    }


def later(days: int) -> date:
    return DAY + timedelta(days=days)


def without(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource["resourceType"] != kind]


def changed(resources: list[dict[str, Any]], kind: str, **values: Any) -> list[dict[str, Any]]:
    return [{**resource, **values} if resource["resourceType"] == kind else resource for resource in resources]


COUNTED = ["denominator"]
EVENT = ["denominator", "numerator"]
LOOKED_FOR = ["denominator-exception"]


def records() -> Iterator[tuple[str, list[dict[str, Any]], str, list[tuple[str, list[str]]]]]:
    """What the record holds, the record, the figure, and what a person counts."""
    plain = [("Procedure/p-v1", COUNTED)]
    event = [("Procedure/p-v1", EVENT)]
    yield "a sitting without anything else", one(), "major", plain
    yield (
        "an admission because of a leak",
        [*one(), adverse("p", "symptomatic-cement-leakage", major="admission")],
        "major",
        event,
    )
    yield (
        "a leak with symptoms but no criterion of a major event",
        [*one(), adverse("p", "symptomatic-cement-leakage")],
        "major",
        plain,
    )
    yield "a deficit that passed", [*one(), adverse("p", "transient-neurologic-deficit")], "major", plain
    yield "a deficit that stayed", [*one(), adverse("p", "permanent-neurologic-deficit")], "major", event
    yield "an event that was only feared", [*one(), adverse("p", "death", status="potential")], "major", plain
    yield "an event of another procedure", [*one(), adverse("p", "death", identifier="elsewhere")], "major", plain
    yield "a procedure entered in error", changed(one(), "Procedure", status="entered-in-error"), "major", []
    yield "a procedure that was broken off", changed(one(), "Procedure", status="stopped"), "major", []
    yield "a sitting of the year before", one(day=date(2023, 12, 31)), "major", []
    yield (
        "a complication written on the procedure",
        changed(one(), "Procedure", complication=[code(f"{OURS}/vcf-complications", "infection")]),
        "infection",
        event,
    )
    yield "a death that nobody laid to the procedure", [*one(), {"resourceType": "Patient", "id": "p"}], "death", plain
    two = [*one(), *sitting("p", DAY, "o2", ["L1"], "osteoporosis", identifier="v2")]
    yield "two levels in one sitting, by two operators", two, "major", plain
    again = [*one(), *sitting("p", later(40), "o2", ["L3"], "osteoporosis", identifier="v2")]
    yield "two sittings are one patient", again, "major", plain
    yield "two sittings are two sittings", again, "sittings", [("Procedure/p-v1", COUNTED), ("Procedure/p-v2", COUNTED)]
    yield "four levels at once", one(levels=["T11", "T12", "L1", "L2"]), "sittings", event
    yield "three levels at once", one(levels=["T11", "T12", "L1"]), "sittings", plain
    yield "pain halved", [*one(), pain("p", 1, later(-2), 8), pain("p", 2, later(30), 4)], "success", event
    yield (
        "pain down by one of eight",
        [*one(), pain("p", 1, later(-2), 8), pain("p", 2, later(30), 7)],
        "success",
        plain,
    )
    yield (
        "pain down by one of three, a third",
        [*one(), pain("p", 1, later(-2), 3), pain("p", 2, later(30), 2)],
        "success",
        event,
    )
    yield "no score afterwards", [*one(), pain("p", 1, later(-2), 8)], "success", [("Procedure/p-v1", LOOKED_FOR)]
    yield (
        "a score too early to count",
        [*one(), pain("p", 1, later(-2), 8), pain("p", 2, later(3), 1)],
        "success",
        [("Procedure/p-v1", LOOKED_FOR)],
    )
    yield (
        "a score too late to count",
        [*one(), pain("p", 1, later(-2), 8), pain("p", 2, later(91), 1)],
        "success",
        [("Procedure/p-v1", LOOKED_FOR)],
    )
    yield (
        "an erroneous score afterwards",
        [*one(), pain("p", 1, later(-2), 8), {**pain("p", 2, later(30), 1), "status": "entered-in-error"}],
        "success",
        [("Procedure/p-v1", LOOKED_FOR)],
    )
    yield "a new fracture next to the cement", [*one(), fracture("L1", later(100))], "new-vcf-adjacent-level", event
    yield "a new fracture far from the cement", [*one(), fracture("L1", later(100))], "new-vcf-nonadjacent-level", plain
    yield "a refracture at the level", [*one(), fracture("T12", later(100))], "same-level-refracture", event
    yield "a fracture after the window", [*one(), fracture("L1", later(380))], "new-vcf-adjacent-level", plain
    refuted = fracture(
        "L1",
        later(100),
        verificationStatus=code("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted"),
    )
    yield "a fracture that was refuted", [*one(), refuted], "new-vcf-adjacent-level", plain
    yield (
        "a leak at one of two levels",
        [*one(levels=["T12", "L1"]), leak("L1", "disc")],
        "leak",
        [("Procedure/p-v1#L1", EVENT), ("Procedure/p-v1#T12", LOOKED_FOR)],
    )
    yield "looked at, no leak", [*one(), leak("T12", None)], "leak", [("Procedure/p-v1#T12", COUNTED)]
    yield (
        "a leak with symptoms",
        [*one(), leak("T12", "epidural-or-foraminal", symptoms=True)],
        "leak-symptoms",
        [("Procedure/p-v1#T12", EVENT)],
    )


CASES = list(records())


@pytest.mark.parametrize(("says", "resources", "group", "expected"), CASES, ids=[case[0] for case in CASES])
def test_counted_by_hand(
    says: str, resources: list[dict[str, Any]], group: str, expected: list[tuple[str, list[str]]]
) -> None:
    assert sorted(roles(resources, group)) == sorted(expected), says


def test_follow_up_that_is_still_open_is_not_evaluable() -> None:
    soon = datetime(2024, 9, 1, tzinfo=UTC)
    assert roles(one(), "new-vcf-adjacent-level", as_of=soon) == [("Procedure/p-v1", LOOKED_FOR)]


@pytest.mark.parametrize(
    ("cause", "expected"), [("osteoporosis", "osteoporosis"), ("neoplasm", "neoplasm"), (None, "unknown")]
)
def test_the_cause_comes_from_the_codes(cause: str | None, expected: str) -> None:
    resources = one(cause or "osteoporosis")
    (item,) = counted(resources if cause else without(resources, "Condition"), "major")
    assert item.strata["etiology"] == expected


def test_a_stated_cause_outranks_the_codes() -> None:
    stated = {
        "resourceType": "Observation",
        "id": "cause",
        "status": "final",
        "code": code(f"{OURS}/vcf-facts", "fracture_etiology"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": DAY.isoformat(),
        "valueCodeableConcept": code(f"{OURS}/vcf-fact-values", "neoplastic-malignant"),
    }
    (item,) = counted([*one(), stated], "major")
    assert item.strata["etiology"] == "neoplasm"


def test_the_operator_is_the_one_who_is_called_primary() -> None:
    performers = [
        {"actor": {"reference": "Practitioner/assistant"}},
        {
            "actor": {"reference": "Practitioner/chief"},
            "function": code("http://example.org/roles", "primary-operator"),
        },
    ]
    (item,) = counted(changed(one(), "Procedure", performer=performers), "major")
    assert item.strata["operator"] == "Practitioner/chief"


def test_a_death_soon_afterwards_is_listed_but_not_counted() -> None:
    counter = Counter(programme(), programme().measures, parse_period("2024"), AS_OF)
    record = bundle("p", one())
    record["entry"][0]["resource"]["deceasedDateTime"] = later(12).isoformat()
    _, parts = counter.count(json.dumps(record).encode())
    by_group = {part.group: part.items for part in parts}
    assert [sorted(item.roles) for item in by_group["death"]] == [COUNTED]
    assert [sorted(item.roles) for item in by_group["review"]] == [EVENT]
    assert "not laid to the procedure" in by_group["review"][0].strata["reason"]


def test_two_readers_in_the_order_of_their_names() -> None:
    readings = [spread("T12", "zoe", "diffuse", "acinar"), spread("T12", "amy", "localized", "globular")]
    (item,) = counted([*one(), *readings], "spread")
    assert (item.strata["spread"], item.strata["spread-second"]) == ("localized-globular", "diffuse-acinar")
    assert (item.strata["infiltration"], item.strata["pattern-second"]) == ("localized", "acinar")


def test_the_same_procedure_reported_twice_is_one_sitting() -> None:
    assert roles([*one(), *one()], "sittings") == [("Procedure/p-v1", COUNTED)]


def ordered(rating: str | None, *, on: date = DAY - timedelta(days=14)) -> list[dict[str, Any]]:
    """A sitting with the order behind it, three weeks of warfarin that end before the day, and perhaps a rating."""
    order: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "completed",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "code": code(f"{OURS}/vcf-procedures", "vertebroplasty"),
        "authoredOn": on.isoformat(),
    }
    if rating:
        finer = {"coding": [{"system": f"{OURS}/appropriateness", "code": rating}]}
        order["extension"] = [{"url": "http://fhir.org/argonaut/Extension/pama-rating", "valueCodeableConcept": finer}]
    return [*changed(one(), "Procedure", basedOn=[{"reference": "ServiceRequest/order"}]), order]


def stated(fact: str, value: bool, day: date) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{fact}-{day.isoformat()}",
        "status": "final",
        "code": code(f"{OURS}/vcf-facts", fact),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": day.isoformat(),
        "valueBoolean": value,
    }


@pytest.mark.parametrize(
    ("rating", "expected"),
    [("usually-not-appropriate", EVENT), ("usually-appropriate", COUNTED), (None, LOOKED_FOR)],
)
def test_the_rating_on_the_order_is_counted_where_there_is_one(rating: str | None, expected: list[str]) -> None:
    assert roles(ordered(rating), "rated-not-appropriate") == [("Procedure/p-v1", expected)]


def test_a_contraindication_that_was_resolved_before_the_sitting() -> None:
    resources = [
        *ordered("usually-appropriate"),
        stated("anticoagulant_active", True, DAY - timedelta(days=20)),
        stated("anticoagulant_active", False, DAY - timedelta(days=2)),
        stated("sepsis", True, DAY + timedelta(days=3)),  # not known yet, at neither moment
    ]
    assert roles(resources, "correctable-at-order") == [("Procedure/p-v1", EVENT)]
    assert roles(resources, "correctable-at-sitting") == [("Procedure/p-v1", COUNTED)]
    assert roles(resources, "absolute-at-sitting") == [("Procedure/p-v1", COUNTED)]


def test_what_is_on_record_before_the_sitting_counts_as_documented() -> None:
    note = {
        "resourceType": "DocumentReference",
        "id": "note",
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "date": f"{later(-3).isoformat()}T08:00:00Z",
        "content": [{"attachment": {"title": "note"}}],
    }
    assert roles([*one(), note], "care-pre-1") == [("Procedure/p-v1", EVENT)]
    assert roles(one(), "care-pre-1") == [("Procedure/p-v1", COUNTED)]
    assert roles([*one(), note], "care-post-1") == [("Procedure/p-v1", COUNTED)]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (None, "no review on record"),
        ({"status": "in-progress", "focus": {"reference": "Procedure/p-v1"}}, "under review"),
        ({"status": "completed", "focus": {"reference": "AdverseEvent/p-ae-infection"}}, "reviewed"),
        ({"status": "entered-in-error", "focus": {"reference": "Procedure/p-v1"}}, "no review on record"),
        ({"status": "completed", "focus": {"reference": "Procedure/other"}}, "no review on record"),
    ],
)
def test_an_event_is_listed_with_the_state_of_its_review(task: dict[str, Any] | None, expected: str) -> None:
    resources = one(events=[adverse("p", "infection")])
    if task:
        resources.append({"resourceType": "Task", "id": "t1", "intent": "order", **task})
    (item,) = counted(resources, "review")
    assert item.strata["review-status"] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "vertebroplasty"),
        ({"usedCode": [{"text": "high-viscosity cement"}]}, "high-viscosity cement"),
        ({"code": {"coding": [{"system": f"{OURS}/vcf-procedures", "code": "vertebral-augmentation"}]}}, "not stated"),
        ({"focalDevice": [{"manipulated": {"reference": "Device/d1"}}]}, "Balloon"),
    ],
)
def test_the_device_is_the_one_that_the_procedure_names(change: dict[str, Any], expected: str) -> None:
    resources = changed(one(), "Procedure", **change)
    if "focalDevice" in change:
        resources.append({"resourceType": "Device", "id": "d1", "type": {"text": "Balloon"}})
    (item,) = counted(resources, "case-mix")
    assert item.strata["device"] == expected


SETTLED = {
    "symptomatic": True,
    "marrow_edema": True,
    "pain_worsening": False,
    "deformity_worsening": False,
    "pulmonary_dysfunction": False,
    "malignancy_history": False,
    "prior_augmentation": False,
    "prior_spine_surgery": False,
}


def test_the_scenario_is_that_of_the_order() -> None:
    (item,) = counted(ordered("usually-appropriate"), "scenario")
    assert item.strata["scenario"] == "cannot tell"
    known = ordered("usually-appropriate")
    known += [stated(fact, value, DAY - timedelta(days=20)) for fact, value in SETTLED.items()]
    (item,) = counted(known, "scenario")
    assert item.strata["scenario"] == "V6"
    late = ordered("usually-appropriate")  # known only after the order
    late += [stated(fact, value, DAY - timedelta(days=3)) for fact, value in SETTLED.items()]
    (item,) = counted(late, "scenario")
    assert item.strata["scenario"] == "cannot tell"


SUBJECT = {"reference": "Patient/p"}
ON_RECORD: dict[str, dict[str, Any]] = {
    "care-pre-2": {"resourceType": "MedicationStatement", "status": "active", "dateAsserted": later(-5).isoformat()},
    "care-pre-3": {"resourceType": "AllergyIntolerance", "patient": SUBJECT},
    "care-pre-6": {
        "resourceType": "Observation",
        "status": "final",
        "category": [code("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")],
        "effectiveDateTime": f"{DAY.isoformat()}T09:00:00Z",
        "valueQuantity": {"value": 70, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    },
    "care-pre-9": {
        "resourceType": "Encounter",
        "status": "finished",
        "period": {"start": f"{later(-10).isoformat()}T09:00:00Z"},
    },
    "care-pre-10": stated("mri_current", True, later(-3)),
    "care-int-1": {
        "resourceType": "Task",
        "status": "completed",
        "intent": "order",
        "focus": {"reference": "Procedure/p-v1"},
        "executionPeriod": {"end": f"{DAY.isoformat()}T09:55:00Z"},
    },
}


@pytest.mark.parametrize("group", ON_RECORD)
def test_what_is_on_record_is_complete(group: str) -> None:
    found = {"id": "x", "subject": SUBJECT, **ON_RECORD[group]}
    if "patient" in found:
        del found["subject"]
    assert roles([*one(), found], group) == [("Procedure/p-v1", EVENT)]
    assert roles(one(), group) == [("Procedure/p-v1", COUNTED)]


def test_the_report_is_the_one_that_the_procedure_names() -> None:
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "report"}}
    report["subject"] = SUBJECT
    linked = changed(one(), "Procedure", report=[{"reference": "DiagnosticReport/r"}])
    assert roles([*linked, report], "care-doc-1") == [("Procedure/p-v1", EVENT)]
    assert roles([*one(), report], "care-doc-1") == [("Procedure/p-v1", COUNTED)]


def test_why_a_sitting_counts_stands_beside_it() -> None:
    events = [adverse("p", "symptomatic-cement-leakage", major="admission")]
    (item,) = counted(one(events=events), "major")
    assert item.strata["happened"] == "symptomatic-cement-leakage, admission"
    (item,) = counted([*one(), pain("p", 1, later(-3), 8), pain("p", 2, later(30), 3)], "success")
    assert item.strata["scores"] == "numeric pain 8.0 to 3.0"
