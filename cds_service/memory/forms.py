"""Calls whose questions a person may still answer: kept for a short time, sealed, and gone when it is over.

A call holds patient data, so it is encrypted with a key that only the service has; the database alone tells nothing.
"""

from __future__ import annotations

import base64
import logging
import os
import queue
import threading
import time
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cds_service.memory.database import Database, MemoryUnavailable, Session

_log = logging.getLogger(__name__)

_WAITING = 200
_NONCE = 12
_END: Final = None
_INSERT = "INSERT INTO forms (id, expires, sealed) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call as it came, and the service that it went to."""

    service: str
    body: bytes


class FormStore:
    """Calls behind forms; written by a thread of its own, so that no call waits."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._cipher = AESGCM(sha256(b"form store" + key).digest())
        self._queue: queue.Queue[tuple[str, str, bytes, int] | None] = queue.Queue(_WAITING)
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()

    def keep(self, call_id: str, service: str, body: bytes, expires: int) -> None:
        """Keep a call until then; when more come than can be written, its form will say that it cannot be opened."""
        self._start()
        try:
            self._queue.put_nowait((call_id, service, body, expires))
        except queue.Full:
            _log.warning("a call was not kept for its form: too many wait", extra={"id": call_id})

    def get(self, call_id: str, now: int) -> KeptCall | None:
        """The call of that id; None where it is not, or no longer, kept."""
        rows = self._database.run(
            lambda session: session.execute("SELECT sealed FROM forms WHERE id = ? AND expires >= ?", (call_id, now))
        )
        if not rows:
            return None
        sealed = base64.b64decode(rows[0][0])
        try:
            told = zlib.decompress(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], call_id.encode()))
        except (InvalidTag, zlib.error):
            return None  # sealed with another secret: that of an earlier start
        service, _, body = told.partition(b"\n")
        return KeptCall(service.decode(), body)

    def flush(self) -> None:
        """Write what waits, and end."""
        if self._writer is not None:
            self._queue.put(_END)
            self._writer.join(10)
            self._writer = None

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="forms", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        while (entry := self._queue.get()) is not _END:
            call_id, service, body, expires = entry
            nonce = os.urandom(_NONCE)
            told = zlib.compress(service.encode() + b"\n" + body, 1)
            sealed = base64.b64encode(nonce + self._cipher.encrypt(nonce, told, call_id.encode())).decode()
            row = (call_id, expires, sealed)

            def insert(session: Session, row: tuple[str, int, str] = row) -> None:
                session.execute("DELETE FROM forms WHERE expires < ?", (int(time.time()),))
                session.execute(_INSERT, row)

            try:
                self._database.run(insert)
            except MemoryUnavailable as error:
                _log.warning("a call was not kept for its form: %s", error.what, extra={"id": call_id})
