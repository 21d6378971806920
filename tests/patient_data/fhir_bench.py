"""A small FHIR server on loopback whose every path can be told to behave badly."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class FhirBench:
    """The server: answers by path (with query), and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.released = threading.Event()
        bench = self

        class Bound(Handler):
            owner = bench

        self.server = _Server(("127.0.0.1", 0), Bound)
        self.base = f"http://127.0.0.1:{self.server.server_port}/fhir"

    def on(self, relative: str, answer: Answer | dict[str, Any]) -> None:
        self.answers[f"/fhir/{relative}"] = answer if callable(answer) else serve(answer)

    @property
    def paths(self) -> list[str]:
        return sorted(path.removeprefix("/fhir/") for path, _ in self.asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # connections that are cut are the point of these tests


class Handler(BaseHTTPRequestHandler):
    """One connection; every request goes to the answer for its path."""

    owner: FhirBench
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.owner.asked.append((self.path, self.headers.get("Authorization")))
        answer = self.owner.answers.get(self.path, status(404))
        with contextlib.suppress(OSError):
            answer(self)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def send(self, code: int, body: bytes, kind: str = "application/fhir+json", **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(resource: Any) -> Answer:
    return lambda handler: handler.send(200, json.dumps(resource).encode())


def status(code: int, **headers: str) -> Answer:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "SECRET OF THE SERVER"}]}
    return lambda handler: handler.send(code, json.dumps(outcome).encode(), **headers)


def html(handler: Handler) -> None:
    handler.send(200, b"<html>Please log in</html>", "text/html")


def garbage(handler: Handler) -> None:
    handler.send(200, b'{"resourceType": "Bundle", "entry": [')


def hang(handler: Handler) -> None:
    handler.owner.released.wait(20)


def drip(handler: Handler) -> None:
    """A byte now and then, each well within any timeout for a read."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.end_headers()
    while not handler.owner.released.is_set():
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.02)


def drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.owner.released.is_set():
        handler.wfile.write(b"X-More: 1\r\n"[:1])
        handler.wfile.flush()
        time.sleep(0.02)


def close(handler: Handler) -> None:
    handler.connection.close()


def flood(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.end_headers()
    for _ in range(100_000):
        handler.wfile.write(b" " * 65536)


@contextlib.contextmanager
def running() -> Iterator[FhirBench]:
    bench = FhirBench()
    thread = threading.Thread(target=bench.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield bench
    finally:
        bench.released.set()
        bench.server.shutdown()
        bench.server.server_close()
        thread.join()
