"""An evaluation that notes what it rests on: slower, and only done where somebody asks why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from types import NoneType
from typing import Any

from cds_service.cql.runtime.run import UNSET, Failed, Run
from cds_service.values.tuples import Tuple

Notice = tuple[tuple[int, str | None], tuple[Any, str | None]]
Noticed = dict[tuple[int, str | None], tuple[Any, str | None]]


class Frame:
    """What was noted while one definition was worked out.

    Rows that are still being sifted are noted nowhere (`quiet`), and what goes into a tuple is kept with the tuple
    (`captures`): only who uses the tuple rests on it.
    """

    __slots__ = ("captures", "quiet", "resources", "searches", "slot", "used")

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.resources: Noticed = {}
        self.used: dict[int, None] = {}
        self.searches: list[tuple[str, str | None, str | None, int]] = []
        self.quiet = 0
        self.captures: list[Noticed] = []


_BARE = frozenset({NoneType, bool, int, str, list})  # what tuples mostly hold


@lru_cache(maxsize=512)
def _is_resource(kind: type) -> bool:
    """Whether values of this class are resources: only they have `meta`."""
    return hasattr(kind, "meta") and hasattr(kind, "fhir_type")


class TracedRun(Run):
    """A run with a note for each definition: resources, searches, and the definitions that it asked."""

    __slots__ = ("frames", "looked_into", "origins", "top")

    def __init__(
        self, slots: int, facts: Any, terminology: Any, base: TracedRun | None = None, changed: bytes | None = None
    ) -> None:
        super().__init__(slots, facts, terminology, base, changed)
        self.frames: dict[int, Frame] = {}
        self.top = Frame(-1)
        # What tuples were made of; shared, so that a tuple keeps its origin wherever it goes.
        self.origins: dict[int, tuple[Tuple, Noticed]] = base.origins if base is not None else {}
        self.looked_into: set[int] = base.looked_into if base is not None else set()

    def ask(self, slot: int, function: Callable[[Any], Any]) -> Any:
        """The value of a definition, noted as asked by the one at work."""
        asking = self.top
        asking.used[slot] = None
        value = self.memory[slot]
        if value is not UNSET and value.__class__ is not Failed:
            return value
        self.top = self.frames[slot] = Frame(slot)
        try:
            return function(self)
        finally:
            self.top = asking

    def from_base(self, slot: int, function: Callable[[Any], Any]) -> Any:
        """The value that the base has, with what the base noted for it."""
        base = self.base
        assert isinstance(base, TracedRun)
        self.frames.pop(slot, None)
        value = self.memory[slot] = base.ask(slot, function)
        return value

    def frame(self, slot: int) -> Frame | None:
        """What was noted for a definition here, or where this run has it from."""
        found = self.frames.get(slot)
        if found is None and isinstance(self.base, TracedRun) and not (self.changed and self.changed[slot]):
            return self.base.frame(slot)
        return found

    def ask_parameter(self, slot: int, function: Callable[[Any], Any]) -> Any:
        """The value of a parameter."""
        return self.ask(slot, function)

    def note(self, value: Any, element: str | None) -> Any:
        """Resources, or tuples made of them, that the result rests on."""
        frame = self.top
        if value is not None and not frame.quiet:
            into = frame.captures[-1] if frame.captures else frame.resources
            for item in value if value.__class__ is list else (value,):
                if item.__class__ is Tuple:
                    into.update(self.made_of(item))
                elif _is_resource(item.__class__):
                    into.setdefault((id(item), element), (item, element))
        return value

    def made_of(self, made: Tuple) -> Noticed:
        """The resources that a tuple was made of, with those that it holds."""
        identity = id(made)
        known = self.origins.get(identity)
        if known is None:
            known = self.origins[identity] = (made, {})
        noted = known[1]
        if identity not in self.looked_into:
            self.looked_into.add(identity)
            for inner in made._elements.values():
                kind = inner.__class__
                if kind not in _BARE and _is_resource(kind):
                    noted.setdefault((id(inner), None), (inner, None))
        return noted

    def resources_in(
        self, item: Any, element: str | None
    ) -> Iterator[tuple[tuple[int, str | None], tuple[Any, str | None]]]:
        """The resources that an item is or was made of."""
        if item.__class__ is Tuple:
            yield from self.made_of(item).items()
        elif _is_resource(item.__class__):
            yield (id(item), element), (item, element)

    def begin(self) -> None:
        """From here on a tuple is made: what is noted belongs to it."""
        self.top.captures.append({})

    def tie(self, made: Tuple) -> Tuple:
        """The tuple is made; what was noted since `begin` stays with it."""
        frame = self.top
        noted = frame.captures.pop() if frame.captures else {}
        self.origins[id(made)] = (made, noted)
        return made

    def attach(self, value: Any, *resources: Any) -> Any:
        """The row that a value comes from: kept with a tuple, noted at once for anything else."""
        if isinstance(value, Tuple):
            _, noted = self.origins.setdefault(id(value), (value, {}))
            for resource in resources:
                if resource.__class__ is Tuple:
                    noted.update(self.made_of(resource))
                elif resource is not None and _is_resource(resource.__class__):
                    noted.setdefault((id(resource), None), (resource, None))
        else:
            for resource in resources:
                self.note(resource, None)
        return value

    def searched(self, resource: str, path: str | None, value_set: str | None, found: Any) -> Any:
        """A retrieve and how much it found."""
        self.top.searches.append((resource, path, value_set, len(found)))
        return found

    def hush(self) -> None:
        """From here on rows are sifted."""
        self.top.quiet += 1

    def speak(self) -> None:
        """The row is sifted."""
        self.top.quiet -= 1

    def mark(self) -> tuple[int, int]:
        """Where the notes stand, for a part that may fail."""
        frame = self.top
        return frame.quiet, len(frame.captures)

    def restore(self, mark: tuple[int, int]) -> None:
        """Back to where the notes stood before a part that failed."""
        frame = self.top
        frame.quiet = mark[0]
        del frame.captures[mark[1] :]
