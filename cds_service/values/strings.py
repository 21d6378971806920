"""Strings: parts, positions, patterns. Patterns are Python's, with `.` matching line ends as well.

A substitution refers to groups as `$1` or `${name}`; a backslash takes the meaning from the next character.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Sequence
from functools import lru_cache

from cds_service.values.failures import IncompatibleValues
from cds_service.values.logic import Truth

Text = str | None


def concatenate(left: Text, right: Text) -> Text:
    """`left + right`."""
    return None if left is None or right is None else left + right


def ampersand(left: Text, right: Text) -> str:
    """`left & right`: null counts as the empty string."""
    return (left or "") + (right or "")


def combine(texts: Sequence[Text] | None, separator: Text = "") -> Text:
    """The texts in one, separated; nulls are left out, and no text at all gives null."""
    present = [text for text in texts or () if text is not None]
    return (separator or "").join(present) if present else None


def ends_with(text: Text, suffix: Text) -> Truth:
    """Whether `text` ends with `suffix`."""
    return None if text is None or suffix is None else text.endswith(suffix)


def starts_with(text: Text, prefix: Text) -> Truth:
    """Whether `text` starts with `prefix`."""
    return None if text is None or prefix is None else text.startswith(prefix)


def indexer(text: Text, index: int | None) -> Text:
    """The character at a position; null beyond the text."""
    return text[index] if text is not None and index is not None and 0 <= index < len(text) else None


def position_of(pattern: Text, text: Text) -> int | None:
    """Where `pattern` first appears in `text`, -1 if it does not."""
    return None if pattern is None or text is None else text.find(pattern)


def last_position_of(pattern: Text, text: Text) -> int | None:
    """Where `pattern` last appears in `text`, -1 if it does not."""
    return None if pattern is None or text is None else text.rfind(pattern)


def length(text: Text) -> int | None:
    """The number of characters."""
    return None if text is None else len(text)


def lower(text: Text) -> Text:
    """The text in lower case."""
    return None if text is None else text.lower()


def upper(text: Text) -> Text:
    """The text in upper case."""
    return None if text is None else text.upper()


def substring(text: Text, start: int | None, count: int | None = None) -> Text:
    """The characters from a position on, at most `count`; null if there is no such position (0 always is one)."""
    if text is None or start is None or start < 0 or (start >= len(text) and start > 0):
        return None
    return text[start:] if count is None else text[start : start + max(count, 0)]


def split(text: Text, separator: Text) -> list[str] | None:
    """The parts of a text between separators; the whole text without a separator."""
    if text is None:
        return None
    return text.split(separator) if separator else [text]


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise IncompatibleValues(f"A pattern is no regular expression ({error}).", remedy="Correct it.") from None


def matches(text: Text, pattern: Text) -> Truth:
    """Whether some part of the text matches the pattern (`^…$` for the whole of it)."""
    return None if text is None or pattern is None else _pattern(pattern).search(text) is not None


def matches_full(text: Text, pattern: Text) -> Truth:
    """Whether the whole text matches the pattern."""
    return None if text is None or pattern is None else _pattern(pattern).fullmatch(text) is not None


def split_on_matches(text: Text, pattern: Text) -> list[str] | None:
    """The parts of a text between matches of the pattern."""
    if text is None:
        return None
    if not pattern:
        return [text]
    parts, position = [], 0
    for match in _pattern(pattern).finditer(text):
        if match.end() > match.start():
            parts.append(text[position : match.start()])
            position = match.end()
    return [*parts, text[position:]]


_REFERENCE = re.compile(r"\\(.)|\$(?:\{(\w+)\}|(\d+))|(.)", re.DOTALL)


@lru_cache(maxsize=512)
def _template(substitution: str) -> tuple[str | int, ...]:
    """Text and group references of a substitution; a reference by name stands as `\\0name`."""
    parts: list[str | int] = []
    for escaped, name, number, plain in _REFERENCE.findall(substitution):
        if number:
            parts.append(int(number))
        elif name:
            parts.append(int(name) if name.isdigit() else f"\0{name}")
        else:
            parts.append(escaped or plain)
    return tuple(parts)


def replace_matches(text: Text, pattern: Text, substitution: Text) -> Text:
    """The text with every match of the pattern replaced."""
    if text is None or pattern is None or substitution is None:
        return None
    template = _template(substitution)

    def replacement(match: re.Match[str]) -> str:
        try:
            return "".join(
                (match.group(part) or "")
                if isinstance(part, int)
                else (match.group(part[1:]) or "")
                if part[:1] == "\0"
                else part
                for part in template
            )
        except (IndexError, re.error):
            raise IncompatibleValues(
                "A substitution refers to a group that the pattern does not have.", remedy="Count its groups."
            ) from None

    return _pattern(pattern).sub(replacement, text)


def fhirpath_replace_matches(text: Text, pattern: Text, substitution: Text) -> Text:
    """As `replace_matches`; an empty pattern replaces nothing."""
    return text if pattern == "" and substitution is not None else replace_matches(text, pattern, substitution)


def contains_text(text: Text, part: Text) -> Truth:
    """Whether `part` appears in `text`."""
    return None if text is None or part is None else part in text


def index_of(text: Text, part: Text) -> int | None:
    """Where `part` first appears in `text`, -1 if it does not."""
    return position_of(part, text)


def last_index_of(text: Text, part: Text) -> int | None:
    """Where `part` last appears in `text`, -1 if it does not."""
    return last_position_of(part, text)


def fhirpath_substring(text: Text, start: int | None, count: int | None = None) -> Text:
    """As `substring`, but null for every position at or beyond the end."""
    return None if text is None or start is None or start >= len(text) else substring(text, start, count)


def replace(text: Text, part: Text, substitution: Text) -> Text:
    """The text with every appearance of `part` replaced; an empty part stands between and around all characters."""
    return None if text is None or part is None or substitution is None else text.replace(part, substitution)


def to_chars(text: Text) -> list[str]:
    """The characters one by one."""
    return list(text or "")


def trim(text: Text) -> Text:
    """The text without white space at its ends."""
    return None if text is None else text.strip()


def join(texts: Sequence[Text], separator: Text = "") -> str:
    """The texts in one, separated; the empty string for none."""
    return (separator or "").join(text for text in texts if text is not None)


def encode(text: Text, form: Text) -> Text:
    """The text's UTF-8 in `hex`, `base64` or `urlbase64`; null for another form."""
    if text is None or form is None:
        return None
    data = text.encode()
    if form == "hex":
        return data.hex()
    if form == "base64":
        return base64.b64encode(data).decode()
    return base64.urlsafe_b64encode(data).decode() if form == "urlbase64" else None


def decode(text: Text, form: Text) -> Text:
    """The text that `encode` was given; null for what is not of that form."""
    if text is None or form is None:
        return None
    try:
        if form == "hex":
            return bytes.fromhex(text).decode()
        if form == "base64":
            return base64.b64decode(text, validate=True).decode()
        if form == "urlbase64":
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error):
        return None
    return None


def escape(text: Text, target: Text) -> Text:
    """The text safe to stand in `html` or a `json` string; null for another target."""
    if text is None or target is None:
        return None
    if target == "html":
        return html.escape(text)
    return json.dumps(text, ensure_ascii=False)[1:-1] if target == "json" else None


def unescape(text: Text, target: Text) -> Text:
    """The text that `escape` was given; null for what is not of that form."""
    if text is None or target is None:
        return None
    if target == "html":
        return html.unescape(text)
    if target == "json":
        try:
            result = json.loads(f'"{text}"')
        except ValueError:
            return None
        return result if isinstance(result, str) else None
    return None
