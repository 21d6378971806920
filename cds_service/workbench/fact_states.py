"""The facts of a patient as the form shows them: what the chart says now, and which of them matter here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cds_service.errors import CdsError
from cds_service.knowledge.services import KnownService
from cds_service.pipeline import Decision
from cds_service.plans.evidence import fact_evidence
from cds_service.plans.logic import Logic
from cds_service.plans.wording import Vocabulary
from cds_service.workbench.values import value_words


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact as a line of the form."""

    id: str
    title: str
    name: str
    type: str
    unit: str
    options: tuple[tuple[str, str], ...]
    group: str
    words: str


def fact_rows(service: KnownService) -> tuple[FactRow, ...]:
    """The facts that can be set, in the order of the libraries that define them."""
    if service.deciding is None:
        return ()
    words = service.deciding.words
    rows: list[FactRow] = []
    for fact in service.deciding.knowhow.facts.facts:
        question = words.questions.questions.get(fact.id)
        if question is None or any(row.id == fact.id for row in rows):
            continue
        name = words.fact_names.get(fact.id, fact.id)
        rows.append(
            FactRow(
                id=fact.id,
                title=question.text,
                name=name,
                type="options" if question.options else "tri" if question.type == "boolean" else "number",
                unit="" if question.unit == "1" else question.unit,
                options=tuple((option.code, option.display) for option in question.options),
                group=_spaced(fact.library),
                words=f"{fact.id} {name} {question.text}".casefold(),
            )
        )
    return tuple(rows)


def fact_states(decision: Decision, service: KnownService) -> dict[str, dict[str, Any]]:
    """For each fact what it is for this patient, where that comes from, and whether the decision looks at it."""
    if service.deciding is None:
        return {}
    logic = _logic_of(decision)
    mattering, open_facts = _mattering(decision)
    words = service.deciding.words
    return {
        fact.id: {
            "now": _now(fact.id, logic, service, words),
            "matters": fact.id in mattering,
            "open": fact.id in open_facts,
        }
        for fact in service.deciding.knowhow.facts.facts
    }


def _logic_of(decision: Decision) -> Logic:
    for judged in decision.trace.judged:
        for judgement in judged.judgements:
            if judgement.logic is not None:
                return judgement.logic
    return decision.trace.logic


def _now(identifier: str, logic: Logic, service: KnownService, words: Vocabulary) -> str:
    assert service.deciding is not None
    fact = service.deciding.knowhow.facts.by_id[identifier]
    try:
        found = fact_evidence(fact, logic, logic.read_from_text())
    except CdsError:
        return "could not be worked out"
    if found is None:
        return "could not be worked out"
    text = value_words(found.value, found.unit, words, identifier)
    return f"{text} ({found.dated})" if found.dated and found.value is not None else text


def _mattering(decision: Decision) -> tuple[set[str], set[str]]:
    known: set[str] = set()
    asked: set[str] = set()
    for judged in decision.trace.judged:
        known.update(entry.fact for entry in judged.evidence)
        for judgement in judged.judgements:
            record = judgement.record
            asked.update((*record.must_ask, *record.safety_ask, *record.notes_unknown))
    return known | asked, asked


def _spaced(name: str) -> str:
    """`FractureFacts` as `Fracture facts`."""
    parts = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).split()
    return " ".join(parts).capitalize()
