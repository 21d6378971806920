"""Conversions between types at run time; null in, null out.

FHIR's own structures become System values as FHIRHelpers says, with one difference: a quantity with a comparator
(`< 5`) is not a known number, so it is null here instead of an error that would hide everything around it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.cql.type_relations import Conversion
from cds_service.errors import EvaluationError
from cds_service.values import date_texts, dates
from cds_service.values.codes import Code, Concept
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity, Ratio, make
from cds_service.values.uncertainty import Uncertainty

UCUM = "http://unitsofmeasure.org"
_CALENDAR = {
    "ms": "millisecond", "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month",
    "a": "year",
}  # fmt: skip


class WrongType(EvaluationError):
    """A value of another type than the one it is asked to be."""

    code = "wrong-type"


def same(value: Any) -> Any:
    """The value itself."""
    return value


def to_long(value: Any) -> Any:
    """An Integer as a Long."""
    if value is None or type(value) is Uncertainty:
        return value
    return Long(value)


def to_decimal(value: Any) -> Any:
    """An Integer or Long as a Decimal."""
    if type(value) is Uncertainty:
        return Uncertainty(Decimal(value.low), Decimal(value.high), "Decimal")
    return None if value is None else Decimal(value)


def to_quantity(value: Any) -> Quantity | None:
    """A number as a quantity without unit."""
    return None if value is None else make(Decimal(value), "1")


def to_datetime(value: Any) -> Any:
    """A Date as a DateTime of the same precision."""
    return None if value is None else dates.to_datetime(value)


def to_concept(value: Code | None) -> Concept | None:
    """A Code as the Concept with just this code."""
    return None if value is None else Concept((value,), value.display)


def fhir_quantity(value: Any) -> Quantity | None:
    """A FHIR quantity as a System quantity; null where the value is missing or only a bound."""
    if value is None or value.value is None or value.comparator is not None:
        return None
    unit = value.code or value.unit or "1"
    if value.system is None or value.system == UCUM or value.code is None:
        return make(value.value, _CALENDAR.get(unit, unit))
    return make(value.value, value.unit or unit)


def fhir_code(value: Any) -> Code | None:
    """A FHIR Coding as a Code."""
    return None if value is None else Code(value.code, value.system, value.version, value.display)


def fhir_concept(value: Any) -> Concept | None:
    """A FHIR CodeableConcept as a Concept."""
    if value is None:
        return None
    return Concept(
        tuple(Code(coding.code, coding.system, coding.version, coding.display) for coding in value.coding),
        value.text,
    )


def fhir_date(text: str | None) -> Any:
    """A FHIR date as a Date."""
    return None if text is None else date_texts.parse_date(text)


fhir_datetime = date_texts.parse_datetime  # a FHIR dateTime or instant as a DateTime


def fhir_time(text: str | None) -> Any:
    """A FHIR time as a Time."""
    return None if text is None else date_texts.parse_time(text)


def fhir_period(value: Any) -> Interval | None:
    """A FHIR Period as an interval: without a start it is unknown when it began, without an end it goes on."""
    if value is None:
        return None
    return Interval(fhir_datetime(value.start), fhir_datetime(value.end), value.start is not None, True, "DateTime")


def fhir_range(value: Any) -> Interval | None:
    """A FHIR Range as an interval of quantities."""
    if value is None:
        return None
    return Interval(fhir_quantity(value.low), fhir_quantity(value.high), True, True, "Quantity")


def fhir_ratio(value: Any) -> Ratio | None:
    """A FHIR Ratio as a System ratio; null while a side is not known."""
    if value is None:
        return None
    numerator, denominator = fhir_quantity(value.numerator), fhir_quantity(value.denominator)
    return None if numerator is None or denominator is None else Ratio(numerator, denominator)


STEPS: dict[str, str] = {
    "integer-long": "to_long",
    "integer-decimal": "to_decimal",
    "integer-quantity": "to_quantity",
    "decimal-quantity": "to_quantity",
    "date-datetime": "to_datetime",
    "code-concept": "to_concept",
    "fhir-quantity": "fhir_quantity",
    "fhir-code": "fhir_code",
    "fhir-concept": "fhir_concept",
    "fhir-date": "fhir_date",
    "fhir-datetime": "fhir_datetime",
    "fhir-time": "fhir_time",
    "fhir-period": "fhir_period",
    "fhir-range": "fhir_range",
    "fhir-ratio": "fhir_ratio",
}


def over_list(values: list[Any] | None, step: Callable[[Any], Any]) -> list[Any] | None:
    """A list with the step done to every element."""
    return None if values is None else [step(value) for value in values]


def over_interval(value: Interval | None, step: Callable[[Any], Any], point_type: str) -> Interval | None:
    """An interval with the step done to both ends."""
    if value is None:
        return None
    return Interval(step(value.low), step(value.high), value.low_closed, value.high_closed, point_type)


def convert_constant(conversion: Conversion, value: Any) -> tuple[bool, Any]:
    """Whether the conversion can be worked out while compiling, and the value."""
    kind = conversion.kind
    if kind == "same":
        return True, value
    if kind in STEPS:
        return True, globals()[STEPS[kind]](value)
    if kind == "chain":
        done = True
        for _, step in conversion.parts:
            if done:
                done, value = convert_constant(step, value)
        return done, value
    if kind == "list":
        pairs = [convert_constant(conversion.parts[0][1], item) for item in value]
        return all(done for done, _ in pairs), [item for _, item in pairs]
    if kind == "interval":
        (low_done, low), (high_done, high) = (
            convert_constant(conversion.parts[0][1], end) for end in (value.low, value.high)
        )
        point = str(conversion.target)[len("Interval<") : -1]
        return low_done and high_done, Interval(low, high, value.low_closed, value.high_closed, point)
    return False, None
