"""The servers that are measured, each in a process of its own: `python -m benchmarks.servers NAME PORT`.

All run on the same server with the same settings; they differ in what a call does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask
import orjson

from cds_service.app import create_app, prepare, prepare_with
from cds_service.cli.serving import Served, run_server
from cds_service.endpoints.logs import configure
from cds_service.settings import load
from tests.edge.standins import offers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CARD = orjson.dumps(
    {"cards": [{"uuid": "0" * 36, "summary": "Constant", "indicator": "info", "source": {"label": "Floor"}}]}
)


class Floor:
    """The least a call can cost: read the JSON, answer a constant."""

    def __init__(self) -> None:
        app = flask.Flask("floor", static_folder=None)

        @app.post("/cds-services/<service_id>")
        def call(service_id: str) -> flask.Response:
            assert service_id
            orjson.loads(flask.request.get_data())
            return flask.Response(CARD, content_type="application/json")

        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)

    def close(self) -> None:
        """Nothing is owed."""


class Bare:
    """The same without a web framework."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(CARD)))])
        return [CARD]

    def close(self) -> None:
        """Nothing is owed."""


def main(name: str, port: str) -> int:
    """Serve until told to stop."""
    configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/memory.sqlite"
        settings = load({"CDS_DATABASE_URL": url, "CDS_WORKERS": "1", **os.environ, "CDS_PORT": port})
        if name in ("floor", "bare"):
            return run_server(settings, lambda _row: Floor() if name == "floor" else Bare())
        prepared = prepare_with(settings, offers()) if name == "empty" else prepare(settings)

        def make(row: int) -> Served:
            return create_app(prepared, row)

        return run_server(settings, make)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
