"""What a name means at a place: the program with its libraries, and the scope inside one expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from cds_service.cql import nodes
from cds_service.cql.entries import (
    DefinitionEntry,
    Entry,
    FunctionEntry,
    IncludeEntry,
    ParameterEntry,
    ValueSetEntry,
)
from cds_service.cql.searches import Searches
from cds_service.cql.semantic_errors import Problems
from cds_service.cql.static_types import Named, Type, Typed
from cds_service.cql.tree import Local, Role
from cds_service.cql.type_relations import Relations
from cds_service.errors import Span


class ValueSetMembers(Protocol):
    """The members of a value set, as the terminology hands them out."""

    def contains(self, system: str | None, code: str) -> bool: ...


@dataclass(slots=True, eq=False)
class LibraryScope:
    """One library: everything it declares, by name."""

    name: str
    version: str | None
    node: nodes.Library
    file: str
    entries: dict[str, Entry] = field(default_factory=dict)
    functions: dict[str, list[FunctionEntry]] = field(default_factory=dict)
    uses_fhir: bool = False
    contexts: tuple[str, ...] = ()

    def includes(self) -> Iterator[IncludeEntry]:
        """The libraries that this one includes."""
        return (entry for entry in self.entries.values() if isinstance(entry, IncludeEntry))


@dataclass(slots=True, eq=False)
class Program:
    """All libraries that compile together, and what they share."""

    relations: Relations
    problems: Problems
    libraries: dict[str, LibraryScope]
    terminology: object | None = None
    definitions: list[DefinitionEntry] = field(default_factory=list)
    functions: list[FunctionEntry] = field(default_factory=list)
    parameters: list[ParameterEntry] = field(default_factory=list)
    value_sets: list[ValueSetEntry] = field(default_factory=list)
    members: dict[tuple[str, str | None], ValueSetMembers | None] = field(default_factory=dict)
    slots: int = 0
    locals: int = 0
    searches: Searches = field(default_factory=Searches)

    # How a declaration is compiled on demand; set by `declarations.py`, which depends on all chapters.
    complete_definition: Callable[[DefinitionEntry], Type] = field(init=False)
    complete_function: Callable[[FunctionEntry], Type] = field(init=False)
    complete_parameter: Callable[[ParameterEntry], Type] = field(init=False)

    def slot(self) -> int:
        """The next free place in the memory of a run."""
        self.slots += 1
        return self.slots - 1


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression stands: its library, its context, and the names that only hold inside it."""

    program: Program
    library: LibraryScope
    user: str  # the definition whose text this is, for messages about value sets
    context: str | None
    names: dict[str, Typed] = field(default_factory=dict)
    this: Typed | None = None
    index: Typed | None = None
    total: Typed | None = None
    element: Typed | None = None  # while sorting: bare names are elements of this

    @property
    def relations(self) -> Relations:
        """The relations between the types of this program."""
        return self.program.relations

    @property
    def problems(self) -> Problems:
        """Where mistakes are collected."""
        return self.program.problems

    def local(self, name: str, kind: Type, span: Span, role: Role) -> Local:
        """A new local value with a name of its own in the code to come."""
        self.program.locals += 1
        plain = "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in name)[:20]
        return Local(kind, span, f"{plain}_{self.program.locals}", role)

    def with_names(self, names: Iterable[tuple[str, Typed]]) -> Scope:
        """This scope with further local names."""
        return replace(self, names={**self.names, **dict(names)})

    def with_this(self, this: Typed, index: Typed | None = None) -> Scope:
        """This scope with `$this` (and `$index`) bound."""
        return replace(self, this=this, index=index)

    def with_element(self, this: Typed) -> Scope:
        """This scope inside a sort key, where bare names are elements of what is sorted."""
        return replace(self, this=this, element=this)

    def with_total(self, total: Typed) -> Scope:
        """This scope with `$total` bound."""
        return replace(self, total=total)

    def include(self, name: str) -> IncludeEntry | None:
        """The library that `name` stands for here; None when it is something else."""
        if name in self.names:
            return None
        entry = self.library.entries.get(name)
        return entry if isinstance(entry, IncludeEntry) else None

    def known_names(self) -> list[str]:
        """Every name in reach, nearest first, to say what was probably meant."""
        elements = list(self.relations.elements(self.element.type)) if self.element is not None else []
        return [*self.names, *elements, *self.library.entries, *self.library.contexts]

    def context_type(self, name: str) -> Type:
        """The type of the subject of a context."""
        return Named(name, "FHIR")
