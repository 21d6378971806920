"""Evidence: the resources, elements and definitions that a value rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.cql.explain.dates import effective_of
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.runtime.tracing import Frame, Noticed, TracedRun


@dataclass(frozen=True, slots=True)
class ResourceEvidence:
    """A resource that a value rests on, the element that was read, and when the resource says it was so."""

    reference: str
    element: str | None
    effective: Any


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
            waiting.extend(reversed(list(frame.used)))


def resources_of(run: TracedRun, frames: list[Frame], value: Any) -> tuple[ResourceEvidence, ...]:
    """The resources noted in the frames, and those that the value itself consists of."""
    noted: dict[tuple[int, str | None], tuple[Any, str | None]] = {}
    for frame in frames:
        noted.update(frame.resources)
    for item in value if isinstance(value, list) else (value,):
        for key, pair in run.resources_in(item, None):
            noted.setdefault(key, pair)
    named = {key[0] for key in noted if key[1] is not None}
    found: dict[tuple[str, str | None], ResourceEvidence] = {}
    for (identity, element), (resource, _) in noted.items():
        if element is None and identity in named:
            continue
        reference = run.facts.reference_to(resource)
        found.setdefault((reference, element), ResourceEvidence(reference, element, effective_of(resource)))
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Grounds:
    """A value with the resources that it rests on."""

    value: Any
    resources: tuple[ResourceEvidence, ...]


class Noted:
    """Collects what a run has noted, where definitions without data were not run at all.

    `looked_at` tells which elements of the resources in parameters (`held`) such a definition looks at nevertheless.
    """

    __slots__ = ("_held", "_looked_at", "_said")

    def __init__(self, looked_at: Mapping[int, tuple[str, tuple[str, ...]]], held: Mapping[str, Any]) -> None:
        self._looked_at = looked_at
        self._held = held
        self._said: dict[tuple[int, str | None], ResourceEvidence] = {}

    def grounds(self, run: TracedRun, slot: int, value: Any) -> Grounds:
        """The value of a definition with what it rests on."""
        noted: Noticed = {}
        seen: set[int] = set()
        waiting = [slot]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            frame = run.frame(current)
            if frame is not None:
                if frame.resources:
                    noted.update(frame.resources)
                waiting += reversed(frame.used)
            elif current in self._looked_at:
                name, elements = self._looked_at[current]
                resource = self._held.get(name)
                if resource is not None:
                    for element in elements:
                        noted.setdefault((id(resource), element), (resource, element))
        if value is not None and value.__class__ is not bool:
            for item in value if isinstance(value, list) else (value,):
                for key, pair in run.resources_in(item, None):
                    noted.setdefault(key, pair)
        if not noted:
            return Grounds(value, ())
        named = {key[0] for key in noted if key[1] is not None}
        found: dict[tuple[str, str | None], ResourceEvidence] = {}
        for key, pair in noted.items():
            if key[1] is not None or key[0] not in named:
                said = self._said.get(key) or self._say(key, pair[0], run)
                found.setdefault((said.reference, said.element), said)
        return Grounds(value, tuple(found.values()))

    def _say(self, key: tuple[int, str | None], resource: Any, run: TracedRun) -> ResourceEvidence:
        made = ResourceEvidence(run.facts.reference_to(resource), key[1], effective_of(resource))
        self._said[key] = made
        return made


def searches_of(frames: list[Frame]) -> tuple[Search, ...]:
    """The retrieves noted in the frames."""
    return tuple(dict.fromkeys(Search(*search) for frame in frames for search in frame.searches))


def known_values(
    run: TracedRun, frames: list[Frame], names: dict[int, tuple[str, str]]
) -> Iterator[tuple[str, str, Any]]:
    """The definitions behind the frames with their values; parameters and failures are left out."""
    slots: dict[int, None] = {}
    for frame in frames:
        slots.update(frame.used)
    for slot in slots:
        name = names.get(slot)
        value = run.memory[slot]
        if name is not None and value is not UNSET and value.__class__ is not Failed:
            yield (*name, value)
