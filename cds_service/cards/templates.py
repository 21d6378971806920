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
    lines: list[str] = []
    for line in template.splitlines():
        lines.extend(_fill_lines(line, values))
    return _tidy(lines)


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


def _tidy(lines: list[str]) -> str:
    """Without headings that nothing follows, and with at most one empty line in a row."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        following = next((after.strip() for after in lines[number + 1 :] if after.strip()), "")
        is_heading = stripped.startswith("#") or (stripped.startswith("**") and stripped.endswith(":**"))
        is_empty_heading = is_heading and (not following or following.startswith(("#", "**")))
        if is_empty_heading or (not stripped and (not kept or not kept[-1].strip())):
            continue
        kept.append(line.rstrip())
    return "\n".join(kept).strip()
