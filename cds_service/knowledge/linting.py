"""What is legal in content but probably not meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cds_service.hooks.definitions import HOOKS
from cds_service.knowledge.definitions import defines_of
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.leftovers import leftovers
from cds_service.knowledge.remarks import Remark
from cds_service.knowledge.services import KnownService
from cds_service.plans.extensions import settings_of
from cds_service.plans.order_words import PART_NAMES
from cds_service.plans.policy import Policy
from cds_service.plans.rules import Rule
from cds_service.proposals.proposals import PLACEHOLDER

_MANY = 3
_ALIKE = 0.8
_HTML = re.compile(r"<[a-zA-Z/!]")
_SENTENCE = re.compile(r"\w[^.!?]*[.!?]")
# what plans/wording.py fills for groups, beside what it fills for orders
_OF_GROUPS = frozenset({"titles", "count", "not-met-count", "not-documented-count", "group", "failures"})


def lint(knowledge: Knowledge) -> tuple[Remark, ...]:
    """Everything that looks wrong in content that compiles, each remark once."""
    found: dict[Remark, None] = {}
    for remark in _all(knowledge):
        found.setdefault(remark)
    return tuple(found)


def _all(knowledge: Knowledge) -> Iterator[Remark]:
    yield from _identifiers(knowledge)
    yield from _misspelt(knowledge)
    for service in knowledge.services.values():
        yield from _service(service, knowledge)
    for policy in knowledge.policies:
        yield from _policy(policy)
    yield from _missing(knowledge)
    yield from leftovers(knowledge)
    yield from _terminology(knowledge.terminology.notes)


def _terminology(notes: Iterable[str]) -> Iterator[Remark]:
    """What the terminology could not know; many notes of one kind are one remark."""
    grouped: dict[str, list[str]] = {}
    for note in notes:
        kind, _, rest = note.partition(": ")
        grouped.setdefault(kind, []).append(rest)
    for kind, entries in grouped.items():
        if len(entries) > _MANY:
            yield Remark("terminology", f"{kind} ({len(entries)} times)")
        else:
            yield from (Remark("terminology", f"{kind}: {entry}" if entry else kind) for entry in entries)


def _identifiers(knowledge: Knowledge) -> Iterator[Remark]:
    for plan in knowledge.definitions.plans:
        seen: set[str] = set()
        for action in plan.walk():
            if "id" in action.written and action.id in seen:
                yield Remark(plan.id, f"two actions have the id {action.id}")
            seen.add(action.id)
            if _HTML.search(f"{action.title} {action.description}"):
                yield Remark(f"{plan.id}.{action.id}", "HTML in a text; cards show Markdown only")


def _misspelt(knowledge: Knowledge) -> Iterator[Remark]:
    """Settings of actions whose name is nearly that of a setting that others use."""
    places: dict[str, list[str]] = {}
    for plan in knowledge.definitions.plans:
        for action in plan.walk():
            for name in settings_of(action.written):
                places.setdefault(name, []).append(f"{plan.id}.{action.id}")
    for name, found in places.items():
        others = [other for other in places if len(places[other]) > len(found)]
        if meant := get_close_matches(name, others, 1, _ALIKE):
            for place in found:
                yield Remark(place, f'"{name}" is no setting that others have: is "{meant[0]}" meant?')


def _service(service: KnownService, knowledge: Knowledge) -> Iterator[Remark]:
    if service.hook not in HOOKS:
        yield Remark(service.id, f"the hook {service.hook} is not one of the CDS Hooks Library")
    deciding = service.deciding
    if deciding is None:
        return
    knowhow = deciding.knowhow
    severities = {severity.code for severity in knowhow.policy.severities}
    sources = set(knowhow.policy.sources)
    facts = knowhow.facts
    for rule in knowhow.rules.rules:
        place = f"{rule.plan.id}.{rule.id}"
        yield from _rule(rule, place, severities, sources)
        yield from _procedures(rule, place, set(knowhow.procedures))
        for canonical in sorted({offered.definition for offered in rule.offers} - {rule.action.definition}):
            if knowledge.definitions.activity(canonical) is None:
                yield Remark(place, f"{canonical} is no ActivityDefinition of the content")
    for group in knowhow.groups:
        for alternative in group.alternatives:
            place = f"{group.plan.id}.{alternative.id}"
            if not alternative.criteria:
                yield Remark(place, "an alternative without criteria holds for everybody")
            for row in alternative.rows.values():
                if row.rating not in knowhow.policy.rating_meanings:
                    yield Remark(place, f"the rating {row.rating} has no meaning in the policy")
                if row.procedure not in knowhow.procedures:
                    yield Remark(place, f"{row.procedure} is not in the procedures code system")
    for fact in facts.noted:
        if fact.recorded is None:
            yield Remark(
                f"{fact.library}.{fact.define}", "@missing note without @recorded: an open note is never found"
            )


def _rule(rule: Rule, place: str, severities: set[str], sources: set[str]) -> Iterator[Remark]:
    if not rule.is_check and rule.severity not in severities:
        yield Remark(place, f"the severity {rule.severity} has no meaning in the policy")
    if not rule.sources:
        yield Remark(place, "no source is named")
    if not _SENTENCE.search(rule.action.description):
        yield Remark(place, "the description is no sentence that says the rule")
    for citation in rule.sources:
        if citation.source not in sources:
            yield Remark(place, f"the source {citation.source} has no name in the policy")
    if not rule.is_check and not rule.procedures and not rule.by_extension and not rule.all_orders:
        yield Remark(place, "the rule is about no procedure")


def _procedures(rule: Rule, place: str, known: set[str]) -> Iterator[Remark]:
    for code in sorted((rule.procedures | rule.by_extension | {s.procedure for s in rule.suggests}) - known):
        yield Remark(place, f"{code} is not in the procedures code system")


def _policy(policy: Policy) -> Iterator[Remark]:
    severities = {severity.code for severity in policy.severities}
    known = PART_NAMES | _OF_GROUPS | severities | {f"{code}-titles" for code in severities}
    for card in policy.cards:
        for text in (*card.summary, card.detail):
            for name in sorted(set(PLACEHOLDER.findall(text)) - known):
                if not name.startswith("cql:"):
                    yield Remark(f"{policy.plan.id}.{card.id}", f"nothing fills the placeholder {{{name}}}")


def _missing(knowledge: Knowledge) -> Iterator[Remark]:
    """Definitions that a plan uses and no library has."""
    used: set[tuple[str, str]] = set()
    for service in knowledge.services.values():
        used |= defines_of(service.expressions())
    missing: Iterable[tuple[str, str]] = sorted(key for key in used if key[0] and not knowledge.compiled.has(*key))
    for library, name in missing:
        yield Remark(library, f'"{name}" is used by a plan but is not there')
