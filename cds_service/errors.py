"""Every error this service can explain, as one tree; each knows where it happened and what would put it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source text: file, line and column (both from 1), and the length of what is meant."""

    file: str
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class CdsError(Exception):
    """A failure we can explain: what happened, where, and what would put it right."""

    code: ClassVar[str] = "cds-error"  # stable: logs, docs and tests refer to it

    def __init__(self, what: str, *, where: Span | None = None, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what} {self.remedy}".rstrip() + f" [{self.code}]"


class ContentError(CdsError):
    """A mistake in content: found at load, shown together with all others, never served."""

    code = "content-error"


class EvaluationError(CdsError):
    """Logic that compiled but could not be evaluated for this patient."""

    code = "evaluation-error"


class ErrorGroup(CdsError):
    """Several errors that were collected before anything was given up."""

    code = "errors"

    def __init__(self, errors: tuple[CdsError, ...]) -> None:
        super().__init__(f"{len(errors)} error(s)")
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
