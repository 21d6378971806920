"""Rules: statements with a condition, a severity and the procedures that they are about; and care checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.plans.definitions import Action, Plan
from cds_service.plans.expressions import Expression, HasDefinition
from cds_service.plans.extensions import listed
from cds_service.plans.logic import Logic, Table, table_of
from cds_service.plans.procedures import Procedures
from cds_service.plans.scenarios import define_named
from cds_service.plans.translations import Translations, in_language, translations_of
from cds_service.proposals.outcomes import APPLIES, DOES_NOT_APPLY, UNTOLD, Outcome, State
from cds_service.proposals.sources import Citation, citations_of

_FIRES = State.APPLIES  # asked of every finding, and a member of an enum is slow to look up


@dataclass(frozen=True, slots=True)
class SuggestedProcedure:
    """A procedure that a rule suggests when it fires, perhaps only under a condition."""

    procedure: str
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class OfferedOrder:
    """The definition of an order that a rule or check offers, perhaps only under a condition."""

    definition: str  # canonical of an ActivityDefinition
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class FiledObservation:
    """A value that can be filed as an Observation."""

    value: Expression | None
    system: str
    code: str
    display: str
    unit: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule or care check of a plan."""

    id: str
    title: str
    statement: str
    severity: str  # empty for a care check
    kind: str
    conditions: tuple[Expression, ...]
    procedures: frozenset[str]  # with everything below those named; empty with `all_orders`
    by_extension: frozenset[str]
    all_orders: bool
    emergency: bool
    unknown: str  # ask | note | silent
    unknown_says: str
    suggests: tuple[SuggestedProcedure, ...]
    suggests_avoiding: bool
    offers: tuple[OfferedOrder, ...]
    what_now: str
    sources: tuple[Citation, ...]
    source_severity: tuple[str, ...]  # `X: words`, where a source grades it otherwise
    translations: Translations
    check: Expression | None  # care check: true met, false not met, null not documented
    level: str  # must | should | advised
    observation: FiledObservation | None
    action: Action
    plan: Plan
    group: Action | None  # the top-level group that it stands in

    def titled(self, language: str | None) -> str:
        """The title in a language."""
        return in_language(self.translations, language, "title", self.title)

    @property
    def is_check(self) -> bool:
        """Whether this is a care check."""
        return self.level != ""

    @property
    def can_fire(self) -> bool:
        """Whether this is neither a check nor a text that is only there to be read."""
        return not self.is_check and not is_text_only(self)

    def covers(self, procedure: str | None) -> bool:
        """Whether the rule is about the procedure (None: a call without an order)."""
        if self.all_orders:
            return True
        return procedure is not None and (procedure in self.procedures or procedure in self.by_extension)


class Finding(msgspec.Struct, frozen=True):
    """What a rule or a care check came to for one patient."""

    rule: Rule
    outcome: Outcome
    statement: str
    by_extension: bool = False
    met: bool | None = None  # care checks

    @property
    def fires(self) -> bool:
        """Whether a rule's condition holds."""
        return self.outcome.state is _FIRES


def read_rules(plan: Plan, procedures: Procedures | None, has_definition: HasDefinition) -> tuple[Rule, ...]:
    """The rules and care checks of a plan, in order."""
    reader = _Reader(plan, procedures, has_definition)
    return tuple(rule for action in plan.actions for rule in reader.rules(action, None))


