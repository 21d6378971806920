"""Mistakes an author makes, and what is said about them."""

from __future__ import annotations

import pytest

from cds_service.cql.parser.library import parse_expression, parse_library
from cds_service.cql.syntax_errors import CqlSyntaxError
from cds_service.errors import ErrorGroup


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("if A then B", 11, "An `if` always needs its `else`."),
        ("1 +", 3, "found the end of the text"),
        ("(1 + 2", 6, "Expected `)`"),
        ("case when A the B else C end", 13, "Did you mean `then`?"),
        ("A a wher a.b", 5, "Did you mean `where`?"),
        ("A starts 3 dys before B", 10, "Did you mean `days`?"),
        ("[Condition code in X]", 12, "stands `:`"),
        ("@2024-13", 1, "no month 13"),
        ("@2023-02-29", 1, "no day 29"),
        ("@2024-2-3", 1, "two digits"),
        ("@T24:00", 1, "no hour 24"),
        ("'open", 1, "no closing quote"),
        ("/* open", 1, "never closed"),
        ("5mg", 1, "unit into quotes"),
        ("\u201cA\u201d", 1, "straight quote"),
        ("Größe", 1, '"Größe"'),
        ("'\\q'", 2, "not an escape"),
        ("2147483648", 1, "2147483648L"),
        ("-2147483649", 2, "between -2147483648"),
        ("0.000000001", 1, "places after the point"),
        ("A is not Integer", 6, "not (x is Type)"),
        ("Count(A) a where a", 10, "parentheses"),
        ("A a return a where a", 14, "order"),
        ("A ! B", 3, "!="),
        ("days", 1, "1 days"),
        ("List", 4, "`{`"),
        ("A as List", 6, "List<Integer>"),
        ('Code "a" from b', 1, "expression"),
        ("from A where B", 8, "alias"),
        ("A aggregate R starting B: R", 3, "cannot follow"),
        ("A a aggregate R starting B: R", 26, "parentheses"),
        ("convert A", 9, "`to`"),
        ("A starts before", 15, "end of the text"),
        ("A properly B", 12, "after `properly`"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, column: int, says: str) -> None:
    with pytest.raises((CqlSyntaxError, ErrorGroup)) as caught:
        parse_expression(text, "x.cql")
    error = caught.value.errors[0] if isinstance(caught.value, ErrorGroup) else caught.value
    assert isinstance(error, CqlSyntaxError)
    assert says in str(error)
    assert str(error).startswith(f"x.cql:1:{column}: ")
    assert error.source_line == text


def test_all_mistakes_of_a_library_are_told_together() -> None:
    text = """library X version 1
parameter P Integr default
define A: 1 +
defin B: 3
define "C": if x then y
context Patient
define D 5
parameter "Late" Integer
define E: [Condition: X
define F: 5
"""
    with pytest.raises(ErrorGroup) as caught:
        parse_library(text, "x.cql")
    lines = [error.where.line for error in caught.value.errors if error.where]
    assert lines == [1, 3, 4, 6, 7, 8, 10]
    assert {error.code for error in caught.value.errors} == {"cql-syntax"}


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 5000, "{" * 5000, "1" + "+1" * 5000, "A" + ".b" * 5000, "not " * 5000, "if " * 5000]
)
def test_depth_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(CqlSyntaxError, match=r"too deeply|too long"):
        parse_expression(text)
