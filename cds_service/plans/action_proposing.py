"""Proposals for a plan that decides nothing of ours: actions become cards, their requests suggestions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from cds_service.hooks.text import SUMMARY_LIMIT
from cds_service.plans.answering import answers_to
from cds_service.plans.apply import INDICATOR, Applied, AppliedAction
from cds_service.plans.evidence import evidence_behind
from cds_service.plans.extensions import listed, settings_of
from cds_service.plans.logic import Logic
from cds_service.plans.offers import Site, Subject
from cds_service.plans.policy import worst_indicator
from cds_service.plans.translations import in_language, translations_of
from cds_service.plans.wording import Vocabulary
from cds_service.proposals.outcomes import State
from cds_service.proposals.proposals import (
    CardTemplate,
    Proposal,
    ProposedAction,
    ProposedLink,
    ProposedSuggestion,
    reasons_of,
)
from cds_service.proposals.records import Record

_BY_PRIORITY = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
_COUNTING = frozenset({State.APPLIES, State.CANNOT_TELL})
_TEXTS = ("texts of the advice",)
_ONE, _TOGETHER = frozenset({"exactly-one", "at-most-one"}), frozenset({"all", "all-or-none"})
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
_ASKS = CardTemplate(
    id="questions", about="questions", hooks=frozenset(), severity=(), topic={},
    summary=("{questions}", "“{plan}”: questions are open.", "Questions are open."),
    detail="**Not known:**\n- {questions}\n\n**What depends on it:**\n- {advice}",
    suggestions=(), override_reasons=(),
)  # fmt: skip
_UNREADABLE = CardTemplate(
    id="unreadable", about="action", hooks=frozenset(), severity=(), topic={},
    summary=("Not everything could be checked: {types} could not be read.", "Not everything could be checked."),
    detail="", suggestions=(), override_reasons=(),
)  # fmt: skip


class Asking(msgspec.Struct, frozen=True):
    """What a card that asks is made from."""

    words: Vocabulary
    site: Site
    subject: Subject
    lost: tuple[str, ...] = ()  # kinds of data that could not be had


def action_proposals(applied: Applied, asking: Asking, language: str | None = None) -> tuple[Proposal, ...]:
    """One proposal for each recommendation among the actions that apply, and one each for what is open and failed."""
    tops = applied.actions
    found = [proposal for action in tops for proposal in _proposals(action, applied, language, is_top=True)]
    undecided = [action for action in applied.walk() if action.outcome.state is State.CANNOT_TELL]
    if facts := open_facts(applied):
        found.append(_question(applied, facts, undecided, asking, language))
    if asking.lost and any(not action.outcome.needs for action in undecided):
        found.append(_notice(applied, "unreadable", "info", _UNREADABLE, {"types": asking.lost}))
    failed = [action for action in applied.walk() if action.outcome.state is State.FAILED]
    whole = {action.action.path for action in failed}
    broken = [message for message in applied.messages if message.severity == "error" and message.action not in whole]
    if failed or broken:
        found.append(_failure(applied, failed, texts=bool(broken)))
    return tuple(found)


def action_record(applied: Applied, proposals: Sequence[Proposal], logic: Logic) -> Record:
    """What the plan came to, for machines."""
    facts = open_facts(applied)
    counting = [each.action.conditions for each in applied.walk() if each.outcome.state in _COUNTING]
    return Record(
        status="ask" if facts else "advisory",
        must_ask=facts,
        failures=tuple(dict.fromkeys(a.action.id for a in applied.walk() if a.outcome.state is State.FAILED)),
        indicator=worst_indicator([proposal.indicator for proposal in proposals]),
        plan=applied.plan.canonical,
        evidence=evidence_behind(counting, logic.facts, logic, facts),
    )


def open_facts(applied: Applied) -> tuple[str, ...]:
    """The facts that keep actions undecided, in the order of the actions."""
    open_actions = (action.outcome for action in applied.walk() if action.outcome.state is State.CANNOT_TELL)
    return tuple(dict.fromkeys(fact for outcome in open_actions for fact in outcome.facts))


def _question(
    applied: Applied, facts: tuple[str, ...], undecided: Sequence[AppliedAction], asking: Asking, language: str | None
) -> Proposal:
    """The card that asks what keeps advice undecided."""
    book, advice = asking.words.questions, [action for action in undecided if action.outcome.needs]
    values = {
        "plan": (applied.plan.title,),
        "questions": tuple(book.text(fact) for fact in facts),
        "advice": tuple(dict.fromkeys(title for each in advice if (title := _written(each, language)))),
    }
    buttons, links = [], []
    if book.facts_system:
        identifier = book.identifier(facts)
        url, context = asking.site.question_url(identifier), asking.site.question_context(identifier)
        links = [ProposedLink("Answer the open questions", url, context is not None, context)] if url else []
        buttons = answers_to(facts, asking.words, asking.subject, lambda _: ())
    weight = worst_indicator([_indicator(action.action.written) for action in advice])
    asked = _notice(applied, "questions", "info" if weight == "info" else "warning", _ASKS, values)
    return replace(asked, suggestions=tuple(buttons), links=tuple(links), content=(applied.plan.canonical, *facts))


def _written(action: AppliedAction, language: str | None) -> str:
    """The title of an action that has no element, because it does not apply."""
    written, settings = action.action.written, action.action.settings
    return in_language(translations_of(written, settings), language, "title", action.action.title)


def _proposals(action: AppliedAction, applied: Applied, language: str | None, *, is_top: bool) -> Iterator[Proposal]:
    if action.outcome.state is not State.APPLIES or action.element is None:
        return
    element = action.element
    is_card = is_top or bool(action.action.conditions)
    words = str(element.get("title") or element.get("description") or "")
    is_shown = is_card and bool(words)
    if is_shown:
        yield _proposal(action, applied, language)
    for child in () if is_shown and _is_one_choice(action) else action.children:
        yield from _proposals(child, applied, language, is_top=False)
    if action.nested is not None:
        for nested in action.nested.actions:
            yield from _proposals(nested, action.nested, language, is_top=not words)


def _proposal(action: AppliedAction, applied: Applied, language: str | None) -> Proposal:
    element, plan = action.element or {}, applied.plan
    title, detail = _said(action, "title", language), _said(action, "description", language)
    summary = title or detail
    publisher = str(plan.written.get("publisher") or plan.title)
    values = {"summary": (summary,), "detail": (detail,) if detail != summary or len(detail) > SUMMARY_LIMIT else ()}
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
        suggestions=_one_recommended(_suggestions(action, language)),
        links=tuple(_links(element)),
        override_reasons=reasons_of(
            [*listed(plan.settings.get("override-reason")), *listed(action.action.settings.get("override-reason"))]
        ),
    )


def _indicator(element: Mapping[str, Any]) -> str:
    for extension in listed(element.get("extension")):
        if extension.get("url") == INDICATOR and extension.get("valueString") in {"info", "warning", "critical"}:
            return str(extension["valueString"])
    said = settings_of(element).get("indicator")
    if said in {"info", "warning", "critical"}:
        return str(said)
    return _BY_PRIORITY.get(str(element.get("priority")), "info")


def _said(action: AppliedAction, name: str, language: str | None) -> str:
    """A text of an action in the language of the answer, unless an expression has filled it."""
    text, written = str((action.element or {}).get(name) or ""), action.action.written
    if not language or text != written.get(name):
        return text
    return in_language(translations_of(written, action.action.settings), language, name, text)


def _suggestions(action: AppliedAction, language: str | None) -> list[ProposedSuggestion]:
    """The action's own request, then its choices: children that are no recommendations of their own.

    Children of which one is to be chosen, or that go together, are never on their own.
    """
    found = []
    if action.request is not None or action.nested is not None:
        own = tuple(_creates(action, language))
        found.append(ProposedSuggestion(_label(action, language), own, "create", _is_usual(action)))
    applying = [child for child in action.children if child.element is not None]
    choices = [child for child in applying if _is_one_choice(action) or not child.action.conditions]
    behaviour = action.action.written.get("selectionBehavior")
    if behaviour in _TOGETHER:
        changes = tuple(change for child in choices for change in _creates_below(child, language))
        return [*found, ProposedSuggestion(_label(action, language), changes, "create")] if changes else found
    kind = "choose" if behaviour in _ONE else "create"
    found.extend(
        ProposedSuggestion(label, tuple(_creates_below(child, language)), kind, _is_usual(child))
        for child in choices
        if (label := _label(child, language))
    )
    return found


def _is_one_choice(action: AppliedAction) -> bool:
    return action.action.written.get("selectionBehavior") in _ONE | _TOGETHER


def _is_usual(action: AppliedAction) -> bool:
    return action.action.written.get("precheckBehavior") == "yes"


def _one_recommended(found: list[ProposedSuggestion]) -> tuple[ProposedSuggestion, ...]:
    """The suggestions; where only one of them can be taken, only the first that is usual is recommended."""
    if all(each.kind != "choose" for each in found):
        return tuple(found) if len(found) > 1 else tuple(replace(each, recommended=False) for each in found)
    first = next((number for number, each in enumerate(found) if each.recommended), None)
    return tuple(replace(each, recommended=number == first) for number, each in enumerate(found))


def _creates(action: AppliedAction, language: str | None) -> Iterator[ProposedAction]:
    if action.request is not None:
        said = _said(action, "description", language) or _label(action, language)
        yield ProposedAction("create", said or str(action.request["resourceType"]), _new(action.request))
    if action.nested is not None:
        for nested in action.nested.actions:
            if nested.element is not None:
                yield from _creates_below(nested, language)


def _creates_below(action: AppliedAction, language: str | None) -> Iterator[ProposedAction]:
    yield from _creates(action, language)
    for child in action.children:
        if child.element is not None:
            yield from _creates_below(child, language)


def _new(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request without the id that it has within the applied plan."""
    return {name: value for name, value in request.items() if name != "id"}


def _label(action: AppliedAction, language: str | None) -> str:
    element, request = action.element or {}, action.request or {}
    said = _said(action, "title", language) or _said(action, "description", language)
    return str(said or element.get("textEquivalent") or request.get("description") or request.get("resourceType") or "")


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


def _failure(applied: Applied, failed: list[AppliedAction], *, texts: bool) -> Proposal:
    names = tuple(dict.fromkeys(a.action.title or a.action.description or a.action.id for a in failed))
    values = {"plan": (applied.plan.title,), "failures": (*names, *(_TEXTS if texts else ()))}
    notice = _notice(applied, "not-evaluated", "warning", _NOT_EVALUATED, values)
    return replace(notice, content=(applied.plan.canonical, *names))


def _notice(
    applied: Applied, name: str, indicator: str, template: CardTemplate, values: Mapping[str, tuple[str, ...]]
) -> Proposal:
    """A card about the plan as a whole."""
    return Proposal(
        template=template,
        order=None,
        indicator=indicator,
        values=values,
        source_label=str(applied.plan.written.get("publisher") or applied.plan.title),
        source_url=None,
        topic={},
        plan=applied.plan.canonical,
        action=name,
        content=(applied.plan.canonical, *(entry for entries in values.values() for entry in entries)),
    )
