"""Use: what clinicians do with the advice, as charts with their numbers as tables and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from cds_service.memory.use import Use, plan_id, use_of
from cds_service.workbench.bench import CLIENT, Bench, Latency, UnusableInput
from cds_service.workbench.charts import Series, legend, rows, stacked_bars

_SPANS = {"7": "a week", "30": "30 days", "90": "90 days", "400": "400 days"}
_FIRST = 12  # names in one chart; the table has all


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart with its numbers."""

    id: str
    title: str
    chart: Markup
    legend: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def add_use(blueprint: Blueprint, bench: Bench) -> None:
    """The page and its tables."""

    def report() -> tuple[Use, dict[str, Any]]:
        days = flask.request.args.get("days", "30")
        days = days if days in _SPANS else "30"
        with_tries = flask.request.args.get("tries") == "on"
        since = (bench.now() - timedelta(days=int(days))).date().isoformat()
        only = {name: flask.request.args.get(name, "")[:100] for name in ("plan", "card")}
        found = use_of(bench.database, since, "" if with_tries else CLIENT.name, **only)
        plans = sorted({plan.id for service in bench.knowledge.services.values() for plan in service.plans})
        return found, {"days": days, "spans": _SPANS, "tries": with_tries, "since": since, "plans": plans, **only}

    @blueprint.get("/use")
    def use() -> ResponseReturnValue:
        found, chosen = report()
        figures = [make(found, bench) for make in _FIGURES.values()]
        return flask.render_template("use.html", use=found, figures=figures, **chosen)

    @blueprint.get("/use/<table>.csv")
    def use_csv(table: str) -> ResponseReturnValue:
        if table not in _FIGURES:
            raise UnusableInput("There is no such table.")
        figure = _FIGURES[table](report()[0], bench)
        return flask.Response(
            _csv(figure.head, figure.rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{table}.csv"'},
        )


def _csv(head: Sequence[str], found: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([[_harmless(value) for value in row] for row in found])
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is told that it is none."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value != "-" else value


def _names(bench: Bench) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for service in bench.knowledge.services.values():
        if service.deciding is not None:
            found |= service.deciding.words.fact_names
    return found


def _over_time(use: Use, _: Bench) -> Figure:
    days = use.days
    series = [
        Series("cards shown", "fill-info", [day.cards for day in days]),
        Series("calls without a card", "fill-none", [max(day.decisions - day.cards, 0) for day in days]),
    ]
    table = tuple((day.date, day.decisions, day.cards, day.accepted, day.overridden) for day in days)
    chart = stacked_bars("Calls and cards by day", [day.date[5:] for day in days], series)
    head = ("Day", "Decisions", "Cards", "Accepted", "Overridden")
    return Figure("days", "Calls and cards by day", chart, legend(series), head, table)


def _answers(use: Use, _: Bench) -> Figure:
    days = [day for day in use.days if day.accepted or day.overridden]
    series = [
        Series("accepted", "fill-yes", [day.accepted for day in days]),
        Series("overridden", "fill-no", [day.overridden for day in days]),
    ]
    chart = stacked_bars("What users did, by day", [day.date[5:] for day in days], series)
    table = tuple((day.date, day.accepted, day.overridden, _share(day.accepted, day.overridden)) for day in days)
    head = ("Day", "Accepted", "Overridden", "Accepted of answered")
    return Figure("answers", "What users did, by day", chart, legend(series), head, table)


def _cards(use: Use, _: Bench) -> Figure:
    lines = use.cards
    first = lines[:_FIRST]
    series = [
        Series("accepted", "fill-yes", [line.accepted for line in first]),
        Series("overridden", "fill-no", [line.overridden for line in first]),
        Series("no answer", "fill-none", [max(line.shown - line.answered, 0) for line in first]),
    ]
    chart = rows("Cards by what became of them", [f"{line.card} ({plan_id(line.plan)})" for line in first], series)
    table = tuple(
        (
            line.service, plan_id(line.plan), line.card, line.shown, line.accepted, line.overridden,
            _share(line.accepted, line.overridden),
            "; ".join(f"{reason} ({number})" for reason, number in line.reasons.most_common()),
        )
        for line in lines
    )  # fmt: skip
    head = ("Service", "Plan", "Card", "Shown", "Accepted", "Overridden", "Accepted of answered", "Reasons")
    return Figure("cards", "Cards by what became of them", chart, legend(series), head, table)


def _reasons(use: Use, _: Bench) -> Figure:
    first = use.reasons[:_FIRST]
    series = [Series("overrides", "fill-no", [reason.first for reason in first])]
    chart = rows("Why cards were overridden", [reason.name for reason in first], series)
    table = tuple((reason.name, reason.first) for reason in use.reasons)
    return Figure("reasons", "Why cards were overridden", chart, legend(series), ("Reason", "Overrides"), table)


def _unknowns(use: Use, bench: Bench) -> Figure:
    names = _names(bench)
    first = use.unknowns[:_FIRST]
    series = [
        Series("a rating waited for it", "fill-warning", [count.first for count in first]),
        Series("asked for safety", "fill-info", [count.second for count in first]),
    ]
    chart = rows("What was not known", [names.get(count.name, count.name) for count in first], series)
    table = tuple((names.get(c.name, c.name), c.name, c.first, c.second) for c in use.unknowns)
    head = ("Fact", "Id", "A rating waited for it", "Asked for safety")
    return Figure("unknowns", "What was not known, most often first", chart, legend(series), head, table)


def _outcomes(use: Use, _: Bench) -> Figure:
    both = [(count.name, count.first, "") for count in use.statuses]
    both += [(count.name, count.first, "failed") for count in use.failures]
    first = both[:_FIRST]
    series = [Series("decisions", "fill-info", [number for _, number, _ in first])]
    labels = [f"{name.replace('-', ' ')}{f' ({kind})' if kind else ''}" for name, _, kind in first]
    chart = rows("What was decided, and what failed", labels, series)
    table = tuple((name, kind or "decided", number) for name, number, kind in both)
    head = ("Outcome", "Kind", "Decisions")
    return Figure("outcomes", "What was decided, and what failed", chart, legend(series), head, table)


def _latency(_: Use, bench: Bench) -> Figure:
    lines = [latency for latency in bench.latencies() if latency.count]
    bounds = [bound for bound, _ in lines[0].buckets] if lines else []
    counts = [sum(line.buckets[at][1] for line in lines) for at in range(len(bounds))]
    labels = ["more" if bound is None else f"{bound * 1000:g}" for bound in bounds]
    series = [Series("calls", "fill-info", counts)]
    chart = stacked_bars("Milliseconds to answer, since the service started", labels, series)
    table = tuple(
        (line.service, line.count, round(line.seconds / line.count * 1000, 2), _within(line, 0.5), _within(line, 0.95))
        for line in lines
    )
    head = ("Service", "Calls", "Mean (ms)", "Half within (ms)", "95% within (ms)")
    return Figure("latency", "Milliseconds to answer, since the service started", chart, legend(series), head, table)


def _within(latency: Latency, share: float) -> str:
    seen = 0
    for bound, count in latency.buckets:
        seen += count
        if seen >= latency.count * share:
            return f"{bound * 1000:g}" if bound is not None else "beyond the last bound"
    return ""


def _share(accepted: int, overridden: int) -> str:
    return f"{accepted / (accepted + overridden):.0%}" if accepted + overridden else ""


_FIGURES: Mapping[str, Callable[[Use, Bench], Figure]] = {
    "days": _over_time,
    "answers": _answers,
    "cards": _cards,
    "reasons": _reasons,
    "unknowns": _unknowns,
    "outcomes": _outcomes,
    "latency": _latency,
}
