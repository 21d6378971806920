"""Why: for each order the scenarios, the rules that fire and those that stay silent, down to the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.cql.evaluation import Evaluation
from cds_service.cql.explanation import Explained, explain_definition
from cds_service.errors import CdsError
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.pipeline import Decision, Judged
from cds_service.plans.deciding import Judgement
from cds_service.plans.expressions import Define, Expression, InlineCql
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.rules import Finding
from cds_service.plans.scenarios import Alternative, Selection
from cds_service.plans.wording import cite
from cds_service.proposals.outcomes import State
from cds_service.workbench.marks import order_words
from cds_service.workbench.values import shown, truth_class

_DEEPEST = 12
_STATES = {
    State.APPLIES: ("true", "yes"),
    State.DOES_NOT_APPLY: ("false", "no"),
    State.CANNOT_TELL: ("unknown", "cannot tell"),
    State.FAILED: ("critical", "failed"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One definition in a tree of reasons."""

    says: str
    library: str
    define: str
    state: str
    value: str
    resources: tuple[tuple[str, str, str], ...]  # reference, element, date
    searches: tuple[str, ...]
    below: tuple[Node, ...]
    is_fact: bool
    failure: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A scenario, rule or check, what it came to, and the trees of its conditions."""

    id: str
    title: str
    kind: str
    state: str
    outcome: str
    note: str
    asks: tuple[str, ...]
    sources: tuple[str, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ExplainedJudgement:
    """One order at one level, or one call without orders."""

    title: str
    conclusion: str
    rating: str
    scenarios: tuple[Reason, ...]
    fired: tuple[Reason, ...]
    open: tuple[Reason, ...]
    silent: tuple[Reason, ...]
    checks: tuple[Reason, ...]


def explain(decision: Decision, service: KnownService, knowledge: Knowledge) -> tuple[ExplainedJudgement, ...]:
    """Everything that was judged for a decision, order by order and level by level."""
    if service.deciding is None:
        return ()
    explainer = _Explainer(service, knowledge)
    return tuple(
        explainer.judgement(judged, judgement, decision)
        for judged in decision.trace.judged
        for judgement in judged.judgements
    )


@dataclass(frozen=True, slots=True)
class _Explainer:
    service: KnownService
    knowledge: Knowledge

    def judgement(self, judged: Judged, judgement: Judgement, decision: Decision) -> ExplainedJudgement:
        assert self.service.deciding is not None
        knowhow = self.service.deciding.knowhow
        record, logic = judgement.record, judgement.logic or decision.trace.logic
        meaning = knowhow.policy.rating_meanings.get(record.rating or "")
        name = order_words(judged.draft.json, knowhow.procedures) if judged.draft else ""
        place = record.order or record.subject or "The patient"
        level = record.level if record.level and record.level not in name else None
        title = " · ".join(part for part in (place, name, level) if part)
        reasons = [(finding, self.finding(finding, logic)) for finding in judgement.findings]
        return ExplainedJudgement(
            title=title,
            conclusion=meaning.says if meaning else record.status.replace("-", " "),
            rating=record.rating or record.status,
            scenarios=tuple(self.scenarios(judgement.selection, logic)) if judgement.selection else (),
            fired=tuple(reason for finding, reason in reasons if finding.fires),
            open=tuple(r for f, r in reasons if f.outcome.state in (State.CANNOT_TELL, State.FAILED)),
            silent=tuple(r for f, r in reasons if f.outcome.state is State.DOES_NOT_APPLY),
            checks=tuple(self.check(finding, logic) for finding in judgement.checks),
        )

    def scenarios(self, selection: Selection, logic: Logic) -> Iterable[Reason]:
        for alternative in selection.group.alternatives:
            outcome = selection.outcomes.get(alternative.id)
            state, words = _STATES[outcome.state] if outcome is not None else ("unknown", "not looked at")
            yield Reason(
                id=alternative.id,
                title=alternative.title,
                kind=_role(alternative, selection),
                state=state,
                outcome=words,
                note=outcome.reason if outcome is not None else "",
                asks=self.asked(outcome.facts if outcome is not None else ()),
                sources=tuple(cite(source, self.knowhow) for source in alternative.sources),
                nodes=self.nodes(alternative.criteria, logic),
            )

    @property
    def knowhow(self) -> Knowhow:
        assert self.service.deciding is not None
        return self.service.deciding.knowhow

    def finding(self, finding: Finding, logic: Logic) -> Reason:
        rule = finding.rule
        state, words = _STATES[finding.outcome.state]
        words = {"yes": "fires", "no": "silent"}.get(words, words)
        return Reason(
            id=rule.id,
            title=finding.statement or rule.title,
            kind=rule.severity,
            state=state,
            outcome=words,
            note=finding.outcome.reason,
            asks=self.asked(finding.outcome.facts),
            sources=tuple(cite(source, self.knowhow) for source in rule.sources),
            nodes=self.nodes(rule.conditions, logic),
        )

    def check(self, finding: Finding, logic: Logic) -> Reason:
        rule = finding.rule
        words = {True: "met", False: "not met", None: "not documented"}[finding.met]
        expressions = [*rule.conditions, *([rule.check] if rule.check is not None else [])]
        return Reason(
            id=rule.id,
            title=finding.statement or rule.title,
            kind=rule.level,
            state=truth_class(finding.met),
            outcome=words,
            note=finding.outcome.reason,
            asks=(),
            sources=tuple(cite(source, self.knowhow) for source in rule.sources),
            nodes=self.nodes(expressions, logic),
        )

    def asked(self, facts: Iterable[str]) -> tuple[str, ...]:
        assert self.service.deciding is not None
        names = self.service.deciding.words.fact_names
        return tuple(names.get(fact, fact) for fact in facts)

    def nodes(self, expressions: Sequence[Expression], logic: Logic) -> tuple[Node, ...]:
        return tuple(self.expression(expression, logic) for expression in expressions)

    def expression(self, expression: Expression, logic: Logic) -> Node:
        match expression:
            case Define(library, name) if isinstance(logic.run, Evaluation):
                return self.node(explain_definition(logic.run, library, name), 0)
            case InlineCql(name, text, library) if isinstance(logic.run, Evaluation):
                found = explain_definition(logic.run, library or "", name)
                return self.node(found, 0, says=text)
        outcome = logic.outcome(expression, asks=False)
        state, words = _STATES[outcome.state]
        text = str(getattr(expression, "text", "") or type(expression).__name__)
        return Node(text, "", "", state, words, (), (), (), False, outcome.reason)

    def node(self, found: Explained, depth: int, says: str = "") -> Node:
        tags = self.tags(found)
        if "fact" not in tags and (only := _passed_on(found)) is not None and depth < _DEEPEST:
            return self.node(only, depth + 1, says or str(tags.get("says") or ""))
        searches = tuple(
            f"{search.type}"
            + (f" in {_last(search.value_set)}" if search.value_set else "")
            + f": {search.found} found"
            for search in found.searches
        )
        return Node(
            says=says or str(tags.get("says") or found.name),
            library=found.library,
            define=found.name,
            state="critical" if found.failure else truth_class(found.value),
            value=found.failure or shown(found.value),
            resources=_resources(found),
            searches=searches,
            below=tuple(self.node(child, depth + 1) for child in found.below if not _is_empty(child)),
            is_fact="fact" in tags,
            failure=found.failure,
        )

    def tags(self, found: Explained) -> dict[str, str | None]:
        if found.is_parameter:
            return {}
        try:
            return dict(self.knowledge.compiled.definition(found.library, found.name).tags)
        except CdsError:
            return {}


def _passed_on(found: Explained) -> Explained | None:
    """The one definition that `found` only hands on."""
    if len(found.below) != 1 or found.resources or found.searches or found.failure:
        return None
    only = found.below[0]
    same = only.value is found.value or (isinstance(only.value, bool | None) and only.value == found.value)
    return only if same and not only.is_parameter else None


def _is_empty(found: Explained) -> bool:
    return found.is_parameter and (found.value is None or found.value == [])


def _resources(found: Explained) -> tuple[tuple[str, str, str], ...]:
    """Each resource once, with all its elements that were read and its newest date."""
    elements: dict[str, list[str]] = {}
    dates: dict[str, str] = {}
    for entry in found.resources:
        elements.setdefault(entry.reference, []).append(entry.element or "")
        if entry.effective:
            dates[entry.reference] = shown(entry.effective).strip("“”")
    return tuple(
        (reference, ", ".join(dict.fromkeys(filter(None, read))), dates.get(reference, ""))
        for reference, read in elements.items()
    )


def _role(alternative: Alternative, selection: Selection) -> str:
    if selection.primary is not None and selection.primary.id == alternative.id:
        return "decides"
    if any(other.id == alternative.id for other in selection.also):
        return "also matches"
    if any(other.id == alternative.id for other in selection.undecided):
        return "still open"
    if selection.nearest is not None and selection.nearest.id == alternative.id:
        return "nearest"
    return ""


def _last(canonical: str) -> str:
    return canonical.partition("|")[0].rpartition("/")[2]
