"""What definitions are worth for a patient of whom nothing they look for is on record.

Of a hundred facts a chart speaks about ten. A definition that looks for resources and finds none mostly takes the
same way through its logic for everybody: its value, worked out once over an empty chart, holds for every patient
without such resources, unless it read the time, the patient, or a parameter that now has another value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.cql.runtime.tracing import Frame, TracedRun
from cds_service.cql.runtime.vocabularies import Members
from cds_service.values.temporals import Date, DateTime

_KEPT = 50_000  # codes that are remembered


@dataclass(frozen=True, slots=True)
class Blank:
    """The value of a definition where nothing it looks for is there; `below` is what a traced run has to know."""

    mask: int
    parameters: tuple[tuple[int, Any], ...]
    value: Any
    below: tuple[tuple[int, Any, Frame | None], ...]


@dataclass(frozen=True, slots=True)
class Site:
    """One thing that logic looks for: resources of a type, or those with a code of a group at a path."""

    bit: int
    type: str
    path: str | None
    members: Members | None


class Blanks:
    """The blank values of a program, and which of the things that it looks for a patient has."""

    def __init__(self, sites: Iterable[Site], values: Mapping[int, Blank]) -> None:
        self.values = values
        self._by_type: dict[str, int] = {}
        self._by_path: dict[tuple[str, str], list[Site]] = {}
        for site in sites:
            if site.path is None or site.members is None:
                self._by_type[site.type] = self._by_type.get(site.type, 0) | site.bit
            else:
                self._by_path.setdefault((site.type, site.path), []).append(site)
        self._of_code: dict[tuple[str, str], dict[tuple[str | None, str | None], int]] = {
            key: {} for key in self._by_path
        }

    def mask(self, facts: Any) -> int:
        """The bits of everything that is looked for and that this patient has."""
        found = 0
        types = set(facts.types())
        for name, bits in self._by_type.items():
            if facts.retrieve(name):
                found |= bits
        for (name, path), known in self._of_code.items():
            if name not in types and not facts.retrieve(name):
                continue
            for pair in facts.codes(name, path):
                bits_of = known.get(pair)
                found |= self._classified(name, path, pair) if bits_of is None else bits_of
        return found

    def _classified(self, name: str, path: str, pair: tuple[str | None, str | None]) -> int:
        """The bits of a code that was not met before."""
        system, code = pair
        bits = 0
        for site in self._by_path[name, path]:
            if code is not None and site.members is not None and site.members.contains(system, code):
                bits |= site.bit
        known = self._of_code[name, path]
        if len(known) >= _KEPT:
            known.clear()
        known[pair] = bits
        return bits


class NoResources:
    """Facts of nobody, that tell when something else than resources is asked for."""

    def __init__(self, as_of: DateTime) -> None:
        self.as_of = as_of
        self.run: BlankRun | None = None

    patient = None

    def retrieve(self, type_name: str, code_path: str | None = None, membership: Any = None) -> list[Any]:  # noqa: ARG002
        """Nothing."""
        return []

    def resolve(self, reference: Any) -> None:  # noqa: ARG002
        """Nothing, and not for everybody."""
        if self.run is not None:
            self.run.depend()


class BlankRun(TracedRun):
    """An evaluation over an empty chart, that notes which definitions look at more than resources."""

    __slots__ = ("dependent",)

    def __init__(self, slots: int, facts: NoResources, terminology: Any) -> None:
        self.dependent: set[int] = set()
        super().__init__(slots, facts, terminology)
        facts.run = self

    def depend(self) -> None:
        """The definition at work looks at something that differs from call to call."""
        self.dependent.add(self.top.slot)

    @property
    def patient(self) -> Any:
        """The patient: nobody, and somebody else in every call."""
        self.depend()
        return None

    @patient.setter
    def patient(self, value: Any) -> None:
        """Nobody is kept."""

    def now(self) -> DateTime:
        """Some time, and another in every call."""
        self.depend()
        return super().now()

    def birth_date(self) -> Date | None:
        """Of nobody."""
        self.depend()
        return None

    def subject(self, context: str) -> Any:  # noqa: ARG002
        """Nobody."""
        self.depend()
        return None
