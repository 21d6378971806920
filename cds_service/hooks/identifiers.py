"""Identifiers derived from the identifier of the call, so that deciding the same call again gives the same ones."""

from __future__ import annotations

from uuid import UUID, uuid5

_OURS = UUID("5b0f5c0e-1f0a-5d2e-9c39-6b1c1f8a7d10")


def derive_uuid(call_id: str, *parts: object) -> str:
    """A bare lower-case UUID that depends on the call and `parts` alone; of version 5, which clients know."""
    return str(uuid5(_OURS, "\x1f".join((call_id, *map(str, parts)))))
