"""The analyses as one self-contained page: figures first, tables behind them, the list behind each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import jinja2
from markupsafe import Markup

from cds_service.quality.analysis import Comparison, Figure, GroupAnalysis, Readers
from cds_service.quality.charts import Point, funnel_plot, run_chart
from cds_service.quality.conventions import Conventions
from cds_service.quality.counting import Item
from cds_service.quality.measures import Measure
from cds_service.quality.tables import limit_words, percent, published_words, to_json


@dataclass(frozen=True, slots=True)
class Frame:
    """What the page says about itself."""

    title: str
    period: str
    content: str
    made: str
    fairness: str
    patients: int
    unreadable: int = 0
    operator: str = "operator"  # the stratifier that funnel plots compare
    period_split: str = "period"  # the stratifier that run charts follow


@dataclass(frozen=True, slots=True)
class _Head:
    text: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class _Table:
    caption: str
    heads: tuple[_Head, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    title: str
    charts: tuple[Markup, ...]
    tables: tuple[_Table, ...]
    items: tuple[str, ...]


@dataclass(slots=True)
class Section:
    """One measure on the page."""

    id: str
    title: str
    description: str
    parts: list[_Part] = field(default_factory=list)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cds_service.quality"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html")


def sections_of(analyses: Sequence[GroupAnalysis], frame: Frame) -> list[Section]:
    """What is shown, one section for each measure: charts, tables, and the list behind each number."""
    sections: dict[str, Section] = {}
    for analysis in analyses:
        measure: Measure = analysis.measure
        section = sections.setdefault(
            measure.identifier, Section(measure.identifier, measure.title, measure.description)
        )
        section.parts.append(_part(analysis, frame))
    return list(sections.values())


def render_report(analyses: Sequence[GroupAnalysis], frame: Frame, conventions: Conventions) -> str:
    """The page; every text that comes from data is escaped."""
    page: str = _template().render(
        title=frame.title,
        period=frame.period,
        content=frame.content,
        made=frame.made,
        fairness=frame.fairness,
        patients=frame.patients,
        unreadable=frame.unreadable,
        smallest=conventions.smallest_volume,
        confidence=f"{conventions.confidence:.0%}",
        sections=sections_of(analyses, frame),
        failures=to_json(analyses)["failures"],
    )
    return page


def _part(analysis: GroupAnalysis, frame: Frame) -> _Part:
    titles = {stratifier.code: stratifier.title for stratifier in analysis.group.stratifiers}
    tables = [_figure_table(analysis, titles)]
    tables += [_comparison_table(comparison, titles) for comparison in analysis.comparisons]
    tables += [_reader_table(readers, analysis) for readers in analysis.readers]
    if analysis.group.review:
        tables.append(_review_table(analysis.review, titles))
    items = sorted({_item_words(item) for figure_item in (analysis.review,) for item in figure_item})
    return _Part(analysis.group.title, tuple(_charts(analysis, frame)), tuple(tables), tuple(items))


def _charts(analysis: GroupAnalysis, frame: Frame) -> list[Markup]:
    limits = analysis.group.limits
    found = []
    for split, figures in analysis.by:
        limit = next((limit.rate for limit in limits if limit.stratum is None), None)
        points = [_point(figure) for figure in figures]
        if split == (frame.operator,):
            found.append(
                funnel_plot(f"{analysis.group.title}, by {frame.operator}", points, limit, analysis.group.unit)
            )
        elif split == (frame.period_split,):
            found.append(run_chart(f"{analysis.group.title}, over time", points, limit))
        elif len(split) == 2 and split[0] == frame.operator:
            found += _funnels_by_stratum(analysis, split, figures)
    return [Markup(chart) for chart in found if chart]  # noqa: S704 - charts escapes every text itself


def _funnels_by_stratum(analysis: GroupAnalysis, split: tuple[str, ...], figures: Sequence[Figure]) -> list[str]:
    """Operators are compared within one stratum only: a mixture would compare patients, not operators."""
    strata = sorted({figure.cell[1] for figure in figures})
    limits = {
        limit.stratum.value: limit.rate
        for limit in analysis.group.limits
        if limit.stratum and limit.stratum.code == split[1]
    }
    return [
        funnel_plot(
            f"{analysis.group.title}, {stratum}, by {split[0]}",
            [_point(figure) for figure in figures if figure.cell[1] == stratum],
            limits.get(stratum),
            analysis.group.unit,
        )
        for stratum in strata
        if stratum in limits
    ]


def _point(figure: Figure) -> Point:
    flagged = any(judged.flag == "exceeds" for judged in figure.judged)
    return Point(figure.cell[0] if figure.cell else "all", figure.share.events, figure.share.total, flagged)


def _figure_table(analysis: GroupAnalysis, titles: Mapping[str, str]) -> _Table:
    heads = (
        "",
        "Events",
        analysis.group.unit.capitalize(),
        "Rate",
        "Interval",
        "Not evaluable",
        "Limit",
        "Flag",
        "Published",
    )
    rows = [_figure_row("All", analysis.overall)]
    for split, figures in analysis.by:
        name = " and ".join(titles.get(code, code) for code in split)
        rows += [_figure_row(f"{name}: {', '.join(figure.cell)}", figure) for figure in figures]
    return _Table(
        analysis.group.description or analysis.group.title,
        tuple(_Head(text, number=1 <= at <= 5) for at, text in enumerate(heads)),
        tuple(rows),
    )


def _figure_row(name: str, figure: Figure) -> tuple[str, ...]:
    share = figure.share
    interval = f"{percent(share.low)} to {percent(share.high)}" if share.low is not None else "n/a"
    return (
        name,
        str(share.events),
        str(share.total),
        percent(share.rate),
        interval,
        str(figure.not_evaluable),
        "; ".join(limit_words(judged.limit) for judged in figure.judged),
        "; ".join(judged.flag for judged in figure.judged),
        "; ".join(published_words(row) for row in figure.published),
    )


def _comparison_table(comparison: Comparison, titles: Mapping[str, str]) -> _Table:
    found = comparison.association
    if found is None:
        words = "nothing to compare"
    else:
        words = f"chi-square {found.statistic:.3f}, {found.degrees} degrees of freedom, p = {found.p:.4g}"
        if found.sparse:
            words += f"; expected counts down to {found.smallest_expected:.1f}: read with care"
    row_title = titles.get(comparison.rows, comparison.rows)
    column_title = titles.get(comparison.columns, comparison.columns)
    return _Table(
        f"{column_title} by {row_title}: {words}",
        (
            _Head(row_title),
            *(_Head(name, number=True) for name in comparison.column_names),
        ),
        tuple((name, *map(str, counts)) for name, counts in zip(comparison.row_names, comparison.counts, strict=True)),
    )


def _reader_table(readers: Readers, analysis: GroupAnalysis) -> _Table:
    found = readers.agreement
    if found is None:
        words = "no item was read twice"
    elif found.kappa is None:
        words = (
            f"{found.readings} read twice, agreement {percent(found.observed)}; kappa is undefined for a single class"
        )
    else:
        words = (
            f"{found.readings} read twice, agreement {percent(found.observed)}, kappa {found.kappa:.3f} "
            f"({found.low:.3f} to {found.high:.3f}), {readers.band or 'no band'}"
        )
    published = "; ".join(published_words(row) for row in analysis.group.published)
    axis = f", {readers.reading.axis}" if readers.reading.axis else ""
    return _Table(
        f"Two readers{axis}: {words}" + (f". Published: {published}" if published else ""),
        (_Head("First reader / second reader"), *(_Head(name, number=True) for name in readers.classes)),
        tuple((name, *map(str, counts)) for name, counts in zip(readers.classes, readers.counts, strict=True)),
    )


def _review_table(items: Sequence[Item], titles: Mapping[str, str]) -> _Table:
    codes = sorted({code for item in items for code in item.strata})
    return _Table(
        "For review, each one whatever the rate",
        (_Head("Patient"), _Head("Event or procedure"), *(_Head(titles.get(code, code)) for code in codes)),
        tuple((item.subject, item.name, *(item.strata.get(code, "") for code in codes)) for item in items),
    )


def _item_words(item: Item) -> str:
    return f"{item.subject}: {item.name}"
