"""The FHIR operations over HTTP: GET and POST, answers as R4 defines them, errors as OperationOutcomes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.endpoints.outcomes import error_response
from cds_service.endpoints.terminology import offered_terminology, terminology_operations
from cds_service.errors import CdsError
from cds_service.fhir.limits import Limits
from tests.terminology.artifacts import CPT, ICD, OURS, SCT, own

FACTS = f"{OURS}/CodeSystem/vcf-facts"
PROCEDURES = f"{OURS}/CodeSystem/vcf-procedures"
CURRENT = f"{OURS}/ValueSet/vertebral-fracture-current"


@cache
def client() -> FlaskClient:
    app = Flask("terminology")
    app.register_blueprint(terminology_operations(own(), Limits()))
    app.register_error_handler(CdsError, lambda error: error_response(error, "call"))
    return app.test_client()


def get(path: str, **parameters: str) -> tuple[int, dict[str, Any]]:
    response = client().get(f"/fhir/{path}", query_string=parameters)
    assert response.content_type == "application/fhir+json"
    return response.status_code, response.get_json()


def post(path: str, *parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = client().post(f"/fhir/{path}", json={"resourceType": "Parameters", "parameter": list(parameters)})
    return response.status_code, response.get_json()


def values(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["resourceType"] == "Parameters"
    return {
        one["name"]: next(value for key, value in one.items() if key != "name")
        for one in answer["parameter"]
        if "part" not in one
    }


def test_expand() -> None:
    status, answer = get(
        "ValueSet/$expand", url=f"{OURS}/ValueSet/procedures-percutaneous", filter="ablation", count="2"
    )
    assert status == 200
    assert answer["expansion"]["total"] == 5
    assert [one["code"] for one in answer["expansion"]["contains"]] == ["ablation-spine", "cryoablation-spine"]
    assert answer["expansion"]["contains"][0]["display"] == "Percutaneous ablation spine"
    assert "compose" not in answer
    _, following = get("ValueSet/procedures-percutaneous/$expand", filter="ablation", count="2", offset="2")
    assert [one["code"] for one in following["expansion"]["contains"]] == [
        "microwave-ablation-spine",
        "other-ablation-spine",
    ]
    _, counted = get("ValueSet/procedures-percutaneous/$expand", count="0")
    assert counted["expansion"]["total"] == 11
    assert "contains" not in counted["expansion"]


def test_an_expansion_that_cannot_be_complete_says_so() -> None:
    _, answer = get("ValueSet/$expand", url=f"{OURS}/ValueSet/malignancy-active", count="1")
    assert answer["expansion"]["extension"][0]["url"].endswith("valueset-unclosed")


def test_expand_of_a_value_set_sent_along() -> None:
    sent = {"resourceType": "ValueSet", "compose": {"include": [{"system": f"{OURS}/CodeSystem/appropriateness"}]}}
    status, answer = post("ValueSet/$expand", {"name": "valueSet", "resource": sent})
    assert status == 200
    assert answer["expansion"]["total"] == 3


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        ({"system": ICD, "code": "M8008XA"}, True),
        ({"system": ICD, "code": "M80.08XD"}, False),
        ({"code": "M80.08XA"}, True),  # one system only can be meant
        ({"system": ICD, "code": "M80.08XA", "display": "Something else"}, False),
        ({"coding": f"{ICD}|M80.08XA"}, True),
    ],
)
def test_validate_code_in_a_value_set(parameters: dict[str, str], result: bool) -> None:
    status, answer = get("ValueSet/$validate-code", url=CURRENT, **parameters)
    assert status == 200
    assert values(answer)["result"] is result
    assert ("message" in values(answer)) is not result


def test_one_coding_of_a_concept_is_enough() -> None:
    concept = {"coding": [{"system": SCT, "code": "1"}, {"system": ICD, "code": "M80.08XA"}]}
    _, answer = post(
        "ValueSet/$validate-code",
        {"name": "url", "valueUri": CURRENT},
        {"name": "codeableConcept", "valueCodeableConcept": concept},
    )
    assert values(answer)["result"] is True


def test_validate_code_in_a_code_system() -> None:
    assert values(get("CodeSystem/$validate-code", url=FACTS, code="inr")[1]) == {
        "result": True,
        "display": "INR",
        "system": FACTS,
        "code": "inr",
    }
    assert values(get("CodeSystem/$validate-code", url=FACTS, code="nope")[1])["result"] is False
    assert get("CodeSystem/$validate-code", url="urn:unknown", code="x")[0] == 404


def test_lookup() -> None:
    status, answer = get("CodeSystem/$lookup", system=FACTS, code="platelets")
    assert status == 200
    assert values(answer)["display"] == "Platelets"
    properties = {
        part["part"][0]["valueCode"]: next(v for k, v in part["part"][1].items() if k != "name")
        for part in answer["parameter"]
        if part["name"] == "property"
    }
    assert properties["unit"] == "10*9/L"
    assert properties["missing"] == "ask"
    _, narrowed = get("CodeSystem/$lookup", system=PROCEDURES, code="vertebroplasty", property="parent")
    assert [part["part"][1]["valueCode"] for part in narrowed["parameter"] if "part" in part] == [
        "vertebral-augmentation"
    ]
    assert get("CodeSystem/$lookup", system=FACTS, code="nope")[0] == 404


@pytest.mark.parametrize(
    ("system", "a", "b", "outcome"),
    [
        (ICD, "M80.0", "M80.08XA", "subsumes"),
        (ICD, "M8008XA", "M80", "subsumed-by"),
        (ICD, "M80.08XA", "M8008XA", "equivalent"),
        (ICD, "M80.08XA", "M81.0", "not-subsumed"),
        (PROCEDURES, "vertebral-augmentation", "vertebroplasty", "subsumes"),
        (PROCEDURES, "mri-spine-wo", "vertebroplasty", "not-subsumed"),
    ],
)
def test_subsumes(system: str, a: str, b: str, outcome: str) -> None:
    assert values(get("CodeSystem/$subsumes", system=system, codeA=a, codeB=b)[1])["outcome"] == outcome
    codings = [{"name": f"coding{x}", "valueCoding": {"system": system, "code": y}} for x, y in (("A", a), ("B", b))]
    assert values(post("CodeSystem/$subsumes", *codings)[1])["outcome"] == outcome


def test_translate() -> None:
    status, answer = get("ConceptMap/$translate", system=CPT, code="72148", targetsystem=PROCEDURES)
    assert status == 200
    (match,) = [one["part"] for one in answer["parameter"] if one["name"] == "match"]
    assert match[0] == {"name": "equivalence", "valueCode": "equivalent"}
    assert match[1]["valueCoding"]["code"] == "mri-spine-wo"
    assert values(answer)["result"] is True


def test_translate_to_a_value_set() -> None:
    target = f"{OURS}/ValueSet/spine-region"
    _, answer = get("ConceptMap/$translate", system=CPT, code="72148", target=target)
    (match,) = [one["part"] for one in answer["parameter"] if one["name"] == "match"]
    assert match[1]["valueCoding"]["code"] == "lumbar"


def test_a_code_that_is_known_and_has_no_match() -> None:
    _, answer = get("ConceptMap/$translate", system=CPT, code="78300", targetsystem=PROCEDURES)
    assert values(answer) == {"result": False, "message": "The code is known and has no match."}
    _, unknown = get("ConceptMap/$translate", system=CPT, code="99213", targetsystem=PROCEDURES)
    assert values(unknown) == {"result": False, "message": "No map knows this code."}


def test_translate_in_reverse_and_by_one_map() -> None:
    _, back = get("ConceptMap/$translate", system=PROCEDURES, code="fdg-pet-ct", targetsystem=CPT, reverse="true")
    codes = {one["part"][1]["valueCoding"]["code"] for one in back["parameter"] if one["name"] == "match"}
    assert codes == {"78814", "78815", "78816"}
    _, one = get("ConceptMap/levels-to-regions/$translate", system=f"{OURS}/CodeSystem/vertebral-level", code="L5")
    assert values(one)["result"] is True


@pytest.mark.parametrize(
    ("path", "parameters", "status", "issue"),
    [
        ("ValueSet/$expand", {}, 400, "required"),
        ("ValueSet/$expand", {"url": "urn:gone"}, 404, "not-found"),
        ("ValueSet/$expand", {"url": CURRENT, "count": "many"}, 400, "invalid"),
        ("ValueSet/gone/$expand", {}, 404, "not-found"),
        ("ValueSet/$validate-code", {"url": CURRENT}, 400, "required"),
        ("ValueSet/$nothing", {}, 404, "not-supported"),
        ("CodeSystem/$lookup", {"code": "x"}, 400, "required"),
        ("CodeSystem/$subsumes", {"system": SCT, "codeA": "1", "codeB": "2"}, 422, "not-supported"),
        ("CodeSystem/$subsumes", {"system": FACTS, "codeA": "inr", "codeB": "nope"}, 422, "code-invalid"),
        ("ConceptMap/$translate", {"code": "x"}, 400, "required"),
        ("ConceptMap/$translate", {"url": "urn:gone", "system": "urn:a", "code": "x"}, 404, "not-found"),
        ("ValueSet/gone", {}, 404, "not-found"),
    ],
)
def test_errors(path: str, parameters: dict[str, str], status: int, issue: str) -> None:
    found, outcome = get(path, **parameters)
    assert found == status
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["code"] == issue


@pytest.mark.parametrize(
    "body", ["[]", '{"resourceType": "Patient"}', '{"resourceType": "Parameters", "parameter": [1]}']
)
def test_bodies_that_are_no_parameters(body: str) -> None:
    response = client().post("/fhir/ValueSet/$expand", data=body, content_type="application/fhir+json")
    assert response.status_code == 400


def test_read_and_search() -> None:
    assert get("CodeSystem/vcf-variants")[1]["count"] == 9
    _, bundle = get("ValueSet", url=CURRENT)
    assert bundle["total"] == 1
    assert bundle["entry"][0]["resource"]["url"] == CURRENT
    _, page = get("ValueSet", name="Lab", _count="2")
    assert page["total"] == 15
    assert len(page["entry"]) == 2
    (following,) = [one["url"] for one in page["link"] if one["relation"] == "next"]
    assert client().get(following).get_json()["entry"][0]["resource"]["id"] == "lab-creatinine"
    assert get("ConceptMap", version="9")[1]["total"] == 0
    assert {one["type"] for one in offered_terminology()} == {"CodeSystem", "ConceptMap", "ValueSet"}
