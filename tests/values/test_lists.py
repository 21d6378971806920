"""Lists, aggregates and equality of everything that has elements."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.values import aggregates, comparison, equality, lists
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet
from cds_service.values.date_texts import parse_date, parse_datetime, parse_time
from cds_service.values.failures import IncompatibleValues, ManyWhereOneExpected
from cds_service.values.longs import Long
from cds_service.values.quantity import make
from cds_service.values.tuples import Tuple, get
from cds_service.values.uncertainty import Uncertainty

D = Decimal
FINE, COARSE = parse_time("15:59:59.999"), parse_time("15:59:59")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lists.contains(["a", "b", None], None), True),
        (lists.contains([None, "b"], "a"), False),
        (lists.contains(None, "a"), False),
        (lists.contains([FINE], COARSE), None),
        (lists.contains([FINE, COARSE], COARSE), True),
        (lists.equivalent_in("a", ["A", "B"]), True),
        (lists.equivalent_in(None, [1, None]), True),
        (lists.equivalent_in(None, None), False),
        (lists.properly_contains(["a", None], "a"), None),
        (lists.properly_contains(["a", "b", None], "a"), True),
        (lists.properly_contains([None, None], None), False),
        (lists.properly_contains(["s", None], None), True),
        (lists.properly_contains(["s"], None), False),
        (lists.properly_contains(None, "a"), False),
        (lists.includes([1, None], [None]), True),
        (lists.includes(None, [1]), None),
        (lists.properly_includes([1, 2, 3], []), True),
        (lists.properly_includes([1, 2], [2, 1]), False),
        (lists.properly_included_in([None], [None]), False),
        (lists.distinct(["a", None, "a", None]), ["a", None]),
        (lists.distinct([1, D("1.0"), Long(1), True]), [1, True]),
        (lists.union(None, [4, 5, 4]), [4, 5]),
        (lists.intersect([None, 1, 3], [None, 3]), [None, 3]),
        (lists.intersect([1], None), None),
        (lists.except_([1, 3, None], [1, None]), [3]),
        (lists.except_([1, 4], None), [1, 4]),
        (lists.except_(None, [1]), None),
        (lists.exists([None]), False),
        (lists.exists(None), False),
        (lists.flatten([[1, 2], None, [3]]), [1, 2, 3]),
        (lists.first([]), None),
        (lists.last([1, None]), None),
        (lists.index_of([1, None], None), None),
        (lists.index_of([1, 2], 3), -1),
        (lists.indexer([1, 2], -1), None),
        (lists.length(None), 0),
        (lists.singleton_from([]), None),
        (lists.skip([1, 2, 3], None), [1, 2, 3]),
        (lists.skip([1, 2, 3], -1), []),
        (lists.take([1, 2, 3], None), []),
        (lists.tail([]), []),
        (lists.slice_([1, 2, 3, 4, 5], 1, -1), [2, 3, 4]),
        (lists.slice_([1, 2, 3], -9, 2), [1, 2]),
        (lists.slice_([1, 2, 3], 4, 2), []),
        (lists.sort([3, None, 1], descending=True), [3, 1, None]),
        (lists.sort([make(1, "m"), make(50, "cm")]), [make(50, "cm"), make(1, "m")]),
    ],
)
def test_lists(found: Any, expected: Any) -> None:
    assert found == expected


def test_partial_dates_sort_before_their_refinements() -> None:
    texts = ["2012-01-01T", "2012-01-01T12", "2012-10-05T", "2012-10-05T10"]
    ordered = [parse_datetime(text) for text in texts]
    assert lists.sort(list(reversed(ordered))) == ordered
    assert lists.sort(ordered, descending=True) == list(reversed(ordered))


def test_several_are_not_a_singleton() -> None:
    with pytest.raises(ManyWhereOneExpected):
        lists.singleton_from([1, 2])
    with pytest.raises(IncompatibleValues):
        comparison.sort_key(Tuple({}))


elements = st.one_of(st.none(), st.integers(0, 3), st.sampled_from("ab"))


@given(st.lists(elements, max_size=6), st.lists(elements, max_size=6))
def test_set_operations_are_those_of_sets(left: list[Any], right: list[Any]) -> None:
    assert set(lists.union(left, right)) == set(left) | set(right)
    assert set(lists.intersect(left, right) or ()) == set(left) & set(right)
    assert set(lists.except_(left, right) or ()) == set(left) - set(right)
    assert lists.includes(left, right) is (set(left) >= set(right))
    assert len(lists.union(left, right)) == len(set(left) | set(right))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (aggregates.all_true([True, None]), True),
        (aggregates.all_true(None), True),
        (aggregates.any_true([False, None]), False),
        (aggregates.sum_([None, 1, None]), 1),
        (aggregates.sum_([2**31 - 1, 1]), None),
        (aggregates.sum_([make(1, "m"), make(1, "cm")]), make(101, "cm")),
        (aggregates.sum_([]), None),
        (aggregates.average([D("5.5"), D("4.7"), D("4.8")]), D("5.0")),
        (aggregates.average([make(1, "m"), make(50, "cm")]), make(D("0.75"), "m")),
        (aggregates.average([make(1, "m"), make(50, "g")]), None),
        (aggregates.median([D(2), D(4), D(8), D(6)]), D(5)),
        (aggregates.median([3, None, 1, 2]), D(2)),
        (aggregates.mode([D(2), D(2), D(8), D(6), D(8), D(8)]), D(8)),
        (aggregates.mode([None]), None),
        (aggregates.variance([D(1), D(2), D(3), D(4), D(5)]), D("2.5")),
        (aggregates.variance([D(1)]), None),
        (aggregates.population_variance([D(1), D(2), D(3), D(4), D(5)]), D(2)),
        (aggregates.stddev([make(each, "mg") for each in range(1, 6)]), make(D("1.58113883"), "mg")),
        (aggregates.population_stddev([D(1), D(2), D(3), D(4), D(5)]), D("1.41421356")),
        (aggregates.geometric_mean([D(2), D(8)]), D(4)),
        (aggregates.geometric_mean([D(0), D(8)]), D(0)),
        (aggregates.geometric_mean([D(-1), D(2)]), None),
        (aggregates.product([Long(5), Long(4)]), 20),
        (aggregates.product([make(2, "mg"), make(3, "mg")]), make(6, "mg")),
        (aggregates.maximum(["hi", "zebra", "bye"]), "zebra"),
        (aggregates.minimum([parse_date("2012"), None, parse_date("2011")]), parse_date("2011")),
        (aggregates.count([1, None]), 1),
        (aggregates.count(None), 0),
    ],
)
def test_aggregates(found: Any, expected: Any) -> None:
    assert found == expected


class _Resource(msgspec.Struct, frozen=True):
    id: str | None = None
    given: list[str] | None = None
    active: bool | None = None


CODE = Code("8480-6", "http://loinc.org")


@pytest.mark.parametrize(
    ("left", "right", "equal", "equivalent"),
    [
        (1, D("1.0"), True, True),
        (1, "1", False, False),
        (True, 1, False, False),
        (1, None, None, False),
        (None, None, None, True),
        ("John Doe", "john\tdoe", False, True),
        ([None], [None], True, True),
        ([1, None], [1, 2], None, False),
        ([1, 2], [1], False, False),
        ([1, 2], ["1", "2"], False, False),
        (Tuple({"a": None, "b": 1}), Tuple({"a": 1, "b": 2}), None, False),
        (Tuple({"a": 1, "b": None}), Tuple({"a": 2, "b": 1}), False, False),
        (Tuple({"a": 1, "b": None}), Tuple({"b": None, "a": 1}), True, True),
        (CODE, Code("8480-6", "http://loinc.org", display="Systolic"), None, True),
        (CODE, Code("8480-6", "http://snomed.info/sct"), False, False),
        (CODE, Concept((Code("x"), CODE)), False, True),
        (Concept((CODE,), "A"), Concept((CODE,), "B"), False, True),
        (ValueSet("a"), ValueSet("a"), True, True),
        (ValueSet("a", name="x"), ValueSet("a", name="y"), False, True),
        (CodeSystem("a"), ValueSet("a"), False, False),
        (parse_date("2012-01-01"), parse_datetime("2012-01-01T12"), None, False),
        (parse_date("2012"), parse_date("2012"), True, True),
        (parse_date("2012"), parse_time("12"), False, False),
        (Uncertainty(1, 3), 5, False, False),
        (Uncertainty(1, 3), 2, None, False),
        (Uncertainty(1, 3), Uncertainty(1, 3), None, True),
        (make(1), 1, True, True),
        (_Resource("a", ["x"]), _Resource("a", ["x"]), True, True),
        (_Resource("a", ["x"]), _Resource("a", []), None, False),
        (_Resource("a", []), _Resource("a", None), True, True),
        (_Resource("a"), _Resource("b"), False, False),
    ],
)
def test_equality(left: Any, right: Any, equal: bool | None, equivalent: bool) -> None:
    assert equality.equal(left, right) is equal
    assert equality.equal(right, left) is equal
    assert equality.not_equal(left, right) is (None if equal is None else not equal)
    assert equality.equivalent(left, right) is equivalent
    assert equality.equivalent(right, left) is equivalent
    assert equality.not_equivalent(left, right) is not equivalent


def test_equality_in_fhirpath() -> None:
    assert equality.fhirpath_equal(_Resource("a", ["x"]), _Resource("a")) is False
    assert equality.fhirpath_equal(COARSE, parse_time("15:59:59.000")) is True
    assert equality.fhirpath_equivalent(COARSE, parse_time("15:59:59.000")) is True
    assert equality.fhirpath_lists_equal([1, 2], [2, 1]) is False
    assert equality.fhirpath_lists_equal([], [1]) is None
    assert equality.fhirpath_lists_equivalent([1, 2, 2], [2, 1, 2]) is True
    assert equality.fhirpath_lists_equivalent([1, 2, 2], [2, 1, 1]) is False


@pytest.mark.parametrize("left", [Tuple({}), "a", True])
def test_order_needs_types_that_have_one(left: Any) -> None:
    with pytest.raises(IncompatibleValues):
        comparison.compare(left, 1)
    with pytest.raises(IncompatibleValues):
        comparison.compare(left, make(1))


def test_elements_of_tuples() -> None:
    assert get(Tuple({"a": 1}), "a") == 1
    assert get(Tuple({"a": 1}), "b") is None
    assert get(None, "a") is None
    assert hash(Tuple({"a": 1})) == hash(Tuple({"a": 2}))
    assert Tuple({"a": 1}) == Tuple({"a": 1})


ANYTHING = [
    *(1, D("1.0"), Long(1), "1", True, None, make(1, "m"), make(100, "cm"), make(1, "year"), make(12, "months")),
    *(make(365, "days"), parse_date("2025-01-01"), parse_datetime("2025-01-01T"), FINE, COARSE, CODE, Concept((CODE,))),
    *(parse_datetime("2025-01-01T10:00:00+02:00"), parse_datetime("2025-01-01T08:00:00Z"), make(5, "eggs")),
    *(_Resource("a"), _Resource("a"), _Resource("b"), _Resource(None, ["x"]), _Resource(None, ["x"]), Tuple({"a": 1})),
    *([1], [1], ValueSet("v"), Tuple({"a": D("1.0")}), parse_date("2025"), parse_datetime("2025-01-01T10+02:00")),
]


@given(st.lists(st.sampled_from(ANYTHING), max_size=8))
def test_distinct_keeps_what_equality_does_not_know_to_be_the_same(several: list[Any]) -> None:
    kept: list[Any] = []
    for each in several:
        same = [other for other in kept if (each is None and other is None) or equality.equal(other, each) is True]
        if not same:
            kept.append(each)
    assert lists.distinct(several) == kept


def test_the_only_difference_may_come_late() -> None:
    many = [_Resource(str(number)) for number in range(2000)]
    assert lists.distinct([*many, *many]) == many
