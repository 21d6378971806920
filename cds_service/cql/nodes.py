"""The syntax tree of CQL: what an author wrote, with noise words gone and nothing yet looked up.

Equality and hash leave the place (`span`) out, so two texts that say the same give equal trees.
Operators carry the names of the specification's operators (`Add`, `SameOrBefore`, `IncludedIn`).
Names are not resolved: whether `A.b` is a property or a definition of library `A` is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from cds_service.errors import Span

Precision = Literal["year", "month", "week", "day", "hour", "minute", "second", "millisecond"]
Direction = Literal["ascending", "descending"]
Access = Literal["public", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything with a place in the source text."""

    span: Span = field(compare=False, repr=False)


class Expression(Node):
    """A node that has a value."""

    __slots__ = ()


class TypeSpecifier(Node):
    """A node that names a type."""

    __slots__ = ()


# --- Types ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedType(TypeSpecifier):
    """`Integer`, `System.Integer`, `FHIR.Patient`: the qualifier is None when there is none."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class ListType(TypeSpecifier):
    """`List<Code>`."""

    element: TypeSpecifier


@dataclass(frozen=True, slots=True)
class IntervalType(TypeSpecifier):
    """`Interval<DateTime>`."""

    point: TypeSpecifier


@dataclass(frozen=True, slots=True)
class TupleElementType(Node):
    """One `name Type` of a tuple type."""

    name: str
    type: TypeSpecifier


@dataclass(frozen=True, slots=True)
class TupleType(TypeSpecifier):
    """`Tuple { id Integer, name String }`."""

    elements: tuple[TupleElementType, ...]


@dataclass(frozen=True, slots=True)
class ChoiceType(TypeSpecifier):
    """`Choice<Integer, String>`."""

    choices: tuple[TypeSpecifier, ...]


# --- Literals ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NullLiteral(Expression):
    """`null`."""


@dataclass(frozen=True, slots=True)
class BooleanLiteral(Expression):
    """`true`, `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class IntegerLiteral(Expression):
    """`42`; 2147483648 occurs only directly below `Unary("Negate")`."""

    value: int


@dataclass(frozen=True, slots=True)
class LongLiteral(Expression):
    """`42L`; 9223372036854775808 occurs only directly below `Unary("Negate")`."""

    value: int


@dataclass(frozen=True, slots=True)
class DecimalLiteral(Expression):
    """`4.20`: the digits as written, trailing zeros kept."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class StringLiteral(Expression):
    """`'text'`, escapes already resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class DateLiteral(Expression):
    """`@2014-01` as `2014-01`: a calendar date of 1 to 3 components, each known to be in range."""

    text: str


@dataclass(frozen=True, slots=True)
class DateTimeLiteral(Expression):
    """`@2014-01-25T14:30+01:00` as `2014-01-25T14:30+01:00`; `@2014T` as `2014T`."""

    text: str


@dataclass(frozen=True, slots=True)
class TimeLiteral(Expression):
    """`@T14:30` as `14:30`."""

    text: str


@dataclass(frozen=True, slots=True)
class QuantityLiteral(Expression):
    """`5 'mg'`, `3 days`: the unit as written (`days` stays `days`); `'1'` where none is given inside a ratio."""

    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class RatioLiteral(Expression):
    """`1:128`, `5 'mg' : 1 'mL'`."""

    numerator: QuantityLiteral
    denominator: QuantityLiteral


# --- Selectors -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IntervalSelector(Expression):
    """`Interval[low, high)`."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class ElementSelector(Node):
    """One `name: value` of a tuple or instance."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class TupleSelector(Expression):
    """`Tuple { id: 1 }`, `{ id: 1 }`, `{:}`."""

    elements: tuple[ElementSelector, ...]


@dataclass(frozen=True, slots=True)
class InstanceSelector(Expression):
    """`FHIR.Coding { code: 'a' }`, `Quantity { value: 1, unit: 'mg' }`."""

    type: NamedType
    elements: tuple[ElementSelector, ...]


@dataclass(frozen=True, slots=True)
class ListSelector(Expression):
    """`{ 1, 2 }`, `List<Integer>{ 1 }`."""

    element_type: TypeSpecifier | None
    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class CodeSelector(Expression):
    """`Code '66071002' from "SNOMED-CT" display 'Hepatitis B'`."""

    code: str
    system: Expression  # Identifier, or Property of a library's alias
    display: str | None


@dataclass(frozen=True, slots=True)
class ConceptSelector(Expression):
    """`Concept { Code '1' from A, Code '2' from B } display 'x'`."""

    codes: tuple[CodeSelector, ...]
    display: str | None


# --- Names and invocations -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identifier(Expression):
    """A bare name: definition, parameter, alias, operand, let, code, value set, library, context."""

    name: str


@dataclass(frozen=True, slots=True)
class ExternalConstant(Expression):
    """`%name`."""

    name: str


@dataclass(frozen=True, slots=True)
class This(Expression):
    """`$this`."""


@dataclass(frozen=True, slots=True)
class IterationIndex(Expression):
    """`$index`."""


@dataclass(frozen=True, slots=True)
class Total(Expression):
    """`$total`."""


@dataclass(frozen=True, slots=True)
class Property(Expression):
    """`source.name`: a property, or a definition of the library that `source` names."""

    source: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """`Name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MethodCall(Expression):
    """`source.name(arguments)`: a fluent function, a FHIRPath style method, or a function of library `source`."""

    source: Expression
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """`source[index]`."""

    source: Expression
    index: Expression


