"""Selectors: intervals, tuples, lists, instances, codes and concepts."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import PREFIXES, PREFIXES_BY_KIND, parse_expression
from cds_service.cql.parser.types import parse_type
from cds_service.cql.tokens import NAME, STRING, WORD, Token


def at_instance_elements(cursor: Cursor) -> bool:
    """Whether the brace that comes next opens the elements of an instance."""
    first, second = cursor.ahead(1), cursor.ahead(2)
    return first.value == ":" or (first.kind in (WORD, NAME) and second.value == ":")


def parse_instance(cursor: Cursor, named: nodes.NamedType, start: int) -> nodes.InstanceSelector:
    """The instance of a type whose name was read already."""
    elements = _parse_elements(cursor, "of the instance")
    return nodes.InstanceSelector(named, elements, span=cursor.span_from(start))


def parse_display(cursor: Cursor) -> str | None:
    """The text after `display`, if that word comes next."""
    return cursor.expect_string("after `display`") if cursor.accept("display") else None


def _parse_elements(cursor: Cursor, owner: str) -> tuple[nodes.ElementSelector, ...]:
    cursor.expect("{", f"before the elements {owner}")
    elements = []
    if not cursor.accept(":"):
        while True:
            name = cursor.expect_name(f"for an element {owner}")
            cursor.expect(":", f"after `{name.value}`")
            value = parse_expression(cursor)
            elements.append(nodes.ElementSelector(name.value, value, span=cursor.span_from(name.start)))
            if not cursor.accept(","):
                break
    cursor.expect("}", f"after the elements {owner}")
    return tuple(elements)


def _parse_brace(cursor: Cursor, token: Token) -> nodes.Expression:
    if at_instance_elements(cursor):
        elements = _parse_elements(cursor, "of the tuple")
        return nodes.TupleSelector(elements, span=cursor.span_from(token.start))
    return _parse_list_elements(cursor, None, token.start)


def _parse_tuple(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    elements = _parse_elements(cursor, "of the tuple")
    return nodes.TupleSelector(elements, span=cursor.span_from(token.start))


def _parse_list(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    element_type = None
    if cursor.accept("<"):
        element_type = parse_type(cursor, "inside List<..>")
        cursor.expect(">", "after the type inside List<..>")
    return _parse_list_elements(cursor, element_type, token.start)


def _parse_list_elements(cursor: Cursor, element_type: nodes.TypeSpecifier | None, start: int) -> nodes.ListSelector:
    cursor.expect("{", "before the elements of the list")
    elements = []
    if not cursor.at("}"):
        elements.append(parse_expression(cursor))
        while cursor.accept(","):
            elements.append(parse_expression(cursor))
    cursor.expect("}", "after the elements of the list")
    return nodes.ListSelector(element_type, tuple(elements), span=cursor.span_from(start))


def _parse_interval(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    if not cursor.at_any(("[", "(")):
        cursor.fail_expected("`[` or `(` after `Interval`")
    low_closed = cursor.take().value == "["
    low = parse_expression(cursor)
    cursor.expect(",", "between the ends of the interval")
    high = parse_expression(cursor)
    if not cursor.at_any(("]", ")")):
        cursor.fail_expected("`]` or `)` after the ends of the interval")
    high_closed = cursor.take().value == "]"
    return nodes.IntervalSelector(low, high, low_closed, high_closed, span=cursor.span_from(token.start))


def _parse_code_word(cursor: Cursor, token: Token) -> nodes.Expression:
    if cursor.ahead(1).kind == STRING:
        return parse_code(cursor)
    return PREFIXES_BY_KIND[WORD](cursor, token)


def parse_code(cursor: Cursor) -> nodes.CodeSelector:
    """`Code '..' from system`, whose word `Code` comes next."""
    start = cursor.expect("Code", "before the code").start
    code = cursor.expect_string("after `Code`")
    cursor.expect("from", "after the code, before its code system")
    first = cursor.expect_name("of the code system")
    system: nodes.Expression = nodes.Identifier(first.value, span=cursor.span_of(first))
    if cursor.accept("."):
        name = cursor.expect_name("of the code system")
        system = nodes.Property(system, name.value, span=cursor.span_from(first.start))
    display = parse_display(cursor)
    return nodes.CodeSelector(code, system, display, span=cursor.span_from(start))


def _parse_concept_word(cursor: Cursor, token: Token) -> nodes.Expression:
    if cursor.ahead(1).value != "{" or cursor.ahead(2).value != "Code" or cursor.ahead(3).kind != STRING:
        return PREFIXES_BY_KIND[WORD](cursor, token)
    cursor.take()
    cursor.take()
    codes = [parse_code(cursor)]
    while cursor.accept(","):
        codes.append(parse_code(cursor))
    cursor.expect("}", "after the codes of the concept")
    display = parse_display(cursor)
    return nodes.ConceptSelector(tuple(codes), display, span=cursor.span_from(token.start))


PREFIXES.update(
    {
        "{": _parse_brace,
        "Tuple": _parse_tuple,
        "List": _parse_list,
        "Interval": _parse_interval,
        "Code": _parse_code_word,
        "Concept": _parse_concept_word,
    }
)
