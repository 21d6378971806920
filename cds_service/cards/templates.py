"""Card texts from templates: `{placeholders}` filled with what was found, lines without anything to say left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cds_service.hooks.text import SUMMARY_LIMIT
from cds_service.proposals.proposals import PLACEHOLDER

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a template: its texts, with a placeholder after each but the last."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    is_entry: bool  # of a list: repeated where a placeholder has several entries
    is_heading: bool


@lru_cache(maxsize=4096)
def _line(text: str) -> _Line:
    parts = PLACEHOLDER.split(text)
    stripped = text.strip()
    is_heading = stripped.startswith("#") or (stripped.startswith("**") and stripped.endswith(":**"))
    return _Line(tuple(parts[::2]), tuple(parts[1::2]), stripped.startswith(("- ", "* ")), is_heading)


@lru_cache(maxsize=512)
def _blocks(template: str) -> tuple[tuple[_Line, ...], ...]:
    blocks: list[list[_Line]] = [[]]
    for text in template.splitlines():
        if text.strip():
            blocks[-1].append(_line(text.rstrip()))
        elif blocks[-1]:
            blocks.append([])
    return tuple(tuple(block) for block in blocks if block)


def fill_summary(forms: tuple[str, ...], values: Values) -> str | None:
    """The first of `forms` that has all its parts and is short enough; else the last complete one."""
    last = None
    for form in forms:
        text = _fill(_line(form), values)
        if text is not None:
            if len(text) <= SUMMARY_LIMIT:
                return text
            last = text
    return last


def fill_detail(template: str, values: Values) -> str:
    """The text of `template`: a line with a part that is empty is left out, a list line is repeated for each entry."""
    filled = ("\n".join(_fill_block(block, values)) for block in _blocks(template))
    return "\n\n".join(text for text in filled if text)


def _fill_block(block: tuple[_Line, ...], values: Values) -> list[str]:
    """The lines of a paragraph; a heading goes with what it heads, down to the next heading or the end."""
    kept: list[str] = []
    heading: str | None = None
    for line in block:
        if line.is_heading:
            heading = _fill(line, values)
            continue
        filled = _fill_all(line, values)
        if filled:
            if heading is not None:
                kept.append(heading)
                heading = None
            kept.extend(filled)
    return kept


def _fill_all(line: _Line, values: Values) -> list[str]:
    if line.is_entry:
        for name in line.names:
            entries = values.get(name, ())
            if len(entries) > 1:
                each = (_fill(line, values, name, entry) for entry in entries)
                return [text for text in each if text is not None]
    filled = _fill(line, values)
    return [] if filled is None else [filled]


def _fill(line: _Line, values: Values, repeated: str = "", entry: str = "") -> str | None:
    """The line with its parts filled in, several entries joined by commas; None where a part is empty.

    Of the `repeated` part this line has one entry.
    """
    if not line.names:
        return line.texts[0]
    parts = [line.texts[0]]
    for name, after in zip(line.names, line.texts[1:], strict=True):
        if name == repeated:
            parts += (entry, after)
            continue
        entries = values.get(name)
        if not entries:
            return None
        parts.append(entries[0] if len(entries) == 1 else ", ".join(entries))
        parts.append(after)
    return "".join(parts)
