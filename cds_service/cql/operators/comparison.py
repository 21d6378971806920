"""Comparison and nullological operators of the reference."""

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
)

_ORDERED = (INTEGER, LONG, DECIMAL, STRING, DATE, DATETIME, TIME, QUANTITY)

COMPARISON: list[Signature] = [
    Signature("Comparable", (QUANTITY, QUANTITY), BOOLEAN, "quantities.comparable"),
    Signature("Equal", (T, T), BOOLEAN, "equality.equal", system=True),
    Signature("NotEqual", (T, T), BOOLEAN, "equality.not_equal", system=True),
    Signature("Equivalent", (T, T), BOOLEAN, "equality.equivalent", system=True, known=True),
    Signature("NotEquivalent", (T, T), BOOLEAN, "comparisons.not_equivalent", system=True, known=True),
    *[
        Signature(operator, (kind, kind), BOOLEAN, f"comparison.{function}")
        for operator, function in (
            ("Less", "less"),
            ("LessOrEqual", "less_or_equal"),
            ("Greater", "greater"),
            ("GreaterOrEqual", "greater_or_equal"),
        )
        for kind in _ORDERED
    ],
]

NULLOLOGICAL: list[Signature] = [
    Signature("IsNull", (T,), BOOLEAN, "logic.is_null", known=True),
    Signature("IsNotNull", (T,), BOOLEAN, "comparisons.is_known", known=True),
    Signature("IsTrue", (BOOLEAN,), BOOLEAN, "logic.is_true", known=True),
    Signature("IsNotTrue", (BOOLEAN,), BOOLEAN, "comparisons.is_not_true", known=True),
    Signature("IsFalse", (BOOLEAN,), BOOLEAN, "logic.is_false", known=True),
    Signature("IsNotFalse", (BOOLEAN,), BOOLEAN, "comparisons.is_not_false", known=True),
    Signature("Coalesce", (LIST,), T, "logic.coalesce_list"),
]

LOGICAL: list[Signature] = [
    Signature("And", (BOOLEAN, BOOLEAN), BOOLEAN, "logic.conjunction"),
    Signature("Implies", (BOOLEAN, BOOLEAN), BOOLEAN, "logic.implication"),
    Signature("Not", (BOOLEAN,), BOOLEAN, "logic.negation"),
    Signature("Or", (BOOLEAN, BOOLEAN), BOOLEAN, "logic.disjunction"),
    Signature("Xor", (BOOLEAN, BOOLEAN), BOOLEAN, "logic.exclusive"),
]
