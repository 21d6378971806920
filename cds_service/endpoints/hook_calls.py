"""The hook call: body, request, decision, answer; then it is remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response

from cds_service.endpoints.bodies import read_body
from cds_service.endpoints.callers import Authenticate
from cds_service.endpoints.manners import call_id
from cds_service.endpoints.offers import Decided, Offers
from cds_service.endpoints.outcomes import json_response
from cds_service.hooks.refusals import UnknownService
from cds_service.hooks.rendering import render_response
from cds_service.hooks.requests import Arrival, HookRequest

Remember = Callable[[str, HookRequest, Decided], None]
Record = Callable[[str, HookRequest, bytes], None]


@dataclass(frozen=True, slots=True)
class CallRules:
    """What the settings say about calls."""

    as_of_member: str | None = None  # extension member that moves the decision time; None: nothing does
    protects_discovery: bool = True


def hook_calls(
    offers: Offers, authenticate: Authenticate, remember: Remember, rules: CallRules, record: Record | None = None
) -> Blueprint:
    """The endpoint of every service, bound to what it answers from."""
    blueprint = Blueprint("hook_calls", __name__)

    @blueprint.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        client = authenticate(f"/cds-services/{service_id}")
        offer = offers.get(service_id)
        if offer is None:
            raise UnknownService("No service has this id.", remedy="GET /cds-services lists them.")
        body = read_body(offer.parser.limits)
        arrival = Arrival(datetime.now(UTC), call_id(), client, rules.as_of_member)
        request = offer.parser.parse(body, arrival)
        decided = offer.decide(request)
        answer = render_response(decided.response)
        remember(service_id, request, decided)
        if record is not None:
            record(service_id, request, body)
        return json_response(answer)

    return blueprint
