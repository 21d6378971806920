"""A value known only to lie between two others, as when dates of different precision are subtracted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Some one value from `low` to `high`, both possible; made only where the two differ."""

    low: Any
    high: Any
    point_type: str = "Integer"


def between(low: Any, high: Any, point_type: str = "Integer") -> Any:
    """The value itself when the bounds agree, else the uncertainty between them."""
    if low is None or high is None:
        return None
    return low if low == high else Uncertainty(low, high, point_type)


def bounds(value: Any) -> tuple[Any, Any]:
    """The least and the greatest that `value` may be."""
    return (value.low, value.high) if type(value) is Uncertainty else (value, value)