@dataclass(frozen=True, slots=True)
class _Reader:
    plan: Plan
    procedures: Procedures | None
    has_definition: HasDefinition

    def rules(self, action: Action, group: Action | None) -> Iterable[Rule]:
        settings = action.settings
        if "severity" in settings or "level" in settings or "check" in settings:
            yield self.rule(action, group)
            return
        for child in action.children:
            yield from self.rules(child, group or action)

    def rule(self, action: Action, group: Action | None) -> Rule:
        settings = action.settings
        excluded = self.codes(settings.get("not-for"))
        is_check = "level" in settings or "check" in settings
        named = [str(code) for code in listed(settings.get("applies-to"))]
        return Rule(
            id=action.id,
            title=action.title or action.description,
            statement=action.description or action.title,
            severity=str(settings.get("severity") or ""),
            kind=str(settings.get("kind") or ""),
            conditions=action.conditions,
            procedures=self.codes(named) - excluded,
            by_extension=self.codes(settings.get("by-extension")) - excluded,
            all_orders=settings.get("all-orders") is True or (is_check and not named),
            emergency=settings.get("emergency") is True,
            unknown=str(settings.get("unknown") or "silent"),
            unknown_says=str(settings.get("unknown-says") or ""),
            suggests=tuple(self.suggested(entry) for entry in listed(settings.get("suggests"))),
            suggests_avoiding=settings.get("suggests-avoiding") is True,
            offers=tuple(self.offered(action)),
            what_now=str(settings.get("what-now") or ""),
            sources=citations_of(action.written),
            source_severity=tuple(str(text) for text in listed(settings.get("source-severity"))),
            translations=translations_of(action.written, settings),
            check=define_named(settings.get("check"), self.plan.library, self.has_definition),
            level=str(settings.get("level") or ("should" if is_check else "")),
            observation=self.observation(settings.get("observation")),
            action=action,
            plan=self.plan,
            group=group,
        )

    def codes(self, names: Any) -> frozenset[str]:
        if self.procedures is None:
            return frozenset(str(name) for name in listed(names))
        return frozenset(code for name in listed(names) for code in self.procedures.family(str(name)))

    def suggested(self, entry: Any) -> SuggestedProcedure:
        if isinstance(entry, Mapping):
            condition = define_named(entry.get("if"), self.plan.library, self.has_definition)
            return SuggestedProcedure(str(entry.get("procedure")), condition)
        return SuggestedProcedure(str(entry), None)

    def offered(self, action: Action) -> Iterable[OfferedOrder]:
        if action.definition:
            yield OfferedOrder(action.definition, None)
        for entry in listed(action.settings.get("offers")):
            written = entry if isinstance(entry, Mapping) else {"definition": entry}
            condition = define_named(written.get("if"), self.plan.library, self.has_definition)
            yield OfferedOrder(str(written.get("definition")), condition)

    def observation(self, written: Any) -> FiledObservation | None:
        if not isinstance(written, Mapping):
            return None
        return FiledObservation(
            value=define_named(written.get("value"), self.plan.library, self.has_definition),
            system=str(written.get("system") or ""),
            code=str(written.get("code") or ""),
            display=str(written.get("display") or ""),
            unit=str(written.get("unit") or ""),
        )


class Firing(msgspec.Struct, frozen=True):
    """Rules that can fire for a procedure, with what each comes to when it does not: the same for every patient."""

    procedure: str | None
    rules: tuple[Rule, ...]
    silent: tuple[Finding, ...]
    table: Table


class Checks(msgspec.Struct, frozen=True):
    """Care checks of a procedure."""

    rules: tuple[Rule, ...]
    table: Table


class RuleBook:
    """The rules of a service, ready to be asked for by procedure."""

    def __init__(self, rules: Iterable[Rule], procedures: Procedures | None) -> None:
        self.rules = tuple(rules)
        self._firing: dict[str, Firing] = {}
        self._common: dict[tuple[str, ...], Firing] = {}
        self._checks: dict[str | None, Checks] = {}
        self._severe: dict[tuple[str, frozenset[str]], tuple[Rule, ...]] = {}
        self.checks = tuple(rule for rule in self.rules if rule.is_check)
        self._general = tuple(rule for rule in self.rules if rule.covers(None))
        self._by_procedure = {
            code: tuple(rule for rule in self.rules if rule.covers(code)) for code in procedures or ()
        }

    def firing(self, procedure: str | None) -> Firing:
        """Those among them that can fire: no checks, no texts."""
        found = self._firing.get(procedure or "")
        if found is None:
            found = firing([rule for rule in self.about(procedure) if rule.can_fire], procedure)
            self._firing[procedure or ""] = found
        return found

    def common_to(self, candidates: tuple[str, ...]) -> Firing:
        """Those that can fire for each of several procedures."""
        found = self._common.get(candidates)
        if found is None:
            covering = [{rule.id for rule in self.about(candidate)} for candidate in candidates]
            common = set.intersection(*covering) if covering else set()
            found = self._common[candidates] = firing(
                [rule for rule in self.rules if rule.can_fire and rule.id in common], None
            )
        return found

    def checks_of(self, procedure: str | None) -> Checks:
        """The care checks that are about the procedure and that can be met; without one, all."""
        found = self._checks.get(procedure)
        if found is None:
            rules = tuple(c for c in self.checks if c.check is not None and (procedure is None or c.covers(procedure)))
            found = self._checks[procedure] = Checks(rules, table_of(rule.conditions for rule in rules))
        return found

    def of_severities(self, procedure: str, severities: frozenset[str]) -> tuple[Rule, ...]:
        """The rules of some severities that are about the procedure and have a condition."""
        found = self._severe.get((procedure, severities))
        if found is None:
            rules = (rule for rule in self.about(procedure) if rule.severity in severities and rule.conditions)
            found = self._severe[procedure, severities] = tuple(rules)
        return found

    def about(self, procedure: str | None) -> tuple[Rule, ...]:
        """The rules that are about the procedure; without one, those that are about any order."""
        return self._by_procedure.get(procedure or "", self._general)


