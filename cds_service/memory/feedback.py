"""Keeps feedback: when `keep` returns, the events are on disk; the same event twice is kept once.

One thread writes what all calls have brought meanwhile in one transaction: many calls share one wait for the disk.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from hashlib import blake2b
from queue import SimpleQueue

from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.memory.database import Database, MemoryUnavailable, Session

_INSERT = """INSERT INTO feedback (id, received, service, client, card, outcome, at, suggestions,
    reason_code, reason_system, reason_display, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING"""


_MOST = 256
_PATIENCE = 15.0  # seconds that a call waits for the disk
_Rows = list[tuple[str | None, ...]]


class FeedbackStore:
    """Feedback events of all services, as one process takes them in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: SimpleQueue[tuple[_Rows, Future[None]]] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()

    def keep(self, service: str, client: ClientProfile, events: Sequence[FeedbackEvent]) -> None:
        """Return once all events are safe; none is kept when one cannot be."""
        if not events:
            return
        received = datetime.now(UTC).isoformat()
        done: Future[None] = Future()
        self._queue.put(([_row(service, client.name, event, received) for event in events], done))
        if self._writer is None:
            self._start()
        try:
            done.result(_PATIENCE)
        except TimeoutError:
            raise MemoryUnavailable("The database takes too long.") from None

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_for_ever, name="feedback", daemon=True)
                self._writer.start()

    def _write_for_ever(self) -> None:
        while True:
            batch = [self._queue.get()]
            while not self._queue.empty() and len(batch) < _MOST:
                batch.append(self._queue.get())
            if len(batch) == 1 or not self._write(batch):
                for each in batch:  # one that cannot be kept does not take the others with it
                    self._write([each], last=True)

    def _write(self, batch: Sequence[tuple[_Rows, Future[None]]], *, last: bool = False) -> bool:
        def insert(session: Session) -> None:
            session.execute_many(_INSERT, [row for rows, _ in batch for row in rows])

        try:
            self._database.run(insert)
        except MemoryUnavailable as error:
            if last:
                batch[0][1].set_exception(error)
            return False
        for _, done in batch:
            done.set_result(None)
        return True


def _row(service: str, client: str, event: FeedbackEvent, received: str) -> tuple[str | None, ...]:
    at = event.at.isoformat()
    suggestions = json.dumps(event.suggestions)
    reason = (event.reason_code, event.reason_system, event.reason_display, event.comment)
    told = json.dumps([service, client, event.card, event.outcome, at, suggestions, *reason])
    identity = blake2b(told.encode(), digest_size=16).hexdigest()
    return (identity, received, service, client, event.card, event.outcome, at, suggestions, *reason)
