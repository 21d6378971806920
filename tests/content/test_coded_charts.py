"""Charts in standard codes are decided like the facts that a person would read in them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from cds_service.cases.reading import Case
from cds_service.cases.running import CaseRunner
from cds_service.knowledge.knowledge import Knowledge
from tests.content.coded_charts import coded_chart
from tests.oracle.reading import Chart, read

PROCEDURES = (
    "vertebroplasty", "mri-spine-wo", "mri-spine-wwo", "ct-spine-w", "biopsy-spine", "cryoablation-spine",
    "surgical-consult", "radonc-consult", "medical-management", "bone-scan-wb", "fdg-pet-ct",
)  # fmt: skip
KEYS = (
    "status", "primaryVariant", "alsoMatches", "rating", "provisionalRating", "absolute", "relative", "cautions",
    "info", "mustAsk", "safetyAsk", "notesUnknown", "alternatives", "indicator",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_codes_and_facts_lead_to_the_same_decision(seed: int, content_knowledge: Knowledge) -> None:
    """The record equals what the tables say about the intended facts."""
    chance = random.Random(seed)
    chart, procedure = coded_chart(chance), chance.choice(PROCEDURES)
    case = Case(
        id=f"coded-{seed}",
        title="",
        origin="",
        hook="order-sign",
        resources=chart.resources,
        orders=[{"id": "o1", "procedure": procedure, "levels": ["L1"]}],
    )
    answer = CaseRunner(content_knowledge).run(case).answer
    record = answer["extension"]["example.cds-service.decisions"][0]
    expected = read(Chart(chart.facts, age=chart.age, sex=chart.sex, levels=1), procedure)
    if record.get("imagingSafety") and expected["indicator"] == "info":
        expected["indicator"] = "warning"  # imaging safety is outside the tables
    assert _shown(record) == _shown(expected)


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared: the lists in any order, without what is empty."""
    kept = {key: record[key] for key in KEYS if record.get(key)}
    return {key: sorted(value) if isinstance(value, list) else value for key, value in kept.items()}
