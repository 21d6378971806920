"""What can be wrong with terminology content, or with a question about it."""

from __future__ import annotations

from cds_service.errors import CdsError, ContentError


class UnreadableArtifact(ContentError):
    """A file or package that should hold terminology and does not."""

    code = "unreadable-terminology"


class UnknownValueSet(ContentError):
    """A value set that somebody uses and nobody brought."""

    code = "unknown-value-set"


class UnresolvableValueSet(ContentError):
    """A value set whose definition needs something that is not at hand."""

    code = "unresolvable-value-set"


class TerminologyServerFailed(ContentError):
    """A terminology server that was needed while content loaded, and did not help."""

    code = "terminology-server"


class OperationFailed(CdsError):
    """A terminology operation that cannot be answered; `status` and `issue` say how HTTP and FHIR call it."""

    code = "terminology-operation"

    def __init__(self, what: str, *, status: int, issue: str, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.status = status
        self.issue = issue
