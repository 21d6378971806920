"""Text for cards: summaries of the right length, foreign text that cannot become markup, moments."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import to_builtins

SUMMARY_LIMIT = 139  # CDS Hooks: fewer than 140 characters
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>:@])")


def shorten(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """`text` on one line, cut at a word and marked with an ellipsis where it is longer than `limit`."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    if line[limit - 1] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:-(") + "…"


def escape(text: str) -> str:
    """Text from outside on one line, in which neither Markdown nor HTML means anything."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    return _MARKUP.sub(r"\\\1", line)


def moment_text(moment: datetime) -> str:
    """A moment to the second, as FHIR writes it: `2025-06-15T09:00:00Z`."""
    text: str = to_builtins(moment)
    return text[:19] + text[19:].lstrip(".0123456789")
