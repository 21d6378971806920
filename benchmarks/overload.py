"""A service under more load than it can bear: `python -m benchmarks.overload [--seconds 60] [--times 2]`.

First the rate that the service sustains is measured, then twice that rate is sent for a while, one call in ten being
feedback. What must hold: no 500, no acknowledged feedback lost, turned-away calls told so quickly, and normal answers
at once when the load is gone. Exit status 1 when one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.charts import Chart
from tests.edge.processes import Running, running

SERVICE = "/cds-services/vcf-order-sign"
CONNECTIONS = 250


@dataclass(slots=True)
class Tally:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    turned_away: list[float] = field(default_factory=list)
    broken: int = 0


async def main_async(server: Running, seconds: float, times: float) -> bool:
    """Measure, press, look again; whether everything held."""
    services = json.loads(server.call("GET", "/cds-services")[2])["services"]
    prefetch = next(each["prefetch"] for each in services if SERVICE.endswith(each["id"]))
    body = Chart().request(prefetch)
    calm = await _press(server.port, body, 6.0, None, 24)
    rate = calm.statuses[200] / 6.0
    print(f"sustained: {rate:.0f} calls/s, p50 {_quantile(calm.answered, 50):.1f} ms")
    pressed = await _press(server.port, body, seconds, rate * times, CONNECTIONS)
    total = sum(pressed.statuses.values())
    print(
        f"sent {total / seconds:.0f}/s for {seconds:.0f} s: {dict(pressed.statuses)}, {pressed.broken} broken; "
        f"answered p50 {_quantile(pressed.answered, 50):.0f} ms, p99 {_quantile(pressed.answered, 99):.0f} ms; "
        f"turned away p50 {_quantile(pressed.turned_away, 50):.0f} ms, p99 {_quantile(pressed.turned_away, 99):.0f} ms"
    )
    after = await _press(server.port, body, 3.0, rate / 4, 4)
    print(f"after: {dict(after.statuses)}, p50 {_quantile(after.answered, 50):.1f} ms")
    kept = _kept(server)
    lost = set(pressed.acknowledged) - kept
    print(f"feedback: {len(pressed.acknowledged)} acknowledged, {len(lost)} lost")
    holds = set(pressed.statuses) <= {200, 503} and not lost and set(after.statuses) == {200} and not pressed.broken
    print("holds" if holds else "DOES NOT HOLD")
    return holds


async def _press(port: int, body: bytes, seconds: float, rate: float | None, connections: int) -> Tally:
    """Send calls for a while: `rate` a second, or as fast as the answers come."""
    tally = Tally()
    end = time.monotonic() + seconds
    turn = iter(range(10**9))
    start = time.monotonic()

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                number = next(turn)
                due = start + number / rate if rate else time.monotonic()
                if due >= end:
                    return
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await _one(reader, writer, number, body, tally)
        except (OSError, asyncio.IncompleteReadError):
            tally.broken += 1
        finally:
            writer.close()

    await asyncio.gather(*(caller() for _ in range(connections)))
    return tally


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, body: bytes, tally: Tally
) -> None:
    card = f"card-{time.monotonic_ns()}-{number}"
    path, sent = SERVICE, body
    if number % 10 == 0:
        event = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:00:00Z"}
        path, sent = f"{SERVICE}/feedback", json.dumps({"feedback": [event]}).encode()
    started = time.monotonic()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    writer.write(head.encode() + sent)
    await writer.drain()
    told = await reader.readuntil(b"\r\n\r\n")
    status = int(told[9:12])
    length = next(line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))
    tally.statuses[status] += 1
    (tally.answered if status == 200 else tally.turned_away).append((time.monotonic() - started) * 1000)
    if status == 200 and path.endswith("feedback"):
        tally.acknowledged.append(card)


def _quantile(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100] if values else 0.0


def _kept(server: Running) -> set[str]:
    connection = sqlite3.connect(server.database.removeprefix("sqlite:///"))
    try:
        return {row[0] for row in connection.execute("SELECT card FROM feedback")}
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Run it on the service with its own content."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=2)
    args = parser.parse_args(arguments)
    command = ("-m", "cds_service", "serve")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), command, CDS_LOG_LEVEL="warning") as server:
        return 0 if asyncio.run(main_async(server, args.seconds, args.times)) else 1


if __name__ == "__main__":
    sys.exit(main())
