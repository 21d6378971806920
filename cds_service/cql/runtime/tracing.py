"""An evaluation that notes what it rests on, so that somebody may ask why.

Noting has to be cheap, since the definitions that decisions are explained with are always evaluated so: written
functions append what they look at, as it is, and only who asks why sorts it out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any, Self

import msgspec

from cds_service.cql.runtime.run import Places, Run
from cds_service.values.codes import Code, Concept
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime
from cds_service.values.tuples import Tuple

# A resource or tuple, or a list of them; together with an element if it was that element which was looked at.
Note = Any
# The identity of a resource or tuple, with the element if it is known; negative where a list with it was looked at.
Key = int | tuple[int, str]
Noticed = dict[Key, Note]

DEAF: Any = deque(maxlen=0)  # takes notes and forgets them


class Frame(msgspec.Struct, gc=False):
    """What was noted while one definition was worked out; made so often that making it has to cost nothing.

    `into` is where written functions put their notes at present. While rows are sifted they are noted nowhere (`DEAF`),
    and what goes into a tuple is kept with the tuple: only who uses the tuple rests on it.
    """

    notes: list[Any]
    into: list[Any]  # at first these same notes
    used: list[int]  # the places of the definitions and parameters that were asked
    searches: Sequence[tuple[str, str | None, str | None, int]] = ()  # a list where they are noted


# What tuples and lists mostly hold; lists in tuples are not looked into.
PLAIN = frozenset({NoneType, bool, int, str, list, Decimal, Quantity, Code, Concept, Date, DateTime})


@lru_cache(maxsize=512)
def _is_resource(kind: type) -> bool:
    """Whether values of this class are resources: only they have `meta`."""
    return hasattr(kind, "meta") and hasattr(kind, "fhir_type")


class TracedRun(Run):
    """A run with notes for each definition that is written to take them."""

    __slots__ = ("frames", "top")

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
        self.top = Frame(notes, notes, [], [])

    def copied(self, places: Places) -> Self:
        """The same, with what was noted so far."""
        other = super().copied(places)
        other.frames = dict(self.frames)
        return other

    def frame(self, slot: int) -> Frame | None:
        """What was noted for a definition here, or where this run has it from."""
        run: Any = self
        while run.base is not None and not run.changed[slot]:
            run = run.base
        found: Frame | None = run.frames.get(slot)
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

    def attach(self, value: Any, *resources: Any) -> Any:
        """The row that a value comes from: kept with a tuple, noted at once for anything else."""
        rows = [resource for resource in resources if resource is not value]
        if value.__class__ is Tuple:  # others may have the same tuple from elsewhere
            return Tuple(value._elements, [*value._made_of, *rows])
        self.top.into += rows
        return value


# --- asked why


def collect(notes: Iterable[Note], found: Noticed, element: str | None = None, sign: int = 1) -> None:
    """Find what is in notes, each once, and what their tuples were made of: resources, elements of them, tuples."""
    for note in notes:
        kind = note.__class__
        if kind is Tuple:
            key = id(note)
            if key not in found:
                found[key] = note
                if note._made_of:
                    collect(note._made_of, found)
        elif kind is list:
            if note:  # mostly a search found nothing
                collect(note, found, element, -1)
        elif kind is tuple:
            collect(note[:1], found, note[1])
        elif note is not None and _is_resource(kind):
            found[sign * id(note) if element is None else (id(note), element)] = note


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
