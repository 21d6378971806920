"""Where a resource came from, and the resources of one place together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from cds_service.fhir.structs.decoding import Entry
from cds_service.fhir.structs.flavours import Struct

Source = Literal["prefetch", "server", "context", "said", "data"]


class Origin(msgspec.Struct, frozen=True):
    """The place that a resource came from: which kind, and under which key."""

    source: Source
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.key}" if self.key else self.source


class Batch(msgspec.Struct, frozen=True):
    """Resources with one origin, in the order they came in."""

    resources: Sequence[Struct]
    origin: Origin
    entries: Sequence[Entry] = ()  # where they stood in a Bundle
    groups: Sequence[Sequence[Struct]] | None = None  # the same, those of one type together, where that is known

    def by_type(self) -> Iterable[tuple[str, Sequence[Struct]]]:
        """The resources of each type."""
        if self.groups is not None:
            return [(group[0].fhir_type, group) for group in self.groups]  # type: ignore[attr-defined]
        found: dict[str, list[Struct]] = {}
        for resource in self.resources:
            found.setdefault(resource.fhir_type, []).append(resource)  # type: ignore[attr-defined]
        return found.items()
