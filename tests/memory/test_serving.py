"""A whole service on each database: what worker processes share, and what is left when all are killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cds_service.memory.database import Database
from cds_service.memory.reports import feedback_report
from tests.edge.processes import running
from tests.edge.requests import hook_request

VIEW = "/cds-services/hello-patient-view"


def test_decisions_and_feedback_meet(empty_url: str, another: Callable[[], Database], tmp_path: Path) -> None:
    with running(tmp_path, CDS_DATABASE_URL=empty_url) as server:

        def call_and_override(second: int) -> int:
            card = json.loads(server.call("POST", VIEW, hook_request("patient-view"))[2])["cards"][0]["uuid"]
            at = f"2026-03-01T10:05:{second:02d}Z"
            event = {"card": card, "outcome": "overridden", "outcomeTimestamp": at}
            return server.call("POST", f"{VIEW}/feedback", {"feedback": [event]})[0]

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(call_and_override, range(20))) == [200] * 20
        assert server.stop() == 0
    (line,) = feedback_report(another()).lines
    assert (line.card, line.shown, line.overridden) == ("greeting", 20, 20)


def test_acknowledged_feedback_survives(empty_url: str, another: Callable[[], Database], tmp_path: Path) -> None:
    with running(tmp_path, CDS_DATABASE_URL=empty_url) as server:
        event = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:05:00Z"}
        assert server.call("POST", f"{VIEW}/feedback", {"feedback": [event]})[0] == 200
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
    (line,) = feedback_report(another()).lines
    assert line.overridden == 1
