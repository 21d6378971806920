"""Says in words what is wrong with a request: the slow look that follows when the fast decoder has refused one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds_service.hooks.refusals import MalformedRequest

_MOST = 5  # problems named in one answer
_PLAIN_WORDS = {
    "missing": "is missing",
    "string_type": "must be a string",
    "string_too_short": "is empty",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "float_type": "must be a number",
    "list_type": "must be an array",
    "literal_error": "has a value that is not allowed",
    "too_long": "has too many entries",
    "string_too_long": "is too long",
}

Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Authorization(_Part):
    """The member `fhirAuthorization`."""

    access_token: Text
    token_type: str = "Bearer"  # noqa: S105  # a kind, no secret
    expires_in: float | None = None  # 3600 and 3600.0 are the same number
    scope: str | None = None
    subject: str | None = None
    patient: str | None = None


class Envelope(_Part):
    """A hook request down to the members that CDS Hooks itself defines."""

    hook: Text
    hookInstance: Text
    context: dict[str, Any]
    fhirServer: str | None = None
    fhirAuthorization: Authorization | None = None
    prefetch: dict[str, Any] | None = None
    extension: dict[str, Any] | None = None


def check_envelope(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of a request that holds as an envelope; otherwise a MalformedRequest that names every bad member."""
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise MalformedRequest("The body must be a JSON object.") from None
    # Data are looked at as objects only: what is in them is for later, and may be large.
    shallow = {
        name: _shape(raw) if name in ("context", "prefetch", "extension") else _value(name, raw)
        for name, raw in members.items()
    }
    check_model(Envelope, shallow)
    return members


def check_model(model: type[BaseModel], value: object, path: str = "") -> None:
    """Raise a MalformedRequest for what `model` does not accept, naming members but never their values."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [
            f"{_dotted(path, each['loc'])} {_PLAIN_WORDS.get(each['type'], each['msg'])}" for each in problems[:_MOST]
        ]
        raise MalformedRequest("; ".join(lines) + ".", member=_dotted(path, problems[0]["loc"])) from None


def _dotted(path: str, location: tuple[int | str, ...]) -> str:
    text = path
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "The body"


def _shape(raw: msgspec.Raw) -> object:
    first = bytes(raw)[:1]
    return {} if first == b"{" else None if first == b"n" else [] if first == b"[" else 0


def _value(name: str, raw: msgspec.Raw) -> object:
    if name not in Envelope.model_fields:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.ValidationError, RecursionError):
        return 0  # no member of the envelope is a number: refused as such
