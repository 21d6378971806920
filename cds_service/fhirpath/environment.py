"""What an expression may see beside its focus: the moment, the resource around it, other data, terminology."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.values.temporals import DateTime


class Membership(Protocol):
    """Which codes are in a value set."""

    def contains(self, system: str | None, code: str) -> bool:
        """Whether this code is."""


class Terminology(Protocol):
    """What terminology functions ask."""

    def membership(self, url: str) -> Membership:
        """The members of a value set."""

    def subsumes(self, system: str, code_a: str, code_b: str) -> str | None:
        """How two codes of a system relate: equivalent, subsumes, subsumed-by, not-subsumed; None if not known."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One evaluation's surroundings; every field may be left out until an expression asks for it."""

    now: DateTime | None = None
    resource: Any = None  # %resource; the focus if that is a resource
    root_resource: Any = None  # %rootResource; %resource unless given
    context: Any = None  # %context; the focus unless given
    variables: Mapping[str, Any] = field(default_factory=dict)
    resolve: Callable[[str, Any], Any] | None = None  # reference and the resource it stands in, to a resource or None
    terminology: Terminology | None = None
    trace: Callable[[str, Sequence[Any]], None] | None = None

    def moment(self) -> DateTime:
        """The moment of evaluation."""
        if self.now is None:
            raise FhirPathEvaluationError("No moment of evaluation was given.", remedy="Give one in the environment.")
        return self.now

    def variable(self, name: str) -> Sequence[Any]:
        """The items of a variable that was passed in: none for null, several for a list."""
        if name not in self.variables:
            raise FhirPathEvaluationError(f"No value was given for %{name}.", remedy="Give one in the environment.")
        value = self.variables[name]
        if value is None:
            return ()
        return value if isinstance(value, (list, tuple)) else (value,)
