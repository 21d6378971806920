"""The requirements of the CDS Hooks page as calls: what is sent, and what must come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from tests.edge.applications import client
from tests.edge.requests import CONTEXTS, ORDER, hook_request
from tests.edge.standins import DECIDERS

FEEDBACK = {
    "feedback": [{"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:05:31Z"}],
}


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with client(tmp_path_factory.mktemp("edge"), CDS_MAX_BODY_BYTES="200000") as made:
        yield made


def post(caller: Client, service: str, value: Any, **more: Any) -> TestResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return caller.post(f"/cds-services/{service}", data=body, **{"content_type": "application/json", **more})


def assert_refused(answer: TestResponse, status: int, text: str = "") -> None:
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/fhir+json"
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    assert text in issue["diagnostics"]
    assert "Traceback" not in answer.text


def test_discovery(caller: Client) -> None:
    answer = caller.get("/cds-services")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    services = answer.get_json()["services"]
    assert {service["id"] for service in services} == set(DECIDERS)
    for service in services:
        assert set(service) == {"hook", "id", "title", "description", "version", "prefetch", "usageRequirements"}


@pytest.mark.parametrize("service", ["hello-patient-view", "hello-order-dispatch", "hello-problem", "hello-own-hook"])
def test_every_service_answers_its_hook(caller: Client, service: str) -> None:
    answer = post(caller, service, hook_request(DECIDERS[service][0]))
    assert answer.status_code == 200
    assert isinstance(answer.get_json()["cards"], list)


def test_no_advice_is_an_empty_list(caller: Client) -> None:
    assert post(caller, "hello-appointment-book", hook_request("appointment-book")).data == b'{"cards":[]}'


def test_order_select_speaks_of_selected_orders_only(caller: Client) -> None:
    answer = post(caller, "hello-order-select", hook_request("order-select")).get_json()
    (card,) = answer["cards"]
    assert card["extension"]["davinci-crd.associated-resource"] == [{"reference": "ServiceRequest/o1"}]
    (action,) = answer["systemActions"]
    assert answer["extension"]["systemActions"] == [action]
    extension = action["resource"].pop("extension")
    assert action["resource"] == ORDER
    assert extension[0]["url"].endswith("pama-rating")
    (record,) = answer["extension"]["example.cds-service.decisions"]
    assert "info" not in record  # an empty list is left out


def test_the_same_request_gets_the_same_advice(caller: Client) -> None:
    one, two = (post(caller, "hello-order-sign", hook_request("order-sign")).get_json() for _ in range(2))
    assert one["cards"][0].pop("uuid") != two["cards"][0].pop("uuid")
    one["cards"][0]["suggestions"][0].pop("uuid")
    two["cards"][0]["suggestions"][0].pop("uuid")
    assert one == two


@pytest.mark.parametrize(
    ("service", "value", "more", "status", "says"),
    [
        ("hello-patient-view", b"{", {}, 400, "not JSON"),
        ("hello-patient-view", b"[]", {}, 400, "must be a JSON object"),
        ("hello-patient-view", b'{"hook":NaN}', {}, 400, "not JSON"),
        ("hello-patient-view", b'{"x":"\xff"}', {}, 400, "UTF-8"),
        ("hello-patient-view", hook_request("patient-view", hookInstance=None), {}, 400, "hookInstance is missing"),
        ("hello-patient-view", hook_request("patient-view", context={}), {}, 400, "context.userId is missing"),
        ("hello-patient-view", hook_request("order-sign"), {}, 400, "hook of this service is"),
        ("hello-patient-view", hook_request("patient-view", prefetch=[1]), {}, 400, "prefetch must be an object"),
        (
            "hello-patient-view",
            hook_request("patient-view", fhirAuthorization={"access_token": "s3cret"}),
            {},
            400,
            "fhirServer",
        ),
        ("unknown", hook_request("patient-view"), {}, 404, "No service"),
        ("hello-need", hook_request("patient-view"), {}, 412, "patient"),
        ("hello-patient-view", hook_request("patient-view", pad="x" * 300_000), {}, 413, "200000"),
        ("hello-patient-view", hook_request("patient-view"), {"content_type": "text/plain"}, 415, "application/json"),
        ("hello-patient-view", hook_request("patient-view"), {"content_type": ""}, 415, "application/json"),
        (
            "hello-patient-view",
            hook_request("patient-view"),
            {"headers": {"Content-Encoding": "gzip"}},
            415,
            "compressed",
        ),
        ("hello-fail", hook_request("patient-view"), {}, 500, "Quote"),
        ("hello-patient-view/feedback", {}, {}, 400, "feedback is missing"),
        ("unknown/feedback", FEEDBACK, {}, 404, "No service"),
        ("hello-patient-view/feedback", FEEDBACK, {"content_type": "text/html"}, 415, "application/json"),
    ],
)
def test_refusals(caller: Client, service: str, value: Any, more: dict[str, Any], status: int, says: str) -> None:
    answer = post(caller, service, value, **more)
    assert_refused(answer, status, says)
    assert "s3cret" not in answer.text
    assert "p1" not in answer.text


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/fhir+json", "APPLICATION/JSON"])
def test_json_by_any_of_its_names(caller: Client, kind: str) -> None:
    assert post(caller, "hello-patient-view", hook_request("patient-view"), content_type=kind).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/cds-services", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/cds-services", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/cds-services/hello-patient-view", {"POST", "OPTIONS"}),
        ("PUT", "/cds-services/hello-patient-view", {"POST", "OPTIONS"}),
        ("GET", "/cds-services/hello-patient-view/feedback", {"POST", "OPTIONS"}),
    ],
)
def test_wrong_methods_name_the_right_ones(caller: Client, method: str, path: str, allowed: set[str]) -> None:
    answer = caller.open(path, method=method)
    assert_refused(answer, 405)
    assert {each.strip() for each in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/hello-patient-view", "/cds-services/x/feedback"])
def test_preflight(caller: Client, path: str) -> None:
    origin = {"Origin": "https://ehr.example", "Access-Control-Request-Method": "POST"}
    answer = caller.options(path, headers=origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert {"Content-Type", "Authorization"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_origins_on_a_list(tmp_path: Path) -> None:
    with client(tmp_path, CDS_CORS_ORIGINS="https://a.example,https://b.example") as caller:
        for origin, expected in (("https://b.example", "https://b.example"), ("https://c.example", None), (None, None)):
            answer = caller.get("/cds-services/nothing", headers={"Origin": origin} if origin else {})
            assert answer.headers.get("Access-Control-Allow-Origin") == expected
            assert answer.headers["Vary"] == "Origin"


def test_garbage_in_the_authorization_header_is_no_error_where_it_is_not_read(caller: Client) -> None:
    headers = {"Authorization": "Bearer \x01 not a token"}
    assert post(caller, "hello-patient-view", hook_request("patient-view"), headers=headers).status_code == 200


def test_nowhere(caller: Client) -> None:
    assert_refused(caller.get("/cds-services/a/b/c"), 404)
    assert_refused(caller.get("/fhir/Nothing"), 404)
    assert caller.get("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/cds-services/", "/cds-services"])
def test_a_slash_at_the_end_is_forgiven(caller: Client, path: str) -> None:
    assert caller.get(path).status_code == 200


def test_feedback_is_answered_with_200(caller: Client) -> None:
    bodies: list[Any] = [FEEDBACK, FEEDBACK, {"feedback": []}]
    for body in bodies:
        assert post(caller, "hello-patient-view/feedback", body).status_code == 200


def test_the_decision_time_moves_where_the_setting_allows_it(tmp_path: Path) -> None:
    sent = hook_request("patient-view", extension={"example.cds-service.asOf": "2025-06-15T09:00:00Z"})
    with client(tmp_path) as caller:
        assert "2025-06-15" not in post(caller, "hello-patient-view", sent).text
    with client(tmp_path, CDS_ALLOW_AS_OF="on") as caller:
        assert "2025-06-15T09:00:00" in post(caller, "hello-patient-view", sent).text
    moved = hook_request("patient-view", extension={"org.hospital.cds.asOf": "2025-06-15T09:00:00Z"})
    with client(tmp_path, CDS_ALLOW_AS_OF="on", CDS_CANONICAL="https://cds.hospital.org/fhir") as caller:
        assert "2025-06-15T09:00:00" in post(caller, "hello-patient-view", moved).text


def test_operators(caller: Client) -> None:
    assert caller.get("/health/live").status_code == 200
    assert caller.get("/health/ready").get_json() == {"status": "ready"}
    post(caller, "hello-patient-view", hook_request("patient-view"))
    numbers = caller.get("/metrics").text
    assert 'cds_call_seconds_count{route="hello-patient-view"}' in numbers
    assert 'cds_answers_total{status="200"}' in numbers
    assert caller.get("/openapi.json").get_json()["openapi"] == "3.1.0"


def test_not_ready_without_a_database(tmp_path: Path) -> None:
    with client(tmp_path) as caller:
        (tmp_path / "memory.sqlite").unlink()
        (tmp_path / "memory.sqlite").mkdir()
        answer = caller.get("/health/ready")
        assert (answer.status_code, answer.get_json()["failing"]) == (503, ["database"])
        kept = post(caller, "hello-patient-view/feedback", FEEDBACK)
        assert_refused(kept, 503)
        assert kept.headers["Retry-After"]
        assert post(caller, "hello-patient-view", hook_request("patient-view")).status_code == 200
        (tmp_path / "memory.sqlite").rmdir()


@pytest.mark.parametrize("hook", sorted(CONTEXTS))
def test_hooks_of_other_services_are_refused_by_name(caller: Client, hook: str) -> None:
    answer = post(caller, "hello-patient-view", hook_request(hook))
    assert answer.status_code == (200 if hook == "patient-view" else 400)


SENT: dict[str, dict[str, Any]] = {
    "good": {},
    "no JSON": {"data": b"{"},
    "not JSON by its own account": {"content_type": "text/plain"},
    "another hook": {"data": json.dumps(hook_request("order-sign")).encode()},
    "too large": {"data": b"[" + b"1," * 150_000 + b"1]"},
    "nested deep": {"data": b'{"hook":' + b"[" * 90_000},
    "compressed": {"headers": {"Content-Encoding": "gzip"}},
    "with an origin": {"headers": {"Origin": "https://ehr.example", "X-Correlation-Id": "own"}},
}


@pytest.mark.parametrize("service", ["hello-patient-view", "hello-need", "hello-fail"])
@pytest.mark.parametrize("sent", SENT)
def test_the_spelling_of_the_address_makes_no_difference(caller: Client, service: str, sent: str) -> None:
    """The usual spelling is answered without the web framework, any other by way of it."""

    def told(ending: str) -> tuple[int, dict[str, str], str]:
        how = {"data": json.dumps(hook_request("patient-view")), "content_type": "application/json", **SENT[sent]}
        answer = caller.post(f"/cds-services/{service}{ending}", **how)
        headers = dict(answer.headers)
        call_id = headers.pop("X-Correlation-Id")
        text = re.sub(r'"(uuid|detail)":"[^"]*"', "", answer.text.replace(call_id, "this call"))
        return answer.status_code, headers, text

    assert told("") == told("/")
