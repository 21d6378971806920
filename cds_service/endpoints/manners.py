"""What every answer has in common: CORS for browsers, nothing cached, errors as OperationOutcomes."""

from __future__ import annotations

import logging

import flask
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cds_service.endpoints.outcomes import error_response, refusal, status_of
from cds_service.errors import CdsError
from cds_service.fhir.limits import TooDeep

_log = logging.getLogger(__name__)
_API = ("/cds-services", "/fhir")
_WORDS = {
    404: "There is nothing at this address.",
    405: "This method is not possible here.",
    413: "The body is too large.",
}


def teach_manners(app: Flask, origins: tuple[str, ...]) -> None:
    """Give `app` the error handlers and headers that every answer needs."""
    anyone = "*" in origins
    allowed = frozenset(origins)

    @app.before_request
    def identify() -> None:
        flask.g.call_id = flask.request.environ.get("cds.call_id", "")

    @app.after_request
    def finish(response: Response) -> Response:
        request, headers = flask.request, response.headers
        if not request.path.startswith(_API):
            return response
        headers["Cache-Control"] = "no-store"
        headers["X-Correlation-Id"] = flask.g.call_id
        if anyone:
            headers["Access-Control-Allow-Origin"] = "*"
        else:
            headers.add("Vary", "Origin")
            origin = request.headers.get("Origin")
            if origin in allowed:
                headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            del headers["Content-Type"]  # there is no content
            headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization, X-Correlation-Id"
            headers["Access-Control-Max-Age"] = "3600"
        return response

    @app.errorhandler(CdsError)
    def explained(error: CdsError) -> Response:
        if status_of(error) == 500:
            _log.error("call failed: %s", error.code, exc_info=error, extra={"id": flask.g.call_id})
        return error_response(error, flask.g.call_id)

    @app.errorhandler(RecursionError)
    def too_deep(_: RecursionError) -> Response:
        return error_response(TooDeep("The JSON is nested too deeply."), flask.g.call_id)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        status = error.code or 500
        response = refusal(status, _WORDS.get(status, error.name), call_id=flask.g.call_id)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        if status in (301, 302, 307, 308) and error.response is not None:
            return Response(status=status, headers={"Location": error.response.headers["Location"]})
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        _log.error("call failed", exc_info=error, extra={"id": flask.g.call_id})
        text = f"The service failed to answer this call. Quote {flask.g.call_id} when you report it."
        return refusal(500, text, call_id=flask.g.call_id)
