"""Calls behind forms in a table of the database."""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Callable, Sequence

from cds_service.memory.database import Database, MemoryUnavailable, Session
from cds_service.memory.form_queue import Told
from cds_service.memory.sealing import Seal

_log = logging.getLogger(__name__)

_PURGE_SECONDS = 10.0
_INSERT = "INSERT INTO forms (id, expires, sealed) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"


class CallTable:
    """The table; calls are compressed, for they travel and the server keeps a journal of them."""

    def __init__(self, database: Database, seal: Seal, clock: Callable[[], float]) -> None:
        self._database, self._seal, self._clock = database, seal, clock
        self._purged = float("-inf")

    def write(self, calls: Sequence[Told]) -> None:
        """Insert calls, in one transaction."""
        rows = [(call.call_id, call.expires, self._text(call)) for call in calls]

        def insert(session: Session) -> None:
            session.execute_many(_INSERT, rows)
            now = self._clock()
            if abs(now - self._purged) > _PURGE_SECONDS:
                session.execute("DELETE FROM forms WHERE expires < ?", (int(now),))
                self._purged = now

        try:
            self._database.run(insert)
        except MemoryUnavailable as error:
            for call in calls:
                _log.warning("a call was not kept for its form: %s", error.what, extra={"id": call.call_id})

    def read(self, call_id: str, expires: int) -> bytes | None:
        """Select the call."""
        wanted = (call_id, expires, int(self._clock()))
        sql = "SELECT sealed FROM forms WHERE id = ? AND expires = ? AND expires >= ?"
        rows = self._database.read(lambda session: session.execute(sql, wanted))
        told = self._seal.opened(base64.b64decode(rows[0][0]), call_id.encode()) if rows else None
        return None if told is None else zlib.decompress(told)

    def close(self) -> None:
        """Nothing is open: the connection is not ours."""

    def _text(self, call: Told) -> str:
        name = call.call_id.encode()
        return base64.b64encode(b"".join(self._seal.closed(zlib.compress(call.told, 1), name))).decode()
