"""cds-service check: compile and lint content, run its cases, and say what no case reaches."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cds_service.cases.coverage import Coverage, Gaps, gaps
from cds_service.cases.reading import Case, UnreadableCases, read_cases
from cds_service.cases.running import CaseResult, CaseRunner
from cds_service.cli.apply import WrongUsage
from cds_service.cli.progress import Progress
from cds_service.cli.watching import run_whenever_changed
from cds_service.errors import CdsError, ErrorGroup
from cds_service.knowledge.collecting import without_collection
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.linting import lint
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.knowledge.remarks import Remark
from cds_service.settings import default_content
from cds_service.terminology.authorities import installed_authorities
from cds_service.terminology.checks import Remark as CodeRemark
from cds_service.terminology.checks import check_terminology


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("check", help="compile and lint content, and run its cases")
    parser.add_argument("content", nargs="*", type=Path, help="folders with plandefinitions/ and terminology/")
    parser.add_argument("--cases", nargs="+", type=Path, default=None, help="case files or folders to run")
    parser.add_argument("--no-cases", action="store_true", help="compile and lint only")
    parser.add_argument(
        "--coverage", action="store_true", help="list the rules, ratings and facts that no case reaches"
    )
    parser.add_argument("--watch", action="store_true", help="check again whenever a file changes")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: all good; 1: errors in the content or cases that fail."""
    for path in (*args.content, *(args.cases or ())):
        if not path.exists():
            raise WrongUsage(f"{path} does not exist.")
    folders = [_whole(path) for path in args.content] or [default_content()]
    if args.watch:
        parts = [folder / name for folder in folders for name in ("plandefinitions", "terminology")]
        watched = [part for part in parts if part.is_dir()] or folders
        return run_whenever_changed([*watched, *(args.cases or ())], lambda: _check(args, folders))
    return _check(args, folders)


@without_collection()
def _check(args: argparse.Namespace, folders: Sequence[Path]) -> int:
    started = time.monotonic()
    try:
        knowledge = load_knowledge(folders, options=LoadOptions())
    except ErrorGroup as group:
        return _refused(group.errors, args.json)
    remarks = lint(knowledge)
    codes = check_terminology(knowledge.terminology, installed_authorities())
    results: list[CaseResult] = []
    coverage = Coverage()
    if not args.no_cases:
        try:
            cases = list(_cases(args.cases, folders))
        except CdsError as error:
            return _refused((error,), args.json)
        results = _run(cases, knowledge, coverage, quiet=args.json)
    open_ends = gaps(knowledge, coverage) if results else None
    if args.json:
        print(json.dumps(_report(knowledge, remarks, codes, results, open_ends), indent=1, default=str))
    else:
        _print_codes(codes)
        _print(knowledge, remarks, results, open_ends, time.monotonic() - started, listed=args.coverage)
    return 0 if all(result.passed for result in results) and not _wrong(codes) else 1


def _wrong(codes: Sequence[CodeRemark]) -> bool:
    return any(remark.severity == "error" for remark in codes)


def _print_codes(codes: Sequence[CodeRemark]) -> None:
    for remark in codes:
        print(f"{'ERROR ' if remark.severity == 'error' else 'remark'}  {remark}")


def _whole(path: Path) -> Path:
    """The content folder that a `plandefinitions` folder is part of."""
    is_part = path.resolve().name == "plandefinitions" and (path.resolve().parent / "terminology").is_dir()
    return path.resolve().parent if is_part else path


def _cases(named: Sequence[Path] | None, folders: Sequence[Path]) -> Iterable[Case]:
    if named is not None:
        found = [(path, list(read_cases([path]))) for path in named]
        for path, cases in found:
            if not cases:
                raise UnreadableCases(
                    f"There are no cases in {path}.", remedy="Name a case file or a folder with some."
                )
        return [case for _, cases in found for case in cases]
    plans = [folder / "plandefinitions" if (folder / "plandefinitions").is_dir() else folder for folder in folders]
    return read_cases(folder for folder in plans if folder.is_dir())


def _run(cases: Sequence[Case], knowledge: Knowledge, coverage: Coverage, *, quiet: bool) -> list[CaseResult]:
    runner = CaseRunner(knowledge)
    results = []
    with Progress("cases", len(cases), quiet=quiet) as progress:
        for case in cases:
            result = runner.run(case)
            coverage.add(result, knowledge.facts.facts)
            results.append(result)
            progress.step()
    return results


def _refused(errors: Sequence[CdsError], as_json: bool) -> int:
    if as_json:
        print(json.dumps({"ok": False, "errors": [{"code": e.code, "text": str(e)} for e in errors]}, indent=1))
    else:
        for error in errors:
            print(error, file=sys.stderr)
        print(f"{len(errors)} error(s); nothing of this content is served.", file=sys.stderr)
    return 1


def _report(
    knowledge: Knowledge,
    remarks: Sequence[Remark],
    codes: Sequence[CodeRemark],
    results: Sequence[CaseResult],
    open_ends: Gaps | None,
) -> dict[str, Any]:
    return {
        "ok": all(result.passed for result in results) and not _wrong(codes),
        "plans": [plan.canonical for plan in knowledge.definitions.plans],
        "services": sorted(knowledge.services),
        "facts": len(knowledge.facts.by_id),
        "remarks": [asdict(remark) for remark in remarks],
        "codes": [asdict(remark) for remark in codes],
        "cases": [
            {
                "id": result.case.id,
                "title": result.case.title,
                "passed": result.passed,
                "differences": list(result.differences),
                "reported": list(result.remarks),
                "error": result.error or None,
            }
            for result in results
        ],
        "notReached": asdict(open_ends) if open_ends else None,
    }


def _print(
    knowledge: Knowledge,
    remarks: Sequence[Remark],
    results: Sequence[CaseResult],
    open_ends: Gaps | None,
    seconds: float,
    *,
    listed: bool,
) -> None:
    plans, services = len(knowledge.definitions.plans), len(knowledge.services)
    facts, libraries = len(knowledge.facts.by_id), len(knowledge.compiled.libraries)
    print(f"{plans} plans, {services} services, {facts} facts, {libraries} libraries: compiled")
    for remark in remarks:
        print(f"remark  {remark}")
    for result in results:
        if not result.passed:
            print(f"FAIL    {result.case.id}  {result.case.title}")
            for difference in [result.error] if result.error else result.differences:
                print(f"        {difference}")
        for reported in result.remarks:
            print(f"report  {result.case.id}  {reported}")
    passed = sum(result.passed for result in results)
    if results:
        print(f"{passed} of {len(results)} cases as expected")
    if open_ends is not None and (listed or not open_ends.count):
        _print_gaps(open_ends)
    elif open_ends is not None:
        print(f"{open_ends.count} rules, checks, ratings and facts are reached by no case (--coverage lists them)")
    print(f"{seconds:.1f} s")


def _print_gaps(open_ends: Gaps) -> None:
    if not open_ends.count:
        print("every rule, check, rating and fact is reached")
    for name, entries in asdict(open_ends).items():
        if entries:
            print(f"{name.replace('_', ' ')}: {', '.join(entries)}")
