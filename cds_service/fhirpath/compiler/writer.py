"""Lines of Python under construction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Writer:
    """Collects lines, gives out names, and keeps the constants that the lines refer to.

    `stop` names the flag that ends the loops being written: each loop looks at it after its body.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.loops = 0  # how many are open
        self.loops_written = 0
        self.stop: str | None = None
        self.constants: dict[str, Any] = {}
        self._names = 0
        self._by_identity: dict[int, str] = {}

    def name(self, prefix: str = "t") -> str:
        """A name not used before."""
        self._names += 1
        return f"{prefix}{self._names}"

    def line(self, text: str) -> None:
        """Adds a line."""
        self.lines.append("    " * self.depth + text)

    def let(self, text: str) -> str:
        """A new variable with that value."""
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def insert(self, at: int, text: str, depth: int) -> None:
        """Adds a line before those written since `at`."""
        self.lines.insert(at, "    " * depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Lines below a header."""
        self.line(header)
        self.depth += 1
        size = len(self.lines)
        yield
        if len(self.lines) == size:
            self.line("pass")
        self.depth -= 1

    @contextmanager
    def loop(self, variable: str, items: str) -> Iterator[None]:
        """A loop over items; ends early once the `stop` flag of the moment is set."""
        stop = self.stop
        self.loops += 1
        self.loops_written += 1
        with self.block(f"for {variable} in {items}:"):
            yield
            if stop is not None:
                self.line(f"if {stop}: break")
        self.loops -= 1

    def constant(self, value: Any, prefix: str = "k") -> str:
        """The name under which the lines find a value made while compiling."""
        known = self._by_identity.get(id(value))
        if known is None:
            known = self._by_identity[id(value)] = self.name(prefix)
            self.constants[known] = value
        return known

    def function(self, value: Any) -> str:
        """The name under which the lines find a function."""
        return self.constant(value, "f")

    @contextmanager
    def capture(self) -> Iterator[list[str]]:
        """Lines for the body of a block that is put in its place later, with `splice`."""
        outer, self.lines = self.lines, []
        self.depth += 1
        captured = self.lines
        yield captured
        self.depth -= 1
        self.lines = outer

    def splice(self, header: str, captured: list[str]) -> None:
        """A header with captured lines below it."""
        self.line(header)
        self.lines += captured or ["    " * (self.depth + 1) + "pass"]
