"""Identifiers derived from the identifier of the call, so that deciding the same call again gives the same ones."""

from __future__ import annotations

from hashlib import sha1
from operator import itemgetter
from uuid import UUID

_OURS = sha1(UUID("5b0f5c0e-1f0a-5d2e-9c39-6b1c1f8a7d10").bytes, usedforsecurity=False)
_PARTS = itemgetter(slice(8), slice(8, 12), slice(13, 16), 16, slice(17, 20), slice(20, 32))
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # the two upper bits say who numbers


def derive_uuid(call_id: str, *parts: object) -> str:
    """A bare lower-case UUID that depends on the call and `parts` alone; of version 5, which clients know."""
    name = "\x1f".join((call_id, *map(str, parts)))
    hashed = _OURS.copy()
    hashed.update(name.encode())
    first, second, third, variant, fourth, last = _PARTS(hashed.hexdigest())
    return f"{first}-{second}-5{third}-{_VARIANT[variant]}{fourth}-{last}"
