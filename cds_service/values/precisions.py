"""How finely a date or time is known, and in which steps durations are counted."""

from __future__ import annotations

from enum import IntEnum


class Precision(IntEnum):
    """The components of a date or time, coarse to fine; WEEK only counts durations."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6
    MILLISECOND = 7
    WEEK = 8


_SINGULAR = {precision.name.lower(): precision for precision in Precision}

BY_NAME: dict[str, Precision] = _SINGULAR | {f"{name}s": precision for name, precision in _SINGULAR.items()}
"""`year`, `years`, … to the precision they name."""

MILLISECONDS_PER = (0, 0, 0, 86_400_000, 3_600_000, 60_000, 1_000, 1, 604_800_000)
"""By precision, the length of those that always have the same length (0 for years and months)."""
