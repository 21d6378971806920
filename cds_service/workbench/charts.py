"""Charts as SVG inside the page: a title for those who cannot see them; the numbers stand beside them as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 640, 180
_LEFT, _BOTTOM, _TOP = 44, 24, 10
_ROW = 26
_WIDEST = 56


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of numbers, with the class that colours it."""

    name: str
    css: str
    values: Sequence[float]


def stacked_bars(title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A bar for each label; the series stand on each other."""
    totals = [sum(one.values[at] for one in series) for at in range(len(labels))]
    most = max([*totals, 1])
    width = min((_WIDTH - _LEFT) / max(len(labels), 1), _WIDEST)
    scale = (_HEIGHT - _BOTTOM - _TOP) / most
    parts: list[str] = [_axis(most)]
    for at, label in enumerate(labels):
        bottom = float(_HEIGHT - _BOTTOM)
        for one in series:
            height = one.values[at] * scale
            bottom -= height
            if height:
                words = escape(f"{label}: {one.values[at]:g} {one.name}")
                parts.append(
                    f'<rect class="{one.css}" x="{_LEFT + at * width + 1:.1f}" y="{bottom:.1f}" '
                    f'width="{max(width - 2, 1):.1f}" height="{height:.1f}"><title>{words}</title></rect>'
                )
        if at % max(1, len(labels) // 8) == 0:
            parts.append(
                f'<text x="{_LEFT + (at + 0.5) * width:.1f}" y="{_HEIGHT - 7}" class="mid">{escape(label)}</text>'
            )
    return _svg(title, _HEIGHT, parts)


def rows(title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A horizontal bar for each label, the longest one across; for what is told by names."""
    most = max([*(sum(one.values[at] for one in series) for at in range(len(labels))), 1])
    scale = (_WIDTH - 60) / most / 2
    parts: list[str] = []
    for at, label in enumerate(labels):
        y, x = at * _ROW + 6, _WIDTH / 2
        parts.append(f'<text x="{x - 8:.0f}" y="{y + 13}" class="end">{escape(_cut(label))}</text>')
        for one in series:
            width = one.values[at] * scale
            if width:
                words = escape(f"{label}: {one.values[at]:g} {one.name}")
                parts.append(
                    f'<rect class="{one.css}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 10}">'
                    f"<title>{words}</title></rect>"
                )
            x += width
        total = sum(one.values[at] for one in series)
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 13}">{total:g}</text>')
    return _svg(title, len(labels) * _ROW + 8, parts)


def legend(series: Sequence[Series]) -> Markup:
    """What the colours mean."""
    items = "".join(f'<li><span class="swatch {one.css}"></span>{escape(one.name)}</li>' for one in series)
    return Markup(f'<ul class="legend">{items}</ul>')  # noqa: S704 - names are escaped


def _axis(most: float) -> str:
    step = _HEIGHT - _BOTTOM - _TOP
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = _HEIGHT - _BOTTOM - share * step
        lines.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{most * share:g}</text>')
    return "".join(lines)


def _svg(title: str, height: int, parts: Sequence[str]) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return Markup(f"{head}{''.join(parts)}</svg>")  # noqa: S704 - every text in it was escaped above


def _cut(text: str) -> str:
    return text if len(text) <= 44 else text[:43] + "…"
