"""What is known about a collection before anything runs: the types of its items, and whether it can hold several."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cds_service.fhir.model.types import Model
from cds_service.fhirpath.items import QUANTITY_TYPES

Types = frozenset[str] | None

BOOLEAN, INTEGER, DECIMAL, STRING = "System.Boolean", "System.Integer", "System.Decimal", "System.String"
DATE, DATETIME, TIME, QUANTITY = "System.Date", "System.DateTime", "System.Time", "System.Quantity"
LONG, TYPE_INFO = "System.Long", "System.TypeInfo"
SYSTEM_TYPES = frozenset(
    (BOOLEAN, INTEGER, DECIMAL, STRING, DATE, DATETIME, TIME, QUANTITY, LONG, TYPE_INFO, "System.Any", "System.Ratio")
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Types of the items (None: any), whether there can be several, whether their order means something."""

    types: Types
    many: bool = False
    ordered: bool = True

    @property
    def single_type(self) -> str | None:
        """The type, if there is only one."""
        return next(iter(self.types)) if self.types is not None and len(self.types) == 1 else None


@dataclass(frozen=True, slots=True)
class Code:
    """Generated code for a collection: an expression without side effects, and the shape of its value.

    One that cannot be several has the item or None as its value, else a list. `nullable` False promises an item.
    FHIR primitives of one known type are bare values, or a `Primitive` where an id or extensions stand beside them.
    """

    text: str
    shape: Shape
    nullable: bool = True
    test: str = ""  # for a truth value: a cheaper expression that is truthy if and only if it is true

    def with_types(self, types: Types) -> Code:
        """The same code, with its types known better."""
        return replace(self, shape=replace(self.shape, types=types))


def one(*types: str) -> Shape:
    """A shape of at most one item."""
    return Shape(frozenset(types))


def several(*types: str) -> Shape:
    """A shape of any number of items."""
    return Shape(frozenset(types), many=True)


def merged(*shapes: Types) -> Types:
    """The types of a collection that may hold items of each."""
    known = [types for types in shapes if types is not None]
    return frozenset().union(*known) if len(known) == len(shapes) else None


def is_primitive(model: Model, name: str) -> bool:
    """Whether this is a FHIR primitive."""
    if name in SYSTEM_TYPES:
        return False
    info = model.get(name)
    return info is not None and info.is_primitive


def system_type(model: Model, name: str) -> str:
    """The System type that a type is read as by operators; complex types stay."""
    if name in QUANTITY_TYPES:
        return QUANTITY
    if is_primitive(model, name):
        return f"System.{model.type(name).system or 'String'}"
    return name


def is_tagged(types: Types) -> bool:
    """Whether primitives among these types travel with their type."""
    return types is None or len(types) > 1
