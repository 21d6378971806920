"""The logic of loaded knowledge over one patient, for calls, operations and tools alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.cql.evaluation import Evaluation
from cds_service.facts.facts import Facts
from cds_service.knowledge.knowledge import Knowledge
from cds_service.plans.call_parameters import UNREADABLE, declared
from cds_service.plans.logic import Logic


def logic_for(
    knowledge: Knowledge,
    facts: Facts,
    parameters: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Logic:
    """The logic of `knowledge` over `facts`; parameters that nothing declares are passed over."""
    unreadable = facts.unreadable()
    given = {UNREADABLE: list(unreadable), **(parameters or {})}
    known: dict[Any, Any] = {**declared(given, knowledge.parameter_names), **knowledge.site_parameters}
    run = Evaluation(knowledge.compiled, facts, known)
    patient = facts.patient
    named = {"subject": patient, "patient": patient, "resource": patient, "rootResource": patient, **(variables or {})}
    return Logic(
        run=run,
        paths=knowledge.paths.over(facts),
        variables={name: value for name, value in named.items() if value is not None},
        unreadable=frozenset(unreadable),
        reads=knowledge.reads,
        facts=knowledge.facts,
        read_from_text=facts.read_from_text,
    )
