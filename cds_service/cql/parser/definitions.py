"""Definitions: contexts, expressions and functions."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import parse_expression
from cds_service.cql.parser.types import parse_type
from cds_service.cql.tokens import NAME, WORD

_Documentation = nodes.Documentation | None


def parse_context(cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access) -> nodes.Context:
    """`context Patient`, which then holds for what follows."""
    name = cursor.expect_name("of a context such as Patient")
    qualifier = None
    if cursor.accept("."):
        qualifier, name = name.value, cursor.expect_name("after `.`")
    cursor.context = name.value
    return nodes.Context(
        name.value,
        qualifier,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def parse_definition(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access
) -> nodes.Definition:
    """`define "Name": ..` or `define function "Name"(..): ..`."""
    if cursor.at_any(("public", "private")):
        access = "private" if cursor.take().value == "private" else "public"
    fluent = cursor.at("fluent") and cursor.ahead(1)[:2] == (WORD, "function")
    if fluent:
        cursor.take()
    if cursor.at("function"):
        cursor.take()
        return _parse_function(cursor, start, documentation, access, fluent)
    name = cursor.expect_defined_name("after `define`")
    if cursor.at("("):
        cursor.fail("A definition has no operands.", f'Write `define function "{name.value}"(..)`.')
    cursor.expect(":", f'after the name "{name.value}"')
    cursor.height = 0
    expression = parse_expression(cursor)
    return nodes.ExpressionDefinition(
        name.value,
        expression,
        cursor.context,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def _parse_function(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access, fluent: bool
) -> nodes.FunctionDefinition:
    name = cursor.token
    if name.kind not in (WORD, NAME):
        cursor.fail_expected("a name after `function`")
    cursor.take()
    cursor.expect("(", f'after the name "{name.value}"')
    operands: list[nodes.Operand] = []
    if not cursor.at(")"):
        while not operands or cursor.accept(","):
            operand = cursor.expect_name("of an operand")
            type_ = parse_type(cursor, f'of the operand "{operand.value}"')
            operands.append(nodes.Operand(operand.value, type_, span=cursor.span_from(operand.start)))
    cursor.expect(")", "after the operands of the function")
    returns = parse_type(cursor, "after `returns`") if cursor.accept("returns") else None
    cursor.expect(":", "before the body of the function")
    cursor.height = 0
    body = None if cursor.accept("external") else parse_expression(cursor)
    return nodes.FunctionDefinition(
        name.value,
        tuple(operands),
        body,
        cursor.context,
        fluent,
        returns,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )
