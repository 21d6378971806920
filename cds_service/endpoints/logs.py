"""Logs as JSON lines: what happened and to which call; never patient data, never a token."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import msgspec

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_encode = msgspec.json.Encoder().encode


class JsonFormatter(logging.Formatter):
    """One JSON object a line; of an exception only its class and its places, for its text may carry data."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["places"] = places(record.exc_info[2])
        return msgspec.json.encode(line, enc_hook=str).decode()


def places(trace: TracebackType | None) -> list[str]:
    """Where an exception came through, without a word of what it said."""
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def configure(level: str) -> None:
    """Send all logs of this process to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.raiseExceptions = False  # a full disk below the log must not end a call


class _Line(msgspec.Struct, frozen=True, gc=False):
    """The line of a call."""

    at: str
    level: str
    event: str
    route: str
    method: str
    status: int
    ms: float
    id: str
    caller: str | msgspec.UnsetType


class CallLog:
    """One line for each call, written without the machinery of `logging`: it is on the path of every call."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._stream = sys.stderr.buffer if hasattr(sys.stderr, "buffer") else None
        self._second, self._stamp = 0, ""

    def call(self, route: str, method: str, status: int, seconds: float, call_id: str, caller_id: str | None) -> None:
        """Note one answered call."""
        if not self._enabled or self._stream is None:
            return
        now = int(time.time())
        if now != self._second:
            self._second, self._stamp = now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        caller, milliseconds = caller_id or msgspec.UNSET, round(seconds * 1_000_000) / 1000
        line = _Line(self._stamp, "info", "call", route, method, status, milliseconds, call_id, caller)
        try:
            self._stream.write(_encode(line) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._enabled = False  # nobody reads it any more; the calls go on
