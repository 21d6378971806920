"""What if: for each open question, what every answer would make of the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.hooks.rendering import encode_json, response_json
from cds_service.workbench.assertions import with_assertions
from cds_service.workbench.bench import Answered, Bench
from cds_service.workbench.changes import Change, changes_between, records_of

MOST = 60  # decisions that are tried for one page
_ASKED = ("mustAsk", "safetyAsk", "notesUnknown")
_TOLD = frozenset(
    {"Status", "Rating", "Scenario", "Provisional rating", "Contraindications", "Correct first", "Cautions",
     "Imaging safety", "Alternatives"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a question and what it changes; no change: it makes no difference to the decision."""

    words: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A fact that is not known, why it is asked, and what each answer would lead to."""

    fact: str
    text: str
    why: str
    answers: tuple[Answer, ...]


_WHY = {"mustAsk": "the rating waits for it", "safetyAsk": "asked for safety", "notesUnknown": "taken as absent"}


def what_ifs(request: Mapping[str, Any], answered: Answered, bench: Bench) -> tuple[OpenQuestion, ...]:
    """The open questions of a decision with what their answers would change."""
    deciding = answered.service.deciding
    if deciding is None:
        return ()
    namespace = bench.knowledge.namespace
    now = response_json(answered.decision.response)
    asked: dict[str, str] = {}
    for record in records_of(now, namespace):
        for name in _ASKED:
            for fact in record.get(name, ()):
                asked.setdefault(fact, _WHY[name])
    found: list[OpenQuestion] = []
    tried = 0
    for fact, why in asked.items():
        question = deciding.words.questions.questions.get(fact)
        if question is None:
            continue
        choices: list[tuple[Any, str]] = [(option.code, option.display) for option in question.options]
        if question.type == "boolean":
            choices = [(True, "yes"), (False, "no")]
        tried += len(choices)
        if tried > MOST:
            break
        answers = tuple(Answer(words, _changes(request, fact, value, answered, now, bench)) for value, words in choices)
        found.append(OpenQuestion(fact, question.text, why, answers))
    return tuple(found)


def _changes(
    request: Mapping[str, Any], fact: str, value: Any, answered: Answered, now: Mapping[str, Any], bench: Bench
) -> tuple[Change, ...]:
    as_of = answered.request.as_of.isoformat(timespec="seconds")
    supposed = with_assertions(request, answered.service, {fact: {"value": value}}, as_of)
    decision = bench.answer(answered.service, encode_json(supposed)).decision
    changes = changes_between(now, response_json(decision.response), bench.knowledge.namespace)
    return tuple(change for change in changes if change.member in _TOLD)
