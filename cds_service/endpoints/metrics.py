"""Counters in memory that all worker processes share, and their text for Prometheus.

Every worker counts in a row of its own in an anonymous shared mapping that is made before the workers are; whoever is
asked adds the rows up. A worker takes turns with its successor in two rows, so counters never go back.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_DOUBLE = 8
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with one label: its name, its kind, what it counts, and the values the label can have."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    label: str
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """Cells that one value of the label takes."""
        return len(BUCKETS) + 2 if self.kind == "histogram" else 1


class _Places(dict[tuple[str, str], int]):
    """The cells of names with label values; a value that was not foreseen counts as the last one that was."""

    def __missing__(self, key: tuple[str, str]) -> int:
        return self[key[0], _OTHER]


class Metrics:
    """All metrics of the service; `for_worker` says whose row is counted in."""

    def __init__(self, families: Iterable[Family], workers: int = 1) -> None:
        self._families = tuple(families)
        self._at = _Places()
        width = 0
        for family in self._families:
            for value in family.values:
                self._at[family.name, value] = width
                width += family.width
        self._width, self._rows = width, workers * 2
        size = max(1, width * self._rows * _DOUBLE)
        self._cells = memoryview(mmap.mmap(-1, size)).cast("B")[: width * self._rows * _DOUBLE].cast("d")
        self._base = 0
        self._lock = threading.Lock()

    def for_worker(self, row: int) -> None:
        """Count in this row from now on; gauges of a predecessor are forgotten."""
        self._base = (row % self._rows) * self._width
        self._lock = threading.Lock()
        for family in self._families:
            if family.kind == "gauge":
                for value in family.values:
                    self._cells[self._base + self._at[family.name, value]] = 0.0

    def add(self, name: str, value: str, amount: float = 1.0) -> None:
        """Count `amount`."""
        at = self._base + self._at[name, value]
        with self._lock:
            self._cells[at] += amount

    def put(self, name: str, value: str, amount: float) -> None:
        """Set a gauge of this worker."""
        self._cells[self._base + self._at[name, value]] = amount

    def observe(self, name: str, value: str, seconds: float) -> None:
        """Note one duration in a histogram."""
        at = self._base + self._at[name, value]
        bucket = bisect_left(BUCKETS, seconds)
        with self._lock:
            self._cells[at + bucket] += 1.0
            self._cells[at + len(BUCKETS) + 1] += seconds

    def knows(self, name: str, value: str) -> bool:
        """Whether this label value was foreseen."""
        return (name, value) in self._at

    def total(self, name: str, value: str) -> float:
        """The sum over all workers."""
        at = self._at[name, value]
        return sum(self._cells[row * self._width + at] for row in range(self._rows))

    def durations(self, name: str, value: str) -> tuple[int, float, tuple[tuple[float | None, int], ...]]:
        """Of one histogram: how many, how long all together, and how many up to each bound (None: beyond the last)."""
        at = self._at[name, value]
        cells = [
            sum(self._cells[row * self._width + at + i] for row in range(self._rows)) for i in range(len(BUCKETS) + 2)
        ]
        counts = [int(cell) for cell in cells[:-1]]
        return sum(counts), cells[-1], tuple(zip((*BUCKETS, None), counts, strict=True))

    def text(self) -> str:
        """Everything in the Prometheus text format."""
        lines: list[str] = []
        for family in self._families:
            lines += [f"# HELP {family.name} {family.says}", f"# TYPE {family.name} {family.kind}"]
            for value in family.values:
                label = f'{family.label}="{value}"'
                if family.kind == "histogram":
                    lines += self._histogram(family.name, value, label)
                else:
                    lines.append(f"{family.name}{{{label}}} {self.total(family.name, value):g}")
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, value: str, label: str) -> list[str]:
        at = self._at[name, value]
        rows = range(self._rows)
        cells = [sum(self._cells[row * self._width + at + i] for row in rows) for i in range(len(BUCKETS) + 2)]
        lines, count = [], 0.0
        for bound, cell in zip((*BUCKETS, None), cells, strict=False):
            count += cell
            edge = "+Inf" if bound is None else f"{bound:g}"
            lines.append(f'{name}_bucket{{{label},le="{edge}"}} {count:.0f}')
        return [*lines, f"{name}_sum{{{label}}} {cells[-1]:.6f}", f"{name}_count{{{label}}} {count:.0f}"]


STATUSES = ("200", "400", "401", "403", "404", "405", "412", "413", "415", "422", "500", "503", _OTHER)


def service_metrics(services: Iterable[str], workers: int) -> Metrics:
    """The metrics of a service process with these CDS services."""
    routes = (*services, "discovery", "feedback", "fhir", _OTHER)
    return Metrics(
        (
            Family("cds_answers_total", "counter", "Answers by status.", "status", STATUSES),
            Family("cds_call_seconds", "histogram", "Time to answer, by what was called.", "route", routes),
            Family("cds_calls_in_flight", "gauge", "Calls being answered.", "kind", ("all", _OTHER)),
            Family("cds_turned_away_total", "counter", "Calls that met too many others.", "kind", ("all", _OTHER)),
            Family(
                "cds_decisions_total", "counter", "Decisions by what became of them.", "fate", ("kept", "lost", _OTHER)
            ),
            Family(
                "cds_feedback_total",
                "counter",
                "Feedback events by outcome.",
                "outcome",
                ("accepted", "overridden", _OTHER),
            ),
        ),
        workers,
    )
