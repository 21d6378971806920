"""A real server in processes of its own, around the stand-in services."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


@dataclass(slots=True)
class Running:
    """A server that answers."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    database: str
    tls: ssl.SSLContext | None = None

    def workers(self) -> list[int]:
        """The worker processes."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def call(
        self, method: str, path: str, value: Any = None, headers: dict[str, str] | None = None, timeout: float = 20
    ) -> tuple[int, dict[str, str], bytes]:
        """One call on a connection of its own."""
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        )
        try:
            body = json.dumps(value).encode() if value is not None else None
            connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def stop(self, seconds: float = 60) -> int:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    folder: Path,
    command: tuple[str, ...] = ("-m", "tests.edge.serve"),
    cwd: Path = ROOT,
    tls: ssl.SSLContext | None = None,
    given: Mapping[str, str] | None = None,
    **environment: str,
) -> Iterator[Running]:
    """A server with these settings (`given` and `environment` together); killed at the end, if it still runs."""
    environment |= given or {}
    port = free_port()
    database = environment.pop("CDS_DATABASE_URL", f"sqlite:///{folder}/memory.sqlite")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    settings = {"CDS_PORT": str(port), "CDS_DATABASE_URL": database, "CDS_WORKERS": "2", **environment}
    log = folder / f"server-{port}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            stderr=stream,
            stdout=stream,
            env={**kept, **settings},
            start_new_session=True,
        )
    server = Running(port, process, log, database, tls)
    try:
        _wait_until_up(server)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_until_up(server: Running) -> None:
    for _ in range(300):
        assert server.process.poll() is None, server.log.read_text()
        try:
            if server.call("GET", "/health/ready", timeout=2)[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(server.log.read_text())
