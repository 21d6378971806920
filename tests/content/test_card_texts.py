"""What every card of every case says: short, in words, without ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds_service.cases.coverage import Coverage
from cds_service.cases.running import CaseResult

Results = tuple[list[CaseResult], Coverage]
_ID = re.compile(
    r"\b(?:IND|ELIG|ABS|REL|CAU|TIM|IMG|BX|MED|ABL|RT|SURG|RN|TECH|SINS|ESCC|RF|EV|CARE|SAFE|AC|PP|PV|PMMA)-[A-Z0-9]"
)
_NAME = re.compile(r"\b[a-z]+_[a-z_]+\b")


def _cards(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    for result in results[0]:
        for card in result.answer.get("cards", []):
            yield result.case.id, card


def test_cards_speak_words(case_results: Results) -> None:
    """Ids stay in the record; nothing is left unfilled."""
    found = []
    for case, card in _cards(case_results):
        text = f"{card['summary']}\n{card.get('detail', '')}"
        for what, pattern in (("id", _ID), ("name", _NAME), ("gap", re.compile(r"[{}]|\bNone\b(?! of)|\bnull\b"))):
            if match := pattern.search(text):
                found.append((case, what, match.group(), card["summary"]))
    assert found == []


def test_summaries_are_short(case_results: Results) -> None:
    """Under 140 characters, and not cut."""
    assert [(c, card["summary"]) for c, card in _cards(case_results) if len(card["summary"]) >= 140] == []
    assert [(c, card["summary"]) for c, card in _cards(case_results) if card["summary"].endswith("…")] == []


def test_the_disclaimer_is_said_once(case_results: Results) -> None:
    """Once where a rating or its question is given, never twice."""
    for result in case_results[0]:
        texts = [card.get("detail", "") for card in result.answer.get("cards", [])]
        orders = len(result.answer.get("extension", {}).get("example.cds-service.decisions", [])) or 1
        assert sum(text.count("The clinician decides") for text in texts) <= orders


def test_no_rating_without_an_order(case_results: Results) -> None:
    """When the chart is opened nothing is rated."""
    for result in case_results[0]:
        if result.case.hook == "patient-view":
            assert all("appropriate" not in card["summary"] for card in result.answer.get("cards", []))
