"""Operators with one or two operands: logic, comparison, arithmetic, lists, intervals, membership."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, condition, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.membership import membership
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.operators.table import TABLE
from cds_service.cql.semantic_errors import TypeMismatch
from cds_service.cql.static_types import (
    BOOLEAN,
    CODE_SYSTEM,
    INTEGER,
    LONG,
    VALUE_SET,
    VOCABULARY,
    ListOf,
    Typed,
    choice_of,
    has_error,
)
from cds_service.cql.tree import Apply, Bound, Constant, Logical
from cds_service.errors import Span
from cds_service.values.longs import Long

_LOGICAL = ("And", "Or", "Xor", "Implies")
_VOCABULARIES = (VALUE_SET, CODE_SYSTEM, VOCABULARY)


@compile_node.register
def compile_unary(node: nodes.Unary, scope: Scope) -> Typed:
    if node.operator == "Negate":
        # The least Integer exists only with its sign.
        if isinstance(node.operand, nodes.IntegerLiteral):
            return Constant(INTEGER, node.span, -node.operand.value)
        if isinstance(node.operand, nodes.LongLiteral):
            return Constant(LONG, node.span, Long(-node.operand.value))
    operand = compile_expression(node.operand, scope)
    if node.operator == "Not":
        operand = condition(scope, operand, "What `not` turns around")
    if node.operator in ("DurationOf", "DifferenceOf"):
        low = apply(scope, "Start", (operand,), node.span)
        high = apply(scope, "End", (operand,), node.span)
        between = node.operator.replace("Of", "Between")
        return apply(scope, between, (low, high), node.span, node.precision)
    return apply(scope, node.operator, (operand,), node.span, node.precision)


@compile_node.register
def compile_binary(node: nodes.Binary, scope: Scope) -> Typed:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)
    return binary(scope, node.operator, left, right, node.span, node.precision)


def binary(scope: Scope, operator: str, left: Typed, right: Typed, span: Span, precision: str | None = None) -> Typed:
    """The operator between two operands that are already compiled."""
    if operator in _LOGICAL:
        return logical(scope, operator, left, right, span)
    if operator == "Concatenate":
        return apply(scope, "Ampersand", (left, right), span)
    if operator == "In" and right.type in _VOCABULARIES:
        return membership(scope, left, right, span)
    if operator == "Contains" and left.type in _VOCABULARIES:
        return membership(scope, right, left, span)
    if operator == "Union":
        return union(scope, left, right, span)
    return apply(scope, operator, (left, right), span, precision)


def logical(scope: Scope, operator: str, left: Typed, right: Typed, span: Span) -> Typed:
    """A connective; two constants are decided at once."""
    left = condition(scope, left, "The left side")
    right = condition(scope, right, "The right side")
    if has_error(left.type) or has_error(right.type):
        return Logical(BOOLEAN, span, operator, left, right)  # type: ignore[arg-type]
    if isinstance(left, Constant) and isinstance(right, Constant):
        return apply(scope, operator, (left, right), span)
    return Logical(BOOLEAN, span, operator, left, right)  # type: ignore[arg-type]


def union(scope: Scope, left: Typed, right: Typed, span: Span) -> Typed:
    """Everything of both; lists of different types give a list of either type."""
    if isinstance(left.type, ListOf) and isinstance(right.type, ListOf):
        element = scope.relations.joined([left.type.element, right.type.element])
        target = ListOf(element)
        steps = [scope.relations.conversion(side.type, target) for side in (left, right)]
        if None in steps:
            target = ListOf(choice_of((left.type.element, right.type.element)))
            steps = [scope.relations.conversion(side.type, target) for side in (left, right)]
        sides = tuple(
            converted(side, step) for side, step in zip((left, right), steps, strict=True) if step is not None
        )
        signature = next(found for found in TABLE.get("Union") if isinstance(found.result, ListOf))
        if all(isinstance(side, Constant) for side in sides) or len(sides) < 2:
            return apply(scope, "Union", sides or (left, right), span)
        return Apply(target, span, signature, sides)
    return apply(scope, "Union", (left, right), span)


@compile_node.register
def compile_between(node: nodes.Between, scope: Scope) -> Typed:
    operand = compile_expression(node.operand, scope)
    low, high = compile_expression(node.low, scope), compile_expression(node.high, scope)
    subject = scope.local("between", operand.type, node.span, "let")
    names = ("Greater", "Less") if node.proper else ("GreaterOrEqual", "LessOrEqual")
    try:
        above = apply(scope, names[0], (subject, low), node.span)
        below = apply(scope, names[1], (subject, high), node.span)
    except TypeMismatch:
        raise TypeMismatch(
            f"A value of type {operand.type} cannot lie between {low.type} and {high.type}.",
            where=node.span,
            remedy="All three have to be numbers, quantities, texts, dates or times of one kind.",
        ) from None
    return Bound(BOOLEAN, node.span, subject, operand, Logical(BOOLEAN, node.span, "And", above, below))


@compile_node.register
def compile_indexer(node: nodes.Index, scope: Scope) -> Typed:
    source, index = compile_expression(node.source, scope), compile_expression(node.index, scope)
    return apply(scope, "Indexer", (source, index), node.span)


@compile_node.register
def compile_collapse(node: nodes.Collapse, scope: Scope) -> Typed:
    operands = [compile_expression(part, scope) for part in (node.operand, node.per) if part is not None]
    return apply(scope, "Collapse", operands, node.span)


@compile_node.register
def compile_expand(node: nodes.Expand, scope: Scope) -> Typed:
    operands = [compile_expression(part, scope) for part in (node.operand, node.per) if part is not None]
    return apply(scope, "Expand", operands, node.span)
