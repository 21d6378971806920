"""Reads the body of a POST within its limits, whether it comes in one piece or in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import orjson

from cds_service.fhir.limits import Limits, TooLarge, check_depth
from cds_service.hooks.refusals import MalformedRequest, NotJson
from cds_service.hooks.requests import check_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def body_of(environ: WSGIEnvironment, limits: Limits) -> bytes:
    """The bytes of a body that says it is JSON and is not too large."""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise NotJson("The body must be application/json.", remedy="Send Content-Type: application/json.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise NotJson("The body must not be compressed.")
    announced = environ.get("CONTENT_LENGTH") or ""
    length = int(announced) if announced.isdigit() else 0
    if length > limits.size:
        raise _too_large(limits)
    body: bytes = environ["wsgi.input"].read(limits.size + 1)
    if len(body) > limits.size:
        raise _too_large(limits)
    if len(body) < length:
        raise MalformedRequest("The body ends before its announced length.")
    return body


def read_body(limits: Limits) -> bytes:
    """The same, of the call that the framework is answering."""
    return body_of(flask.request.environ, limits)


def read_json_body(limits: Limits) -> bytes:
    """The same, with encoding, nesting and numbers checked: for bodies that are walked as plain data."""
    body = check_text(read_body(limits), limits)
    check_depth(body, limits)
    return body


def read_json(limits: Limits) -> Any:
    """The plain data in the body."""
    try:
        return orjson.loads(read_json_body(limits))
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON: {error}.") from None


def _too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"The body has more than {limits.size} bytes.", remedy="Send less data in one call.")
