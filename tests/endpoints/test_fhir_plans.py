"""The plan part of /fhir, over HTTP: reading, searching, $apply in both forms, $data-requirements, $evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.endpoints.fhir_metadata import fhir_metadata
from cds_service.endpoints.fhir_plans import fhir_plans
from cds_service.endpoints.manners import explain_errors
from cds_service.fhir.limits import Limits
from tests.plans.applying import BASE, PATIENT, activity, known, plan, when

ACTION = {"title": "T", "definitionCanonical": f"{BASE}/ActivityDefinition/activity", "condition": [when("Is woman")]}
DATA = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
INPUTS = {
    "resourceType": "Parameters",
    "parameter": [{"name": "subject", "valueString": "Patient/p"}, {"name": "data", "resource": DATA}],
}


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    knowledge = known(plan(ACTION, name="Plan"), activity())
    app = Flask("test")
    explain_errors(app)
    app.register_blueprint(fhir_plans(lambda: knowledge, Limits()))
    app.register_blueprint(fhir_metadata(lambda: knowledge, "1"))
    with app.test_client() as made:
        yield made


@pytest.mark.parametrize(
    ("path", "total"),
    [
        ("PlanDefinition", 1),
        (f"PlanDefinition?url={BASE}/PlanDefinition/plan", 1),
        (f"PlanDefinition?url={BASE}/PlanDefinition/plan|1", 1),
        (f"PlanDefinition?url={BASE}/PlanDefinition/plan|2", 0),
        ("PlanDefinition?_id=plan&version=1", 1),
        ("PlanDefinition?name=Other", 0),
        ("ActivityDefinition?_id=activity", 1),
        ("Library?name=Logic", 1),
        ("Questionnaire", 0),
        ("Measure", 0),
    ],
)
def test_definitions_are_searched(client: FlaskClient, path: str, total: int) -> None:
    answer = client.get(f"/fhir/{path}")
    assert answer.content_type == "application/fhir+json"
    assert answer.get_json(force=True)["total"] == total


def test_a_definition_is_read_as_plain_fhir(client: FlaskClient) -> None:
    assert client.get("/fhir/PlanDefinition/plan").get_json(force=True)["action"] == [ACTION]
    missing = client.get("/fhir/PlanDefinition/nothing")
    assert (missing.status_code, missing.get_json(force=True)["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("PlanDefinition/plan/$apply", "CarePlan"),
        ("PlanDefinition/plan/$r5.apply", "Bundle"),
        ("PlanDefinition/plan/$data-requirements", "Library"),
        ("Library/Logic/$evaluate", "Parameters"),
    ],
)
def test_operations_answer_with_their_resource(client: FlaskClient, path: str, kind: str) -> None:
    answer = client.post(f"/fhir/{path}", json=INPUTS)
    assert answer.status_code == 200
    assert answer.get_json(force=True)["resourceType"] == kind


def test_a_plan_can_be_named_by_its_canonical(client: FlaskClient) -> None:
    named = {**INPUTS, "parameter": [*INPUTS["parameter"], {"name": "url", "valueUri": f"{BASE}/PlanDefinition/plan"}]}
    made = client.post("/fhir/PlanDefinition/$apply", json=named).get_json(force=True)
    assert [contained["resourceType"] for contained in made["contained"]] == ["RequestGroup", "ServiceRequest"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([{"name": "url", "valueUri": f"{BASE}/PlanDefinition/plan|1"}], 200),
        ([{"name": "url", "valueUri": f"{BASE}/PlanDefinition/plan|2"}], 404),  # another version is another plan
        ([{"name": "url", "valueUri": f"{BASE}/PlanDefinition/other"}], 400),
    ],
)
def test_no_other_version_is_applied_than_the_one_named(
    client: FlaskClient, given: list[dict[str, Any]], status: int
) -> None:
    sent = {**INPUTS, "parameter": [*INPUTS["parameter"], *given]}
    assert client.post("/fhir/PlanDefinition/$apply", json=sent).status_code == status


@pytest.mark.parametrize(("value", "status"), [({"valueInteger": 7}, 200), ({"valueString": "seven"}, 400)])
def test_a_parameter_of_another_type_is_refused_with_its_name(
    client: FlaskClient, value: dict[str, Any], status: int
) -> None:
    given = {"resourceType": "Parameters", "parameter": [{"name": "Most", **value}]}
    sent = {**INPUTS, "parameter": [*INPUTS["parameter"], {"name": "parameters", "resource": given}]}
    answer = client.post("/fhir/PlanDefinition/plan/$apply", json=sent)
    assert answer.status_code == status
    assert status == 200 or '"Most"' in answer.get_json(force=True)["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "part",
    [
        "x",
        {"name": "Most", "valueQuantity": {"value": "x"}},
        {"name": "Most", "valueCodeableConcept": "x"},
        {"name": "Most", "resource": {"resourceType": "Nonsense"}},
        {"name": "Most", "resource": {"resourceType": "ServiceRequest", "status": {"a": 1}}},
    ],
)
def test_parameters_that_cannot_be_read_are_refused(client: FlaskClient, part: Any) -> None:
    given = {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": [part]}}
    for path in ("PlanDefinition/plan/$apply", "Library/Logic/$evaluate"):
        answer = client.post(f"/fhir/{path}", json={**INPUTS, "parameter": [*INPUTS["parameter"], given]})
        assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.parametrize(
    "subject", ["p", "Patient/p", "Patient/p/_history/3", "https://ehr.example.org/fhir/Patient/p"]
)
def test_only_the_subject_counts_however_it_is_named(client: FlaskClient, subject: str) -> None:
    others = [{"resource": {"resourceType": "Patient", "id": name, "gender": "male"}} for name in ("a", "z")]
    data = {**DATA, "entry": [others[0], *DATA["entry"], others[1]]}
    parameters = [{"name": "subject", "valueString": subject}, {"name": "data", "resource": data}]
    sent = {"resourceType": "Parameters", "parameter": parameters}
    made = client.post("/fhir/PlanDefinition/plan/$apply", json=sent).get_json(force=True)
    assert [contained["resourceType"] for contained in made["contained"]] == ["RequestGroup", "ServiceRequest"]


def test_the_requirements_name_what_the_logic_reads(client: FlaskClient) -> None:
    found = client.post("/fhir/PlanDefinition/plan/$data-requirements", json=INPUTS).get_json(force=True)
    assert [requirement["type"] for requirement in found["dataRequirement"]] == ["Patient"]
    assert found["relatedArtifact"][0]["resource"].startswith(f"{BASE}/Library/Logic")


def test_single_definitions_are_evaluated_with_parameters_out(client: FlaskClient) -> None:
    asked: dict[str, Any] = {
        **INPUTS,
        "parameter": [*INPUTS["parameter"], *({"name": "expression", "valueString": n} for n in ("Amount", "Broken"))],
    }
    found = client.post("/fhir/Library/Logic/$evaluate", json=asked).get_json(force=True)["parameter"]
    assert found[0]["valueQuantity"]["unit"] == "mg"
    assert found[1]["resource"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("PlanDefinition/plan/$apply", "{", 400),
        ("PlanDefinition/plan/$apply", "{}", 400),
        ("PlanDefinition/plan/$apply", '{"resourceType": "Parameters"}', 400),
        ("PlanDefinition/$apply", '{"resourceType": "Parameters"}', 400),
        ("PlanDefinition/nothing/$apply", '{"resourceType": "Parameters"}', 404),
        ("Library/Nothing/$evaluate", '{"resourceType": "Parameters"}', 404),
        ("PlanDefinition/plan/$nonsense", "{}", 404),
    ],
)
def test_what_cannot_be_done_is_an_outcome(client: FlaskClient, path: str, body: str, status: int) -> None:
    answer = client.post(f"/fhir/{path}", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (status, "OperationOutcome")


def test_the_capability_statement_names_everything(client: FlaskClient) -> None:
    found = client.get("/fhir/metadata").get_json(force=True)
    assert found["fhirVersion"] == "4.0.1"
    named = {r["type"]: [o["name"] for o in r.get("operation", [])] for r in found["rest"][0]["resource"]}
    assert named["PlanDefinition"] == ["apply", "r5.apply", "data-requirements"]
    assert named["ConceptMap"] == ["translate"]
