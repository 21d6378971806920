"""Type specifiers."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.keywords import RESERVED
from cds_service.cql.tokens import NAME, WORD

_TYPE_WORDS = frozenset({"Code", "Concept", "date", "time"})
_MAX_NESTING = 20


def parse_type(cursor: Cursor, place: str = "", depth: int = 0) -> nodes.TypeSpecifier:
    """The type that must come next; `place` says where it belongs, for the error."""
    start = cursor.token.start
    if depth > _MAX_NESTING:
        cursor.fail("This type is nested too deeply.", "Use a simpler type.")
    if cursor.ahead(1).value == "<" and cursor.at_any(("List", "Interval", "Choice")):
        kind = cursor.take().value
        cursor.take()
        arguments = [parse_type(cursor, f"inside {kind}<..>", depth + 1)]
        while kind == "Choice" and cursor.accept(","):
            arguments.append(parse_type(cursor, "after `,`", depth + 1))
        cursor.expect(">", f"after the type inside {kind}<..>")
        span = cursor.span_from(start)
        if kind == "List":
            return nodes.ListType(arguments[0], span=span)
        if kind == "Interval":
            return nodes.IntervalType(arguments[0], span=span)
        return nodes.ChoiceType(tuple(arguments), span=span)
    if cursor.at("Tuple") and cursor.ahead(1).value == "{":
        return _parse_tuple_type(cursor, depth)
    return parse_named_type(cursor, place)


def parse_named_type(cursor: Cursor, place: str = "") -> nodes.NamedType:
    """A type by its name, with or without the name of its model before it."""
    token = cursor.token
    if cursor.at_any(("List", "Interval", "Choice")) and cursor.ahead(1).value not in (".", "<"):
        cursor.fail(f"`{token.value}` needs the type of what it holds.", f"Write {token.value}<Integer>, for example.")
    is_word = token.kind == WORD and (token.value not in RESERVED or token.value in _TYPE_WORDS)
    if not (is_word or token.kind == NAME) or cursor.at_declaration():
        cursor.fail_expected(f"a type {place}".rstrip())
    names = [cursor.take().value]
    while cursor.at(".") and cursor.ahead(1).kind in (WORD, NAME):
        cursor.take()
        names.append(cursor.take().value)
    qualifier = ".".join(names[:-1]) or None
    return nodes.NamedType(names[-1], qualifier, span=cursor.span_from(token.start))


def _parse_tuple_type(cursor: Cursor, depth: int) -> nodes.TupleType:
    start = cursor.take().start
    cursor.expect("{", "after `Tuple`")
    elements = []
    while True:
        name = cursor.expect_name("of a tuple's element")
        type_ = parse_type(cursor, f"of `{name.value}`", depth + 1)
        elements.append(nodes.TupleElementType(name.value, type_, span=cursor.span_from(name.start)))
        if not cursor.accept(","):
            break
    cursor.expect("}", "after the elements of the tuple type")
    return nodes.TupleType(tuple(elements), span=cursor.span_from(start))
