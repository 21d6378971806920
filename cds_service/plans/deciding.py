"""One order decided: its scenario and rating, the rules that fire for it, what has to be asked, what else would do.

Everything here is general: which procedures, facts, ratings and severities there are comes from content. An order with
several targets is decided for each and reported once, with the values of the worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace as with_changes

from cds_service.errors import CdsError
from cds_service.plans.alternatives import Sketch, alternatives_to, suggested_next
from cds_service.plans.expressions import Expression
from cds_service.plans.hearsay import with_text_in_doubt
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.policy import Policy, worst_indicator
from cds_service.plans.rules import Finding, Firing, find_all, find_checks, with_silent
from cds_service.plans.scenarios import ScenarioGroup, Selection, provisional_rating, select
from cds_service.proposals.outcomes import State
from cds_service.proposals.ratings import OrderedProcedure, RatingRow
from cds_service.proposals.records import Record

_FAILED = State.FAILED  # asked of every finding and alternative, and a member of an enum is slow to look up
ASK, DECIDED, NO_MATCH, NOT_RATED, ADVISORY = "ask", "decided", "no-variant", "not-rated", "advisory"


class Judgement(msgspec.Struct, frozen=True):
    """One order (or none) judged for one target: the record, and all that cards and explanations need."""

    record: Record
    ordered: OrderedProcedure | None
    selection: Selection | None
    row: RatingRow | None
    asked: Firing  # the rules that were looked at
    notable: tuple[Finding, ...]  # those of them that do not simply not apply
    checks: tuple[Finding, ...]
    logic: Logic | None = None
    differences: tuple[tuple[str, str], ...] = ()  # (alternative, rating) where an also-matching one rates otherwise
    target_reason: str = ""
    fired: tuple[Finding, ...] = ()  # the rules that fire

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What every rule that was looked at came to, in order."""
        return with_silent(self.asked, self.notable)


class OrderJudgement(msgspec.Struct, frozen=True):
    """One order judged for all its targets, worst first."""

    record: Record
    worst: Judgement
    judgements: tuple[Judgement, ...] = ()


def judge_order(
    order: str | None,
    ordered: OrderedProcedure,
    knowhow: Knowhow,
    logic: Logic,
) -> OrderJudgement:
    """The decision for one order whose procedure has been found; `logic` has the order bound."""
    if ordered.procedure is None:
        return _open_procedure(order, ordered, knowhow, logic)
    judged = _judge_targets(order, ordered, knowhow, logic)
    ranked = sorted(judged, key=lambda judgement: _badness(judgement.record, knowhow.policy))
    worst = ranked[0]
    record = worst.record
    if len(judged) > 1:
        record = with_changes(record, levels=tuple(judgement.record for judgement in judged))
    return OrderJudgement(record, worst, tuple(ranked))


def _badness(record: Record, policy: Policy) -> tuple[int, int]:
    return policy.rank(record.status, record.rating), -_seriousness(record.indicator)


def _seriousness(indicator: str) -> int:
    return {"info": 0, "warning": 1, "critical": 2}.get(indicator, 0)


def _open_procedure(order: str | None, ordered: OrderedProcedure, knowhow: Knowhow, logic: Logic) -> OrderJudgement:
    """An order whose code leaves several procedures possible: what all of them have in common is said already."""
    policy = knowhow.policy
    asked = knowhow.rules.common_to(ordered.candidates)
    notable = _notable(asked, knowhow, logic, order)
    fired = _fired(notable)
    lists = _lists(fired, policy)
    record = Record(
        status=ASK,
        order=order,
        candidates=ordered.candidates,
        must_ask=(policy.unclear_procedure,),
        lists=lists,
        indicator=worst_indicator(["warning", *_indicators(notable, policy)]),
        plan=_plan_of(knowhow.group_for(ordered.candidates[0]), policy),
    )
    judgement = Judgement(record, ordered, None, None, asked, notable, (), logic, fired=fired)
    return OrderJudgement(record, judgement, (judgement,))


