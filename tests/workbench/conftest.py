"""The service with its workbench, once for all tests: as a WSGI application, and on a port for browsers."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client

from cds_service.app import Application, Prepared, create_app, prepare
from cds_service.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

EHR = "https://ehr.example"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Site:
    """A service that answers at `url`."""

    url: str
    prepared: Prepared
    application: Application
    database: Path

    def client(self) -> Client:
        """A client without a network."""
        return Client(self.application)

    def example(self, identifier: str) -> dict[str, Any]:
        """An example as the playground loads it."""
        answer = self.client().get(f"/playground/examples/{identifier}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        loaded: dict[str, Any] = answer.get_json()
        return loaded

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """What a page of ours would post, answered."""
        answer = self.client().post(path, json=body)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        told: dict[str, Any] = answer.get_json()
        return told

    def call(self, service: str, request: dict[str, Any]) -> dict[str, Any]:
        """A hook call of an EHR, answered."""
        return self.post(f"/cds-services/{service}", request)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service with its own content."""
    database = tmp_path_factory.mktemp("workbench") / "memory.sqlite"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        port=port, workers=1, database_url=f"sqlite:///{database}", allow_as_of=True, ehr_origins=(url, EHR),
        log_level="error",
    )  # fmt: skip
    prepared = prepare(settings)
    application = create_app(prepared)

    def bounded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """This small server gives the bare socket as input; the application is promised an end."""
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return application(environ, start_response)

    server = make_server("127.0.0.1", port, bounded, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(url, prepared, application, database)
    server.shutdown()
    thread.join()
    server.server_close()
    application.close()
