"""Whatever tree there is, its text reads back as the same tree; whatever text there is, the parser stays calm."""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.cql import nodes
from cds_service.cql.operator_names import BINARY, UNARY
from cds_service.cql.parser.library import parse_expression, parse_library
from cds_service.cql.printer import print_node
from cds_service.errors import CdsError, Span

HERE = st.just(Span("test", 1, 1))
_DEFAULT = Path(__file__).parents[4] / "shared" / "conformance"
CONFORMANCE = Path(os.environ.get("CONFORMANCE_DIR") or _DEFAULT)

names = st.one_of(
    st.sampled_from(["a", "B_1", "where", "start", "less", "on", "two words", 'quo"te', "ünï", "back\\slash", "day"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5),
)
numbers = st.decimals(min_value=0, max_value=10**6, places=3).map(lambda value: value.normalize() + Decimal(0))
quantities = st.builds(nodes.QuantityLiteral, numbers, st.sampled_from(["day", "days", "mg", "1", "it's"]), span=HERE)
components = st.sampled_from(["year", "month", "day", "hour", "minute", "second", "millisecond"])
precisions = components | st.just("week")  # weeks are counted, but no date has a component week
named_types = st.builds(nodes.NamedType, names, st.none() | names.filter(lambda text: "." not in text), span=HERE)
types = st.recursive(
    named_types,
    lambda inner: st.one_of(
        st.builds(nodes.ListType, inner, span=HERE),
        st.builds(nodes.IntervalType, inner, span=HERE),
        st.builds(nodes.ChoiceType, st.lists(inner, min_size=1, max_size=3).map(tuple), span=HERE),
        st.builds(
            nodes.TupleType,
            st.lists(st.builds(nodes.TupleElementType, names, inner, span=HERE), min_size=1, max_size=2).map(tuple),
            span=HERE,
        ),
    ),
    max_leaves=4,
)
leaves = st.one_of(
    st.builds(nodes.NullLiteral, span=HERE),
    st.builds(nodes.BooleanLiteral, st.booleans(), span=HERE),
    st.builds(nodes.IntegerLiteral, st.integers(0, 2**31 - 1), span=HERE),
    st.builds(nodes.LongLiteral, st.integers(0, 2**63 - 1), span=HERE),
    st.builds(nodes.StringLiteral, st.text(st.characters(exclude_categories=["Cs"]), max_size=6), span=HERE),
    st.builds(nodes.DateLiteral, st.sampled_from(["2024", "2024-02", "2024-02-29"]), span=HERE),
    st.builds(nodes.DateTimeLiteral, st.sampled_from(["2024T", "2024-02-29T10:00+01:00", "2024T10Z"]), span=HERE),
    st.builds(nodes.TimeLiteral, st.sampled_from(["10", "10:30", "10:30:00.125"]), span=HERE),
    quantities,
    st.builds(nodes.RatioLiteral, quantities, quantities, span=HERE),
    st.builds(nodes.Identifier, names, span=HERE),
    st.builds(nodes.ExternalConstant, names, span=HERE),
    st.builds(nodes.This, span=HERE),
    st.builds(nodes.TypeExtent, st.sampled_from(["minimum", "maximum"]), named_types, span=HERE),
    st.builds(nodes.Retrieve, named_types, st.none(), st.none(), st.none(), span=HERE),
)
_WITH_PRECISION = (
    "In",
    "Contains",
    "SameAs",
    "SameOrBefore",
    "SameOrAfter",
    "Before",
    "After",
    "Includes",
    "Meets",
    "ProperIncludes",
    "IncludedIn",
    "ProperIncludedIn",
    "MeetsBefore",
    "Overlaps",
    "Starts",
    "Ends",
)


def _grow(inner: st.SearchStrategy[nodes.Expression]) -> st.SearchStrategy[nodes.Expression]:
    def some(node: Any, *parts: Any) -> st.SearchStrategy[Any]:
        return st.builds(node, *parts, span=HERE)

    several = st.lists(inner, max_size=3).map(tuple)
    elements = st.lists(some(nodes.ElementSelector, names, inner), max_size=2).map(tuple)
    sources = some(nodes.AliasedSource, inner, names)
    returning = st.none() | some(nodes.Return, inner, st.booleans())
    aggregate = st.none() | some(nodes.Aggregate, names, st.none() | inner, inner, st.booleans())
    direction = st.sampled_from(["ascending", "descending"])
    sort = st.one_of(
        st.just(()),
        some(nodes.SortItem, st.none(), direction).map(lambda item: (item,)),
        st.lists(some(nodes.SortItem, inner, direction), min_size=1, max_size=2).map(tuple),
    )
    lets = st.lists(some(nodes.Let, names, inner), max_size=2).map(tuple)
    related = st.lists(some(nodes.With, sources, inner, st.booleans()), max_size=2).map(tuple)
    from_ = st.lists(sources, min_size=1, max_size=2).map(tuple)
    plain_unary = [name for name in UNARY if name not in ("DateTimeComponentFrom", "DurationOf", "DifferenceOf")]
    return st.one_of(
        some(nodes.Unary, st.sampled_from(plain_unary), inner),
        some(nodes.Unary, st.just("DateTimeComponentFrom"), inner, components),
        some(nodes.Unary, st.sampled_from(["DurationOf", "DifferenceOf"]), inner, precisions),
        some(nodes.Binary, st.sampled_from([name for name in BINARY if not name.endswith("Between")]), inner, inner),
        some(nodes.Binary, st.sampled_from(["DurationBetween", "DifferenceBetween"]), inner, inner, precisions),
        some(nodes.Binary, st.sampled_from(_WITH_PRECISION), inner, inner, precisions),
        some(
            nodes.OffsetTiming,
            inner,
            inner,
            st.sampled_from(["before", "after"]),
            quantities,
            st.sampled_from(["exactly", "or more", "or less", "less than", "more than"]),
            st.booleans(),
            st.none() | precisions,
        ),
        some(nodes.Within, inner, inner, quantities, st.booleans()),
        some(nodes.Between, inner, inner, inner, st.booleans()),
        some(nodes.Is, inner, types),
        some(nodes.As, inner, types, st.booleans()),
        some(nodes.Convert, inner, types),
        some(nodes.ConvertUnit, inner, st.sampled_from(["mg", "days"])),
        some(nodes.Collapse, inner, st.none() | inner),
        some(nodes.Expand, inner, st.none() | inner),
        some(nodes.If, inner, inner, inner),
        some(
            nodes.Case,
            st.none() | inner,
            st.lists(some(nodes.CaseItem, inner, inner), min_size=1, max_size=2).map(tuple),
            inner,
        ),
        some(nodes.Property, inner, names),
        some(nodes.MethodCall, inner, names, several),
        some(nodes.Call, names, several),
        some(nodes.Index, inner, inner),
        some(nodes.IntervalSelector, inner, inner, st.booleans(), st.booleans()),
        some(nodes.TupleSelector, elements),
        some(nodes.InstanceSelector, named_types, elements),
        some(nodes.ListSelector, st.none() | types, several),
        some(nodes.Retrieve, named_types, st.none() | st.just("code"), st.just("in"), inner),
        some(nodes.Query, from_, lets, related, st.none() | inner, returning, st.none(), sort),
        some(nodes.Query, from_, lets, related, st.none() | inner, st.none(), aggregate, sort),
    )


expressions = st.recursive(leaves, _grow, max_leaves=12)


@given(expressions)
@settings(max_examples=300, deadline=None)
def test_any_tree_reads_back(tree: nodes.Expression) -> None:
    text = print_node(tree)
    assert parse_expression(text) == tree, text


_SOUP = r"""define function context Patient library
using parameter A a "b" `c` ( ) [ ] { } , : . -> < > <= >= = != ~ !~ + -
* / ^ & | 1 2.5 3L 'x' @2024 @2024T10 @T10 days day of start end starts ends before after on or more less than same as
within included in includes properly during meets overlaps from where return sort by desc asc let with without such
that aggregate starting all distinct if then else case when not exists is null true false cast convert to and between
difference duration Interval Tuple List Code Concept display minimum Integer collapse per $this % // /* */ @tag ' \ """
_WORDS = [*_SOUP.split(), "\n"]


@given(st.lists(st.sampled_from(_WORDS), max_size=40).map(" ".join))
@settings(max_examples=500, deadline=2000)
def test_no_soup_of_words_upsets_the_parser(text: str) -> None:
    for parse in (parse_expression, parse_library):
        with suppress(CdsError):
            print_node(parse(text, "soup.cql"))


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=2000)
def test_no_text_upsets_the_parser(text: str) -> None:
    with suppress(CdsError):
        parse_library(text, "text.cql")