def _judge_targets(order: str | None, ordered: OrderedProcedure, knowhow: Knowhow, logic: Logic) -> list[Judgement]:
    targets = knowhow.policy.targets
    named = _codes(targets.levels, logic)
    if named:
        alone = len(named) == 1
        return [_judge(order, ordered, knowhow, _at(level, knowhow, logic, alone=alone), level) for level in named]
    possible = _codes(targets.otherwise, logic)
    if len(possible) <= 1:
        level = possible[0] if possible else None
        judged = _judge(order, ordered, knowhow, _at(level, knowhow, logic, alone=True), level)
        return [judged]
    each = [_judge(order, ordered, knowhow, _at(level, knowhow, logic), level) for level in possible]
    if len({_outcome_key(judgement.record) for judgement in each}) == 1:
        return each[:1]
    question = targets.question
    worst = min(each, key=lambda judgement: _badness(judgement.record, knowhow.policy))
    record = with_changes(
        worst.record,
        status=ASK,
        level=None,
        primary=None,
        also=(),
        rating=None,
        disagreement=False,
        provisional=None,
        nearest=None,
        reason=None,
        alternatives=(),
        suggested_next=(),
        must_ask=(question,),
        indicator=worst_indicator(["warning", worst.record.indicator]),
    )
    return [with_changes(worst, record=record, selection=None, row=None, target_reason="several")]


def _outcome_key(record: Record) -> tuple[object, ...]:
    lists = tuple(sorted((name, tuple(sorted(ids))) for name, ids in record.lists.items()))
    return (record.status, record.primary, record.rating, record.must_ask, record.safety_ask, record.reason, lists)


def _at(level: str | None, knowhow: Knowhow, logic: Logic, *, alone: bool = False) -> Logic:
    return logic if level is None else logic.bound({knowhow.policy.targets.parameter: level}, alone=alone)


def _codes(expression: Expression | None, logic: Logic) -> list[str]:
    """The codes of a list of codes or texts; none where it is unknown or fails."""
    if expression is None:
        return []
    try:
        found = logic.value(expression)
    except CdsError:
        return []
    if not found:
        return []
    entries = found if isinstance(found, (list, tuple)) else [found]
    codes = [entry if isinstance(entry, str) else getattr(entry, "code", None) for entry in entries]
    return list(dict.fromkeys([code for code in codes if isinstance(code, str)]))


def _judge(
    order: str | None,
    ordered: OrderedProcedure,
    knowhow: Knowhow,
    logic: Logic,
    level: str | None,
) -> Judgement:
    policy, procedure = knowhow.policy, ordered.procedure
    asked = knowhow.rules.firing(procedure)
    notable = _notable(asked, knowhow, logic, order)
    checks = find_checks(knowhow.rules.checks_of(procedure), logic)
    group = knowhow.group_for(procedure)
    sketch = Sketch(ordered, knowhow, logic, notable, _fired(notable), NOT_RATED)
    sketch.failures = _failures(notable, checks)
    target_reason = ""
    unclear = policy.targets.unclear
    if unclear is not None and logic.truth(unclear) is True:
        sketch.status, sketch.must_ask, target_reason = ASK, (policy.targets.question,), "unclear"
    elif group is not None:
        _rate(sketch, group)
    safety_ask = _safety_ask(notable)
    primary = sketch.selection.primary if sketch.selection is not None and sketch.status != ASK else None
    record = Record(
        status=sketch.status,
        order=order,
        procedure=procedure,
        rated_as=ordered.rated_as,
        level=level,
        primary=primary.id if primary else None,
        also=tuple([other.id for other in sketch.selection.also]) if sketch.selection and primary else (),
        rating=sketch.row.rating if sketch.row else None,
        disagreement=sketch.row.disagreement if sketch.row else False,
        provisional=sketch.provisional,
        nearest=sketch.nearest,
        reason=sketch.reason,
        lists=_lists(sketch.fired, policy),
        must_ask=sketch.must_ask,
        safety_ask=safety_ask,
        notes_unknown=sketch.notes_unknown,
        alternatives=sketch.alternatives,
        suggested_next=suggested_next(sketch) if sketch.fired else (),
        care_flags=tuple([check.rule.id for check in checks if check.met is not True]),
        failures=sketch.failures,
        indicator=_indicator(sketch, safety_ask, policy),
        plan=_plan_of(group, policy),
    )
    return Judgement(
        record=record,
        ordered=ordered,
        selection=sketch.selection,
        row=sketch.row,
        asked=asked,
        notable=notable,
        checks=checks,
        logic=logic,
        differences=sketch.differences,
        target_reason=target_reason,
        fired=sketch.fired,
    )


