"""What became of a plan's action: it applies, does not apply, cannot be told (what is missing), or failed (why)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class State(StrEnum):
    """The four things that can be said of an action for one patient."""

    APPLIES = "applies"
    DOES_NOT_APPLY = "does-not-apply"
    CANNOT_TELL = "cannot-tell"
    FAILED = "failed"


class FactNeed(msgspec.Struct, frozen=True, order=True, gc=False):
    """A fact that is not known and that would settle an action."""

    fact: str  # the id under which it is asked
    library: str
    define: str


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The state of an action, with the needs of one that cannot be told and the reason of one that failed."""

    state: State
    needs: tuple[FactNeed, ...] = ()
    reason: str = ""

    @property
    def truth(self) -> bool | None:
        """True, false, or None where it is not known (a failure is not known either)."""
        if self.state is State.APPLIES:
            return True
        return False if self.state is State.DOES_NOT_APPLY else None

    @property
    def facts(self) -> tuple[str, ...]:
        """The ids of the needed facts, sorted, each once."""
        return tuple(sorted({need.fact for need in self.needs}))


APPLIES = Outcome(State.APPLIES)
DOES_NOT_APPLY = Outcome(State.DOES_NOT_APPLY)
UNTOLD = Outcome(State.CANNOT_TELL)  # without saying why


def failed(reason: str) -> Outcome:
    """The outcome of an action whose logic could not be evaluated."""
    return Outcome(State.FAILED, reason=reason)


def cannot_tell(needs: Iterable[FactNeed] = (), reason: str = "") -> Outcome:
    """The outcome of an action that waits for `needs`."""
    return Outcome(State.CANNOT_TELL, tuple(dict.fromkeys(needs)), reason)


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Whether all conditions hold: one that does not settles it; else a failure, else the needs of the open ones."""
    needs: list[FactNeed] = []
    open_reasons: list[str] = []
    failure: Outcome | None = None
    is_open = False
    for outcome in outcomes:
        if outcome.state is State.DOES_NOT_APPLY:
            return outcome
        if outcome.state is State.FAILED:
            failure = failure or outcome
        elif outcome.state is State.CANNOT_TELL:
            is_open = True
            needs.extend(outcome.needs)
            if outcome.reason:
                open_reasons.append(outcome.reason)
    if failure is not None:
        return Outcome(State.FAILED, tuple(dict.fromkeys(needs)), failure.reason)
    return cannot_tell(needs, "; ".join(dict.fromkeys(open_reasons))) if is_open else APPLIES
