"""Whole texts: a library with its declarations and definitions, or a single expression."""

from __future__ import annotations

from collections.abc import Callable

from cds_service.cql import nodes
from cds_service.cql.parser import literals, names, operators, queries, selectors, timing  # noqa: F401  # fill the tables
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.declarations import DECLARATION_PARSELETS
from cds_service.cql.parser.definitions import parse_context, parse_definition
from cds_service.cql.parser.documentation import read_documentation
from cds_service.cql.parser.expressions import parse_expression as parse_whole_expression
from cds_service.cql.parser.keywords import DECLARATIONS
from cds_service.cql.source import Source
from cds_service.cql.syntax_errors import CqlSyntaxError
from cds_service.cql.tokens import END, WORD
from cds_service.errors import ErrorGroup

_MAX_ERRORS = 50


def parse_library(text: str, file: str) -> nodes.Library:
    """The syntax tree of a library; one CqlSyntaxError, or an ErrorGroup of all that were found."""
    cursor = Cursor(Source(text, file))
    start = cursor.token.start
    name, namespace, version, documentation = None, None, None, None
    if cursor.at("library"):
        documentation = read_documentation(cursor.source, cursor.comments, 0, start)
        try:
            name, namespace, version = _parse_header(cursor)
        except CqlSyntaxError as error:
            _recover(cursor, error, cursor.position)
    definitions: list[nodes.Definition] = []
    phase = 0
    while cursor.token.kind != END and len(cursor.errors) < _MAX_ERRORS:
        began = cursor.position
        try:
            phase = _check_order(cursor, phase)
            definitions.append(_parse_one(cursor))
            _expect_next(cursor)
        except CqlSyntaxError as error:
            _recover(cursor, error, began)
    _raise_errors(cursor)
    library_span = cursor.source.span(start, cursor.token.end)
    return nodes.Library(name, namespace, version, tuple(definitions), documentation, span=library_span)


def parse_expression(text: str, file: str = "expression") -> nodes.Expression:
    """The syntax tree of one expression."""
    cursor = Cursor(Source(text, file))
    _raise_errors(cursor)
    expression = parse_whole_expression(cursor)
    if cursor.token.kind != END:
        cursor.fail_misplaced("Remove it, or put an operator before it.")
    return expression


def _parse_header(cursor: Cursor) -> tuple[str, str | None, str | None]:
    cursor.take()
    names_read = [cursor.expect_name("of the library").value]
    while cursor.accept("."):
        names_read.append(cursor.expect_name("after `.`").value)
    version = cursor.expect_string("after `version`") if cursor.accept("version") else None
    _expect_next(cursor)
    return names_read[-1], ".".join(names_read[:-1]) or None, version


def _parse_one(cursor: Cursor) -> nodes.Definition:
    token = cursor.token
    previous = cursor.tokens[cursor.position - 1].end if cursor.position else 0
    documentation = read_documentation(cursor.source, cursor.comments, previous, token.start)
    access: nodes.Access = "public"
    if cursor.at_any(("public", "private")):
        access = "private" if cursor.take().value == "private" else "public"
    word = cursor.token
    parselet: Callable[[Cursor, int, nodes.Documentation | None, nodes.Access], nodes.Definition] | None = None
    if word.kind == WORD:
        parselet = _PARSELETS.get(word.value)
    if parselet is None:
        cursor.fail_expected("`define`, `parameter` or another declaration", *DECLARATIONS)
    cursor.take()
    return parselet(cursor, token.start, documentation, access)


def _check_order(cursor: Cursor, phase: int) -> int:
    """Declarations stand above definitions; the phase is 1 once a definition or context was seen."""
    word = cursor.ahead(1).value if cursor.at_any(("public", "private")) else cursor.token.value
    if word in ("define", "context"):
        return 1
    if word in DECLARATIONS and phase == 1 and cursor.token.kind == WORD:
        error = cursor.source.error(
            f"`{word}` stands below a `define` or `context`.",
            cursor.token.start,
            cursor.token.end,
            "Move it above the first of them.",
        )
        cursor.errors.append(error)
    return phase


def _expect_next(cursor: Cursor) -> None:
    """What follows a definition must be another one."""
    if cursor.token.kind == END or cursor.at_any((*DECLARATIONS, "public", "private")):
        return
    remedy = "Remove it, or put an operator before it; a new definition begins with `define`."
    if cursor.at(","):
        remedy = "A query with several sources begins with `from`."
    cursor.fail_misplaced(remedy)


def _recover(cursor: Cursor, error: CqlSyntaxError, began: int) -> None:
    """Notes the error and goes on with the next definition."""
    cursor.errors.append(error)
    cursor.nesting = 0
    if cursor.position == began:
        cursor.take()
    while cursor.token.kind != END and not cursor.at_declaration():
        cursor.take()


def _raise_errors(cursor: Cursor) -> None:
    errors = sorted(cursor.errors, key=lambda error: (error.where.line, error.where.column) if error.where else (0, 0))
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ErrorGroup(tuple(errors))


_PARSELETS = {**DECLARATION_PARSELETS, "context": parse_context, "define": parse_definition}
