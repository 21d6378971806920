"""Keeps decisions off the path of the call: they are queued, and a thread writes them in batches.

The queue is bounded. When the database is slower than the calls for longer than the queue holds, calls wait a moment
for room; a decision that finds none even then is counted and logged, and its call is answered all the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from cds_service.hooks.cards import Card, Response
from cds_service.hooks.rendering import encode_json
from cds_service.memory.database import Database, MemoryUnavailable, Session

_log = logging.getLogger(__name__)

_BATCH = 500
_GATHER_SECONDS = 0.2  # how long a batch fills before it is written
_RETRY_SECONDS = 1.0
_PURGE_SECONDS = 3600.0
_IDENTIFYING = ("order", "subject", "appointment", "encounter", "patient", "evidence")

_INSERT_DECISION = """INSERT INTO decisions (id, at, service, hook, client, plans, records, patient)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""
_INSERT_CARD = """INSERT INTO cards (uuid, decision, service, plan, action, indicator, at)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO NOTHING"""


class Kept(msgspec.Struct, frozen=True):
    """What is kept of one decision."""

    call_id: str
    at: datetime
    service: str
    hook: str
    client: str
    plans: tuple[str, ...]
    response: Response
    patient: str


Row = tuple[str | None, ...]


class DecisionStore:
    """Decisions of one process on their way to the database."""

    def __init__(
        self,
        database: Database,
        *,
        records_member: str,
        identifiers: bool = False,
        keep_days: int = 0,
        capacity: int = 20_000,
        patience: float = 0.25,
        count: Callable[[str, int], None] = lambda _fate, _number: None,
    ) -> None:
        self._database, self._records_member = database, records_member
        self._identifiers, self._keep_days = identifiers, keep_days
        self._capacity, self._patience, self._count = capacity, patience, count
        self._queue: deque[tuple[Row, tuple[Row, ...]]] = deque()  # of a decision, and of its cards
        self._filled, self._room = threading.Event(), threading.Event()
        self._stopping = threading.Event()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._purged = float("-inf")

    def keep(self, kept: Kept) -> None:
        """Queue one decision; blocks shortly when the queue is full."""
        if len(self._queue) >= self._capacity and not self._wait_for_room():
            self._count("lost", 1)
            _log.error("decision not kept: the queue is full", extra={"id": kept.call_id})
            return
        self._queue.append(self._rows(kept))  # text alone waits: the answer and what it came from are let go of
        if not self._filled.is_set():
            self._filled.set()
        if self._writer is None:
            self._start()

    def flush(self, seconds: float = 10.0) -> bool:
        """Write everything that is queued; whether that was possible in time."""
        self._stopping.set()
        self._filled.set()
        if self._writer is not None:
            self._writer.join(seconds)
        left = len(self._queue)
        if left:
            self._count("lost", left)
            _log.error("decisions not kept: the database did not take them", extra={"number": left})
        return not left

    def _wait_for_room(self) -> bool:
        self._room.clear()
        return self._room.wait(self._patience) and len(self._queue) < self._capacity

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_until_stopped, name="decisions", daemon=True)
                self._writer.start()

    def _write_until_stopped(self) -> None:
        while not (self._stopping.is_set() and not self._queue):
            self._filled.wait()
            self._stopping.wait(_GATHER_SECONDS)
            self._filled.clear()
            while self._queue:
                last_chance = self._stopping.is_set()
                if not self._write_batch():
                    if last_chance:
                        return
                    self._stopping.wait(_RETRY_SECONDS)

    def _write_batch(self) -> bool:
        batch = list(islice(self._queue, _BATCH))
        try:
            decisions = [decision for decision, _ in batch]
            cards = [card for _, cards in batch for card in cards]
            self._database.run(lambda session: self._insert(session, decisions, cards))
        except MemoryUnavailable as error:
            _log.warning("decisions wait for the database: %s", error.what)
            return False
        for _ in batch:
            self._queue.popleft()
        self._room.set()
        self._count("kept", len(batch))
        return True

    def _insert(self, session: Session, decisions: Iterable[Row], cards: Iterable[Row]) -> None:
        session.execute_many(_INSERT_DECISION, decisions)
        session.execute_many(_INSERT_CARD, cards)
        if self._keep_days and time.monotonic() - self._purged > _PURGE_SECONDS:
            before = (datetime.now(UTC) - timedelta(days=self._keep_days)).isoformat()
            session.execute("DELETE FROM cards WHERE at < ?", (before,))
            session.execute("DELETE FROM decisions WHERE at < ?", (before,))
            self._purged = time.monotonic()

    def _rows(self, kept: Kept) -> tuple[Row, tuple[Row, ...]]:
        records = kept.response.extension.get(self._records_member, ())
        told = records if self._identifiers else list(map(without_identifiers, records))
        at: str = msgspec.to_builtins(kept.at).replace("Z", "+00:00")
        decision = (
            kept.call_id,
            at,
            kept.service,
            kept.hook,
            kept.client,
            _names(kept.plans),
            encode_json(told).decode(),
            kept.patient if self._identifiers else None,
        )
        return decision, tuple([_card_row(kept, card, at) for card in kept.response.cards])


@lru_cache(maxsize=1024)
def _names(plans: tuple[str, ...]) -> str:
    return encode_json(plans).decode()


def without_identifiers(record: Mapping[str, Any]) -> dict[str, Any]:
    """A decision record without what leads to the patient: no references, of the evidence only fact and value."""
    told = dict(record)
    for name in _IDENTIFYING:
        told.pop(name, None)
    levels = told.get("levels")
    if levels is not None:
        told["levels"] = [without_identifiers(level) if isinstance(level, Mapping) else level for level in levels]
    evidence = record.get("evidence")
    if evidence:
        told["evidence"] = [
            {"fact": each["fact"], "value": each["value"]} if "value" in each else {"fact": each["fact"]}
            for each in evidence
        ]
    return told


def _card_row(kept: Kept, card: Card, at: str) -> Row:
    origin = card.origin
    plan = origin.plan if origin else (kept.plans[0] if kept.plans else "")
    action = origin.action if origin else (card.source.topic.code if card.source.topic else "")
    return (card.uuid, kept.call_id, kept.service, plan, action, card.indicator, at)
