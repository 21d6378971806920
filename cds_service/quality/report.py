"""The analyses as one self-contained page: figures first, tables behind them, the list behind each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import jinja2
from markupsafe import Markup

from cds_service.quality.analysis import Comparison, Figure, GroupAnalysis, Readers, role_of, role_of_all
from cds_service.quality.charts import Point, funnel_plot, run_chart
from cds_service.quality.conventions import Conventions
from cds_service.quality.counting import Item
from cds_service.quality.measures import Measure
from cds_service.quality.people import Cell, opens, people_json, people_script
from cds_service.quality.tables import limit_words, mix_words, percent, published_words, to_json


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
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    title: str
    charts: tuple[Markup, ...]
    tables: tuple[_Table, ...]


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
        people=Markup(people_json(analyses)),  # noqa: S704 - people_json escapes what could end the element
        script=Markup(people_script()),  # noqa: S704 - our own file
    )
    return page


def _part(analysis: GroupAnalysis, frame: Frame) -> _Part:
    titles = {stratifier.code: stratifier.title for stratifier in analysis.group.stratifiers}
    tables = [_figure_table(analysis, titles)]
    tables += [_comparison_table(comparison, titles, analysis) for comparison in analysis.comparisons]
    tables += [_reader_table(readers, analysis) for readers in analysis.readers]
    if analysis.group.review:
        tables.append(_review_table(analysis.review, titles))
    return _Part(analysis.group.title, tuple(_charts(analysis, frame)), tuple(tables))


def _charts(analysis: GroupAnalysis, frame: Frame) -> list[Markup]:
    limits = analysis.group.limits
    found = []
    for split, figures in analysis.by:
        limit = next((limit.rate for limit in limits if limit.stratum is None), None)
        mixed = bool(limits) and limit is None  # limits hold within a stratum: charts of the mixture would mislead
        points = [_point(figure) for figure in figures]
        if mixed and len(split) == 1:
            continue
        if split == (frame.operator,):
            found.append(
                funnel_plot(f"{analysis.group.title}, by {frame.operator}", points, limit, analysis.group.unit)
            )
        elif split == (frame.period_split,):
            found.append(run_chart(f"{analysis.group.title}, over time", points, limit))
        elif len(split) == 2 and {frame.operator, frame.period_split} & set(split):
            found += _charts_by_stratum(analysis, split, figures, frame)
    return [Markup(chart) for chart in found if chart]  # noqa: S704 - charts escapes every text itself


def _charts_by_stratum(
    analysis: GroupAnalysis, split: tuple[str, ...], figures: Sequence[Figure], frame: Frame
) -> list[str]:
    """Operators are compared within one stratum only: a mixture would compare patients, not operators."""
    compared = split.index(frame.operator if frame.operator in split else frame.period_split)
    other = 1 - compared
    limits = {
        limit.stratum.value: limit.rate
        for limit in analysis.group.limits
        if limit.stratum and limit.stratum.code == split[other]
    }
    charts = []
    for stratum, limit in limits.items():
        points = [_point(figure, compared) for figure in figures if figure.cell[other] == stratum]
        title = f"{analysis.group.title}, {stratum}"
        if split[compared] == frame.operator:
            charts.append(funnel_plot(f"{title}, by {frame.operator}", points, limit, analysis.group.unit))
        else:
            charts.append(run_chart(f"{title}, over time", points, limit))
    return charts


def _point(figure: Figure, compared: int = 0) -> Point:
    flagged = any(judged.flag == "exceeds" for judged in figure.judged)
    name = figure.cell[compared] if figure.cell else "all"
    return Point(name, figure.share.events, figure.share.total, flagged)


def _figure_table(analysis: GroupAnalysis, titles: Mapping[str, str]) -> _Table:
    rated = analysis.group.define("numerator") is not None
    heads = [_Head(""), *((_Head("Events", number=True),) if rated else ())]
    heads.append(_Head(analysis.group.unit.capitalize(), number=True))
    heads += [_Head(text, number=True) for text in (("Rate", "Interval") if rated else ())]
    heads += [_Head("Not evaluable", number=True)]
    heads += [_Head(text) for text in ("Limit", "Flag", "Published", "Case mix")]
    rows = [_figure_row(Cell("All"), analysis.overall, analysis, {}, rated)]
    for split, figures in analysis.by:
        name = " and ".join(titles.get(code, code) for code in split)
        rows += [
            _figure_row(
                Cell(f"{name}: {', '.join(figure.cell)}"),
                figure,
                analysis,
                dict(zip(split, figure.cell, strict=True)),
                rated,
            )
            for figure in figures
        ]
    return _without_empty(_Table(analysis.group.description or analysis.group.title, tuple(heads), tuple(rows)))


def _without_empty(table: _Table) -> _Table:
    """The same table without columns of words in which nothing stands."""
    kept = [at for at, head in enumerate(table.heads) if at == 0 or head.number or any(row[at] for row in table.rows)]
    return _Table(
        table.caption,
        tuple(table.heads[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in table.rows),
    )


def _figure_row(
    name: Cell, figure: Figure, analysis: GroupAnalysis, where: Mapping[str, str], rated: bool
) -> tuple[Cell, ...]:
    share = figure.share
    interval = f"{percent(share.low)} to {percent(share.high)}" if share.low is not None else "n/a"
    return (
        name,
        *((opens(share.events, analysis, "numerator", where),) if rated else ()),
        opens(share.total, analysis, role_of_all(analysis.group), where),
        *((Cell(percent(share.rate)), Cell(interval)) if rated else ()),
        opens(figure.not_evaluable, analysis, "denominator-exception", where),
        Cell("; ".join(limit_words(judged.limit) for judged in figure.judged)),
        Cell("; ".join(judged.flag for judged in figure.judged)),
        Cell("; ".join(published_words(row) for row in figure.published)),
        Cell(mix_words(figure.mix)),
    )


def _comparison_table(comparison: Comparison, titles: Mapping[str, str], analysis: GroupAnalysis) -> _Table:
    found = comparison.association
    if found is None:
        words = "nothing to compare"
    else:
        words = f"chi-square {found.statistic:.3f}, {found.degrees} degrees of freedom, p = {found.p:.4g}"
        if found.sparse:
            words += f"; expected counts down to {found.smallest_expected:.1f}: read with care"
    row_title = titles.get(comparison.rows, comparison.rows)
    column_title = titles.get(comparison.columns, comparison.columns)
    published = f". Published: {comparison.published}" if comparison.published else ""
    return _Table(
        f"{column_title} by {row_title}: {words}{published}",
        (_Head(row_title), *(_Head(name, number=True) for name in comparison.column_names)),
        _crossed(
            analysis,
            (comparison.rows, comparison.columns),
            comparison.row_names,
            comparison.column_names,
            comparison.counts,
        ),
    )


def _crossed(
    analysis: GroupAnalysis,
    codes: tuple[str, str],
    names: Sequence[str],
    heads: Sequence[str],
    counts: Sequence[Sequence[int]],
) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a cross table; each number opens its list."""
    role = role_of(analysis.group)
    return tuple(
        (
            Cell(name),
            *(
                opens(number, analysis, role, {codes[0]: name, codes[1]: head})
                for head, number in zip(heads, numbers, strict=True)
            ),
        )
        for name, numbers in zip(names, counts, strict=True)
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
    published = readers.reading.published
    axis = f", {readers.reading.axis}" if readers.reading.axis else ""
    return _Table(
        f"Two readers{axis}: {words}" + (f". Published: {published}" if published else ""),
        (_Head("First reader / second reader"), *(_Head(name, number=True) for name in readers.classes)),
        _crossed(
            analysis, (readers.reading.first, readers.reading.second), readers.classes, readers.classes, readers.counts
        ),
    )


def _review_table(items: Sequence[Item], titles: Mapping[str, str]) -> _Table:
    codes = sorted({code for item in items for code in item.strata})
    return _Table(
        "For review, each one whatever the rate",
        (_Head("Patient"), _Head("Event or procedure"), *(_Head(titles.get(code, code)) for code in codes)),
        tuple(
            tuple(map(Cell, (item.subject, item.name, *(item.strata.get(code, "") for code in codes))))
            for item in items
        ),
    )
