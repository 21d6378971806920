"""Answers as JSON: nothing null or empty goes out but `cards: []`, and decimals keep every digit."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

import msgspec

from cds_service.hooks.cards import Action, Card, Coding, Link, Response, Source, Suggestion

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EMPTY = b'{"cards":[]}'


def encode_json(value: object) -> bytes:
    """JSON text of plain data; decimals as numbers, digit for digit."""
    return _ENCODER.encode(value)


def render_response(response: Response) -> bytes:
    """The body of the answer; system actions stand at the root and, for clients of the PAMA guide, in its extension."""
    if not (response.cards or response.system_actions or response.extension):
        return _EMPTY
    return _ENCODER.encode(response_json(response))


def response_json(response: Response) -> dict[str, Any]:
    """The answer as plain data."""
    answer: dict[str, Any] = {"cards": [_card(card) for card in response.cards]}
    extension = prune(response.extension)
    if response.system_actions:
        actions = [_action(action) for action in response.system_actions]
        answer["systemActions"] = actions
        extension = {"systemActions": actions, **extension}
    if extension:
        answer["extension"] = extension
    return answer


def prune(value: Any) -> Any:
    """Plain data without members that are null, or empty text, arrays or objects."""
    if isinstance(value, Mapping):
        members = {}
        for name, part in value.items():
            kept = part if part.__class__ in _BARE else prune(part)
            if kept is not None and (kept or kept.__class__ not in _EMPTY_KINDS):
                members[name] = kept
        return members
    if isinstance(value, (list, tuple)):
        parts = []
        for part in value:
            kept = part if part.__class__ in _BARE else prune(part)
            if kept is not None and (kept or kept.__class__ not in _EMPTY_KINDS):
                parts.append(kept)
        return parts
    return value


_BARE = frozenset({str, bool, int, float, NoneType})
_EMPTY_KINDS = frozenset({str, list, dict})


def _card(card: Card) -> dict[str, Any]:
    out: dict[str, Any] = {"uuid": card.uuid, "summary": card.summary}
    if card.detail:
        out["detail"] = card.detail
    out["indicator"] = card.indicator
    out["source"] = _source(card.source)
    if card.suggestions:
        out["suggestions"] = [_suggestion(suggestion) for suggestion in card.suggestions]
        out["selectionBehavior"] = card.selection_behavior
    if card.override_reasons:
        out["overrideReasons"] = [_coding(reason) for reason in card.override_reasons]
    if card.links:
        out["links"] = [_link(link) for link in card.links]
    extension = dict(card.extension)
    if card.associated:
        extension["davinci-crd.associated-resource"] = [{"reference": reference} for reference in card.associated]
    extension = prune(extension)
    if extension:
        out["extension"] = extension
    return out


def _source(source: Source) -> dict[str, Any]:
    out: dict[str, Any] = {"label": source.label}
    if source.url:
        out["url"] = source.url
    if source.icon:
        out["icon"] = source.icon
    if source.topic:
        out["topic"] = _coding(source.topic)
    return out


def _coding(coding: Coding) -> dict[str, str]:
    out = {"code": coding.code, "system": coding.system}
    if coding.display:
        out["display"] = coding.display
    return out


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    out: dict[str, Any] = {"label": suggestion.label, "uuid": suggestion.uuid}
    if suggestion.is_recommended:
        out["isRecommended"] = True
    if suggestion.actions:
        out["actions"] = [_action(action) for action in suggestion.actions]
    return out


def _action(action: Action) -> dict[str, Any]:
    out: dict[str, Any] = {"type": action.type, "description": action.description}
    if action.resource is not None:
        out["resource"] = action.resource
    if action.resource_id is not None:
        out["resourceId"] = action.resource_id
    extension = prune(action.extension)
    if extension:
        out["extension"] = extension
    return out


def _link(link: Link) -> dict[str, Any]:
    out: dict[str, Any] = {"label": link.label, "url": link.url, "type": link.type}
    if link.app_context:
        out["appContext"] = link.app_context
    if link.autolaunchable:
        out["autolaunchable"] = True
    return out
