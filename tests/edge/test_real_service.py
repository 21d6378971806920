"""The service with its own content, from outside: the six services, what they need, and what they refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from benchmarks.charts import Chart
from cds_service.app import create_app, prepare
from tests.edge.applications import settings_for
from tests.edge.requests import hook_request

SERVICES = {
    "vcf-patient-view": "patient-view",
    "vcf-order-select": "order-select",
    "vcf-order-sign": "order-sign",
    "vcf-order-dispatch": "order-dispatch",
    "vcf-appointment-book": "appointment-book",
    "vcf-encounter-discharge": "encounter-discharge",
}
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-01-01"}
DECISIONS = "example.cds-service.decisions"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def caller(folder: Path) -> Iterator[Client]:
    made = create_app(prepare(settings_for(folder, CDS_FHIR_SERVERS="http://127.0.0.1:*", CDS_ALLOW_AS_OF="on")))
    yield Client(made)
    made.close()


@pytest.fixture(scope="module")
def listed(caller: Client) -> dict[str, Any]:
    return {service["id"]: service for service in caller.get("/cds-services").get_json()["services"]}


@contextmanager
def fhir_server() -> Iterator[tuple[str, list[str]]]:
    """A FHIR server that knows the patient and nothing more; its base, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            found = (
                PATIENT if self.path.startswith("/fhir/Patient/") else {"resourceType": "Bundle", "type": "searchset"}
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/fhir", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_six_services_are_offered(listed: dict[str, Any]) -> None:
    assert {name: service["hook"] for name, service in listed.items()} == SERVICES
    for service in listed.values():
        assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"
        assert service["description"]
        assert "FHIR R4" in service["usageRequirements"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_answers_with_prefetch(caller: Client, listed: dict[str, Any], service: str) -> None:
    prefetch = {**dict.fromkeys(listed[service]["prefetch"]), "patient": PATIENT}
    answer = caller.post(f"/cds-services/{service}", json=hook_request(SERVICES[service], prefetch=prefetch))
    assert answer.status_code == 200
    assert isinstance(answer.get_json()["cards"], list)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_refuses_when_nothing_can_be_known(caller: Client, service: str) -> None:
    cases: list[dict[str, Any]] = [
        {},
        {"prefetch": {}},
        {"fhirServer": "http://127.0.0.1:9/fhir"},
        {"fhirServer": "https://ehr.example"},
    ]
    for more in cases:
        answer = caller.post(f"/cds-services/{service}", json=hook_request(SERVICES[service], **more))
        assert answer.status_code == 412, more
        assert "patient" in answer.get_json()["issue"][0]["diagnostics"]


def test_data_come_from_the_fhir_server_when_prefetch_is_missing(caller: Client, listed: dict[str, Any]) -> None:
    with fhir_server() as (base, asked):
        token = {
            "access_token": "tok-7",
            "token_type": "Bearer",
            "expires_in": 60,
            "scope": "patient/*.rs",
            "subject": "x",
        }
        body = hook_request("patient-view", fhirServer=base, fhirAuthorization=token)
        assert caller.post("/cds-services/vcf-patient-view", json=body).status_code == 200
        assert len(asked) == len(listed["vcf-patient-view"]["prefetch"])
        assert all(line.endswith(" Bearer tok-7") for line in asked)


def test_an_order_gets_a_record_and_feedback_finds_its_card(caller: Client, listed: dict[str, Any]) -> None:
    body = json.loads(Chart().request(listed["vcf-order-sign"]["prefetch"]))
    answer = caller.post("/cds-services/vcf-order-sign", json=body).get_json()
    (record,) = answer["extension"][DECISIONS]
    assert record["status"] in {"decided", "ask", "no-variant", "not-rated"}
    event = {"outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:00:00Z"}
    events = [{"card": card["uuid"], **event} for card in answer["cards"]]
    assert caller.post("/cds-services/vcf-order-sign/feedback", json={"feedback": events}).status_code == 200


def test_the_sandbox_is_answered(caller: Client) -> None:
    """Its Bundle has no type and no fullUrl, and its order no code until a procedure is picked."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [{}]},
        "subject": {"reference": "Patient/p1"},
    }
    context = {
        "userId": "Practitioner/COREPRACTITIONER1",
        "patientId": "p1",
        "selections": ["ServiceRequest/example-request-id"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
    }
    body = hook_request("order-select", context=context, prefetch={"patient": PATIENT})
    answer = caller.post("/cds-services/vcf-order-select", json=body)
    assert answer.get_json() == {"cards": []}
    order["code"] = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148", "display": "x"}]}
    answer = caller.post("/cds-services/vcf-order-select", json=body).get_json()
    assert answer["extension"][DECISIONS][0]["order"] == "ServiceRequest/example-request-id"


def test_order_dispatch_as_older_clients_send_it(caller: Client) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "o1",
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "22513"}]},
        "subject": {"reference": "Patient/p1"},
    }
    found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": order}]}
    context = {"patientId": "p1", "order": "ServiceRequest/o1", "performer": "Organization/x"}
    body = hook_request("order-dispatch", context=context, prefetch={"patient": PATIENT, "service-request": found})
    answer = caller.post("/cds-services/vcf-order-dispatch", json=body)
    assert answer.status_code == 200
    assert answer.get_json()["extension"][DECISIONS][0]["order"] == "ServiceRequest/o1"


def test_fhir_knowledge_is_served(caller: Client) -> None:
    capabilities = caller.get("/fhir/metadata").get_json()
    assert capabilities["resourceType"] == "CapabilityStatement"
    for kind in ("PlanDefinition", "Library", "ValueSet", "CodeSystem", "ConceptMap"):
        found = caller.get(f"/fhir/{kind}")
        assert found.status_code == 200
        assert found.get_json()["resourceType"] == "Bundle"
        assert found.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "PlanDefinition/$apply",
        "PlanDefinition/vcf-order-sign/$apply",
        "PlanDefinition/vcf-order-sign/$r5.apply",
        "PlanDefinition/nothing/$apply",
        "PlanDefinition/vcf-order-sign/$data-requirements",
        "Library/Scores/$evaluate",
        "Library/Nothing/$evaluate",
        "Measure/nothing/$evaluate-measure",
        "ValueSet/$expand",
        "ValueSet/$validate-code",
        "ValueSet/nothing/$expand",
        "CodeSystem/$lookup",
        "CodeSystem/$validate-code",
        "CodeSystem/$subsumes",
        "ConceptMap/$translate",
        "ConceptMap/$nonsense",
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"5",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 500,
        b"1" * 5000,
        b'{"resourceType":"Parameters","parameter":5}',
        b'{"resourceType":"Parameters","parameter":[5,{"name":5},{"name":"data","resource":5}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"subject","valueString":7},{"name":"url","valueUri":"x"}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"data","resource":{"resourceType":"Bundle","entry":{}}}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"subject","valueString":"Patient/x"},'
        b'{"name":"data","resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}},{}]}}]}',
    ],
)
def test_nothing_that_is_sent_to_an_operation_is_our_fault(caller: Client, path: str, body: bytes) -> None:
    answer = caller.post(f"/fhir/{path}", data=body, content_type="application/fhir+json")
    assert answer.status_code in {200, 400, 404, 405, 422}
    if answer.status_code != 200:
        assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
