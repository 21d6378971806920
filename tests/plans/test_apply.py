"""$apply: outcomes of actions, what is carried over, requests of every kind, dynamic values, nesting, forms."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.errors import ErrorGroup
from cds_service.knowledge.operations import library_parameters
from cds_service.plans.activities import KINDS
from cds_service.plans.rendering import all_resources, bundle, care_plan, request_group
from cds_service.proposals.outcomes import State
from tests.plans.applying import BASE, activity, applied, cql, library, plan, when


def given(language: str, expression: str) -> dict[str, Any]:
    return {"kind": "applicability", "expression": {"language": language, "expression": expression}}


def outcome(*conditions: Any) -> Any:
    return applied(plan({"title": "T", "condition": list(conditions)})).actions[0].outcome


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ((), State.APPLIES),
        ((when("Yes"),), State.APPLIES),
        ((when("No"),), State.DOES_NOT_APPLY),
        ((when("Unknown"),), State.CANNOT_TELL),
        ((when("Broken"),), State.FAILED),
        ((when("Yes"), when("No")), State.DOES_NOT_APPLY),  # all of them have to hold
        ((when("Unknown"), when("No")), State.DOES_NOT_APPLY),
        ((when("Unknown"), when("Yes")), State.CANNOT_TELL),
        ((when("Broken"), when("Unknown")), State.FAILED),
        ((when("No", "start"),), State.APPLIES),  # start and stop are for whoever carries the plan out
        ((when("Text"),), State.FAILED),  # a text is no answer
        ((given("text/cql", '"Yes"'),), State.APPLIES),
        ((given("text/cql", "Logic.\"No\""),), State.DOES_NOT_APPLY),
        ((given("text/cql", "true"),), State.APPLIES),
        ((given("text/cql", "1 < 2"),), State.APPLIES),
        (
            (given("text/cql-expression", '"Yes" and "No"'),),
            State.DOES_NOT_APPLY,
        ),
        (
            (given("text/fhirpath", "%subject.gender = 'female'"),),
            State.APPLIES,
        ),
        (
            (given("text/fhirpath", "%subject.deceased"),),
            State.CANNOT_TELL,
        ),
        ((given("text/fhirpath", "gender = 'female'"),), State.APPLIES),  # about the subject
        ((given("text/fhirpath", "Patient.gender = 'male'"),), State.DOES_NOT_APPLY),
        ((given("text/fhirpath", "Patient.gendre = 'male'"),), State.FAILED),
    ],
)  # fmt: skip
def test_an_action_has_one_of_four_outcomes(conditions: tuple[Any, ...], state: State) -> None:
    assert outcome(*conditions).state is state


def test_what_cannot_be_told_names_its_facts() -> None:
    assert outcome(when("Needs smoking")).facts == ("smokes",)


def test_a_failing_action_leaves_the_others_alone_and_is_reported() -> None:
    result = applied(plan({"title": "A", "condition": [when("Broken")]}, {"title": "B"}))
    assert [action["title"] for action in request_group(result)["action"]] == ["B"]
    issues = next(r for r in care_plan(result)["contained"] if r["resourceType"] == "OperationOutcome")["issue"]
    assert [(issue["severity"], issue["expression"]) for issue in issues] == [("error", ["action[0]"])]


def test_what_an_action_says_is_carried_over() -> None:
    carried = {
        "id": "a", "extension": [{"url": "http://e.org", "valueCode": "x"}],
        "prefix": "1", "title": "T", "description": "D", "textEquivalent": "TE", "priority": "urgent",
        "code": [{"text": "c"}], "documentation": [{"type": "citation", "display": "x"}],
        "condition": [when("Yes"), when("No", "stop")], "timingDuration": {"value": 3, "unit": "d"},
        "type": {"text": "t"}, "groupingBehavior": "visual-group", "selectionBehavior": "any",
        "requiredBehavior": "could", "precheckBehavior": "yes", "cardinalityBehavior": "single",
    }  # fmt: skip
    assert request_group(applied(plan(carried)))["action"] == [carried]


def test_relations_to_actions_that_are_gone_are_dropped() -> None:
    def related(to: str) -> dict[str, Any]:
        return {"actionId": to, "relationship": "before"}

    first = {"id": "a", "title": "A", "relatedAction": [related("b"), related("c")]}
    gone = {"id": "b", "title": "B", "condition": [when("No")]}
    group = request_group(applied(plan(first, gone, {"id": "c", "title": "C"})))
    assert group["action"][0]["relatedAction"] == [related("c")]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"RequestGroup"}))
def test_every_kind_of_request_is_made_for_the_subject(kind: str) -> None:
    result = applied(
        plan({"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}),
        activity(kind, code={"text": "c"}, productCodeableConcept={"text": "p"}, priority="urgent", description="d"),
        practitioner="Practitioner/d",
        encounter="Encounter/e",
    )
    made = result.requests[0]
    assert made["resourceType"] == kind
    assert "Patient/p" in str(made)
    assert result.actions[0].element == {"title": "T", "resource": {"reference": f"{kind}/{made['id']}"}}


MOMENT = "2025-06-15T09:00:00.000+00:00"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NutritionOrder", {"dateTime": MOMENT}),
        (
            "VisionPrescription",
            {"created": MOMENT, "dateWritten": MOMENT},
        ),
        ("Claim", {"created": MOMENT}),
        ("ServiceRequest", {}),
    ],
)
def test_a_request_that_must_say_when_it_was_made_does(kind: str, expected: dict[str, str]) -> None:
    made = applied(plan({"definitionCanonical": f"{BASE}/ActivityDefinition/activity"}), activity(kind)).requests[0]
    names = ("dateTime", "created", "dateWritten", "authoredOn")
    assert {name: made[name] for name in names if name in made} == expected


def test_a_moment_that_the_plan_gives_stays() -> None:
    dynamic = [{"path": "dateTime", "expression": cql("Day")}]
    ordered = activity("NutritionOrder", dynamicValue=dynamic)
    made = applied(plan({"definitionCanonical": f"{BASE}/ActivityDefinition/activity"}), ordered).requests[0]
    assert made["dateTime"] == "2025-07-01"


@pytest.mark.parametrize(
    ("path", "expression", "expected"),
    [
        ("description", "Text", {"description": "a text"}),
        ("note[0].text", "Text", {"note": [{"text": "a text"}]}),
        ("restriction.period.end", "Day", {"restriction": {"period": {"end": "2025-07-01"}}}),
        ("executionPeriod", "Stretch", {"executionPeriod": {"start": "2025-07-01", "end": "2025-08-01"}}),
        ("code", "Term", {"code": {"coding": [{"system": "http://example.org", "code": "c", "display": "C"}]}}),
        ("input[0].valueQuantity", "Amount", {"input": [{"valueQuantity": {"value": 5, "unit": "mg"}}]}),
        ("input[0].value", "Yes", {"input": [{"valueBoolean": True}]}),
        ("extension('http://e.org').value", "Text", {"extension": [{"url": "http://e.org", "valueString": "a text"}]}),
        ("%resource.description", "Text", {"description": "a text"}),
        ("input[1].value.ofType(Quantity).value", "Number", {"input": [{"valueQuantity": {"value": 2}}]}),
        ("basedOn", "Conditions", {"basedOn": [{"reference": "Condition/c"}]}),
    ],
)  # fmt: skip
def test_a_dynamic_value_reaches_any_path(path: str, expression: str, expected: dict[str, Any]) -> None:
    from tests.conformance.plan_cases import contains

    made = applied(
        plan({"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}),
        activity("Task", dynamicValue=[{"path": path, "expression": cql(expression)}]),
    ).requests[0]
    assert contains(made, expected), made


def test_an_element_of_several_types_has_one_of_them() -> None:
    timed = activity(timingDateTime="2025-01-01", dynamicValue=[{"path": "occurrence", "expression": cql("Stretch")}])
    made = applied(plan({"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}), timed).requests
    assert [name for name in made[0] if name.startswith("occurrence")] == ["occurrencePeriod"]


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("description", "Several"),  # one text is wanted
        ("lastModified.extension('http://e.org').nonsense", "Text"),
        ("restriction.repetitions", "Text"),
        ("code", "Number"),
        ("executionPeriod", "Text"),
    ],
)
def test_a_value_that_does_not_fit_fails_the_action_and_no_other(path: str, expression: str) -> None:
    action = {"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}
    dynamic = [{"path": path, "expression": cql(expression)}]
    result = applied(plan(action, {"title": "U"}), activity("Task", dynamicValue=dynamic))
    assert [each.outcome.state for each in result.actions] == [State.FAILED, State.APPLIES]


def test_an_action_that_leads_elsewhere_names_the_address() -> None:
    elsewhere = {"title": "T", "definitionUri": "https://forms.example.org/7"}
    group = request_group(applied(plan(elsewhere)))
    assert group["action"] == [{"title": "T", "resource": {"reference": "https://forms.example.org/7"}}]


@pytest.mark.parametrize("on_action", [True, False])
def test_a_transform_that_is_not_carried_out_is_told(on_action: bool) -> None:
    transform = {"transform": f"{BASE}/StructureMap/m"}
    ordered = {"definitionCanonical": f"{BASE}/ActivityDefinition/activity", **(transform if on_action else {})}
    result = applied(plan(ordered), activity(**({} if on_action else transform)))
    assert [(message.severity, "StructureMap/m" in message.text) for message in result.messages] == [("warning", True)]


def test_no_two_parts_of_the_result_have_the_same_id() -> None:
    broken = {"title": "T", "condition": [when("Broken")]}
    result = applied(plan(broken, id="messages", url=f"{BASE}/PlanDefinition/messages"))
    whole = care_plan(result)
    assert [part["id"] for part in whole["contained"]] == ["messages", "messages-2"]
    assert whole["extension"][0]["valueReference"] == {"reference": "#messages-2"}


def test_a_request_names_the_goals_and_the_reason_of_its_action() -> None:
    goals = [{"id": "walk", "description": {"text": "walk"}}, {"id": "rest", "description": {"text": "rest"}}]
    because = [{"text": "fracture"}]
    ordered = {"definitionCanonical": f"{BASE}/ActivityDefinition/activity", "goalId": ["rest"], "reason": because}
    result = applied(plan(ordered, goal=goals), activity())
    contained = care_plan(result)["contained"]
    made = next(resource for resource in contained if resource["resourceType"] == "ServiceRequest")
    assert made["extension"][0]["valueReference"] == {"reference": "#rest"}
    assert made["reasonCode"] == because
    assert "extension" not in result.requests[0]  # a suggestion creates no goals that it could refer to


@pytest.mark.parametrize(
    ("kind", "expected"), [("Task", {"text": "a"}), ("MedicationRequest", [{"text": "a"}]), ("Contract", None)]
)
def test_a_reason_stands_where_the_kind_of_request_has_it(kind: str, expected: Any) -> None:
    ordered = {"definitionCanonical": f"{BASE}/ActivityDefinition/activity", "reason": [{"text": "a"}]}
    assert applied(plan(ordered), activity(kind)).requests[0].get("reasonCode") == expected


def test_goals_and_messages_of_a_nested_plan_are_named_by_the_whole() -> None:
    goal = {"description": {"text": "walk again"}}
    inner = plan(
        {"title": "I", "condition": [when("Unknown")]}, id="inner", url=f"{BASE}/inner", title="In", goal=[goal]
    )
    whole = care_plan(applied(plan({"title": "T", "definitionCanonical": f"{BASE}/inner"}), inner))
    assert whole["goal"] == [{"reference": "#inner-goal-1"}]
    issues = next(r for r in whole["contained"] if r["resourceType"] == "OperationOutcome")["issue"]
    assert [issue["diagnostics"] for issue in issues] == ["In: Whether this applies is not known."]


def test_a_dynamic_value_without_a_value_leaves_the_element_alone() -> None:
    action = {"title": "T", "dynamicValue": [{"path": "action.title", "expression": cql("Unknown")}]}
    assert request_group(applied(plan(action)))["action"][0]["title"] == "T"


def test_a_wrong_path_is_reported_and_the_action_stays() -> None:
    action = {"title": "T", "dynamicValue": [{"path": "action.nonsense", "expression": cql("Text")}]}
    result = applied(plan(action))
    assert result.messages[0].severity == "error"
    assert request_group(result)["action"][0]["title"] == "T"


GIVEN = """library Given
using FHIR version '4.0.1'
parameter "Period" Interval<DateTime>
parameter "Days" Interval<Date>
parameter "Range" Interval<Quantity>
parameter "Numbers" List<Integer>
parameter "Order" FHIR.ServiceRequest
parameter "Orders" List<FHIR.ServiceRequest>
context Patient
define "In period": @2025-06-15T00:00:00.0Z in "Period"
define "In days": @2025-06-15 in "Days"
define "In range": 5 'mg' in "Range"
define "Sum": Sum("Numbers") = 6
define "Ordered": "Order".status = 'draft'
define "All ordered": Count("Orders" O where O.status = 'draft') = 1
"""
DRAFT = {"resourceType": "ServiceRequest", "id": "o", "status": "draft", "intent": "order"}
YEAR = {"start": "2025-01-01", "end": "2025-12-31"}
LITTLE = {"low": {"value": 1, "code": "mg"}, "high": {"value": 9, "unit": "mg"}}


@pytest.mark.parametrize(
    ("define", "given"),
    [
        ("In period", [{"name": "Period", "valuePeriod": YEAR}]),
        ("In days", [{"name": "Days", "valuePeriod": YEAR}]),
        ("In range", [{"name": "Range", "valueRange": LITTLE}]),
        ("Sum", [{"name": "Numbers", "valueInteger": number} for number in (1, 2, 3)]),
        ("Sum", [{"name": "Numbers", "valueInteger": 6}]),  # a list of one
        ("Ordered", [{"name": "Order", "resource": DRAFT}]),
        ("All ordered", [{"name": "Orders", "resource": DRAFT}]),
    ],
)
def test_parameters_of_every_type_are_read_and_absent_ones_are_null(define: str, given: list[dict[str, Any]]) -> None:
    told = plan({"title": "T", "condition": [when(define)]}, library=[f"{BASE}/Library/Given"])
    for parts, states in ((given, {State.APPLIES}), ([], {State.CANNOT_TELL, State.DOES_NOT_APPLY})):
        parameters = library_parameters({"resourceType": "Parameters", "parameter": parts})
        assert applied(told, library(GIVEN, "Given"), parameters=parameters).actions[0].outcome.state in states


def test_definitions_may_be_contained() -> None:
    inner = {"resourceType": "ActivityDefinition", "id": "inner", "kind": "Task", "status": "active"}
    made = applied(plan({"title": "T", "definitionCanonical": "#inner"}, contained=[inner])).requests
    assert [request["resourceType"] for request in made] == ["Task"]


def test_contained_definitions_refer_to_each_other() -> None:
    inner = {"resourceType": "ActivityDefinition", "id": "inner", "kind": "Task", "status": "active"}
    asked = {"resourceType": "Questionnaire", "id": "asked", "status": "active"}
    leads = [{"title": "A", "definitionCanonical": "#inner"}, {"title": "Q", "definitionCanonical": "#asked"}]
    between = {"resourceType": "PlanDefinition", "id": "between", "status": "active", "action": leads}
    outer = plan({"title": "T", "definitionCanonical": "#between"}, contained=[between, inner, asked])
    assert [request["resourceType"] for request in applied(outer).requests] == ["Task", "Task"]


def test_a_questionnaire_becomes_a_task_to_fill_it_in() -> None:
    questionnaire = {"resourceType": "Questionnaire", "id": "q", "url": f"{BASE}/Questionnaire/q", "version": "2"}
    made = applied(plan({"title": "T", "definitionCanonical": f"{BASE}/Questionnaire/q"}), questionnaire).requests[0]
    assert made["input"][0]["valueCanonical"] == f"{BASE}/Questionnaire/q|2"


def test_a_nested_plan_is_a_group_of_its_own() -> None:
    inner = {**plan({"title": "Inner"}), "id": "inner", "url": f"{BASE}/PlanDefinition/inner"}
    result = applied(plan({"title": "T", "definitionCanonical": inner["url"]}), inner)
    groups = [r for r in all_resources(result) if r["resourceType"] == "RequestGroup"]
    assert groups[0]["action"] == [{"title": "T", "resource": {"reference": f"RequestGroup/{groups[1]['id']}"}}]
    assert groups[1]["action"] == [{"title": "Inner"}]


def test_plans_that_apply_each_other_come_to_an_end() -> None:
    result = applied(plan({"title": "T", "definitionCanonical": f"{BASE}/PlanDefinition/plan"}))
    assert any(message.severity == "error" for message in result.messages)


def test_goals_and_participants() -> None:
    goal = {"description": {"text": "walk"}, "target": [{"detailString": "1 km"}]}
    action = {"title": "T", "participant": [{"type": "patient"}, {"type": "practitioner"}]}
    result = applied(plan(action, goal=[goal]), practitioner="Practitioner/d")
    assert care_plan(result)["goal"]
    assert request_group(result)["action"][0]["participant"] == [
        {"reference": "Patient/p"},
        {"reference": "Practitioner/d"},
    ]


def test_ids_differ_and_are_the_same_every_time() -> None:
    action = {"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}
    first = [r["id"] for r in all_resources(applied(plan(action, action), activity()))]
    assert len(set(first)) == 3
    assert first == [r["id"] for r in all_resources(applied(plan(action, action), activity()))]


def test_the_two_forms_hold_the_same() -> None:
    result = applied(plan({"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity"}), activity())
    whole, parts = care_plan(result), bundle(result)
    assert [r["resourceType"] for r in whole["contained"]] == [e["resource"]["resourceType"] for e in parts["entry"]]
    assert whole["contained"][0]["action"][0]["resource"] == {"reference": f"#{whole['contained'][1]['id']}"}
    assert whole["subject"] == {"reference": "Patient/p"}


def test_a_group_with_precedence_applies_the_alternative_that_leads() -> None:
    url = "https://cds-service.example/fhir/StructureDefinition/scenarios"

    def alternative(name: str, condition: str) -> dict[str, Any]:
        return {"id": name, "title": name, "condition": [when(condition)]}

    def titles(*conditions: str) -> list[str]:
        choices = [alternative(str(n), condition) for n, condition in enumerate(conditions)]
        extension = [{"url": url, "valueBoolean": True}]
        group = {"title": "G", "selectionBehavior": "exactly-one", "extension": extension, "action": choices}
        shown = request_group(applied(plan(group)))["action"][0]
        return [child["title"] for child in shown.get("action", [])]

    assert titles("No", "Yes", "Yes") == ["1"]
    assert titles("Unknown", "Yes") == []


@pytest.mark.parametrize(
    "action",
    [
        {"title": "T", "condition": [when("Not there")]},
        {"title": "T", "condition": [given("text/cql", "1 +")]},
        {"title": "T", "condition": [given("text/x", "1")]},
        {"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/missing"},
    ],
)  # fmt: skip
def test_what_can_never_work_is_refused_at_load(action: dict[str, Any]) -> None:
    with pytest.raises(ErrorGroup):
        applied(plan(action))
