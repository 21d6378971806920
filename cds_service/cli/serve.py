"""`cds-service serve`: the HTTP service, until it is told to stop."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = subparsers.add_parser("serve", help="answer CDS Hooks calls and FHIR operations over HTTP")
    parser.add_argument("--host", help="address to listen on (CDS_HOST)")
    parser.add_argument("--port", help="port to listen on (CDS_PORT)")
    parser.add_argument("--workers", help="worker processes (CDS_WORKERS)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it; 1 when it cannot start."""
    from cds_service.cli.serving import serve
    from cds_service.settings import load

    given = {f"CDS_{name.upper()}": getattr(args, name) for name in ("host", "port", "workers")}
    return serve(load({**os.environ, **{name: value for name, value in given.items() if value}}))
