"""Plain data as it goes out: nothing in it is null or empty."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

_BARE = frozenset({str, bool, int, float, NoneType})
_EMPTY_KINDS = frozenset({str, list, dict})


class Pruned(dict[str, Any]):
    """Plain data that was made without anything null or empty: pruning has nothing to do."""


def prune(value: Any) -> Any:
    """Plain data without members that are null, or empty text, arrays or objects."""
    kind = value.__class__
    if kind is Pruned:
        return value
    if kind is dict or isinstance(value, Mapping):
        members = {}
        for name, part in value.items():
            kept = part if part.__class__ in _BARE else prune(part)
            if kept is not None and (kept or kept.__class__ not in _EMPTY_KINDS):
                members[name] = kept
        return members
    if kind is list or isinstance(value, (list, tuple)):
        parts = []
        for part in value:
            kept = part if part.__class__ in _BARE else prune(part)
            if kept is not None and (kept or kept.__class__ not in _EMPTY_KINDS):
                parts.append(kept)
        return parts
    return value
