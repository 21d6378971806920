"""`Measure/$evaluate-measure`: the measures of the loaded content, counted over inline data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Response

from cds_service.endpoints.bodies import read_json
from cds_service.endpoints.outcomes import fhir_response
from cds_service.fhir.limits import Limits
from cds_service.knowledge.knowledge import Knowledge
from cds_service.quality.operation import evaluate_measure, read_request
from cds_service.quality.programme import Programme, read_programme


def fhir_measures(current: Callable[[], Knowledge], limits: Limits) -> Blueprint:
    """The operation on one measure."""
    blueprint = Blueprint("fhir_measures", __name__)
    programmes: dict[int, tuple[Knowledge, Programme]] = {}

    def programme() -> Programme:
        """The measures of the loaded content: compiled when they are first asked for, again after a reload."""
        knowledge = current()
        known = programmes.get(id(knowledge))
        if known is None:
            known = (knowledge, read_programme(knowledge))
            programmes.clear()
            programmes[id(knowledge)] = known
        return known[1]

    @blueprint.post("/fhir/Measure/<identifier>/$evaluate-measure")
    def evaluate(identifier: str) -> Response:
        request = read_request(read_json(limits))
        return fhir_response(evaluate_measure(programme(), identifier, request, datetime.now(UTC)))

    return blueprint
