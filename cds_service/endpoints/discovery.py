"""Discovery: the services, each with what it wants to know."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.endpoints.callers import Authenticate
from cds_service.endpoints.hook_calls import CallRules
from cds_service.endpoints.offers import Offers
from cds_service.endpoints.outcomes import json_response
from cds_service.hooks.rendering import encode_json
from cds_service.hooks.services import render_services


def discovery(offers: Offers, authenticate: Authenticate, rules: CallRules) -> Blueprint:
    """The list of services, rendered once."""
    blueprint = Blueprint("discovery", __name__)
    listed = encode_json(render_services(offer.service for offer in offers.values()))

    @blueprint.get("/cds-services")
    def services() -> Response:
        if rules.protects_discovery:
            authenticate("/cds-services")
        return json_response(listed)

    return blueprint
