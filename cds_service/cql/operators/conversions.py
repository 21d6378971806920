"""Type operators of the reference: conversions between System types."""

from __future__ import annotations

from cds_service.cql.operators.signatures import Signature, T
from cds_service.cql.static_types import (
    BOOLEAN,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    RATIO,
    STRING,
    TIME,
    ListOf,
    Type,
)

# What each conversion takes; its own type comes last, so that a text decides for the text.
_FROM: dict[Type, tuple[Type, ...]] = {
    BOOLEAN: (STRING, INTEGER, LONG, DECIMAL, BOOLEAN),
    INTEGER: (STRING, BOOLEAN, LONG, DECIMAL, INTEGER),
    LONG: (STRING, BOOLEAN, INTEGER, DECIMAL, LONG),
    DECIMAL: (STRING, BOOLEAN, INTEGER, LONG, DECIMAL),
    STRING: (BOOLEAN, INTEGER, LONG, DECIMAL, QUANTITY, RATIO, DATE, DATETIME, TIME, STRING),
    DATE: (STRING, DATETIME, DATE),
    DATETIME: (STRING, DATE, DATETIME),
    TIME: (STRING, DATETIME, TIME),
    QUANTITY: (STRING, DECIMAL, INTEGER, LONG, RATIO, QUANTITY),
    RATIO: (STRING, RATIO),
}

SIGNATURES: list[Signature] = [
    Signature("CanConvertQuantity", (QUANTITY, STRING), BOOLEAN, "conversion.can_convert_quantity"),
    Signature("ConvertQuantity", (QUANTITY, STRING), QUANTITY, "conversion.convert_quantity"),
    *[
        Signature(f"ConvertsTo{kind}", (source,), BOOLEAN, f"conversion.converts_to_{str(kind).lower()}")
        for kind, sources in _FROM.items()
        for source in sources
    ],
    *[
        Signature(f"To{kind}", (source,), kind, f"conversion.to_{str(kind).lower()}")
        for kind, sources in _FROM.items()
        for source in sources
    ],
    Signature("ToChars", (STRING,), ListOf(STRING), "strings.to_chars"),
    Signature("ToConcept", (CODE,), CONCEPT, "conversion.to_concept"),
    Signature("ToConcept", (ListOf(CODE),), CONCEPT, "conversion.to_concept"),
    Signature("ToConcept", (CONCEPT,), CONCEPT, "conversions.same"),
    Signature("ToList", (T,), ListOf(T), "conversion.to_list", known=True),
]