# --- Operators -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """One operand; the names are in `operator_names.py`. `precision` only where the operator takes one."""

    operator: str
    operand: Expression
    precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """Two operands; the names are in `operator_names.py`. Timing phrases without an offset are binaries too."""

    operator: str
    left: Expression
    right: Expression
    precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class OffsetTiming(Expression):
    """`left 3 days or more before right`: `left` lies that far before or after `right`.

    `bound` says how the distance is meant: `exactly` (3 days before), `or more`, `or less`,
    `less than`, `more than`. `inclusive` is `on or before` / `on or after`.
    """

    left: Expression
    right: Expression
    direction: Literal["before", "after"]
    offset: QuantityLiteral
    bound: Literal["exactly", "or more", "or less", "less than", "more than"]
    inclusive: bool
    precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class Within(Expression):
    """`left within 3 days of right`; `proper` leaves the ends out."""

    left: Expression
    right: Expression
    distance: QuantityLiteral
    proper: bool


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """`operand between low and high`; `proper` leaves the ends out."""

    operand: Expression
    low: Expression
    high: Expression
    proper: bool


@dataclass(frozen=True, slots=True)
class Is(Expression):
    """`operand is Type`."""

    operand: Expression
    type: TypeSpecifier


@dataclass(frozen=True, slots=True)
class As(Expression):
    """`operand as Type`, or with `strict` `cast operand as Type`, which fails for another type."""

    operand: Expression
    type: TypeSpecifier
    strict: bool


@dataclass(frozen=True, slots=True)
class Convert(Expression):
    """`convert operand to Type`."""

    operand: Expression
    type: TypeSpecifier


@dataclass(frozen=True, slots=True)
class ConvertUnit(Expression):
    """`convert operand to 'mg'`, `convert operand to days`."""

    operand: Expression
    unit: str


@dataclass(frozen=True, slots=True)
class TypeExtent(Expression):
    """`minimum Integer`, `maximum DateTime`."""

    extent: Literal["minimum", "maximum"]
    type: NamedType


@dataclass(frozen=True, slots=True)
class Collapse(Expression):
    """`collapse operand per unit`: `per` is a quantity; `per day` gives the literal 1 day."""

    operand: Expression
    per: Expression | None


@dataclass(frozen=True, slots=True)
class Expand(Expression):
    """`expand operand per unit`: `per` as for `Collapse`."""

    operand: Expression
    per: Expression | None


