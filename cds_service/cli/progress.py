"""Progress on a terminal for what takes longer than a second; nothing where a machine reads."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Progress:
    """Counts steps, and shows them once a second has passed."""

    def __init__(self, what: str, total: int, *, quiet: bool = False) -> None:
        self._what, self._total, self._done = what, total, 0
        self._shows = not quiet and sys.stderr.isatty()
        self._next = time.monotonic() + 1

    def __enter__(self) -> Progress:
        return self

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._shows and now >= self._next:
            self._next = now + 0.2
            print(f"\r{self._done} of {self._total} {self._what}", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