def _rate(sketch: Sketch, group: ScenarioGroup) -> None:
    """What the scenarios say of the ordered procedure."""
    rated_as, procedures = sketch.ordered.rated_as, sketch.knowhow.procedures
    if group.rated.isdisjoint(procedures.line(sketch.ordered.procedure)):
        return
    selection = sketch.selection = select(group, sketch.logic, sketch.knowhow.facts)
    nearest = selection.nearest.id if selection.nearest else None
    if selection.excluded is not None:
        sketch.status, sketch.reason, sketch.nearest = NO_MATCH, selection.excluded.reason or None, nearest
        return
    if rated_as not in group.rated:
        sketch.selection = None
        return
    sketch.failures += tuple([name for name, outcome in selection.outcomes.items() if outcome.state is _FAILED])
    sketch.notes_unknown = tuple([fact.id for fact in selection.open_notes])
    if selection.undecided:
        sketch.status, sketch.must_ask = ASK, selection.must_ask
        sketch.provisional = provisional_rating(selection, rated_as)
        return
    if selection.primary is None:
        sketch.status, sketch.nearest = NO_MATCH, nearest
        sketch.reason = (selection.situation.reason if selection.situation else "") or None
        return
    row = sketch.row = selection.primary.rows.get(rated_as or "")
    sketch.status = DECIDED if row else NOT_RATED
    sketch.differences = tuple(
        (other.id, theirs.rating if theirs else "")
        for other in selection.also
        if (theirs := other.rows.get(rated_as or "")) is None or row is None or theirs.rating != row.rating
    )
    sketch.alternatives = alternatives_to(sketch, selection.primary)


def judge_without_order(
    knowhow: Knowhow,
    logic: Logic,
    order: str | None = None,
    subject: str | None = None,
    procedure: str | None = None,
) -> Judgement:
    """The advice for a call without a rating: reminders, readiness, what is not documented."""
    asked = knowhow.rules.firing(None)
    notable = _notable(asked, knowhow, logic, order)
    fired = _fired(notable)
    checks = find_checks(knowhow.rules.checks_of(procedure), logic)
    not_met = any(check.met is False and check.rule.level == "must" for check in checks)
    indicators = _indicators(notable, knowhow.policy)
    nothing = OrderedProcedure(None, None)
    record = Record(
        status=ADVISORY,
        order=order,
        subject=subject,
        lists=_lists(fired, knowhow.policy),
        suggested_next=suggested_next(Sketch(nothing, knowhow, logic, notable, fired, ADVISORY)),
        care_flags=tuple(check.rule.id for check in checks if check.met is not True),
        failures=_failures(notable, checks),
        indicator=worst_indicator([*indicators, *(["warning"] if not_met else [])]),
        plan=knowhow.policy.plan.canonical,
    )
    return Judgement(record, None, None, None, asked, notable, checks, logic, fired=fired)


def _notable(asked: Firing, knowhow: Knowhow, logic: Logic, order: str | None) -> tuple[Finding, ...]:
    """What the rules come to that do not simply not apply."""
    return with_text_in_doubt(find_all(asked, logic), knowhow.policy.alternatives.excluded_by, logic, order)


def _fired(notable: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple([finding for finding in notable if finding.fires])


def _lists(fired: Sequence[Finding], policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """The rules that fire, by the list of the record that they enter; the lists in the order of the policy."""
    if not fired:
        return {}
    lists: dict[str, list[str]] = {severity.list: [] for severity in policy.severities}
    for finding in fired:
        lists.setdefault(policy.severity(finding.rule.severity).list, []).append(finding.rule.id)
    return {name: tuple(ids) for name, ids in lists.items() if ids}


def _safety_ask(findings: Iterable[Finding]) -> tuple[str, ...]:
    asked = {fact for f in findings if f.outcome.needs and f.rule.unknown == "ask" for fact in f.outcome.facts}
    return tuple(sorted(asked))


def _failures(findings: Iterable[Finding], checks: Iterable[Finding]) -> tuple[str, ...]:
    return tuple([f.rule.id for f in (*findings, *checks) if f.outcome.state is _FAILED])


def _indicators(findings: Iterable[Finding], policy: Policy) -> list[str]:
    found = []
    for finding in findings:
        if finding.fires:
            found.append("critical" if finding.rule.emergency else policy.severity(finding.rule.severity).indicator)
        elif finding.outcome.state is _FAILED:
            found.append("warning")  # a rule that could not be looked at is no reassurance
    return found


def _indicator(sketch: Sketch, safety_ask: tuple[str, ...], policy: Policy) -> str:
    indicators = _indicators(sketch.findings, policy)
    if sketch.row is not None and sketch.row.rating in policy.rating_meanings:
        indicators.append(policy.rating_meanings[sketch.row.rating].indicator)
    if sketch.status == ASK or safety_ask or sketch.failures:
        indicators.append("warning")
    return worst_indicator(indicators)


def _plan_of(group: ScenarioGroup | None, policy: Policy) -> str:
    return group.plan.canonical if group is not None else policy.plan.canonical
