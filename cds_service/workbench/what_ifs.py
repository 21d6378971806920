"""What if: for each open question, what every answer would make of the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.hooks.rendering import encode_json, response_json
from cds_service.workbench.assertions import with_assertions
from cds_service.workbench.bench import Answered, Bench
from cds_service.workbench.changes import Change, changes_between, records_of

MOST = 60  # decisions that are tried for one page
# Where a number is tried first; where two neighbours differ, the place between them is looked for.
_NUMBERS = tuple(map(Decimal, ("0", "0.5", "1", "2", "4", "7", "13", "30", "60", "120", "300", "1000")))
_FINE, _COARSE, _FINE_BELOW = Decimal("0.1"), Decimal(1), 20
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
        tried += len(choices) or len(_NUMBERS)
        if tried > MOST:
            break

        def told(value: Any, fact: str = fact) -> tuple[Change, ...]:
            return _changes(request, fact, value, answered, now, bench)

        answers = tuple(Answer(words, told(value)) for value, words in choices) or _of_numbers(told)
        found.append(OpenQuestion(fact, question.text, why, answers))
    return tuple(found)


def _of_numbers(told: Callable[[str], tuple[Change, ...]]) -> tuple[Answer, ...]:
    """What numbers of every size lead to: one answer for each range within which it is the same."""
    runs: list[tuple[Decimal, tuple[Change, ...]]] = []  # where a range begins, and what it leads to
    last, before = _NUMBERS[0], told(str(_NUMBERS[0]))
    runs.append((last, before))
    for number in _NUMBERS[1:]:
        after = told(str(number))
        if after != before:
            runs.append((_first_of(after, last, number, told), after))
        last, before = number, after
    answers = []
    for at, (begin, changes) in enumerate(runs):
        following = runs[at + 1][0] if at + 1 < len(runs) else None
        step = _step(begin if following is None else following)
        if len(runs) == 1:
            words = "any number"
        elif at == 0 and following is not None:
            words = f"up to {following - step}"
        elif following is None:
            words = f"{begin} or more"
        else:
            words = f"{begin} to {following - step}"
        answers.append(Answer(words, changes))
    return tuple(answers)


def _first_of(
    wanted: tuple[Change, ...], low: Decimal, high: Decimal, told: Callable[[str], tuple[Change, ...]]
) -> Decimal:
    """The smallest number between the two, in steps a person would use, that already leads where `high` does."""
    step = _step(high)
    least, most = 1, int((high - low) / step)
    while least < most:
        middle = (least + most) // 2
        if told(str(low + middle * step)) == wanted:
            most = middle
        else:
            least = middle + 1
    return low + least * step


def _step(number: Decimal) -> Decimal:
    return _FINE if number < _FINE_BELOW else _COARSE


def _changes(
    request: Mapping[str, Any], fact: str, value: Any, answered: Answered, now: Mapping[str, Any], bench: Bench
) -> tuple[Change, ...]:
    as_of = answered.request.as_of.isoformat(timespec="seconds")
    supposed = with_assertions(request, answered.service, {fact: {"value": value}}, as_of)
    decision = bench.answer(answered.service, encode_json(supposed)).decision
    changes = changes_between(now, response_json(decision.response), bench.knowledge.namespace)
    return tuple(change for change in changes if change.member in _TOLD)
