"""Calls behind forms in a table of the database, written by a thread of its own, so that none waits."""

from __future__ import annotations

import base64
import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable

from cds_service.memory.database import Database, MemoryUnavailable, Session
from cds_service.memory.sealing import Seal

_log = logging.getLogger(__name__)

_WAITING = 200
_GATHER_SECONDS = 0.05  # how long calls are gathered that are written together
_PURGE_SECONDS = 10.0
_INSERT = "INSERT INTO forms (id, expires, sealed) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"


class CallTable:
    """The table; calls are compressed, for they travel and the server keeps a journal of them."""

    def __init__(self, database: Database, seal: Seal, clock: Callable[[], float]) -> None:
        self._database, self._seal, self._clock = database, seal, clock
        self._queue: deque[tuple[str, int, bytes]] = deque()
        self._filled, self._ending = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._purged = float("-inf")

    def keep(self, call_id: str, expires: int, told: bytes) -> None:
        """Have the call written; when more come than can be, its form will say that it cannot be opened."""
        if len(self._queue) >= _WAITING:
            _log.warning("a call was not kept for its form: too many wait", extra={"id": call_id})
            return
        self._queue.append((call_id, expires, told))
        if not self._filled.is_set():
            self._filled.set()
        if self._writer is None:
            self._start()

    def read(self, call_id: str, expires: int) -> bytes | None:
        """Select the call."""
        wanted = (call_id, expires, int(self._clock()))
        sql = "SELECT sealed FROM forms WHERE id = ? AND expires = ? AND expires >= ?"
        rows = self._database.run(lambda session: session.execute(sql, wanted))
        told = self._seal.opened(base64.b64decode(rows[0][0]), call_id.encode()) if rows else None
        return None if told is None else zlib.decompress(told)

    def flush(self) -> None:
        """Write what waits, and end the thread."""
        if self._writer is not None:
            self._ending.set()
            self._filled.set()
            self._writer.join(10)
            self._ending.clear()
            self._writer = None

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_until_ended, name="forms", daemon=True)
                self._writer.start()

    def _write_until_ended(self) -> None:
        while self._queue or not self._ending.is_set():
            self._filled.wait()
            self._ending.wait(_GATHER_SECONDS)  # what comes meanwhile is written in the same transaction
            self._filled.clear()
            self._write([self._queue.popleft() for _ in range(len(self._queue))])

    def _write(self, calls: list[tuple[str, int, bytes]]) -> None:
        rows = [(call_id, expires, self._text(call_id, told)) for call_id, expires, told in calls]

        def insert(session: Session) -> None:
            session.execute_many(_INSERT, rows)
            now = self._clock()
            if abs(now - self._purged) > _PURGE_SECONDS:
                session.execute("DELETE FROM forms WHERE expires < ?", (int(now),))
                self._purged = now

        try:
            self._database.run(insert)
        except MemoryUnavailable as error:
            for call_id, _, _ in calls:
                _log.warning("a call was not kept for its form: %s", error.what, extra={"id": call_id})

    def _text(self, call_id: str, told: bytes) -> str:
        return base64.b64encode(b"".join(self._seal.closed(zlib.compress(told, 1), call_id.encode()))).decode()
