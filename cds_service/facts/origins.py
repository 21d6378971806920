"""Where a resource came from, and the resources of one place together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from cds_service.fhir.structs.decoding import Entry
from cds_service.fhir.structs.flavours import Struct

Source = Literal["prefetch", "server", "context", "said", "data"]


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The place that a resource came from: which kind, and under which key."""

    source: Source
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.key}" if self.key else self.source


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Resources with one origin, in the order they came in."""

    resources: Sequence[Struct]
    origin: Origin
    entries: Sequence[Entry] = ()  # where they stood in a Bundle
    groups: Sequence[Sequence[Struct]] | None = None  # the same, those of one type together, where that is known
