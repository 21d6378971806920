"""The decision about one order (or one call without orders), for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cds_service.proposals.evidence import FactEvidence


class Record(msgspec.Struct, frozen=True, gc=False):
    """One decision; `None` and empty lists are left out when it is rendered."""

    status: str
    order: str | None = None
    subject: str | None = None  # an appointment or encounter that the record is about
    procedure: str | None = None
    rated_as: str | None = None
    level: str | None = None
    primary: str | None = None
    also: tuple[str, ...] = ()
    rating: str | None = None
    disagreement: bool = False
    provisional: str | None = None
    nearest: str | None = None
    reason: str | None = None
    lists: Mapping[str, tuple[str, ...]] = msgspec.field(
        default_factory=dict
    )  # absolute, relative, cautions, info, ...
    must_ask: tuple[str, ...] = ()
    safety_ask: tuple[str, ...] = ()
    notes_unknown: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    suggested_next: tuple[str, ...] = ()
    care_flags: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    indicator: str = "info"
    plan: str | None = None
    evidence: tuple[FactEvidence, ...] = ()
    levels: tuple[Record, ...] = ()


def render_record(record: Record, *, within: bool = False) -> dict[str, Any]:
    """The record as JSON without anything null or empty; `within` another one without the parts that both share."""
    shared: dict[str, Any] = {}
    if not within:
        shared = {
            "order": record.order,
            "subject": record.subject,
            "procedure": record.procedure,
            "ratedAs": record.rated_as,
            "candidates": record.candidates,
        }
    rendered = {
        **shared,
        "level": record.level,
        "status": record.status,
        "primaryVariant": record.primary,
        "alsoMatches": record.also,
        "rating": record.rating,
        "panelDisagreement": record.disagreement if record.rating else None,
        "provisionalRating": record.provisional,
        "nearest": record.nearest,
        "reason": record.reason,
        **record.lists,
        "mustAsk": record.must_ask,
        "safetyAsk": record.safety_ask,
        "notesUnknown": record.notes_unknown,
        "alternatives": record.alternatives,
        "suggestedNext": record.suggested_next,
        "careFlags": record.care_flags,
        "failed": record.failures,
        "indicator": record.indicator,
        "plan": record.plan,
        "evidence": () if within else tuple([_evidence(entry) for entry in record.evidence]),
        "levels": tuple([render_record(level, within=True) for level in record.levels]),
    }
    return {
        name: _entries(value) if value.__class__ is tuple else value
        for name, value in rendered.items()
        if value or value is False
    }


def _entries(value: Iterable[Any]) -> list[Any]:
    return [entry for entry in value if entry]


def _evidence(entry: FactEvidence) -> dict[str, Any]:
    rendered: dict[str, Any] = {"fact": entry.fact}
    value = entry.value
    if value is True or value is False:
        rendered["value"] = value
    elif value is not None:
        if value.__class__ is list:
            value = _known(value)
        if value != "" and value != []:
            rendered["value"] = value
        if entry.unit and entry.unit != "1":
            rendered["unit"] = entry.unit
    if entry.references:
        rendered["from"] = _entries(entry.references)
    if entry.dated:
        rendered["dated"] = entry.dated
    if entry.from_text:
        rendered["readFromText"] = True
    return rendered


def _known(values: Iterable[Any]) -> list[Any]:
    """The values that are some, also in lists within the list."""
    found = [_known(value) if isinstance(value, list) else value for value in values]
    return [value for value in found if value is not None and value != "" and value != []]
