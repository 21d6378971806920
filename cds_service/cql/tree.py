"""The typed tree: what a text means, every name resolved, every type known, every conversion visible.

Chapters of `compiler/` make it from the syntax tree; `emission/` makes Python of it; explanations, data
requirements and the lean decoder read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry, ValueSetEntry
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import Type, Typed
from cds_service.cql.type_relations import Conversion

Role = Literal["alias", "let", "operand", "this", "index", "total"]


@dataclass(slots=True, eq=False)
class Constant(Typed):
    """A value that is known while compiling."""

    value: object


@dataclass(slots=True, eq=False)
class Apply(Typed):
    """An operator with its operands, already converted to what the signature takes."""

    signature: Signature
    arguments: tuple[Typed, ...]
    precision: str | None = None


@dataclass(slots=True, eq=False)
class Converted(Typed):
    """The operand as a value of another type."""

    operand: Typed
    conversion: Conversion


@dataclass(slots=True, eq=False)
class Element(Typed):
    """An element of a FHIR value; `attributes` pairs each possible type with the attribute that holds it.

    With a list as operand the elements of all its members, in one list.
    """

    operand: Typed
    owner: str
    name: str
    attributes: tuple[tuple[Type, str], ...]
    is_list: bool


@dataclass(slots=True, eq=False)
class ChoiceElement(Typed):
    """An element that several options of a choice have, each in its own way."""

    operand: Typed
    name: str
    variants: tuple[tuple[Type, Typed], ...]
    subject: Local


@dataclass(slots=True, eq=False)
class Part(Typed):
    """A part of a System value: an element of a tuple, the unit of a quantity, the low end of an interval."""

    operand: Typed
    name: str


@dataclass(slots=True, eq=False)
class DefinitionValue(Typed):
    """The value of another definition."""

    definition: DefinitionEntry


@dataclass(slots=True, eq=False)
class ParameterValue(Typed):
    """The value of a parameter."""

    parameter: ParameterEntry


@dataclass(slots=True, eq=False)
class ContextValue(Typed):
    """The subject of the evaluation: `Patient`, `Practitioner`."""

    context: str


@dataclass(slots=True, eq=False)
class Local(Typed):
    """An alias, a let, an operand of a function, `$this`, `$index` or `$total`; `name` is unique in its function."""

    name: str
    kind: Role


@dataclass(slots=True, eq=False)
class Invoke(Typed):
    """A call of a function that a library defines."""

    function: FunctionEntry
    arguments: tuple[Typed, ...]


@dataclass(slots=True, eq=False)
class Logical(Typed):
    """`and`, `or`, `xor`, `implies`: the right side is only asked where it matters."""

    operator: Literal["And", "Or", "Xor", "Implies"]
    left: Typed
    right: Typed


@dataclass(slots=True, eq=False)
class Conditional(Typed):
    """The value of the first branch whose condition is true, else the last one."""

    branches: tuple[tuple[Typed, Typed], ...]
    otherwise: Typed


@dataclass(slots=True, eq=False)
class Bound(Typed):
    """A value that is asked once and used by name in the body."""

    local: Local
    value: Typed
    body: Typed


@dataclass(slots=True, eq=False)
class FirstKnown(Typed):
    """`Coalesce`: the first value that is not null; the others are not asked."""

    arguments: tuple[Typed, ...]


@dataclass(slots=True, eq=False)
class IsType(Typed):
    """Whether the operand is a value of a type."""

    operand: Typed
    of: Type


@dataclass(slots=True, eq=False)
class AsType(Typed):
    """The operand if it is of the type; else null, or with `strict` an error."""

    operand: Typed
    strict: bool


@dataclass(slots=True, eq=False)
class ListValue(Typed):
    """A list selector."""

    elements: tuple[Typed, ...]


@dataclass(slots=True, eq=False)
class TupleValue(Typed):
    """A tuple selector, elements in the order written."""

    elements: tuple[tuple[str, Typed], ...]


@dataclass(slots=True, eq=False)
class IntervalValue(Typed):
    """An interval selector; an end's closedness may itself be a value (`Interval { lowClosed: .. }`)."""

    low: Typed
    high: Typed
    low_closed: bool
    high_closed: bool
    point: str