def firing(rules: Iterable[Rule], procedure: str | None) -> Firing:
    """Rules ready to be asked for a procedure."""
    asked = tuple(rules)
    silent = [Finding(rule, DOES_NOT_APPLY, rule.statement, _by_extension(rule, procedure)) for rule in asked]
    return Firing(procedure, asked, tuple(silent), table_of(rule.conditions for rule in asked))


def find_all(asked: Firing, logic: Logic) -> list[Finding]:
    """What the rules come to for the patient of `logic`, without those that simply do not apply."""
    rules, silent = asked.rules, asked.silent
    found = [
        find(rules[number], logic, silent[number], holds)
        for number, holds in enumerate(logic.settled(asked.table))
        if holds is not False
    ]
    return [finding for finding in found if finding.outcome is not DOES_NOT_APPLY]


def with_silent(asked: Firing, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What every rule comes to, in order: as found, and of those that do not apply that they do not."""
    by_rule = {id(finding.rule): finding for finding in found}
    return tuple(by_rule.get(id(silent.rule), silent) for silent in asked.silent)


def find(rule: Rule, logic: Logic, silent: Finding, holds: Any = ...) -> Finding:
    """What a rule comes to; `silent` if it does not apply. `holds`: what is known of that."""
    if holds is True:
        outcome = APPLIES
    elif holds is None and rule.unknown != "ask":
        outcome = UNTOLD
    else:
        outcome = logic.all(rule.conditions, asks=rule.unknown == "ask")
    if outcome is DOES_NOT_APPLY:
        return silent
    statement = _statement(rule, logic) if outcome.state is State.APPLIES else rule.statement
    return Finding(rule, outcome, statement, silent.by_extension)


def _by_extension(rule: Rule, procedure: str | None) -> bool:
    return procedure in rule.by_extension and procedure not in rule.procedures


def find_checks(asked: Checks, logic: Logic) -> tuple[Finding, ...]:
    """What the care checks come to that matter for this patient."""
    relevant = zip(asked.rules, logic.settled(asked.table), strict=True)
    found = [find_check(rule, logic) for rule, holds in relevant if holds is not False]
    return tuple([finding for finding in found if finding is not None])


def find_check(rule: Rule, logic: Logic) -> Finding | None:
    """What a care check comes to; None where it does not matter for this patient or is text only."""
    if rule.check is None:
        return None
    relevance = logic.all(rule.conditions, asks=False)
    if relevance.state is State.DOES_NOT_APPLY:
        return None
    outcome = relevance if relevance.state is State.FAILED else logic.outcome(rule.check, asks=False)
    return Finding(rule, outcome, _statement(rule, logic), met=outcome.truth)


def is_text_only(rule: Rule) -> bool:
    """Whether the rule never fires and is only there to be read."""
    return not rule.is_check and not rule.conditions


def _statement(rule: Rule, logic: Logic) -> str:
    """The statement, with the values of this patient where the plan computes it."""
    for dynamic in rule.action.dynamic_values:
        if dynamic.path.rpartition(".")[2] == "description":
            try:
                value = logic.value(dynamic.expression)
            except CdsError:
                return rule.statement
            if isinstance(value, str) and value:
                return value
    return rule.statement


def holds(rule: Rule, logic: Logic) -> bool:
    """Whether the rule fires for the patient, without its words."""
    return bool(rule.conditions) and logic.all(rule.conditions, asks=False) is APPLIES
