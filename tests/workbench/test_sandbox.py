"""The calls of the public CDS Hooks sandbox: its PAMA tab calls order-select on every change of the order."""

from __future__ import annotations

from typing import Any

from tests.workbench.conftest import Site

CPT, SNOMED = "http://www.ama-assn.org/go/cpt", "http://snomed.info/sct"
LEVELS = "https://cds-service.example/fhir/CodeSystem/vertebral-level"
KEYS = ("observation", "procedure", "diagnostic-report", "medication-request", "allergy-intolerance", "encounter")
RATING = "http://fhir.org/argonaut/Extension/pama-rating"


def request_of(procedure: str | None, reason: str | None) -> dict[str, Any]:
    order: dict[str, Any] = {
        "resourceType": "ServiceRequest", "id": "example-request-id", "status": "draft", "intent": "order",
        "code": {"coding": [{"code": procedure, "system": CPT}] if procedure else [{}]},
        "subject": {"reference": "Patient/smart-1288992"},
    }  # fmt: skip
    if reason:
        order["reasonCode"] = [{"coding": [{"code": reason, "system": SNOMED}], "text": "reason"}]
    fracture = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/smart-1288992"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": SNOMED, "code": "426646004"}]},
        "bodySite": [{"coding": [{"system": LEVELS, "code": "L1"}]}],
        "onsetDateTime": "2025-06-08",
    }  # fmt: skip
    return {
        "hook": "order-select",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "https://launch.smarthealthit.org/v/r4/fhir",
        "context": {
            "patientId": "smart-1288992", "userId": "Practitioner/COREPRACTITIONER1",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
            "selections": ["ServiceRequest/example-request-id"],
        },
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "smart-1288992", "birthDate": "1950-12-23"},
            "condition": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": fracture}]},
            **{key: {"resourceType": "Bundle", "type": "searchset", "total": 0} for key in KEYS},
        },
        "extension": {"example.cds-service.asOf": "2025-06-15T09:00:00Z"},
    }  # fmt: skip


def rating_of(answer: dict[str, Any]) -> str | None:
    """As the sandbox reads it: the first coding of the first rated resource, from the extension only."""
    for action in answer.get("extension", {}).get("systemActions", ()):
        for extension in action["resource"].get("extension", ()):
            if extension["url"] == RATING:
                code: str = extension["valueCodeableConcept"]["coding"][0]["code"]
                return code
    return None


def test_an_order_without_a_procedure_gets_no_rating_and_no_error(site: Site) -> None:
    answer = site.call("vcf-order-select", request_of(None, None))
    assert rating_of(answer) is None


def test_every_change_of_the_order_is_rated_anew(site: Site) -> None:
    back_pain = "279039007"
    mri = site.call("vcf-order-select", request_of("72148", back_pain))
    assert rating_of(mri) == "appropriate"
    contrast = site.call("vcf-order-select", request_of("72158", back_pain))
    assert rating_of(contrast) == "not-appropriate"
    assert contrast["cards"][0]["suggestions"]
    update = contrast["cards"][0]["suggestions"][0]["actions"][0]["resource"]
    assert update["code"]["coding"][0]["code"]  # what the sandbox reads when the suggestion is accepted
    assert update["reasonCode"][0]["coding"][0]["code"] == back_pain
    assert any(extension["url"] == RATING for extension in update["extension"])


def test_the_workbench_takes_the_call_as_it_is(site: Site) -> None:
    import json

    read = site.post("/playground/read", {"text": json.dumps(request_of("72148", "279039007")), "service": ""})
    told = site.post("/playground/decide", {**read, "facts": {}})
    assert "usually-appropriate" in told["html"]
