"""Funnel plots and run charts as SVG text: no script, no outside file, readable in print and by a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

from cds_service.quality.statistics import funnel

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 320, 56, 40, 36, 16
_LETTER = 6.2  # widest usual advance of a letter at the size of the labels


@dataclass(frozen=True, slots=True)
class Point:
    """One unit in a chart: an operator, or a period."""

    name: str
    events: int
    total: int
    flagged: bool = False

    @property
    def rate(self) -> float:
        return self.events / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class _Frame:
    largest: float
    top: float

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value / self.largest if self.largest else 0)

    def y(self, rate: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (rate / self.top if self.top else 0)


def funnel_plot(title: str, points: Sequence[Point], limit: float | None, unit: str) -> str:
    """Rate against volume with the limits of chance around `limit`; empty when there is nothing to show."""
    shown = [point for point in points if point.total]
    if not shown:
        return ""
    largest = max(point.total for point in shown) * 1.05
    sizes = sorted({max(1, round(largest * step / 60)) for step in range(1, 61)})
    bands = [(confidence, funnel(limit, sizes, confidence=confidence)) for confidence in (0.95, 0.998)] if limit else []
    top = max(0.02, *(point.rate for point in shown), *((limit * 2.5,) if limit else ())) * 1.1
    frame = _Frame(largest, min(1.0, top))
    parts = _axes(frame, f"{unit} treated")
    for confidence, curve in bands:
        for side in ("low", "high"):
            path = " ".join(
                f"{frame.x(point.total):.1f},{frame.y(min(getattr(point, side), frame.top)):.1f}" for point in curve
            )
            parts.append(f'<polyline class="bound" points="{path}"><title>{confidence:.1%} limit</title></polyline>')
    if limit:
        parts.append(_line(frame, limit, f"limit {limit:.1%}"))
    parts += [_dot(frame, point.total, point) for point in shown]
    text = "; ".join(f"{point.name} {point.events} of {point.total}" for point in shown)
    return _svg(title, text, parts)


def run_chart(title: str, points: Sequence[Point], limit: float | None) -> str:
    """The rate over successive periods with its median; empty when there are fewer than two periods."""
    if len(points) < 2:
        return ""
    top = max(0.02, *(point.rate for point in points), *((limit * 1.5,) if limit else ())) * 1.1
    frame = _Frame(len(points) + 1, min(1.0, top))
    parts = _axes(frame, "period", [(number, point.name) for number, point in enumerate(points, 1)])
    path = " ".join(f"{frame.x(number):.1f},{frame.y(point.rate):.1f}" for number, point in enumerate(points, 1))
    parts.append(f'<polyline class="run" points="{path}"/>')
    if limit:
        parts.append(_line(frame, limit, f"limit {limit:.1%}"))
    rates = sorted(point.rate for point in points)
    middle = (rates[(len(rates) - 1) // 2] + rates[len(rates) // 2]) / 2
    parts.append(_line(frame, middle, f"median {middle:.1%}", "median"))
    parts += [_dot(frame, number, point) for number, point in enumerate(points, 1)]
    text = "; ".join(f"{point.name} {point.events} of {point.total}" for point in points)
    return _svg(title, text, parts)


def _axes(frame: _Frame, label: str, ticks: Sequence[tuple[float, str]] | None = None) -> list[str]:
    base = HEIGHT - BOTTOM
    parts = [f'<path class="axis" d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}"/>']
    for step in range(5):
        rate = frame.top * step / 4
        parts.append(f'<text x="{LEFT - 6}" y="{frame.y(rate) + 4:.1f}" text-anchor="end">{rate:.1%}</text>')
    marks = ticks or [(round(frame.largest * step / 4), str(round(frame.largest * step / 4))) for step in range(5)]
    room = (WIDTH - LEFT - RIGHT) / (len(marks) + 1)
    every = max(1, ceil((max(len(name) for _, name in marks) * _LETTER + 8) / room))
    for number, (at, name) in enumerate(marks):
        if number % every == 0:
            parts.append(f'<text x="{frame.x(at):.1f}" y="{base + 16}" text-anchor="middle">{escape(name)}</text>')
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>')
    return parts


def _line(frame: _Frame, rate: float, label: str, kind: str = "limit") -> str:
    y = frame.y(min(rate, frame.top))
    beside = y + 12 if y - 16 < TOP else y - 4
    # The median stands at the left, so that its words never lie on those of a limit close by.
    place = f'x="{LEFT + 4}"' if kind == "median" else f'x="{WIDTH - RIGHT}" text-anchor="end"'
    return (
        f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text {place} y="{beside:.1f}">{escape(label)}</text>'
    )


def _dot(frame: _Frame, at: float, point: Point) -> str:
    words = escape(f"{point.name}: {point.events} of {point.total}, {point.rate:.1%}")
    kind = "dot flagged" if point.flagged else "dot"
    x, y = frame.x(at), frame.y(point.rate)
    mark = _mark(point.name, x, y) if point.flagged else ""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"><title>{words}</title></circle>{mark}'


def _mark(name: str, x: float, y: float) -> str:
    """The name beside a dot: to its left where it would leave the frame on the right, below it at the very top."""
    outside = x + 7 + len(name) * _LETTER > WIDTH - RIGHT
    place = f'x="{x - 7:.1f}" text-anchor="end"' if outside else f'x="{x + 7:.1f}"'
    return f'<text {place} y="{y + 14 if y - 15 < TOP else y - 5:.1f}">{escape(name)}</text>'


def _svg(title: str, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        f'<text class="heading" x="{LEFT}" y="18">{escape(title)}</text>{"".join(parts)}</svg>'
    )
