"""A FHIR server on loopback: what is fetched, with which token, and what its failures come to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.acceptance.charts import (
    CPT,
    NUCC,
    RXNORM,
    Resource,
    bundle,
    coded,
    fracture,
    order,
    pain,
    patient,
    prescription,
    result,
    stated,
)
from tests.acceptance.customer import LEFT_OUT, Answer, Customer

TOKEN = {"access_token": "T0KEN", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "cds"}
CHART = [
    patient(),
    fracture(),
    pain(),
    stated("marrow_edema", True),
    stated("imaging_exam_concordant", True),
    stated("mri_current", True),
    result("6301-6", 1.0),
    result("777-3", 200, "10*9/L"),
    prescription(medicationReference={"reference": "Medication/w"}),
    {"resourceType": "Medication", "id": "w", "code": coded(RXNORM, "11289")},
    order("22514", CPT, at="L1", id="sr1", status="active"),
    {"resourceType": "PractitionerRole", "id": "role1", "code": [coded(NUCC, "363LF0000X")]},
]


class Hospital(ThreadingHTTPServer):
    """A strict little FHIR server that notes what it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_port}/fhir"
        self.manner = "well"
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()


class Handler(BaseHTTPRequestHandler):
    server: Hospital

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.tokens.add(self.headers.get("Authorization"))
        match self.server.manner:
            case "refusing":
                self.answer(401, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "S3CRET"}]})
            case "web page":
                self.answer(200, b"<html>S3CRET</html>", "text/html")
            case "leading away":
                self.answer(302, {}, location=f"http://localhost:{self.server.server_port}{self.path}")
            case "endless":
                self.answer(
                    200, bundle([], link=[{"relation": "next", "url": f"{self.server.base}/Condition?p={id(self)}"}])
                )
            case _:
                self.answer(*self.found())

    def found(self) -> tuple[int, Resource]:
        url = urlsplit(self.path)
        name, _, identifier = url.path.removeprefix("/fhir/").partition("/")
        members = [each for each in CHART if each["resourceType"] == name]
        query = {key: value[0] for key, value in parse_qs(url.query).items()}
        if identifier:
            members = [each for each in members if each["id"] == identifier]
            return (200, members[0]) if members else (404, {"resourceType": "OperationOutcome"})
        match query:
            case {"_id": wanted}:
                members = [each for each in members if each["id"] in wanted.split(",")]
            case {"practitioner": _}:
                members = []
        return 200, bundle(members)

    def answer(self, status: int, body: Any, kind: str = "application/fhir+json", location: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    server = Hospital()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def well(hospital: Hospital) -> Hospital:
    hospital.manner, hospital.asked, hospital.tokens = "well", [], set()
    return hospital


def ask(customer: Customer, hospital: Hospital, *orders: Resource, **more: Any) -> Answer:
    service = more.get("service", "vcf-order-sign")
    nothing = dict.fromkeys(customer.services[service]["prefetch"], LEFT_OUT)
    return customer.ask(orders, **{"sent": nothing, **more}, fhirServer=hospital.base, fhirAuthorization=TOKEN)


def test_what_is_missing_is_fetched_with_the_token(customer: Customer, well: Hospital) -> None:
    answer = ask(customer, well, order("vertebral-augmentation", at="L1"))
    assert answer.record["primaryVariant"] == "V6"
    assert answer.record["relative"] == ["REL-R7"]  # the drug is known by its reference only
    assert "/fhir/Medication?_id=w" in well.asked
    assert well.tokens == {"Bearer T0KEN"}
    assert "T0KEN" not in json.dumps(answer.body)


def test_what_was_sent_is_not_asked_again(customer: Customer, well: Hospital) -> None:
    ask(customer, well, order("mri-spine-wo", at="L1"), sent={"condition": None, "observation": LEFT_OUT})
    assert {path.partition("?")[0] for path in well.asked} == {"/fhir/Observation"}


@pytest.mark.parametrize("performer", ["Practitioner/np1", "PractitionerRole/role1"])
def test_the_dispatched_order_and_its_performer_are_fetched(customer: Customer, well: Hospital, performer: str) -> None:
    context = {"dispatchedOrders": ["ServiceRequest/sr1"], "performer": performer}
    answer = ask(customer, well, service="vcf-order-dispatch", context=context)
    unknown = ["CARE-PERS-1", "CARE-PERS-2"]
    assert answer.record["careFlags"] == (["CARE-PERS-1"] if performer.endswith("role1") else unknown)
    assert f"/fhir/{performer}" in well.asked


@pytest.mark.parametrize("manner", ["refusing", "web page", "leading away"])
def test_failures_are_an_unmet_need_and_tell_nothing(customer: Customer, well: Hospital, manner: str) -> None:
    well.manner = manner
    body = customer.request([order("mri-spine-wo", at="L1")], fhirServer=well.base, fhirAuthorization=TOKEN)
    answer = customer.post(body | {"prefetch": {}})
    assert answer.status_code == 412
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert not {"S3CRET", "T0KEN"} & set(answer.text.replace('"', " ").split())
    sent = {"procedure": LEFT_OUT}
    partly = customer.ask(
        [order("mri-spine-wo", at="L1")], CHART[:3], sent=sent, fhirServer=well.base, fhirAuthorization=TOKEN
    )
    assert partly.record["rating"] == "usually-appropriate"


def test_endless_pages_end(customer: Customer, well: Hospital) -> None:
    well.manner = "endless"
    sent = {"condition": LEFT_OUT}
    answer = customer.ask(
        [order("mri-spine-wo", at="L1")], CHART[:3], sent=sent, fhirServer=well.base, fhirAuthorization=TOKEN
    )
    assert answer.record["status"] == "ask"


@pytest.mark.parametrize(
    "base", ["http://localhost:1/fhir", "https://evil.example/fhir", "http://127.0.0.1:1@localhost/"]
)
def test_servers_that_are_not_listed_are_not_called(customer: Customer, base: str) -> None:
    body = customer.request([order("mri-spine-wo", at="L1")], fhirServer=base, fhirAuthorization=TOKEN)
    assert customer.post(body | {"prefetch": {}}).status_code == 412
