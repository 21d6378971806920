"""What a hook call costs, beside the least it could cost: `python -m benchmarks.hooks` (or `make bench`).

Floor: the same server answering a constant card after `orjson.loads` of the same body, by way of Flask; the server
`bare` answers without Flask, which hook calls do not go through either. Measured is the CPU time of the one worker
process for a call, decisions kept, client authentication off; rounds of all servers alternate, and the figures are
medians of rounds. Latency is that of one caller on one connection, on this machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.charts import Chart

CALLS = {"small": 1500, "large": 200}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of calls to one server."""

    cpu: float  # seconds for a call
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A running server and the service on it that is called."""

    name: str
    port: int
    process: int
    path: str


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; with --json for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=float, default=1.0, help="times the usual number of calls")
    parser.add_argument("--servers", nargs="*", default=["floor", "empty", "real"])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    results: list[dict[str, Any]] = []
    with ExitStack() as stack:
        targets = [stack.enter_context(_serving(name)) for name in args.servers]
        for size in CALLS:
            bodies = {target.name: _body(target, size) for target in targets}
            number = max(20, int(CALLS[size] * args.calls))
            rounds: dict[str, list[Round]] = {target.name: [] for target in targets}
            for target in targets:
                _round(target, bodies[target.name], number // 4)  # warm
            for _ in range(args.rounds):
                for target in targets:
                    rounds[target.name].append(_round(target, bodies[target.name], number))
            results += _results(size, {name: len(body) for name, body in bodies.items()}, rounds)
    if args.json:
        print(json.dumps(results, indent=2))
    else:
        _print(results)
    return 0


@contextmanager
def _serving(name: str) -> Iterator[Target]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    # Two cores: the server has one, its callers the other, wherever that can be said.
    command = [sys.executable, "-m", "benchmarks.servers", name, str(port)]
    environment = {**os.environ, "CDS_LOG_LEVEL": os.environ.get("CDS_LOG_LEVEL", "info")}
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(command, stderr=nowhere, env=environment)
    try:
        path = _wait(port, process)
        (worker,) = _children(process.pid)
        yield Target(name, port, worker, path)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> str:
    """The path to call, once the server answers."""
    for _ in range(300):
        assert process.poll() is None, "the server ended before it answered"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/cds-services")
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
        except OSError:
            time.sleep(0.1)
            continue
        if answer.status != 200:
            return "/cds-services/floor"
        services = json.loads(body)["services"]
        silent = [each for each in services if each["id"] == "hello-appointment-book"]
        chosen = silent or [each for each in services if each["hook"] == "order-sign"]
        return f"/cds-services/{chosen[0]['id']}"
    raise AssertionError("the server does not answer")


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _body(target: Target, size: str) -> bytes:
    chart = Chart(size=size)
    templates = None
    if target.name == "real":
        connection = http.client.HTTPConnection("127.0.0.1", target.port)
        connection.request("GET", "/cds-services")
        services = json.loads(connection.getresponse().read())["services"]
        connection.close()
        templates = next(each.get("prefetch") for each in services if target.path.endswith(each["id"]))
    body = chart.request(templates)
    if target.name == "empty":
        value = json.loads(body)
        value["hook"] = "appointment-book"
        value["context"]["appointments"] = value["context"].pop("draftOrders")
        body = json.dumps(value).encode()
    return body


def _round(target: Target, body: bytes, number: int) -> Round:
    connection = http.client.HTTPConnection("127.0.0.1", target.port)
    headers = {"Content-Type": "application/json"}
    latencies = []
    before = _cpu(target.process)
    for _ in range(number):
        started = time.perf_counter()
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        latencies.append(time.perf_counter() - started)
        assert answer.status == 200, text
    time.sleep(0.5)  # what a call leaves to be done later is part of its cost
    after = _cpu(target.process)
    connection.close()
    return Round((after - before) / number, tuple(latencies))


def _cpu(process: int) -> float:
    """CPU seconds of a process and all its threads, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def _results(size: str, bytes_of: dict[str, int], rounds: dict[str, list[Round]]) -> list[dict[str, Any]]:
    floor = rounds.get("floor")
    results = []
    for name, measured in rounds.items():
        cpu = statistics.median(each.cpu for each in measured)
        latencies = sorted(latency for each in measured for latency in each.latencies)
        line: dict[str, Any] = {
            "size": size,
            "server": name,
            "bytes": bytes_of[name],
            "cpuMicroseconds": round(cpu * 1e6, 1),
            "p50Microseconds": round(latencies[len(latencies) // 2] * 1e6),
            "p99Microseconds": round(latencies[len(latencies) * 99 // 100] * 1e6),
            "callsPerSecondAndCore": round(1 / cpu),
        }
        if floor is not None and name != "floor":
            ratios = [each.cpu / least.cpu for each, least in zip(measured, floor, strict=True)]
            line["timesFloor"] = round(statistics.median(ratios), 2)
        results.append(line)
    return results


def _print(results: list[dict[str, Any]]) -> None:
    print(f"{'':7}{'server':8}{'KB':>7}{'CPU µs':>10}{'x floor':>9}{'p50 µs':>9}{'p99 µs':>9}{'calls/s/core':>14}")
    for line in results:
        floor = f"{line['timesFloor']:.2f}" if "timesFloor" in line else ""
        print(
            f"{line['size']:7}{line['server']:8}{line['bytes'] / 1000:7.1f}{line['cpuMicroseconds']:10.1f}{floor:>9}"
            f"{line['p50Microseconds']:9}{line['p99Microseconds']:9}{line['callsPerSecondAndCore']:14}"
        )


if __name__ == "__main__":
    sys.exit(main())
