"""One evaluation: what it looks at, what it has worked out, and what it noticed on the way."""

from __future__ import annotations

from collections.abc import Callable, Sized
from datetime import datetime
from typing import Any, Protocol, Self

from cds_service.errors import EvaluationError
from cds_service.values import date_texts, dates
from cds_service.values.temporals import Date, DateTime, Time


class Unset:
    """What a place in memory holds before its value was asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


class Failed:
    """What a place in memory holds after its value could not be worked out."""

    __slots__ = ("error",)

    def __init__(self, error: EvaluationError) -> None:
        self.error = error


class Places(Protocol):
    """How many values and searches there may be (a `Program`)."""

    @property
    def slots(self) -> int: ...
    @property
    def searches(self) -> Sized: ...


class Run:
    """The memory of one evaluation over the facts of one patient.

    `known` is what memory holds from the start. `base` is the evaluation that this one differs from in a few places;
    `changed` tells for each place whether its value may differ. Everything else is asked from the base, so that several
    such evaluations share it.
    """

    __slots__ = ("base", "changed", "facts", "found", "instant", "memory", "patient", "sink", "terminology")

    def __init__(
        self,
        places: Places,
        facts: Any,
        terminology: Any,
        base: Run | None = None,
        changed: bytes | None = None,
        known: list[Any] | None = None,
        found: list[list[Any] | None] | None = None,
    ) -> None:
        self.memory: list[Any] = [UNSET] * places.slots if known is None else known[:]
        # By the numbers of searches: what they found; None for those that were not made yet.
        self.found: list[list[Any] | None]
        if found is not None:
            self.found = found
        else:
            self.found = base.found if base is not None else [None] * len(places.searches)
        self.facts = facts
        self.patient = facts.patient if facts is not None else None
        self.terminology = terminology
        self.base = base
        self.changed = changed
        self.sink: Callable[[Any], None] | None = base.sink if base is not None else None
        self.instant: DateTime | None = None  # once it was asked for; written code looks here itself

    def copied(self, places: Places) -> Self:
        """A run that has worked out the same so far."""
        other = type(self)(places, self.facts, self.terminology, self.base, self.changed, self.memory, self.found)
        other.instant, other.sink = self.instant, self.sink
        return other

    def search(self, number: int, *what: Any) -> list[Any]:
        """A search that was not made yet."""
        found: list[Any] = self.facts.retrieve(*what)
        self.found[number] = found
        return found

    def now(self) -> DateTime:
        """The instant that the evaluation is for."""
        if self.instant is None:
            as_of = self.facts.as_of
            self.instant = dates.now_from(as_of) if isinstance(as_of, datetime) else as_of
        return self.instant

    def today(self) -> Date:
        """The day that the evaluation is for."""
        day = dates.date_from(self.now())
        assert day is not None
        return day

    def birth_date(self) -> Date | None:
        """The day the patient was born; null when nobody knows."""
        if self.patient is None or self.patient.birthDate is None:
            return None
        birth: Date | None = date_texts.parse_date(self.patient.birthDate)
        return birth

    def subject(self, context: str) -> Any:
        """The subject of another context than Patient: the only resource of that type; null when there are several."""
        found: list[Any] = self.facts.retrieve(context) if self.facts is not None else []
        return found[0] if len(found) == 1 else None


def now(run: Run) -> DateTime:
    """`Now()`."""
    return run.now()


def today(run: Run) -> Date:
    """`Today()`."""
    return run.today()


def time_of_day(run: Run) -> Time:
    """`TimeOfDay()`."""
    time = dates.time_from(run.now())
    assert time is not None
    return time


def resolve(run: Run, reference: str | None) -> Any:
    """The resource that a reference leads to inside the data at hand."""
    return None if reference is None else run.facts.resolve(reference)
