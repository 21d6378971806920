"""Templates, scopes, the list of servers, and addresses."""

from __future__ import annotations

import pytest
import requests
import responses

from cds_service.errors import ContentError
from cds_service.fhir.model.types import UnknownFhirType
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.patient_data.allowed import parse_base, permission
from cds_service.patient_data.connections import is_public, make_session
from cds_service.patient_data.fhir_server import Bounds, FhirServer, NotObtained
from cds_service.patient_data.needs import Need, UnusableTemplate, check_template, render
from cds_service.patient_data.scopes import Grant, grant
from cds_service.patient_data.sources import Sources


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Patient/{{context.patientId}}", "Patient/p%201"),
        ("Condition?patient={{ context.patientId }}&_count=50", "Condition?patient=p%201&_count=50"),
        ("ServiceRequest?_id={{context.ids}}", "ServiceRequest?_id=a,b"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/d"),
        ("Encounter/{{context.encounterId}}", None),
        ("Condition?x={{context.patientId.more}}", None),
    ],
)
def test_templates_are_filled_as_a_client_fills_them(template: str, expected: str | None) -> None:
    tokens = {"context.patientId": "p 1", "context.ids": "a,b", "userPractitionerId": "d", "context.encounterId": ""}
    assert render(template, tokens) == expected


@pytest.mark.parametrize(
    "template",
    ["Patient", "Patient/{{context.patientId}}/$everything", "?patient=1", "Condition?date=ge1&date=le2", "http://a/x"],
)
def test_templates_that_no_client_can_satisfy_are_errors_of_content(template: str) -> None:
    with pytest.raises(UnusableTemplate) as caught:
        check_template("key", template)
    assert isinstance(caught.value, ContentError)


def test_templates_name_types_of_r4() -> None:
    with pytest.raises(UnknownFhirType, match="Condition"):
        check_template("key", "Conditions?patient={{context.patientId}}")
    need = check_template("key", "Observation?patient={{context.patientId}}&code:in=x")
    assert (need.type_name, need.is_read, need.is_plain) == ("Observation", False, True)
    assert need.parameters == {"patient", "code:in"}
    assert not Need("k", "Condition?_id={{context.draftOrders.entry.resource.id}}").is_plain


@pytest.mark.parametrize(
    ("scope", "query", "expected"),
    [
        (None, "", Grant.ALL),
        ("", "", Grant.NONE),
        ("patient/Observation.rs?category=a", "category=a", Grant.ALL),
        ("patient/Observation.rs?category=a", "", Grant.PART),
        ("patient/Observation.rs?category=a patient/Observation.s", "", Grant.ALL),
        ("patient/Observation.sr", "", Grant.NONE),
        ("patient/observation.read offline_access fhirUser", "", Grant.NONE),
    ],
)
def test_scopes(scope: str | None, query: str, expected: Grant) -> None:
    asked = frozenset({"patient=1", query} - {""})
    assert grant(scope, "Observation", is_read=False, query=asked, same_patient=True) is expected


@pytest.mark.parametrize(
    ("url", "pattern", "expected"),
    [
        ("http://127.0.0.1:9000/fhir", "http://127.0.0.1:*", True),
        ("http://127.0.0.1/fhir", "http://127.0.0.1:*", True),
        ("http://127.0.0.1:9000/fhir", "http://127.0.0.1:9000/fhir", True),
        ("http://127.0.0.1:9000/fhir", "http://127.0.0.1:9000/fhir/", True),
        ("http://127.0.0.1:9000/fhir", "http://127.0.0.1:9000", None),
        ("http://127.0.0.1:9000/fhir", "http://127.0.0.1:9000/*", True),
        ("http://127.0.0.10:9000/fhir", "http://127.0.0.1:*", None),
        ("http://[::1]:9000/fhir", "http://[::1]:*", True),
        ("https://ehr.example/fhir", "https://ehr.example/fhir", True),
        ("https://ehr.example:443/fhir", "https://ehr.example/fhir", True),
        ("https://ehr.example:8443/fhir", "https://ehr.example/fhir", None),
        ("http://ehr.example/fhir", "https://ehr.example/fhir", None),
        ("https://EHR.example/fhir", "https://ehr.example/fhir", True),
        ("https://a.ehr.example/fhir", "https://*.ehr.example/fhir", False),
        ("https://evil.example/x.ehr.example/fhir", "https://*.ehr.example/fhir", None),
        ("https://ehr.example/fhir/tenant/7", "https://ehr.example/fhir/*", True),
        ("https://ehr.example/other", "https://ehr.example/fhir*", None),
        ("https://any.example:99/x", "https://*", False),
        ("http://any.example:99/x", "*", False),
        ("http://127.0.0.1:80@evil.example/fhir", "http://127.0.0.1:*", None),
        ("http://127.0.0.1:9000/fhir/../x", "http://127.0.0.1:9000/*", None),
        ("http://127.0.0.1:9000/fhir?x=1", "http://127.0.0.1:*", None),
        ("http://127.0.0.1:9000/fhir#x", "http://127.0.0.1:*", None),
        ("http://127.0.0.1:port/fhir", "http://127.0.0.1:*", None),
        ("ftp://127.0.0.1/fhir", "*", None),
        ("http:///fhir", "*", None),
        ("https://a.example[/fhir", "*", None),
    ],
)
def test_bases_are_listed_with_wildcards(url: str, pattern: str, expected: bool | None) -> None:
    base = parse_base(url)
    granted = permission(base, ("https://unrelated.example", pattern)) if base else None
    assert (granted.private if granted else None) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("2606:4700::1111", True),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_a_public_session_does_not_connect_to_loopback_by_any_name() -> None:
    session = make_session(private=False)
    for url in ("http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://2130706433:9/"):
        with pytest.raises(requests.ConnectionError, match="No address of that name"):
            session.get(url, timeout=1)


def test_nothing_of_the_environment_goes_out() -> None:
    session = make_session(private=True)
    assert session.trust_env is False
    assert dict(session.headers) == {}


def server(base: str = "https://ehr.example/fhir") -> FhirServer:
    parsed = parse_base(base)
    assert parsed is not None
    decoder = Decoder(lean({"Condition": frozenset({"code"})}))
    return FhirServer(parsed, base, requests.Session(), decoder, Bounds(seconds=1), "T")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 401, "json": {}}, "status 401"),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "status 302"),
        ({"status": 204}, "status 204"),
        ({"body": requests.ConnectTimeout()}, "no usable answer"),
        ({"body": requests.exceptions.SSLError()}, "no usable answer"),
        ({"body": requests.exceptions.ChunkedEncodingError()}, "no usable answer"),
        ({"body": b"<html>", "content_type": "text/html"}, "not JSON"),
        ({"body": b"", "content_type": "application/json"}, "no resource"),
        ({"body": b"[" * 100_000, "content_type": "application/json"}, "beyond the limits"),
        ({"body": b"\xff\xfe", "content_type": "application/json"}, "no resource"),
    ],
)
def test_unhappy_answers_have_a_short_reason(answer: dict[str, object], reason: str) -> None:
    with responses.RequestsMock() as mock:
        mock.get("https://ehr.example/fhir/Condition", **answer)
        with pytest.raises(NotObtained) as caught:
            server().read("Condition?patient=1", Sources().budget())
    assert caught.value.reason == reason
