"""Names and what is done with them: properties, calls, methods, indexers, `$this`, `%constant`."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import INFIXES, POSTFIX, PREFIXES, PREFIXES_BY_KIND, parse_expression
from cds_service.cql.parser.keywords import RESERVED
from cds_service.cql.parser.selectors import at_instance_elements, parse_instance
from cds_service.cql.tokens import NAME, STRING, WORD, Token


def parse_reference(cursor: Cursor, place: str) -> nodes.Expression:
    """The name of a code system or code that must come next, with or without its library's alias."""
    first = cursor.expect_name(place)
    left: nodes.Expression = nodes.Identifier(first.value, span=cursor.span_of(first))
    if cursor.accept("."):
        name = cursor.expect_name("after `.`")
        left = nodes.Property(left, name.value, span=cursor.span_from(first.start))
    return left


def parse_name(cursor: Cursor, token: Token) -> nodes.Expression:
    """A name, a call of a function, or an instance of a named type."""
    if token.kind == WORD and token.value in RESERVED and not _is_type_of_instance(cursor, token):
        remedy = f'If it is meant as a name, quote it: "{token.value}".'
        cursor.fail_expected("an expression", remedy=remedy)
    cursor.take()
    if cursor.at("("):
        arguments = _parse_arguments(cursor, token.value)
        return nodes.Call(token.value, arguments, span=cursor.span_from(token.start))
    if cursor.at("{") and at_instance_elements(cursor):
        named = nodes.NamedType(token.value, span=cursor.span_of(token))
        return parse_instance(cursor, named, token.start)
    return nodes.Identifier(token.value, span=cursor.span_of(token))


def _is_type_of_instance(cursor: Cursor, token: Token) -> bool:
    """Whether `Code` or `Concept` begins an instance selector such as `Code { code: 'a' }`."""
    return token.value in ("Code", "Concept") and cursor.ahead(1).value == "{"


def _parse_arguments(cursor: Cursor, name: str) -> tuple[nodes.Expression, ...]:
    cursor.expect("(", "")
    arguments = []
    if not cursor.at(")"):
        arguments.append(parse_expression(cursor))
        while cursor.accept(","):
            arguments.append(parse_expression(cursor))
    cursor.expect(")", f"after the arguments of `{name}`")
    return tuple(arguments)


def _parse_member(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    cursor.take()
    token = cursor.token
    if token.kind not in (WORD, NAME) or cursor.at_declaration():
        cursor.fail_expected("a name after `.`")
    cursor.take()
    if cursor.at("("):
        arguments = _parse_arguments(cursor, token.value)
        return nodes.MethodCall(left, token.value, arguments, span=cursor.span_from(first.start))
    if cursor.at("{") and at_instance_elements(cursor) and (path := _dotted(left)) is not None:
        named = nodes.NamedType(token.value, path, span=cursor.span_from(first.start))
        return parse_instance(cursor, named, first.start)
    return nodes.Property(left, token.value, span=cursor.span_from(first.start))


def _dotted(node: nodes.Expression) -> str | None:
    """The dotted name that a chain of properties spells, if it is nothing else."""
    if isinstance(node, nodes.Identifier):
        return node.name
    if isinstance(node, nodes.Property) and (path := _dotted(node.source)) is not None:
        return f"{path}.{node.name}"
    return None


def is_dotted_name(node: nodes.Expression) -> bool:
    """Whether this is a plain name, or one with qualifiers before it."""
    return _dotted(node) is not None


def _parse_index(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    cursor.take()
    index = parse_expression(cursor)
    cursor.expect("]", "after the index")
    return nodes.Index(left, index, span=cursor.span_from(first.start))


def _parse_group(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    inner = parse_expression(cursor)
    if not cursor.at(")"):
        cursor.fail_expected("`)` to close the parenthesis", remedy=_opened_at(cursor, token))
    cursor.take()
    cursor.group = inner
    return inner


def _opened_at(cursor: Cursor, token: Token) -> str:
    here, opened = cursor.span_of(cursor.token).line, cursor.span_of(token)
    return "" if opened.line == here else f"It was opened at line {opened.line}, column {opened.column}."


def _parse_variable(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    span = cursor.span_of(token)
    if token.value == "$this":
        return nodes.This(span=span)
    return nodes.IterationIndex(span=span) if token.value == "$index" else nodes.Total(span=span)


def _parse_external(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    if cursor.token.kind not in (WORD, NAME, STRING):
        cursor.fail_expected("the name of a constant after `%`")
    name = cursor.take().value
    return nodes.ExternalConstant(name, span=cursor.span_from(token.start))


PREFIXES_BY_KIND[WORD] = PREFIXES_BY_KIND[NAME] = parse_name
PREFIXES.update({"(": _parse_group, "%": _parse_external})
PREFIXES.update(dict.fromkeys(("$this", "$index", "$total"), _parse_variable))
INFIXES["."] = (POSTFIX, _parse_member)
INFIXES["["] = (POSTFIX, _parse_index)
