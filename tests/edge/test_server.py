"""The service as processes: what survives, what is turned away, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.serving import Alarm
from cds_service.endpoints.gate import MOST_BODIES
from tests.edge.processes import Running, running
from tests.edge.requests import hook_request

VIEW = hook_request("patient-view")
PATIENT_VIEW = "/cds-services/hello-patient-view"


def feedback(card: str) -> dict[str, Any]:
    return {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:05:31Z"}]}


def kept(server: Running, table: str, column: str) -> list[str]:
    with sqlite3.connect(server.database.removeprefix("sqlite:///")) as connection:
        rows = [row[0] for row in connection.execute(f"SELECT {column} FROM {table}")]
    connection.close()
    return rows


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_a_day_in_the_life(tmp_path: Path) -> None:
    with running(tmp_path, CDS_MAX_BODY_BYTES="100000") as server:
        status, headers, body = server.call("POST", PATIENT_VIEW, VIEW, {"X-Correlation-Id": "ehr-7"})
        assert status == 200
        uuid = json.loads(body)["cards"][0]["uuid"]
        assert server.call("POST", f"{PATIENT_VIEW}/feedback", feedback(uuid))[0] == 200
        numbers = server.call("GET", "/metrics")[2].decode()
        assert 'cds_feedback_total{outcome="overridden"} 1' in numbers
        send_in_chunks(server, 30, 200)
        send_in_chunks(server, 3000, 413)
        assert server.stop() == 0
        assert kept(server, "decisions", "id") != []  # written before the end
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        (call,) = [line for line in lines if line.get("caller") == "ehr-7"]
        assert call["id"] == headers["x-correlation-id"]
        assert (call["route"], call["status"]) == ("hello-patient-view", 200)
        assert "p1" not in server.log.read_text().replace("p1024", "")


def send_in_chunks(server: Running, number: int, expected: int) -> None:
    """A body without a length, in pieces."""
    body = json.dumps({**VIEW, "pad": "x" * (100 * number)}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        headers = ("Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked")
        connection.sendall("\r\n".join((f"POST {PATIENT_VIEW} HTTP/1.1", *headers, "", "")).encode())
        try:
            for start in range(0, len(body), 500):
                piece = body[start : start + 500]
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            assert expected == 413  # it need not read to the end
        assert f"HTTP/1.1 {expected}".encode() in connection.recv(4096)


def test_acknowledged_feedback_survives_kill_9(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with running(tmp_path) as server:

        def report(number: int) -> None:
            card = f"card-{number}"
            try:
                if server.call("POST", f"{PATIENT_VIEW}/feedback", feedback(card))[0] == 200:
                    acknowledged.append(card)
            except OSError:
                pass  # not acknowledged

        with ThreadPoolExecutor(6) as pool:
            work = [pool.submit(report, number) for number in range(200)]
            until(lambda: len(acknowledged) > 40)
            os.killpg(server.process.pid, signal.SIGKILL)
            for each in work:
                each.result()
        server.process.wait(10)
        assert len(acknowledged) < 200
        assert set(acknowledged) <= set(kept(server, "feedback", "card"))


def test_workers_end_with_the_first_process_and_leave_the_port(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        workers = server.workers()
        assert workers
        server.process.kill()
        server.process.wait(10)
        until(lambda: not any(is_alive(worker) for worker in workers))


def is_alive(process: int) -> bool:
    """Whether it runs; one that ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for _ in range(3):
            before = server.workers()
            os.kill(before[0], signal.SIGKILL)
            until(lambda before=before: len(server.workers()) == 2 and server.workers() != before)  # type: ignore[misc]
        until(lambda: server.call("POST", PATIENT_VIEW, VIEW)[0] == 200)
        assert server.process.poll() is None


def test_calls_in_flight_are_answered_at_the_end(tmp_path: Path) -> None:
    answers: list[int] = []
    with running(tmp_path, CDS_WORKERS="1") as server:
        threads = [
            threading.Thread(target=lambda: answers.append(server.call("POST", "/cds-services/hello-slow", VIEW)[0]))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.15)
        assert server.stop() == 0
        for thread in threads:
            thread.join()
        assert answers == [200] * 5
        assert len(kept(server, "decisions", "id")) == 5


