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
_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Correlation-Id"),
    ("Access-Control-Max-Age", "3600"),
]


class Headers:
    """The headers that every answer of the programming interface gets, refusals included."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._anyone, self._allowed = "*" in origins, frozenset(origins)

    def of(self, path: str, method: str, origin: str | None, call_id: str) -> list[tuple[str, str]]:
        """The headers to add to the answer of one call."""
        if not path.startswith(_API):
            return []
        headers = [("Cache-Control", "no-store"), ("X-Correlation-Id", call_id)]
        if self._anyone:
            headers.append(("Access-Control-Allow-Origin", "*"))
        else:
            headers.append(("Vary", "Origin"))
            if origin in self._allowed:
                headers.append(("Access-Control-Allow-Origin", origin))
        return headers + _PREFLIGHT if method == "OPTIONS" else headers


def explanation(error: Exception, call_id: str) -> Response:
    """An error as an OperationOutcome that says what the caller may know, and no more."""
    if isinstance(error, CdsError):
        if status_of(error) == 500:
            _log.error("call failed: %s", error.code, exc_info=error, extra={"id": call_id})
        return error_response(error, call_id)
    if isinstance(error, RecursionError):
        return error_response(TooDeep("The JSON is nested too deeply."), call_id)
    if isinstance(error, HTTPException):
        return _refused(error)
    _log.error("call failed", exc_info=error, extra={"id": call_id})
    return refusal(500, f"The service failed to answer this call. Quote {call_id} when you report it.")


def explain_errors(app: Flask) -> None:
    """Make every error of `app` an OperationOutcome."""

    @app.errorhandler(Exception)
    def explained(error: Exception) -> Response:
        return explanation(error, flask.request.environ.get("cds.call_id", ""))


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    if status in (301, 302, 307, 308) and error.response is not None:
        return Response(status=status, headers={"Location": error.response.headers["Location"]})
    response = refusal(status, _WORDS.get(status, error.name))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response
