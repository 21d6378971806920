"""Intervals: every operator against brute force over sets of small integers, unknown bounds against their readings."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.values import aggregates, coverage, intervals, lists
from cds_service.values.date_texts import parse_date, parse_datetime, parse_time
from cds_service.values.equality import equal
from cds_service.values.failures import IncompatibleValues, InvalidInterval, ManyWhereOneExpected
from cds_service.values.formatting import to_cql
from cds_service.values.interval import Interval
from cds_service.values.interval_bounds import end, make, start
from cds_service.values.logic import Truth
from cds_service.values.precisions import Precision
from cds_service.values.quantity import make as quantity
from cds_service.values.uncertainty import Uncertainty

D = Decimal
LAST = 12


@st.composite
def known(draw: st.DrawFn) -> Interval:
    """An interval of integers from 0 to 8, its bounds written open or closed."""
    first = draw(st.integers(0, 8))
    last = draw(st.integers(first, 8))
    low_closed, high_closed = draw(st.booleans()), draw(st.booleans())
    made = make(first - (not low_closed), last + (not high_closed), low_closed, high_closed, "Integer")
    assert isinstance(made, Interval)
    return made


@st.composite
def half_known(draw: st.DrawFn) -> Interval:
    """An interval whose end may be unknown."""
    whole = draw(known())
    if draw(st.booleans()):
        return whole
    return Interval(whole.low, None, whole.low_closed, False, "Integer")


def points(interval: Any) -> frozenset[int]:
    return frozenset(range(start(interval), end(interval) + 1))


def readings(interval: Interval) -> list[frozenset[int]]:
    """The sets of points that the interval may stand for, as far as the domain of these tests reaches."""
    if interval.high is not None:
        return [points(interval)]
    first = start(interval)
    return [frozenset(range(first, last + 1)) for last in range(first, LAST)] + [frozenset(range(first, 100))]


Sets = Callable[[frozenset[int], frozenset[int]], bool]
RELATIONS: list[tuple[Callable[..., Truth], Sets]] = [
    (intervals.before, lambda a, b: max(a) < min(b)),
    (intervals.after, lambda a, b: min(a) > max(b)),
    (intervals.same_or_before, lambda a, b: max(a) <= min(b)),
    (intervals.same_or_after, lambda a, b: min(a) >= max(b)),
    (intervals.same_as, lambda a, b: a == b),
    (equal, lambda a, b: a == b),
    (intervals.includes, lambda a, b: a >= b),
    (intervals.included_in, lambda a, b: a <= b),
    (intervals.properly_includes, lambda a, b: a > b),
    (intervals.properly_included_in, lambda a, b: a < b),
    (intervals.overlaps, lambda a, b: bool(a & b)),
    (intervals.overlaps_before, lambda a, b: bool(a & b) and min(a) < min(b)),
    (intervals.overlaps_after, lambda a, b: bool(a & b) and max(a) > max(b)),
    (intervals.meets_before, lambda a, b: max(a) + 1 == min(b)),
    (intervals.meets_after, lambda a, b: max(b) + 1 == min(a)),
    (intervals.meets, lambda a, b: max(a) + 1 == min(b) or max(b) + 1 == min(a)),
    (intervals.starts, lambda a, b: min(a) == min(b) and a <= b),
    (intervals.ends, lambda a, b: max(a) == max(b) and a <= b),
]


@pytest.mark.parametrize(("relation", "sets"), RELATIONS)
@given(left=known(), right=known())
@settings(max_examples=60)
def test_relations_are_those_of_the_sets(relation: Callable[..., Truth], sets: Sets, left: Any, right: Any) -> None:
    assert relation(left, right) is sets(points(left), points(right))


@pytest.mark.parametrize(("relation", "sets"), RELATIONS)
@given(left=half_known(), right=known())
@settings(max_examples=60)
def test_an_unknown_end_leaves_open_what_it_may_change(
    relation: Callable[..., Truth], sets: Sets, left: Any, right: Any
) -> None:
    for a, b in ((left, right), (right, left)):
        answers = {sets(x, y) for x in readings(a) for y in readings(b)}
        found = relation(a, b)
        if found is not None:
            assert answers == {found}
        elif relation is not equal and relation not in (intervals.properly_includes, intervals.properly_included_in):
            assert len(answers) == 2 or relation in (
                intervals.same_as,
                intervals.overlaps_after,
                intervals.overlaps_before,
            )


@given(known(), st.integers(-1, 9))
def test_points(interval: Any, point: int) -> None:
    inside = point in points(interval)
    assert intervals.contains(interval, point) is inside
    assert intervals.in_(point, interval) is inside
    assert intervals.properly_contains(interval, point) is (min(points(interval)) < point < max(points(interval)))
    assert intervals.before(interval, point) is (max(points(interval)) < point)
    assert intervals.after(point, interval) is (max(points(interval)) < point)
    assert intervals.width(interval) == len(points(interval)) - 1
    assert intervals.size(interval) == len(points(interval))


@given(known(), known())
def test_set_operations(left: Any, right: Any) -> None:
    a, b = points(left), points(right)
    adjacent = max(a) + 1 >= min(b) and max(b) + 1 >= min(a)
    for found, wanted in (
        (intervals.union(left, right), a | b if adjacent else frozenset()),
        (intervals.intersect(left, right), a & b),
        (intervals.except_(left, right), a - b),
    ):
        if not wanted or len(wanted) != max(wanted) - min(wanted) + 1:
            assert found is None
        else:
            assert points(found) == wanted


@given(st.lists(known(), max_size=6))
def test_collapse_covers_the_same_points_with_the_fewest_intervals(several: list[Any]) -> None:
    collapsed = coverage.collapse(several)
    assert collapsed is not None
    covered = [points(each) for each in collapsed]
    assert frozenset().union(*covered) == frozenset().union(*(points(each) for each in several))
    for one, next_one in pairwise(covered):
        assert max(one) + 1 < min(next_one)


@given(known(), st.integers(1, 4))
def test_expand_cuts_into_pieces_of_one_size(interval: Any, size: int) -> None:
    per = quantity(size)
    pieces = coverage.expand_intervals([interval], per)
    assert pieces is not None
    cut = [points(each) for each in pieces]
    assert all(len(each) == size for each in cut)
    assert sum(map(len, cut)) == len(points(interval)) // size * size
    assert frozenset().union(*cut) <= points(interval)
    assert coverage.expand_points(interval, per) == [min(each) for each in cut]


def test_unknown_and_unbounded_ends() -> None:
    unknown, unbounded = make(1, None, True, False, "Integer"), make(1, None, True, True, "Integer")
    assert end(unknown) == Uncertainty(1, 2**31 - 1)
    assert end(unbounded) == 2**31 - 1
    assert start(make(None, 5, False, False, "Integer")) == Uncertainty(-(2**31), 4)
    assert intervals.contains(unbounded, 10**6) is True
    assert intervals.contains(unknown, 5) is None
    assert intervals.contains(unknown, 1) is True
    assert intervals.contains(unknown, 0) is False
    assert intervals.width(unknown) is None
    assert make(None, None) is None
    everything = make(None, None, True, True, "Integer")
    assert intervals.properly_includes(everything, make(1, 10)) is True
    assert to_cql(intervals.intersect(make(1, 10), make(5, None, True, False, "Integer"))) == "Interval[5, null)"
    assert coverage.expand_intervals([unknown, unbounded, None]) == []


def test_dates_relate_at_a_precision() -> None:
    first = make(parse_datetime("2012-01-07T10:00"), parse_datetime("2012-01-14T10:00"))
    second = make(parse_datetime("2012-01-15T08:00"), parse_datetime("2012-01-25T08:00"))
    assert intervals.meets(first, second) is False
    assert intervals.meets(first, second, Precision.DAY) is True
    assert intervals.overlaps(first, parse_datetime("2012-01-14T23:00"), Precision.DAY) is True
    seconds = parse_datetime("2017-09-01T00:00:00")
    outer = make(parse_datetime("2017-09-01T00:00:00.000"), parse_datetime("2017-12-30T23:59:59.999"))
    inner = make(seconds, seconds)
    assert intervals.included_in(inner, outer) is None
    assert intervals.included_in(inner, outer, Precision.DAY) is True
    assert intervals.included_in(inner, outer, Precision.MILLISECOND) is None
    assert intervals.meets(make(parse_time("03"), parse_time("04")), make(parse_time("05"), parse_time("06"))) is True
    open_day = make(parse_date("2012-01-01"), parse_date("2012-01-31"), True, False)
    assert intervals.contains(open_day, parse_date("2012-01-31")) is False
    assert intervals.contains(open_day, parse_date("2012-01")) is None


@pytest.mark.parametrize(
    ("text", "per", "expected"),
    [
        ("Interval[@2018-01-01, @2018-01-04]", (2, "days"), ["2018-01-01", "2018-01-03"]),
        ("Interval[@2018-01-30, @2018-03-01]", (1, "month"), ["2018-01", "2018-02", "2018-03"]),
        ("Interval[@2018-01-01, @2018-01-20]", (1, "week"), ["2018-01-01", "2018-01-08"]),
        ("Interval[@2018-01, @2018-02]", (1, "day"), []),
        ("Interval[@9999-12-30, @9999-12-31]", (1, "day"), ["9999-12-30", "9999-12-31"]),
    ],
)
def test_expanding_dates(text: str, per: tuple[int, str], expected: list[str]) -> None:
    low, high = (parse_date(part.strip("@] ")) for part in text.removeprefix("Interval[").split(","))
    assert coverage.expand_points(make(low, high), quantity(*per)) == [parse_date(each) for each in expected]


@pytest.mark.parametrize(
    ("interval", "per", "expected"),
    [
        (make(D("10.0"), D("12.5"), True, False), quantity(1), [10, 11, 12]),
        (make(10, 10), quantity(D("0.5")), [D("10.0"), D("10.5")]),
        (make(D("1.0"), D("1.2")), None, [D("1.0"), D("1.1"), D("1.2")]),
        (make(1, 3), None, [1, 2, 3]),
    ],
)
def test_expanding_numbers(interval: Any, per: Any, expected: list[Any]) -> None:
    assert coverage.expand_points(interval, per) == expected


def test_expanding_times_to_the_end_of_the_day() -> None:
    evening = make(parse_time("22:30"), parse_time("23:59"))
    pieces = coverage.expand_intervals([evening], quantity(1, "hour"))
    assert [to_cql(each) for each in pieces or []] == ["Interval[@T22, @T22]", "Interval[@T23, @T23]"]


def test_collapse_at_a_precision() -> None:
    days = [
        make(parse_date("2012-01-01"), parse_date("2012-01-10")),
        make(parse_date("2012-01-13"), parse_date("2012-01-20")),
    ]
    assert len(coverage.collapse(days) or []) == 2
    assert len(coverage.collapse(days, quantity(3, "days")) or []) == 1
    assert len(coverage.collapse(days, quantity(1, "month")) or []) == 1
    assert coverage.collapse([None]) == []
    assert coverage.collapse(None) is None


@pytest.mark.parametrize(
    ("several", "per", "expected"),
    [
        ([make(D("1.0"), D("2.0")), make(D("3.0"), D("4.0"))], quantity(1), ["Interval[1.0, 4.0]"]),
        ([make(1, 2), make(5, 6)], quantity(2), ["Interval[1, 2]", "Interval[5, 6]"]),
        (
            [make(quantity(1, "g"), quantity(2, "g")), make(quantity(2500, "mg"), quantity(3, "g"))],
            quantity(500, "mg"),
            ["Interval[1 'g', 3 'g']"],
        ),
        ([make(parse_time("22"), parse_time("23")), make(parse_time("10"), parse_time("11"))], None, 2),
        ([make(parse_time("22"), parse_time("23")), make(parse_time("23:30"), parse_time("23:40"))], None, 1),
        ([make(1, None, True, False, "Integer"), make(5, 6)], None, 2),
        ([make(1, None, True, True, "Integer"), make(5, 6)], None, ["Interval[1, null]"]),
        ([make(parse_date("9999-01"), parse_date("9999-12")), make(parse_date("9999-12-31"), None)], None, 1),
        (
            [make(parse_date("2012-01-01"), parse_date("2012-01-02")), make(parse_date("2012-01-10"), None)],
            quantity(1, "week"),
            2,
        ),
    ],
)
def test_collapse(several: list[Any], per: Any, expected: list[str] | int) -> None:
    collapsed = coverage.collapse(several, per) or []
    if isinstance(expected, int):
        assert len(collapsed) == expected
    else:
        assert [to_cql(each) for each in collapsed] == expected


def test_unknown_bounds_at_a_precision() -> None:
    begun = make(parse_date("2025-01-10"), None, True, False, "Date")
    assert intervals.before(parse_date("2025-01-09"), begun, Precision.DAY) is True
    assert intervals.before(parse_date("2025-01-09"), begun, Precision.MONTH) is False
    assert intervals.after(parse_date("2025-02-01"), begun, Precision.MONTH) is None
    assert intervals.overlaps(begun, make(parse_date("2024-12-01"), parse_date("2025-01-05")), Precision.MONTH) is True
    assert intervals.same_as(begun, begun, Precision.DAY) is None
    assert (
        intervals.meets_before(begun, make(parse_date("2025-01-01"), parse_date("2025-01-05")), Precision.DAY) is False
    )
    assert intervals.starts(begun, make(parse_date("2025-01-10"), None, True, True, "Date"), Precision.DAY) is True


def test_quantities_make_intervals() -> None:
    grams = make(quantity(D("1.0"), "g"), quantity(D("10.0"), "g"))
    assert intervals.contains(grams, quantity(2000, "mg")) is True
    assert (
        to_cql(intervals.except_(grams, make(quantity(5, "g"), quantity(10, "g"))))
        == "Interval[1.0 'g', 4.99999999 'g']"
    )
    assert to_cql(intervals.size(grams)) == "9.00000001 'g'"


def test_pieces_are_measured_as_the_points_are() -> None:
    numbers, days = make(1, 10), make(parse_date("2012-01-01"), parse_date("2012-01-10"))
    for interval, per in (
        (numbers, quantity(1, "day")),
        (days, quantity(1)),
        (days, quantity(1, "mg")),
        (numbers, quantity(0)),
    ):
        with pytest.raises(IncompatibleValues):
            coverage.expand_points(interval, per)
    with pytest.raises(IncompatibleValues):
        coverage.collapse([numbers, make(12, 13)], quantity(1, "day"))


def test_what_is_no_interval() -> None:
    for low, high, closed in ((5, 3, True), (5, 5, False)):
        with pytest.raises(InvalidInterval):
            make(low, high, True, closed)
    with pytest.raises(ManyWhereOneExpected):
        intervals.point_from(make(1, 2))
    with pytest.raises(IncompatibleValues):
        intervals.width(make(parse_date("2012"), parse_date("2013")))
    assert intervals.point_from(make(4, 5, True, False)) == 4


def test_null_goes_through() -> None:
    some = make(1, 2)
    for relation, _ in RELATIONS:
        assert relation(None, some) is None
        assert relation(some, None) is None
    assert intervals.contains(None, 1) is False
    assert intervals.contains(some, None) is None
    for operation in (intervals.union, intervals.intersect, intervals.except_):
        assert operation(None, some) is None
    assert lists.distinct([some, make(1, 3, True, False)]) == [some]
    assert aggregates.count([some, None]) == 1
