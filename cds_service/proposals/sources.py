"""Where a statement comes from: the citation as content gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Citation:
    """A source by its id in the content, with the section and perhaps an address."""

    source: str
    section: str = ""
    url: str | None = None


def citations_of(element: Mapping[str, Any]) -> tuple[Citation, ...]:
    """The citations in `documentation` or `relatedArtifact` of a FHIR element."""
    found = []
    for name in ("documentation", "relatedArtifact"):
        entries = element.get(name)
        for entry in entries if isinstance(entries, list) else [entries] if isinstance(entries, Mapping) else []:
            if entry.get("type") in {"citation", "documentation", "justification", "derived-from", None}:
                text = str(entry.get("display") or entry.get("citation") or "")
                found.append(Citation(str(entry.get("label") or ""), text, entry.get("url") or entry.get("document")))
    return tuple(found)