def test_who_says_stop_many_times_is_heard_once(tmp_path: Path) -> None:
    """A supervisor may signal the process and then its group: signals that come in a burst must not block the end."""
    with running(tmp_path) as server:
        for _ in range(200):
            server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the alarm may ring in a finalizer
def test_what_wakes_the_first_process_may_be_interrupted_by_itself() -> None:
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, lambda *_: alarm.set())
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            alarm.set()  # a threading.Event blocks for good here
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    alarm.wait()


def test_too_many_calls_are_turned_away_and_then_all_is_well(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    acknowledged: list[str] = []
    with running(tmp_path, CDS_WORKERS="1", CDS_CONCURRENCY="4") as server:
        end = time.monotonic() + 3

        def press(number: int) -> None:
            turn = 0
            while time.monotonic() < end:
                turn += 1
                card = f"{number}-{turn}"
                if number % 4:
                    status, headers, _ = server.call("POST", "/cds-services/hello-slow", VIEW)
                else:
                    status, headers, _ = server.call("POST", f"{PATIENT_VIEW}/feedback", feedback(card))
                    if status == 200:
                        acknowledged.append(card)
                statuses[status] += 1
                if status == 503:
                    assert headers["retry-after"] == "1"
                    assert headers["access-control-allow-origin"] == "*"
                    time.sleep(0.02)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(press, range(16)))
        assert set(statuses) == {200, 503}
        assert set(acknowledged) <= set(kept(server, "feedback", "card"))
        assert server.call("GET", "/health/ready")[0] == 200
        assert [server.call("POST", PATIENT_VIEW, VIEW)[0] for _ in range(10)] == [200] * 10
        assert 'cds_turned_away_total{kind="all"} 0' not in server.call("GET", "/metrics")[2].decode()


def test_idle_connections_stop_nobody(tmp_path: Path) -> None:
    with running(tmp_path, CDS_WORKERS="1", CDS_CONCURRENCY="4") as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
        try:
            for connection in idle[:75]:
                connection.sendall(b"POST /cds-services/hello-patient-view HTTP/1.1\r\nHost: x\r\n")  # and no more
            started = time.monotonic()
            assert server.call("POST", PATIENT_VIEW, VIEW)[0] == 200
            assert time.monotonic() - started < 2
        finally:
            for connection in idle:
                connection.close()


def test_bodies_that_come_slowly_keep_nobody_out(tmp_path: Path) -> None:
    with running(tmp_path, CDS_WORKERS="1", CDS_CONCURRENCY="4") as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        try:
            for connection in slow:
                head = f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                connection.sendall(head.encode() + b"Content-Length: 9000\r\n\r\n{")
            started = time.monotonic()
            assert [server.call("POST", PATIENT_VIEW, VIEW)[0] for _ in range(5)] == [200] * 5
            assert time.monotonic() - started < 5
        finally:
            for connection in slow:
                connection.close()
        until(lambda: server.call("GET", "/health/ready")[0] == 200)


def test_bodies_that_never_end_leave_room_for_checks(tmp_path: Path) -> None:
    with running(tmp_path, CDS_WORKERS="1", CDS_CONCURRENCY="4") as server:
        hanging = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_BODIES + 80)]
        try:
            for connection in hanging:
                head = f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                connection.sendall(head.encode() + b"Content-Length: 9000\r\n\r\n{")
            until(lambda: server.call("POST", PATIENT_VIEW, VIEW)[0] == 503)
            assert server.call("GET", "/health/ready", timeout=5)[0] == 200
            assert server.call("GET", "/cds-services", timeout=5)[0] == 200
        finally:
            for connection in hanging:
                connection.close()
        until(lambda: server.call("POST", PATIENT_VIEW, VIEW)[0] == 200)


def test_new_content_is_taken_up_without_a_lost_call(tmp_path: Path) -> None:
    with running(tmp_path, RELOADED=str(tmp_path / "reloaded")) as server:
        before = set(server.workers())
        statuses: list[int] = []
        unread = 0
        stop = threading.Event()

        def press() -> None:
            nonlocal unread
            while not stop.is_set():
                try:
                    statuses.append(server.call("POST", PATIENT_VIEW, VIEW)[0])
                except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                    unread += 1  # a worker that ends closes a connection that it has not read from: one each at most

        thread = threading.Thread(target=press)
        thread.start()
        try:
            server.process.send_signal(signal.SIGHUP)
            until(lambda: len(server.workers()) == 2 and not before & set(server.workers()), 20)
        finally:
            stop.set()
            thread.join()
        assert (tmp_path / "reloaded").exists()
        assert set(statuses) == {200}
        assert unread <= len(before)


