"""Evidence: the resources, elements and definitions that a value rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cds_service.cql.explain.dates import effective_of
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.runtime.tracing import PLAIN, Frame, Key, Noticed, TracedRun, collect
from cds_service.values.formatting import day_text
from cds_service.values.tuples import Tuple


class ResourceEvidence(msgspec.Struct, frozen=True):
    """A resource that a value rests on, the element that was read, and when the resource says it was so."""

    reference: str
    element: str | None
    effective: Any
    day: str | None  # of `effective`


@dataclass(frozen=True, slots=True)
class Search:
    """A retrieve that was made, and how many resources it found."""

    type: str
    code_path: str | None
    value_set: str | None
    found: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A value with what it rests on: its own resources and those of the definitions that were asked for it."""

    value: Any
    resources: tuple[ResourceEvidence, ...]
    definitions: tuple[tuple[str, str, Any], ...]
    searches: tuple[Search, ...]


def resources_of(run: TracedRun, frames: Iterable[Frame], value: Any) -> tuple[ResourceEvidence, ...]:
    """The resources noted in the frames, and those that the value itself consists of."""
    noted: Noticed = {}
    for frame in frames:
        collect(frame.notes, noted)
    collect((value,), noted)
    found: dict[tuple[str, str | None], ResourceEvidence] = {}
    for key, resource in _cited(noted):
        said = _said(run.facts.reference_to(resource), key, resource)
        found.setdefault((said.reference, said.element), said)
    return tuple(found.values())


def _cited(noted: Noticed) -> list[tuple[Key, Any]]:
    """The resources, each with the elements that were looked at, if it is known which."""
    named = {key[0] for key in noted if isinstance(key, tuple)}
    found: list[tuple[Key, Any]] = []
    for key, resource in noted.items():
        if isinstance(key, tuple):
            found.append((key, resource))
        elif resource.__class__ is not Tuple and (key > 0 or -key not in noted):
            key = abs(key)
            if key not in named:
                found.append((key, resource))
    return found


def _said(reference: str, key: Key, resource: Any) -> ResourceEvidence:
    element = key[1] if isinstance(key, tuple) else None
    effective = effective_of(resource)
    return ResourceEvidence(reference, element, effective, day_text(effective) if effective is not None else None)


class Grounds(msgspec.Struct, frozen=True):
    """A value with the resources that it rests on."""

    value: Any
    resources: tuple[ResourceEvidence, ...]


class Noted:
    """Collects what a run has noted, where definitions without data were not run at all.

    `looked_at` tells which elements of the resources in parameters (`held`) such a definition looks at nevertheless;
    `base` has what the run that this one rests on has noted.
    """

    __slots__ = ("_held", "_looked_at", "_run", "_said")

    def __init__(
        self,
        run: TracedRun,
        looked_at: Mapping[int, tuple[str, tuple[str, ...]]],
        held: Mapping[str, Any],
        base: Noted | None = None,
    ) -> None:
        self._run, self._looked_at = run, looked_at
        self._held: Mapping[str, Any] = held if base is None else {**base._held, **held}
        # With the resources, so that their identities stay their own.
        self._said: dict[Key, tuple[Any, ResourceEvidence]] = base._said if base is not None else {}

    def resources(self, slot: int, value: Any) -> tuple[ResourceEvidence, ...]:
        """What a definition with this value rests on."""
        noted = self._below(slot)
        if value.__class__ not in PLAIN or value.__class__ is list:
            collect((value,), noted)
        found: dict[tuple[str, str | None], ResourceEvidence] = {}
        for key, resource in _cited(noted):
            known = self._said.get(key)
            if known is None:
                known = self._said[key] = (resource, _said(self._run.facts.reference_to(resource), key, resource))
            said = known[1]
            found.setdefault((said.reference, said.element), said)
        return tuple(found.values())

    def _below(self, slot: int) -> Noticed:
        """What was noted for a definition and for all that were asked for it, in the order of asking."""
        noted: Noticed = {}
        waiting, seen = [slot], set()
        run = self._run
        frame_of = run.frame if run.base is not None else run.frames.get
        while waiting:
            slot = waiting.pop()
            if slot in seen:
                continue
            seen.add(slot)
            frame = frame_of(slot)
            if frame is not None:
                if frame.notes:
                    collect(frame.notes, noted)
                if frame.used:
                    waiting += frame.used[::-1]
            elif slot in self._looked_at:  # known from the start
                name, elements = self._looked_at[slot]
                resource = self._held.get(name)
                if resource is not None:
                    noted.update({(id(resource), element): resource for element in elements})
        return noted


def searches_of(frames: list[Frame]) -> tuple[Search, ...]:
    """The retrieves noted in the frames."""
    return tuple(dict.fromkeys(Search(*search) for frame in frames for search in frame.searches))


def known_values(
    run: TracedRun, frames: list[Frame], names: dict[int, tuple[str, str]]
) -> Iterator[tuple[str, str, Any]]:
    """The definitions behind the frames with their values; parameters and failures are left out."""
    for slot in dict.fromkeys(slot for frame in frames for slot in frame.used):
        name = names.get(slot)
        value = run.memory[slot]
        if name is not None and value is not UNSET and value.__class__ is not Failed:
            yield (*name, value)
