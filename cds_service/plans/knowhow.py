"""What one service knows: its policy, procedures, scenarios, rules and facts, compiled once for all calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.plans.definitions import Action
from cds_service.plans.expressions import Define
from cds_service.plans.facts_catalogue import FactCatalogue
from cds_service.plans.policy import Policy
from cds_service.plans.procedures import OrderCodings, Procedures
from cds_service.plans.rules import Rule, RuleBook
from cds_service.plans.scenarios import Alternative, ScenarioGroup
from cds_service.proposals.proposals import CardTemplate


@dataclass(frozen=True, slots=True)
class Knowhow:
    """What one service knows: compiled once, the same for every call."""

    policy: Policy
    procedures: Procedures
    groups: tuple[ScenarioGroup, ...]
    rules: RuleBook
    facts: FactCatalogue
    orders: OrderCodings
    # Words that are the same for every patient, once they were asked for; with what they are about, to know it again.
    cited: dict[tuple[str, str], str] = field(default_factory=dict)  # by plan and rule: its sources
    stated: dict[tuple[str, bool, bool, str | None], tuple[Rule, str]] = field(default_factory=dict)
    told: dict[tuple[str, str | None], tuple[Alternative, Mapping[str, tuple[str, ...]]]] = field(default_factory=dict)
    named: dict[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # by procedure
    # By plan, group of rules, hook and language: how its cards are worded.
    templates: dict[tuple[str, str, str, str | None], tuple[Action, CardTemplate]] = field(default_factory=dict)
    _read: dict[str, tuple[Alternative, frozenset[str]]] = field(default_factory=dict)
    _marked: dict[str, bool] = field(default_factory=dict)

    def group_for(self, procedure: str | None) -> ScenarioGroup | None:
        """The scenarios that decide orders of the procedure."""
        for group in self.groups:
            if group.covers is None or self.procedures.has(procedure, *group.covers):
                return group
        return None

    def facts_of(self, alternative: Alternative) -> frozenset[str]:
        """The facts that the criteria of an alternative are made of."""
        found = self._read.get(alternative.id)
        if found is None or found[0] is not alternative:
            defined = [criterion for criterion in alternative.criteria if isinstance(criterion, Define)]
            facts = {fact.id for criterion in defined for fact in self.facts.below((criterion.library, criterion.name))}
            found = self._read[alternative.id] = (alternative, frozenset(facts))
        return found[1]

    def is_marked(self, procedure: str) -> bool:
        """Whether ratings are put on orders of the procedure."""
        found = self._marked.get(procedure)
        if found is None:
            marks = self.policy.marks
            found = marks is not None and (marks.covers is None or self.procedures.has(procedure, *marks.covers))
            self._marked[procedure] = found
        return found
