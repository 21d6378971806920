"""The calls this service refuses, each as an error that names the member or the data concerned."""

from __future__ import annotations

from typing import ClassVar

from cds_service.errors import CdsError


class Refusal(CdsError):
    """A call that gets no advice, for a reason its sender can act on."""

    code = "refused"
    issue: ClassVar[str] = "processing"  # FHIR issue-type of the OperationOutcome


class MalformedRequest(Refusal):
    """The request is not what CDS Hooks says it is; `member` is the path of what is wrong."""

    code = "malformed-request"
    issue = "structure"

    def __init__(self, what: str, *, member: str = "", remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.member = member


class WrongHook(MalformedRequest):
    """The request is for another hook than the service that it was sent to."""

    code = "wrong-hook"
    issue = "invalid"


class UnmetNeed(Refusal):
    """Data that the advice cannot do without could not be had; `keys` names the prefetch keys."""

    code = "unmet-need"
    issue = "required"

    def __init__(self, what: str, *, keys: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.keys = keys


class UnusableContent(Refusal):
    """The JSON is sound, but the FHIR content in it cannot be used."""

    code = "unusable-content"
    issue = "invalid"


class UnknownService(Refusal):
    """Nothing is offered under this name."""

    code = "unknown-service"
    issue = "not-found"


class NotAllowed(Refusal):
    """A known client asks for what it may not have."""

    code = "not-allowed"
    issue = "forbidden"


class Unauthenticated(Refusal):
    """No valid token; why stays in our log."""

    code = "unauthenticated"
    issue = "login"


class NotJson(Refusal):
    """The body does not claim to be JSON."""

    code = "not-json"
    issue = "not-supported"


class Overloaded(Refusal):
    """More calls are being answered than this service takes on at a time."""

    code = "overloaded"
    issue = "throttled"
