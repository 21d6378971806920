"""Card texts from templates: `{placeholders}` filled with what was found, lines without anything to say left out."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.hooks.text import SUMMARY_LIMIT
from cds_service.proposals.proposals import PLACEHOLDER

Values = Mapping[str, tuple[str, ...]]


def fill_summary(forms: tuple[str, ...], values: Values) -> str | None:
    """The first of `forms` that has all its parts and is short enough; else the last complete one."""
    complete = [text for form in forms if (text := fill_line(form, values)) is not None]
    short = next((text for text in complete if len(text) <= SUMMARY_LIMIT), None)
    return short if short is not None else (complete[-1] if complete else None)


def fill_detail(template: str, values: Values) -> str:
    """The text of `template`: a line with a part that is empty is left out, a list line is repeated for each entry."""
    blocks: list[list[str]] = [[]]
    for line in template.splitlines():
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    filled = ("\n".join(_fill_block(block, values)) for block in blocks)
    return "\n\n".join(text for text in filled if text)


def fill_line(line: str, values: Values) -> str | None:
    """`line` with its parts filled in, several entries joined by commas; None where a part is empty."""
    names = PLACEHOLDER.findall(line)
    if any(not values.get(name) for name in names):
        return None
    return PLACEHOLDER.sub(lambda match: ", ".join(values[match.group(1)]), line)


def _fill_lines(line: str, values: Values) -> list[str]:
    names = PLACEHOLDER.findall(line)
    if not names:
        return [line]
    several = [name for name in names if len(values.get(name, ())) > 1]
    if line.lstrip().startswith(("- ", "* ")) and several:
        name = several[0]
        single = (fill_line(line, {**values, name: (entry,)}) for entry in values[name])
        return [text for text in single if text is not None]
    filled = fill_line(line, values)
    return [] if filled is None else [filled]


def _fill_block(block: list[str], values: Values) -> list[str]:
    """The lines of a paragraph; a heading goes with what it heads, down to the next heading or the end."""
    kept: list[str] = []
    heading: str | None = None
    for line in block:
        filled = [text.rstrip() for text in _fill_lines(line, values)]
        if _is_heading(line):
            heading = filled[0] if filled else None
        elif filled:
            if heading is not None:
                kept.append(heading)
                heading = None
            kept.extend(filled)
    return kept


def _is_heading(line: str) -> bool:
    stripped = line.strip()
    return stripped.startswith("#") or (stripped.startswith("**") and stripped.endswith(":**"))
