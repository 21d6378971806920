"""Calls whose questions a person may still answer, and the answers: kept for a short time, sealed, then gone.

Both are patient data, so they are encrypted with a key that only the service has; what is stored tells nothing, not
even which patient an entry is about.
"""

from __future__ import annotations

import base64
import hmac
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from cds_service.memory.database import Database, Session
from cds_service.memory.form_places import MOST_BYTES, place_beside
from cds_service.memory.form_queue import GATHER_SECONDS, CallQueue, Told
from cds_service.memory.sealing import Seal

_ON_ITS_WAY = 3 * GATHER_SECONDS  # within this a call that was answered is written
_LOOK_SECONDS = 0.2  # how often is looked whether anybody has answered anything
_ANSWERED = "SELECT sealed FROM form_answers WHERE id = ? AND expires >= ?"
_ANSWER = """INSERT INTO form_answers (id, expires, sealed) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed"""


class KeptCall(msgspec.Struct, frozen=True, gc=False):
    """A call: its service, the moment it was decided for, who sent it, and its body (whole, or what matters)."""

    service: str
    as_of: str
    client: str
    body: bytes
    content: str = ""  # with which the body can be decided, where it has only what logic can find; else any


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose answers: a patient of one client and its FHIR server."""

    client: str
    server: str | None
    patient: str


class FormStore:
    """Calls behind forms and answers to them."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        clock: Callable[[], float] = time.time,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._database, self._key, self._clock = database, key, clock
        self._seal = Seal(key)
        self._place = place_beside(database, self._seal, clock, most_bytes)
        self._queue = CallQueue(self._place.write)
        self._looked, self._answered_until = float("-inf"), 0

    # --- calls

    def keep(self, call_id: str, call: KeptCall, expires: int) -> None:
        """Keep a call until then; where that is not possible, its form will say that it cannot be opened."""
        self._queue.add(Told(call_id, expires, msgspec.msgpack.encode(call)))

    def get(self, call_id: str, expires: int) -> KeptCall | None:
        """The call of that id and expiry; None where it is not, or no longer, kept."""
        told = self._place.read(call_id, expires)
        if told is None and expires >= self._clock():
            time.sleep(_ON_ITS_WAY)  # here or in another process
            told = self._place.read(call_id, expires)
        return None if told is None else msgspec.msgpack.decode(told, type=KeptCall)

    def flush(self) -> None:
        """Write what waits, and end."""
        self._queue.flush()
        self._place.close()

    # --- answers

    def file(self, whom: Whom, observations: list[dict[str, Any]], expires: int) -> None:
        """Keep what was answered about a patient until then; on disk when this returns."""
        name = self._name_of(whom)
        row = (name, expires, self._sealed(name, msgspec.json.encode(observations)))

        def insert(session: Session) -> None:
            session.execute("DELETE FROM form_answers WHERE expires < ?", (int(self._clock()),))
            session.execute(_ANSWER, row)

        self._database.run(insert)
        self._looked = float("-inf")

    def filed(self, whom: Whom) -> list[dict[str, Any]]:
        """What was answered about a patient and still counts."""
        name = self._name_of(whom)
        rows = self._database.read(lambda session: session.execute(_ANSWERED, (name, int(self._clock()))))
        told = self._seal.opened(base64.b64decode(rows[0][0]), name.encode()) if rows else None
        return [] if told is None else msgspec.json.decode(zlib.decompress(told))

    def anything_answered(self) -> bool:
        """Whether anybody has answered anything that still counts: mostly not, and calls need not look further."""
        now = self._clock()
        if abs(now - self._looked) > _LOOK_SECONDS:
            rows = self._database.read(lambda session: session.execute("SELECT MAX(expires) FROM form_answers"))
            self._looked, self._answered_until = now, int(rows[0][0] or 0)
        return self._answered_until >= now

    def _name_of(self, whom: Whom) -> str:
        told = "\n".join((whom.client, whom.server or "", whom.patient)).encode()
        return hmac.new(self._key, b"answers about" + told, sha256).hexdigest()

    def _sealed(self, name: str, told: bytes) -> str:
        return base64.b64encode(b"".join(self._seal.closed(zlib.compress(told, 1), name.encode()))).decode()
