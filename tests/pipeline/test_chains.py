"""Hooks of one chain: what order-select has said, order-sign does not repeat, unless a site wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cds_service.app import offers_of
from cds_service.hooks.rendering import response_json
from cds_service.settings import Settings
from tests.pipeline.calls import content, facts, order, records, request

CHART = facts(vcf_identified=True, vcf_new=True, malignancy_history=False)  # symptoms are asked for
PAINFUL = [*CHART, *facts(symptomatic=True)]


def _chain(
    settings: Settings, procedure: str, chart: Sequence[dict[str, Any]]
) -> tuple[dict[str, object], dict[str, object]]:
    offers = offers_of(content(), settings)
    answers = []
    for hook in ("order-select", "order-sign"):
        service = content().service_for(hook)
        assert service is not None
        answers.append(
            response_json(offers[service.id].decide(request(hook, chart, [order(procedure, "L1")])).response)
        )
    return answers[0], answers[1]


def _keys(answer: dict[str, object]) -> set[str]:
    cards = answer["cards"]
    assert isinstance(cards, list)
    return {card["extension"]["example.cds-service.decision-key"] for card in cards}


@pytest.mark.parametrize(
    ("procedure", "chart"),
    [
        ("mri-spine-wo", CHART),
        ("mri-spine-wwo", CHART),  # at signing something is good to know besides
        ("mri-spine-wwo", PAINFUL),
    ],
)
def test_advice_is_given_once_and_the_record_always(procedure: str, chart: Sequence[dict[str, Any]]) -> None:
    repeated = _chain(Settings(), procedure, chart)
    assert _keys(repeated[0]) & _keys(repeated[1])
    once = _chain(Settings(repeat_advice=False), procedure, chart)
    assert once[0]["cards"]
    assert not _keys(once[0]) & _keys(once[1])
    assert _keys(once[1]) == _keys(repeated[1]) - _keys(repeated[0])
    assert records(once[1]) == records(repeated[1])
    assert once[1].get("systemActions", []) == repeated[1].get("systemActions", [])
