"""Answers to open questions as suggestions that file them, so that the next call decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cds_service.plans.offers import Subject
from cds_service.plans.questions import Option
from cds_service.plans.wording import Vocabulary
from cds_service.proposals.proposals import ProposedAction, ProposedSuggestion

_MOST_ANSWERS = 8
_CLICKED = frozenset({"boolean", "choice"})  # types of questions with few answers
Sites = Callable[[str], Sequence[Mapping[str, Any]]]  # where in the body the answer to a fact belongs


def answers_to(asked: Sequence[str], words: Vocabulary, subject: Subject, sites: Sites) -> list[ProposedSuggestion]:
    """Answers to the questions about facts, each to be filed with one click; of one question only one is taken."""
    book = words.questions
    answered = [fact for fact in asked if fact in book.questions and book.questions[fact].type in _CLICKED]
    kind = "choose" if len(answered) == 1 else "answer"
    found: list[ProposedSuggestion] = []
    for fact in answered:
        question = book.questions[fact]
        choices: Sequence[tuple[bool | Option, str]]
        if question.type == "boolean":
            names = words.answer_names
            choices = ((True, names.get("true", "yes")), (False, names.get("false", "no")))
        else:
            choices = [(option, option.display) for option in question.options]
        if len(found) + len(choices) > _MOST_ANSWERS:
            break
        levels = sites(fact)
        for value, text in choices:
            observation = book.observation(fact, value, subject.patient, subject.as_of, levels)
            label = f"{question.text} {text[:1].upper()}{text[1:]}"
            found.append(ProposedSuggestion(label, (ProposedAction("create", label, observation),), kind))
    return found
