"""Arithmetic operators of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import DATE, DATETIME, DECIMAL, INTEGER, LONG, QUANTITY, STRING, TIME, Type

_FAMILIES: tuple[tuple[Type, str], ...] = (
    (INTEGER, "integers"),
    (LONG, "longs"),
    (DECIMAL, "decimals"),
    (QUANTITY, "quantities"),
)


_EXACT = ("Modulo", "Power", "TruncatedDivide")


def _families(operator: str, function: str, arity: int, *, without: tuple[Type, ...] = ()) -> list[Signature]:
    return [
        # Where an Integer is uncertain, it can be added and multiplied, but not divided.
        Signature(
            operator, (kind,) * arity, kind, f"{module}.{function}", may_fail=kind == INTEGER and operator in _EXACT
        )
        for kind, module in _FAMILIES
        if kind not in without
    ]


def _temporal(operator: str, function: str) -> list[Signature]:
    return [
        Signature(operator, (kind, QUANTITY), kind, f"dates.{function}", may_fail=True)
        for kind in (DATE, DATETIME, TIME)
    ]


def _decimal(operator: str, function: str, result: Type = DECIMAL, *, may_fail: bool = False) -> Signature:
    return Signature(operator, (DECIMAL,), result, f"decimals.{function}", may_fail=may_fail)


_NEIGHBOURS = [
    Signature(operator, (kind,), kind, f"steps.{operator.lower()}", may_fail=True)
    for operator in ("Predecessor", "Successor")
    for kind in (INTEGER, LONG, DECIMAL, QUANTITY, DATE, DATETIME, TIME)
]

_BOUNDARIES = [
    Signature(operator, (kind, INTEGER), kind, f"boundaries.{function}")
    for operator, function in (("LowBoundary", "low_boundary"), ("HighBoundary", "high_boundary"))
    for kind in (DECIMAL, DATE, DATETIME, TIME)
]

SIGNATURES: list[Signature] = [
    *_families("Abs", "absolute", 1),
    *_families("Add", "add", 2),
    *_temporal("Add", "add"),
    Signature("Add", (STRING, STRING), STRING, "strings.concatenate"),
    _decimal("Ceiling", "ceiling", INTEGER),
    Signature("Divide", (DECIMAL, DECIMAL), DECIMAL, "decimals.divide"),
    Signature("Divide", (QUANTITY, DECIMAL), QUANTITY, "quantities.divide"),
    Signature("Divide", (QUANTITY, QUANTITY), QUANTITY, "quantities.divide"),
    _decimal("Exp", "exp", may_fail=True),
    _decimal("Floor", "floor", INTEGER),
    *_BOUNDARIES,
    _decimal("Ln", "ln", may_fail=True),
    Signature("Log", (DECIMAL, DECIMAL), DECIMAL, "decimals.log", may_fail=True),
    *_families("Modulo", "modulo", 2),
    *_families("Multiply", "multiply", 2, without=(QUANTITY,)),
    Signature("Multiply", (DECIMAL, QUANTITY), QUANTITY, "arithmetic.multiply"),
    Signature("Multiply", (QUANTITY, DECIMAL), QUANTITY, "arithmetic.multiply"),
    Signature("Multiply", (QUANTITY, QUANTITY), QUANTITY, "quantities.multiply"),
    *_families("Negate", "negate", 1),
    *[Signature("Positive", (kind,), kind, "conversions.same") for kind, _ in _FAMILIES],
    *_families("Power", "power", 2, without=(QUANTITY,)),
    *[Signature("Precision", (kind,), INTEGER, "boundaries.precision") for kind in (DECIMAL, DATE, DATETIME, TIME)],
    *_NEIGHBOURS,
    _decimal("Round", "round_"),
    Signature("Round", (DECIMAL, INTEGER), DECIMAL, "decimals.round_"),
    Signature("Round", (QUANTITY,), QUANTITY, "arithmetic.round_"),
    Signature("Round", (QUANTITY, INTEGER), QUANTITY, "arithmetic.round_"),
    *_families("Subtract", "subtract", 2),
    *_temporal("Subtract", "subtract"),
    _decimal("Truncate", "truncate", INTEGER),
    *_families("TruncatedDivide", "truncated_divide", 2),
]
