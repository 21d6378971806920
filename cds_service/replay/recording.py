"""Keeps a share of the calls for replay, without what names a person; off unless a site asks for it.

Records are made by a thread of their own, so that no call waits for them; when they come faster than they can be
written, some are left out and counted, never the calls.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from cds_service.errors import CdsError
from cds_service.hooks.requests import HookRequest
from cds_service.replay.deidentifying import Deidentifier

_log = logging.getLogger(__name__)
_WAITING = 200  # calls that wait to be written
_MOST = 5_000  # calls in a file
_END: Final = None


class Recorder:
    """Records calls to files below a folder, some thousand calls each.

    Their names say nothing about the day: beside a record it would tell by how much the dates in it were moved.
    """

    def __init__(self, folder: Path, share: float, key: bytes, *, keep_text: bool = False) -> None:
        self._folder, self._share = folder, share
        self._deidentifier = Deidentifier(key, keep_text=keep_text)
        self._queue: queue.Queue[tuple[str, bytes, datetime] | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._written = 0
        self._name = ""
        self.left_out = 0

    def wants(self, call_id: str) -> bool:
        """Whether a call belongs to the share that is kept: always the same answer for the same call."""
        drawn = int.from_bytes(blake2b(call_id.encode(), digest_size=8).digest(), "big")
        return drawn < self._share * 2**64

    def record(self, service: str, call_id: str, body: bytes, as_of: datetime) -> None:
        """Keep a call, if it belongs to the share; returns at once."""
        if not self.wants(call_id):
            return
        self._start()
        try:
            self._queue.put_nowait((service, body, as_of))
        except queue.Full:
            self.left_out += 1

    def record_call(self, service: str, request: HookRequest, body: bytes) -> None:
        """Keep a call that has been answered, if it belongs to the share."""
        self.record(service, request.call_id, body, request.as_of)

    def close(self) -> None:
        """Write what waits, and end."""
        if self._thread is not None:
            self._queue.put(_END)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        """Threads do not survive the making of worker processes: the first call starts it."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        while (entry := self._queue.get()) is not _END:
            try:
                self._write(*entry)
            except (CdsError, OSError) as failure:
                _log.warning("a call was not recorded: %s", type(failure).__name__)

    def _write(self, service: str, body: bytes, as_of: datetime) -> None:
        whole = b'{"service":%b,"asOf":%b,"request":%b}' % (
            msgspec.json.encode(service),
            msgspec.json.encode(as_of.isoformat()),
            body,
        )
        line = self._deidentifier.item(whole) + b"\n"
        if self._written % _MOST == 0:
            self._name = f"calls-{secrets.token_hex(6)}.ndjson"
        with (self._folder / self._name).open("ab") as stream:
            stream.write(line)
        self._written += 1
