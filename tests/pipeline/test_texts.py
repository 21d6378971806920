"""Free text through the whole service: it is read, marked, and asks where it would forbid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds_service.app import create_app, prepare
from cds_service.settings import load

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
LEVELS = "https://cds-service.example/fhir/CodeSystem/vertebral-level"
SUBJECT = {"reference": "Patient/p1"}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("texts")
    settings = load({"CDS_DATABASE_URL": f"sqlite:///{folder}/memory.sqlite", "CDS_ALLOW_AS_OF": "on"})
    app = create_app(prepare(settings))
    yield app.flask.test_client()
    app.close()


def condition(name: str, **code: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "subject": SUBJECT,
        "clinicalStatus": ACTIVE,
        "code": code,
        "recordedDate": "2025-06-10",
    }


def order(code: str, *reasons: str, text: str | None = None, level: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": "o1",
        "status": "draft",
        "intent": "order",
        "subject": SUBJECT,
        "code": {"text": text} if text else {"coding": [{"system": CPT, "code": code}]},
    }
    if reasons:
        made["reasonCode"] = [{"text": reason} for reason in reasons]
    if level:
        made["bodySite"] = [{"coding": [{"system": LEVELS, "code": level}]}]
    return made


def decide(client: Any, draft: dict[str, Any], *resources: dict[str, Any]) -> dict[str, Any]:
    services = {one["id"]: one for one in client.get("/cds-services").get_json()["services"]}
    prefetch: dict[str, Any] = {}
    for key, template in services["vcf-order-sign"]["prefetch"].items():
        kind = template.partition("?")[0].partition("/")[0]
        found = [{"resource": one} for one in resources if one["resourceType"] == kind]
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": found}
        if kind == "Patient":
            prefetch[key] = {"resourceType": "Patient", "id": "p1", "birthDate": "1948-01-01", "gender": "female"}
    body = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/1",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
        "prefetch": prefetch,
        "extension": {"example.cds-service.asOf": "2025-06-15T09:00:00Z"},
    }
    answer = client.post("/cds-services/vcf-order-sign", data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.get_data()
    found = answer.get_json()
    return {"cards": found["cards"], **(found["extension"]["example.cds-service.decisions"][0])}


def test_a_reason_in_words_names_the_fracture_and_its_level(client: Any) -> None:
    record = decide(client, order("72148", "acute comp fx L1", "back pain"))
    assert record["level"] == "L1"
    facts = {one["fact"]: one for one in record["evidence"]}
    assert facts["vcf_identified"]["value"] is True
    assert facts["vcf_identified"]["readFromText"] is True


def test_problems_in_words_decide_like_coded_ones(client: Any) -> None:
    problems = [
        condition("c1", text="compression fx L1"),
        condition("c2", text="h/o breast ca"),
        condition("c3", text="LBP"),
    ]
    record = decide(client, order("72148"), *problems)
    assert (record["status"], record["primaryVariant"], record["level"]) == ("decided", "V2", "L1")
    assert any("read from text" in card.get("detail", "") for card in record["cards"])


def test_words_that_deny_or_speak_of_the_family_decide_nothing(client: Any) -> None:
    problems = [condition("c1", text="no compression fracture"), condition("c2", text="FHx breast cancer")]
    record = decide(client, order("72148"), *problems)
    assert record["status"] == "no-variant"


def test_text_alone_asks_where_a_code_forbids(client: Any) -> None:
    fracture = condition("c1", text="compression fx L1")
    augmentation = order("22514", level="L1")
    read = decide(client, augmentation, fracture, condition("c2", text="sepsis"))
    assert "absolute" not in read
    assert "sepsis" in read["safetyAsk"]
    coded = decide(client, augmentation, fracture, condition("c2", coding=[{"system": ICD, "code": "A41.9"}]))
    assert coded["absolute"] == ["ABS-B1"]


def test_the_impression_of_a_report_tells_of_edema_and_clefts(client: Any) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": SUBJECT,
        "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]},
        "effectiveDateTime": "2025-06-12",
        "conclusion": "Acute compression fracture of L1 with marrow edema. Retropulsion. No cleft.",
    }
    record = decide(client, order("22514", level="L1"), condition("c1", text="compression fx L1"), report)
    facts = {one["fact"]: one["value"] for one in record["evidence"] if "value" in one}
    assert facts["marrow_edema"] is True
    assert facts["intravertebral_cleft"] is False
    assert "CAU-RETRO" in record["cautions"]


def test_an_order_in_words_is_an_order(client: Any) -> None:
    record = decide(client, order("", text="MRI lumbar spine without contrast"), condition("c1", text="comp fx L1"))
    assert record["procedure"] == "mri-spine-wo"
