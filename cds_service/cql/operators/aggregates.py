"""Aggregate functions of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import LIST, Signature, T
from cds_service.cql.static_types import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    TIME,
    ListOf,
    Type,
)

_ORDERED = (INTEGER, LONG, DECIMAL, QUANTITY, DATE, DATETIME, TIME, STRING)


def _over(operator: str, function: str, *kinds: Type) -> list[Signature]:
    return [Signature(operator, (ListOf(kind),), kind, f"aggregates.{function}") for kind in kinds]


SIGNATURES: list[Signature] = [
    Signature("AllTrue", (ListOf(BOOLEAN),), BOOLEAN, "aggregates.all_true", known=True),
    Signature("AnyTrue", (ListOf(BOOLEAN),), BOOLEAN, "aggregates.any_true", known=True),
    *_over("Avg", "average", DECIMAL, QUANTITY),
    Signature("Count", (LIST,), INTEGER, "aggregates.count", known=True),
    *_over("GeometricMean", "geometric_mean", DECIMAL),
    *_over("Max", "maximum", *_ORDERED),
    *_over("Median", "median", DECIMAL, QUANTITY),
    *_over("Min", "minimum", *_ORDERED),
    Signature("Mode", (LIST,), T, "aggregates.mode", system=True),
    *_over("PopulationStdDev", "population_stddev", DECIMAL, QUANTITY),
    *_over("PopulationVariance", "population_variance", DECIMAL, QUANTITY),
    *_over("Product", "product", INTEGER, LONG, DECIMAL, QUANTITY),
    *_over("StdDev", "stddev", DECIMAL, QUANTITY),
    *_over("Sum", "sum_", INTEGER, LONG, DECIMAL, QUANTITY),
    *_over("Variance", "variance", DECIMAL, QUANTITY),
]
