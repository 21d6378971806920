"""Identifiers derived from the identifier of the call, so that deciding the same call again gives the same ones."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID

_OURS = sha1(UUID("5b0f5c0e-1f0a-5d2e-9c39-6b1c1f8a7d10").bytes, usedforsecurity=False)
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # the two upper bits say who numbers


def derive_uuid(call_id: str, *parts: str) -> str:
    """A bare lower-case UUID that depends on the call and `parts` alone; of version 5, which clients know."""
    hashed = _OURS.copy()
    hashed.update("\x1f".join((call_id, *parts)).encode())
    told = hashed.hexdigest()
    return f"{told[:8]}-{told[8:12]}-5{told[13:16]}-{_VARIANT[told[16]]}{told[17:20]}-{told[20:32]}"
