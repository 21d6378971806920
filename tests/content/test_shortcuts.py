"""What is known from the start and the notes that facts take change neither a value nor its grounds: the project's own
logic, over charts of its cases, beside the same logic that asks everything and notes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from unittest.mock import patch

import pytest

from cds_service.cases.charts import hook_call
from cds_service.cases.reading import Case, read_cases
from cds_service.cql.compile import CompiledLibraries
from cds_service.cql.explain.evidence import ResourceEvidence
from cds_service.errors import CdsError
from cds_service.hooks.rendering import encode_json
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.knowledge.running import logic_for
from cds_service.patient_data.gather import gather
from cds_service.patient_data.sources import Sources
from cds_service.plans.call_parameters import ORDER, call_parameters
from cds_service.plans.logic import Logic
from cds_service.settings import default_content

EVERY = 12


@cache
def both() -> tuple[Knowledge, Knowledge]:
    quick = load_knowledge([default_content()])
    with patch.object(CompiledLibraries, "prepare_blanks"), patch.object(CompiledLibraries, "prepare_evidence"):
        plain = load_knowledge([default_content()])
    assert quick.compiled.blanks is not None
    assert plain.compiled.blanks is None
    return quick, plain


@cache
def cases() -> tuple[Case, ...]:
    found = read_cases([default_content() / "plandefinitions"])
    return tuple(case for case in found if case.hook == "order-sign")[::EVERY]


def logics(knowledge: Knowledge, case: Case) -> Iterator[Logic]:
    """The logic over the patient, over each draft order, and over one of its targets."""
    service = knowledge.service_for(case.hook)
    assert service is not None
    member = f"{knowledge.namespace}.asOf"
    body = encode_json(hook_call(case, service, member))
    arrival = Arrival(datetime(2025, 1, 1, tzinfo=UTC), case.id, as_of_member=member)
    request = RequestParser(service.hook, knowledge.resource_type).parse(body, arrival)
    facts = gather(request, service.needs, Sources(), knowledge.reading)
    logic = logic_for(knowledge, facts, call_parameters(request, facts, knowledge.parameter_names))
    yield logic
    for draft in facts.context.get("draftOrders", ()):  # type: ignore[attr-defined]  # the drafts of a context are a list
        ordered = logic.bound({ORDER: draft})
        yield ordered
        yield ordered.bound({"Target level": "L1"})


def told(logic: Logic, library: str, name: str) -> object:
    """A value with its resources, or how it failed, in a form that can be compared."""
    try:
        found = logic.run.grounds(library, name)
    except CdsError as error:
        return type(error)
    return repr(found.value), sorted({(each.reference, _element(each), each.day or "") for each in found.resources})


def _element(each: ResourceEvidence) -> str:
    """Grounds tell the elements only of resources that parameters hold."""
    return (each.element or "") if each.reference.startswith("ServiceRequest/") else ""


@pytest.mark.parametrize("number", range(len(cases())))
def test_values_and_grounds_are_those_of_asking_everything(number: int) -> None:
    quick, plain = both()
    compiled = quick.compiled
    facts = {fact.key for fact in quick.facts.facts}
    names = [(library, each.name) for library in compiled.libraries for each in compiled.definitions(library)]
    for one, other in zip(*(logics(knowledge, cases()[number]) for knowledge in (quick, plain)), strict=True):
        for library, name in names:
            if (library, name) in facts:
                assert told(one, library, name) == told(other, library, name), name
            else:
                assert value(one, library, name) == value(other, library, name), name


def value(logic: Logic, library: str, name: str) -> object:
    """A value, or how it failed."""
    try:
        return repr(logic.run.value(library, name))
    except CdsError as error:
        return type(error)
