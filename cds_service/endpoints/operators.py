"""For those who run the service: is it alive, is it ready, what does it do, what is it called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response

from cds_service.endpoints.metrics import Metrics
from cds_service.endpoints.outcomes import json_response
from cds_service.hooks.rendering import encode_json


def operators(
    metrics: Metrics | None, checks: Mapping[str, Callable[[], bool]], description: Mapping[str, Any]
) -> Blueprint:
    """Health, metrics and the OpenAPI description; `checks` must all hold for the service to be ready."""
    blueprint = Blueprint("operators", __name__)
    described = encode_json(description)

    @blueprint.get("/health/live")
    def live() -> Response:
        return json_response({"status": "alive"})

    @blueprint.get("/health/ready")
    def ready() -> Response:
        failing = sorted(name for name, holds in checks.items() if not holds())
        if failing:
            return json_response({"status": "not ready", "failing": failing}, 503)
        return json_response({"status": "ready"})

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_response(described)

    if metrics is not None:

        @blueprint.get("/metrics")
        def numbers() -> Response:
            return Response(metrics.text(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return blueprint
