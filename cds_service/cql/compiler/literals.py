"""Literals: values that stand in the text. CQL reference, Literals and Selectors."""

from __future__ import annotations

from collections.abc import Callable

from cds_service.cql import nodes
from cds_service.cql.compiler.dispatch import compile_node
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import ValueNotAllowed
from cds_service.cql.static_types import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    NULL,
    QUANTITY,
    RATIO,
    STRING,
    TIME,
    Type,
)
from cds_service.cql.tree import Constant
from cds_service.errors import EvaluationError
from cds_service.values import date_texts, decimals, units
from cds_service.values.longs import Long
from cds_service.values.quantity import CALENDAR_UNITS, Quantity, Ratio, make


@compile_node.register
def compile_null(node: nodes.NullLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(NULL, node.span, None)


@compile_node.register
def compile_boolean(node: nodes.BooleanLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(BOOLEAN, node.span, node.value)


@compile_node.register
def compile_integer(node: nodes.IntegerLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(INTEGER, node.span, node.value)


@compile_node.register
def compile_long(node: nodes.LongLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(LONG, node.span, Long(node.value))


@compile_node.register
def compile_decimal(node: nodes.DecimalLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    try:
        decimals.literal(str(node.value))
    except EvaluationError as error:
        raise ValueNotAllowed(error.what, where=node.span, remedy=error.remedy) from None
    return Constant(DECIMAL, node.span, node.value)


@compile_node.register
def compile_string(node: nodes.StringLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(STRING, node.span, node.value)


def _temporal(
    node: nodes.DateLiteral | nodes.DateTimeLiteral | nodes.TimeLiteral, kind: Type, read: Callable[[str], object]
) -> Constant:
    try:
        return Constant(kind, node.span, read(node.text))
    except EvaluationError as error:
        raise ValueNotAllowed(error.what, where=node.span, remedy=error.remedy) from None


@compile_node.register
def compile_date(node: nodes.DateLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return _temporal(node, DATE, date_texts.date_literal)


@compile_node.register
def compile_datetime(node: nodes.DateTimeLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return _temporal(node, DATETIME, date_texts.datetime_literal)


@compile_node.register
def compile_time(node: nodes.TimeLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return _temporal(node, TIME, date_texts.time_literal)


def quantity_of(node: nodes.QuantityLiteral) -> Quantity:
    """The quantity that a literal means; a unit that UCUM cannot read is a mistake."""
    quantity = make(node.value, node.unit)
    if quantity is None or not (quantity.unit in CALENDAR_UNITS or units.is_valid(quantity.unit)):
        raise ValueNotAllowed(
            f"'{node.unit}' is no unit that UCUM knows.",
            where=node.span,
            remedy="Write a UCUM code such as 'mg/dL', a word in braces such as '{score}', or days, months, years.",
        )
    return quantity


@compile_node.register
def compile_quantity(node: nodes.QuantityLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(QUANTITY, node.span, quantity_of(node))


@compile_node.register
def compile_ratio(node: nodes.RatioLiteral, scope: Scope) -> Constant:  # noqa: ARG001 - every chapter has this form
    return Constant(RATIO, node.span, Ratio(quantity_of(node.numerator), quantity_of(node.denominator)))