def test_a_name_will_do_for_an_address(tmp_path: Path) -> None:
    with running(tmp_path, SERVE, CDS_HOST="localhost", CDS_PACKAGED_CONTENT="off") as server:
        assert json.loads(server.call("GET", "/cds-services")[2]) == {"services": []}


def test_a_port_that_is_taken_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        given = {**os.environ, "CDS_PORT": str(server.port), "CDS_DATABASE_URL": server.database}
        ended = subprocess.run([sys.executable, *SERVE], env=given, capture_output=True, timeout=30)
    assert ended.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{server.port}: Address already in use." in ended.stderr.decode()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"CDS_HOST": "no.such.host.invalid", "CDS_OPEN_TO_ANYONE": "on"}, "Cannot listen on no.such.host.invalid"),
        ({"CDS_PORT": "many"}, "CDS_PORT must be a whole number from 1 to 65535"),
        ({"CDS_HOST": "0.0.0.0"}, "Callers need a token, but no client is known"),
        ({"CDS_HOST": "0.0.0.0", "CDS_CLIENT_AUTH": "off"}, "CDS_CLIENT_AUTH is off while CDS_HOST"),
        ({"CDS_CLIENT_AUTH": "required"}, "no client is known"),
        ({"CDS_ALOW_AS_OF": "on"}, "Did you mean CDS_ALLOW_AS_OF?"),
        ({"CDS_DATABASE_URL": "mysql://x"}, "CDS_DATABASE_URL must begin with"),
        ({"CDS_DATABASE_URL": "sqlite:////proc/nowhere/memory.sqlite"}, "database"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, environment: dict[str, str], says: str
) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    given |= {"CDS_DATABASE_URL": f"sqlite:///{tmp_path}/memory.sqlite", **environment}
    ended = subprocess.run([sys.executable, "-m", "cds_service", "serve"], env=given, capture_output=True, timeout=30)
    assert ended.returncode == 1
    told = ended.stderr.decode()
    assert says in told
    assert "Traceback" not in told


HELLO: dict[str, Any] = {
    "resourceType": "PlanDefinition",
    "id": "hello",
    "url": "https://site.example/PlanDefinition/hello",
    "version": "1.0.0",
    "name": "Hello",
    "title": "Hello",
    "status": "active",
    "action": [
        {
            "trigger": [{"type": "named-event", "name": "org.example.round-start"}],
            "title": "Good morning",
            "description": "A plan of the site, on a hook of the site.",
        }
    ],
}
SERVE = ("-m", "cds_service", "serve")


def test_a_site_brings_its_own_plan_and_changes_it_while_calls_come_in(tmp_path: Path) -> None:
    plans = tmp_path / "site" / "plandefinitions"
    plans.mkdir(parents=True)
    (plans / "hello.json").write_text(json.dumps(HELLO))
    call = hook_request("org.example.round-start", prefetch={"patient": {"resourceType": "Patient", "id": "p1"}})
    with running(tmp_path, SERVE, CDS_CONTENT=str(plans.parent), CDS_PACKAGED_CONTENT="off") as server:

        def summary() -> str:
            status, _, body = server.call("POST", "/cds-services/hello", call)
            return str(json.loads(body)["cards"][0]["summary"]) if status == 200 else f"{status}"

        assert summary() == "Good morning"
        changed = {**HELLO, "version": "1.1.0", "action": [{**HELLO["action"][0], "title": "Good evening"}]}
        (plans / "hello.json").write_text(json.dumps(changed))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: summary() == "Good evening", 20)
        until(lambda: {summary() for _ in range(8)} == {"Good evening"}, 20)
        # Content that does not hold is not taken up: what runs goes on.
        (plans / "hello.json").write_text('{"resourceType": "PlanDefinition", "action": 5')
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "the loaded content stays" in server.log.read_text(), 20)
        assert {summary() for _ in range(8)} == {"Good evening"}
        assert server.stop() == 0
