"""Declarations: models, libraries, terminology and parameters."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import parse_expression
from cds_service.cql.parser.names import parse_reference
from cds_service.cql.parser.selectors import parse_display
from cds_service.cql.parser.types import parse_type
from cds_service.cql.tokens import Token

_Documentation = nodes.Documentation | None


def _qualified_name(cursor: Cursor, place: str) -> tuple[str | None, str, Token, Token]:
    """Namespace, name, and the first and last token of a dotted name."""
    first = last = cursor.expect_name(place)
    parts = [first.value]
    while cursor.accept("."):
        last = cursor.expect_name("after `.`")
        parts.append(last.value)
    return ".".join(parts[:-1]) or None, parts[-1], first, last


def _version(cursor: Cursor) -> str | None:
    return cursor.expect_string("after `version`") if cursor.accept("version") else None


def _parse_using(cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access) -> nodes.Using:
    namespace, name, _, last = _qualified_name(cursor, "of a model after `using`")
    version = _version(cursor)
    alias = cursor.expect_name("after `called`").value if cursor.accept("called") else None
    return nodes.Using(
        name,
        version,
        alias,
        namespace,
        span=cursor.span_from(start),
        name_span=cursor.span_of(last),
        documentation=documentation,
        access=access,
    )


def _parse_include(cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access) -> nodes.Include:
    namespace, name, _, last = _qualified_name(cursor, "of a library after `include`")
    version = _version(cursor)
    alias = cursor.expect_name("after `called`").value if cursor.accept("called") else name
    return nodes.Include(
        name,
        version,
        alias,
        namespace,
        span=cursor.span_from(start),
        name_span=cursor.span_of(last),
        documentation=documentation,
        access=access,
    )


def _parse_code_system(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access
) -> nodes.CodeSystem:
    name = cursor.expect_defined_name("of a code system")
    cursor.expect(":", "after the name of the code system")
    identifier = cursor.expect_string("with the address of the code system")
    version = _version(cursor)
    return nodes.CodeSystem(
        name.value,
        identifier,
        version,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def _parse_value_set(cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access) -> nodes.ValueSet:
    name = cursor.expect_defined_name("of a value set")
    cursor.expect(":", "after the name of the value set")
    identifier = cursor.expect_string("with the address of the value set")
    version = _version(cursor)
    systems: list[nodes.Expression] = []
    if cursor.accept("codesystems"):
        cursor.expect("{", "after `codesystems`")
        systems.append(parse_reference(cursor, "of a code system"))
        while cursor.accept(","):
            systems.append(parse_reference(cursor, "of a code system"))
        cursor.expect("}", "after the code systems")
    return nodes.ValueSet(
        name.value,
        identifier,
        version,
        tuple(systems),
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def _parse_code(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access
) -> nodes.CodeDefinition:
    name = cursor.expect_defined_name("of a code")
    cursor.expect(":", "after the name of the code")
    identifier = cursor.expect_string("with the code")
    cursor.expect("from", "after the code, before its code system")
    system = parse_reference(cursor, "of the code system")
    display = parse_display(cursor)
    return nodes.CodeDefinition(
        name.value,
        identifier,
        system,
        display,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def _parse_concept(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access
) -> nodes.ConceptDefinition:
    name = cursor.expect_defined_name("of a concept")
    cursor.expect(":", "after the name of the concept")
    cursor.expect("{", "before the codes of the concept")
    codes = [parse_reference(cursor, "of a code")]
    while cursor.accept(","):
        codes.append(parse_reference(cursor, "of a code"))
    cursor.expect("}", "after the codes of the concept")
    display = parse_display(cursor)
    return nodes.ConceptDefinition(
        name.value,
        tuple(codes),
        display,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


def _parse_parameter(
    cursor: Cursor, start: int, documentation: _Documentation, access: nodes.Access
) -> nodes.Parameter:
    name = cursor.expect_defined_name("of a parameter")
    at_end = cursor.at("default") or cursor.at_declaration() or not cursor.token.value
    type_ = None if at_end else parse_type(cursor, "or `default` after the name of the parameter")
    default = parse_expression(cursor) if cursor.accept("default") else None
    return nodes.Parameter(
        name.value,
        type_,
        default,
        span=cursor.span_from(start),
        name_span=cursor.span_of(name),
        documentation=documentation,
        access=access,
    )


DECLARATION_PARSELETS = {
    "using": _parse_using,
    "include": _parse_include,
    "codesystem": _parse_code_system,
    "valueset": _parse_value_set,
    "code": _parse_code,
    "concept": _parse_concept,
    "parameter": _parse_parameter,
}
