"""Errors as FHIR OperationOutcomes: one table from error to status, and no word that the caller should not read."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from cds_service.errors import CdsError, ErrorGroup
from cds_service.hooks.rendering import encode_json

# By the `code` of the error, so that an area adds a line without importing anything. What is not listed is our fault.
STATUS: Mapping[str, int] = {
    "malformed-request": 400,
    "wrong-hook": 400,
    "wrong-parameter": 400,
    "limit-exceeded": 400,
    "too-deep": 400,
    "number-too-long": 400,
    "unauthenticated": 401,
    "not-allowed": 403,
    "unknown-service": 404,
    "not-found": 404,
    "unmet-need": 412,
    "missing-data": 412,
    "too-large": 413,
    "not-json": 415,
    "unusable-content": 422,
    "overloaded": 503,
}
_ISSUES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    412: "required",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    429: "throttled",
    503: "throttled",
}
_OURS = "The service failed to answer this call."


def status_of(error: CdsError) -> int:
    """The HTTP status that an error is answered with; 500 for what the caller cannot have caused."""
    own = getattr(error, "status", None)
    return own if isinstance(own, int) else STATUS.get(error.code, 500)


def operation_outcome(text: str, issue: str, code: str | None = None) -> dict[str, Any]:
    """An OperationOutcome with one issue; `code` is our stable name for what happened."""
    told: dict[str, Any] = {"severity": "error", "code": issue, "diagnostics": text}
    if code:
        told["details"] = {"coding": [{"system": "urn:cds-service:error", "code": code}], "text": text}
    return {"resourceType": "OperationOutcome", "issue": [told]}


def error_response(error: CdsError, call_id: str) -> Response:
    """The answer to a call that ended in `error`."""
    status = status_of(error)
    if status == 401:
        return refusal(401, "Not authorised.")
    if status >= 500 and status != 503:
        return refusal(status, f"{_OURS} Quote {call_id} when you report it.")
    issue = getattr(error, "issue", None) or getattr(error, "issue_code", None) or _ISSUES.get(status, "processing")
    if isinstance(error, ErrorGroup):
        parts = [f"{part.what} {part.remedy}".strip() for part in error.errors]
        return refusal(status, " ".join(parts), issue=issue, code=error.code)
    return refusal(status, f"{error.what} {error.remedy}".strip(), issue=issue, code=error.code)


def refusal(status: int, text: str, *, issue: str | None = None, code: str | None = None) -> Response:
    """An error answer for people and machines."""
    outcome = operation_outcome(
        text, issue or _ISSUES.get(status, "exception" if status >= 500 else "processing"), code
    )
    response = fhir_response(outcome, status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response.headers["Retry-After"] = "1"
    return response


def fhir_response(resource: Mapping[str, Any] | bytes, status: int = 200) -> Response:
    """A FHIR resource as an answer."""
    body = resource if isinstance(resource, bytes) else encode_json(resource)
    return Response(body, status, content_type="application/fhir+json")


def json_response(value: object, status: int = 200) -> Response:
    """Plain JSON as an answer; bytes are taken as JSON already."""
    body = value if isinstance(value, bytes) else encode_json(value)
    return Response(body, status, content_type="application/json")
