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


@lru_cache(maxsize=2048)
def _forms(texts: tuple[str, ...], silent: frozenset[str]) -> tuple[_Line, ...]:
    """The forms of a summary, without those that a silent part stands in."""
    return tuple(line for line in map(_line, texts) if silent.isdisjoint(line.names))


class _Block(msgspec.Struct, frozen=True, gc=False):
    """A paragraph of a template."""

    lines: tuple[_Line, ...]
    only_line: _Line | None  # of a paragraph that has just one line to fill in, with one placeholder, as most have
    above: str  # the heading over that line


@lru_cache(maxsize=2048)
def _blocks(template: str, silent: frozenset[str]) -> tuple[_Block, ...]:
    """The paragraphs of a template, without the lines that a silent part stands in."""
    blocks: list[list[_Line]] = [[]]
    for text in template.splitlines():
        if text.strip():
            line = _line(text.rstrip())
            if line.is_heading or silent.isdisjoint(line.names):
                blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return tuple(_block(block) for block in blocks if not all(line.is_heading for line in block))


def _block(lines: list[_Line]) -> _Block:
    *headings, last = lines
    is_simple = len(headings) <= 1 and all(line.is_heading and not line.names for line in headings)
    if not is_simple or last.is_heading or not last.only_name:
        return _Block(tuple(lines), None, "")
    return _Block(tuple(lines), last, "".join(f"{line.before}\n" for line in headings))


def fill_summary(forms: tuple[str, ...], values: Values) -> str | None:
    """The first of `forms` that has all its parts and is short enough; else the last complete one."""
    words = values if isinstance(values, Words) else Words(values)
    last = None
    for form in _forms(forms, words.silent):
        if form.names and not words[form.names[-1]]:
            continue  # what only few cards can say tends to stand last
        text = _fill(form, words)
        if text is not None:
            if len(text) <= SUMMARY_LIMIT:
                return text
            last = text
    return last


def fill_detail(template: str, values: Values) -> str:
    """The text of `template`: a line with a part that is empty is left out, a list line is repeated for each entry."""
    words = values if isinstance(values, Words) else Words(values)
    paragraphs: list[str] = []
    for block in _blocks(template, words.silent):
        line = block.only_line
        if line is None:
            if text := _fill_block(block.lines, words):
                paragraphs.append(text)
        elif entries := words[line.only_name]:
            paragraphs.append(block.above + _fill_line(line, entries))
    return "\n\n".join(paragraphs)


def _fill_block(lines: tuple[_Line, ...], words: Words) -> str:
    """The lines of a paragraph; a heading goes with what it heads, down to the next heading or the end."""
    kept: list[str] = []
    heading: str | None = None
    for line in lines:
        if line.is_heading:
            heading = _fill(line, words) if line.names else line.before
            continue
        if line.only_name:
            entries = words[line.only_name]
            filled = _fill_line(line, entries) if entries else None
        elif line.is_entry:
            filled = _fill_each(line, words)
        else:
            filled = _fill(line, words)
        if filled:
            if heading is not None:
                kept.append(heading)
                heading = None
            kept.append(filled)
    return "\n".join(kept)


def _fill_line(line: _Line, entries: tuple[str, ...]) -> str:
    """A line with one placeholder, which stands for `entries`."""
    if len(entries) == 1:
        return f"{line.before}{entries[0]}{line.after}"
    if line.is_entry:
        return "\n".join([f"{line.before}{entry}{line.after}" for entry in entries])
    return f"{line.before}{', '.join(entries)}{line.after}"


def _fill_each(line: _Line, words: Words) -> str | None:
    """The line of a list, for each entry of the first placeholder that has several."""
    for name in line.names:
        entries = words[name]
        if len(entries) > 1:
            each = [_fill(line, words, name, entry) for entry in entries]
            return "\n".join([text for text in each if text is not None])
    return _fill(line, words)


def _fill(line: _Line, words: Words, repeated: str = "", entry: str = "") -> str | None:
    """The line with its parts filled in, several entries joined by commas; None where a part is empty.

    Of the `repeated` part this line has one entry.
    """
    filled: list[str] = []
    for name in line.names:
        entries = words[name] if name != repeated else (entry,)
        if not entries:
            return None
        filled.append(", ".join(entries))
    return line.pattern % tuple(filled)
