"""What type a value has at run time, where the text leaves it open."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.cql.runtime.conversions import WrongType
from cds_service.cql.runtime.primitives import Primitive
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet, Vocabulary
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity, Ratio
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.tuples import Tuple

TypeTest = Callable[[Any], bool]

_CLASSES: dict[str, type] = {
    "Boolean": bool, "Decimal": Decimal, "String": str, "Date": Date, "DateTime": DateTime, "Time": Time,
    "Quantity": Quantity, "Ratio": Ratio, "Code": Code, "Concept": Concept, "ValueSet": ValueSet,
    "CodeSystem": CodeSystem, "Vocabulary": Vocabulary, "Tuple": Tuple, "Long": Long,
}  # fmt: skip


def system_test(name: str) -> TypeTest:
    """The test of a System type."""
    if name == "Any":
        return lambda value: value is not None
    if name == "Integer":
        return lambda value: type(value) is int
    kind = _CLASSES[name]
    return lambda value: isinstance(value, kind)


def fhir_test(names: frozenset[str]) -> TypeTest:
    """The test of a FHIR type, given the names of its kinds."""
    return lambda value: getattr(value, "fhir_type", None) in names


def list_test(element: TypeTest) -> TypeTest:
    """The test of a list, by its elements."""
    return lambda value: isinstance(value, list) and all(item is None or element(item) for item in value)


def interval_test(point: str) -> TypeTest:
    """The test of an interval, by its type of point."""
    return lambda value: isinstance(value, Interval) and (point == "Any" or value.point_type in (point, "Any"))


def any_of(tests: tuple[TypeTest, ...]) -> TypeTest:
    """The test of a choice."""
    return lambda value: any(test(value) for test in tests)


def cast_to(value: Any, test: TypeTest, strict: bool, name: str) -> Any:
    """The value if it is of the type, bare of its FHIR type name; else null, or an error if strict."""
    if value is None:
        return None
    if test(value):
        return value.value if type(value) is Primitive and name[:6] != "Choice" and name != "" else value
    if strict:
        raise WrongType(f"A value is no {name}.")
    return None


def element_of_choice(owner: Any, rows: tuple[tuple[str, str | None], ...]) -> Any:
    """The alternative of a choice element that is there; a bare value gets the name of its type."""
    for attribute, primitive in rows:
        value = getattr(owner, attribute)
        if value is not None:
            return value if primitive is None else Primitive(primitive, value)
    return None


def first_fitting(value: Any, rows: tuple[tuple[TypeTest, Callable[[Any], Any]], ...]) -> Any:
    """The value converted by the first row whose type it has."""
    if value is None:
        return None
    for test, step in rows:
        if test(value):
            return step(value.value if type(value) is Primitive else value)
    return None
