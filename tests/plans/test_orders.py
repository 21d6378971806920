"""Draft orders changed: nothing of the draft is lost, codes stay in their system, ratings follow the guide."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from cds_service.plans.orders import (
    CONSULT_ID,
    RATING,
    RATING_SYSTEM,
    DraftOrder,
    accompanying,
    marked,
    read_order_codes,
    replaced,
    without_marks,
)

OWN = "https://example.org/procedures"
LAB = "http://loinc.org"
MAPS = [
    {
        "resourceType": "ConceptMap",
        "group": [
            {
                "source": LAB,
                "target": OWN,
                "element": [
                    {"code": "lumbar-plain", "target": [{"code": "plain", "equivalence": "equivalent"}]},
                    {"code": "lumbar-contrast", "target": [{"code": "contrast", "equivalence": "equivalent"}]},
                    {"code": "thoracic-plain", "target": [{"code": "plain", "equivalence": "equivalent"}]},
                    {"code": "limited-plain", "target": [{"code": "plain", "equivalence": "inexact"}]},
                ],
            },
            {
                "source": LAB,
                "target": "https://example.org/regions",
                "element": [
                    {"code": "lumbar-plain", "target": [{"code": "lumbar"}]},
                    {"code": "lumbar-contrast", "target": [{"code": "lumbar"}]},
                    {"code": "thoracic-plain", "target": [{"code": "thoracic"}]},
                ],
            },
        ],
    }
]
CODES = read_order_codes(MAPS, OWN, "https://example.org/regions")
DRAFT: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "identifier": [{"value": "keep"}],
    "code": {"coding": [{"system": LAB, "code": "lumbar-contrast"}], "text": "MRI with contrast"},
    "bodySite": [{"text": "L1"}],
    "reasonCode": [{"text": "fracture"}],
    "subject": {"reference": "Patient/1"},
    "extension": [{"url": "https://example.org/kept", "valueString": "x"}],
}


def test_a_replacement_keeps_everything_but_the_code() -> None:
    before = copy.deepcopy(DRAFT)
    after = replaced(DRAFT, "plain", "MRI without contrast", OWN, CODES)
    assert before == DRAFT
    assert after["code"] == {"coding": [{"system": LAB, "code": "lumbar-plain"}], "text": "MRI without contrast"}
    assert {name: value for name, value in after.items() if name != "code"} == {
        name: value for name, value in DRAFT.items() if name != "code"
    }


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ({"system": OWN, "code": "contrast"}, (OWN, "plain")),
        ({"system": LAB, "code": "thoracic-plain"}, (LAB, "thoracic-plain")),
        ({"system": "http://other.example", "code": "1"}, (OWN, "plain")),  # nothing known there: our own code
    ],
)
def test_a_replacement_is_coded_as_the_order_came(coding: dict[str, str], expected: tuple[str, str]) -> None:
    after = replaced({**DRAFT, "code": {"coding": [coding]}}, "plain", "Plain", OWN, CODES)
    assert [(c["system"], c["code"]) for c in after["code"]["coding"]] == [expected]


def test_a_mark_only_adds_extensions() -> None:
    after = marked(
        DRAFT, "appropriate", {"system": OWN, "code": "good"}, "cds 1", "urn:uuid:1", "https://example.org/p#A"
    )
    assert {name: value for name, value in after.items() if name != "extension"} == {
        name: value for name, value in DRAFT.items() if name != "extension"
    }
    assert after["extension"][0] == DRAFT["extension"][0]
    rating = next(entry for entry in after["extension"] if entry["url"] == RATING)
    assert rating["valueCodeableConcept"]["coding"][0] == {"system": RATING_SYSTEM, "code": "appropriate"}


def test_the_same_rating_keeps_its_consultation_and_another_gets_a_new_one() -> None:
    first = marked(DRAFT, "appropriate", None, "cds 1", "urn:uuid:1", "https://example.org/p#A")
    again = marked(first, "appropriate", None, "cds 1", "urn:uuid:2", "https://example.org/p#A")
    other = marked(first, "not-appropriate", None, "cds 1", "urn:uuid:3", "https://example.org/p#A")
    assert again == first
    assert [e["valueUri"] for e in other["extension"] if e["url"] == CONSULT_ID] == ["urn:uuid:3"]
    assert without_marks(other) == DRAFT


def test_an_accompanying_order_shares_reason_and_site_but_no_identity() -> None:
    template = {"resourceType": "ServiceRequest", "id": "x", "code": {"text": "INR"}, "intent": "proposal"}
    order = accompanying(DRAFT, template, "Patient/1")
    assert order["bodySite"] == DRAFT["bodySite"]
    assert order["intent"] == "order"
    assert "id" not in order
    assert "identifier" not in order


def test_a_draft_has_the_codings_that_came_not_those_of_its_words() -> None:
    came = {"code": {"coding": [{"system": "s", "display": "MRI"}], "text": "MRI of the spine"}}
    read = SimpleNamespace(
        code=SimpleNamespace(
            coding=[SimpleNamespace(system="s", code=None), SimpleNamespace(system=OWN, code="mri")],
        ),
        bodySite=(),
    )
    assert DraftOrder(read, lambda: came, is_read_from_text=True).codings == (("s", None),)
    assert DraftOrder(read, lambda: came, is_read_from_text=False).codings == (("s", None), (OWN, "mri"))


def test_a_draft_is_read_as_a_whole_only_when_that_is_asked_for() -> None:
    reads: list[int] = []

    def whole() -> dict[str, Any]:
        reads.append(1)
        return {"bodySite": [{"text": "T12"}, "no site"]}

    bare = DraftOrder(SimpleNamespace(bodySite=(), code=None), whole, is_read_from_text=False)
    assert (bare.codings, bare.sites, reads) == ((), (), [])
    sited = DraftOrder(SimpleNamespace(bodySite=[object()], code=None), whole, is_read_from_text=False)
    assert sited.sites == sited.json["bodySite"][:1]
    assert reads == [1]
