"""The hook call: body, request, decision, answer; then it is remembered.

Calls that come to the address of a service as discovery has it are answered without the web framework, which would cost
as much as everything else around a decision. All others, also those with an odd spelling of the address, go through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import flask
from flask import Blueprint, Response

from cds_service.endpoints.bodies import body_of
from cds_service.endpoints.callers import Authenticate
from cds_service.endpoints.manners import explanation
from cds_service.endpoints.offers import Decided, Offers
from cds_service.endpoints.outcomes import json_response
from cds_service.hooks.refusals import UnknownService
from cds_service.hooks.rendering import render_response
from cds_service.hooks.requests import Arrival, HookRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Answer = Callable[[str, "WSGIEnvironment"], bytes]
Remember = Callable[[str, HookRequest, Decided], None]
Record = Callable[[str, HookRequest, bytes], None]


@dataclass(frozen=True, slots=True)
class CallRules:
    """What the settings say about calls."""

    as_of_member: str | None = None  # extension member that moves the decision time; None: nothing does
    protects_discovery: bool = True


_ROOT = "/cds-services/"


def answer_with(
    offers: Offers, authenticate: Authenticate, remember: Remember, rules: CallRules, record: Record | None = None
) -> Answer:
    """What answers a call to the service of some id."""

    def answer(service_id: str, environ: WSGIEnvironment) -> bytes:
        client = authenticate(environ, _ROOT + service_id)
        offer = offers.get(service_id)
        if offer is None:
            raise UnknownService("No service has this id.", remedy="GET /cds-services lists them.")
        body = body_of(environ, offer.parser.limits)
        arrival = Arrival(datetime.now(UTC), environ.get("cds.call_id", ""), client, rules.as_of_member)
        request = offer.parser.parse(body, arrival)
        decided = offer.decide(request)
        told = render_response(decided.response)
        remember(service_id, request, decided)
        if record is not None:
            record(service_id, request, body)
        return told

    return answer


def hook_calls(answer: Answer) -> Blueprint:
    """The endpoint of every service."""
    blueprint = Blueprint("hook_calls", __name__)

    @blueprint.post(f"{_ROOT}<service_id>")
    def call(service_id: str) -> Response:
        return json_response(answer(service_id, flask.request.environ))

    return blueprint


class Shortcut:
    """A WSGI application before another: answers the hook calls to known services itself."""

    def __init__(self, app: WSGIApplication, offers: Offers, answer: Answer) -> None:
        self._app, self._answer = app, answer
        self._services = {_ROOT + service_id: service_id for service_id in offers}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        service_id = self._services.get(environ["PATH_INFO"])
        if service_id is None or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        try:
            body = self._answer(service_id, environ)
        except Exception as error:  # noqa: BLE001  # whatever it was: the caller is told what the framework would tell
            return explanation(error, environ.get("cds.call_id", ""))(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
