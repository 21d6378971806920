"""Calls on their way to where they lie behind forms: a thread writes those of a moment together, so that none waits."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

_log = logging.getLogger(__name__)

GATHER_SECONDS: Final = 0.1  # how long calls are gathered that are written together
_MOST_BYTES: Final = 64_000_000
_BATCH: Final = 250


class Told(msgspec.Struct, frozen=True, gc=False):
    """What is told of a call, and the second until which it is kept."""

    call_id: str
    expires: int
    told: bytes


class CallQueue:
    """Hands calls to `write`, several at a time."""

    def __init__(self, write: Callable[[Sequence[Told]], None]) -> None:
        self._write = write
        self._queue: deque[Told] = deque()
        self._bytes = 0  # about as many wait
        self._filled, self._ending = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()

    def add(self, told: Told) -> None:
        """Have it written; when more come than can be, its form will say that it cannot be opened."""
        if self._bytes > _MOST_BYTES:
            _log.warning("a call was not kept for its form: too many wait", extra={"id": told.call_id})
            return
        self._queue.append(told)
        self._bytes += len(told.told)
        if not self._filled.is_set():
            self._filled.set()
        if self._writer is None:
            self._start()

    def flush(self) -> None:
        """Write what waits, and end the thread."""
        writer = self._writer
        if writer is not None:
            self._ending.set()
            self._filled.set()
            writer.join(10)
            self._ending.clear()
            self._writer = None

    def _start(self) -> None:
        with self._starting:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_until_ended, name="calls", daemon=True)
                self._writer.start()

    def _write_until_ended(self) -> None:
        while self._queue or not self._ending.is_set():
            self._filled.wait()
            self._ending.wait(GATHER_SECONDS)
            self._filled.clear()
            self._bytes = 0
            while self._queue:
                self._write_some([self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))])

    def _write_some(self, calls: Sequence[Told]) -> None:
        try:
            self._write(calls)
        except Exception:  # noqa: BLE001  # whatever it was: those that come after these are written all the same
            for call in calls:
                _log.error("a call was not kept for its form", exc_info=True, extra={"id": call.call_id})
