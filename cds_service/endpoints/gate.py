"""The gate before the web framework: takes on no more calls than can be answered, and accounts for each.

A call beyond the limit is told so at once, in a few microseconds, instead of waiting in a queue that only grows.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cds_service.endpoints.logs import CallLog
from cds_service.endpoints.metrics import Metrics
from cds_service.endpoints.outcomes import operation_outcome
from cds_service.hooks.rendering import encode_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)
_CALLER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALWAYS_ANSWERED = ("/health/", "/metrics")
_BUSY = encode_json(operation_outcome("Too many calls at a time; try again.", "throttled", "overloaded"))
_FAILED = encode_json(operation_outcome("The service failed to answer this call.", "exception"))


class Gate:
    """A WSGI application around another: admission, identity of the call, its log line and its metrics."""

    def __init__(
        self, app: WSGIApplication, metrics: Metrics, log: CallLog, concurrency: int, origins: tuple[str, ...]
    ) -> None:
        self._app, self._metrics, self._log, self._most = app, metrics, log, concurrency
        self._origin = "*" if "*" in origins else None
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Calls being answered by this process."""
        return self._in_flight

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        path: str = environ["PATH_INFO"]
        always = path.startswith(_ALWAYS_ANSWERED)
        call_id = environ["cds.call_id"] = str(uuid.uuid4())
        if not always:
            with self._lock:
                admitted = self._in_flight < self._most
                self._in_flight += admitted
            if not admitted:
                return self._turn_away(start_response, call_id)
        status = 500
        try:
            status, body = self._answer(environ, start_response, call_id)
            return body
        finally:
            if not always:
                with self._lock:
                    self._in_flight -= 1
            self._account(environ, path, status, time.perf_counter() - started, call_id)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse, call_id: str) -> tuple[int, list[bytes]]:
        told: list[Any] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            told[:] = [status, headers, exc_info]
            return _refuse_write

        try:
            parts = self._app(environ, note)
            try:
                body = [b"".join(parts)]
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except Exception:  # noqa: BLE001  # the last line of defence: what falls through everything else is still an answer
            _log.error("call failed outside the application", exc_info=True, extra={"id": call_id})
            start_response("500 Internal Server Error", self._headers(call_id))
            return 500, [_FAILED]
        start_response(told[0], told[1])
        return int(told[0][:3]), body

    def _turn_away(self, start_response: StartResponse, call_id: str) -> list[bytes]:
        self._metrics.add("cds_turned_away_total", "all")
        self._metrics.add("cds_answers_total", "503")
        start_response("503 Service Unavailable", [*self._headers(call_id), ("Retry-After", "1")])
        return [_BUSY]

    def _headers(self, call_id: str) -> list[tuple[str, str]]:
        headers = [
            ("Content-Type", "application/fhir+json"),
            ("Cache-Control", "no-store"),
            ("X-Correlation-Id", call_id),
        ]
        if self._origin:
            headers.append(("Access-Control-Allow-Origin", self._origin))
        return headers

    def _account(self, environ: WSGIEnvironment, path: str, status: int, seconds: float, call_id: str) -> None:
        self._metrics.add("cds_answers_total", str(status))
        if path.startswith(_ALWAYS_ANSWERED):
            return  # asked every few seconds, by machines that keep their own account
        route = _route(path)
        if not self._metrics.knows("cds_call_seconds", route):
            route = "other"  # a path is the caller's choice of words: it stands in no log
        self._metrics.observe("cds_call_seconds", route, seconds)
        sent = environ.get("HTTP_X_CORRELATION_ID") or environ.get("HTTP_X_REQUEST_ID") or ""
        caller_id = sent if sent and _CALLER_ID.fullmatch(sent) else None
        self._log.call(route, environ["REQUEST_METHOD"], status, seconds, call_id, caller_id)


def _route(path: str) -> str:
    """What was called, as a label with few values: never the path itself, which callers choose."""
    if path.startswith("/cds-services"):
        rest = path[len("/cds-services") :].strip("/")
        return "discovery" if not rest else "feedback" if rest.endswith("/feedback") else rest
    if path.startswith("/fhir"):
        return "fhir"
    return "other"


def _refuse_write(_: bytes) -> object:
    raise RuntimeError("The write callable of WSGI is not supported.")