@dataclass(frozen=True, slots=True)
class If(Expression):
    """`if condition then value else otherwise`."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class CaseItem(Node):
    """One `when condition then value`."""

    when: Expression
    then: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """`case comparand when .. then .. else .. end`."""

    comparand: Expression | None
    items: tuple[CaseItem, ...]
    otherwise: Expression


# --- Retrieves and queries -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retrieve(Expression):
    """`[context -> Type: code_path comparator terminology]`; comparator `in` unless written."""

    type: NamedType
    code_path: str | None
    comparator: Literal["in", "=", "~"] | None
    terminology: Expression | None
    context: Expression | None = None


@dataclass(frozen=True, slots=True)
class AliasedSource(Node):
    """`source alias`."""

    source: Expression
    alias: str


@dataclass(frozen=True, slots=True)
class Let(Node):
    """One `name: value` of a let clause."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class With(Node):
    """`with source alias such that condition`; `negated` is `without`."""

    source: AliasedSource
    condition: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class Aggregate(Node):
    """`aggregate distinct accumulator starting initial: value`; initial None means null."""

    accumulator: str
    initial: Expression | None
    value: Expression
    distinct: bool


@dataclass(frozen=True, slots=True)
class Return(Node):
    """`return all value`; distinct unless `all` is written."""

    value: Expression
    distinct: bool


@dataclass(frozen=True, slots=True)
class SortItem(Node):
    """One key; `key` None sorts by the element itself (`sort desc`). Names in a key are the element's properties."""

    key: Expression | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class Query(Expression):
    """`from sources let .. with .. where .. return|aggregate .. sort ..`; never both return and aggregate."""

    sources: tuple[AliasedSource, ...]
    lets: tuple[Let, ...] = ()
    relationships: tuple[With, ...] = ()
    where: Expression | None = None
    returning: Return | None = None
    aggregate: Aggregate | None = None
    sort: tuple[SortItem, ...] = ()


# --- Libraries -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tag(Node):
    """`@name value` in the comment above a definition."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Documentation(Node):
    """The comment directly above a definition: its text without tags, and its tags."""

    text: str
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition(Node):
    """Anything a library declares. `name_span` is the place of the name, `span` that of the whole."""

    name_span: Span = field(compare=False, repr=False)
    documentation: Documentation | None = None
    access: Access = "public"


@dataclass(frozen=True, slots=True)
class Using(Definition):
    """`using FHIR version '4.0.1' called alias`; `namespace` is the qualifier before the name."""

    name: str
    version: str | None
    alias: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Include(Definition):
    """`include namespace.Name version '1' called Alias`; `alias` is the name when none is written."""

    name: str
    version: str | None
    alias: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class CodeSystem(Definition):
    """`codesystem "SNOMED": 'http://..' version '..'`."""

    name: str
    id: str
    version: str | None


@dataclass(frozen=True, slots=True)
class ValueSet(Definition):
    """`valueset "X": 'http://..' version '..' codesystems { .. }`."""

    name: str
    id: str
    version: str | None
    code_systems: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeDefinition(Definition):
    """`code "X": '123' from "SNOMED" display '..'`."""

    name: str
    id: str
    system: Expression
    display: str | None


@dataclass(frozen=True, slots=True)
class ConceptDefinition(Definition):
    """`concept "X": { "code a", "code b" } display '..'`."""

    name: str
    codes: tuple[Expression, ...]
    display: str | None


@dataclass(frozen=True, slots=True)
class Parameter(Definition):
    """`parameter "X" Type default value`."""

    name: str
    type: TypeSpecifier | None
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Context(Definition):
    """`context Patient`: holds for the definitions after it; `qualifier` is the model, if written."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class ExpressionDefinition(Definition):
    """`define "X": expression`; `context` is the one in force, None before any context statement."""

    name: str
    expression: Expression
    context: str | None


@dataclass(frozen=True, slots=True)
class Operand(Node):
    """One `name Type` of a function."""

    name: str
    type: TypeSpecifier


@dataclass(frozen=True, slots=True)
class FunctionDefinition(Definition):
    """`define fluent function "X"(a Integer) returns T: body`; body None is `external`."""

    name: str
    operands: tuple[Operand, ...]
    body: Expression | None
    context: str | None
    fluent: bool = False
    returns: TypeSpecifier | None = None


@dataclass(frozen=True, slots=True)
class Library(Node):
    """A whole library; `definitions` in source order, `name` None for a text without a library statement."""

    name: str | None
    namespace: str | None
    version: str | None
    definitions: tuple[Definition, ...]
    documentation: Documentation | None = None

    def tagged(self, tag: str) -> tuple[Definition, ...]:
        """The definitions whose comment carries `@tag`."""
        return tuple(
            d for d in self.definitions if d.documentation and any(t.name == tag for t in d.documentation.tags)
        )
