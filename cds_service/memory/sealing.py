"""Encryption of patient data that waits in a database or a file."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class Seal:
    """Encrypts what is kept under a name, and opens it under that name only."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(sha256(b"form store" + key).digest())

    def closed(self, told: bytes, name: bytes) -> tuple[bytes, bytes]:
        """What is sealed, in two pieces that belong one after the other."""
        nonce = os.urandom(_NONCE)
        return nonce, self._cipher.encrypt(nonce, told, name)

    def opened(self, sealed: bytes, name: bytes) -> bytes | None:
        """What was sealed; None where that was with another secret: that of an earlier start."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name)
        except InvalidTag:
            return None