EVERYTHING = (Path(__file__).parent / "everything.cql").read_text(encoding="utf-8")


@given(st.integers(0, len(EVERYTHING)), st.integers(0, 30), st.text(max_size=3))
@settings(max_examples=150, deadline=2000)
def test_no_slip_of_the_hand_upsets_the_parser(at: int, gone: int, put: str) -> None:
    with suppress(CdsError):
        parse_library(EVERYTHING[:at] + put + EVERYTHING[at + gone :], "slip.cql")


def _published_libraries() -> list[Any]:
    found: dict[str, str] = {}

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            for content in value.get("content", []) if value.get("resourceType") == "Library" else []:
                if content.get("contentType") == "text/cql":
                    found.setdefault(value.get("name", ""), base64.b64decode(content["data"]).decode())
            for part in value.values():
                visit(part)
        elif isinstance(value, list):
            for part in value:
                visit(part)

    for path in sorted(CONFORMANCE.glob("plandefinition/*/content.json")):
        visit(json.loads(path.read_text(encoding="utf-8")))
    return [pytest.param(text, id=name) for name, text in found.items()]


@pytest.mark.parametrize("text", _published_libraries())
def test_published_libraries_read_back(text: str) -> None:
    library = parse_library(text, "published.cql")
    assert parse_library(print_node(library), "printed.cql") == library


@pytest.mark.parametrize("path", sorted(CONFORMANCE.glob("cql/*.xml")), ids=lambda path: path.stem)
def test_published_expressions_read_back(path: Path) -> None:
    for element in ElementTree.parse(path).getroot().iter():
        if element.tag.rpartition("}")[2] not in ("expression", "output"):
            continue
        try:
            tree = parse_expression(element.text or "")
        except CdsError:
            continue  # what must be rejected, and what must not, the conformance run decides
        assert parse_expression(print_node(tree)) == tree
