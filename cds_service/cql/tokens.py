"""CQL text to tokens: words, names, literals and symbols, comments kept aside."""

from __future__ import annotations

import re
from typing import NamedTuple

from cds_service.cql.source import Source
from cds_service.cql.syntax_errors import CqlSyntaxError

# Kinds of token. A word is an unquoted name or keyword; which of the two, the grammar decides.
WORD, NAME, STRING, NUMBER, LONG, DATE, DATETIME, TIME, SYMBOL, END = range(10)


class Token(NamedTuple):
    """A piece of the text; `value` is its meaning (escapes resolved, delimiters gone)."""

    kind: int
    value: str
    start: int
    end: int


class Comment(NamedTuple):
    """A comment without its delimiters."""

    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\u00a0\ufeff]+)
  | (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?!\w))
  | (?P<datetime>@[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?T
        (?:[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)
  | (?P<date>@[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)
  | (?P<time>@T[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?)
  | (?P<long>[0-9]+L)
  | (?P<number>[0-9]+(?:\.[0-9]+)?)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<name>"(?:[^"\\]|\\.)*")
  | (?P<tick>`(?:[^`\\]|\\.)*`)
  | (?P<symbol><=|>=|!=|!~|->|\$(?:this|index|total)\b|/(?!\*)|[-+*^&|=<>~.,:;(){}\[\]%])
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {"word": WORD, "long": LONG, "number": NUMBER, "symbol": SYMBOL}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_STARTS = {
    "'": ("This text has no closing quote.", "Close it with '."),
    '"': ("This name has no closing quote.", 'Close it with ".'),
    "`": ("This name has no closing backtick.", "Close it with `."),
    "/*": ("This comment is never closed.", "Close it with */."),
    "@": ("This is not a date or time.", "Write @2025-01-31, @2025-01-31T09:30 or @T09:30."),
    "$": ("This is not a name.", "Only $this, $index and $total begin with $."),
    "\u2018": ("A typographic quote cannot delimit text.", "Use the straight quote '."),
    "\u2019": ("A typographic quote cannot delimit text.", "Use the straight quote '."),
    "\u201c": ("A typographic quote cannot delimit a name.", 'Use the straight quote ".'),
    "\u201d": ("A typographic quote cannot delimit a name.", 'Use the straight quote ".'),
    "\u2264": ("This sign is not an operator of CQL.", "Write <=."),
    "\u2265": ("This sign is not an operator of CQL.", "Write >=."),
    "\u2260": ("This sign is not an operator of CQL.", "Write !=."),
    "!": ("An exclamation mark alone is not an operator.", "Write != or !~, or `not` before a condition."),
}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def tokenize(source: Source) -> tuple[list[Token], list[Comment], list[CqlSyntaxError]]:
    """The tokens (closed by an END), the comments, and what could not be read."""
    tokens: list[Token] = []
    comments: list[Comment] = []
    errors: list[CqlSyntaxError] = []
    text = source.text
    position, end_of_text = 0, len(text)
    match_at = _TOKEN.match
    while position < end_of_text:
        match = match_at(text, position)
        if match is None:
            position = _report_unreadable(source, position, errors)
            continue
        start, position = position, match.end()
        group = match.lastgroup
        if group == "space":
            continue
        if group == "word" or group == "symbol":
            tokens.append(Token(_KINDS[group], match.group(), start, position))
        elif group == "line":
            comments.append(Comment(text[start + 2 : position].rstrip("\r"), start, position))
        elif group == "block":
            comments.append(Comment(text[start + 2 : position - 2], start, position))
        else:
            try:
                tokens.append(_literal(source, str(group), start, position))
            except CqlSyntaxError as error:
                errors.append(error)
                tokens.append(Token(STRING if group == "string" else NAME, match.group(), start, position))
    tokens.append(Token(END, "", end_of_text, end_of_text))
    return tokens, comments, errors


def _report_unreadable(source: Source, position: int, errors: list[CqlSyntaxError]) -> int:
    """Notes why nothing can be read at `position`; the offset to go on from."""
    text = source.text
    for start, (what, remedy) in _STARTS.items():
        if text.startswith(start, position):
            errors.append(source.error(what, position, position + 1, remedy))
            # What an unclosed delimiter opens is not worth reading: go on with the next line.
            unclosed = start in ("'", '"', "`", "/*")
            line_end = text.find("\n", position)
            return (len(text) if line_end < 0 else line_end) if unclosed else position + 1
    character = text[position]
    if character.isalpha() or character == "_":
        end = position
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        remedy = f'Put the name into double quotes: "{text[position:end]}".'
        foreign = next((letter for letter in text[position:end] if not letter.isascii()), character)
        errors.append(source.error(f"An unquoted name cannot hold `{foreign}`.", position, end, remedy))
        return end
    errors.append(source.error(f"`{character}` has no meaning in CQL.", position, position + 1, "Remove it."))
    return position + 1


def _literal(source: Source, group: str, start: int, end: int) -> Token:
    text = source.text
    if group == "string":
        return Token(STRING, _unescape(source, start + 1, end - 1), start, end)
    if group == "name" or group == "tick":
        if end - start == 2:
            source.fail("A name cannot be empty.", start, end, "Write a name between the quotes.")
        return Token(NAME, _unescape(source, start + 1, end - 1), start, end)
    following = text[end : end + 1]
    if group == "number" or group == "long":
        if following.isalnum() or following == "_":
            source.fail(
                f"`{text[start : end + 1]}` is not a number.",
                start,
                end + 1,
                "Put a unit into quotes after a space: 5 'mg'.",
            )
        value = text[start : end - 1] if group == "long" else text[start:end]
        return Token(_KINDS[group], value, start, end)
    if group == "date":
        if following.isalnum() or (following == "-" and text[end + 1 : end + 2].isdigit()):
            source.fail("This is not a date.", start, end + 2, "Write months and days with two digits: @2025-01-05.")
        _check_date(source, text[start + 1 : end], start, end)
        return Token(DATE, text[start + 1 : end], start, end)
    if following.isalnum() or (following == ":" and text[end + 1 : end + 2].isdigit()):
        source.fail("This is not a time.", start, end + 2, "Write each part with two digits: @2025-01-05T09:05:00.")
    if group == "time":
        _check_time(source, text[start + 2 : end], start, end)
        return Token(TIME, text[start + 2 : end], start, end)
    date, _, time = text[start + 1 : end].partition("T")
    _check_date(source, date, start, end)
    if time:
        _check_time(source, time, start, end)
    return Token(DATETIME, text[start + 1 : end], start, end)


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
            source.fail(
                f"`\\{escape}` is not an escape.",
                at,
                at + 2,
                "Known are \\' \\\" \\` \\\\ \\/ \\f \\n \\r \\t \\uXXXX.",
            )
        return _ESCAPES[escape]

    return _ESCAPE.sub(meaning, raw)


def _check_date(source: Source, date: str, start: int, end: int) -> None:
    year, _, rest = date.partition("-")
    month, _, day = rest.partition("-")
    if year == "0000":
        source.fail("There is no year 0000.", start, end, "Years run from 0001 to 9999.")
    if month and not 1 <= int(month) <= 12:
        source.fail(f"There is no month {month}.", start, end, "Months run from 01 to 12.")
    if day:
        last = _DAYS[int(month) - 1]
        leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
        if month == "02" and not leap:
            last = 28
        if not 1 <= int(day) <= last:
            source.fail(f"There is no day {day} in {year}-{month}.", start, end, f"Days run from 01 to {last} there.")


def _check_time(source: Source, time: str, start: int, end: int) -> None:
    clock = re.split(r"[Z+-]", time)[0]
    offset = time[len(clock) :]
    for part, limit, word in zip(clock.split(":"), (23, 59, 59), ("hour", "minute", "second"), strict=False):
        if part and int(part.partition(".")[0]) > limit:
            source.fail(f"There is no {word} {part}.", start, end, f"A {word} runs from 00 to {limit}.")
    if len(offset) > 1 and (int(offset[1:3]) > 14 or int(offset[4:6]) > 59):
        source.fail(f"There is no time zone {offset}.", start, end, "Offsets run from -12:00 to +14:00.")
