"""Before and after: what differs between two answers, told record by record and card by card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Members of a decision record in the order in which they are told, with their words.
MEMBERS: Mapping[str, str] = {
    "status": "Status",
    "rating": "Rating",
    "primaryVariant": "Scenario",
    "alsoMatches": "Also matches",
    "level": "Level",
    "procedure": "Procedure",
    "candidates": "Possible procedures",
    "panelDisagreement": "Panel divided",
    "provisionalRating": "Provisional rating",
    "nearest": "Nearest scenario",
    "reason": "Reason",
    "absolute": "Contraindications",
    "relative": "Correct first",
    "cautions": "Cautions",
    "imagingSafety": "Imaging safety",
    "info": "Worth knowing",
    "mustAsk": "Must be asked",
    "safetyAsk": "Asked for safety",
    "notesUnknown": "Taken as absent",
    "alternatives": "Alternatives",
    "suggestedNext": "Suggested next",
    "careFlags": "Care not met or not documented",
    "failed": "Could not be worked out",
    "indicator": "Indicator",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; what was added and what went where the member is a list."""

    about: str
    member: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def records_of(answer: Mapping[str, Any], namespace: str) -> list[Mapping[str, Any]]:
    """The decision records of an answer."""
    return list((answer.get("extension") or {}).get(f"{namespace}.decisions", []))


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any], namespace: str) -> tuple[Change, ...]:
    """What differs between two answers to the same patient."""
    found: list[Change] = []
    old, new = _by_subject(records_of(before, namespace)), _by_subject(records_of(after, namespace))
    for about in dict.fromkeys((*old, *new)):
        for name, words in MEMBERS.items():
            was, now = _texts(old.get(about, {}).get(name)), _texts(new.get(about, {}).get(name))
            if was != now:
                found.append(Change(about, words, was, now))
    cards_before, cards_after = _summaries(before), _summaries(after)
    if cards_before != cards_after:
        gone = tuple(card for card in cards_before if card not in cards_after)
        come = tuple(card for card in cards_after if card not in cards_before)
        if gone or come:
            found.append(Change("", "Cards", gone, come))
    return tuple(found)


def _by_subject(records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(record.get("order") or record.get("subject") or ""): record for record in records}


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or value is False or value == []:
        return ()
    if isinstance(value, list):
        return tuple(str(entry) for entry in value)
    return ("yes",) if value is True else (str(value),)


def _summaries(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{card['indicator']}: {card['summary']}" for card in answer.get("cards", ()))
