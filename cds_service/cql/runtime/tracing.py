"""An evaluation that notes what it rests on, so that somebody may ask why.

Noting has to be cheap, since the definitions that decisions are explained with are always evaluated so: written
functions append what they look at, as it is, and only who asks why sorts it out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any

import msgspec

from cds_service.cql.runtime.run import Places, Run
from cds_service.values.codes import Code, Concept
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime
from cds_service.values.tuples import Tuple

Key = tuple[int, str | None]  # the identity of a resource, and the element that was looked at
Noticed = dict[Key, tuple[Any, str | None]]
Note = tuple[Any, str | None]  # a resource or tuple, or a list of them, and the element that was looked at

DEAF: Any = deque(maxlen=0)  # takes notes and forgets them


class Frame(msgspec.Struct, gc=False):
    """What was noted while one definition was worked out; made so often that making it has to cost nothing.

    `into` is where written functions put their notes at present. While rows are sifted they are noted nowhere (`DEAF`),
    and what goes into a tuple is kept with the tuple: only who uses the tuple rests on it.
    """

    notes: list[Any]
    into: list[Any]  # at first these same notes
    used: list[int] = []  # the places of the definitions and parameters that were asked
    searches: list[tuple[str, str | None, str | None, int]] = []


class _Origin(msgspec.Struct):
    """What a tuple was made of."""

    made: Tuple  # kept, so that its identity stays its own
    notes: list[Note]
    sorted_out: int = -1  # so many of the notes are in `found`
    found: Noticed = {}


# What tuples and lists mostly hold; lists in tuples are not looked into.
PLAIN = frozenset({NoneType, bool, int, str, list, Decimal, Quantity, Code, Concept, Date, DateTime})


@lru_cache(maxsize=512)
def _is_resource(kind: type) -> bool:
    """Whether values of this class are resources: only they have `meta`."""
    return hasattr(kind, "meta") and hasattr(kind, "fhir_type")


class TracedRun(Run):
    """A run with notes for each definition that is written to take them."""

    __slots__ = ("frames", "origins", "top")

    def __init__(
        self,
        places: Places,
        facts: Any,
        terminology: Any,
        base: TracedRun | None = None,
        changed: bytes | None = None,
        known: list[Any] | None = None,
        found: list[list[Any] | None] | None = None,
    ) -> None:
        super().__init__(places, facts, terminology, base, changed, known, found)
        self.frames: dict[int, Frame] = {}
        notes: list[Any] = []
        self.top = Frame(notes, notes)
        # What tuples were made of; shared, so that a tuple keeps its origin wherever it goes.
        self.origins: dict[int, _Origin] = base.origins if base is not None else {}

    def frame(self, slot: int) -> Frame | None:
        """What was noted for a definition here, or where this run has it from."""
        found = self.frames.get(slot)
        if found is None and isinstance(self.base, TracedRun) and not (self.changed and self.changed[slot]):
            return self.base.frame(slot)
        return found

    def overheard(self, function: Any, *arguments: Any) -> tuple[Any, list[Note]]:
        """What a function gives, and what was noted meanwhile; that is noted nowhere yet."""
        top = self.top
        notes: list[Note] = []
        before = top.into
        top.into = notes
        try:
            return function(self, *arguments), notes
        finally:
            top.into = before

    def told(self, overheard: tuple[Any, list[Note]]) -> Any:
        """The value, with what was noted for it."""
        value, notes = overheard
        if notes:
            self.top.into += notes
        return value

    def tie(self, made: Tuple, notes: list[Note]) -> Tuple:
        """A tuple that was made of what is in these notes."""
        if notes is not DEAF:
            self.origins[id(made)] = _Origin(made, notes)
        return made

    def attach(self, value: Any, *resources: Any) -> Any:
        """The row that a value comes from: kept with a tuple, noted at once for anything else."""
        into = self.top.into
        if value.__class__ is Tuple:
            origin = self.origins.get(id(value))
            if origin is None:
                origin = self.origins[id(value)] = _Origin(value, [])
            into = origin.notes
        for resource in resources:
            if resource is not None and resource is not value:
                into.append((resource, None))
        return value

    # --- asked why

    def resources(self, notes: Iterable[Note]) -> Noticed:
        """The resources in notes, each element once."""
        found: Noticed = {}
        for value, element in notes:
            if value is None:
                continue
            key = (id(value), element)
            if key in found:
                continue
            kind = value.__class__
            if kind is Tuple:
                origin = self.origins.get(key[0])
                if origin is not None and origin.sorted_out == len(origin.notes):
                    found.update(origin.found)
                else:
                    found.update(self._made_of(value))
            elif kind is list:
                for item in value:
                    found.update(self.resources_in(item, element))
            elif _is_resource(kind):
                found[key] = (value, element)
        return found

    def resources_in(self, item: Any, element: str | None) -> Noticed:
        """The resources that an item is or was made of."""
        if item.__class__ is Tuple:
            return self._made_of(item)
        return {(id(item), element): (item, element)} if item is not None and _is_resource(item.__class__) else {}

    def _made_of(self, made: Tuple) -> Noticed:
        """The resources that a tuple was made of, with those that it holds."""
        origin = self.origins.get(id(made))
        if origin is None:
            origin = self.origins[id(made)] = _Origin(made, [])
        if origin.sorted_out != len(origin.notes):
            origin.sorted_out = len(origin.notes)  # before it is done: tuples may have come from each other
            found = origin.found = self.resources(origin.notes)
            for inner in made._elements.values():
                kind = inner.__class__
                if kind not in PLAIN and _is_resource(kind):
                    found.setdefault((id(inner), None), (inner, None))
        return origin.found


def frames_below(run: TracedRun, slot: int) -> Iterator[Frame]:
    """The frame of a definition and those of all definitions that were asked for it, each once."""
    seen: set[int] = set()
    waiting = [slot]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        frame = run.frame(current)
        if frame is not None:
            yield frame
            waiting += reversed(dict.fromkeys(frame.used))
