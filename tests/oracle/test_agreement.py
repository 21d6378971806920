"""The service and the plain reading of the clinical tables agree on every patient that chance can think of."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from cds_service.hooks.rendering import render_response
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.loading import load_knowledge
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import decide
from cds_service.settings import default_content
from tests.oracle.asserting import hook_call
from tests.oracle.reading import Chart, fact_rows, procedure_rows, read, table

KEYS = (
    "status", "primaryVariant", "alsoMatches", "rating", "provisionalRating", "absolute", "relative", "cautions",
    "info", "mustAsk", "safetyAsk", "notesUnknown", "alternatives", "indicator",
)  # fmt: skip
ORDERED = frozenset({"alternatives"})  # the others are sets
LIKELY = (
    "vcf_identified", "vcf_new", "symptomatic", "new_back_pain", "malignancy_history", "fracture_etiology",
    "marrow_edema", "intravertebral_cleft", "pain_worsening", "mechanical_pain_ongoing", "prior_augmentation", "inr",
    "platelets", "imaging_exam_concordant", "multiple_vcfs", "vcf_previously_treated",
)  # fmt: skip
NUMBERS = {
    "inr": (0.9, 1.4, 1.5, 1.6, 3),
    "platelets": (30, 49, 50, 51, 200),
    "height_loss_pct": (10, 66, 67, 80),
    "life_expectancy_months": (1, 2, 3, 6, 7, 12),
    "deficit_hours": (10, 47, 48, 60),
    "fracture_age_weeks": (1, 5, 6, 12, 13, 52, 53),
    "pain_duration_weeks": (1, 5, 6, 13, 14, 30),
}
# Asked of nobody and derived from the order or the patient, so that a chart does not state them.
NOT_STATED = frozenset({"age_years", "sex", "levels_ordered"})


@cache
def service() -> tuple[dict[str, str], Callable[[bytes], dict[str, Any]]]:
    knowledge = load_knowledge([default_content()])
    offered = knowledge.services["vcf-order-sign"]
    parser = RequestParser("order-sign", knowledge.resource_type)
    member = f"{knowledge.namespace}.asOf"

    def answer(body: bytes) -> dict[str, Any]:
        arrival = Arrival(datetime.now(UTC), "11111111-1111-4111-8111-111111111111", as_of_member=member)
        decision = decide(parser.parse(body, arrival), offered, knowledge, Sources())
        found = json.loads(render_response(decision.response))["extension"]
        records = found.get(f"{knowledge.namespace}.decisions") or [{}]
        return dict(records[0])

    return {need.key: need.type_name for need in offered.needs}, answer


def decided(facts: Mapping[str, Any], procedure: str, levels: list[str], age: int, sex: str) -> dict[str, Any]:
    prefetch, answer = service()
    return answer(json.dumps(hook_call("order-sign", facts, procedure, levels, age, sex, prefetch)).encode())


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    told = {}
    for key in KEYS:
        one, other = expected.get(key), found.get(key)
        if key not in ORDERED:
            one, other = (sorted(value) if isinstance(value, list) else value for value in (one, other))
        # Imaging safety lies beyond the tables; it counts like a caution.
        beyond = key == "indicator" and found.get("imagingSafety") and (one, other) == ("info", "warning")
        if one != other and not beyond:
            told[key] = (one, other)
    return told


def stated(fact: str, chance: random.Random) -> Any:
    row = fact_rows()[fact]
    if chance.random() < 0.12:
        return None
    if row["type"] == "tri":
        return chance.random() < 0.55
    return chance.choice(row["values"] if row["type"] == "code" else NUMBERS.get(fact, (1, 5, 20)))


def patient(chance: random.Random) -> tuple[dict[str, Any], str, list[str], int, str]:
    facts = {fact: stated(fact, chance) for fact in LIKELY if chance.random() < 0.7}
    others = [fact for fact, row in fact_rows().items() if "derived" not in row and fact not in NOT_STATED]
    facts |= {fact: stated(fact, chance) for fact in chance.sample(others, chance.randint(0, 12))}
    procedure = chance.choice([name for name in procedure_rows() if name != "sacroplasty"])
    facts.pop("target_level_in_scope", None)
    levels = chance.sample(["T11", "T12", "L1", "L2"], chance.choice([1, 1, 1, 0]))
    return facts, procedure, levels, chance.choice([25, 50, 55, 56, 64, 65, 80]), chance.choice(["male", "female"])


@pytest.mark.parametrize("seed", range(12))
def test_both_readings_agree(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        facts, procedure, levels, age, sex = patient(chance)
        expected = read(Chart(facts, age, sex, len(levels)), procedure)
        told = differences(expected, decided(facts, procedure, levels, age, sex))
        assert not told, (procedure, levels, age, sex, facts)


@pytest.mark.parametrize(
    "vignette", [row for row in table("vignettes.yaml")["vignettes"] if row["order"]], ids=lambda row: row["id"]
)
def test_the_oracle_itself_reads_the_vignettes_as_their_authors(vignette: dict[str, Any]) -> None:
    order, patient_row, expected = vignette["order"], vignette["patient"], vignette["expected"]
    levels = order.get("levels") or []
    found = read(Chart(vignette["facts"], patient_row["age"], patient_row["sex"], len(levels)), order["procedure"])
    names = {
        "must_ask": "mustAsk",
        "safety_ask": "safetyAsk",
        "notes_unknown": "notesUnknown",
        "also_matches": "alsoMatches",
    }
    for key in ("absolute", "relative", "cautions", *names):
        assert sorted(expected[key]) == sorted(found.get(names.get(key, key), [])), key
    assert expected["alternatives"] == found.get("alternatives", [])
    assert expected["status"] == found["status"]
    assert expected["rating"] == found.get("rating")
    assert expected["indicator"] == found["indicator"]
