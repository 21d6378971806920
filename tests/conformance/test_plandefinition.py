"""Every $apply case: the tree of actions, the resources, the CQL behind them, and the cards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cds_service.errors import CdsError
from cds_service.hooks.rendering import response_json
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.operations import ApplyInputs, apply_operation, facts_for
from cds_service.knowledge.running import logic_for
from cds_service.pipeline import Manner, decide_on
from cds_service.plans.apply import Applied, AppliedAction
from cds_service.plans.element_values import fhir_value
from cds_service.plans.rendering import all_resources, bundle, care_plan
from tests.conformance.plan_cases import PlanCase, contains, plan_cases
from tests.conformance.suites import HERE, as_parameter, suite_folder

SUITE = "plandefinition"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
COMPARED = ("id", "title", "description", "priority", "selectionBehavior")


def cases() -> Iterator[PlanCase]:
    folder = suite_folder(SUITE)
    yield from plan_cases(HERE / "own" / SUITE)
    if folder is not None:
        yield from plan_cases(folder)


ALL = [as_parameter(SUITE, case.id, case) for case in cases()]


def moment(case: PlanCase) -> datetime:
    text = case.apply.get("now")
    return datetime.fromisoformat(str(text)) if text else NOW


def applied(case: PlanCase) -> Applied:
    knowledge = case.knowledge()
    plan = knowledge.definitions.plan_by_id(case.apply["planDefinition"])
    assert plan is not None, "the plan is not loaded"
    parameters = {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in (case.apply.get("parameters") or {}).items()
    }
    inputs = ApplyInputs(
        subject=case.apply["subject"],
        data=case.bundle(),
        encounter=case.apply.get("encounter"),
        practitioner=case.apply.get("practitioner"),
        parameters=parameters,
    )
    return apply_operation(knowledge, plan, inputs, moment(case))


def tree(actions: list[AppliedAction]) -> list[dict[str, Any]]:
    """The applicable actions with the elements that cases compare."""
    found = []
    for action in actions:
        if action.element is None:
            continue
        entry = {name: action.element[name] for name in COMPARED if name in action.element}
        if "resource" in action.element:
            entry["resource"] = action.element["resource"]["reference"].partition("/")[0]
        children = tree(action.children)
        if children:
            entry["action"] = children
        found.append(entry)
    return found


def expected_tree(actions: list[Mapping[str, Any]], shown: list[dict[str, Any]]) -> None:
    """Compare with the expectation, naming the first action that differs."""
    assert len(shown) == len(actions), (
        f"{[a.get('title') for a in shown]} instead of {[a.get('title') for a in actions]}"
    )
    for wanted, got in zip(actions, shown, strict=True):
        elements = {name: value for name, value in wanted.items() if name != "action"}
        assert contains(got, elements), f"{got} lacks {elements}"
        named = set(COMPARED) - {"id"} & set(got)
        assert not {name for name in named if name in got and name not in wanted and name == "resource"}
        expected_tree(wanted.get("action", []), got.get("action", []))


@pytest.mark.parametrize("case", ALL)
def test_plan_definition(case: PlanCase) -> None:
    """The tree, the resources and the reported outcome of one case."""
    outcome = case.expected.get("outcome")
    try:
        result = applied(case)
    except CdsError:
        assert outcome, "the application failed as a whole"
        return
    if "actions" in case.expected:
        expected_tree(case.expected["actions"] or [], tree(result.actions))
    produced = all_resources(result)
    for wanted in case.expected.get("resources") or ():
        match = next((resource for resource in produced if contains(resource, wanted)), None)
        assert match is not None, f"{wanted} is not among {[r['resourceType'] for r in produced]}"
        produced.remove(match)
    ids = [resource["id"] for resource in all_resources(result)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("case", [parameter for parameter in ALL if parameter.values[0].expected.get("cql")])  # type: ignore[attr-defined]
def test_plan_definition_cql(case: PlanCase) -> None:
    """The values of the definitions that decide conditions and texts."""
    knowledge = case.knowledge()
    plan = knowledge.definitions.plan_by_id(case.apply["planDefinition"])
    assert plan is not None
    logic = logic_for(knowledge, facts_for(case.bundle(), case.apply["subject"], moment(case)))
    for name, wanted in case.expected["cql"].items():
        value = logic.run.value(str(plan.library), name.strip('"'))
        got = fhir_value(value)
        text = isinstance(got, str) and isinstance(wanted, str)
        assert contains(got, wanted) if text else got == wanted, f"{name} is {got!r}, not {wanted!r}"


@pytest.mark.parametrize("case", [parameter for parameter in ALL if parameter.values[0].request])  # type: ignore[attr-defined]
def test_plan_definition_cards(case: PlanCase) -> None:
    """The cards that the CDS Hooks request of a case is answered with."""
    knowledge = case.knowledge()
    sent = case.hook_request()
    assert sent is not None
    plan_id = case.apply["planDefinition"]
    service = next(s for s in knowledge.services.values() if s.plan.id == plan_id and s.hook == sent["hook"])
    parser = RequestParser(service.hook, knowledge.resource_type)
    request = parser.parse(json.dumps(sent).encode(), Arrival(moment(case), "call"))
    facts = facts_for(case.bundle(), f"Patient/{request.context.patient_id}", moment(case))
    answer = response_json(decide_on(request, service, knowledge, facts, Manner()).response)
    for wanted in case.expected.get("cards") or ():
        assert any(contains(card, wanted) for card in answer["cards"]), f"{wanted} is not among {answer['cards']}"


@pytest.mark.parametrize("case", ALL)
def test_plan_definition_twice(case: PlanCase) -> None:
    """Applying twice gives the same, in both forms."""
    try:
        first, second = applied(case), applied(case)
    except CdsError:
        return
    assert care_plan(first) == care_plan(second)
    assert bundle(first) == bundle(second)
