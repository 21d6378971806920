"""A text with its file name: turns offsets into places."""

from __future__ import annotations

from bisect import bisect_right
from typing import NoReturn

from cds_service.cql.syntax_errors import CqlSyntaxError
from cds_service.errors import Span


class Source:
    """One CQL text; lines end at a line feed, with or without a carriage return before it."""

    __slots__ = ("_starts", "file", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        starts = [0]
        position = text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = text.find("\n", position + 1)
        self._starts = starts

    def span(self, start: int, end: int) -> Span:
        """The place from `start` to `end`; its length stops at the end of the first line."""
        line = bisect_right(self._starts, start)
        begin = self._starts[line - 1]
        if line < len(self._starts) and end >= self._starts[line]:
            end = self._starts[line] - 1
        return Span(self.file, line, start - begin + 1, max(end - start, 1))

    def line_of(self, offset: int) -> int:
        """The line that `offset` stands on, from 1."""
        return bisect_right(self._starts, offset)

    def line_text(self, line: int) -> str:
        """The text of a line without its end."""
        begin = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        return self.text[begin:end].rstrip("\r")

    def error(self, what: str, start: int, end: int, remedy: str = "") -> CqlSyntaxError:
        """The error that says `what` is wrong between two offsets."""
        where = self.span(start, end)
        return CqlSyntaxError(what, where=where, remedy=remedy, source_line=self.line_text(where.line))

    def fail(self, what: str, start: int, end: int, remedy: str = "") -> NoReturn:
        """Raises the error that says `what` is wrong between two offsets."""
        raise self.error(what, start, end, remedy)
