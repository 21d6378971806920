"""What else would do: the procedures that a scenario rates better, and what the rules that fire suggest next."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.rules import Finding, Rule, holds
from cds_service.plans.scenarios import Alternative, Selection
from cds_service.proposals.ratings import OrderedProcedure, RatingRow


class Sketch(msgspec.Struct):
    """A judgement in the making."""

    ordered: OrderedProcedure
    knowhow: Knowhow
    logic: Logic
    findings: tuple[Finding, ...]
    fired: tuple[Finding, ...]
    status: str
    selection: Selection | None = None
    row: RatingRow | None = None
    differences: tuple[tuple[str, str], ...] = ()
    must_ask: tuple[str, ...] = ()
    provisional: str | None = None
    nearest: str | None = None
    reason: str | None = None
    notes_unknown: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str | None, str | None]:
        """The ordered procedure and the one whose rating it takes."""
        return (self.ordered.rated_as, self.ordered.procedure)


def alternatives_to(sketch: Sketch, primary: Alternative) -> tuple[str, ...]:
    """The procedures to offer instead: well rated in the scenario and not excluded by a rule of their own."""
    policy = sketch.knowhow.policy.alternatives
    excluded = any(finding.rule.severity == policy.excluded_by for finding in sketch.fired)
    if sketch.row is not None and sketch.row.rating == policy.satisfied_by and not excluded:
        return ()
    rows, own, against = primary.rows.values(), sketch.own, frozenset({policy.excluded_by})
    for wanted in policy.offer:
        offered = tuple(
            [
                row.procedure
                for row in rows
                if row.rating == wanted
                and row.procedure not in own
                and not _is_excluded(row.procedure, against, sketch.knowhow, sketch.logic)
            ]
        )
        if offered:
            return offered
    return ()


def shown(procedures: Sequence[str], knowhow: Knowhow, logic: Logic | None) -> tuple[str, ...]:
    """Those alternatives that a card may name: nobody is led from one hazard, or from none, into another."""
    severities = knowhow.policy.alternatives.not_shown_by
    if logic is None or not severities:
        return tuple(procedures)
    return tuple(code for code in procedures if not _is_excluded(code, severities, knowhow, logic))


def _is_excluded(procedure: str, severities: frozenset[str], knowhow: Knowhow, logic: Logic) -> bool:
    return any(holds(rule, logic) for rule in knowhow.rules.of_severities(procedure, severities))


def suggested_next(sketch: Sketch) -> tuple[str, ...]:
    """The procedures that the rules which fire suggest as the next thing to do."""
    found: list[str] = []
    for finding in sketch.fired:
        found += [s.procedure for s in finding.rule.suggests if sketch.logic.truth(s.condition) is True]
        if finding.rule.suggests_avoiding:
            found += _avoiding(finding.rule, sketch)
    return tuple(dict.fromkeys(code for code in found if code not in sketch.own))


def _avoiding(rule: Rule, sketch: Sketch) -> list[str]:
    """The best rated procedure of the scenario that the rule is not about, and that nothing like it speaks against."""
    if sketch.selection is None or sketch.selection.primary is None:
        return []
    policy = sketch.knowhow.policy.alternatives
    against = frozenset({rule.severity, policy.excluded_by})
    rows = sketch.selection.primary.rows.values()
    for wanted in policy.offer:
        for row in rows:
            if (
                row.rating == wanted
                and row.procedure not in sketch.own
                and not rule.covers(row.procedure)
                and not _is_excluded(row.procedure, against, sketch.knowhow, sketch.logic)
            ):
                return [row.procedure]
    return []
