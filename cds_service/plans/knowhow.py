"""What one service knows: its policy, procedures, scenarios, rules and facts, compiled once for all calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from cds_service.plans.facts_catalogue import FactCatalogue
from cds_service.plans.policy import Policy
from cds_service.plans.procedures import Procedures
from cds_service.plans.rules import RuleBook
from cds_service.plans.scenarios import ScenarioGroup


@dataclass(frozen=True, slots=True)
class Knowhow:
    """What one service knows: compiled once, the same for every call."""

    policy: Policy
    procedures: Procedures
    groups: tuple[ScenarioGroup, ...]
    rules: RuleBook
    facts: FactCatalogue
    cited: dict[str, str] = field(default_factory=dict)  # by rule: its sources in words, once they were asked for

    def group_for(self, procedure: str | None) -> ScenarioGroup | None:
        """The scenarios that decide orders of the procedure."""
        for group in self.groups:
            if group.covers is None or self.procedures.has(procedure, *group.covers):
                return group
        return None
