"""What is wrong with a text that is not CQL, told so that its author can mend it."""

from __future__ import annotations

from cds_service.errors import ContentError, Span


class CqlSyntaxError(ContentError):
    """A text that the grammar of CQL does not allow; `source_line` is the line it stands on."""

    code = "cql-syntax"

    def __init__(self, what: str, *, where: Span, remedy: str = "", source_line: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.source_line = source_line
