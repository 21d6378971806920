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
    # absolute, relative, cautions, info, ...
    lists: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
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
    out: dict[str, Any] = {}
    if not within:
        if record.order:
            out["order"] = record.order
        if record.subject:
            out["subject"] = record.subject
        if record.procedure:
            out["procedure"] = record.procedure
        if record.rated_as:
            out["ratedAs"] = record.rated_as
        if record.candidates:
            out["candidates"] = _entries(record.candidates)
    if record.level:
        out["level"] = record.level
    out["status"] = record.status
    _put_result(out, record)
    for name, ids in record.lists.items():
        if ids:
            out[name] = _entries(ids)
    _put_rest(out, record)
    out["indicator"] = record.indicator
    if record.plan:
        out["plan"] = record.plan
    if record.evidence and not within:
        out["evidence"] = list(map(_evidence, record.evidence))
    if record.levels:
        out["levels"] = [render_record(level, within=True) for level in record.levels]
    return out


def _put_result(out: dict[str, Any], record: Record) -> None:
    """What the scenarios come to."""
    if record.primary:
        out["primaryVariant"] = record.primary
    if record.also:
        out["alsoMatches"] = _entries(record.also)
    if record.rating:
        out["rating"] = record.rating
        out["panelDisagreement"] = record.disagreement
    if record.provisional:
        out["provisionalRating"] = record.provisional
    if record.nearest:
        out["nearest"] = record.nearest
    if record.reason:
        out["reason"] = record.reason


def _put_rest(out: dict[str, Any], record: Record) -> None:
    """What is to be asked, what else would do, what is missing."""
    if record.must_ask:
        out["mustAsk"] = _entries(record.must_ask)
    if record.safety_ask:
        out["safetyAsk"] = _entries(record.safety_ask)
    if record.notes_unknown:
        out["notesUnknown"] = _entries(record.notes_unknown)
    if record.alternatives:
        out["alternatives"] = _entries(record.alternatives)
    if record.suggested_next:
        out["suggestedNext"] = _entries(record.suggested_next)
    if record.care_flags:
        out["careFlags"] = _entries(record.care_flags)
    if record.failures:
        out["failed"] = _entries(record.failures)


def _entries(values: Iterable[Any]) -> list[Any]:
    return list(filter(None, values))


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
