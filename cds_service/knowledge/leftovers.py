"""What in content has no reader, no way to it, or no source: the remarks for those who write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from cds_service.cql.compiler.program import EXPRESSIONS
from cds_service.cql.entries import DefinitionEntry, ParameterEntry
from cds_service.cql.explain.reach import Declared
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import Constant, Converted, walk
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.remarks import Remark
from cds_service.plans.definitions import Action, Plan
from cds_service.plans.expressions import Define, Expression, FhirPath, Literal
from cds_service.values.quantity import Quantity

_SOURCE = re.compile(r"\b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+\b")  # as sources are named: SOME-SOURCE, LOCAL-DEFAULT
_QUOTED = re.compile(r'"([^"]+)"|\{(?:cql:)?([^{}]+)\}')


def leftovers(knowledge: Knowledge) -> Iterator[Remark]:
    """Definitions that nothing asks for, actions that nothing comes to, numbers without a source."""
    yield from _unread(knowledge)
    yield from _plans_without_a_way(knowledge)
    yield from _actions_that_never_apply(knowledge)
    yield from _numbers(knowledge)


# --- definitions


def _unread(knowledge: Knowledge) -> Iterator[Remark]:
    declared = _declared(knowledge)
    named = set(_names(found.resource for found in knowledge.definitions.content.resources))
    recorded = {fact.recorded for fact in knowledge.facts.facts}
    asked = [entry for entry in declared if _is_asked(entry, named) or (entry.library, entry.name) in recorded]
    asked += [entry for entry in knowledge.compiled.program.definitions if entry.library.startswith(EXPRESSIONS)]
    read = {id(entry) for entry in knowledge.compiled.reach.reached(asked)}
    for entry in declared:
        if id(entry) not in read:
            yield Remark(_place(entry), "nothing asks for it")


def _declared(knowledge: Knowledge) -> list[Declared]:
    """What the libraries of the content declare, all of it compiled."""
    program = knowledge.compiled.program
    for library in knowledge.compiled.libraries:
        knowledge.compiled.definitions(library)
    found: list[Declared] = [*program.definitions, *program.parameters, *program.functions]
    own = set(knowledge.definitions.content.libraries)
    return [entry for entry in found if entry.library in own and entry.name != "Patient"]


def _is_asked(entry: Declared, named: set[str]) -> bool:
    return entry.name in named or (isinstance(entry, DefinitionEntry) and bool(entry.tags.get("fact")))


def _names(written: Iterable[Any]) -> Iterator[str]:
    """Everything in definitions that may be the name of a definition."""
    for value in written:
        if isinstance(value, str):
            yield value
            yield value.rpartition(".")[2].strip('"')
            for quoted, placed in _QUOTED.findall(value):
                yield quoted or placed
                yield (quoted or placed).rpartition(".")[2]
        elif isinstance(value, Mapping):
            yield from _names(value.values())
        elif isinstance(value, list | tuple):
            yield from _names(value)


# --- plans and actions


def _plans_without_a_way(knowledge: Knowledge) -> Iterator[Remark]:
    """Plans that neither a hook nor another resource leads to; where nothing has a hook, all are for `$apply`."""
    if not knowledge.services:
        return
    led_to = {plan.canonical for service in knowledge.services.values() for plan in service.plans}
    led_to |= {policy.plan.canonical for policy in knowledge.policies}
    written = [found.resource for found in knowledge.definitions.content.resources]
    for plan in knowledge.definitions.plans:
        others = (resource for resource in written if resource.get("url") != plan.url)
        if plan.canonical not in led_to and not any(_leads_to(resource, plan) for resource in others):
            yield Remark(plan.id, "no hook and no other plan leads to it; only $apply does")


def _leads_to(written: Any, plan: Plan) -> bool:
    if isinstance(written, str):
        return written.partition("|")[0] == plan.url
    if isinstance(written, Mapping):
        return any(_leads_to(value, plan) for value in written.values())
    return isinstance(written, list) and any(_leads_to(value, plan) for value in written)


def _actions_that_never_apply(knowledge: Knowledge) -> Iterator[Remark]:
    for plan in knowledge.definitions.plans:
        for action in plan.actions:
            yield from _never(action, plan, knowledge)


def _never(action: Action, plan: Plan, knowledge: Knowledge) -> Iterator[Remark]:
    if any(_is_never_true(condition, knowledge) for condition in action.conditions):
        yield Remark(f"{plan.id}.{action.id}", "its condition is never true, so nothing comes to it")
        return
    for child in action.children:
        yield from _never(child, plan, knowledge)


def _is_never_true(condition: Expression, knowledge: Knowledge) -> bool:
    match condition:
        case Literal(value):
            return value is False
        case FhirPath(text):
            return text == "false"
        case Define(library, name) if knowledge.compiled.has(library, name):
            body = knowledge.compiled.entry(library, name).body
            while isinstance(body, Converted):
                body = body.operand
            return isinstance(body, Constant) and body.value in (False, None)
        case _:
            return False


# --- numbers


def _numbers(knowledge: Knowledge) -> Iterator[Remark]:
    """Thresholds: defaults of parameters, and numbers with a unit within definitions that no parameter has."""
    declared = _declared(knowledge)
    thresholds: set[str] = set()
    above: ParameterEntry | None = None
    has_source = False
    for entry in declared:
        if isinstance(entry, ParameterEntry):
            follows = above is not None and above.library == entry.library and _line(entry) == _line(above) + 1
            has_source = _names_source(entry) or (follows and has_source and entry.node.documentation is None)
            above = entry
            numbers = set(_numbers_in(entry.default))
            thresholds |= numbers
            if numbers and not has_source:
                yield Remark(_place(entry), "the comment above it names no source for its number")
    for entry in declared:
        if isinstance(entry, DefinitionEntry) and not _names_source(entry):
            for number in sorted(set(_numbers_in(entry.body, only_with_unit=True)) - thresholds):
                yield Remark(_place(entry), f"{number} has no source: name one above it, or make it a parameter")


def _numbers_in(body: Typed | None, *, only_with_unit: bool = False) -> Iterator[str]:
    for node in walk(body) if body is not None else ():
        value = node.value if isinstance(node, Constant) else None
        if isinstance(value, Quantity):
            if value.value not in (0, 1):
                yield f"{value.value} '{value.unit}'"
        elif isinstance(value, int | Decimal) and not isinstance(value, bool) and not only_with_unit:
            yield str(value)


def _names_source(entry: ParameterEntry | DefinitionEntry) -> bool:
    comment = entry.node.documentation
    return comment is not None and bool(_SOURCE.search(comment.text))


def _line(entry: Declared) -> int:
    return entry.node.name_span.line


def _place(entry: Declared) -> str:
    return f"{entry.library}.{entry.name}"
