"""Evidence read from free text alone: enough to ask, never enough to forbid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from cds_service.errors import CdsError
from cds_service.plans.expressions import Define, InlineCql
from cds_service.plans.facts_catalogue import Fact
from cds_service.plans.logic import Logic
from cds_service.plans.rules import Finding
from cds_service.proposals.outcomes import FactNeed, cannot_tell


def with_text_in_doubt(
    findings: Sequence[Finding], severity: str, logic: Logic, order: str | None
) -> tuple[Finding, ...]:
    """The findings, but a rule of that severity that rests on texts alone asks for its facts instead of firing.

    `order` is the order under decision: every fact looks at its reason, so it counts only where nothing else does.
    """
    if not logic.read_from_text():
        return tuple(findings)
    return tuple(_doubted(finding, severity, logic, order) for finding in findings)


def _doubted(finding: Finding, severity: str, logic: Logic, order: str | None) -> Finding:
    if finding.rule.severity != severity or not finding.fires:
        return finding
    read = logic.read_from_text()
    if not read:
        return finding
    grounds = list(_grounds(finding, logic))
    references = {reference for _, found in grounds for reference in found}
    if not (references - {order} or references) <= read or not references:
        return finding
    needs = [FactNeed(fact.asked_as[0] if fact.asked_as else fact.id, fact.library, fact.define) for fact, _ in grounds]
    return structs.replace(finding, outcome=cannot_tell(needs, "read from text only"))


def _grounds(finding: Finding, logic: Logic) -> Iterable[tuple[Fact, tuple[str, ...]]]:
    """The facts that make the rule fire, with the resources that they rest on."""
    for expression in finding.rule.conditions:
        match expression:
            case Define(library, name):
                key = (library, name)
            case InlineCql(name, _, library):
                key = (library or "", name)
            case _:
                continue
        for fact in logic.facts.below(key):
            try:
                found = logic.run.grounds(*fact.key)
            except CdsError:
                continue  # a fact that failed is no ground
            if found.value is not None and found.value is not False and found.resources:
                yield fact, tuple(one.reference for one in found.resources)
