"""What was asked, found and concluded for one call, as a tree that a clinician can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.errors import CdsError
from cds_service.knowledge.knowledge import Knowledge
from cds_service.pipeline import Decision, Judged
from cds_service.plans.apply import AppliedAction
from cds_service.plans.deciding import Judgement
from cds_service.plans.evidence import fact_evidence
from cds_service.plans.expressions import Define, Expression, FhirPath, InlineCql
from cds_service.plans.logic import Logic
from cds_service.plans.rules import Finding
from cds_service.plans.scenarios import Alternative, Selection
from cds_service.proposals.outcomes import Outcome, State

_SIGNS = {State.APPLIES: "yes", State.DOES_NOT_APPLY: "no", State.CANNOT_TELL: "not known", State.FAILED: "FAILED"}


@dataclass(slots=True)
class Node:
    """One line of the explanation, with what stands behind it."""

    kind: str  # order | level | scenario | criterion | rule | check | action | fact | note
    text: str
    result: str = ""
    id: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """The node as plain data."""
        found = {"kind": self.kind, "id": self.id, "text": self.text, "result": self.result, **self.details}
        if self.children:
            found["children"] = [child.json() for child in self.children]
        return {name: value for name, value in found.items() if value not in ("", None, [])}

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class _About:
    """What an explanation looks things up in."""

    logic: Logic
    knowledge: Knowledge
    order: str | None = None  # the order itself is no evidence, save for what it names as its reason


def explain(decision: Decision, knowledge: Knowledge, *, silent: bool = False) -> list[Node]:
    """The tree: order, level, scenario, criterion, definition, evidence; rules and checks beside it."""
    nodes = [_judged(judged, knowledge, silent) for judged in decision.trace.judged]
    for applied in decision.trace.applied:
        plan = Node("plan", applied.plan.title, id=applied.plan.canonical)
        plan.children = [_applied(action, _About(decision.trace.logic, knowledge)) for action in applied.actions]
        nodes.append(plan)
    facts = decision.trace.facts
    aside = (f"{bad.type_name or 'A resource'} could not be read: {bad.reason}" for bad in facts.set_aside)
    nodes += [Node("note", text, "set aside") for text in aside]
    return nodes + [Node("note", f"{name} could not be had completely", "unreadable") for name in facts.unreadable()]


def _judged(judged: Judged, knowledge: Knowledge, silent: bool) -> Node:
    record = judged.record
    subject = record.order or record.subject or "the call"
    node = Node("order", f"{subject}: {record.procedure or ', '.join(record.candidates) or 'no order'}", record.status)
    node.details = {"plan": record.plan, "rating": record.rating, "provisional": record.provisional}
    for judgement in judged.judgements:
        target = node
        if judgement.record.level:
            target = Node("level", judgement.record.level, judgement.record.rating or judgement.record.status)
            node.children.append(target)
        target.children += list(_judgement(judgement, knowledge, silent))
    return node


def _judgement(judgement: Judgement, knowledge: Knowledge, silent: bool) -> Iterator[Node]:
    logic = judgement.logic
    if logic is None:
        return
    about = _About(logic, knowledge, judgement.record.order)
    if judgement.selection is not None:
        yield from _selection(judgement.selection, about)
    for finding in judgement.findings:
        if silent or finding.fires or finding.outcome.state in (State.CANNOT_TELL, State.FAILED):
            yield _finding(finding, about)
    for check in judgement.checks:
        yield _finding(check, about)


def _selection(selection: Selection, about: _About) -> Iterator[Node]:
    if selection.excluded is not None:
        yield Node("note", selection.excluded.says, selection.excluded.reason)
    for alternative in selection.group.alternatives:
        outcome = selection.outcomes.get(alternative.id)
        if outcome is not None:
            yield _alternative(alternative, outcome, selection, about)
    if selection.situation is not None:
        yield Node("note", selection.situation.says, selection.situation.reason)


def _alternative(alternative: Alternative, outcome: Outcome, selection: Selection, about: _About) -> Node:
    result = _SIGNS[outcome.state]
    if selection.primary is alternative:
        result += ", leads"
    elif alternative in selection.also:
        result += ", also matches"
    node = Node("scenario", alternative.title, result, alternative.id)
    if outcome.facts:
        node.details["needs"] = list(outcome.facts)
    node.children = [_condition(criterion, about, "criterion") for criterion in alternative.criteria]
    return node


def _finding(finding: Finding, about: _About) -> Node:
    rule = finding.rule
    result = _SIGNS[finding.outcome.state]
    if rule.is_check:
        result = {True: "met", False: "not met", None: "not documented"}[finding.met]
    node = Node("check" if rule.is_check else "rule", finding.statement, result, rule.id)
    node.details = {"severity": rule.severity, "needs": list(finding.outcome.facts), "reason": finding.outcome.reason}
    expressions = [*rule.conditions, *([rule.check] if rule.check is not None else [])]
    node.children = [_condition(expression, about, "condition") for expression in expressions]
    return node


def _condition(expression: Expression, about: _About, kind: str) -> Node:
    outcome = about.logic.outcome(expression)
    node = Node(kind, _words(expression, about.knowledge), _SIGNS[outcome.state])
    if outcome.facts:
        node.details["needs"] = list(outcome.facts)
    if outcome.reason:
        node.details["reason"] = outcome.reason
    if isinstance(expression, Define):
        node.id = f"{expression.library}.{expression.name}"
        node.children = list(_facts((expression.library, expression.name), about))
    return node


def _facts(key: tuple[str, str], about: _About) -> Iterator[Node]:
    logic = about.logic
    for fact in about.knowledge.facts.below(key):
        try:
            evidence = fact_evidence(fact, logic, logic.read_from_text(), about.order)
        except CdsError:
            evidence = None
        if evidence is None:
            yield Node("fact", fact.id, "FAILED", f"{fact.library}.{fact.define}")
            continue
        value = "not known" if evidence.value is None else _value(evidence.value)
        node = Node("fact", fact.define, value, fact.id)
        node.details = {"from": list(evidence.references), "dated": evidence.dated}
        yield node


def _applied(action: AppliedAction, about: _About) -> Node:
    element: Mapping[str, Any] = action.element or {}
    title = str(element.get("title") or action.action.title or action.action.description or action.action.id)
    node = Node("action", title, _SIGNS[action.outcome.state], action.action.id)
    node.details = {"needs": list(action.outcome.facts), "reason": action.outcome.reason}
    node.children = [_condition(condition, about, "condition") for condition in action.action.conditions]
    node.children += [_applied(child, about) for child in action.children]
    if action.nested is not None:
        node.children += [_applied(child, about) for child in action.nested.actions]
    return node


def _words(expression: Expression, knowledge: Knowledge) -> str:
    match expression:
        case Define(library, name):
            for fact in knowledge.facts.facts:
                if fact.key == (library, name) and fact.says:
                    return fact.says
            if knowledge.compiled.has(library, name):
                says = knowledge.compiled.definition(library, name).tags.get("says")
                return says or name
            return name
        case InlineCql(_, text, _) | FhirPath(text):
            return text
    return "a constant"


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
