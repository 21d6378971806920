"""The decision about one order (or one call without orders), for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.proposals.evidence import FactEvidence


@dataclass(frozen=True, slots=True)
class Record:
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
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # absolute, relative, cautions, info, ...
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
    """The record as JSON; `within` another one the parts that both share are left out."""
    rendered: dict[str, Any] = {
        "order": None if within else record.order,
        "subject": None if within else record.subject,
        "procedure": None if within else record.procedure,
        "ratedAs": None if within else record.rated_as,
        "candidates": None if within else list(record.candidates),
        "level": record.level,
        "status": record.status,
        "primaryVariant": record.primary,
        "alsoMatches": list(record.also),
        "rating": record.rating,
        "panelDisagreement": record.disagreement if record.rating else None,
        "provisionalRating": record.provisional,
        "nearest": record.nearest,
        "reason": record.reason,
        **{name: list(ids) for name, ids in record.lists.items()},
        "mustAsk": list(record.must_ask),
        "safetyAsk": list(record.safety_ask),
        "notesUnknown": list(record.notes_unknown),
        "alternatives": list(record.alternatives),
        "suggestedNext": list(record.suggested_next),
        "careFlags": list(record.care_flags),
        "failed": list(record.failures),
        "indicator": record.indicator,
        "plan": record.plan,
        "evidence": [] if within else [_evidence(entry) for entry in record.evidence],
        "levels": [render_record(level, within=True) for level in record.levels],
    }
    return {name: value for name, value in rendered.items() if value is not None and value != []}


def _evidence(entry: FactEvidence) -> dict[str, Any]:
    rendered: dict[str, Any] = {"fact": entry.fact}
    if entry.value is not None:
        rendered["value"] = entry.value
    if entry.unit and entry.unit != "1":
        rendered["unit"] = entry.unit
    if entry.references:
        rendered["from"] = list(entry.references)
    if entry.dated:
        rendered["dated"] = entry.dated
    if entry.from_text:
        rendered["readFromText"] = True
    return rendered
