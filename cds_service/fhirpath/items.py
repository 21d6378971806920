"""What a collection holds at run time: System values, FHIR structures, and FHIR primitives with their type.

A primitive of a statically known type travels as its bare value, and as a `Primitive` only where it carries an id or
extensions. Where the static type is open, every primitive travels as a `Primitive`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from cds_service.fhir.model.types import Element, r4
from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.values.codes import Code, Concept
from cds_service.values.date_texts import parse_date, parse_datetime, parse_time
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity, Ratio
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.tuples import Tuple

UCUM = "http://unitsofmeasure.org"
QUANTITY_TYPES = frozenset(("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"))
# Calendar words are what the specification of FHIR reads these UCUM units as.
_CALENDAR = {"a": "year", "mo": "month", "d": "day", "h": "hour", "min": "minute", "s": "second"}
_SYSTEM_TYPES: dict[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Long: "Long",
    Decimal: "Decimal",
    str: "String",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
    Ratio: "Ratio",
}
#: How the text of a FHIR primitive becomes a System value; all other primitives are that value already.
CONVERSIONS: dict[str, Callable[[str | None], Any]] = {
    "date": parse_date,
    "dateTime": parse_datetime,
    "instant": parse_datetime,
    "time": parse_time,
}


class Primitive:
    """A FHIR primitive: its type, its value (which may be missing), its id and extensions (which may be missing)."""

    __slots__ = ("element", "type", "value")

    def __init__(self, value: Any, type_name: str, element: Any = None) -> None:
        self.value = value
        self.type = type_name
        self.element = element

    @property
    def system_value(self) -> Any:
        """The value as a System value."""
        convert = CONVERSIONS.get(self.type)
        return self.value if convert is None else convert(self.value)

    def __repr__(self) -> str:
        return f"Primitive({self.value!r}, {self.type!r})"


class TypeName:
    """What `type()` gives: a namespace and a name."""

    __slots__ = ("name", "namespace")
    __struct_fields__ = ("namespace", "name")
    fhir_type = "System.TypeInfo"

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name

    def __repr__(self) -> str:
        return f"{self.namespace}.{self.name}"


def system_value(item: Any) -> Any:
    """An item as operators take it: the System value of a primitive or quantity, else the item itself."""
    if item.__class__ is Primitive:
        return item.system_value
    if getattr(item, "fhir_type", None) in QUANTITY_TYPES:
        return quantity_of(item)
    return item


def system_values(items: Iterable[Any]) -> list[Any]:
    """The System values of items that have one."""
    return [value for item in items if (value := system_value(item)) is not None]


def unboxed(items: Iterable[Any]) -> list[Any]:
    """The bare values of primitives of one known type; those without a value are left out."""
    result = []
    for item in items:
        value = item.value if item.__class__ is Primitive else item
        if value is not None:
            result.append(value)
    return result


def boxed_list(values: Sequence[Any], type_name: str, elements: Sequence[Any]) -> list[Any]:
    """Values of one primitive type, each with the id and extensions that stand beside it."""
    result: list[Any] = []
    for index in range(max(len(values), len(elements))):
        value = values[index] if index < len(values) else None
        element = elements[index] if index < len(elements) else None
        if element is not None:
            result.append(Primitive(value, type_name, element))
        elif value is not None:
            result.append(value)
    return result


def tagged(item: Any, type_name: str) -> Any:
    """A primitive of a known type as a `Primitive`."""
    return item if item.__class__ is Primitive else Primitive(item, type_name)


@lru_cache(maxsize=4096)
def _make_quantity(value: Decimal, unit: str) -> Quantity:
    return Quantity(value, unit)


def quantity_of(struct: Any) -> Quantity | None:
    """The System quantity of a FHIR quantity; none without a value or with a comparator, which makes it a bound."""
    if struct is None or struct.value is None or struct.comparator is not None:
        return None
    if struct.code is not None and struct.system == UCUM:
        return _make_quantity(struct.value, _CALENDAR.get(struct.code, struct.code))
    return _make_quantity(struct.value, struct.code or struct.unit or "1")


def type_of(item: Any) -> TypeName:
    """The type of an item."""
    if item.__class__ is Primitive:
        return TypeName("FHIR", item.type)
    if item.__class__ is TypeName:
        return TypeName("System", "TypeInfo")
    fhir_type = getattr(item, "fhir_type", None)
    if fhir_type is not None:
        return TypeName("FHIR", fhir_type)
    return TypeName("System", _SYSTEM_TYPES.get(item.__class__, "Any"))


def is_type(item: Any, name: str) -> bool:
    """Whether an item has that type or one derived from it; System types as `System.Name`."""
    actual = type_of(item)
    if actual.namespace == "System":
        return name in (f"System.{actual.name}", "System.Any")
    return r4().is_subtype(actual.name, name)


def has_type(item: Any, name: str) -> bool:
    """Whether `as` and `ofType` let an item through: primitives by their exact type, others also by a supertype."""
    if item.__class__ is Primitive:
        return bool(item.type == name)
    return is_type(item, name)


# --- Elements by name or all together -------------------------------------------------------------

_Read = Callable[[Any], list[Any]]


def _reader(element: Element) -> _Read:
    """A function that gives the items of one element of a structure, primitives tagged."""
    alternatives = []
    for type_name, attribute in element.attributes.items():
        info = None if type_name.startswith("System.") else r4().get(type_name)
        primitive = info is not None and info.is_primitive
        companion = f"_{attribute if element.is_choice else element.name}"
        alternatives.append((attribute, companion if primitive else "", type_name))

    def read(struct: Any) -> list[Any]:
        items: list[Any] = []
        for attribute, companion, type_name in alternatives:
            found = getattr(struct, attribute, None)
            if not companion:
                items += found if isinstance(found, (list, tuple)) else () if found is None else (found,)
                continue
            beside = getattr(struct, companion, None)
            if element.is_list:
                items += [tagged(item, type_name) for item in boxed_list(found or (), type_name, beside or ())]
            elif found is not None or beside is not None:
                items.append(Primitive(found, type_name, beside))
        return items

    return read


@cache
def _readers(type_name: str) -> dict[str, _Read]:
    return {name: _reader(element) for name, element in r4().type(type_name).elements.items()}


def child(item: Any, name: str) -> list[Any]:
    """The items of the element `name`; nothing where the item's type has no such element."""
    if item.__class__ is Primitive:
        if name == "value":
            return [] if item.value is None else [item.system_value]
        return [] if item.element is None else child(item.element, name)
    if item.__class__ is TypeName:
        return [getattr(item, name)] if name in TypeName.__struct_fields__ else []
    fhir_type = getattr(item, "fhir_type", None)
    if fhir_type is None:
        return _part_of_value(item, name)
    read = _readers(fhir_type).get(name)
    return [] if read is None else read(item)


