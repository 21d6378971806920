"""What is agreed about the statistics: confidence, guards and the names of ranges; the knowledge sets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """A named range; `low` is exclusive and `high` inclusive unless said otherwise; None is open."""

    code: str
    low: float | None
    high: float | None
    includes_low: bool = False
    includes_high: bool = True

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the band."""
        above = self.low is None or value > self.low or (self.includes_low and value == self.low)
        return above and (self.high is None or value < self.high or (self.includes_high and value == self.high))


def band(value: float, bands: Sequence[Band]) -> str | None:
    """The code of the first band that holds `value`."""
    return next((candidate.code for candidate in bands if candidate.holds(value)), None)


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the knowledge decides about the statistics."""

    confidence: float = 0.95
    smallest_volume: int = 30
    smallest_expected: float = 5.0
    kappa_bands: tuple[Band, ...] = ()
    case_mix: tuple[str, ...] = ()  # stratifiers whose shares stand beside every figure
