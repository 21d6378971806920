"""Card texts from templates: `{placeholders}` filled with what was found, lines without anything to say left out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from cds_service.hooks.text import SUMMARY_LIMIT
from cds_service.proposals.proposals import PLACEHOLDER, Words

Values = Mapping[str, tuple[str, ...]]


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a template."""

    pattern: str  # with %s in place of each placeholder
    names: tuple[str, ...]  # the placeholders
    is_entry: bool  # of a list: repeated where a placeholder has several entries
    is_heading: bool
    only_name: str  # the placeholder of a line that has just one, as most have; with the texts around it
    before: str
    after: str


@lru_cache(maxsize=4096)
def _line(text: str) -> _Line:
    parts = PLACEHOLDER.split(text)
    texts, names = parts[::2], tuple(parts[1::2])
    stripped = text.strip()
    is_heading = stripped.startswith("#") or (stripped.startswith("**") and stripped.endswith(":**"))
    return _Line(
        pattern="%s".join([text.replace("%", "%%") for text in texts]),
        names=names,
        is_entry=stripped.startswith(("- ", "* ")),
        is_heading=is_heading,
        only_name=names[0] if len(names) == 1 else "",
        before=texts[0],
        after=texts[-1],
    )


@lru_cache(maxsize=512)
def _forms(texts: tuple[str, ...]) -> tuple[_Line, ...]:
    return tuple(_line(text) for text in texts)


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
    words = values if isinstance(values, Words) else Words(values)
    last = None
    for form in _forms(forms):
        text = _fill(form, words)
        if text is not None:
            if len(text) <= SUMMARY_LIMIT:
                return text
            last = text
    return last


def fill_detail(template: str, values: Values) -> str:
    """The text of `template`: a line with a part that is empty is left out, a list line is repeated for each entry.

    A heading goes with what it heads, down to the next heading or the end of its paragraph.
    """
    words = values if isinstance(values, Words) else Words(values)
    paragraphs: list[str] = []
    for block in _blocks(template):
        kept: list[str] = []
        heading: str | None = None
        for line in block:
            if line.is_heading:
                heading = _fill(line, words) if line.names else line.before
                continue
            if line.only_name:
                entries = words[line.only_name]
                if not entries:
                    continue
                if line.is_entry:
                    filled = [f"{line.before}{entry}{line.after}" for entry in entries]
                else:
                    filled = [f"{line.before}{', '.join(entries)}{line.after}"]
            elif not line.names:
                filled = [line.before]
            else:
                filled = _fill_several(line, words)
                if not filled:
                    continue
            if heading is not None:
                kept.append(heading)
                heading = None
            kept += filled
        if kept:
            paragraphs.append("\n".join(kept))
    return "\n\n".join(paragraphs)


def _fill_several(line: _Line, words: Words) -> list[str]:
    """The line, for each entry of the first placeholder that has several if it is one of a list."""
    if line.is_entry:
        for name in line.names:
            entries = words[name]
            if len(entries) > 1:
                each = [_fill(line, words, name, entry) for entry in entries]
                return [text for text in each if text is not None]
    filled = _fill(line, words)
    return [] if filled is None else [filled]


def _fill(line: _Line, words: Words, repeated: str = "", entry: str = "") -> str | None:
    """The line with its parts filled in, several entries joined by commas; None where a part is empty.

    Of the `repeated` part this line has one entry.
    """
    filled = []
    for name in line.names:
        entries = words[name] if name != repeated else (entry,)
        if not entries:
            return None
        filled.append(entries[0] if len(entries) == 1 else ", ".join(entries))
    return line.pattern % tuple(filled)
