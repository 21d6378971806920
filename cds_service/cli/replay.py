"""`cds-service replay`: recorded calls and charts through the pipeline again, and what changed against a baseline."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cds_service.cli.apply import WrongUsage
from cds_service.cli.replay_plan import LoadContent, Plan, Side, load_folders, side_of
from cds_service.replay.baselines import Comparison, Reason, differences, join
from cds_service.replay.columns import write_parquet
from cds_service.replay.comparing import Difference
from cds_service.replay.expectations import unmet
from cds_service.replay.inputs import Slice, read_slice, slices_of
from cds_service.replay.junit import write_junit
from cds_service.replay.parts import Parts, open_parts
from cds_service.replay.progress import Progress
from cds_service.replay.reports import as_page
from cds_service.replay.reports import in_words as comparison_in_words
from cds_service.replay.results import Result, read_results
from cds_service.replay.tallies import Tally
from cds_service.replay.tallies import in_words as tally_in_words
from cds_service.replay.tracing import Tracer
from cds_service.settings import load

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("replay", help="run recorded calls again, and say what changed")
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="requests, Bundles, NDJSON of either, Bulk Data folders"
    )
    parser.add_argument("--content", action="append", type=Path, metavar="DIR", help="content to decide with")
    parser.add_argument(
        "--baseline", metavar="DIR|FILE|URL", help="other content, earlier results, or a running service"
    )
    parser.add_argument("--as-of", type=_moment, metavar="TIME", help="decision time of every call")
    parser.add_argument("--hook", help="hook that charts are taken for")
    parser.add_argument("--service", help="service that answers, where several do")
    parser.add_argument(
        "--order", action="append", type=_reference, default=[], metavar="TYPE/ID", help="order of a chart to decide on"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="results, one a line; the run can be continued")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="results as a table")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the comparison as a page")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="results against expectations and baseline")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="CHANGE", help="kind of change that is no finding"
    )
    parser.add_argument("--strict", action="store_true", help="check every resource with fhir.resources as well")
    parser.add_argument("--engine", choices=["local", "dask"], default="local")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler; none: a cluster on this machine")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--json", action="store_true", help="the summary for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay; 1 when a call failed, an expectation is not met, or an answer changed against the baseline."""
    return replay(args, load_folders)


def replay(args: argparse.Namespace, load_content: LoadContent) -> int:
    """The same with the content loaded by another than the usual way."""
    _check(args)
    settings = load(os.environ)
    with ExitStack() as stack:
        work = _work_folder(args, stack)
        slices = slices_of(args.paths, work)
        plan = Plan.of(args, settings, _started(work))
        after = side_of(plan, load_content, args.content)
        runs = [_Run(after, work / "after", slices, plan)]
        if args.baseline and not Path(args.baseline).is_file():
            before = side_of(plan, load_content, args.content, baseline=args.baseline)
            runs.append(_Run(before, work / "before", slices, plan))
        parts = [each.done() for each in runs]
        if args.out:
            parts[0].join(args.out)  # before anything is told: whoever reads along may stop reading
        findings = _Report(args, plan, runs, parts).make()
        if args.out:
            _forget(work)
    return 1 if findings else 0


def _check(args: argparse.Namespace) -> None:
    """Say what cannot work before hours are spent."""
    if args.html and not args.baseline:
        raise WrongUsage("--html shows a comparison: give --baseline too.")
    if args.scheduler and args.engine != "dask":
        raise WrongUsage("--scheduler is for --engine dask.")
    for out in filter(None, (args.out, args.parquet, args.html, args.junit)):
        if out.is_dir() or (out is not args.out and not out.parent.is_dir()):
            raise WrongUsage(f"{out} cannot be written: it is a folder, or its folder does not exist.")
    if args.baseline and Path(args.baseline).is_file():
        next(read_results(Path(args.baseline)), None)


