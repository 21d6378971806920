"""Questions about facts: their words, the Questionnaire that asks them, and the Observations that file the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.plans.element_values import UCUM
from cds_service.plans.extensions import listed
from cds_service.plans.facts_catalogue import FactCatalogue

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SURVEY = [{"coding": [{"system": _CATEGORY, "code": "survey", "display": "Survey"}]}]
_PREFIX = "ask-"
_KEPT = 5_000  # identifiers that are remembered
_ITEM_TYPES = {"Boolean": "boolean", "Integer": "integer", "Decimal": "quantity", "Quantity": "quantity"}


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked to learn one fact."""

    fact: str
    text: str
    type: str  # Questionnaire item type: boolean, quantity, integer, choice
    unit: str
    options: tuple[Option, ...]
    item: Mapping[str, Any]  # as authored, or made from the fact


class QuestionBook:
    """All questions that content can ask, by fact."""

    def __init__(self, questions: Iterable[Question], facts_system: str, base: str, prefix: str = _PREFIX) -> None:
        self.questions = {question.fact: question for question in questions}
        self.facts_system, self.base, self.prefix = facts_system, base, prefix
        self._order = sorted(self.questions)
        self._position = {fact: number for number, fact in enumerate(self._order)}
        self._identifiers: dict[frozenset[str], str] = {}
        self._codes: dict[str, Mapping[str, Any]] = {
            fact: {"coding": [{"system": facts_system, "code": fact}], "text": question.text}
            for fact, question in self.questions.items()
        }

    def text(self, fact: str) -> str:
        """The words of the question; the fact's id where there are none."""
        question = self.questions.get(fact)
        return question.text if question else fact

    def identifier(self, facts: Iterable[str]) -> str:
        """The id of the Questionnaire that asks for exactly these facts; it says nothing about a patient."""
        wanted = frozenset(facts)
        found = self._identifiers.get(wanted)
        if found is None:
            number = sum(1 << self._position[fact] for fact in wanted if fact in self.questions)
            digits = ""
            while number:
                number, rest = divmod(number, 36)
                digits = _DIGITS[rest] + digits
            if len(self._identifiers) >= _KEPT:
                self._identifiers.clear()
            found = self._identifiers[wanted] = self.prefix + (digits or "0")
        return found

    def facts_of(self, identifier: str) -> tuple[str, ...] | None:
        """The facts that the Questionnaire of this id asks for; None if it is not one of these."""
        text = identifier.removeprefix(self.prefix)
        if not identifier.startswith(self.prefix) or not text or len(text) > 64 or any(c not in _DIGITS for c in text):
            return None
        number = int(text, 36)
        if number >> len(self._order):
            return None
        return tuple(fact for position, fact in enumerate(self._order) if number >> position & 1)

    def questionnaire(self, facts: Sequence[str], title: str = "Open questions") -> dict[str, Any]:
        """The Questionnaire that asks for these facts."""
        identifier = self.identifier(facts)
        return {
            "resourceType": "Questionnaire",
            "id": identifier,
            "url": f"{self.base}/Questionnaire/{identifier}",
            "version": "1.0.0",
            "title": title,
            "status": "active",
            "subjectType": ["Patient"],
            "item": [dict(self.questions[fact].item) for fact in facts if fact in self.questions],
        }

    def observation(self, fact: str, answer: Any, subject: str, effective: str) -> dict[str, Any]:
        """The Observation that files `answer` (True, False, an Option, a number) for the fact.

        Parts that are the same for every patient are shared; nobody changes them in place.
        """
        question = self.questions[fact]
        observation: dict[str, Any] = {
            "resourceType": "Observation",
            "status": "final",
            "category": _SURVEY,
            "code": self._codes[fact],
            "subject": {"reference": subject},
            "effectiveDateTime": effective,
        }
        if isinstance(answer, bool):
            observation["valueBoolean"] = answer
        elif isinstance(answer, Option):
            coding = {"system": answer.system, "code": answer.code, "display": answer.display}
            observation["valueCodeableConcept"] = {"coding": [coding]}
        elif isinstance(answer, int) and question.type == "integer":
            observation["valueInteger"] = answer
        else:
            unit = question.unit or "1"
            observation["valueQuantity"] = {"value": answer, "unit": unit, "system": UCUM, "code": unit}
        return observation


def read_questions(
    facts: FactCatalogue,
    authored: Mapping[str, Any] | None,
    facts_system: str,
    names: Mapping[str, str],
    units: Mapping[str, str],
    options: Mapping[str, Sequence[Option]],
    base: str,
    prefix: str = _PREFIX,
) -> QuestionBook:
    """Questions for all facts: as authored in a Questionnaire, else made from the fact's name and type."""
    items = {str(item.get("linkId")): item for item in _items(authored or {})}
    questions = []
    for fact in facts.by_id.values():
        name = names.get(fact.id) or fact.says or fact.define
        kind = "choice" if options.get(fact.id) else _ITEM_TYPES.get(fact.type.removeprefix("System."), "boolean")
        item = items.get(fact.id)
        if item is None:
            item = _made_item(fact.id, name, kind, facts_system, options.get(fact.id, ()), units.get(fact.id, ""))
        questions.append(
            Question(
                fact.id,
                str(item.get("text") or name),
                str(item.get("type") or kind),
                units.get(fact.id, ""),
                tuple(options.get(fact.id, ())),
                item,
            )
        )
    return QuestionBook(questions, facts_system, base, prefix)


def _items(owner: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for item in listed(owner.get("item")):
        if item.get("type") == "group":
            yield from _items(item)
        else:
            yield item


def _made_item(fact: str, name: str, kind: str, system: str, options: Sequence[Option], unit: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "linkId": fact,
        "code": [{"system": system, "code": fact}],
        "text": f"{name[:1].upper()}{name[1:]}".removesuffix("?") + "?",
        "type": kind,
    }
    if options:
        item["answerOption"] = [
            {"valueCoding": {"system": o.system, "code": o.code, "display": o.display}} for o in options
        ]
    if kind == "quantity" and unit:
        url = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
        item["extension"] = [{"url": url, "valueCoding": {"system": UCUM, "code": unit, "display": unit}}]
    return item
