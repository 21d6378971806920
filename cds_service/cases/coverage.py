"""What the cases reach: rules that fired and stayed silent, ratings that were given, facts that were known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cds_service.cases.running import CaseResult
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.knowledge.knowledge import Knowledge
from cds_service.plans.facts_catalogue import Fact
from cds_service.plans.rules import Rule, is_text_only


@dataclass(slots=True)
class Coverage:
    """What has been reached so far."""

    fired: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    checks_met: set[str] = field(default_factory=set)
    checks_open: set[str] = field(default_factory=set)
    ratings: set[tuple[str, str]] = field(default_factory=set)  # (scenario, procedure)
    facts: set[str] = field(default_factory=set)

    def add(self, result: CaseResult, facts: Iterable[Fact]) -> None:
        """Count what one case reached."""
        if result.decision is None:
            return
        trace = result.decision.trace
        if trace.applied:
            self.facts |= {fact.id for fact in facts if _was_known(trace.logic.run, fact)}
        for judged in trace.judged:
            self.facts |= {entry.fact for entry in judged.evidence if entry.value is not None}
            for judgement in judged.judgements:
                if judgement.logic is not None:
                    self.facts |= {fact.id for fact in facts if _was_known(judgement.logic.run, fact)}
                for finding in judgement.findings:
                    (self.fired if finding.fires else self.silent).add(finding.rule.id)
                for check in judgement.checks:
                    (self.checks_met if check.met is True else self.checks_open).add(check.rule.id)
                if judgement.row is not None and judgement.record.primary:
                    self.ratings.add((judgement.record.primary, judgement.row.procedure))


def _was_known(evaluation: Any, fact: Fact) -> bool:
    """Whether the fact was evaluated to a value in this run, for whatever reason."""
    slot, run = evaluation.compiled.entry(*fact.key).slot, evaluation.run
    while run is not None:
        value = run.memory[slot]
        if value is not UNSET:
            return value is not None and not isinstance(value, Failed)
        run = run.base
    return False


@dataclass(frozen=True, slots=True)
class Gaps:
    """What no case reaches."""

    never_fired: tuple[str, ...]
    never_silent: tuple[str, ...]
    never_met: tuple[str, ...]
    never_open: tuple[str, ...]
    ratings: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(
            map(
                len,
                (self.never_fired, self.never_silent, self.never_met, self.never_open, self.ratings, self.facts),
            )
        )


def gaps(knowledge: Knowledge, coverage: Coverage) -> Gaps:
    """The rules, ratings and facts of the services that no case reaches."""
    rules = {rule.id: rule for rule in _rules(knowledge)}
    firing = {name for name, rule in rules.items() if not rule.is_check and not is_text_only(rule)}
    # A rule without conditions to miss, or that always holds for its procedures, cannot stay silent.
    checks = {name for name, rule in rules.items() if rule.is_check and rule.check is not None}
    ratings = {
        (alternative.id, procedure)
        for service in knowledge.services.values()
        if service.deciding is not None
        for group in service.deciding.knowhow.groups
        for alternative in group.alternatives
        for procedure in alternative.rows
    }
    return Gaps(
        never_fired=tuple(sorted(firing - coverage.fired)),
        never_silent=tuple(sorted(firing - coverage.silent)),
        never_met=tuple(sorted(checks - coverage.checks_met)),
        never_open=tuple(sorted(checks - coverage.checks_open)),
        ratings=tuple(sorted(f"{scenario} {procedure}" for scenario, procedure in ratings - coverage.ratings)),
        facts=tuple(sorted(set(knowledge.facts.by_id) - coverage.facts)),
    )


def _rules(knowledge: Knowledge) -> Iterable[Rule]:
    for service in knowledge.services.values():
        if service.deciding is not None:
            yield from service.deciding.knowhow.rules.rules
