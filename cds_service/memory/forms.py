"""Calls whose questions a person may still answer, and the answers: kept for a short time, sealed, then gone.

Both are patient data, so they are encrypted with a key that only the service has; the database alone tells nothing,
not even which patient an entry is about.
"""

from __future__ import annotations

import base64
import hmac
import logging
import os
import queue
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cds_service.memory.database import Database, MemoryUnavailable, Session

_log = logging.getLogger(__name__)

_WAITING = 200
_NONCE = 12
_END: Final = None
_GATHER_SECONDS = 0.05  # how long calls are gathered that are written together
_PURGE_SECONDS = 10.0
_LOOK_SECONDS = 0.2  # how often is looked whether anybody has answered anything
_INSERT = "INSERT INTO forms (id, expires, sealed) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
_ANSWER = """INSERT INTO form_answers (id, expires, sealed) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed"""


class KeptCall(msgspec.Struct, frozen=True):
    """A call as it came: its service, the moment it was decided for, who sent it, and its body."""

    service: str
    as_of: str
    client: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose answers: a patient of one client and its FHIR server."""

    client: str
    server: str | None
    patient: str


class FormStore:
    """Calls behind forms and answers to them; calls are written by a thread of its own, so that none waits."""

    def __init__(self, database: Database, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._database, self._key, self._clock = database, key, clock
        self._cipher = AESGCM(sha256(b"form store" + key).digest())
        self._queue: queue.Queue[tuple[str, KeptCall, int] | None] = queue.Queue(_WAITING)
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ending = threading.Event()
        self._purged = float("-inf")
        self._looked, self._answered_until = float("-inf"), 0

    # --- calls

    def keep(self, call_id: str, call: KeptCall, expires: int) -> None:
        """Keep a call until then; when more come than can be written, its form will say that it cannot be opened."""
        self._start()
        try:
            self._queue.put_nowait((call_id, call, expires))
        except queue.Full:
            _log.warning("a call was not kept for its form: too many wait", extra={"id": call_id})

    def get(self, call_id: str) -> KeptCall | None:
        """The call of that id; None where it is not, or no longer, kept."""
        told = self._read("SELECT sealed FROM forms WHERE id = ? AND expires >= ?", call_id)
        return None if told is None else msgspec.msgpack.decode(told, type=KeptCall)

    def flush(self) -> None:
        """Write what waits, and end."""
        if self._writer is not None:
            self._ending.set()
            self._queue.put(_END)
            self._writer.join(10)
            self._ending.clear()
            self._writer = None

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
        if not self._anything_answered():
            return []
        told = self._read("SELECT sealed FROM form_answers WHERE id = ? AND expires >= ?", self._name_of(whom))
        return [] if told is None else msgspec.json.decode(told)

    def _anything_answered(self) -> bool:
        """Mostly nobody has: then calls are not burdened with looking."""
        now = self._clock()
        if abs(now - self._looked) > _LOOK_SECONDS:
            rows = self._database.run(lambda session: session.execute("SELECT MAX(expires) FROM form_answers"))
            self._looked, self._answered_until = now, int(rows[0][0] or 0)
        return self._answered_until >= now

    def _name_of(self, whom: Whom) -> str:
        told = "\n".join((whom.client, whom.server or "", whom.patient)).encode()
        return hmac.new(self._key, b"answers about" + told, sha256).hexdigest()

    # --- sealing and writing

    def _sealed(self, name: str, told: bytes) -> str:
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, zlib.compress(told, 1), name.encode())).decode()

    def _read(self, sql: str, name: str) -> bytes | None:
        rows = self._database.run(lambda session: session.execute(sql, (name, int(self._clock()))))
        if not rows:
            return None
        sealed = base64.b64decode(rows[0][0])
        try:
            return zlib.decompress(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()))
        except (InvalidTag, zlib.error):
            return None  # sealed with another secret: that of an earlier start

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="forms", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        is_open = True
        while is_open:
            entries = [self._queue.get()]
            self._ending.wait(_GATHER_SECONDS)  # what comes meanwhile is written in the same transaction
            while len(entries) < _WAITING:
                try:
                    entries.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            is_open = _END not in entries
            calls = [entry for entry in entries if entry is not _END]
            if calls:
                self._write_calls(calls)

    def _write_calls(self, calls: list[tuple[str, KeptCall, int]]) -> None:
        rows = [
            (call_id, expires, self._sealed(call_id, msgspec.msgpack.encode(call))) for call_id, call, expires in calls
        ]

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
