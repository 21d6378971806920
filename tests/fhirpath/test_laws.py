"""Laws that hold whatever the items are, and expressions at random that upset nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import CdsError
from cds_service.fhirpath.engine import compile_fhirpath
from cds_service.fhirpath.environment import Environment
from cds_service.values import logic
from cds_service.values.dates import now_from
from tests.fhirpath.resources import OBSERVATION_STRUCT, PATIENT_STRUCT

ENVIRONMENT = Environment(now=now_from(datetime(2025, 6, 15, 9, 0, tzinfo=UTC)))
TRUTHS = {True: "true", False: "false", None: "{}"}
OPERATORS = {
    "and": logic.conjunction,
    "or": logic.disjunction,
    "xor": logic.exclusive,
    "implies": logic.implication,
}


def value(text: str, focus: Any = None) -> list[Any]:
    return compile_fhirpath(text, getattr(focus, "fhir_type", None)).evaluate(focus, ENVIRONMENT)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("left", TRUTHS)
@pytest.mark.parametrize("right", TRUTHS)
def test_logic_has_the_truth_tables_of_the_values(operator: str, left: bool | None, right: bool | None) -> None:
    expected = OPERATORS[operator](left, right)
    assert value(f"{TRUTHS[left]} {operator} {TRUTHS[right]}") == ([] if expected is None else [expected])


numbers = st.lists(st.integers(-5, 5), max_size=6)


def written(items: list[int]) -> str:
    return "({}" + "".join(f".combine({item})" if item >= 0 else f".combine(({item}))" for item in items) + ")"


@given(numbers, numbers, st.integers(-2, 7))
@settings(max_examples=60, deadline=None)
def test_collections_behave_like_lists(a: list[int], b: list[int], n: int) -> None:
    left, right, count = written(a), written(b), max(n, 0)
    assert value(left) == a
    assert value(f"{left}.count()") == [len(a)]
    assert value(f"{left}.take({n})") == a[:count]
    assert value(f"{left}.skip({n})") == a[count:]
    assert value(f"{left}.first()") == a[:1]
    assert value(f"{left}.last()") == a[-1:]
    assert value(f"{left}.tail()") == a[1:]
    assert value(f"{left}[{n}]") == a[n : n + 1] * (n >= 0)
    assert value(f"{left}.distinct()") == list(dict.fromkeys(a))
    assert value(f"{left} | {right}") == list(dict.fromkeys(a + b))
    assert value(f"{left}.combine({right})") == a + b
    assert value(f"{left}.intersect({right})") == [x for x in dict.fromkeys(a) if x in b]
    assert value(f"{left}.exclude({right})") == [x for x in a if x not in b]
    assert value(f"{left}.subsetOf({right})") == [set(a) <= set(b)]
    assert value(f"{left}.supersetOf({right})") == [set(a) >= set(b)]
    assert value(f"{left}.where($this > {n})") == [x for x in a if x > n]
    assert value(f"{left}.exists($this > {n})") == [any(x > n for x in a)]
    assert value(f"{left}.all($this > {n})") == [all(x > n for x in a)]
    assert value(f"{left}.select($this + $index)") == [x + i for i, x in enumerate(a)]
    assert value(f"{left}.aggregate($this + $total, 0)") == [sum(a)]
    assert value(f"{left}.sort()") == sorted(a)
    assert value(f"{left}.sort(-$this)") == sorted(a, reverse=True)
    assert value(f"{left}.isDistinct()") == [len(set(a)) == len(a)]
    assert value(f"{n} in {right}") == [n in b]
    assert value(f"{left} = {right}") == ([a == b] if a and b else [])
    assert value(f"{left} ~ {right}") == [sorted(a) == sorted(b)]
    assert value(f"{left}.empty()") == [not a]


@given(st.text(max_size=8), st.text(max_size=3))
@settings(max_examples=60, deadline=None)
def test_texts_survive_coding(text: str, part: str) -> None:
    environment = Environment(variables={"t": text, "p": part})
    declared = {"t": "System.String", "p": "System.String"}

    def result(expression: str) -> list[Any]:
        return compile_fhirpath(expression, variables=declared).evaluate(None, environment)

    with suppress(UnicodeEncodeError):
        text.encode()
        for form in ("hex", "base64", "urlbase64"):
            assert result(f"%t.encode('{form}').decode('{form}') = %t") == [True]
    for form in ("html", "json"):
        assert result(f"%t.escape('{form}').unescape('{form}') = %t") == [True]
    assert result("%t.length()") == [len(text)]
    assert result("%t.toChars().join()") == ([text] if text else [])
    assert result("%t.contains(%p)") == [part in text]
    assert result("%t.indexOf(%p)") == [text.find(part)]
    assert result("(%t & %p).endsWith(%p)") == [True]


_PARTS = """name given family use birthDate gender active telecom value component code coding system extension contained
Patient Observation Quantity string HumanName . . . . ( ) ( ) [ ] , where( select( exists( all( first() last() count()
ofType( as( is( repeat( aggregate( iif( union( children() descendants() resolve() trace('x') sort( distinct() not()
toString() toInteger() upper() substring( matches( split( round() abs() power( lowBoundary() type() hasValue() now()
today() defineVariable('v') %v %resource %context %ucum $this $index $total {} true false 1 2.5 'a' @2025 @T10 5 'mg'
+ - * / div mod & | = != ~ < > <= >= and or xor implies in contains is as""".split()  # noqa: SIM905 - a list of words reads better so


@given(st.lists(st.sampled_from(_PARTS), max_size=14).map(" ".join))
@settings(max_examples=600, deadline=2000)
def test_no_expression_upsets_the_engine(text: str) -> None:
    for focus in (PATIENT_STRUCT, OBSERVATION_STRUCT, None):
        with suppress(CdsError):
            compile_fhirpath(text, getattr(focus, "fhir_type", None)).typed(focus, ENVIRONMENT)


_STEPS = st.sampled_from(
    [
        *("name", "given", "family", "use", "birthDate", "gender", "active", "extension", "contained", "value", "code"),
        *("first()", "last()", "tail()", "skip(1)", "take(2)", "count()", "exists()", "empty()", "distinct()", "not()"),
        *("children()", "descendants()", "resolve()", "type()", "hasValue()", "getValue()", "toString()", "upper()"),
        *("where($this.exists())", "select($this)", "where(use = 'official')", "all(true)", "ofType(string)", "url"),
        *("ofType(HumanName)", "as(code)", "is(string)", "repeat(children())", "extension('u')", "combine(name)"),
        *("trace('x')", "union('a')", "exclude(name)", "aggregate($total | $this)", "iif($this.exists(), $this, 1)"),
        *(
            "defineVariable('v', $this)",
            "sort()",
            "join(',')",
            "sum()",
            "coalesce($this, 1)",
            "isDistinct()",
            "length()",
        ),
    ]
)


@given(st.lists(_STEPS, min_size=1, max_size=6).map(".".join))
@settings(max_examples=500, deadline=2000)
def test_no_path_upsets_the_engine(text: str) -> None:
    with suppress(CdsError):
        compile_fhirpath(text, "Patient").typed(PATIENT_STRUCT, ENVIRONMENT)
    with suppress(CdsError):
        compile_fhirpath(text).typed(PATIENT_STRUCT, ENVIRONMENT)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=2000)
def test_no_text_upsets_the_parser(text: str) -> None:
    with suppress(CdsError):
        compile_fhirpath(text, "Patient")
