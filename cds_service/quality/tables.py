"""An analysis as rows: the same figures for JSON, CSV and the page, so that none says something else."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from cds_service.quality.analysis import Figure, GroupAnalysis, Mix
from cds_service.quality.measures import Limit, Published

COLUMNS = (
    "measure", "group", "title", "unit", "split", "stratum", "events", "total", "rate", "low", "high",
    "not_evaluable", "excluded", "flag", "limit", "published", "case_mix",
)  # fmt: skip


def rows(analyses: Sequence[GroupAnalysis]) -> list[dict[str, Any]]:
    """One row for each figure, overall first, then by each split."""
    found = []
    for analysis in analyses:
        found.append(_row(analysis, (), analysis.overall))
        for split, figures in analysis.by:
            found += [_row(analysis, split, figure) for figure in figures]
    return found


def _row(analysis: GroupAnalysis, split: tuple[str, ...], figure: Figure) -> dict[str, Any]:
    share = figure.share
    rated = analysis.group.define("numerator") is not None  # else the group only counts
    return {
        "measure": analysis.measure.identifier,
        "group": analysis.group.identifier,
        "title": analysis.group.title,
        "unit": analysis.group.unit,
        "split": " / ".join(split),
        "stratum": " / ".join(figure.cell),
        "events": share.events if rated else None,
        "total": share.total,
        "rate": share.rate if rated else None,
        "low": share.low if rated else None,
        "high": share.high if rated else None,
        "not_evaluable": figure.not_evaluable,
        "excluded": figure.excluded,
        "flag": "; ".join(judged.flag for judged in figure.judged),
        "limit": "; ".join(limit_words(judged.limit) for judged in figure.judged),
        "published": "; ".join(published_words(row) for row in figure.published),
        "case_mix": mix_words(figure.mix),
    }


def mix_words(mix: Sequence[Mix]) -> str:
    """Who was counted, as people read it."""
    return "; ".join(", ".join(f"{value} {number}" for value, number in part.counts) for part in mix)


def limit_words(limit: Limit) -> str:
    """A limit as people read it."""
    return f"under {percent(limit.rate)} ({limit.source})" if limit.source else f"under {percent(limit.rate)}"


def published_words(row: Published) -> str:
    """A published figure as people read it."""
    figure = percent(row.low) if row.low == row.high else f"{percent(row.low)} to {percent(row.high)}"
    sign = "" if row.comparator in ("=", "range") else f"{row.comparator} "
    return f"{sign}{figure} ({row.source})" if row.source else f"{sign}{figure}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage, or n/a where there is none."""
    if value is None:
        return "n/a"
    text = f"{value * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def to_csv(analyses: Sequence[GroupAnalysis]) -> str:
    """The rows as CSV; a cell that a spreadsheet would run as a formula is quoted as text."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows(analyses):
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return stream.getvalue()


def in_words(analyses: Sequence[GroupAnalysis]) -> str:
    """The figures as a table of plain text, each measure under its title."""
    lines: list[str] = []
    before = ""
    for analysis in analyses:
        if analysis.measure.identifier != before:
            before = analysis.measure.identifier
            lines += ["", analysis.measure.title, "-" * len(analysis.measure.title)]
        for row in rows([analysis]):
            name = f"  {row['split']}: {row['stratum']}" if row["split"] else analysis.group.title
            span = f"{percent(row['low'])} to {percent(row['high'])}" if row["low"] is not None else ""
            figure = f"{row['events']}/{row['total']}" if row["events"] is not None else str(row["total"])
            rate = percent(row["rate"]) if row["events"] is not None else ""
            lines.append(f"{name:<58.58} {figure:>11} {rate:>8}  {span:<18} {row['flag']}".rstrip())
        lines += [f"  could not be counted for {number} patients: {reason}" for reason, number in analysis.failures]
        for readers in analysis.readers:
            found = readers.agreement
            if found and found.kappa is not None:
                said = f"; published: {readers.reading.published}" if readers.reading.published else ""
                lines.append(
                    f"  two readers, {readers.reading.axis}: agreement {percent(found.observed)}, "
                    f"kappa {found.kappa:.3f} ({found.low:.3f} to {found.high:.3f}), {readers.band}{said}"
                )
        for comparison in analysis.comparisons:
            counted = zip(comparison.row_names, comparison.counts, strict=True)
            lines.append(f"  {comparison.rows}: {', '.join(f'{name} {sum(row)}' for name, row in counted) or 'none'}")
            test = comparison.association
            if test:
                care = ", expected counts are small" if test.sparse else ""
                lines.append(
                    f"  {comparison.columns} by {comparison.rows}: chi-square {test.statistic:.2f}, "
                    f"{test.degrees} df, p = {test.p:.4g}{care}"
                    + (f"; published: {comparison.published}" if comparison.published else "")
                )
    return "\n".join(lines).strip()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def to_json(analyses: Sequence[GroupAnalysis]) -> dict[str, Any]:
    """Everything that was computed, for machines."""
    return {
        "figures": rows(analyses),
        "comparisons": [
            {
                "measure": analysis.measure.identifier,
                "group": analysis.group.identifier,
                "rows": comparison.rows,
                "columns": comparison.columns,
                "rowNames": comparison.row_names,
                "columnNames": comparison.column_names,
                "counts": comparison.counts,
                "chiSquare": comparison.association and comparison.association.statistic,
                "degrees": comparison.association and comparison.association.degrees,
                "p": comparison.association and comparison.association.p,
                "sparse": comparison.association and comparison.association.sparse,
                "published": comparison.published,
            }
            for analysis in analyses
            for comparison in analysis.comparisons
        ],
        "agreement": [
            {
                "measure": analysis.measure.identifier,
                "group": analysis.group.identifier,
                "axis": readers.reading.axis,
                "classes": readers.classes,
                "counts": readers.counts,
                "readings": readers.agreement and readers.agreement.readings,
                "observed": readers.agreement and readers.agreement.observed,
                "expected": readers.agreement and readers.agreement.expected,
                "kappa": readers.agreement and readers.agreement.kappa,
                "low": readers.agreement and readers.agreement.low,
                "high": readers.agreement and readers.agreement.high,
                "band": readers.band,
                "published": readers.reading.published,
            }
            for analysis in analyses
            for readers in analysis.readers
        ],
        "review": [
            {
                "group": analysis.group.identifier,
                "title": analysis.group.title,
                "subject": item.subject,
                "item": item.name,
                **item.strata,
            }
            for analysis in analyses
            for item in analysis.review
        ],
        "failures": [
            {
                "measure": analysis.measure.identifier,
                "group": analysis.group.identifier,
                "reason": reason,
                "patients": number,
            }
            for analysis in analyses
            for reason, number in analysis.failures
        ],
    }
