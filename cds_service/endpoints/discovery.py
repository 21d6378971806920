"""Discovery: the services, each with what it wants to know."""

from __future__ import annotations

import flask
from flask import Blueprint, Response

from cds_service.endpoints.callers import Authenticate
from cds_service.endpoints.hook_calls import CallRules
from cds_service.endpoints.offers import Offers
from cds_service.endpoints.outcomes import json_response
from cds_service.hooks.rendering import encode_json
from cds_service.hooks.services import render_services


def discovery(offers: Offers, authenticate: Authenticate, rules: CallRules) -> Blueprint:
    """The list of services, rendered once for each kind of client."""
    blueprint = Blueprint("discovery", __name__)
    offered = tuple(offer.service for offer in offers.values())
    listed = {able: encode_json(render_services(offered, fhirpath=able)) for able in (False, True)}

    @blueprint.get("/cds-services")
    def services() -> Response:
        if not rules.protects_discovery:
            return json_response(listed[False])
        return json_response(listed[authenticate(flask.request.environ, "/cds-services").fhirpath_prefetch])

    return blueprint
