"""A comparison for people: short for the terminal, and as one HTML page that can be attached to a change request."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources

from cds_service.replay.baselines import Comparison, Kind
from cds_service.replay.comparing import Difference

_TOLD = 3  # reasons and examples a kind in the terminal


def in_words(found: Comparison) -> str:
    """The comparison for a terminal."""
    share = f" ({found.changed / found.calls:.1%})" if found.calls else ""
    lines = [f"{found.changed:,} of {found.calls:,} calls changed{share}"]
    if found.missing_before or found.missing_after:
        lines.append(f"  {found.missing_before:,} only in this run, {found.missing_after:,} only in the baseline")
    for name, kind in found.by_weight():
        lines.append(f"  {name}: {kind.calls:,}")
        lines += [f"    because of {reason} ({number:,})" for reason, number in kind.reasons.most_common(_TOLD)]
        for each in kind.examples[:_TOLD]:
            told = next(str(change) for change in each.changes if change.kind == name)
            lines.append(f"    {each.id}: {told[:160]}")
    return "\n".join(lines)


def as_page(found: Comparison, title: str, before: str, after: str) -> str:
    """The comparison as a page that stands alone: no scripts, no links to anywhere."""
    kinds = found.by_weight()
    body = "\n".join(part for name, kind in kinds for part in _kind(name, kind, found.calls))
    rows = "\n".join(
        f'<tr><td><a href="#{_anchor(name)}">{escape(name)}</a></td><td class="number">{kind.calls:,}</td>'
        f'<td><span class="bar" style="width:{_percent(kind.calls, found.calls)}%"></span></td></tr>'
        for name, kind in kinds
    )
    missing = (
        f"<p>{found.missing_before:,} calls are only in this run, {found.missing_after:,} only in the baseline.</p>"
        if found.missing_before or found.missing_after
        else ""
    )
    nothing = "<p>No call is answered differently.</p>" if not kinds else ""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_style()}</style></head>
<body>
<h1>{escape(title)}</h1>
<p>Before: <b>{escape(before)}</b>. After: <b>{escape(after)}</b>.</p>
<p class="sum"><b>{found.changed:,}</b> of <b>{found.calls:,}</b> calls are answered differently,
<b>{found.only_words:,}</b> of them in their words alone.</p>
{missing}{nothing}
<table><thead><tr><th>What changed</th><th class="number">calls</th><th class="share">share of all</th></tr></thead>
<tbody>
{rows}
</tbody></table>
{body}
</body></html>
"""


def _kind(name: str, kind: Kind, calls: int) -> Iterator[str]:
    yield f'<section id="{_anchor(name)}"><h2>{escape(name)}: {kind.calls:,} of {calls:,}</h2>'
    if kind.reasons:
        yield "<h3>Because of</h3><ul>"
        for reason, number in kind.reasons.most_common():
            place = f' <small class="place">{escape(reason.place)}</small>' if reason.place else ""
            yield f"<li>{escape(str(reason))} ({_counted(number)}){place}</li>"
        yield "</ul>"
    shown = len(kind.examples)
    told = f"{shown} of {kind.calls:,} calls" if shown < kind.calls else _counted(shown)
    yield f"<details{' open' if shown <= 5 else ''}><summary>{told}</summary><table>"
    yield "<thead><tr><th>call</th><th>what</th></tr></thead><tbody>"
    for each in kind.examples:
        yield _example(name, each)
    yield "</tbody></table></details></section>"


def _example(name: str, each: Difference) -> str:
    changes = "<br>".join(
        _change(change.before, change.after, change.about) for change in each.changes if change.kind == name
    )
    return f"<tr><td>{escape(each.id)}</td><td>{changes}</td></tr>"


def _change(before: str, after: str, about: str) -> str:
    told = f"<b>{escape(about)}</b> " if about else ""
    if before:
        told += f"<del>{escape(before)}</del> "
    if after:
        told += f"<ins>{escape(after)}</ins>"
    return told


def _counted(number: int) -> str:
    return f"{number:,} call{'s' if number != 1 else ''}"


def _anchor(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)


def _percent(part: int, whole: int) -> int:
    return max(1, round(100 * part / max(1, whole)))


def _style() -> str:
    return resources.files("cds_service.replay").joinpath("report.css").read_text(encoding="utf-8")
