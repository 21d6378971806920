"""`cds-service quality`: outcomes and complications over many patients, as tables, CSV, JSON or a page."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cds_service.app import content_folders
from cds_service.quality.analysis import GroupAnalysis, analyse
from cds_service.quality.engines import Asked, count_here, count_on_dask, counter_of
from cds_service.quality.programme import Programme
from cds_service.quality.pseudonyms import with_pseudonyms
from cds_service.quality.report import Frame, render_report
from cds_service.quality.running import Counter, Period, parse_period
from cds_service.quality.tables import in_words, to_csv, to_json
from cds_service.quality.tally import Tally
from cds_service.replay.inputs import Slice, slices_of
from cds_service.replay.progress import Progress
from cds_service.settings import load

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("quality", help="outcomes and complications over many patients")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="Bundles, NDJSON of them, Bulk Data folders")
    parser.add_argument("--period", required=True, help="2024, 2024-Q3, 2024-07 or 2024-07-01/2025-06-30")
    parser.add_argument("--by", default="", metavar="A,B", help="split by these strata, and by all of them together")
    parser.add_argument("--each", choices=["month", "quarter", "year"], help="length of a period of `--by period`")
    parser.add_argument("--measure", action="append", default=[], metavar="ID", help="only this measure; repeatable")
    parser.add_argument("--as-of", type=_moment, metavar="TIME", help="when follow-up is judged; now if not said")
    parser.add_argument("--content", action="append", type=Path, metavar="DIR", help="content with the measures")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the figures as CSV")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report as one page")
    parser.add_argument("--pseudonyms", action="store_true", help="show operators and patients by pseudonym")
    parser.add_argument("--engine", choices=["local", "dask"], default="local")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler; none: a cluster on this machine")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--json", action="store_true", help="the figures for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Count and report; 1 when data could not be read, a group failed, or a limit is exceeded."""
    settings = load(os.environ)
    period = parse_period(args.period)
    as_of = args.as_of or datetime.now(UTC)
    folders = tuple(args.content) if args.content else content_folders(settings)
    asked = Asked(tuple(args.measure), period, as_of, settings.canonical, args.each or "")
    with tempfile.TemporaryDirectory(prefix="quality-") as work:
        slices = slices_of(args.paths, Path(work))  # before the content is loaded: a wrong path is told at once
        counter = counter_of(folders, asked)
        splits = counter.programme.splits([name.strip() for name in args.by.split(",") if name.strip()])
        tally = _count(args, folders, asked, counter, slices)
    if args.pseudonyms:
        tally = with_pseudonyms(tally, counter.programme.operator)
    analyses = analyse(counter.measures, tally, splits, counter.programme.conventions)
    if args.csv:
        args.csv.write_text(to_csv(analyses), encoding="utf-8")
    if args.html:
        args.html.write_text(_page(analyses, counter.programme, tally, period, as_of), encoding="utf-8")
    _print(args, analyses, tally)
    return 1 if tally.refused or _findings(analyses) else 0


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write 2025-06-15 or 2025-06-15T09:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _count(
    args: argparse.Namespace, folders: Sequence[Path], asked: Asked, counter: Counter, slices: Sequence[Slice]
) -> Tally:
    tally = Tally()
    progress = Progress(sum(part.size for part in slices), sys.stderr)
    parts: Iterable[tuple[int, Tally]]
    if args.engine == "dask":
        parts = count_on_dask(slices, folders, asked, args.scheduler, args.processes)
    else:
        parts = count_here(slices, counter, args.processes)
    try:
        for number, counted in parts:
            tally.merge(counted)
            progress.add(slices[number].size, counted.patients)
    finally:
        progress.close()
    return tally


def _page(
    analyses: Sequence[GroupAnalysis], programme: Programme, tally: Tally, period: Period, as_of: datetime
) -> str:
    frame = Frame(
        title=programme.title,
        period=str(period),
        content=programme.version,
        made=as_of.date().isoformat(),
        fairness=programme.fairness,
        patients=tally.patients,
        unreadable=len(tally.refused),
        operator=programme.operator,
        period_split=programme.period,
    )
    return render_report(analyses, frame, programme.conventions)


def _findings(analyses: Sequence[GroupAnalysis]) -> bool:
    return any(
        analysis.failures
        or any(
            judged.flag == "exceeds"
            for figures in ((analysis.overall,), *(figures for _, figures in analysis.by))
            for figure in figures
            for judged in figure.judged
        )
        for analysis in analyses
    )


def _print(args: argparse.Namespace, analyses: Sequence[GroupAnalysis], tally: Tally) -> None:
    if args.json:
        told = {"patients": tally.patients, "refused": [list(row) for row in tally.refused], **to_json(analyses)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    print(in_words(analyses))
    print(f"{tally.patients} patients counted.")
    for place, reason in tally.refused[:20]:
        print(f"  not counted: {place}: {reason}")
    if len(tally.refused) > 20:
        print(f"  and {len(tally.refused) - 20} more that were not counted")
