"""The contract's sentences about facts, orders and levels: what is on record, what is ordered, what the record says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.acceptance.charts import (
    CPT,
    HCPCS,
    ICD_PLAIN,
    LOINC,
    OURS,
    PCS,
    RXNORM,
    SNOMED,
    Resource,
    bundle,
    coded,
    condition,
    finding,
    fracture,
    order,
    pain,
    patient,
    prescription,
    procedure,
    result,
    stated,
)
from tests.acceptance.customer import LEFT_OUT, Customer

V1 = {"status": "decided", "primaryVariant": "V1", "rating": "usually-appropriate"}
V2 = V1 | {"primaryVariant": "V2"}
V6 = V1 | {"primaryVariant": "V6"}
NO_FRACTURE = {"status": "no-variant", "reason": "no-fracture"}
OLD = {"status": "no-variant", "reason": "old-unchanged-fracture", "nearest": "V1"}
PAINLESS = {"status": "no-variant", "reason": "painless-no-cancer"}
WHICH_LEVEL = {"status": "ask", "mustAsk": ["target_level"]}


def asks(*facts: str) -> dict[str, Any]:
    return {"status": "ask", "mustAsk": sorted(facts)}


def assert_says(record: dict[str, Any], expected: dict[str, Any]) -> None:
    """The record has these values; None: the member is left out; lists whatever their order."""
    said = {name: record.get(name) for name in expected}
    assert {n: sorted(v) if isinstance(v, list) else v for n, v in said.items()} == {
        n: sorted(v) if isinstance(v, list) else v for n, v in expected.items()
    }


L1 = order("mri-spine-wo", at="L1")
FROM_CODES: Sequence[tuple[str, Sequence[Resource], dict[str, Any]]] = [
    ("dotted", [condition("S32.010A"), pain()], V1),
    ("undotted", [condition("S32010A"), pain()], V1),
    ("the system of ICD-10", [condition("S32.010A", ICD_PLAIN), pain()], V1),
    ("ICD-10 cut short", [condition("S32.0", ICD_PLAIN), pain()], V1),
    ("no level, the only one", [condition("M80.08XA"), pain()], V1),
    ("back pain as a condition", [fracture(), condition("M54.50")], V1),
    ("back pain in SNOMED", [fracture(), condition("279039007", SNOMED)], V1),
    ("13 weeks to the day", [fracture(onset="2025-03-16"), pain()], V1),
    ("a day more", [fracture(onset="2025-03-15"), pain()], OLD),
    ("no date", [fracture(onset=None), pain()], asks("vcf_new")),
    ("recorded date", [fracture(onset=None, recordedDate="2025-06-01"), pain()], V1),
    ("no clinical status", [fracture(clinical=None), pain()], V1),
    ("no verification status", [fracture(proven=None), pain()], V1),
    ("provisional", [fracture(proven="provisional"), pain()], asks("vcf_identified", "vcf_new")),
    ("refuted", [fracture(proven="refuted"), pain()], NO_FRACTURE),
    ("entered in error", [fracture(proven="entered-in-error"), pain()], NO_FRACTURE),
    ("resolved", [fracture(clinical="resolved"), pain()], OLD),
    ("sequela", [condition("M80.08XS"), pain()], OLD),
    ("routine healing", [condition("M80.08XD"), pain()], OLD),
    ("pain unknown", [fracture()], asks("symptomatic")),
    ("score 0, limits unknown", [fracture(), pain(0)], asks("symptomatic")),
    ("score 0, no limits", [fracture(), pain(0), stated("adl_limited", False)], PAINLESS),
    ("score 0 of 30 days ago", [fracture(), pain(0, "2025-05-16"), stated("adl_limited", False)], PAINLESS),
    ("score 0 of 31 days ago", [fracture(), pain(0, "2025-05-15"), stated("adl_limited", False)], asks("symptomatic")),
    ("score 0 but active back pain", [fracture(), pain(0), stated("adl_limited", False), condition("M54.50")], V1),
    ("cancer in remission", [fracture(), pain(), condition("C50.911", clinical="remission")], V2),
    ("cancer by history code", [fracture(), pain(), condition("Z85.3", onset="2012-01-01")], V2),
    ("cancer in the family", [fracture(), pain(), condition("Z80.3")], V1),
    ("cancer refuted", [fracture(), pain(), condition("C50.911", proven="refuted")], V1),
    ("cancer suspected", [fracture(), pain(), condition("C50.911", proven="provisional")], asks("malignancy_history")),
    ("cancer denied after it", [fracture(), pain(), condition("C50.911"), stated("malignancy_history", False)], V1),
    (
        "cancer found after the denial",
        [fracture(), pain(), condition("C50.911", onset="2025-06-13"), stated("malignancy_history", False)],
        asks("malignancy_history"),
    ),
    ("said to be unknown", [fracture(), pain(), stated("malignancy_history")], asks("malignancy_history")),
    ("of another patient", [fracture() | {"subject": {"reference": "Patient/p2"}}, pain()], NO_FRACTURE),
]


@pytest.mark.parametrize(("title", "data", "expected"), FROM_CODES, ids=[row[0] for row in FROM_CODES])
def test_facts_come_from_ordinary_codes(
    customer: Customer, title: str, data: Sequence[Resource], expected: dict[str, Any]
) -> None:
    assert_says(customer.ask([L1], data).record, expected)


READY = [
    fracture(),
    pain(),
    stated("marrow_edema", True),
    stated("imaging_exam_concordant", True),
    stated("mri_current", True),
]
LABS = [result("6301-6", 1.0), result("777-3", 200, "10*9/L")]
WARFARIN = {"resourceType": "Medication", "id": "w", "code": coded(RXNORM, "11289")}
AUGMENTATION = order("vertebral-augmentation", at="L1")
CLEARANCE: Sequence[tuple[str, Sequence[Resource], dict[str, Any]]] = [
    ("all known", LABS, {"relative": None, "safetyAsk": None, "absolute": None, "indicator": "info"}),
    ("nothing known", [], {"safetyAsk": ["inr", "platelets"], "indicator": "warning"}),
    ("INR too high", [result("6301-6", 1.9), LABS[1]], {"relative": ["REL-R8"], "safetyAsk": None}),
    ("INR of 30 days ago", [result("6301-6", 1.9, when="2025-05-16"), LABS[1]], {"relative": ["REL-R8"]}),
    ("INR of 31 days ago", [result("6301-6", 1.9, when="2025-05-15"), LABS[1]], {"safetyAsk": ["inr"]}),
    ("the newest INR wins", [result("6301-6", 1.9, when="2025-06-01"), *LABS], {"relative": None}),
    ("INR in error", [result("6301-6", 1.9, status="entered-in-error"), *LABS], {"relative": None}),
    ("platelets per microliter", [LABS[0], result("777-3", 45000, "/uL")], {"relative": ["REL-R8"]}),
    ("platelets in no unit of theirs", [LABS[0], result("777-3", 150, "mg/dL")], {"safetyAsk": ["platelets"]}),
    (
        "drug as a code",
        [*LABS, prescription(medicationCodeableConcept=coded(RXNORM, "11289"))],
        {"relative": ["REL-R7"]},
    ),
    (
        "drug as a product",
        [*LABS, prescription(medicationCodeableConcept=coded(RXNORM, "855332"))],
        {"relative": ["REL-R7"]},
    ),
    (
        "drug contained in the prescription",
        [*LABS, prescription(contained=[WARFARIN], medicationReference={"reference": "#w"})],
        {"relative": ["REL-R7"]},
    ),
    (
        "drug that is only referred to",
        [*LABS, prescription(medicationReference={"reference": "Medication/w"})],
        {"relative": None, "safetyAsk": ["anticoagulant_active"]},
    ),
    (
        "the same, no longer taken",
        [*LABS, prescription("completed", medicationReference={"reference": "Medication/w"})],
        {"safetyAsk": None},
    ),
    (
        "drug on hold",
        [*LABS, prescription("on-hold", medicationCodeableConcept=coded(RXNORM, "11289"))],
        {"relative": None},
    ),
    ("fever", [*LABS, result("8310-5", 38.5, "Cel", "2025-06-15T07:00:00Z")], {"absolute": ["ABS-R1"]}),
    ("fever in Fahrenheit", [*LABS, result("8310-5", 101.5, "[degF]", "2025-06-14")], {"absolute": ["ABS-R1"]}),
    ("fever days ago", [*LABS, result("8310-5", 38.5, "Cel", "2025-06-12")], {"absolute": None}),
    ("sepsis", [*LABS, condition("A41.9")], {"absolute": ["ABS-B1"], "indicator": "critical"}),
    ("sepsis resolved", [*LABS, condition("A41.9", clinical="resolved")], {"absolute": None, "safetyAsk": None}),
    ("sepsis suspected", [*LABS, condition("A41.9", proven="provisional")], {"safetyAsk": ["sepsis"]}),
    ("sepsis said to be unknown", [*LABS, stated("sepsis")], {"safetyAsk": ["sepsis"]}),
    ("infected vertebrae, lumbar", [*LABS, condition("M46.26")], {"absolute": ["ABS-B2"]}),
    ("infected vertebrae, cervical", [*LABS, condition("M46.22")], {"absolute": None, "relative": ["REL-R10"]}),
    ("height loss here", [*LABS, stated("height_loss_pct", 70, level="L1")], {"relative": ["REL-R1"]}),
    ("height loss elsewhere", [*LABS, stated("height_loss_pct", 70, level="T8")], {"relative": None}),
    ("age in months", [*LABS, stated("fracture_age_weeks", 14, unit="mo")], {"cautions": ["CAU-OLD"]}),
    (
        "a preliminary statement",
        [*LABS, stated("can_lie_prone", False, status="preliminary")],
        {"cautions": ["CAU-PRONE"]},
    ),
    ("a cancelled statement", [*LABS, stated("can_lie_prone", False, status="cancelled")], {"cautions": None}),
]


@pytest.mark.parametrize(("title", "data", "expected"), CLEARANCE, ids=[row[0] for row in CLEARANCE])
def test_an_augmentation_is_cleared_or_not(
    customer: Customer, title: str, data: Sequence[Resource], expected: dict[str, Any]
) -> None:
    assert_says(customer.ask([AUGMENTATION], [*READY, *data]).record, V6 | expected)


YOUNG = patient(birth="1990-01-01")
PREGNANCY = [
    ("never asked of the old", patient(), [], None),
    ("asked of the young", YOUNG, [], ["pregnant"]),
    ("not asked of men", patient("male", "1990-01-01"), [], None),
    ("negative test", YOUNG, [finding("2106-3", SNOMED, "260385009", "2025-06-01")], None),
    ("negative test of 15 days ago", YOUNG, [finding("2106-3", SNOMED, "260385009", "2025-05-31")], ["pregnant"]),
]


@pytest.mark.parametrize(("title", "who", "data", "asked"), PREGNANCY, ids=[row[0] for row in PREGNANCY])
def test_pregnancy(
    customer: Customer, title: str, who: Resource, data: Sequence[Resource], asked: list[str] | None
) -> None:
    assert customer.ask([AUGMENTATION], [*READY, *LABS, *data], who=who).record.get("safetyAsk") == asked


ORDERS = [
    (CPT, "72148", "mri-spine-wo"),
    (CPT, "72158", "mri-spine-wwo"),
    (CPT, "72132", "ct-spine-w"),
    (CPT, "78306", "bone-scan-wb"),
    (CPT, "78815", "fdg-pet-ct"),
    (CPT, "22511", "vertebroplasty"),
    (CPT, "22514", "vertebral-augmentation"),
    (LOINC, "30679-5", "mri-spine-wo"),
    (SNOMED, "394451000119106", "mri-spine-wo"),
    (PCS, "0QU03JZ", "vertebral-augmentation"),
    (HCPCS, "S2360", "vertebroplasty"),
    (CPT, "72100", "radiograph-spine"),
]


@pytest.mark.parametrize(("system", "code", "procedure"), ORDERS)
def test_an_order_is_known_by_its_code(customer: Customer, system: str, code: str, procedure: str) -> None:
    found = customer.ask([order(code, system, at="L1")], [fracture(), pain()]).record
    assert found["procedure"] == procedure
    assert found["ratedAs"] == "vertebral-augmentation" if "plasty" in procedure else True


def test_an_order_that_is_none_of_ours_gets_nothing(customer: Customer) -> None:
    for code in ("85027", "62304", "20225"):
        answer = customer.ask([order(code, CPT)], [fracture(), pain()])
        assert (answer.records, answer.cards, answer.actions) == ([], [], [])


@pytest.mark.parametrize("text", [None, "MRI lumbar spine"])
def test_an_open_contrast_phase_is_asked_also_when_the_order_has_no_words(customer: Customer, text: str | None) -> None:
    given = order("24968-0", LOINC, at="L1")
    if text:
        given["code"]["text"] = text
    for service in ("vcf-order-sign", "vcf-order-select"):
        answer = customer.ask([given], [fracture(), pain()], service=service)
        assert_says(answer.record, asks("contrast") | {"procedure": None, "ratedAs": None})
        assert set(answer.record["candidates"]) == {"mri-spine-wo", "mri-spine-w", "mri-spine-wwo"}
        (card,) = answer.cards
        assert "contrast" in card["summary"]
        assert answer.actions == []


LEVELS: Sequence[tuple[str, Sequence[Resource], Resource, dict[str, Any]]] = [
    ("the fracture is elsewhere", [fracture("L1"), pain()], order("mri-spine-wo", at="T8"), NO_FRACTURE),
    ("region of a code", [condition("S32.009A"), pain()], order("mri-spine-wo", at="T8"), WHICH_LEVEL),
    (
        "two that name none",
        [fracture(None), condition("S22.009A"), pain()],
        order("mri-spine-wo", at="T8"),
        WHICH_LEVEL,
    ),
    ("a code for two vertebrae", [condition("S22.080A"), pain()], order("mri-spine-wo", at="T12"), V1),
    ("and not for a third", [condition("S22.080A"), pain()], order("mri-spine-wo", at="T10"), NO_FRACTURE),
    ("a region that the code orders", [fracture("L3"), pain()], order("72148", CPT), V1 | {"level": "L3"}),
    ("one that it does not", [fracture("L3"), pain()], order("72141", CPT), NO_FRACTURE),
    ("the junction belongs to both", [fracture("T12"), pain()], order("72148", CPT), V1 | {"level": "T12"}),
    (
        "a healed one elsewhere",
        [fracture("L1"), fracture("T8", clinical="resolved"), pain()],
        order("mri-spine-wo"),
        V1,
    ),
    (
        "the painful one is meant",
        [
            fracture("L1"),
            fracture("T8"),
            stated("symptomatic", True, level="L1"),
            stated("symptomatic", False, level="T8"),
        ],
        order("mri-spine-wo"),
        V1 | {"level": "L1"},
    ),
    (
        "the sacrum",
        [condition("S32.110A"), pain()],
        order("mri-spine-wo", at="S1"),
        {"status": "no-variant", "reason": "region-not-covered"},
    ),
    ("the reason of the order", [pain()], order("72148", CPT, reasonCode=[coded(ICD_PLAIN, "S32010A")]), V1),
    ("a reason is cancer", [fracture(), pain()], L1 | {"reasonCode": [coded(ICD_PLAIN, "C50.911")]}, V2),
]


@pytest.mark.parametrize(("title", "data", "ordered", "expected"), LEVELS, ids=[row[0] for row in LEVELS])
def test_levels(
    customer: Customer, title: str, data: Sequence[Resource], ordered: Resource, expected: dict[str, Any]
) -> None:
    assert_says(customer.ask([ordered], data).record, expected)


def test_several_levels_make_one_record_with_the_worst(customer: Customer) -> None:
    data = [fracture("L1"), fracture("T8"), pain(), stated("intravertebral_cleft", False)]
    data += [stated("marrow_edema", True, level="L1"), stated("marrow_edema", False, level="T8")]
    record = customer.ask([order("vertebral-augmentation", at=["L1", "T8"])], data).record
    assert_says(record, {"level": "T8", "status": "no-variant", "absolute": ["ABS-R3"], "indicator": "critical"})
    assert {each["level"]: each["status"] for each in record["levels"]} == {"L1": "decided", "T8": "no-variant"}


def test_orders_without_an_id_or_with_that_of_something_else_are_decided_each(customer: Customer) -> None:
    plain, contrast = order("72148", CPT), order("72158", CPT)
    del plain["id"], contrast["id"]
    records = customer.ask([plain, contrast], [fracture(), pain()]).records
    assert [each["procedure"] for each in records] == ["mri-spine-wo", "mri-spine-wwo"]
    same = prescription("draft", medicationCodeableConcept={"text": "x"}) | {"id": "o1"}
    assert_says(customer.ask([L1, same], [fracture(), pain()]).record, V1)


def test_only_selected_orders_are_looked_at(customer: Customer) -> None:
    orders = [L1, order("72158", CPT, id="o2")]
    answer = customer.ask(
        orders, [fracture(), pain()], service="vcf-order-select", context={"selections": ["ServiceRequest/o2"]}
    )
    assert answer.record["order"] == "ServiceRequest/o2"
    assert len(answer.cards) == 1


UNREADABLE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
CHART = [fracture(), pain()]
PREFETCH: Sequence[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("null is none", {"condition": None}, NO_FRACTURE),
    ("nothing found is none", {"condition": bundle([])}, NO_FRACTURE),
    ("not sent is unknown", {"condition": LEFT_OUT}, {"status": "ask"}),
    ("failed is unknown", {"condition": UNREADABLE}, {"status": "ask"}),
    ("failed within a bundle", {"condition": bundle([UNREADABLE])}, {"status": "ask"}),
    ("an array is no resource", {"condition": [fracture()]}, {"status": "ask"}),
    ("nor is a string", {"condition": "x"}, {"status": "ask"}),
    ("another type than asked", {"condition": patient()}, {"status": "ask"}),
    (
        "further pages",
        {"condition": bundle(CHART[:1], link=[{"relation": "next", "url": "http://h/2"}])},
        asks("malignancy_history", "multiple_vcfs"),
    ),
    (
        "one that cannot be read",
        {"condition": bundle([CHART[0], {"resourceType": "Condition", "id": "x", "code": "?"}])},
        asks("malignancy_history", "multiple_vcfs"),
    ),
    ("keys that nobody asked for", {"foo": bundle([]), "bar": 3}, V1 | {"rating": "usually-not-appropriate"}),
]


@pytest.mark.parametrize(("title", "sent", "expected"), PREFETCH, ids=[row[0] for row in PREFETCH])
def test_missing_is_not_absent(customer: Customer, title: str, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = customer.ask([order("mri-spine-wwo", at="L1")], CHART, sent=sent)
    assert_says(answer.record, expected)
    assert "forbidden" not in answer.text


def test_earlier_treatment_leads_to_v7_and_v3(customer: Customer) -> None:
    treated = procedure("22514", "2024-03-01")
    assert customer.ask([AUGMENTATION], [*CHART, treated]).record["primaryVariant"] == "V7"
    old = [fracture(onset="2023-01-01"), condition("M54.50"), treated]
    assert customer.ask([L1], old).record["primaryVariant"] == "V3"


def test_a_stated_cause_may_come_in_any_coding_that_it_maps_to(customer: Customer) -> None:
    cause = stated("fracture_etiology", "traumatic")
    for system, code, expected in [
        (f"{OURS}/vcf-fact-values", "traumatic", "no-variant"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "M84.58XA", "ask"),
    ]:
        cause["valueCodeableConcept"] = coded(system, code)
        assert customer.ask([AUGMENTATION], [*READY, *LABS, cause]).record["status"] == expected


TIES: Sequence[tuple[str, Sequence[Resource], dict[str, Any]]] = [
    ("yes and no", [stated("sepsis", True), stated("sepsis", False)], {"absolute": None, "safetyAsk": ["sepsis"]}),
    ("yes and unknown", [stated("sepsis", True), stated("sepsis")], {"absolute": ["ABS-B1"], "safetyAsk": None}),
    ("the same twice", [stated("sepsis", True), stated("sepsis", True)], {"absolute": ["ABS-B1"]}),
    (
        "a later word",
        [stated("sepsis", True), stated("sepsis", False, "2025-06-13")],
        {"absolute": None, "safetyAsk": None},
    ),
    ("two results of one day", [result("6301-6", 1.9)], {"relative": None, "safetyAsk": ["inr"]}),
    (
        "a preliminary one beside the final",
        [result("6301-6", 1.9, status="preliminary")],
        {"relative": None, "safetyAsk": None},
    ),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("title", "data", "expected"), TIES, ids=[row[0] for row in TIES])
def test_contradictions_of_one_moment_are_open_whatever_their_order(
    customer: Customer, turned: bool, title: str, data: Sequence[Resource], expected: dict[str, Any]
) -> None:
    chart = [*READY, *LABS, *data]
    assert_says(customer.ask([AUGMENTATION], chart[::-1] if turned else chart).record, V6 | expected)
