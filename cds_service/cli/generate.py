"""`cds-service generate`: invented patients for demonstrations, load tests and tutorials."""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cds_service.cases.reading import read_cases
from cds_service.cli.replay_plan import LoadContent, load_folders
from cds_service.fhir.structs.encoding import encode
from cds_service.replay.files import open_for_writing
from cds_service.replay.generating import Generator, Mould, bundle, chart
from cds_service.replay.population import read_population
from cds_service.replay.progress import Progress
from cds_service.settings import default_content, load

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000}


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("generate", help="make invented patients")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE|DIR", help="NDJSON (.gz: compressed), or a folder"
    )
    parser.add_argument("--patients", type=_count, default=0, metavar="N", help="how many; 0: every case once")
    parser.add_argument("--form", choices=["requests", "bundles", "bulk"], default="requests")
    parser.add_argument("--size", type=_size, default=15_000, metavar="SIZE", help="of one request: 5KB to 5MB")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed makes the same patients")
    parser.add_argument("--varied", type=_share, default=0.5, metavar="SHARE", help="share that differs from its case")
    parser.add_argument("--content", type=Path, metavar="DIR", help="content whose cases are used")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the patients."""
    return generate(args, load_folders)


def generate(args: argparse.Namespace, load_content: LoadContent) -> int:
    """The same with the content loaded by another than the usual way."""
    settings = load(os.environ)
    content = args.content or default_content()
    plans = content / "plandefinitions" if (content / "plandefinitions").is_dir() else content
    knowledge = load_content([content], settings.canonical)
    population = read_population(_population(plans))
    generator = Generator(
        knowledge, read_cases([plans]), population, Mould(size=args.size, varied=args.varied), args.seed
    )
    count = args.patients or generator.cases
    progress = Progress(count, sys.stderr)
    with ExitStack() as stack:
        write = _bulk(args.out, stack) if args.form == "bulk" else _lines(args.out, args.form, stack)
        for number in range(count):
            write(generator.request(number))
            progress.add(1, 1)
    progress.close()
    return 0


def _population(plans: Path) -> Path:
    own = plans / "synthetic" / "population.yaml"
    return own if own.exists() else default_content() / "plandefinitions" / "synthetic" / "population.yaml"


def _lines(out: Path, form: str, stack: ExitStack) -> Any:
    stream = stack.enter_context(open_for_writing(out))

    def write(call: dict[str, Any]) -> None:
        stream.write(encode(call if form == "requests" else bundle(call)) + b"\n")

    return write


def _bulk(out: Path, stack: ExitStack) -> Any:
    out.mkdir(parents=True, exist_ok=True)
    streams: dict[str, IO[bytes]] = {}

    def write(call: dict[str, Any]) -> None:
        for resource in chart(call):
            kind = resource["resourceType"]
            if kind not in streams:
                streams[kind] = stack.enter_context((out / f"{kind}.ndjson").open("wb"))
            streams[kind].write(encode(resource) + b"\n")

    return write


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("write a whole number, 0 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share lies between 0 and 1")
    return share


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(B|KB|MB)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError("write a size as 15KB or 2.5MB")
    size = int(float(match[1]) * _UNITS[(match[2] or "").upper()])
    if not 5_000 <= size <= 5_000_000:
        raise argparse.ArgumentTypeError("a size lies between 5KB and 5MB; the service takes bodies of 8 MB at most")
    return size
