from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.clients.registry import read_clients
from cds_service.errors import CdsError

GOOD = """
clients:
  - issuer: https://ehr.example/auth
    name: Example EHR
    jku: [https://ehr.example/jwks.json]
    tenants: [hospital-1]
    rates-orders: false
    fhirpath-prefetch: true
    fhir-servers: [https://ehr.example/fhir]
  - issuer: https://bench.example
    jwks: {keys: [{kty: EC, crv: P-384, kid: k1, x: AA, y: AA}]}
"""


def test_a_good_file(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_text(GOOD)
    clients = read_clients(tmp_path / "clients.yaml")
    first, second = clients["https://ehr.example/auth"], clients["https://bench.example"]
    assert (first.profile.name, first.profile.rates_orders, first.profile.tenants) == (
        "Example EHR",
        False,
        ("hospital-1",),
    )
    assert first.jwks_urls == ("https://ehr.example/jwks.json",)
    assert first.profile.fhir_servers == ("https://ehr.example/fhir",)
    assert (second.profile.name, second.profile.rates_orders) == ("https://bench.example", True)
    assert second.profile.fhir_servers is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clients: 5", "clients"),
        ("{", "cannot be read"),
        ("clients: [{issuer: a}]", "neither jku"),
        ("clients: [{issuer: a, jku: [http://ehr.example/k]}]", "no https"),
        ("clients: [{issuer: a, jku: [https://x], algorithms: [HS256]}]", "HS256 is not accepted"),
        ("clients: [{issuer: a, jku: [https://x], algorithms: [none]}]", "none is not accepted"),
        ("clients: [{issuer: a, jwks: {keys: []}}]", "no keys"),
        ("clients: [{issuer: a, jwks: {keys: [{kty: EC, d: AA}]}}]", "private"),
        ("clients: [{issuer: a, jku: [https://x]}, {issuer: a, jku: [https://x]}]", "twice"),
        ("clients: [{issuer: a, jku: [https://x], rates-order: true}]", "rates-order"),
    ],
)
def test_mistakes_stop_the_start(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "clients.yaml").write_text(text)
    with pytest.raises(CdsError, match=says):
        read_clients(tmp_path / "clients.yaml")
