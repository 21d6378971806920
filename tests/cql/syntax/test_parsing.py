"""What an author writes, and the tree that is read from it."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.cql import nodes
from cds_service.cql.nodes import Binary, Identifier, IntegerLiteral, QuantityLiteral, Unary
from cds_service.cql.parser.library import parse_expression, parse_library
from cds_service.cql.printer import print_node
from cds_service.errors import Span

HERE = Span("test", 1, 1)
EVERYTHING = (Path(__file__).parent / "everything.cql").read_text(encoding="utf-8")


def name(text: str) -> Identifier:
    return Identifier(text, span=HERE)


def number(value: int) -> IntegerLiteral:
    return IntegerLiteral(value, span=HERE)


A, B, C = name("A"), name("B"), name("C")
THREE_DAYS = QuantityLiteral(Decimal(3), "days", span=HERE)


def binary(
    operator: str, left: nodes.Expression, right: nodes.Expression, precision: nodes.Precision | None = None
) -> Binary:
    return Binary(operator, left, right, precision, span=HERE)


def unary(operator: str, operand: nodes.Expression) -> Unary:
    return Unary(operator, operand, span=HERE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A or B and C", binary("Or", A, binary("And", B, C))),
        ("not A and B", binary("And", unary("Not", A), B)),
        ("not A = B", binary("Equal", unary("Not", A), B)),  # `not` binds more tightly, as in the grammar
        ("exists A union B", binary("Union", unary("Exists", A), B)),
        ("A in B and C", binary("And", binary("In", A, B), C)),
        ("A ~in B", binary("EquivalentIn", A, B)),
        ("B ~contains A and C", binary("And", binary("EquivalentIn", A, B), C)),
        ("A ~ B", binary("Equivalent", A, B)),
        ("A implies B or C", binary("Implies", A, binary("Or", B, C))),
        ("A - B - C", binary("Subtract", binary("Subtract", A, B), C)),
        ("A + B * C", binary("Add", A, binary("Multiply", B, C))),
        ("-A ^ B", binary("Power", unary("Negate", A), B)),
        ("start of A + 3 days", binary("Add", unary("Start", A), THREE_DAYS)),
        ("A is not null and B", binary("And", unary("IsNotNull", A), B)),
        ("A < B = C", binary("Equal", binary("Less", A, B), C)),
        ("A same day or before B", binary("SameOrBefore", A, B, "day")),
        ("A on or before day of B", binary("SameOrBefore", A, B, "day")),
        ("A before or on day of B", binary("SameOrBefore", A, B, "day")),
        ("A starts after end B", binary("After", unary("Start", A), unary("End", B))),
        ("A starts after end of B", binary("After", unary("Start", A), unary("End", B))),
        ("A starts B", binary("Starts", A, B)),
        ("A during B", binary("IncludedIn", A, B)),
        ("A properly included in month of B", binary("ProperIncludedIn", A, B, "month")),
        ("A occurs same as B", binary("SameAs", A, B)),
        ("days between A and B", binary("DurationBetween", A, B, "day")),
        ("difference in days between A and B", binary("DifferenceBetween", A, B, "day")),
    ],
)
def test_operators_bind_as_the_grammar_says(text: str, expected: nodes.Expression) -> None:
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "direction", "bound", "inclusive", "precision"),
    [
        ("A 3 days before B", "before", "exactly", False, None),
        ("A 3 days or more after B", "after", "or more", False, None),
        ("A 3 days or less before day of B", "before", "or less", False, "day"),
        ("A less than 3 days on or before B", "before", "less than", True, None),
        ("A more than 3 days after or on B", "after", "more than", True, None),
    ],
)
def test_a_distance_keeps_how_it_is_meant(
    text: str, direction: str, bound: str, inclusive: bool, precision: str | None
) -> None:
    timing = parse_expression(text)
    assert isinstance(timing, nodes.OffsetTiming)
    assert timing.offset == THREE_DAYS
    assert (timing.direction, timing.bound, timing.inclusive, timing.precision) == (
        direction,
        bound,
        inclusive,
        precision,
    )


def test_every_construct_reads_back_as_it_was_printed() -> None:
    library = parse_library(EVERYTHING, "everything.cql")
    printed = print_node(library)
    assert parse_library(printed, "again.cql") == library
    assert print_node(parse_library(printed, "again.cql")) == printed


def test_a_definition_knows_its_place_its_context_and_its_tags() -> None:
    library = parse_library(EVERYTHING, "everything.cql")
    (seen,) = library.tagged("fact")
    assert isinstance(seen, nodes.ExpressionDefinition)
    assert (seen.name, seen.context, seen.access) == ("Seen", "Patient", "private")
    assert seen.documentation is not None
    assert seen.documentation.text == "True once it was seen."
    assert str(seen.name_span) == "everything.cql:27:16"
    assert (library.name, library.namespace, library.version) == ("Every Thing", "example.org", "1.2")
    assert library.documentation is not None
    assert [(tag.name, tag.value) for tag in library.documentation.tags] == [("author", "A. Author")]
    assert library.definitions[-1].name_span.line > library.definitions[-2].name_span.line


def test_places_point_into_the_text() -> None:
    text = "A and\r\n  (B + 'ü' & C)"
    tree = parse_expression(text, "f.cql")
    assert isinstance(tree, Binary)
    assert tree.right.span == Span("f.cql", 2, 4, 11)
    assert isinstance(tree.right, Binary)
    assert tree.right.right.span == Span("f.cql", 2, 14, 1)


def test_a_comment_belongs_to_the_definition_directly_below() -> None:
    library = parse_library(
        "define A: 1 // @tail of A\n\n// @far away\n\n/** @near: 'a b' */\n// says so\ndefine B: 2\n", "c.cql"
    )
    first, second = library.definitions
    assert first.documentation is None
    assert second.documentation is not None
    assert [(tag.name, tag.value) for tag in second.documentation.tags] == [("near", "a b")]
    assert second.documentation.text == "says so"


def test_words_of_declarations_are_names_inside_expressions() -> None:
    library = parse_library(
        "define A: X x return\n  code\ndefine B: Tuple {\n  code: 1,\n  concept: 2 }\ncontext Patient\n", "n.cql"
    )
    assert [type(definition).__name__ for definition in library.definitions] == [
        "ExpressionDefinition",
        "ExpressionDefinition",
        "Context",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "First(A a sort by start of period desc)",
        "A a where a.x starts 1 year or less on or before day of end of B.period return all a",
        "(B.value as Quantity) >= 5.0 '%' and not exists (C c where c.d during E)",
        "exists C union D except E",
        "singleton from ([Patient])",
        "flatten { A, B }",
        "from A a, B b where a.x = b.y return Tuple { a: a, b: b }",
        "duration in weeks between start of A and end of B >= 6",
        "A.where(use = 'official').given.exists()",
        "if exists A then null as Integer else Count(B)",
        '[Condition: category ~ "problem list"] union [Condition: code in Shared."Pain"]',
        "Shared.Normalize(A.effective) overlaps day of Interval[@2024, @2025)",
    ],
)
def test_what_published_libraries_write_is_read(text: str) -> None:
    assert parse_expression(print_node(parse_expression(text))) == parse_expression(text)


def test_long_chains_of_and_stay_shallow() -> None:
    tree: nodes.Expression = parse_expression(" and ".join(["A"] * 5000))
    depth = 0
    while isinstance(tree, Binary):
        tree, depth = tree.left, depth + 1
    assert depth < 20


def test_a_large_library_parses_fast() -> None:
    text = "".join(
        f'define "D{i}": [Condition: "V"] C where C.onset 3 days or more before @2024 and C.a.b = {i}\n'
        for i in range(300)
    )
    parse_library(text, "warm.cql")
    began = time.process_time()
    parse_library(text, "large.cql")
    assert time.process_time() - began < 1.0
