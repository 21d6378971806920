"""Structures that a text makes, and a look inside any structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cds_service.values import formatting
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet, Vocabulary
from cds_service.values.interval import Interval
from cds_service.values.quantity import Quantity, Ratio, make
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.tuples import Tuple


def _quantity(value: Any = None, unit: str | None = None) -> Quantity | None:
    return make(value, unit)


def _concept(codes: Iterable[Code] | Code = (), display: str | None = None) -> Concept:
    return Concept((codes,) if isinstance(codes, Code) else tuple(codes or ()), display)


def _value_set(**elements: Any) -> ValueSet:
    return ValueSet(elements.get("id"), elements.get("version"), elements.get("name"))  # type: ignore[arg-type]


def _code_system(**elements: Any) -> CodeSystem:
    return CodeSystem(elements.get("id"), elements.get("version"), elements.get("name"))  # type: ignore[arg-type]


def _vocabulary(**elements: Any) -> Vocabulary:
    return Vocabulary(elements.get("id"), elements.get("version"), elements.get("name"))  # type: ignore[arg-type]


def _code(
    code: str | None = None, system: str | None = None, version: str | None = None, display: str | None = None
) -> Code:
    return Code(code, system, version, display)


SYSTEM_SELECTORS: dict[str, Callable[..., Any]] = {
    "Quantity": _quantity,
    "Ratio": Ratio,
    "Code": _code,
    "Concept": _concept,
    "ValueSet": _value_set,
    "CodeSystem": _code_system,
    "Vocabulary": _vocabulary,
}


def new_system(name: str, elements: Mapping[str, Any]) -> Any:
    """A System structure with these elements."""
    return SYSTEM_SELECTORS[name](**elements)


def fhir_text(value: Any) -> Any:
    """A System date or time as the text that FHIR has for it; anything else unchanged."""
    if isinstance(value, Date | DateTime | Time):
        return formatting.to_text(value)
    return value


def children(value: Any) -> list[Any] | None:
    """Everything directly below a value."""
    if value is None:
        return None
    found: list[Any] = []
    for item in value if isinstance(value, list) else [value]:
        for below in _parts(item):
            if isinstance(below, list | tuple):
                found.extend(below)
            elif below is not None:
                found.append(below)
    return found


def descendants(value: Any) -> list[Any] | None:
    """Everything below a value, at any depth."""
    if value is None:
        return None
    found: list[Any] = []
    level = children(value) or []
    while level:
        found.extend(level)
        level = children(level) or []
    return found


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Tuple):
        return list(value.values())
    if isinstance(value, Interval):
        return [value.low, value.high, value.low_closed, value.high_closed]
    if isinstance(value, Quantity):
        return [value.value, value.unit]
    if isinstance(value, Ratio):
        return [value.numerator, value.denominator]
    if isinstance(value, Concept):
        return [*value.codes, value.display]
    if isinstance(value, Code):
        return [value.code, value.system, value.version, value.display]
    names = getattr(value, "__struct_fields__", ())
    return [getattr(value, name) for name in names]
