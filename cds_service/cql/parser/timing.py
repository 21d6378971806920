"""Timing phrases: `starts 3 days or more before start of`, `during day of`, `within 3 days of`, `overlaps`."""

from __future__ import annotations

from typing import Literal

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import (
    BETWEEN,
    INFIX_CONDITIONS,
    INFIXES,
    INFIXES_BY_KIND,
    TIMING,
    parse_expression,
)
from cds_service.cql.parser.keywords import SINGULAR_PRECISIONS
from cds_service.cql.parser.literals import parse_quantity
from cds_service.cql.parser.operators import parse_between, parse_precision
from cds_service.cql.tokens import END, NUMBER, SYMBOL, WORD, Token

_RELATIONS = ("before", "after")
_BOUNDARY_FOLLOWED_BY = frozenset(
    ("same", "properly", "during", "included", "less", "more", "before", "after", "on", "within")
)
_CLOSING = frozenset((")", "]", "}", ",", ":"))

Bound = Literal["exactly", "or more", "or less", "less than", "more than"]


def _parse_timing(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    if cursor.at("properly") and cursor.ahead(1).value == "between":
        return parse_between(cursor, left, first, BETWEEN)
    left = _parse_left_boundary(cursor, left)
    proper = cursor.accept("properly")
    if cursor.at("within"):
        return _parse_within(cursor, left, first, level, proper)
    if cursor.at_any(("includes", "during", "included")):
        return _parse_inclusion(cursor, left, first, level, proper)
    if proper:
        cursor.fail_expected("`includes`, `included in`, `during`, `within` or `between` after `properly`")
    if cursor.at("same"):
        return _parse_same(cursor, left, first, level)
    if cursor.at_any(("meets", "overlaps", "starts", "ends")):
        return _parse_touching(cursor, left, first, level)
    return _parse_before_or_after(cursor, left, first, level)


def _parse_left_boundary(cursor: Cursor, left: nodes.Expression) -> nodes.Expression:
    """The start or end of `left` if the phrase begins with `starts` or `ends` and goes on; `occurs` says nothing."""
    if cursor.accept("occurs"):
        return left
    if not cursor.at_any(("starts", "ends")):
        return left
    following = cursor.ahead(1)
    if following.kind != NUMBER and not (following.kind == WORD and following.value in _BOUNDARY_FOLLOWED_BY):
        return left
    operator = "Start" if cursor.take().value == "starts" else "End"
    return nodes.Unary(operator, left, span=left.span)


def _parse_right(cursor: Cursor, level: int) -> nodes.Expression:
    """The right operand, or its start or end where `start` or `end` stands before it without `of`."""
    token, following = cursor.token, cursor.ahead(1)
    if not cursor.at_any(("start", "end")) or following[:2] == (WORD, "of") or following.kind == END:
        return parse_expression(cursor, level + 1)
    if following.kind == SYMBOL and following.value in _CLOSING:
        return parse_expression(cursor, level + 1)
    cursor.take()
    operand = parse_expression(cursor, level + 1)
    return nodes.Unary("Start" if token.value == "start" else "End", operand, span=cursor.span_from(token.start))


def _parse_within(cursor: Cursor, left: nodes.Expression, first: Token, level: int, proper: bool) -> nodes.Expression:
    cursor.take()
    distance = parse_quantity(cursor, "after `within`")
    cursor.expect("of", "after the distance of `within`")
    right = _parse_right(cursor, level)
    return nodes.Within(left, right, distance, proper, span=cursor.span_from(first.start))


def _parse_inclusion(
    cursor: Cursor, left: nodes.Expression, first: Token, level: int, proper: bool
) -> nodes.Expression:
    word = cursor.take().value
    if word == "included":
        cursor.expect("in", "after `included`")
    precision = parse_precision(cursor)
    right = _parse_right(cursor, level) if word == "includes" else parse_expression(cursor, level + 1)
    operator = ("Proper" if proper else "") + ("Includes" if word == "includes" else "IncludedIn")
    return nodes.Binary(operator, left, right, precision, span=cursor.span_from(first.start))


def _parse_same(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    cursor.take()
    precision: nodes.Precision | None = None
    if cursor.token.kind == WORD and cursor.token.value in SINGULAR_PRECISIONS:
        precision = cursor.take().value  # type: ignore[assignment]  # one of the words just tested
    operator = "SameAs"
    if cursor.at("or") and cursor.ahead(1).value in _RELATIONS:
        cursor.take()
        operator = "SameOrBefore" if cursor.take().value == "before" else "SameOrAfter"
        if precision is None:
            precision = parse_precision(cursor)
    elif not cursor.accept("as"):
        cursor.fail_expected("`as`, `or before` or `or after` after `same`", "as")
    elif precision is None:
        precision = parse_precision(cursor)
    right = _parse_right(cursor, level)
    return nodes.Binary(operator, left, right, precision, span=cursor.span_from(first.start))


def _parse_touching(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    word = cursor.take().value
    operator = word.capitalize()
    if word in ("meets", "overlaps") and cursor.at_any(_RELATIONS):
        operator += cursor.take().value.capitalize()
    precision = parse_precision(cursor)
    right = parse_expression(cursor, level + 1)
    return nodes.Binary(operator, left, right, precision, span=cursor.span_from(first.start))


def _parse_offset(cursor: Cursor) -> tuple[nodes.QuantityLiteral | None, Bound]:
    """`3 days`, `3 days or more`, `less than 3 days`, if one comes next."""
    for word, bound in _LEADING_BOUNDS.items():
        if cursor.accept_words(word, "than"):
            return parse_quantity(cursor, f"after `{bound}`"), bound
    if cursor.token.kind != NUMBER:
        return None, "exactly"
    offset = parse_quantity(cursor, "before `before` or `after`")
    if cursor.accept_words("or", "more"):
        return offset, "or more"
    return offset, "or less" if cursor.accept_words("or", "less") else "exactly"


_LEADING_BOUNDS: dict[str, Bound] = {"less": "less than", "more": "more than"}


def _parse_before_or_after(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    offset, bound = _parse_offset(cursor)
    inclusive = cursor.accept_words("on", "or")
    if not cursor.at_any(_RELATIONS):
        place = "after the distance" if offset else "in the timing phrase"
        cursor.fail_expected(f"`before` or `after` {place}", *_RELATIONS)
    direction: Literal["before", "after"] = "before" if cursor.take().value == "before" else "after"
    if cursor.at("or") and cursor.ahead(1)[:2] == (WORD, "on"):
        cursor.take()
        cursor.take()
        inclusive = True
    precision = parse_precision(cursor)
    right = _parse_right(cursor, level)
    span = cursor.span_from(first.start)
    if offset is not None:
        return nodes.OffsetTiming(left, right, direction, offset, bound, inclusive, precision, span=span)
    operator = ("SameOr" if inclusive else "") + direction.capitalize()
    return nodes.Binary(operator, left, right, precision, span=span)


_LEADING_WORDS = (
    *("starts", "ends", "occurs", "same", "properly", "includes", "during", "included"),
    *("before", "after", "on", "within", "meets", "overlaps", "less", "more"),
)
INFIXES.update(dict.fromkeys(_LEADING_WORDS, (TIMING, _parse_timing)))
INFIXES_BY_KIND[NUMBER] = (TIMING, _parse_timing)
INFIX_CONDITIONS.update(
    {
        "less": lambda cursor: cursor.ahead(1)[:2] == (WORD, "than"),
        "more": lambda cursor: cursor.ahead(1)[:2] == (WORD, "than"),
        "on": lambda cursor: cursor.ahead(1)[:2] == (WORD, "or"),
        "included": lambda cursor: cursor.ahead(1)[:2] == (WORD, "in"),
    }
)
