"""How far a run is, on a terminal: share, rate and time left, once a second."""

from __future__ import annotations

import time
from typing import TextIO

_EVERY = 0.5


class Progress:
    """A line that is written over; silent where nobody looks."""

    def __init__(self, total_bytes: int, stream: TextIO, what: str = "") -> None:
        self._total, self._stream, self._what = max(1, total_bytes), stream, what
        self._visible = stream.isatty()
        self._start = time.monotonic()
        self._shown = 0.0
        self._bytes = self._calls = 0

    def add(self, size: int, calls: int) -> None:
        """A slice is done."""
        self._bytes += size
        self._calls += calls
        now = time.monotonic()
        if self._visible and now - self._shown >= _EVERY:
            self._shown = now
            self._stream.write(f"\r{self.line(now - self._start)}\x1b[K")
            self._stream.flush()

    def line(self, seconds: float) -> str:
        """The line for the moment that many seconds after the start."""
        share = min(1.0, self._bytes / self._total)
        left = seconds / share - seconds if share else 0.0
        rate = self._calls / seconds if seconds else 0.0
        return f"{self._what}{share:4.0%}  {self._calls:,} calls  {rate:,.0f}/s  {_clock(left)} left"

    def close(self) -> float:
        """Remove the line; the seconds that passed."""
        if self._visible:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        return time.monotonic() - self._start


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
