"""Plans as people read them: scenarios as a decision table, rules as text, and how a decision flows through them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
class Criterion:
    """A condition in words, with the definition that it is."""

    says: str
    library: str
    define: str


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One scenario with its criteria and its ratings in the order of the columns."""

    id: str
    title: str
    criteria: tuple[Criterion, ...]
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
    preconditions: tuple[tuple[Criterion | None, str], ...]  # unless it holds, these words
    no_match: tuple[tuple[Criterion | None, str, str], ...]  # condition, nearest, words


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule as text."""

    id: str
    title: str
    statement: str
    kind: str
    severity: str
    condition: tuple[Criterion, ...]
    about: tuple[str, ...]
    unknown: str
    emergency: bool
    what_now: str
    sources: tuple[str, ...]
    indicator: str = ""  # how serious a card it makes


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
    hook: str = ""  # of a plan that is a service
    gathers: tuple[tuple[str, str, tuple[Criterion, ...]], ...] = ()  # plan id, title, only when

    @property
    def kind(self) -> str:
        """What there is to see."""
        return "service" if self.hook else "table" if self.tables else "rules"


def plan_views(services: Mapping[str, KnownService]) -> tuple[PlanView, ...]:
    """Every plan that a service uses, once, in the order of their titles."""
    found: dict[str, PlanView] = {}
    for service in services.values():
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
                    for other in services.values()
                    if any(used.canonical == plan.canonical for used in other.plans)
                ),
                hook=service.hook if plan is service.plan else "",
                gathers=tuple(
                    (g.plan.id, g.plan.title or g.plan.id, tuple(_criterion(guard, service) for guard in g.guards))
                    for g in (service.gathered if plan is service.plan else ())
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
        preconditions=tuple((_maybe(each.condition, service), each.says) for each in group.preconditions),
        no_match=tuple((_maybe(e.condition, service), e.nearest or "", e.says) for e in group.no_match if e.says),
    )


def _row(alternative: Alternative, procedures: Sequence[str], service: KnownService) -> ScenarioRow:
    return ScenarioRow(
        id=alternative.id,
        title=alternative.title,
        criteria=tuple(_criterion(criterion, service) for criterion in alternative.criteria),
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
        condition=tuple(
            _criterion(each, service) for each in (*rule.conditions, *([rule.check] if rule.check else []))
        ),
        about=_about(rule, service),
        unknown=rule.unknown,
        emergency=rule.emergency,
        what_now=rule.what_now,
        sources=tuple(source_words(source, service) for source in rule.sources),
        indicator=_indicator(rule, service),
    )


def _indicator(rule: Rule, service: KnownService) -> str:
    if rule.is_check or service.deciding is None:
        return ""
    return service.deciding.knowhow.policy.severity(rule.severity).indicator


def _about(rule: Rule, service: KnownService) -> tuple[str, ...]:
    if rule.all_orders:
        return ("any order",)
    return tuple(_procedure_name(procedure, service) for procedure in sorted(rule.procedures | rule.by_extension))


def _maybe(expression: Expression | None, service: KnownService) -> Criterion | None:
    return _criterion(expression, service) if expression is not None else None


def _criterion(expression: Expression, service: KnownService) -> Criterion:
    """A condition as its author says it, or as its definition is named."""
    match expression:
        case Define(library, name):
            words = service.deciding.words.criteria_words if service.deciding else {}
            return Criterion(words.get((library, name)) or name, library, name)
    return Criterion(str(getattr(expression, "text", expression)), "", "")


def source_words(source: Citation, service: KnownService) -> str:
    """A source by name and section."""
    names = service.deciding.knowhow.policy.sources if service.deciding else {}
    label = names[source.source].label if source.source in names else source.source
    return f"{label}, {source.section}" if source.section else label


def _procedure_name(procedure: str, service: KnownService) -> str:
    if service.deciding is None:
        return procedure
    return service.deciding.knowhow.procedures.name(procedure)
