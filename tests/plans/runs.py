"""Logic given as a table instead of CQL: definitions are values, or functions of the run for what depends on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from cds_service.errors import CdsError, EvaluationError
from cds_service.plans.logic import Logic, Table

Definition = Any  # a value, an exception to raise, or a function of the run


@dataclass(frozen=True)
class NamedNeed:
    library: str
    define: str
    tags: Mapping[str, str | None]


@dataclass(frozen=True)
class TableRun:
    """Stands in for an evaluation of compiled CQL; all definitions are in one library."""

    table: Mapping[str, Definition]
    facts: frozenset[str] = frozenset()  # definitions that are facts, asked under their own names
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needed: Mapping[str, Sequence[str]] = field(default_factory=dict)  # definition -> facts that keep it unknown

    def value(self, library: str, define: str) -> Any:
        if define not in self.table:
            raise EvaluationError(f"no definition {define}")
        found = self.table[define]
        if isinstance(found, CdsError):
            raise found
        return found(self) if callable(found) else found

    def settled(self, table: Table) -> list[Any]:
        return [...] * len(table)

    def raw(self, library: str, define: str) -> Any:
        return self.value(library, define)

    def needs(self, library: str, define: str) -> Sequence[NamedNeed]:
        if self.value(library, define) is not None:
            return ()
        names = self.needed.get(define, (define,) if define in self.facts else ())
        return [NamedNeed(library, name, {"fact": name}) for name in names if self.value(library, name) is None]

    def evidence(self, library: str, define: str) -> Any:
        return SimpleNamespace(value=self.value(library, define), resources=(), definitions=(), searches=())

    def grounds(self, library: str, define: str) -> Any:
        return self.evidence(library, define)

    def with_parameters(self, parameters: Mapping[str, Any]) -> TableRun:
        return replace(self, parameters={**self.parameters, **parameters})

    followed_by = with_parameters

    def assume(self, assumed: Mapping[tuple[str, str], Any]) -> TableRun:
        return replace(self, table={**self.table, **{name: value for (_, name), value in assumed.items()}})


def no_paths(text: str, focus: Any, variables: Mapping[str, Any]) -> list[Any]:
    raise AssertionError(f"FHIRPath {text} was not expected")


def logic_of(table: Mapping[str, Definition], **rest: Any) -> Logic:
    """Logic over a table."""
    return Logic(TableRun(table, **rest), no_paths)


def has_any(library: str, name: str) -> bool:
    return True


Paths = Callable[[str, Any, Mapping[str, Any]], list[Any]]
