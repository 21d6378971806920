"""`cds-service deidentify`: copies of requests and Bundles without what names a person."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cds_service.cli.apply import WrongUsage
from cds_service.errors import CdsError
from cds_service.replay.deidentifying import Deidentifier
from cds_service.replay.failures import BrokenItem
from cds_service.replay.files import open_for_writing
from cds_service.replay.inputs import Item, read_slice, slices_of
from cds_service.replay.progress import Progress

if TYPE_CHECKING:
    from argparse import _SubParsersAction

KEY = "CDS_DEIDENTIFY_KEY"


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("deidentify", help="copy calls and charts without what names a person")
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="requests, Bundles, resources, NDJSON of these, Bulk Data folders"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="NDJSON, one item a line (.gz: compressed)"
    )
    parser.add_argument("--keep-text", action="store_true", help="keep free text; it may name persons")
    parser.epilog = f"The same {KEY} (a secret text) gives the same replacements again; unset, a new one is drawn."
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the copies; 1 when an item could not be read and was left out."""
    key = os.environ.get(KEY, "").encode() or secrets.token_bytes(32)
    deidentifier = Deidentifier(key, keep_text=args.keep_text)
    left_out = 0
    with ExitStack() as stack:
        slices = slices_of(args.paths, Path(stack.enter_context(TemporaryDirectory(prefix="deidentify-"))))
        if any(args.out.resolve() == Path(name).resolve() for part in slices for name in part.files):
            raise WrongUsage(f"{args.out} is read: write to another file.")
        stream = stack.enter_context(open_for_writing(args.out))
        progress = Progress(sum(part.size for part in slices), sys.stderr)
        for part in slices:
            count = 0
            for item in read_slice(part):
                count += 1
                try:
                    stream.write(_without_names(deidentifier, item) + b"\n")
                except CdsError as error:
                    left_out += 1
                    print(f"{item.place}: {error}", file=sys.stderr)
            progress.add(part.size, count)
        progress.close()
    return 1 if left_out else 0


def _without_names(deidentifier: Deidentifier, item: Item) -> bytes:
    if item.fault is not None:
        raise BrokenItem(f"The item {item.fault}.")
    return deidentifier.item(item.body)
