"""Where a resource came from, and the resources of one place together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cds_service.fhir.structs.flavours import Struct

Source = Literal["prefetch", "server", "context", "said", "data"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place that a resource came from: which kind, and under which key."""

    source: Source
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.source} {self.key}" if self.key else self.source


@dataclass(frozen=True, slots=True)
class Batch:
    """Resources with one origin, in the order they came in."""

    resources: Sequence[Struct]
    origin: Origin
    full_urls: Sequence[tuple[str, Struct]] = ()
