"""Values as they come in (parameters) and go out (results): plain System values and FHIR structures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.cql.entries import ParameterEntry
from cds_service.cql.runtime.conversions import WrongType
from cds_service.cql.runtime.primitives import Primitive
from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    CODE,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    NULL,
    QUANTITY,
    STRING,
    TIME,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
)
from cds_service.cql.type_relations import Relations
from cds_service.errors import EvaluationError
from cds_service.values import date_texts
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.quantity import make
from cds_service.values.tuples import Tuple

_READERS = {
    "date": date_texts.parse_date,
    "dateTime": date_texts.parse_datetime,
    "instant": date_texts.parse_datetime,
    "time": date_texts.parse_time,
}


def is_shaped(kind: Type | None, relations: Relations) -> bool:
    """Whether values of a type may hold bare FHIR values that have to be read before they are handed out."""
    if isinstance(kind, ListOf):
        return is_shaped(kind.element, relations)
    if isinstance(kind, TupleOf):
        return any(is_shaped(inner, relations) for _, inner in kind.elements)
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        return relations.is_primitive(kind)
    return isinstance(kind, ChoiceOf) or kind in (ANY, NULL, None)


def plain(value: Any, kind: Type | None) -> Any:
    """The value with every bare FHIR value read as the System value that it stands for."""
    if value is None:
        return None
    if type(value) is Primitive:
        reader = _READERS.get(value.fhir_type)
        return reader(value.value) if reader is not None else value.value
    if isinstance(value, list) and isinstance(kind, ListOf):
        return [plain(item, kind.element) for item in value]
    if isinstance(value, Tuple) and isinstance(kind, TupleOf):
        return Tuple({name: plain(item, kind.element(name)) for name, item in value.items()})
    if isinstance(kind, Named) and kind.namespace == "FHIR" and isinstance(value, str):
        reader = _READERS.get(kind.name)
        return reader(value) if reader is not None else value
    return value


class WrongParameter(EvaluationError):
    """A parameter that was given a value of another type."""

    code = "wrong-parameter"


def as_parameter(value: Any, kind: Type, entry: ParameterEntry) -> Any:
    """The value as a parameter of this type; plain JSON values are read where that is clear."""
    try:
        return _read(value, kind)
    except WrongType:
        raise WrongParameter(
            f'Parameter "{entry.name}" of library {entry.library} is {kind}.', where=entry.node.name_span
        ) from None


def _read(value: Any, kind: Type) -> Any:
    if value.__class__ is str and kind is STRING:
        return value
    if value is None:
        return value
    if isinstance(kind, ListOf):
        entries = value if isinstance(value, list | tuple) else [value]  # FHIR cannot say that one value is a list
        return [_read(item, kind.element) for item in entries]
    if isinstance(kind, IntervalOf) and isinstance(value, Mapping):
        return _read_interval(value, kind.point)
    if isinstance(kind, IntervalOf | ChoiceOf | TupleOf) or kind in (ANY, NULL):
        return value
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        return value
    return _read_system(value, kind)


def _read_interval(value: Mapping[str, Any], point: Type) -> Interval:
    """A FHIR Period or Range as plain data."""
    is_period = not {"low", "high"} & set(value)
    low, high = (value.get(name) for name in (("start", "end") if is_period else ("low", "high")))
    closed = low is not None or not is_period  # without a start it is unknown when a period began
    return Interval(_read_bound(low, point), _read_bound(high, point), closed, True, str(point))


def _read_bound(value: Any, point: Type) -> Any:
    if isinstance(value, Mapping) and "value" in value:
        return make(Decimal(str(value["value"])), value.get("code") or value.get("unit"))
    return _read(value, point)


def _read_system(value: Any, kind: Type) -> Any:
    if isinstance(value, str) and kind in (DATE, DATETIME, TIME):
        text = value.removeprefix("@").removeprefix("T")
        reader = {DATE: date_texts.parse_date, DATETIME: date_texts.parse_datetime, TIME: date_texts.parse_time}[kind]
        found = reader(text)
        if found is None:
            raise WrongType("A parameter is no date or time.")
        return found
    if kind == BOOLEAN:
        fits = isinstance(value, bool)
    elif kind in (INTEGER, LONG):
        fits = isinstance(value, int) and not isinstance(value, bool)
        value = Long(value) if fits and kind == LONG else value
    elif kind == DECIMAL:
        fits = isinstance(value, int | Decimal | float) and not isinstance(value, bool)
        value = Decimal(str(value)) if fits else value
    elif kind == STRING:
        fits = isinstance(value, str)
    else:
        fits = kind in (QUANTITY, CODE) or not isinstance(value, str | int | bool)
    if not fits:
        raise WrongType("A parameter has another type.")
    return value
