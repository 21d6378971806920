"""Literals: null, booleans, numbers, texts, dates and times, quantities, ratios."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import PREFIXES, PREFIXES_BY_KIND
from cds_service.cql.parser.keywords import PRECISIONS
from cds_service.cql.tokens import DATE, DATETIME, LONG, NUMBER, STRING, TIME, WORD, Token

_LARGEST_INTEGER = 2**31 - 1
_LARGEST_LONG = 2**63 - 1
_DECIMAL_PLACES = 8
_QUANTITY_PLACES = 28  # a measured value may be written more finely than it is calculated with
_INTEGER_DIGITS = 28


def parse_simple_literal(cursor: Cursor) -> nodes.Expression | None:
    """A literal that is no ratio, if one comes next: what `starting` takes without parentheses."""
    token = cursor.token
    if token.kind == NUMBER:
        return _number(cursor, cursor.take())
    if token.kind in PREFIXES_BY_KIND and token.kind in _SIMPLE:
        return PREFIXES_BY_KIND[token.kind](cursor, token)
    if token.kind == WORD and token.value in ("null", "true", "false"):
        return PREFIXES[token.value](cursor, token)
    return None


def parse_quantity(cursor: Cursor, place: str) -> nodes.QuantityLiteral:
    """The quantity that must come next, such as `3 days` or `5 'mg'`."""
    token = cursor.token
    if token.kind != NUMBER:
        cursor.fail_expected(f"a quantity {place}, such as 3 days")
    cursor.take()
    literal = _number(cursor, token)
    if not isinstance(literal, nodes.QuantityLiteral):
        close = get_close_matches(cursor.token.value, PRECISIONS, n=1)
        remedy = f"Did you mean `{close[0]}`?" if close else "Write one after it, such as `days`."
        cursor.fail(f"`{token.value}` has no unit.", remedy, token)
    return literal


def at_unit(cursor: Cursor) -> bool:
    """Whether a unit comes next: a text, or a word such as `days`."""
    token = cursor.token
    return token.kind == STRING or (token.kind == WORD and token.value in PRECISIONS)


def _number(cursor: Cursor, token: Token) -> nodes.Expression:
    """An integer, decimal or quantity; its number was taken already."""
    if at_unit(cursor):
        unit = cursor.take().value
        return nodes.QuantityLiteral(
            _decimal(cursor, token, _QUANTITY_PLACES), unit, span=cursor.span_from(token.start)
        )
    span = cursor.span_of(token)
    if "." in token.value:
        return nodes.DecimalLiteral(_decimal(cursor, token), span=span)
    value = int(token.value)
    if value > _LARGEST_INTEGER and not (value == _LARGEST_INTEGER + 1 and _follows_minus(cursor)):
        remedy = f"Write {token.value}L for a Long, or {token.value}.0 for a Decimal."
        cursor.fail("An Integer lies between -2147483648 and 2147483647.", remedy, token)
    return nodes.IntegerLiteral(value, span=span)


def _follows_minus(cursor: Cursor) -> bool:
    """Whether a sign, and not a subtraction, stands right before the number that was just taken."""
    return cursor.negated == cursor.position - 2


def _decimal(cursor: Cursor, token: Token, places: int = _DECIMAL_PLACES) -> Decimal:
    whole, _, fraction = token.value.partition(".")
    if len(fraction.rstrip("0")) > places:
        cursor.fail(f"This number has more than {places} places after the point.", "Round it.", token)
    if len(whole.lstrip("0")) > _INTEGER_DIGITS:
        cursor.fail("A Decimal has at most 28 digits before the point.", "Use a smaller number.", token)
    return Decimal(token.value)


def _parse_number(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    first = _number(cursor, token)
    if not cursor.at(":") or cursor.ahead(1).kind != NUMBER:
        return first
    cursor.take()
    numerator = _as_quantity(cursor, first, token)
    second = cursor.take()
    denominator = _as_quantity(cursor, _number(cursor, second), second)
    return nodes.RatioLiteral(numerator, denominator, span=cursor.span_from(token.start))


def _as_quantity(cursor: Cursor, literal: nodes.Expression, token: Token) -> nodes.QuantityLiteral:
    if isinstance(literal, nodes.QuantityLiteral):
        return literal
    return nodes.QuantityLiteral(_decimal(cursor, token), "1", span=cursor.span_of(token))


def _parse_long(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    value = int(token.value)
    if value > _LARGEST_LONG and not (value == _LARGEST_LONG + 1 and _follows_minus(cursor)):
        cursor.fail("A Long lies between -9223372036854775808 and 9223372036854775807.", "Use a Decimal.", token)
    return nodes.LongLiteral(value, span=cursor.span_of(token))


def _parse_string(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.StringLiteral(token.value, span=cursor.span_of(token))


def _parse_date(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.DateLiteral(token.value, span=cursor.span_of(token))


def _parse_datetime(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.DateTimeLiteral(token.value, span=cursor.span_of(token))


def _parse_time(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.TimeLiteral(token.value, span=cursor.span_of(token))


def _parse_null(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.NullLiteral(span=cursor.span_of(token))


def _parse_boolean(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return nodes.BooleanLiteral(token.value == "true", span=cursor.span_of(token))


_SIMPLE = frozenset((STRING, LONG, DATE, DATETIME, TIME))
PREFIXES_BY_KIND.update(
    {
        NUMBER: _parse_number,
        LONG: _parse_long,
        STRING: _parse_string,
        DATE: _parse_date,
        DATETIME: _parse_datetime,
        TIME: _parse_time,
    }
)
PREFIXES.update({"null": _parse_null, "true": _parse_boolean, "false": _parse_boolean})
