"""FHIRPath text to tokens."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from cds_service.errors import Span
from cds_service.fhirpath.failures import FhirPathSyntaxError

WORD, NAME, STRING, NUMBER, LONG, DATE, DATETIME, TIME, SYMBOL, END = range(10)


class Token(NamedTuple):
    """A piece of the text and what it means."""

    kind: int
    value: str
    start: int
    end: int


_CLOCK = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_DAY = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<datetime>@{_DAY}T(?:{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?(?![0-9A-Za-z:]))
  | (?P<date>@{_DAY}(?![0-9A-Za-z:]|-[0-9]))
  | (?P<time>@T{_CLOCK}(?![0-9A-Za-z:]|[+-][0-9]{{2}}:))
  | (?P<long>[0-9]+L(?![0-9A-Za-z_]))
  | (?P<number>[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_]))
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<name>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
  | (?P<symbol><=|>=|!=|!~|\$(?:this|index|total)\b|/(?!\*)|[-+*&|=<>~.,(){{}}\[\]%])
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {
    "word": WORD,
    "name": NAME,
    "string": STRING,
    "number": NUMBER,
    "long": LONG,
    "date": DATE,
    "datetime": DATETIME,
    "time": TIME,
    "symbol": SYMBOL,
}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REASONS = {
    "'": ("This text has no closing quote.", "Close it with '."),
    "`": ("This name has no closing backtick.", "Close it with `."),
    '"': ("This name has no closing quote.", 'Close it with ".'),
    "/*": ("This comment is never closed.", "Close it with */."),
    "@": ("This is not a date or time.", "Write @2025-01-31, @2025-01-31T09:30 or @T09:30 (a time has no zone)."),
    "$": ("This is not a variable.", "Only $this, $index and $total begin with $."),
}


class Source:
    """One expression with its file name; turns offsets into places."""

    __slots__ = ("file", "text")

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file

    def span(self, start: int, end: int) -> Span:
        """The place between two offsets."""
        line_start = self.text.rfind("\n", 0, start) + 1
        return Span(self.file, self.text.count("\n", 0, start) + 1, start - line_start + 1, max(end - start, 1))

    def fail(self, what: str, start: int, end: int, remedy: str = "") -> NoReturn:
        """Raises the error that says `what` is wrong between two offsets."""
        raise FhirPathSyntaxError(what, where=self.span(start, end), remedy=remedy)


def tokenize(source: Source) -> list[Token]:
    """All tokens, closed by an END."""
    tokens: list[Token] = []
    position, text = 0, source.text
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            _fail_unreadable(source, position)
        group, value, start = str(match.lastgroup), match.group(), position
        position = match.end()
        if group == "space":
            continue
        if group in ("string", "name"):
            value = _unescape(source, start + 1, position - 1)
        elif group in ("date", "datetime"):
            value = value[1:]
        elif group == "time":
            value = value[2:]
        elif group == "long":
            value = value[:-1]
        tokens.append(Token(_KINDS[group], value, start, position))
    tokens.append(Token(END, "", len(text), len(text)))
    return tokens


def _fail_unreadable(source: Source, position: int) -> NoReturn:
    for start, (what, remedy) in _REASONS.items():
        if source.text.startswith(start, position):
            source.fail(what, position, position + 1, remedy)
    if source.text[position].isdigit():
        source.fail("This is not a number.", position, position + 1, "Put a unit into quotes after a space: 5 'mg'.")
    source.fail(f"`{source.text[position]}` has no meaning in FHIRPath.", position, position + 1, "Remove it.")


def _unescape(source: Source, start: int, end: int) -> str:
    raw = source.text[start:end]
    if "\\" not in raw:
        return raw

    def meaning(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            at = start + match.start()
            remedy = "Known are \\' \\\" \\` \\\\ \\/ \\f \\n \\r \\t \\uXXXX."
            source.fail(f"`\\{escape}` is not an escape.", at, at + 2, remedy)
        return _ESCAPES[escape]

    return _ESCAPE.sub(meaning, raw)
