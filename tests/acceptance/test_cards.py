"""What clinicians see and what their EHR is told to do: cards, buttons, ratings on orders, imaging safety."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.acceptance.charts import (
    CPT,
    LOINC,
    OURS,
    SNOMED,
    Resource,
    allergy,
    coded,
    condition,
    finding,
    fracture,
    order,
    pain,
    patient,
    result,
    stated,
)
from tests.acceptance.customer import Customer

CHART = [fracture(), pain()]
PAMA = "http://fhir.org/argonaut/Extension/pama-rating"


def marks(resource: Resource) -> dict[str, Any]:
    """The extensions of a rated order by the last part of their url."""
    return {entry["url"].rpartition("/")[2]: entry for entry in resource["extension"]}


def rated(resource: Resource) -> list[tuple[str, str]]:
    codings = marks(resource)["pama-rating"]["valueCodeableConcept"]["coding"]
    return [(each["system"], each["code"]) for each in codings]


RATINGS: Sequence[tuple[str, Resource, Sequence[Resource], str | None]] = [
    ("usually appropriate", order("mri-spine-wo", at="L1"), CHART, "appropriate"),
    ("may be appropriate", order("bone-scan-wb", at="L1"), CHART, "appropriate"),
    ("usually not", order("mri-spine-wwo", at="L1"), CHART, "not-appropriate"),
    ("not rated", order("72100", CPT, at="L1"), CHART, "no-criteria-apply"),
    ("a biopsy is imaging", order("biopsy-spine", at="L1"), CHART, "no-criteria-apply"),
    ("no scenario", order("mri-spine-wo", at="L1"), [], "no-criteria-apply"),
    ("a question", order("mri-spine-wo", at="L1"), [fracture()], None),
    ("an open contrast phase", order("24968-0", LOINC, at="L1"), CHART, None),
    ("treatment", order("vertebral-augmentation", at="L1"), CHART, None),
]


@pytest.mark.parametrize("service", ["vcf-order-sign", "vcf-order-select"])
@pytest.mark.parametrize(("title", "ordered", "data", "code"), RATINGS, ids=[row[0] for row in RATINGS])
def test_imaging_orders_get_their_rating(
    customer: Customer, service: str, title: str, ordered: Resource, data: Sequence[Resource], code: str | None
) -> None:
    answer = customer.ask([ordered], data, service=service)
    if code is None:
        assert answer.actions == []
        return
    (action,) = answer.actions
    found = marks(action["resource"])
    assert set(found) == {
        "pama-rating",
        *(f"pama-rating-{part}" for part in ("qcdsm-consulted", "consult-id", "auc-applied")),
    }
    first, *finer = rated(action["resource"])
    assert first == ("http://fhir.org/argonaut/CodeSystem/pama-rating", code)
    assert finer == ([(f"{OURS}/appropriateness", answer.record["rating"])] if "rating" in answer.record else [])


QUESTIONS = [
    ("one question", "mri-spine-wo", [fracture()], {2: "at-most-one"}),
    ("several, and orders beside answers", "vertebral-augmentation", [fracture()], {6: "any", 4: "any"}),
]


@pytest.mark.parametrize(("title", "procedure", "data", "expected"), QUESTIONS, ids=[row[0] for row in QUESTIONS])
def test_of_the_answers_to_a_single_question_one_can_be_taken(
    customer: Customer, title: str, procedure: str, data: Sequence[Resource], expected: dict[int, str]
) -> None:
    cards = customer.ask([order(procedure, at="L1")], data).cards
    assert expected.items() <= {len(c["suggestions"]): c["selectionBehavior"] for c in cards if "links" in c}.items()


DRAFT = order("72158", CPT, at="L1") | {
    "meta": {"tag": [{"system": "urn:x", "code": "y"}]},
    "identifier": [{"system": "urn:orders", "value": "1"}],
    "requester": {"reference": "Practitioner/d1"},
    "encounter": {"reference": "Encounter/e1"},
    "reasonCode": [{"text": "fracture <b>new</b>"}],
    "extension": [{"url": "http://x.example/y", "valueDecimal": 1.5}],
    "unknownMember": {"a": [1, 2.5]},
    "_priority": {"id": "p"},
}


def test_updates_keep_the_whole_draft(customer: Customer) -> None:
    answer = customer.ask([DRAFT], CHART)
    rest = {name: value for name, value in DRAFT.items() if name not in {"extension", "code"}}
    (action,) = answer.actions
    assert action["resource"] == DRAFT | {"extension": action["resource"]["extension"]}
    assert answer.buttons
    for button in answer.buttons:
        ((update),) = (each["resource"] for each in button["actions"])
        assert {name: value for name, value in update.items() if name not in {"extension", "code"}} == rest
        assert update["extension"][0] == DRAFT["extension"][0]
        assert [each["system"] for each in update["code"]["coding"]] == [CPT]
        assert rated(update)[0][1] == "appropriate"


def test_every_consultation_has_its_own_id_and_keeps_it_while_nothing_changes(customer: Customer) -> None:
    answer = customer.ask([DRAFT, order("72157", CPT, at="L1", id="o2")], CHART)
    orders = [action["resource"] for action in answer.actions]
    orders += [action["resource"] for button in answer.buttons for action in button["actions"]]
    ids = [marks(each)["pama-rating-consult-id"]["valueUri"] for each in orders]
    assert len(set(ids)) == len(ids) > 4
    again = customer.ask([answer.actions[0]["resource"]], CHART).actions[0]["resource"]
    assert again == answer.actions[0]["resource"]


def test_the_same_request_gives_the_same_advice_whoever_asked_before(customer: Customer) -> None:
    body = customer.request([DRAFT], CHART)
    first = customer.post(body).get_json()
    chosen = customer.request([DRAFT], CHART, service="vcf-order-select") | {"hookInstance": body["hookInstance"]}
    assert customer.post(chosen, "vcf-order-select").get_json()["cards"]
    again = customer.post(body).get_json()
    assert [card["summary"] for card in again["cards"]] == [card["summary"] for card in first["cards"]]
    assert again["extension"]["example.cds-service.decisions"] == first["extension"]["example.cds-service.decisions"]
    assert {card["uuid"] for card in again["cards"]}.isdisjoint(card["uuid"] for card in first["cards"])


def test_a_card_says_where_its_facts_come_from_and_when(customer: Customer) -> None:
    reasoned = order("72158", CPT, at="L1", reasonCode=[coded(SNOMED, "161891005")], occurrenceDateTime="2025-06-20")
    answer = customer.ask([reasoned], CHART)
    evidence = {each["fact"]: each.get("from", []) for each in answer.record["evidence"]}
    assert evidence["malignancy_history"] == []
    assert all(source.startswith("Condition/") for source in evidence["vcf_new"])
    assert not any("2025-06-20" in card["detail"] for card in answer.cards)


def test_order_select_says_an_absolute_contraindication(customer: Customer) -> None:
    data = [*CHART, stated("marrow_edema", True), condition("A41.9")]
    (card,) = customer.ask([order("22514", CPT, at="L1")], data, service="vcf-order-select").cards
    assert card["indicator"] == "critical"
    assert "sepsis" in card["summary"].lower()


YOUNG = patient(birth="1990-01-01")
PREGNANT = finding("82810-3", LOINC, "LA15173-0")
SEVERE = result("62238-1", 25, "mL/min/{1.73_m2}")
SAFETY: Sequence[tuple[str, str, Sequence[Resource], list[str], list[str]]] = [
    ("pacemaker, MRI", "mri-spine-wo", [condition("Z95.0")], ["SAFE-MRI"], ["ct-spine-wo"]),
    ("pacemaker, CT", "ct-spine-wo", [condition("Z95.0")], [], []),
    ("stated", "mri-spine-wo", [stated("mri_contraindicated", True)], ["SAFE-MRI"], ["ct-spine-wo"]),
    ("stated to be unknown", "mri-spine-wo", [stated("mri_contraindicated")], [], []),
    ("gadolinium", "mri-spine-wwo", [allergy(SNOMED, "58281002")], ["SAFE-GADOLINIUM"], ["mri-spine-wo"]),
    ("gadolinium is not iodine", "ct-spine-w", [allergy(SNOMED, "58281002")], [], []),
    ("iodine", "ct-spine-w", [allergy(SNOMED, "426722004")], ["SAFE-IODINE"], ["mri-spine-wo"]),
    ("iodine for a myelogram", "ct-myelography-spine", [condition("Z91.041")], ["SAFE-IODINE"], ["mri-spine-wo"]),
    ("iodine on the skin", "ct-spine-w", [allergy("http://www.nlm.nih.gov/research/umls/rxnorm", "8611")], [], []),
    ("kidneys, gadolinium", "mri-spine-wwo", [SEVERE], ["SAFE-KIDNEY-GADOLINIUM"], ["mri-spine-wo"]),
    ("kidneys, iodine", "ct-spine-w", [SEVERE], ["SAFE-KIDNEY-IODINE"], ["mri-spine-wo"]),
    ("kidneys, none", "ct-spine-wo", [SEVERE], [], []),
    ("pregnancy, CT", "ct-spine-wo", [PREGNANT], ["SAFE-PREGNANCY-RADIATION"], ["mri-spine-wo"]),
    ("pregnancy, gadolinium", "mri-spine-wwo", [PREGNANT], ["SAFE-PREGNANCY-GADOLINIUM"], ["mri-spine-wo"]),
    ("pregnancy, plain MRI", "mri-spine-wo", [PREGNANT], [], []),
    ("pregnancy unknown", "ct-spine-wo", [], [], []),
]


@pytest.mark.parametrize(("title", "procedure", "data", "fired", "better"), SAFETY, ids=[row[0] for row in SAFETY])
def test_imaging_safety(
    customer: Customer, title: str, procedure: str, data: Sequence[Resource], fired: list[str], better: list[str]
) -> None:
    answer = customer.ask([order(procedure, at="L1")], [*CHART, *data], who=YOUNG)
    record = answer.record
    assert record.get("imagingSafety", []) == fired
    assert record.get("suggestedNext", []) == better
    assert "cautions" not in record
    assert "safetyAsk" not in record
    if fired:
        assert record["indicator"] == "warning"
        (first, *_) = answer.cards
        assert "outside the criteria" in first["source"]["label"]
        assert [s["actions"][0]["type"] for s in first["suggestions"]] == ["update"]


LED_ASTRAY = [
    ("bone scan with a pacemaker", "bone-scan-wb", [condition("Z95.0")], patient(), {"ct-spine-wo"}),
    ("bone scan in pregnancy", "bone-scan-wb", [PREGNANT], YOUNG, {"mri-spine-wo"}),
    ("pacemaker and pregnancy", "mri-spine-wwo", [condition("Z95.0"), PREGNANT], YOUNG, set()),
]


@pytest.mark.parametrize(("title", "procedure", "data", "who", "offered"), LED_ASTRAY, ids=[r[0] for r in LED_ASTRAY])
def test_nobody_is_led_from_one_hazard_into_another(
    customer: Customer, title: str, procedure: str, data: Sequence[Resource], who: Resource, offered: set[str]
) -> None:
    answer = customer.ask([order(procedure, at="L1")], [*CHART, *data], who=who)
    assert set(answer.record["alternatives"]) == {"mri-spine-wo", "ct-spine-wo"}
    codes = {
        coding["code"]
        for button in answer.buttons
        for action in button["actions"]
        for coding in action["resource"]["code"]["coding"]
    }
    assert codes == offered


def test_text_of_the_request_stays_text(customer: Customer) -> None:
    evil = "MRI <script>alert(1)</script> [x](javascript:alert(1))"
    given = order("24968-0", LOINC, at="L1")
    given["code"]["text"] = evil
    assert "<script" not in customer.ask([given], CHART).text


@pytest.mark.parametrize(
    "ordered", [order("mri-spine-wo", at="L1"), order("24968-0", LOINC, at="L1")], ids=["rated", "asked"]
)
def test_order_select_says_what_makes_it_critical(customer: Customer, ordered: Resource) -> None:
    (card,) = customer.ask([ordered], [*CHART, condition("G83.4")], service="vcf-order-select").cards
    assert card["indicator"] == "critical"
    assert card["summary"].startswith("Act now")
