"""The whole application in this process, around the stand-in services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.test import Client

from cds_service.app import Application, create_app, prepare_with
from cds_service.fhir.limits import Limits
from cds_service.settings import Settings, load
from tests.edge.standins import offers


def settings_for(folder: Path, **environment: str) -> Settings:
    """Settings with a database in `folder`."""
    return load({"CDS_DATABASE_URL": f"sqlite:///{folder}/memory.sqlite", "CDS_LOG_LEVEL": "warning", **environment})


@contextmanager
def application(folder: Path, **environment: str) -> Iterator[Application]:
    """The application with these settings, closed at the end."""
    settings = settings_for(folder, **environment)
    made = create_app(prepare_with(settings, offers(Limits(size=settings.max_body_bytes))))
    try:
        yield made
    finally:
        made.close()


@contextmanager
def client(folder: Path, **environment: str) -> Iterator[Client]:
    """A client of that application."""
    with application(folder, **environment) as made:
        yield Client(made)
