"""`cds-service feedback`: acceptance and override reasons, per service, plan and card."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from cds_service.memory.database import open_database
from cds_service.memory.migrations import migrate
from cds_service.memory.reports import CardLine, FeedbackReport, feedback_report
from cds_service.settings import load

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("feedback", help="say what users did with the cards")
    parser.add_argument("--service", help="only this service")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report over the database of CDS_DATABASE_URL."""
    database = open_database(load(os.environ).database_url)
    migrate(database)
    report = feedback_report(database, args.service)
    database.close()
    print(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if args.json else _in_words(report))
    return 0


def _in_words(report: FeedbackReport) -> str:
    lines: list[str] = []
    service = plan = None
    for line in report.lines:
        if line.service != service:
            service, plan = line.service, None
            lines.append(service)
        if line.plan != plan:
            plan = line.plan
            lines.append(f"  {plan or 'cards that are not known here'}")
        lines.append(f"    {line.card or '(no card)'}: {_fate(line)}")
        lines += [f"      overridden {number} x: {reason}" for reason, number in line.reasons.most_common()]
    if report.unmatched:
        lines.append(f"{report.unmatched} event(s) name a card that is not known here (older than what is kept).")
    return "\n".join(lines) or "No cards and no feedback yet."


def _fate(line: CardLine) -> str:
    share = "" if line.acceptance is None else f", {line.acceptance:.0%} of the answered ones accepted"
    silent = f" ({line.without_reason} without a reason)" if line.without_reason else ""
    return f"{line.shown} shown, {line.accepted} accepted, {line.overridden} overridden{silent}{share}"
