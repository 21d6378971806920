"""Answers to open questions as suggestions that file them, so that the next call decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cds_service.plans.offers import Subject
from cds_service.plans.wording import Vocabulary
from cds_service.proposals.proposals import ProposedAction, ProposedSuggestion

_MOST_ANSWERS = 8
Sites = Callable[[str], Sequence[Mapping[str, Any]]]  # where in the body the answer to a fact belongs


def answers_to(asked: Sequence[str], words: Vocabulary, subject: Subject, sites: Sites) -> list[ProposedSuggestion]:
    """Answers to the questions about facts, each to be filed with one click; of one question only one is taken."""
    answered = [(fact, answers) for fact in asked if (answers := words.answers(fact)) is not None]
    if not answered:
        return []
    kind = "choose" if len(answered) == 1 else "answer"
    own: dict[str, Any] = {"subject": {"reference": subject.patient}, "effectiveDateTime": subject.as_of}
    found: list[ProposedSuggestion] = []
    for fact, answers in answered:
        if len(found) + len(answers) > _MOST_ANSWERS:
            break
        levels = sites(fact)
        where = {"bodySite": levels[0]} if len(levels) == 1 else {}
        for label, observation in answers:
            action = ProposedAction("create", label, {**observation, **own, **where})
            found.append(ProposedSuggestion(label, (action,), kind))
    return found
