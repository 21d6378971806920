"""Scenario selection: which of several alternatives with an order of precedence holds, and how it rates a procedure.

A group of a plan whose alternatives have three-valued criteria. An undecided alternative that outranks the best true
one means that the answer is not known yet: then the facts that keep it undecided are asked for, and a rating is given
provisionally only if every alternative that may still turn out to be the one gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cds_service.plans.definitions import Action, Plan
from cds_service.plans.expressions import Define, Expression, HasDefinition, Unusable, named
from cds_service.plans.extensions import listed
from cds_service.plans.facts_catalogue import Fact, FactCatalogue
from cds_service.plans.logic import Logic, Table, table_of
from cds_service.plans.translations import Translations, in_language, translations_of
from cds_service.proposals.outcomes import APPLIES, DOES_NOT_APPLY, UNTOLD, Outcome, State
from cds_service.proposals.ratings import RatingRow
from cds_service.proposals.sources import Citation, citations_of

_GROUP_SETTINGS = frozenset({"covers", "precondition", "no-match", "scenarios"})


@dataclass(frozen=True, slots=True)
class Situation:
    """Words for a patient whom no alternative fits."""

    condition: Expression | None
    reason: str
    says: str
    nearest: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """One scenario: its criteria, and the ratings that it gives."""

    id: str
    title: str
    says: str
    description: str
    note: str
    criteria: tuple[Expression, ...]
    rows: Mapping[str, RatingRow]  # by procedure, in table order
    conflicts: tuple[tuple[str, str], ...]  # procedure, words
    sources: tuple[Citation, ...]
    translations: Translations
    action: Action

    def said(self, language: str | None) -> str:
        """The short form in a language."""
        return in_language(self.translations, language, "says", self.says)


@dataclass(frozen=True, slots=True)
class ScenarioGroup:
    """The alternatives of one group, highest precedence first."""

    id: str
    title: str
    plan: Plan
    covers: tuple[str, str] | None  # a property of the procedures and its value
    preconditions: tuple[Situation, ...]
    no_match: tuple[Situation, ...]
    alternatives: tuple[Alternative, ...]
    action: Action
    rated: frozenset[str] = frozenset()  # the procedures that any alternative has a rating for
    table: Table = ()  # the criteria of the alternatives

    @classmethod
    def of(cls, alternatives: tuple[Alternative, ...], **rest: Any) -> ScenarioGroup:
        """A group, with what follows from its alternatives."""
        rated = frozenset(procedure for alternative in alternatives for procedure in alternative.rows)
        table = table_of(alternative.criteria for alternative in alternatives)
        return cls(alternatives=alternatives, rated=rated, table=table, **rest)


class Selection(msgspec.Struct, frozen=True):
    """Which alternative holds for a patient, or why that cannot be said."""

    group: ScenarioGroup
    outcomes: Mapping[str, Outcome]
    primary: Alternative | None = None
    also: tuple[Alternative, ...] = ()
    undecided: tuple[Alternative, ...] = ()
    fallback: Alternative | None = None  # the best true one below the undecided
    excluded: Situation | None = None  # a precondition that is false
    situation: Situation | None = None  # why nothing matched
    nearest: Alternative | None = None
    failed_criteria: tuple[Expression, ...] = ()
    must_ask: tuple[str, ...] = ()
    open_notes: tuple[Fact, ...] = ()


def is_scenario_group(action: Action) -> bool:
    """Whether the children of `action` are alternatives in order of precedence."""
    return action.written.get("selectionBehavior") == "exactly-one" and bool(_GROUP_SETTINGS & set(action.settings))


def read_scenarios(plan: Plan, has_definition: HasDefinition) -> tuple[ScenarioGroup, ...]:
    """The scenario groups of a plan."""
    return tuple(_group(plan, action, has_definition) for action in plan.walk() if is_scenario_group(action))


def _group(plan: Plan, action: Action, has_definition: HasDefinition) -> ScenarioGroup:
    name, _, value = str(action.settings.get("covers") or "").partition("=")
    return ScenarioGroup.of(
        tuple(_alternative(child) for child in action.children),
        id=action.id,
        title=action.title,
        plan=plan,
        covers=(name.strip(), value.strip()) if value else None,
        preconditions=_situations(action.settings.get("precondition"), plan, has_definition),
        no_match=_situations(action.settings.get("no-match"), plan, has_definition),
        action=action,
    )


def _situations(written: Any, plan: Plan, has_definition: HasDefinition) -> tuple[Situation, ...]:
    return tuple(
        Situation(
            condition=define_named(entry.get("if"), plan.library, has_definition),
            reason=str(entry.get("reason") or ""),
            says=str(entry.get("says") or ""),
            nearest=str(entry["nearest"]) if entry.get("nearest") else None,
            silent=entry.get("silent") is True,
        )
        for entry in listed(written)
    )


def define_named(name: Any, library: str | None, has_definition: HasDefinition) -> Expression | None:
    """The definition of that name; no name gives no expression, an unknown one an `Unusable`."""
    if not name:
        return None
    return named(str(name), library, has_definition) or Unusable(f'There is no definition "{name}".')


def _alternative(action: Action) -> Alternative:
    rows: dict[str, RatingRow] = {}
    for child in action.children:
        rating = child.settings.get("rating")
        for concept in listed(child.written.get("code")):
            for coding in listed(concept.get("coding")):
                if rating and coding.get("code"):
                    rows[str(coding["code"])] = RatingRow(
                        procedure=str(coding["code"]),
                        rating=str(rating),
                        disagreement=child.settings.get("panel-disagreement") is True,
                        rationale=child.description,
                        definition=child.definition,
                        action=child.id,
                        translations=translations_of(child.written, child.settings),
                    )
    return Alternative(
        id=action.id,
        title=action.title,
        says=str(action.settings.get("says") or action.title),
        description=action.description,
        note=str(action.settings.get("note") or ""),
        criteria=action.conditions,
        rows=rows,
        conflicts=tuple(
            (str(entry.get("procedure") or ""), str(entry.get("says") or ""))
            for entry in listed(action.settings.get("conflict"))
        ),
        sources=citations_of(action.written),
        translations=translations_of(action.written, action.settings),
        action=action,
    )


_SETTLED: Mapping[Any, Outcome] = {True: APPLIES, False: DOES_NOT_APPLY, None: UNTOLD}


def select(group: ScenarioGroup, logic: Logic, facts: FactCatalogue) -> Selection:
    """Which alternative of `group` holds for the patient of `logic`."""
    for precondition in group.preconditions:
        if precondition.condition is not None and logic.truth(precondition.condition) is False:
            nearest = _by_id(group, precondition.nearest)
            return Selection(group, {}, excluded=precondition, nearest=nearest)
    outcomes: dict[str, Outcome] = {}
    top: Alternative | None = None
    also: list[Alternative] = []
    undecided: list[Alternative] = []
    ruled_out: list[Alternative] = []  # above the top
    ruled_out_below: list[Alternative] = []
    for a, holds in zip(group.alternatives, logic.settled(group.table), strict=True):
        outcome = outcomes[a.id] = _SETTLED.get(holds) or logic.all(a.criteria, asks=False)
        if outcome is DOES_NOT_APPLY:
            (ruled_out if top is None else ruled_out_below).append(a)
        elif outcome is not APPLIES:
            if top is None:
                undecided.append(a)
        elif top is None:
            top = a
        else:
            also.append(a)
    if undecided:
        outcomes |= {a.id: logic.all(a.criteria) for a in undecided}
        needs = {fact for a in undecided for fact in outcomes[a.id].facts}
        notes = _open_notes([*ruled_out, *ruled_out_below], logic, facts)
        return Selection(
            group, outcomes, undecided=tuple(undecided), fallback=top, must_ask=tuple(sorted(needs)), open_notes=notes
        )
    notes = _open_notes(ruled_out, logic, facts)
    if top is not None:
        return Selection(group, outcomes, primary=top, also=tuple(also), open_notes=notes)
    situation = next((s for s in group.no_match if logic.truth(s.condition) is True), None)
    nearest = _by_id(group, situation.nearest) if situation else None
    if nearest is None and (situation is None or situation.condition is None):
        nearest = _nearest(group, logic)
    failing = tuple(c for c in nearest.criteria if logic.truth(c) is False) if nearest else ()
    return Selection(group, outcomes, situation=situation, nearest=nearest, failed_criteria=failing, open_notes=notes)


def provisional_rating(selection: Selection, procedure: str | None) -> str | None:
    """The rating that every alternative which may still be the one gives the procedure; None if they differ."""
    possible = [*selection.undecided, *([selection.fallback] if selection.fallback else [])]
    ratings = {row.rating if (row := a.rows.get(procedure or "")) else None for a in possible}
    return ratings.pop() if len(ratings) == 1 else None


def _by_id(group: ScenarioGroup, identifier: str | None) -> Alternative | None:
    return next((alternative for alternative in group.alternatives if alternative.id == identifier), None)


def _nearest(group: ScenarioGroup, logic: Logic) -> Alternative | None:
    """The alternative of which the fewest criteria fail, the higher in precedence first."""
    counted = [
        (sum(logic.truth(criterion) is False for criterion in a.criteria), number, a)
        for number, a in enumerate(group.alternatives)
    ]
    return min(counted, key=lambda entry: entry[:2])[2] if counted else None


def _open_notes(ruled_out: Sequence[Alternative], logic: Logic, facts: FactCatalogue) -> tuple[Fact, ...]:
    """The unrecorded facts that are read as false and that, if true, would bring one of `ruled_out` back."""
    if not ruled_out:
        return ()
    found = []
    for fact, changed in facts.noted_in(ruled_out):
        if is_missing(fact, logic):
            assumed = logic.assuming({fact.key: True})
            if any(assumed.all(a.criteria, asks=False).state is not State.DOES_NOT_APPLY for a in changed):
                found.append(fact)
    return tuple(sorted(found, key=lambda fact: fact.id))


def is_missing(fact: Fact, logic: Logic) -> bool:
    """Whether nothing is recorded for a fact that silence makes false."""
    if fact.recorded is None:
        return False
    return logic.truth(fact.definition) is False and logic.is_unknown(Define(*fact.recorded))
