"""An evaluation that notes what it rests on: slower, and only done where somebody asks why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cds_service.cql.runtime.run import UNSET, Failed, Run


@dataclass(slots=True)
class Frame:
    """What was noted while one definition was worked out."""

    slot: int
    resources: dict[tuple[int, str | None], tuple[Any, str | None]] = field(default_factory=dict)
    used: dict[int, None] = field(default_factory=dict)
    searches: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)
    quiet: int = 0


class TracedRun(Run):
    """A run with a note for each definition: resources, searches, and the definitions that it asked."""

    __slots__ = ("frames", "stack")

    def __init__(
        self, slots: int, facts: Any, terminology: Any, base: Run | None = None, changed: bytearray | None = None
    ) -> None:
        super().__init__(slots, facts, terminology, base, changed)
        self.frames: dict[int, Frame] = {}
        self.stack: list[Frame] = [Frame(-1)]

    def ask(self, slot: int, function: Callable[[Run], Any]) -> Any:
        """The value of a definition, noted as asked by the one at work."""
        self.stack[-1].used[slot] = None
        value = self.memory[slot]
        if value is not UNSET and value.__class__ is not Failed:
            return value
        frame = self.frames[slot] = Frame(slot)
        self.stack.append(frame)
        try:
            return function(self)
        finally:
            self.stack.pop()

    def ask_parameter(self, slot: int, function: Callable[[Run], Any]) -> Any:
        """The value of a parameter."""
        return self.ask(slot, function)

    def note(self, value: Any, element: str | None) -> Any:
        """Resources that the result rests on; nothing is noted while rows are still being sifted."""
        frame = self.stack[-1]
        if value is not None and not frame.quiet:
            for item in value if isinstance(value, list) else (value,):
                if item is not None:
                    frame.resources.setdefault((id(item), element), (item, element))
        return value

    def searched(self, resource: str, path: str | None, value_set: str | None, found: Any) -> Any:
        """A retrieve and how much it found."""
        self.stack[-1].searches.append((resource, path, value_set, len(found)))
        return found

    def hush(self) -> None:
        """From here on rows are sifted."""
        self.stack[-1].quiet += 1

    def speak(self) -> None:
        """The row is sifted."""
        self.stack[-1].quiet -= 1