@dataclass(slots=True, eq=False)
class InstanceValue(Typed):
    """A FHIR or System structure made by the text."""

    elements: tuple[tuple[str, Typed], ...]


@dataclass(slots=True, eq=False)
class ValueSetValue(Typed):
    """A value set by reference."""

    value_set: ValueSetEntry


@dataclass(slots=True, eq=False)
class Membership(Typed):
    """Whether a code, a concept or any of several is in a value set (or code system)."""

    operand: Typed
    vocabulary: ValueSetEntry | Typed
    shape: Literal["string", "code", "concept", "codes", "concepts", "strings", "fhir-coding", "fhir-concept"]
    any_of: bool = False


@dataclass(slots=True, eq=False)
class RetrieveValue(Typed):
    """Resources of a type, restricted by a value set or by codes."""

    resource: str
    code_path: str | None
    value_set: ValueSetEntry | None
    codes: Typed | None
    searched: Type | None = None


@dataclass(slots=True, eq=False)
class Source:
    """A source of a query with its alias; `is_list` False for a single value."""

    alias: Local
    value: Typed
    is_list: bool


@dataclass(slots=True, eq=False)
class Relationship:
    """`with` or `without` a partner that fits."""

    source: Source
    condition: Typed
    negated: bool


@dataclass(slots=True, eq=False)
class Aggregation:
    """A fold over the rows of a query."""

    accumulator: Local
    initial: Typed
    value: Typed
    distinct: bool


@dataclass(slots=True, eq=False)
class SortKey:
    """One key of a sort, asked with `$this` bound to the element."""

    key: Typed
    descending: bool


@dataclass(slots=True, eq=False)
class QueryValue(Typed):
    """A query; `returning` None hands out the alias itself; `this` is the element while sorting."""

    sources: tuple[Source, ...]
    lets: tuple[tuple[Local, Typed], ...]
    relationships: tuple[Relationship, ...]
    where: Typed | None
    returning: Typed | None
    distinct: bool
    aggregate: Aggregation | None
    sort: tuple[SortKey, ...]
    this: Local | None

    @property
    def gives_list(self) -> bool:
        """Whether the result is a list: it is unless every source is a single value."""
        return any(source.is_list for source in self.sources)


@dataclass(slots=True, eq=False)
class Iteration(Typed):
    """A method over each member of a list: `where`, `select`, `all`, `exists` with a criterion, `repeat`."""

    operator: Literal["where", "select", "all", "exists", "repeat"]
    operand: Typed
    this: Local
    index: Local
    body: Typed


@dataclass(slots=True, eq=False)
class Noted(Typed):
    """A resource, or a list of them, at the point where something else is made of it; only in traced trees."""

    operand: Typed
    element: str | None


_PARTS: dict[type, tuple[str, ...]] = {}


def _parts(kind: type) -> tuple[str, ...]:
    """The fields of a kind of node that can hold other nodes."""
    if kind not in _PARTS:
        _PARTS[kind] = tuple(field.name for field in fields(kind) if field.name not in _PLAIN)
    return _PARTS[kind]


_PLAIN = frozenset({
    "type", "span", "name", "kind", "owner", "attributes", "signature", "conversion", "precision", "definition",
    "parameter", "function", "value_set", "resource", "code_path", "searched", "operator", "is_list", "strict", "of",
    "context", "low_closed", "high_closed", "point", "shape", "any_of", "negated", "distinct", "descending", "element",
})  # fmt: skip


def children(node: object) -> Iterator[Typed]:
    """The typed nodes directly below a node, through sources, keys and pairs."""
    if isinstance(node, Typed | Source | Relationship | Aggregation | SortKey):
        for name in _parts(type(node)):
            yield from _typed_in(getattr(node, name))


def _typed_in(value: object) -> Iterator[Typed]:
    if isinstance(value, Typed):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _typed_in(item)
    elif isinstance(value, Source | Relationship | Aggregation | SortKey):
        yield from children(value)


def walk(node: Typed) -> Iterator[Typed]:
    """The node and everything below it, without entering other definitions."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(list(children(current))))
