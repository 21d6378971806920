"""Cards from proposals: worst first, each with its words, buttons, reasons to decline, and the key of its advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, cast

from cds_service.cards.templates import fill_detail, fill_summary
from cds_service.hooks.cards import Action, Card, CardOrigin, Coding, InvalidCard, Link, Source, Suggestion
from cds_service.hooks.identifiers import derive_uuid
from cds_service.proposals.proposals import Proposal, ProposedAction

_SERIOUSNESS = {"critical": 0, "warning": 1, "info": 2}
_CONCERN_FIRST = {"rules": 0, "questions": 1, "rating": 2}
KEY_EXTENSION = "decision-key"
_NO_WORDS = "Advice that could not be shown in full"  # the words of a card are content; that they fail must not hide it


def compose_cards(
    proposals: Iterable[Proposal],
    call_id: str,
    namespace: str,
    language: str | None = None,
    already_said: frozenset[str] = frozenset(),
) -> tuple[Card, ...]:
    """The cards for `proposals`, worst first; advice whose key is in `already_said` is not repeated."""
    ranked = sorted(proposals, key=_rank)
    cards: list[Card] = []
    for number, proposal in enumerate(ranked):
        key = decision_key(proposal)
        if key in already_said:
            continue
        uuid = derive_uuid(call_id, "card", number, key)
        try:
            card = _compose(proposal, key, uuid, namespace, language)
        except InvalidCard:
            # Content that no card may carry (an address that is none, say): the advice is given without its trimmings.
            card = _plain(proposal, key, uuid, namespace)
        cards.append(card)
    return tuple(cards)


def decision_key(proposal: Proposal) -> str:
    """The same for the same advice on the same order, whatever the call."""
    parts = (proposal.template.about, proposal.order or "", proposal.indicator, *proposal.content)
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


def _rank(proposal: Proposal) -> tuple[int, int]:
    return (_SERIOUSNESS.get(proposal.indicator, 2), _CONCERN_FIRST.get(proposal.template.about, 3))


def _compose(proposal: Proposal, key: str, uuid: str, namespace: str, language: str | None) -> Card:
    template = proposal.template
    translated = template.translations.get(language or "", {})
    forms = translated.get("summary")
    summary_forms = (forms,) if isinstance(forms, str) else tuple(forms) if forms else template.summary
    summary = fill_summary(summary_forms, proposal.values) or _NO_WORDS
    topic = _coding(proposal.topic)
    return Card(
        uuid=uuid,
        summary=summary,
        indicator=cast(Literal["info", "warning", "critical"], proposal.indicator),
        source=Source(proposal.source_label or "CDS", proposal.source_url, topic=topic),
        detail=fill_detail(str(translated.get("detail") or template.detail), proposal.values),
        suggestions=tuple(
            Suggestion(
                suggestion.label,
                derive_uuid(uuid, "suggestion", number),
                tuple(_action(action) for action in suggestion.actions),
                suggestion.recommended,
            )
            for number, suggestion in enumerate(proposal.suggestions)
        ),
        selection_behavior=_behaviour(proposal),
        override_reasons=tuple(_reasons(proposal.override_reasons)),
        links=tuple(
            Link(link.label, link.url, "smart" if link.smart else "absolute", app_context=link.app_context)
            for link in proposal.links
        ),
        associated=(proposal.order,) if proposal.order and "/" in proposal.order else (),
        extension={f"{namespace}.{KEY_EXTENSION}": key, **proposal.extension},
        origin=CardOrigin(proposal.plan, proposal.action),
    )


def _plain(proposal: Proposal, key: str, uuid: str, namespace: str) -> Card:
    bare = replace(proposal, source_url=None, topic={}, suggestions=(), links=(), override_reasons=())
    summary = fill_summary(proposal.template.summary, proposal.values) or _NO_WORDS
    return Card(
        uuid=uuid,
        summary=summary,
        indicator=cast(Literal["info", "warning", "critical"], proposal.indicator),
        source=Source(bare.source_label.strip() or "CDS"),
        detail=fill_detail(proposal.template.detail, proposal.values),
        associated=(proposal.order,) if proposal.order and "/" in proposal.order else (),
        extension={f"{namespace}.{KEY_EXTENSION}": key},
        origin=CardOrigin(proposal.plan, proposal.action),
    )


def _behaviour(proposal: Proposal) -> Literal["at-most-one", "any"] | None:
    if not proposal.suggestions:
        return None
    replaces = any(suggestion.kind == "replace" for suggestion in proposal.suggestions)
    return "at-most-one" if replaces or len(proposal.suggestions) == 1 else "any"


def _action(action: ProposedAction) -> Action:
    if action.type == "delete":
        return Action.delete(action.description, action.resource_id or "")
    if action.type == "update":
        return Action.update(action.description, action.resource or {})
    return Action.create(action.description, action.resource or {})


def _coding(written: Mapping[str, str]) -> Coding | None:
    if written.get("code") and written.get("system"):
        return Coding(written["code"], written["system"], written.get("display"))
    return None


@lru_cache(maxsize=512)
def _coding_of(code: str, system: str, display: str) -> Coding:
    return Coding(code, system, display)


def _reasons(written: Iterable[Mapping[str, str]]) -> Iterable[Coding]:
    seen: set[tuple[str, str]] = set()
    for reason in written:
        key = (reason.get("system", ""), reason.get("code", ""))
        if all(key) and key not in seen and reason.get("display"):
            seen.add(key)
            yield _coding_of(reason["code"], reason["system"], reason["display"])
