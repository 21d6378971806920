"""The interval type: two bounds, each open or closed, over the points of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """All points between two bounds.

    A closed null bound is the end of the range of the point type, an open null bound an unknown point: that is why
    the type of the points is part of the value (`Any` if unknown: then null bounds tell nothing).
    """

    low: Any
    high: Any
    low_closed: bool = True
    high_closed: bool = True
    point_type: str = "Any"

    @property
    def lowClosed(self) -> bool:  # noqa: N802 - the name of the element in CQL
        return self.low_closed

    @property
    def highClosed(self) -> bool:  # noqa: N802 - the name of the element in CQL
        return self.high_closed
