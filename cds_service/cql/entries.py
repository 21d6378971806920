"""What libraries declare, as the compiler keeps it: definitions, functions, parameters and terminology by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cds_service.cql import nodes
from cds_service.cql.static_types import Type, Typed
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet

State = Literal["untouched", "open", "done"]


@dataclass(slots=True, eq=False)
class DefinitionEntry:
    """A `define`: its type and tree are known once something asked for it."""

    slot: int
    library: str
    name: str
    node: nodes.ExpressionDefinition
    tags: dict[str, str | None]
    state: State = "untouched"
    body: Typed | None = None
    type: Type | None = None


@dataclass(slots=True, eq=False)
class FunctionEntry:
    """A function: its operands' types are declared, its result type follows from the body."""

    slot: int
    library: str
    name: str
    node: nodes.FunctionDefinition
    operands: tuple[tuple[str, Type], ...] = ()
    locals: tuple[Typed, ...] = ()
    state: State = "untouched"
    body: Typed | None = None
    type: Type | None = None

    def signature(self) -> str:
        """`Name(Type, Type)`, for messages."""
        return f"{self.name}({', '.join(str(kind) for _, kind in self.operands)})"


@dataclass(slots=True, eq=False)
class ParameterEntry:
    """A parameter: bound by the caller, else its default, else null."""

    slot: int
    library: str
    name: str
    node: nodes.Parameter
    state: State = "untouched"
    default: Typed | None = None
    type: Type | None = None


@dataclass(slots=True, eq=False)
class ValueSetEntry:
    """A value set by name; `users` are the definitions that use it."""

    library: str
    name: str
    node: nodes.ValueSet
    value: ValueSet
    users: list[str] = field(default_factory=list)
    number: int = -1


@dataclass(slots=True, eq=False)
class CodeSystemEntry:
    """A code system by name."""

    library: str
    name: str
    node: nodes.CodeSystem
    value: CodeSystem


@dataclass(slots=True, eq=False)
class CodeEntry:
    """A code by name."""

    library: str
    name: str
    node: nodes.CodeDefinition
    value: Code | None


@dataclass(slots=True, eq=False)
class ConceptEntry:
    """A concept by name."""

    library: str
    name: str
    node: nodes.ConceptDefinition
    value: Concept | None


@dataclass(slots=True, eq=False)
class IncludeEntry:
    """An included library by its alias; `library` None where it is not at hand (reported already)."""

    alias: str
    node: nodes.Include
    library: str | None
    is_fhir_helpers: bool = False


@dataclass(slots=True, eq=False)
class UsingEntry:
    """A model by name."""

    name: str
    node: nodes.Using


Entry = (
    DefinitionEntry
    | ParameterEntry
    | ValueSetEntry
    | CodeSystemEntry
    | CodeEntry
    | ConceptEntry
    | IncludeEntry
    | UsingEntry
)