_PARTS: dict[type, frozenset[str]] = {
    Code: frozenset(("code", "system", "version", "display")),
    Concept: frozenset(("codes", "display")),
    Quantity: frozenset(("value", "unit")),
    Ratio: frozenset(("numerator", "denominator")),
    Interval: frozenset(("low", "high", "lowClosed", "highClosed")),
}


def _part_of_value(item: Any, name: str) -> list[Any]:
    """The items of an element of a value that other logic gave: a tuple, a code, an interval."""
    if isinstance(item, Tuple):
        if name not in item:
            raise FhirPathEvaluationError(f"The tuple has no element {name!r}.", remedy="Correct the name.")
        found = item[name]
    elif name in _PARTS.get(item.__class__, ()):
        found = getattr(item, name)
    else:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [] if found is None else [found]


def children(item: Any) -> list[Any]:
    """All items one level below."""
    if item.__class__ is Primitive:
        return [] if item.element is None else children(item.element)
    fhir_type = getattr(item, "fhir_type", None)
    if fhir_type is None or item.__class__ is TypeName:
        return []
    return [part for read in _readers(fhir_type).values() for part in read(item)]


def descendants(items: Iterable[Any]) -> list[Any]:
    """All items at any level below."""
    result: list[Any] = []
    level = list(items)
    while level:
        level = [part for item in level for part in children(item)]
        result += level
    return result


def extensions_of(item: Any, url: str | None = None) -> list[Any]:
    """The extensions of an item, or those with that URL."""
    holder = item.element if item.__class__ is Primitive else item
    found = getattr(holder, "extension", None) or ()
    return [extension for extension in found if url is None or extension.url == url]
