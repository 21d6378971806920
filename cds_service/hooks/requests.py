"""One hook request as a frozen value, read from the bytes of its body in one pass.

The fast decoder takes envelope and prefetch in a single walk and refuses what does not fit. Only then is the body
looked at a second time: to say in words what is wrong, or, when it is a prefetched resource that does not fit its type,
to read the other keys without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from cds_service.fhir.limits import Limits, TooDeep, TooLarge, check_depth, check_numbers
from cds_service.hooks.context_parsing import context_type, parse_context
from cds_service.hooks.contexts import Context
from cds_service.hooks.envelopes import check_envelope
from cds_service.hooks.profiles import ANY_CLIENT, ClientProfile
from cds_service.hooks.refusals import MalformedRequest, WrongHook

Resource = TypeVar("Resource")
Members = TypeVar("Members")  # of the context

_NULL = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """What the client allows us to read from its FHIR server, for this call only; the token is never shown."""

    access_token: str = field(repr=False)
    scope: str | None = None
    subject: str | None = None
    patient: str | None = field(default=None, repr=False)
    expires_in: float | None = None


class HookRequest(msgspec.Struct, frozen=True, gc=False):
    """One call of one hook: what was sent, by whom, and when it counts."""

    hook: str
    hook_instance: str
    context: Context
    as_of: datetime
    call_id: str
    # Under each key: None (asked, none), a decoded resource, or msgspec.Raw (JSON that is no resource as it stands).
    prefetch: Mapping[str, object] = msgspec.field(default_factory=dict)
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None
    client: ClientProfile = ANY_CLIENT
    extension: Mapping[str, Any] = msgspec.field(default_factory=dict)
    received: datetime | None = None  # when the call came, whatever moment it is decided for
    body: bytes = b""  # as it came
    said: bytes = b""  # a Bundle of what was answered to questions of ours, if anything was

    def __repr__(self) -> str:
        # Nothing of the patient: this may come into a log.
        return f"HookRequest({self.hook} {self.hook_instance}, call {self.call_id}, as of {self.as_of})"


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """The circumstances of a call that its body does not settle."""

    now: datetime
    call_id: str
    client: ClientProfile = ANY_CLIENT
    as_of_member: str | None = None  # extension member that may move the decision time; None: it may not


class _Authorization(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105  # a kind, no secret
    expires_in: float | None = None
    scope: str | None = None
    subject: str | None = None
    patient: str | None = None


class _Envelope(msgspec.Struct, Generic[Resource, Members]):
    hook: str
    hookInstance: str
    context: Members
    prefetch: dict[str, Resource | None] | None = None
    fhirServer: str | None = None
    fhirAuthorization: _Authorization | None = None
    extension: msgspec.Raw = msgspec.Raw(b"")


class RequestParser:
    """Reads the requests of one service; `resource_type` is the msgspec type of a prefetched resource."""

    __slots__ = ("_any", "_envelope", "_resource", "hook", "limits")

    def __init__(self, hook: str, resource_type: Any = None, limits: Limits | None = None) -> None:
        self.hook, self.limits = hook, limits or Limits()
        # Raw takes no part in a union: without a resource type, null is told from data by its bytes.
        self._resource = None if resource_type is None else msgspec.json.Decoder(resource_type | None)
        self._envelope: msgspec.json.Decoder[_Envelope[Any, Any]] | None = None
        if resource_type is not None:
            envelope: Any = _Envelope
            self._envelope = msgspec.json.Decoder(envelope[resource_type, context_type(hook)])
        self._any = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def parse(self, body: bytes, arrival: Arrival) -> HookRequest:
        """The request in `body`, or a refusal that names the member that does not hold."""
        body = check_text(body, self.limits)
        try:
            envelope = self._decode(body)
            return self._request(envelope, arrival, body)
        except RecursionError:
            raise TooDeep("The JSON is nested too deeply.") from None

    def _decode(self, body: bytes) -> _Envelope[Any, Any]:
        if self._envelope is not None:
            try:
                return self._envelope.decode(body)
            except msgspec.ValidationError:
                pass  # said in words, or read around, below
            except msgspec.DecodeError as error:
                raise MalformedRequest(f"The body is not JSON: {error}.") from None
        return self._decode_slowly(body)

    def _decode_slowly(self, body: bytes) -> _Envelope[Any, Any]:
        try:
            members = check_envelope(body)
        except msgspec.DecodeError as error:
            raise MalformedRequest(f"The body is not JSON: {error}.") from None
        prefetch = members.pop("prefetch", None)
        rest = (
            b"{"
            + b",".join(b'"%b":%b' % (name.encode(), bytes(members[name])) for name in _KNOWN if name in members)
            + b"}"
        )
        envelope = _WITHOUT_PREFETCH.decode(rest)
        if prefetch is not None and prefetch != _NULL:
            envelope.prefetch = {key: self._prefetched(raw) for key, raw in self._any.decode(prefetch).items()}
        return envelope

    def _prefetched(self, raw: msgspec.Raw) -> object:
        if raw == _NULL:
            return None
        if self._resource is not None:
            try:
                return self._resource.decode(raw)
            except msgspec.ValidationError:
                pass  # patient_data reads it resource by resource
        return raw

    def _request(self, envelope: _Envelope[Any, Any], arrival: Arrival, body: bytes) -> HookRequest:
        if envelope.hook != self.hook:
            if not envelope.hook:
                raise MalformedRequest("hook is empty.", member="hook")
            what = f'The hook of this service is "{self.hook}"; the request is for another one.'
            raise WrongHook(what, member="hook", remedy="Call the service that discovery lists for that hook.")
        instance = envelope.hookInstance.removeprefix("urn:uuid:")
        if not instance:
            raise MalformedRequest("hookInstance is empty.", member="hookInstance")
        extension = self._extension(envelope.extension)
        server = _fhir_server(envelope.fhirServer)
        if envelope.fhirAuthorization is not None and server is None:
            raise MalformedRequest(
                "fhirAuthorization stands without fhirServer.", member="fhirServer", remedy="Send both, or neither."
            )
        return HookRequest(
            hook=envelope.hook,
            hook_instance=instance,
            context=parse_context(envelope.hook, envelope.context, self.limits, self._resource),
            as_of=_as_of(extension, arrival),
            call_id=arrival.call_id,
            prefetch=envelope.prefetch or {},
            fhir_server=server,
            fhir_authorization=_authorization(envelope.fhirAuthorization),
            client=arrival.client,
            extension=extension,
            received=arrival.now,
            body=body,
        )

    def _extension(self, raw: msgspec.Raw) -> Mapping[str, Any]:
        text = bytes(raw)
        if not text or text == b"null":
            return {}
        if text[:1] != b"{":
            raise MalformedRequest("extension must be an object.", member="extension")
        check_depth(text, self.limits)
        try:
            decoded: dict[str, Any] = msgspec.json.decode(text)
        except msgspec.ValidationError:
            return {}  # numbers beyond our range: none of ours, and none may be required
        return decoded


_KNOWN = ("hook", "hookInstance", "context", "fhirServer", "fhirAuthorization", "extension")
_WITHOUT_PREFETCH: msgspec.json.Decoder[_Envelope[Any, Any]] = msgspec.json.Decoder(
    _Envelope[Any, dict[str, msgspec.Raw]]
)


def check_text(body: bytes, limits: Limits) -> bytes:
    """The body without a byte order mark, once its size, its encoding and the length of its numbers hold."""
    if len(body) > limits.size:
        raise TooLarge(f"The body has more than {limits.size} bytes.")
    check_numbers(body, limits)
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedRequest(f"The body is not UTF-8 (byte {error.start}).") from None
    return body.removeprefix(b"\xef\xbb\xbf")


def _fhir_server(text: str | None) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise MalformedRequest("fhirServer must be an absolute http or https URL.", member="fhirServer")
    return text.rstrip("/")


def _authorization(sent: _Authorization | None) -> FhirAuthorization | None:
    if sent is None:
        return None
    if sent.token_type.lower() != "bearer":
        member = "fhirAuthorization.token_type"
        raise MalformedRequest(f"{member} must be Bearer.", member=member)
    if not sent.access_token or not sent.access_token.isprintable() or not sent.access_token.isascii():
        member = "fhirAuthorization.access_token"
        raise MalformedRequest(f"{member} must be a token.", member=member)
    return FhirAuthorization(sent.access_token, sent.scope, sent.subject, sent.patient, sent.expires_in)


def _as_of(extension: Mapping[str, Any], arrival: Arrival) -> datetime:
    member = arrival.as_of_member
    if member is None or member not in extension:
        return arrival.now
    text = extension[member]
    try:
        as_of = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        as_of = None
    if as_of is None or as_of.tzinfo is None:
        name = f"extension.{member}"
        raise MalformedRequest(f"{name} must be a date and time with a time zone.", member=name)
    return as_of
