"""Which orders a card offers: those that its own words call for, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.cases.reading import Case
from cds_service.cases.running import CaseRunner
from cds_service.knowledge.knowledge import Knowledge

FRACTURE = {
    "vcf_identified": True, "vcf_new": True, "symptomatic": True, "fracture_etiology": "osteoporotic",
    "malignancy_history": False, "neurologic_deficit": False, "target_osteomyelitis": False, "pregnant": False,
}  # fmt: skip


def cards(knowledge: Knowledge, **facts: Any) -> dict[str, list[str]]:
    """The order buttons of each card for a kyphoplasty, by what the card is about."""
    case = Case(
        id="buttons",
        title="",
        origin="",
        hook="order-sign",
        facts={**FRACTURE, **facts},
        orders=[{"id": "o1", "procedure": "balloon-kyphoplasty", "levels": ["L1"]}],
    )
    answer = CaseRunner(knowledge).run(case).answer
    return {
        card["source"]["topic"]["code"]: [
            suggestion["label"].removeprefix("Add: ")
            for suggestion in card.get("suggestions", [])
            if suggestion["label"].startswith(("Add: ", "Record: "))
        ]
        for card in answer["cards"]
    }


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, ["INR", "Platelet count"]),
        ({"inr": 1.0}, ["Platelet count"]),
        ({"platelets": 200}, ["INR"]),
        ({"inr": 1.0, "platelets": 200}, []),
    ],
)
def test_the_clearance_card_offers_the_laboratory_value_that_is_missing(
    content_knowledge: Knowledge, values: dict[str, Any], wanted: list[str]
) -> None:
    """A value that is there is not ordered again."""
    assert cards(content_knowledge, **values)["clearance"] == wanted


def test_a_surgeon_is_offered_where_the_card_speaks_of_one(content_knowledge: Knowledge) -> None:
    """On the card of the contraindication, not on the others as well."""
    found = cards(content_knowledge, neurologic_deficit=True, retropulsion=True, inr=1.0, platelets=200)
    offering = [topic for topic, labels in found.items() if any("surgical consultation" in label for label in labels)]
    assert len(offering) == 1
    assert "clearance" not in offering
