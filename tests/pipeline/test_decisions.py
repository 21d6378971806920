"""Decisions from outside: what the record, the cards and the ratings on orders say, by the contract."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.calls import answer, decided, fact, facts, order, records, request

CPT, LOINC, SCT = "http://www.ama-assn.org/go/cpt", "http://loinc.org", "http://snomed.info/sct"
FRESH = {"vcf_identified": True, "vcf_new": True, "symptomatic": True, "malignancy_history": False}
CEMENT = {**FRESH, "fracture_etiology": "osteoporotic", "marrow_edema": True, "imaging_exam_concordant": True}
READY = {**CEMENT, "inr": 1.0, "platelets": 250}


def only(response: dict[str, Any]) -> dict[str, Any]:
    found = records(response)
    assert len(found) == 1
    return found[0]


def marks(response: dict[str, Any]) -> list[str]:
    extensions = [e for action in response.get("systemActions", []) for e in action["resource"]["extension"]]
    ratings = [e["valueCodeableConcept"] for e in extensions if e["url"].endswith("/pama-rating")]
    return [rating["coding"][0]["code"] for rating in ratings]


@pytest.mark.parametrize(
    ("chart", "ordered", "expected"),
    [
        (facts(**FRESH), order("mri-spine-wo", "L1"), {"status": "decided", "rating": "usually-appropriate"}),
        (facts(**FRESH), order("mri-spine-wwo", "L1"), {"alternatives": ["mri-spine-wo", "ct-spine-wo"]}),
        (facts(**FRESH), order((CPT, "72148")), {"procedure": "mri-spine-wo"}),
        (facts(**FRESH), order((CPT, "72158")), {"procedure": "mri-spine-wwo", "rating": "usually-not-appropriate"}),
        (facts(**FRESH), order("radiograph-spine"), {"status": "not-rated"}),
        (facts(**READY), order("balloon-kyphoplasty", "L1"), {"ratedAs": "vertebral-augmentation"}),
        (facts(**READY), order("sacroplasty"), {"status": "no-variant", "reason": "region-not-covered"}),
        (facts(**{**FRESH, "symptomatic": None}), order("mri-spine-wo", "L1"), {"status": "ask"}),
        (facts(**{**FRESH, "symptomatic": None}), order("mri-spine-wo", "L1"), {"mustAsk": ["symptomatic"]}),
    ],
)
def test_an_order_is_decided(chart: list[dict[str, Any]], ordered: dict[str, Any], expected: dict[str, Any]) -> None:
    record = only(answer("order-sign", chart, [ordered]))
    assert {name: record.get(name) for name in expected} == expected


def test_what_is_no_procedure_of_ours_gets_nothing() -> None:
    response = answer("order-sign", facts(**FRESH), [order((CPT, "99213"))])
    assert response == {"cards": []}


def test_orders_that_are_no_service_requests_are_passed_over() -> None:
    drug = {"resourceType": "MedicationRequest", "id": "m1", "status": "draft", "subject": {"reference": "Patient/p1"}}
    assert answer("order-sign", facts(**FRESH), [drug]) == {"cards": []}


def test_an_order_for_another_patient_gets_no_advice() -> None:
    foreign = order("mri-spine-wo", "L1", subject={"reference": "Patient/other"})
    assert answer("order-sign", facts(**FRESH), [foreign]) == {"cards": []}


def test_an_open_contrast_phase_is_a_question() -> None:
    response = answer("order-sign", facts(**FRESH), [order((SCT, "241645008"), "L1")])
    record = only(response)
    assert record["status"] == "ask"
    assert record["mustAsk"] == ["contrast"]
    assert set(record["candidates"]) == {"mri-spine-wo", "mri-spine-w", "mri-spine-wwo"}
    assert "procedure" not in record
    assert not marks(response)


def test_each_order_is_decided_on_its_own() -> None:
    orders = [order("mri-spine-wo", "L1"), order("mri-spine-wwo", "L1", identifier="o2")]
    response = answer("order-sign", facts(**FRESH), orders)
    assert [record["rating"] for record in records(response)] == ["usually-appropriate", "usually-not-appropriate"]
    associated = [c["extension"]["davinci-crd.associated-resource"][0]["reference"] for c in response["cards"]]
    assert set(associated) == {"ServiceRequest/o1", "ServiceRequest/o2"}


def test_order_select_looks_at_selections_only() -> None:
    orders = [order("mri-spine-wo", "L1"), order("mri-spine-wwo", "L1", identifier="o2")]
    response = answer("order-select", facts(**FRESH), orders, selections=["ServiceRequest/o2"])
    assert [record["order"] for record in records(response)] == ["ServiceRequest/o2"]
    assert len(response["cards"]) == 1
    assert response["cards"][0]["indicator"] == records(response)[0]["indicator"]


def test_several_levels_give_one_record_with_the_worst_values() -> None:
    chart = [
        *facts(vcf_identified=True, vcf_new=True, malignancy_history=False, fracture_etiology="osteoporotic"),
        fact("symptomatic", True, level="T12"),
        fact("marrow_edema", True, level="T12"),
        fact("symptomatic", False, level="L1"),
        fact("marrow_edema", False, level="L1"),
        fact("intravertebral_cleft", False, level="L1"),
    ]
    response = answer("order-sign", chart, [order("vertebroplasty", "T12", "L1")])
    record = only(response)
    assert record["level"] == "L1"
    assert record["rating"] == "usually-not-appropriate"
    assert [(level["level"], level.get("rating")) for level in record["levels"]] == [
        ("T12", "usually-appropriate"),
        ("L1", "usually-not-appropriate"),
    ]


def test_a_contraindication_leaves_the_rating_and_takes_the_lead() -> None:
    response = answer("order-sign", facts(**READY, sepsis=True), [order("vertebroplasty", "L1")])
    record = only(response)
    assert record["absolute"] == ["ABS-B1"]
    assert record["rating"] == "usually-appropriate"
    assert record["indicator"] == "critical"
    assert response["cards"][0]["indicator"] == "critical"


@pytest.mark.parametrize(
    ("chart", "ordered", "expected"),
    [
        (facts(**FRESH), order("mri-spine-wo", "L1"), ["appropriate"]),
        (facts(**FRESH), order("mri-spine-wwo", "L1"), ["not-appropriate"]),
        (facts(**FRESH), order("bone-scan-wb", "L1"), ["appropriate"]),
        (facts(**FRESH), order("biopsy-spine", "L1"), ["no-criteria-apply"]),
        (facts(**FRESH), order("radiograph-spine", "L1"), ["no-criteria-apply"]),
        (facts(**{**FRESH, "symptomatic": False}), order("mri-spine-wo", "L1"), ["no-criteria-apply"]),
        (facts(vcf_identified=True), order("mri-spine-wo", "L1"), []),
        (facts(**READY), order("vertebroplasty", "L1"), []),
    ],
)
def test_imaging_orders_carry_their_rating(
    chart: list[dict[str, Any]], ordered: dict[str, Any], expected: list[str]
) -> None:
    response = answer("order-sign", chart, [ordered])
    assert marks(response) == expected
    assert response.get("systemActions") == response.get("extension", {}).get("systemActions")


def test_a_rating_can_be_switched_off() -> None:
    from cds_service.hooks.profiles import ClientProfile

    quiet = request(
        "order-sign", facts(**FRESH), [order("mri-spine-wo", "L1")], client=ClientProfile(rates_orders=False)
    )
    assert decided(quiet).response.system_actions == ()


def test_a_replacement_is_the_whole_draft_in_the_code_system_in_which_it_came() -> None:
    draft = order((CPT, "72158"), "L1", reasonCode=[{"text": "fracture"}], identifier="o9", note=[{"text": "keep me"}])
    card = answer("order-sign", facts(**FRESH), [draft])["cards"][0]
    suggestion = card["suggestions"][0]
    after = suggestion["actions"][0]["resource"]
    assert suggestion["isRecommended"] is True
    assert [(c["system"], c["code"]) for c in after["code"]["coding"]] == [(CPT, "72148")]
    kept = {name: value for name, value in draft.items() if name != "code"}
    assert {name: after.get(name) for name in kept} == kept
    rating = next(e for e in after["extension"] if e["url"].endswith("/pama-rating"))
    assert rating["valueCodeableConcept"]["coding"][0]["code"] == "appropriate"


def test_an_answer_that_a_card_suggests_settles_its_question() -> None:
    chart = facts(**{**FRESH, "symptomatic": None})
    card = answer("order-sign", chart, [order("mri-spine-wo", "L1")])["cards"][0]
    yes = next(s for s in card["suggestions"] if s["label"].endswith("Yes"))
    filed = {**yes["actions"][0]["resource"], "id": "answer"}
    assert card["links"][0]["url"].startswith("https://cds.example.org/fhir/Questionnaire/ask-")
    assert only(answer("order-sign", [*chart, filed], [order("mri-spine-wo", "L1")]))["status"] == "decided"


def test_no_data_and_no_templates_still_give_an_answer() -> None:
    response = answer("order-sign", [], [order("vertebroplasty", "L1")])
    assert only(response)["status"] in {"ask", "no-variant"}


def test_an_unreadable_type_is_no_absence() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    chart = facts(**{name: value for name, value in FRESH.items() if name != "malignancy_history"})
    record = only(answer("order-sign", chart, [order("mri-spine-wwo", "L1")], prefetch={"condition": outcome}))
    assert record["status"] == "ask"
    assert "malignancy_history" in record["mustAsk"]


def test_the_evidence_names_where_a_fact_comes_from() -> None:
    chart = [
        fact("symptomatic", True, identifier="pain1"),
        *facts(**{k: v for k, v in FRESH.items() if k != "symptomatic"}),
    ]
    record = only(answer("order-sign", chart, [order("mri-spine-wo", "L1")]))
    entry = next(e for e in record["evidence"] if e["fact"] == "symptomatic")
    assert entry == {"fact": "symptomatic", "value": True, "from": ["Observation/pain1"], "dated": "2025-06-14"}


def test_patient_view_never_rates() -> None:
    response = answer("patient-view", facts(**FRESH, prior_augmentation=True))
    record = only(response)
    assert record["status"] == "advisory"
    assert "rating" not in record
    assert "systemActions" not in response


def test_the_same_call_twice_gives_the_same_answer_and_the_order_of_entries_does_not_matter() -> None:
    chart = facts(**READY, sepsis=True)
    first = answer("order-sign", chart, [order("vertebroplasty", "L1")])
    assert answer("order-sign", chart, [order("vertebroplasty", "L1")]) == first
    assert answer("order-sign", chart[::-1], [order("vertebroplasty", "L1")]) == first


def test_another_call_has_the_same_advice_under_other_uuids() -> None:
    first = answer("order-sign", facts(**FRESH), [order("mri-spine-wwo", "L1")], call_id="a")
    second = answer("order-sign", facts(**FRESH), [order("mri-spine-wwo", "L1")], call_id="b")
    key = "example.cds-service.decision-key"
    assert [c["extension"][key] for c in first["cards"]] == [c["extension"][key] for c in second["cards"]]
    assert {c["uuid"] for c in first["cards"]}.isdisjoint({c["uuid"] for c in second["cards"]})


def test_what_another_hook_of_the_chain_has_said_is_not_said_again() -> None:
    from cds_service.patient_data.sources import Sources
    from cds_service.pipeline import decide
    from tests.pipeline.calls import content

    first = decided(request("order-sign", facts(**FRESH), [order("mri-spine-wwo", "L1")]))
    assert len(first.said) == len(first.response.cards) == 1
    service = content().services["vcf-order-sign"]
    again = request("order-sign", facts(**FRESH), [order("mri-spine-wwo", "L1")])
    assert decide(again, service, content(), Sources(), already_said=first.said).response.cards == ()
    changed = request("order-sign", facts(**{**FRESH, "malignancy_history": True}), [order("mri-spine-wwo", "L1")])
    assert decide(changed, service, content(), Sources(), already_said=first.said).response.cards


def test_a_dispatched_order_that_cannot_be_had_is_an_unmet_need() -> None:
    from cds_service.hooks.refusals import UnmetNeed

    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    with pytest.raises(UnmetNeed) as refusal:
        answer(
            "order-dispatch",
            prefetch={"service-request": outcome},
            dispatchedOrders=["ServiceRequest/x"],
            performer="x/1",
        )
    assert refusal.value.keys == ("service-request",)


def test_data_that_could_not_be_read_are_named_where_nothing_else_is_said() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    assert answer("patient-view")["cards"] == []
    cards = answer("patient-view", prefetch={"condition": outcome})["cards"]
    assert [card["indicator"] for card in cards] == ["info"]
    assert "Condition" in cards[0]["summary"]


def test_an_order_that_cannot_be_read_is_named() -> None:
    bad = order("mri-spine-wo", "L1", authoredOn="yesterday", identifier="bad")
    response = answer("order-sign", facts(**FRESH), [bad, order("mri-spine-wo", "L1")])
    assert [record["order"] for record in records(response)] == ["ServiceRequest/o1"]
    named = [card["extension"]["davinci-crd.associated-resource"][0]["reference"] for card in response["cards"]]
    assert "ServiceRequest/bad" in named


@pytest.mark.parametrize(
    "code", [None, {}, {"coding": []}, {"coding": [{}]}, {"text": "MRI of something"}, {"coding": [{"code": "1"}]}]
)
def test_incomplete_orders_are_no_error(code: Any) -> None:
    draft = {name: value for name, value in order("mri-spine-wo").items() if name != "code"}
    if code is not None:
        draft["code"] = code
    assert "cards" in answer("order-select", facts(**FRESH), [draft])
