"""Cards from proposals: worst first, each with its words, buttons, reasons to decline, and the key of its advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

from cds_service.cards.templates import fill_detail, fill_summary
from cds_service.hooks.cards import (
    Action,
    Card,
    CardOrigin,
    Coding,
    InvalidCard,
    Link,
    SelectionBehavior,
    Source,
    Suggestion,
)
from cds_service.hooks.identifiers import derive_uuid
from cds_service.hooks.plain import Pruned
from cds_service.proposals.proposals import CardTemplate, Proposal, ProposedLink, ProposedSuggestion, Reason

_SERIOUSNESS = {"critical": 0, "warning": 1, "info": 2}
_CONCERN_FIRST = {"rules": 0, "questions": 1, "rating": 2}
KEY_EXTENSION = "decision-key"
_NO_WORDS = "Advice that could not be shown in full"  # the words of a card are content; that they fail must not hide it
_EXCLUSIVE = frozenset({"replace", "choose"})  # kinds of suggestions of which only one can be taken
_AS_WRITTEN: Mapping[str, Any] = {}


def compose_cards(
    proposals: Iterable[Proposal],
    call_id: str,
    namespace: str,
    language: str | None = None,
    already_said: frozenset[str] = frozenset(),
) -> tuple[Card, ...]:
    """The cards for `proposals`, worst first; advice whose key is in `already_said` is not repeated."""
    ranked = sorted(proposals, key=_rank)
    member = f"{namespace}.{KEY_EXTENSION}"
    cards: list[Card] = []
    for number, proposal in enumerate(ranked):
        key = decision_key(proposal)
        if key in already_said:
            continue
        uuid = derive_uuid(call_id, "card", str(number), key)
        try:
            card = _compose(proposal, Pruned({member: key}), uuid, language)
        except InvalidCard:
            # Content that no card may carry (an address that is none, say): the advice is given without its trimmings.
            card = _plain(proposal, Pruned({member: key}), uuid)
        cards.append(card)
    return tuple(cards)


def decision_key(proposal: Proposal) -> str:
    """The same for the same advice on the same order, whatever the call."""
    parts = (proposal.template.about, proposal.order or "", proposal.indicator, *proposal.content)
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


def _rank(proposal: Proposal) -> tuple[int, int]:
    return (_SERIOUSNESS.get(proposal.indicator, 2), _CONCERN_FIRST.get(proposal.template.about, 3))


def _compose(proposal: Proposal, extension: Mapping[str, Any], uuid: str, language: str | None) -> Card:
    summary_forms, detail = _texts(proposal.template, language)
    topic = proposal.topic
    proposed = proposal.suggestions
    return Card(
        uuid=uuid,
        summary=fill_summary(summary_forms, proposal.values) or _NO_WORDS,
        indicator=proposal.indicator,  # type: ignore[arg-type]  # a card checks what it is given
        source=_source(
            proposal.source_label or "CDS",
            proposal.source_url,
            topic.get("code"),
            topic.get("system"),
            topic.get("display"),
        ),
        detail=fill_detail(detail, proposal.values),
        suggestions=tuple([_suggestion(each, uuid, number) for number, each in enumerate(proposed)]),
        selection_behavior=_behaviour(proposed) if proposed else None,
        override_reasons=_reasons(proposal.override_reasons),
        links=tuple(map(_link, proposal.links)),
        associated=_associated(proposal.order),
        extension={**extension, **proposal.extension} if proposal.extension else extension,
        origin=CardOrigin(proposal.plan, proposal.action),
    )


def _plain(proposal: Proposal, extension: Mapping[str, Any], uuid: str) -> Card:
    return Card(
        uuid=uuid,
        summary=fill_summary(proposal.template.summary, proposal.values) or _NO_WORDS,
        indicator=proposal.indicator,  # type: ignore[arg-type]  # a card checks what it is given
        source=Source(proposal.source_label.strip() or "CDS"),
        detail=fill_detail(proposal.template.detail, proposal.values),
        associated=_associated(proposal.order),
        extension=extension,
        origin=CardOrigin(proposal.plan, proposal.action),
    )


def _texts(template: CardTemplate, language: str | None) -> tuple[tuple[str, ...], str]:
    """The forms of the summary and the detail, in a language where there are translations."""
    known = template.translations
    if not known or not language:
        return template.summary, template.detail
    translated = known.get(language) or known.get(language.partition("-")[0], _AS_WRITTEN)
    forms = translated.get("summary")
    summary = (forms,) if isinstance(forms, str) else tuple(forms) if forms else template.summary
    return summary, str(translated.get("detail") or template.detail)


def _associated(order: str | None) -> tuple[str, ...]:
    return (order,) if order and "/" in order else ()


def _behaviour(suggestions: tuple[ProposedSuggestion, ...]) -> SelectionBehavior:
    if len(suggestions) == 1:
        return "at-most-one"
    for suggestion in suggestions:
        if suggestion.kind in _EXCLUSIVE:
            return "at-most-one"
    return "any"


def _suggestion(proposed: ProposedSuggestion, card: str, number: int) -> Suggestion:
    actions = [Action(each.type, each.description, each.resource, each.resource_id) for each in proposed.actions]
    return Suggestion(
        proposed.label, derive_uuid(card, "suggestion", str(number)), proposed.recommended, tuple(actions)
    )


@lru_cache(maxsize=512)
def _link(proposed: ProposedLink) -> Link:
    kind: Literal["absolute", "smart"] = "smart" if proposed.smart else "absolute"
    return Link(proposed.label, proposed.url, kind, proposed.app_context)


@lru_cache(maxsize=512)
def _source(label: str, url: str | None, code: str | None, system: str | None, display: str | None) -> Source:
    return Source(label, url, topic=Coding(code, system, display) if code and system else None)


@lru_cache(maxsize=512)
def _reasons(written: tuple[Reason, ...]) -> tuple[Coding, ...]:
    """Each reason once."""
    found: dict[tuple[str, str], Reason] = {}
    for reason in written:
        found.setdefault((reason.system, reason.code), reason)
    return tuple(Coding(reason.code, reason.system, reason.display) for reason in found.values())
