"""Serves the stand-in services as `cds-service serve` serves the real ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cds_service.app import create_app, prepare_with
from cds_service.cli.serving import Served, run_server
from cds_service.endpoints.logs import configure
from cds_service.fhir.limits import Limits
from cds_service.settings import load
from tests.edge.standins import offers


def main() -> int:
    """Serve until told to stop; SIGHUP counts in a file when one is named."""
    settings = load(os.environ)
    configure(settings.log_level)
    prepared = prepare_with(settings, offers(Limits(size=settings.max_body_bytes)))

    def make(row: int) -> Served:
        return create_app(prepared, row)

    def reloaded() -> None:
        Path(os.environ["RELOADED"]).write_text("yes")

    return run_server(settings, make, reloaded if "RELOADED" in os.environ else None)


if __name__ == "__main__":
    sys.exit(main())
