"""Tokens through the whole application, and key sets from a real server."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import Client

from cds_service.clients.keys import fetch_over_http
from tests.clients.test_authentication import public
from tests.edge.applications import client
from tests.edge.requests import hook_request

KEY = ec.generate_private_key(ec.SECP384R1())
BASE = "https://cds.example"
ISSUER = "https://ehr.example"


@contextmanager
def serving(answer: bytes, status: int = 200, headers: dict[str, str] | None = None, delay: float = 0) -> Iterator[str]:
    """A server that always says the same; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token(audience: str, jku: str | None = None) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": audience, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4())}
    headers = {"kid": "k1", **({"jku": jku} if jku else {})}
    return {"Authorization": f"Bearer {jwt.encode(claims, KEY, algorithm='ES384', headers=headers)}"}


@contextmanager
def secured(folder: Path, entry: dict[str, Any], **environment: str) -> Iterator[Client]:
    (folder / "clients.json").write_text(json.dumps({"clients": [{"issuer": ISSUER, **entry}]}))
    given = {"CDS_CLIENT_AUTH": "required", "CDS_CLIENTS": str(folder / "clients.json"), "CDS_PUBLIC_URL": BASE}
    with client(folder, **{**given, **environment}) as caller:
        yield caller


def test_every_call_needs_a_token_for_itself(tmp_path: Path) -> None:
    view, told = "/cds-services/hello-patient-view", "/cds-services/hello-patient-view/feedback"
    with secured(tmp_path, {"jwks": {"keys": [public(KEY, "k1")]}}) as caller:
        body = hook_request("patient-view")
        for headers in ({}, {"Authorization": "Bearer nonsense"}, token(f"{BASE}/cds-services")):
            for answer in (
                caller.post(view, json=body, headers=headers),
                caller.post(told, json={"feedback": []}, headers=headers),
                caller.post("/cds-services/unknown", json=body, headers=headers),
            ):
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                (issue,) = answer.get_json()["issue"]
                assert issue == {"severity": "error", "code": "login", "diagnostics": "Not authorised."}
        assert caller.get("/cds-services").status_code == 401
        assert caller.get("/cds-services", headers=token(f"{BASE}/cds-services")).status_code == 200
        once = token(BASE + view)
        assert caller.post(view, json=body, headers=once).status_code == 200
        assert caller.post(view, json=body, headers=once).status_code == 401
        assert caller.post(told, json={"feedback": []}, headers=token(BASE + told)).status_code == 200
        assert caller.post(told, json={"feedback": []}, headers=token(BASE + view)).status_code == 200
        assert caller.options(view).status_code == 200
        assert caller.get("/fhir/metadata").status_code == 401
        assert caller.get("/fhir/metadata", headers=token(f"{BASE}/fhir")).status_code == 404  # not part of this test
        assert caller.get("/health/live").status_code == 200


def test_discovery_may_be_open(tmp_path: Path) -> None:
    with secured(tmp_path, {"jwks": {"keys": [public(KEY, "k1")]}}, CDS_DISCOVERY_AUTH="off") as caller:
        assert caller.get("/cds-services").status_code == 200


def test_keys_come_from_the_address_on_the_list(tmp_path: Path) -> None:
    keys = json.dumps({"keys": [public(KEY, "k1")]}).encode()
    with serving(keys) as jku, secured(tmp_path, {"jku": [jku]}) as caller:
        for sent in (jku, None):
            assert caller.get("/cds-services", headers=token(f"{BASE}/cds-services", sent)).status_code == 200
        elsewhere = token(f"{BASE}/cds-services", jku.replace("jwks", "other"))
        assert caller.get("/cds-services", headers=elsewhere).status_code == 401


@pytest.mark.parametrize(
    ("answer", "status", "headers"),
    [
        (b"{}", 404, {}),
        (b"", 302, {"Location": "http://127.0.0.1:1/"}),
        (b"x" * 300_000, 200, {}),
    ],
)
def test_key_servers_are_not_followed_anywhere(answer: bytes, status: int, headers: dict[str, str]) -> None:
    with serving(answer, status, headers) as url, pytest.raises(OSError, match="key set"):
        fetch_over_http(url)
