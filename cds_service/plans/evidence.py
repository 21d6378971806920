"""Which facts a judgement rests on, with their values and the resources that they come from."""

from __future__ import annotations

from collections.abc import Container, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cds_service.errors import CdsError
from cds_service.plans.deciding import Judgement
from cds_service.plans.expressions import Expression
from cds_service.plans.facts_catalogue import Fact, FactCatalogue
from cds_service.plans.logic import Logic
from cds_service.proposals.evidence import FactEvidence
from cds_service.values.codes import Code, Concept
from cds_service.values.formatting import to_text
from cds_service.values.quantity import Quantity

# The order under decision says something about the patient only where it gives its reason; its site is what is asked.
_REASONS = frozenset({"reasonCode", "reasonReference"})


def evidence_of(judgement: Judgement, facts: FactCatalogue, silent: str | None = None) -> tuple[FactEvidence, ...]:
    """The facts behind the chosen scenario, the rules that fire and the questions, each once, in the order met.

    `silent` is a resource that logic looks at but that says nothing about the patient: an order without a reason.
    """
    logic, record = judgement.logic, judgement.record
    if logic is None:
        return ()
    asked = {*record.must_ask, *record.safety_ask}
    return evidence_behind(_counting(judgement), facts, logic, asked, record.order, silent)


def evidence_behind(
    conditions: Iterable[tuple[Expression, ...]],
    facts: FactCatalogue,
    logic: Logic,
    asked: Container[str],
    order: str | None = None,
    silent: str | None = None,
) -> tuple[FactEvidence, ...]:
    """The facts that conditions are made of, those that are known or asked for, each once."""
    from_text = logic.read_from_text()
    met = {fact.id: fact for each in conditions for fact in facts.behind(each)}
    found = []
    for fact in met.values():
        if fact.id in asked or _is_known(fact, logic):  # looking for resources is the costly part
            entry = fact_evidence(fact, logic, from_text, order, silent)
            if entry is not None and (entry.value is not None or fact.id in asked):
                found.append(entry)
    return tuple(found)


def _is_known(fact: Fact, logic: Logic) -> bool:
    try:
        return logic.run.raw(fact.library, fact.define) is not None
    except CdsError:
        return False


def _counting(judgement: Judgement) -> Iterable[tuple[Expression, ...]]:
    selection = judgement.selection
    if selection is not None:
        if selection.primary is not None:
            yield selection.primary.criteria
        for alternative in selection.undecided:
            yield alternative.criteria
        for criterion in selection.failed_criteria:
            yield _only(criterion)
        if selection.excluded is not None and selection.excluded.condition is not None:
            yield _only(selection.excluded.condition)
    for finding in judgement.fired:
        yield finding.rule.conditions


@lru_cache(maxsize=4096)
def _only(expression: Expression) -> tuple[Expression, ...]:
    """One condition as a list of conditions; the same list each time."""
    return (expression,)


def fact_evidence(
    fact: Fact, logic: Logic, from_text: frozenset[str], order: str | None = None, silent: str | None = None
) -> FactEvidence | None:
    """The fact's value for this patient with its resources; None if it could not be evaluated.

    `from_text` are the references of resources whose codes were read from free text.
    """
    try:
        found = logic.run.grounds(*fact.key)
    except CdsError:
        return None
    value, unit = found.value, None
    if value is not True and value is not False:
        value, unit = json_value(value)
    references: dict[str, None] = {}
    is_reason, dated = False, None
    for resource in found.resources:
        reference = resource.reference
        if reference == silent:
            continue
        if reference == order:
            is_reason = is_reason or (resource.element or "").partition(".")[0] in _REASONS
            continue
        references[reference] = None
        if resource.day is not None and (dated is None or resource.day > dated):
            dated = resource.day
    if is_reason and not references and order is not None and found.value not in (None, False):
        references[order] = None  # the reason of an order is a ground only for what it names, and nothing else does
    return FactEvidence(
        fact=fact.id,
        value=value,
        references=tuple(references),
        dated=dated,
        unit=unit,
        library=fact.library,
        define=fact.define,
        from_text=bool(from_text) and not from_text.isdisjoint(references),
    )


def json_value(value: Any) -> tuple[Any, str | None]:
    """A CQL value as a JSON value, with the unit of a quantity."""
    match value:
        case None | bool() | int() | Decimal() | str():
            return value, None
        case Quantity():
            return value.value, value.unit
        case Code():
            return value.code, None
        case Concept():
            return (value.codes[0].code if value.codes else value.display), None
        case list() | tuple():
            return [json_value(entry)[0] for entry in value], None
    return str(to_text(value)), None
