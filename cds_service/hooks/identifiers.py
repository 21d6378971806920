"""Identifiers derived from the identifier of the call, so that deciding the same call again gives the same ones."""

from __future__ import annotations

from hashlib import blake2b


def derive_uuid(call_id: str, *parts: object) -> str:
    """A bare lower-case UUID (version 8: a digest of ours) that depends on the call and `parts` alone."""
    text = "\x1f".join((call_id, *map(str, parts)))
    digest = blake2b(text.encode(), digest_size=16).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:]}"
