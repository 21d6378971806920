"""Feedback: what users did with our cards; answered only when it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flask
from flask import Blueprint, Response

from cds_service.endpoints.bodies import read_body
from cds_service.endpoints.callers import Authenticate
from cds_service.endpoints.offers import Offers
from cds_service.endpoints.outcomes import json_response
from cds_service.fhir.limits import Limits
from cds_service.hooks.feedback import FeedbackEvent, parse_feedback
from cds_service.hooks.profiles import ClientProfile
from cds_service.hooks.refusals import UnknownService

# Returns when the events are safe; the same event twice is kept once.
KeepFeedback = Callable[[str, ClientProfile, Sequence[FeedbackEvent]], None]


def feedback(offers: Offers, authenticate: Authenticate, keep: KeepFeedback, limits: Limits) -> Blueprint:
    """The feedback endpoint of every service."""
    blueprint = Blueprint("feedback", __name__)

    @blueprint.post("/cds-services/<service_id>/feedback")
    def receive(service_id: str) -> Response:
        path = f"/cds-services/{service_id}"
        client = authenticate(flask.request.environ, path, f"{path}/feedback")
        if service_id not in offers:
            raise UnknownService("No service has this id.", remedy="GET /cds-services lists them.")
        events = parse_feedback(read_body(limits), limits)
        keep(service_id, client, events)
        return json_response(b"{}")

    return blueprint
