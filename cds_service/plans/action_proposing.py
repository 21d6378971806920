"""Proposals for a plan that decides nothing of ours: actions become cards, their requests suggestions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.plans.apply import INDICATOR, Applied, AppliedAction
from cds_service.plans.extensions import listed, settings_of
from cds_service.proposals.outcomes import State
from cds_service.proposals.proposals import (
    CardTemplate,
    Proposal,
    ProposedAction,
    ProposedLink,
    ProposedSuggestion,
    reasons_of,
)

_BY_PRIORITY = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
_CARD = CardTemplate(
    id="action", about="action", hooks=frozenset(), severity=(), topic={}, summary=("{summary}",), detail="{detail}",
    suggestions=(), override_reasons=(),
)  # fmt: skip
_NOT_EVALUATED = CardTemplate(
    id="not-evaluated", about="action", hooks=frozenset(), severity=(), topic={},
    summary=("Part of the advice of “{plan}” could not be worked out.",),
    detail="These parts could not be evaluated. Their silence is no reassurance:\n- {failures}",
    suggestions=(), override_reasons=(),
)  # fmt: skip


def action_proposals(applied: Applied) -> tuple[Proposal, ...]:
    """One proposal for each recommendation among the actions that apply, and one that says what failed."""
    found = [proposal for action in applied.actions for proposal in _proposals(action, applied, is_top=True)]
    failed = [action for action in applied.walk() if action.outcome.state is State.FAILED]
    broken = [message for message in applied.messages if message.severity == "error"]
    if failed or broken:
        found.append(_failure(applied, failed))
    return tuple(found)


def _proposals(action: AppliedAction, applied: Applied, *, is_top: bool) -> Iterator[Proposal]:
    if action.outcome.state is not State.APPLIES or action.element is None:
        return
    element = action.element
    is_card = is_top or bool(action.action.conditions)
    words = str(element.get("title") or element.get("description") or "")
    if is_card and words:
        yield _proposal(action, applied)
    for child in action.children:
        yield from _proposals(child, applied, is_top=False)
    if action.nested is not None:
        for nested in action.nested.actions:
            yield from _proposals(nested, action.nested, is_top=not words)


def _proposal(action: AppliedAction, applied: Applied) -> Proposal:
    element, plan = action.element or {}, applied.plan
    title, detail = str(element.get("title") or ""), str(element.get("description") or "")
    summary = title or detail
    publisher = str(plan.written.get("publisher") or plan.title)
    values = {"summary": (summary,), "detail": (detail,) if detail and detail != summary else ()}
    return Proposal(
        template=_CARD,
        order=None,
        indicator=_indicator(element),
        values={name: entries for name, entries in values.items() if entries},
        source_label=publisher,
        source_url=_absolute(_first_url(plan.written)),
        topic=_topic(plan.written),
        plan=plan.canonical,
        action=action.action.id,
        content=(plan.canonical, action.action.path, summary, detail),
        suggestions=tuple(_suggestions(action)),
        links=tuple(_links(element)),
        override_reasons=reasons_of(listed(action.action.settings.get("override-reason"))),
    )


def _indicator(element: Mapping[str, Any]) -> str:
    for extension in listed(element.get("extension")):
        if extension.get("url") == INDICATOR and extension.get("valueString") in {"info", "warning", "critical"}:
            return str(extension["valueString"])
    said = settings_of(element).get("indicator")
    if said in {"info", "warning", "critical"}:
        return str(said)
    return _BY_PRIORITY.get(str(element.get("priority")), "info")


def _suggestions(action: AppliedAction) -> Iterator[ProposedSuggestion]:
    """The action's own request, then its choices: children that are no recommendations of their own."""
    if action.request is not None or action.nested is not None:
        yield ProposedSuggestion(_label(action), tuple(_creates(action)), "create", recommended=False)
    for child in action.children:
        if child.element is not None and not child.action.conditions:
            label = _label(child)
            if label:
                yield ProposedSuggestion(label, tuple(_creates_below(child)), "create")


def _creates(action: AppliedAction) -> Iterator[ProposedAction]:
    if action.request is not None:
        yield ProposedAction("create", _label(action) or str(action.request["resourceType"]), _new(action.request))
    if action.nested is not None:
        for nested in action.nested.actions:
            if nested.element is not None:
                yield from _creates_below(nested)


def _creates_below(action: AppliedAction) -> Iterator[ProposedAction]:
    yield from _creates(action)
    for child in action.children:
        if child.element is not None:
            yield from _creates_below(child)


def _new(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request without the id that it has within the applied plan."""
    return {name: value for name, value in request.items() if name != "id"}


def _label(action: AppliedAction) -> str:
    element = action.element or {}
    request = action.request or {}
    text = element.get("title") or element.get("description") or element.get("textEquivalent")
    return str(text or request.get("description") or request.get("resourceType") or "")


def _links(element: Mapping[str, Any]) -> Iterator[ProposedLink]:
    for entry in listed(element.get("documentation")):
        url = _absolute(entry.get("url") or (entry.get("document") or {}).get("url"))
        if url:
            yield ProposedLink(str(entry.get("display") or entry.get("label") or url), url)


def _absolute(url: Any) -> str | None:
    return str(url) if isinstance(url, str) and re.match(r"https?://[^/\s]+", url) else None


def _first_url(written: Mapping[str, Any]) -> Any:
    for entry in listed(written.get("relatedArtifact")):
        if entry.get("type") in {"documentation", "citation", "justification"} and entry.get("url"):
            return entry["url"]
    return None


def _topic(written: Mapping[str, Any]) -> Mapping[str, str]:
    for concept in listed(written.get("topic")):
        for coding in listed(concept.get("coding")):
            if coding.get("code") and coding.get("system"):
                return {name: str(coding[name]) for name in ("system", "code", "display") if name in coding}
    return {}


def _failure(applied: Applied, failed: list[AppliedAction]) -> Proposal:
    names = tuple(dict.fromkeys(a.action.title or a.action.description or a.action.id for a in failed))
    return Proposal(
        template=_NOT_EVALUATED,
        order=None,
        indicator="warning",
        values={"plan": (applied.plan.title,), "failures": names or ("texts of the advice",)},
        source_label=str(applied.plan.written.get("publisher") or applied.plan.title),
        source_url=None,
        topic={},
        plan=applied.plan.canonical,
        action="not-evaluated",
        content=(applied.plan.canonical, *names),
    )
