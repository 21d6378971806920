"""Schemathesis calls what /openapi.json describes, with what it allows and with what it forbids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import Client

from cds_service.app import Application
from tests.edge.applications import application

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with application(tmp_path_factory.mktemp("openapi")) as made:
        yield made


@pytest.fixture(scope="module")
def operations(app: Application) -> dict[str, Any]:
    described = schemathesis.openapi.from_wsgi("/openapi.json", app)
    found = [result.ok() for result in described.get_all_operations() if isinstance(result, Ok)]
    return {operation.label: operation for operation in found}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize(
    "label",
    [
        "GET /cds-services",
        "POST /cds-services/hello-patient-view",
        "POST /cds-services/hello-order-select",
        "POST /cds-services/hello-order-dispatch",
        "POST /cds-services/hello-problem",
        "POST /cds-services/hello-own-hook",
        "POST /cds-services/hello-patient-view/feedback",
        "GET /health/ready",
    ],
)
def test_the_service_keeps_to_its_description(operations: dict[str, Any], label: str, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and label.startswith("GET"):
        return  # nothing is sent that could be wrong

    @settings(
        max_examples=10,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operations[label].as_strategy(generation_mode=mode))
    def calls(case: Any) -> None:
        answer = case.call_and_validate(checks=CHECKS)
        if mode is GenerationMode.POSITIVE:
            assert answer.status_code == 200, answer.text

    calls()


def test_the_description_is_complete(app: Application) -> None:
    paths = Client(app).get("/openapi.json").get_json()["paths"]
    assert {"/cds-services", "/health/live", "/health/ready", "/cds-services/hello-order-sign/feedback"} <= set(paths)
