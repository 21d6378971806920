"""Retrieves and queries."""

from __future__ import annotations

from typing import Literal

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import (
    ALIAS,
    INFIXES_BY_KIND,
    PREFIXES,
    parse_expression,
    parse_term,
)
from cds_service.cql.parser.literals import parse_simple_literal
from cds_service.cql.parser.names import is_dotted_name
from cds_service.cql.parser.types import parse_named_type
from cds_service.cql.tokens import NAME, SYMBOL, WORD, Token

_DIRECTIONS: dict[str, nodes.Direction] = {
    "asc": "ascending",
    "ascending": "ascending",
    "desc": "descending",
    "descending": "descending",
}
_COMPARATORS: dict[str, Literal["in", "=", "~"]] = {"in": "in", "=": "=", "~": "~"}


# --- Retrieves -----------------------------------------------------------------------------------


def _parse_retrieve(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    context = None
    type_start = cursor.position
    type_ = parse_named_type(cursor, "inside `[ ]`")
    if cursor.accept("->"):
        cursor.position = type_start
        context = parse_expression(cursor, ALIAS + 1)
        cursor.expect("->", "after the context of the retrieve")
        type_ = parse_named_type(cursor, "inside `[ ]`")
    code_path: str | None = None
    comparator: Literal["in", "=", "~"] | None = None
    terminology = None
    if cursor.accept(":"):
        code_path = _parse_code_path(cursor)
        comparator = _COMPARATORS[cursor.take().value] if code_path is not None else "in"
        terminology = parse_expression(cursor)
    if not cursor.at("]"):
        remedy = "Before what codes are compared with stands `:`." if terminology is None else ""
        cursor.fail_expected("`]` after the retrieve", remedy=remedy)
    cursor.take()
    span = cursor.span_from(token.start)
    return nodes.Retrieve(type_, code_path, comparator, terminology, context, span=span)


def _parse_code_path(cursor: Cursor) -> str | None:
    """The path before `in`, `=` or `~`, if one is written."""
    distance, expects_name = 0, True
    while True:
        token = cursor.ahead(distance)
        if (expects_name and token.kind in (WORD, NAME)) or (
            token.kind == SYMBOL and token.value == "." and not expects_name
        ):
            expects_name = not expects_name
            distance += 1
            continue
        break
    comparator = cursor.ahead(distance)
    if distance == 0 or expects_name or comparator.kind not in (WORD, SYMBOL) or comparator.value not in _COMPARATORS:
        return None
    return "".join(cursor.take().value for _ in range(distance))


# --- Queries -------------------------------------------------------------------------------------


def _parse_alias(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    """The query whose first source was read already, and whose alias comes next."""
    if not (isinstance(left, nodes.Retrieve) or cursor.group is left or is_dotted_name(left)):
        name = cursor.token.value
        cursor.fail_misplaced(f"If `{name}` is the alias of a query, put its source into parentheses.")
    alias = cursor.take()
    source = nodes.AliasedSource(left, alias.value, span=cursor.span_from(first.start))
    return _parse_clauses(cursor, [source], first)


def _parse_from(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    return _parse_clauses(cursor, [_parse_source(cursor)], token)


def _parse_source(cursor: Cursor) -> nodes.AliasedSource:
    first = cursor.token
    source = parse_expression(cursor, ALIAS + 1)
    if not (isinstance(source, nodes.Retrieve) or cursor.group is source or is_dotted_name(source)):
        cursor.fail("This cannot be the source of a query as it stands.", "Put it into parentheses.", first)
    if not cursor.at_plain_name():
        cursor.fail_expected("an alias for the source of the query", remedy="Write a short name after the source.")
    alias = cursor.take()
    return nodes.AliasedSource(source, alias.value, span=cursor.span_from(first.start))


def _parse_clauses(cursor: Cursor, sources: list[nodes.AliasedSource], first: Token) -> nodes.Query:
    if first.value == "from" and first.kind == WORD:
        while cursor.accept(","):
            sources.append(_parse_source(cursor))
    lets = _parse_lets(cursor)
    relationships = []
    while cursor.at_any(("with", "without")):
        relationships.append(_parse_with(cursor))
    where = parse_expression(cursor) if cursor.accept("where") else None
    aggregate = _parse_aggregate(cursor) if cursor.at("aggregate") else None
    returning = _parse_return(cursor) if aggregate is None and cursor.at("return") else None
    sort = _parse_sort(cursor) if cursor.at("sort") else ()
    _check_order(cursor)
    return nodes.Query(
        tuple(sources),
        lets,
        tuple(relationships),
        where,
        returning,
        aggregate,
        sort,
        span=cursor.span_from(first.start),
    )


def _check_order(cursor: Cursor) -> None:
    token = cursor.token
    if token.kind == WORD and token.value in ("let", "where", "return", "with", "without", "aggregate"):
        remedy = "The order is: from, let, with or without, where, return or aggregate, sort."
        cursor.fail(f"`{token.value}` cannot stand here in a query.", remedy)


def _parse_lets(cursor: Cursor) -> tuple[nodes.Let, ...]:
    lets: list[nodes.Let] = []
    if not cursor.accept("let"):
        return ()
    while not lets or (cursor.at(",") and cursor.ahead(2).value == ":"):
        if lets:
            cursor.take()
        name = cursor.expect_defined_name("after `let`")
        cursor.expect(":", f"after `{name.value}`")
        value = parse_expression(cursor)
        lets.append(nodes.Let(name.value, value, span=cursor.span_from(name.start)))
    return tuple(lets)


def _parse_with(cursor: Cursor) -> nodes.With:
    token = cursor.take()
    source = _parse_source(cursor)
    if not cursor.accept_words("such", "that"):
        cursor.fail_expected(f"`such that` after the source of `{token.value}`", "such")
    condition = parse_expression(cursor)
    return nodes.With(source, condition, token.value == "without", span=cursor.span_from(token.start))


def _parse_aggregate(cursor: Cursor) -> nodes.Aggregate:
    start = cursor.take().start
    distinct = not cursor.accept("all") and cursor.accept("distinct")
    name = cursor.expect_defined_name("after `aggregate`")
    initial = None
    if cursor.accept("starting"):
        if cursor.accept("("):
            initial = parse_expression(cursor)
            cursor.expect(")", "after the value of `starting`")
        else:
            initial = parse_simple_literal(cursor)
            if initial is None:
                cursor.fail_expected("a literal after `starting`", remedy="Put anything else into parentheses.")
    cursor.expect(":", "before the value of `aggregate`")
    value = parse_expression(cursor)
    return nodes.Aggregate(name.value, initial, value, distinct, span=cursor.span_from(start))


def _parse_return(cursor: Cursor) -> nodes.Return:
    start = cursor.take().start
    every = cursor.accept("all")
    if not every:
        cursor.accept("distinct")
    value = parse_expression(cursor)
    return nodes.Return(value, not every, span=cursor.span_from(start))


def _parse_sort(cursor: Cursor) -> tuple[nodes.SortItem, ...]:
    cursor.take()
    token = cursor.token
    if cursor.at_any(frozenset(_DIRECTIONS)):
        direction = _DIRECTIONS[cursor.take().value]
        return (nodes.SortItem(None, direction, span=cursor.span_of(token)),)
    if not cursor.accept("by"):
        cursor.fail_expected("`by`, `asc` or `desc` after `sort`", "by", *_DIRECTIONS)
    items: list[nodes.SortItem] = []
    while not items or cursor.accept(","):
        start = cursor.token.start
        key = parse_term(cursor)
        direction = _DIRECTIONS[cursor.take().value] if cursor.at_any(frozenset(_DIRECTIONS)) else "ascending"
        items.append(nodes.SortItem(key, direction, span=cursor.span_from(start)))
    return tuple(items)


PREFIXES["["] = _parse_retrieve
PREFIXES["from"] = _parse_from
INFIXES_BY_KIND[NAME] = INFIXES_BY_KIND[WORD] = (ALIAS, _parse_alias)
