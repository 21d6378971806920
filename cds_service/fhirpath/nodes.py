"""The syntax tree of FHIRPath; equality leaves places out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from cds_service.errors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An expression with its place."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """`{}`."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A literal; `type` is its System type, `value` the text of numbers, dates and times, else the value itself.

    A Quantity is the pair of its number and its unit.
    """

    type: str
    value: str | bool | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$this`, `$index`, `$total`."""

    name: OneOf["this", "index", "total"]


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """`%name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`source.name`; without a source the name belongs to `$this`."""

    source: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`source.name(arguments)`; without a source the function applies to `$this`."""

    source: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`source[index]`."""

    source: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Sign(Node):
    """`-operand`, `+operand`."""

    sign: OneOf["-", "+"]
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class TypeOperation(Node):
    """`operand is Type`, `operand as Type`."""

    operator: OneOf["is", "as"]
    operand: Node
    type: str


@dataclass(frozen=True, slots=True)
class SortKey(Node):
    """An argument of `sort` with its direction written behind it."""

    key: Node
    descending: bool
