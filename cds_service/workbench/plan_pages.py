"""Plans for people: scenarios as a decision table, rules as text, and how a decision flows through them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.plans.expressions import Define, Expression
from cds_service.plans.rules import Rule
from cds_service.plans.scenarios import Alternative, ScenarioGroup
from cds_service.proposals.sources import Citation


@dataclass(frozen=True, slots=True)
class Cell:
    """How one scenario rates one procedure; empty where it does not."""

    rating: str
    words: str
    disagreement: bool
    rationale: str


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One scenario with its criteria and its ratings in the order of the columns."""

    id: str
    title: str
    criteria: tuple[str, ...]
    sources: tuple[str, ...]
    note: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A scenario group: columns are procedures, rows are scenarios with the highest precedence first."""

    id: str
    title: str
    plan: str
    columns: tuple[tuple[str, str], ...]  # id, name
    rows: tuple[ScenarioRow, ...]
    no_match: tuple[tuple[str, str], ...]  # nearest, words


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule as text."""

    id: str
    title: str
    statement: str
    kind: str
    severity: str
    condition: tuple[str, ...]
    about: tuple[str, ...]
    unknown: str
    emergency: bool
    what_now: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """One plan with all that is shown of it."""

    id: str
    title: str
    canonical: str
    description: str
    tables: tuple[Table, ...]
    rules: tuple[RuleRow, ...]
    services: tuple[str, ...]


def plan_views(knowledge: Knowledge) -> tuple[PlanView, ...]:
    """Every plan that a service uses, once, in the order of their titles."""
    found: dict[str, PlanView] = {}
    for service in knowledge.services.values():
        for plan in service.plans:
            if plan.canonical in found:
                continue
            found[plan.canonical] = PlanView(
                id=plan.id,
                title=plan.title or plan.canonical,
                canonical=plan.canonical,
                description=str(plan.written.get("description", "")),
                tables=tuple(_tables(service, plan.canonical)),
                rules=tuple(_rule(rule, service) for rule in _rules(service, plan.canonical)),
                services=tuple(
                    other.id
                    for other in knowledge.services.values()
                    if any(used.canonical == plan.canonical for used in other.plans)
                ),
            )
    return tuple(sorted(found.values(), key=lambda view: (not view.tables, view.title)))


def _rules(service: KnownService, canonical: str) -> Sequence[Rule]:
    return service.deciding.rules_of.get(canonical, ()) if service.deciding else ()


def _tables(service: KnownService, canonical: str) -> Iterable[Table]:
    if service.deciding is None:
        return
    for group in service.deciding.groups_of.get(canonical, ()):
        yield _table(group, service)


def _table(group: ScenarioGroup, service: KnownService) -> Table:
    procedures = list(dict.fromkeys(procedure for alternative in group.alternatives for procedure in alternative.rows))
    return Table(
        id=group.id,
        title=group.title,
        plan=group.plan.canonical,
        columns=tuple((procedure, _procedure_name(procedure, service)) for procedure in procedures),
        rows=tuple(_row(alternative, procedures, service) for alternative in group.alternatives),
        no_match=tuple((situation.nearest or "", situation.says) for situation in group.no_match if situation.says),
    )


def _row(alternative: Alternative, procedures: Sequence[str], service: KnownService) -> ScenarioRow:
    return ScenarioRow(
        id=alternative.id,
        title=alternative.title,
        criteria=tuple(expression_words(criterion) for criterion in alternative.criteria),
        sources=tuple(source_words(source, service) for source in alternative.sources),
        note=alternative.note,
        cells=tuple(_cell(alternative, procedure, service) for procedure in procedures),
    )


def _cell(alternative: Alternative, procedure: str, service: KnownService) -> Cell | None:
    row = alternative.rows.get(procedure)
    if row is None or service.deciding is None:
        return None
    meaning = service.deciding.knowhow.policy.rating_meanings.get(row.rating)
    return Cell(row.rating, meaning.says if meaning else row.rating, row.disagreement, row.rationale)


def _rule(rule: Rule, service: KnownService) -> RuleRow:
    return RuleRow(
        id=rule.id,
        title=rule.title,
        statement=rule.statement,
        kind=rule.kind,
        severity=rule.severity or rule.level,
        condition=tuple(expression_words(condition) for condition in rule.conditions),
        about=_about(rule, service),
        unknown=rule.unknown,
        emergency=rule.emergency,
        what_now=rule.what_now,
        sources=tuple(source_words(source, service) for source in rule.sources),
    )


def _about(rule: Rule, service: KnownService) -> tuple[str, ...]:
    if rule.all_orders:
        return ("any order",)
    return tuple(_procedure_name(procedure, service) for procedure in sorted(rule.procedures | rule.by_extension))


def expression_words(expression: Expression) -> str:
    """A condition as its author named it."""
    return expression.name if isinstance(expression, Define) else str(getattr(expression, "text", expression))


def source_words(source: Citation, service: KnownService) -> str:
    """A source by name and section."""
    names = service.deciding.knowhow.policy.sources if service.deciding else {}
    label = names[source.source].label if source.source in names else source.source
    return f"{label}, {source.section}" if source.section else label


def _procedure_name(procedure: str, service: KnownService) -> str:
    if service.deciding is None:
        return procedure
    return service.deciding.knowhow.procedures.name(procedure)
