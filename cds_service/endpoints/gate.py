"""The gate before the web framework: takes on no more calls than can be answered, and accounts for each.

A call beyond the limit is told so at once, in a few microseconds, instead of waiting in a queue that only grows.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from cds_service.endpoints.logs import CallLog
from cds_service.endpoints.manners import Headers
from cds_service.endpoints.metrics import Metrics
from cds_service.endpoints.outcomes import operation_outcome
from cds_service.hooks.rendering import encode_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_BODIES = 160  # that a process takes in at a time; one that never ends keeps a thread until its connection does
_log = logging.getLogger(__name__)
_CALLER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALWAYS_ANSWERED = ("/health/", "/metrics")
_ERROR = [("Content-Type", "application/fhir+json")]
_BUSY = encode_json(operation_outcome("Too many calls at a time; try again.", "throttled", "overloaded"))
_FAILED = encode_json(operation_outcome("The service failed to answer this call.", "exception"))


class Gate:
    """A WSGI application around another: admission, identity of the call, its log line and its metrics."""

    def __init__(
        self,
        app: WSGIApplication,
        metrics: Metrics,
        log: CallLog,
        concurrency: int,
        headers: Headers,
        most_bytes: int,
        most_bodies: int = MOST_BODIES,
    ) -> None:
        self._app, self._metrics, self._log, self._most = app, metrics, log, concurrency
        self._headers, self._most_bytes = headers, most_bytes
        self._most_bodies, self._bodies = most_bodies, 0
        self._in_flight = 0
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        path: str = environ["PATH_INFO"]
        call_id = environ["cds.call_id"] = new_call_id()
        headers = self._headers.of(path, environ["REQUEST_METHOD"], environ.get("HTTP_ORIGIN"), call_id)
        # Bodies before the call counts: one that comes slowly keeps nobody else out.
        taken_in = environ["REQUEST_METHOD"] != "POST" or self._take_in(environ)
        counts = not path.startswith(_ALWAYS_ANSWERED)
        if not taken_in or (counts and not self._enter()):
            self._metrics.add("cds_turned_away_total", "all")
            self._metrics.add("cds_answers_total", "503")
            start_response("503 Service Unavailable", [*_ERROR, ("Retry-After", "1"), *headers])
            return [_BUSY]
        status = 500
        try:
            status, body = self._answer(environ, start_response, headers)
            return body
        finally:
            if counts:
                self._leave()
            self._metrics.add("cds_answers_total", str(status))
            if counts:  # the others are asked every few seconds, by machines that keep their own account
                self._account(environ, _route(path), status, time.perf_counter() - started, call_id)

    def _take_in(self, environ: WSGIEnvironment) -> bool:
        """Put the whole body where the framework looks for it; False where too many are on their way already.

        What is too large stays unread, or is cut just above.
        """
        announced = environ.get("CONTENT_LENGTH") or ""
        if announced.isdigit() and int(announced) > self._most_bytes:
            return True
        with self._lock:
            if self._bodies >= self._most_bodies:
                return False
            self._bodies += 1
        try:
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(self._most_bytes + 1))
        finally:
            with self._lock:
                self._bodies -= 1
        return True

    def _enter(self) -> bool:
        with self._lock:
            if self._in_flight < self._most:
                self._in_flight += 1
                self._metrics.put("cds_calls_in_flight", "all", self._in_flight)
                return True
        return False

    def _leave(self) -> None:
        with self._lock:
            self._in_flight -= 1
            self._metrics.put("cds_calls_in_flight", "all", self._in_flight)

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, more: list[tuple[str, str]]
    ) -> tuple[int, list[bytes]]:
        status, headers = "", more

        def note(told: str, sent: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = told, sent + more
            return _refuse_write

        try:
            parts = self._app(environ, note)
            try:
                body = [b"".join(parts)]
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except Exception:  # noqa: BLE001  # the last line of defence: what falls through everything else is still answered
            _log.error("call failed outside the application", exc_info=True, extra={"id": environ["cds.call_id"]})
            status, headers, body = "500 Internal Server Error", [*_ERROR, *more], [_FAILED]
        start_response(status, headers)
        return int(status[:3]), body

    def _account(self, environ: WSGIEnvironment, route: str, status: int, seconds: float, call_id: str) -> None:
        if not self._metrics.knows("cds_call_seconds", route):
            route = "other"  # a path is the caller's choice of words: it stands in no log
        self._metrics.observe("cds_call_seconds", route, seconds)
        sent = environ.get("HTTP_X_CORRELATION_ID") or environ.get("HTTP_X_REQUEST_ID") or ""
        caller_id = sent if sent and _CALLER_ID.fullmatch(sent) else None
        self._log.call(route, environ["REQUEST_METHOD"], status, seconds, call_id, caller_id)


def new_call_id() -> str:
    """A UUID of version 7: ids of one hour stand together in the database, which then writes fewer of its pages."""
    told = ((time.time_ns() // 1_000_000).to_bytes(6) + os.urandom(10)).hex()
    return f"{told[:8]}-{told[8:12]}-7{told[13:16]}-{'89ab'[int(told[16], 16) & 3]}{told[17:20]}-{told[20:]}"


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
