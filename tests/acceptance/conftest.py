"""The service as it is served, and a customer who calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from cds_service.app import create_app, prepare
from tests.acceptance.customer import Customer
from tests.edge.applications import settings_for


@pytest.fixture(scope="session")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    settings = settings_for(
        tmp_path_factory.mktemp("acceptance"), CDS_FHIR_SERVERS="http://127.0.0.1:*", CDS_ALLOW_AS_OF="on"
    )
    made = create_app(prepare(settings))
    yield Customer(Client(made))
    made.close()
