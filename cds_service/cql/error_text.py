"""Mistakes as an author reads them: the message, the line, and a mark under what is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.errors import CdsError, ErrorGroup


def flattened(error: CdsError) -> tuple[CdsError, ...]:
    """The single errors of a group; an error alone is itself."""
    return error.errors if isinstance(error, ErrorGroup) else (error,)


def show_errors(errors: Iterable[CdsError], texts: Mapping[str, str]) -> str:
    """Every error with the line that it is about; `texts` are the sources by file name."""
    return "\n".join(_shown(error, texts) for error in errors)


def _shown(error: CdsError, texts: Mapping[str, str]) -> str:
    where = error.where
    lines = texts.get(where.file, "").splitlines() if where is not None else []
    if where is None or not 0 < where.line <= len(lines):
        return str(error)
    line = lines[where.line - 1].replace("\t", " ")
    length = max(1, min(where.length, len(line) - where.column + 1))
    return f"{error}\n    {line}\n    {' ' * (where.column - 1)}{'^' * length}"
