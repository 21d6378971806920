"""Answers as JSON: nothing null or empty goes out but `cards: []`, and decimals keep every digit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from cds_service.hooks.cards import Action, Card, Coding, Link, Response, Source, Suggestion

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_EMPTY = b'{"cards":[]}'


class _Card(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, rename="camel"):
    """A card with its members in the order in which they are written."""

    uuid: str
    summary: str
    detail: str = ""
    indicator: str
    source: Source
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: str | None = None
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    extension: Mapping[str, Any] | None = None


class _Answer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """An answer with its members in the order in which they are written."""

    cards: list[_Card]
    system_actions: tuple[Action, ...] = ()
    extension: Mapping[str, Any] | None = None


def encode_json(value: object) -> bytes:
    """JSON text of plain data; decimals as numbers, digit for digit."""
    return _ENCODER.encode(value)


def written(value: object) -> msgspec.Raw:
    """Plain data as JSON text that goes out as it is, wherever it stands: for parts that many answers have."""
    return msgspec.Raw(_ENCODER.encode(value))


def render_response(response: Response) -> bytes:
    """The body of the answer; system actions stand at the root and, for clients of the PAMA guide, in its extension."""
    if not (response.cards or response.system_actions or response.extension):
        return _EMPTY
    return _ENCODER.encode(_answer(response))


def response_json(response: Response) -> dict[str, Any]:
    """The answer as plain data."""
    return _DECODER.decode(render_response(response))


def _answer(response: Response) -> _Answer:
    cards = list(map(_card, response.cards))
    actions, extension = response.system_actions, response.extension
    if actions:
        return _Answer(cards, actions, {"systemActions": actions, **extension})
    return _Answer(cards, extension=extension or None)


def _card(card: Card) -> _Card:
    extension = card.extension
    if card.associated:
        references = [{"reference": reference} for reference in card.associated]
        extension = {**extension, "davinci-crd.associated-resource": references}
    return _Card(
        uuid=card.uuid,
        summary=card.summary,
        detail=card.detail or "",
        indicator=card.indicator,
        source=card.source,
        suggestions=card.suggestions or (),
        selection_behavior=card.selection_behavior,
        override_reasons=card.override_reasons or (),
        links=card.links or (),
        extension=extension or None,
    )
