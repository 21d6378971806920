"""References between resources: relative, absolute, versioned, `urn:uuid:`, and into `contained`."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_LITERAL = re.compile(
    r"^(?:(?P<base>https?://[^#?\s]+?)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64}|[^/#?\s]+)"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?(?:#(?P<fragment>\S+))?$"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference says: the type and id it names, on which server, in which version, or which contained part."""

    type: str | None = None
    id: str | None = None
    version: str | None = None
    base: str | None = None
    fragment: str | None = None
    url: str | None = None
    """The whole text where it is no `Type/id`: `urn:uuid:…`, or another absolute URL."""

    @property
    def is_contained(self) -> bool:
        return self.fragment is not None and self.id is None

    @property
    def relative(self) -> str | None:
        """`Type/id`, or none."""
        return f"{self.type}/{self.id}" if self.type and self.id else None


@functools.lru_cache(maxsize=8192)
def parse_reference(text: str) -> Reference:
    """The parts of a reference; what has no form that FHIR knows is kept as its URL."""
    if text.startswith("#"):
        return Reference(fragment=text[1:])
    match = _LITERAL.match(text)
    if match is None:
        return Reference(url=text)
    return Reference(match["type"], match["id"], match["version"], match["base"], match["fragment"])


def names_patient(text: str | None, patient_id: str) -> bool | None:
    """Whether a reference is to that patient; None when it is to no patient at all, or not told by its text."""
    if not text:
        return None
    # The usual form first: most resources of a request say just this.
    if text.startswith("Patient/") and text[8:] == patient_id:
        return True
    reference = parse_reference(text)
    if reference.type != "Patient":
        return None
    return reference.id == patient_id