def _reference(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}", text):
        raise argparse.ArgumentTypeError("write ServiceRequest/o1")
    return text


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write 2025-06-15 or 2025-06-15T09:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _work_folder(args: argparse.Namespace, stack: ExitStack) -> Path:
    """Beside the results, where a run that was interrupted finds it; else a folder that goes with the process."""
    if args.out is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replay-")))
    folder: Path = args.out.with_name(f"{args.out.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _started(work: Path) -> datetime:
    """When the run began: the first time, so that one that continues decides as of the same moment."""
    file = work / "started.txt"
    if not file.exists():
        file.write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
    return datetime.fromisoformat(file.read_text(encoding="utf-8"))


def _forget(work: Path) -> None:
    """Remove the parts once the results are in place."""
    for path in sorted(work.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    work.rmdir()


class _Run:
    """One side of a replay: everything through one version of the content, or another service."""

    def __init__(self, side: Side, folder: Path, slices: list[Slice], plan: Plan) -> None:
        self.side, self.plan, self.slices = side, plan, slices
        digest = sha256(f"{side.fingerprint}\n{plan.fingerprint}".encode()).hexdigest()
        self.parts = open_parts(folder, slices, digest)
        self.seconds: float | None = None

    def done(self) -> Parts:
        """The parts, once none is missing."""
        missing = self.parts.missing()
        what = f"{self.side.name}: " if self.plan.has_baseline else ""
        progress = Progress(sum(self.slices[number].size for number in missing), sys.stderr, what)
        try:
            for number, counted in self.side.do(self.parts, self.plan):
                progress.add(self.slices[number].size, counted.calls)
        except KeyboardInterrupt:
            progress.close()
            if self.plan.continues:
                print("Interrupted. The same command continues where it was.", file=sys.stderr)
            raise
        finally:
            seconds = progress.close()
            self.seconds = seconds if len(missing) == len(self.slices) else None  # a run in pieces has no rate
        return self.parts


class _Report:
    """What is told of a run, and whether there are findings."""

    def __init__(self, args: argparse.Namespace, plan: Plan, runs: list[_Run], parts: list[Parts]) -> None:
        self.args, self.plan, self.runs, self.parts = args, plan, runs, parts
        self.after = runs[0]

    def make(self) -> bool:
        counted = self.parts[0].tally()
        comparison = self._compare() if self.args.baseline else None
        wrong = self._unmet()
        if self.args.parquet:
            write_parquet(self.args.parquet, self._results())
        if self.args.junit:
            changed = self._differences(Comparison()) if self.args.baseline else ()
            write_junit(self.args.junit, self._results(), changed)
        if comparison is not None and self.args.html:
            page = as_page(comparison, "Replay: what changed", str(self.args.baseline), self.after.side.name)
            self.args.html.write_text(page, encoding="utf-8")
        self._print(counted, comparison, wrong)
        finding = comparison is not None and bool(set(comparison.kinds) - set(self.args.allow))
        return bool(counted.failed or wrong or finding)

    def _results(self) -> Iterator[Result]:
        for path in self.parts[0].paths():
            yield from read_results(path)

    def _unmet(self) -> list[str]:
        return [f"{result.id}: {told}" for result in self._results() if result.expected for told in unmet(result)]

    def _compare(self) -> Comparison:
        comparison = Comparison()
        for difference, reasons in self._with_reasons(self._differences(comparison)):
            comparison.add(difference, reasons)
        return comparison

    def _differences(self, comparison: Comparison) -> Iterator[Difference]:
        """The changed calls, in the order of the input; all are counted."""
        before = list(self.parts[1].paths()) if len(self.parts) > 1 else [Path(self.args.baseline)]
        return differences(join(before, self.parts[0].paths()), comparison, self.after.side.worst_first)

    def _with_reasons(self, changed: Iterable[Difference]) -> Iterator[tuple[Difference, tuple[Reason, ...]]]:
        """Where both versions of the content are at hand: the calls that changed, decided once more with both."""
        before = self.runs[1].side if len(self.runs) > 1 else None
        mine = before.runner if before is not None and not before.is_peer else None
        tracer = Tracer(mine, self.after.side.runner) if mine and self.after.side.runner else None
        items = (item for part in self.after.slices for item in read_slice(part))
        for difference in changed:
            item = next((item for item in items if item.place == difference.id), None) if tracer else None
            yield difference, tracer.reasons(item, difference) if tracer and item else ()

    def _print(self, counted: Tally, comparison: Comparison | None, wrong: list[str]) -> None:
        if self.args.json:
            told: dict[str, Any] = {"summary": counted.as_json(), "unmet": wrong}
            if comparison is not None:
                told["baseline"] = comparison.as_json()
            print(json.dumps(told, indent=2, ensure_ascii=False))
            return
        print(tally_in_words(counted, self.after.seconds))
        for line in wrong[:20]:
            print(f"  not as expected: {line}")
        if len(wrong) > 20:
            print(f"  and {len(wrong) - 20} more that are not as expected")
        if comparison is not None:
            print(comparison_in_words(comparison))
