"""Tests of the type that an item turns out to have."""

from __future__ import annotations

from typing import Any

from cds_service.fhirpath.items import has_type, is_type


def is_any(item: Any, names: tuple[str, ...]) -> bool | None:
    """Whether an item has one of these types, or one derived from it; None for no item."""
    return None if item is None else any(is_type(item, name) for name in names)


def has_any(item: Any, names: tuple[str, ...]) -> bool:
    """Whether `as` and `ofType` let an item through."""
    return any(has_type(item, name) for name in names)
