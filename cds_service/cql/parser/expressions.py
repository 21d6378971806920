"""Expressions: the precedence loop, and the two tables of parselets that the chapters fill.

A level says how tightly an operator binds, after the order of alternatives in the grammar.
"""

from __future__ import annotations

from collections.abc import Callable

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.tokens import SYMBOL, WORD, Token

# Loose to tight. Levels up to ALIAS belong to whole expressions, ADD and above to terms.
SET, IMPLIES, OR, AND, MEMBERSHIP, EQUALITY, TIMING, INEQUALITY, BETWEEN, CONDITION, TYPE, ALIAS = range(1, 13)
ADD, MULTIPLY, POWER, POLARITY, POSTFIX = range(13, 18)

MAX_NESTING = 60
MAX_HEIGHT = 120

Prefix = Callable[[Cursor, Token], nodes.Expression]
Infix = Callable[[Cursor, nodes.Expression, Token, int], nodes.Expression]

#: What an expression may begin with: by word or symbol, and by kind of token for names and literals.
PREFIXES: dict[str, Prefix] = {}
PREFIXES_BY_KIND: dict[int, Prefix] = {}
#: What may follow an expression: its level, and what reads it. The parselet leaves the token to be taken.
INFIXES: dict[str, tuple[int, Infix]] = {}
INFIXES_BY_KIND: dict[int, tuple[int, Infix]] = {}
#: Whether an infix word is one here: `less` only before `than`.
INFIX_CONDITIONS: dict[str, Callable[[Cursor], bool]] = {}


def parse_expression(cursor: Cursor, minimum: int = SET) -> nodes.Expression:
    """The longest expression from here whose operators all bind at least as tightly as `minimum`."""
    outer_height = cursor.height
    cursor.height = 0
    cursor.nesting += 1
    token = cursor.token
    if cursor.nesting > MAX_NESTING:
        cursor.fail("This expression is nested too deeply.", "Give a part of it a name of its own with `define`.")
    left = _prefix(cursor, token)(cursor, token)
    height = cursor.height + 1
    while (infix := _infix(cursor)) is not None and infix[0] >= minimum:
        cursor.height = 0
        left = infix[1](cursor, left, token, infix[0])
        height = max(height, cursor.height) + 1
        if height > MAX_HEIGHT:
            cursor.fail("This expression is too long.", "Give parts of it names of their own with `define`.", token)
    cursor.height = max(outer_height, height)
    cursor.nesting -= 1
    return left


def parse_term(cursor: Cursor) -> nodes.Expression:
    """An expression as it may stand beside `and` of a `between`: arithmetic, but no logic and no query."""
    return parse_expression(cursor, ADD)


def parse_operand(cursor: Cursor) -> nodes.Expression:
    """What a prefix such as `start of` applies to: a term without arithmetic."""
    return parse_expression(cursor, POLARITY)


def _prefix(cursor: Cursor, token: Token) -> Prefix:
    if token.kind == WORD or token.kind == SYMBOL:
        found = PREFIXES.get(token.value)
        if found is not None:
            return found
    by_kind = PREFIXES_BY_KIND.get(token.kind)
    if by_kind is None or cursor.at_declaration():
        cursor.fail_expected("an expression")
    return by_kind


def _infix(cursor: Cursor) -> tuple[int, Infix] | None:
    token = cursor.token
    if token.kind == WORD or token.kind == SYMBOL:
        found = INFIXES.get(token.value)
        if found is not None:
            condition = INFIX_CONDITIONS.get(token.value)
            if condition is None or condition(cursor):
                return found
    found = INFIXES_BY_KIND.get(token.kind)
    if found is not None and token.kind == WORD and not cursor.at_plain_name():
        return None
    return found
