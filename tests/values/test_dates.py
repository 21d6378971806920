"""Dates and times: comparison and counting against the enumeration of all completions of partial dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.values import boundaries, dates, durations, formatting
from cds_service.values.date_texts import datetime_literal, parse_date, parse_datetime, parse_time
from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.precisions import BY_NAME, Precision
from cds_service.values.quantity import Quantity, make
from cds_service.values.temporals import Date, DateTime, Time, make_date, make_datetime, make_time
from cds_service.values.uncertainty import Uncertainty, bounds

P = Precision


def _value(text: str) -> Any:
    if text.startswith("T"):
        return parse_time(text)
    return parse_datetime(text) if "T" in text else parse_date(text)


partial_dates = st.builds(
    lambda day, precision: dates.truncate(Date(day.toordinal(), P.DAY), precision),
    st.dates(date(2011, 11, 1), date(2013, 3, 1)),
    st.sampled_from([P.YEAR, P.MONTH, P.DAY]),
)


def _days(value: Date) -> range:
    low, high = dates.bounds(value)
    return range(low // 86_400_000, high // 86_400_000 + 1)


@given(partial_dates, partial_dates)
def test_partial_dates_compare_as_all_their_completions_do(left: Date, right: Date) -> None:
    order = dates.compare(left, right)
    before = max(_days(left)) < min(_days(right))
    after = min(_days(left)) > max(_days(right))
    if order is None:
        assert not before
        assert not after
        assert left.precision != right.precision
    else:
        assert (order < 0, order > 0) == (before, after)


@given(partial_dates, partial_dates, st.sampled_from([P.YEAR, P.MONTH, P.DAY]))
def test_comparison_at_a_precision_sees_completions_at_that_precision(left: Date, right: Date, at: Precision) -> None:
    def key(day: int) -> tuple[int, ...]:
        found = date.fromordinal(day)
        return (found.year, found.month, found.day)[:at]

    orders = {
        (key(a) > key(b)) - (key(a) < key(b))
        for a, b in product((min(_days(left)), max(_days(left))), (min(_days(right)), max(_days(right))))
    }
    assert dates.compare(left, right, at) == (orders.pop() if len(orders) == 1 else None)


def _whole_periods(start: date, end: date, precision: Precision) -> int:
    if precision in (P.DAY, P.WEEK):
        return int((end - start).days / (7 if precision == P.WEEK else 1))
    if end < start:
        return -_whole_periods(end, start, precision)
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    return months // 12 if precision == P.YEAR else months


@given(partial_dates, partial_dates, st.sampled_from([P.YEAR, P.MONTH, P.WEEK, P.DAY]))
def test_durations_span_those_of_all_completions(left: Date, right: Date, precision: Precision) -> None:
    found = durations.duration(left, right, precision)
    ends = [
        _whole_periods(date.fromordinal(a), date.fromordinal(b), precision)
        for a, b in ((max(_days(left)), min(_days(right))), (min(_days(left)), max(_days(right))))
    ]
    assert bounds(found) == tuple(ends)


@given(partial_dates, partial_dates, st.sampled_from([P.YEAR, P.MONTH, P.WEEK, P.DAY]))
def test_differences_span_those_of_all_completions(left: Date, right: Date, precision: Precision) -> None:
    def index(day: int) -> int:
        found = date.fromordinal(day)
        return {P.YEAR: found.year, P.MONTH: found.year * 12 + found.month, P.DAY: day, P.WEEK: day // 7}[precision]

    low = index(min(_days(right))) - index(max(_days(left)))
    high = index(max(_days(right))) - index(min(_days(left)))
    assert bounds(durations.difference(left, right, precision)) == (low, high)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.times(), st.integers(-50_000, 50_000))
def test_adding_and_subtracting_fixed_lengths_cancel_out(day: date, clock: time, amount: int) -> None:
    start = dates.now_from(datetime.combine(day, clock, UTC))
    for unit in ("week", "day", "hour", "minute", "second", "millisecond"):
        quantity = make(amount, unit)
        assert dates.subtract(dates.add(start, quantity), quantity) == start


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-500, 500))
def test_adding_months_keeps_the_day_or_takes_the_last(day: date, months: int) -> None:
    moved = dates.add(Date(day.toordinal(), P.DAY), make(months, "months"))
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    following = date.fromordinal(moved.days) + timedelta(days=1)
    assert moved.day == day.day or (following.day == 1 and moved.day < day.day)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        ("2014T", 24, "months", "2016T"),
        ("2014T", 18, "months", "2015T"),
        ("2014T", 730, "days", "2016T"),
        ("2014-06", 33, "days", "2014-07"),
        ("2014-01-31", 1, "month", "2014-02-28"),
        ("2016-02-29", 1, "year", "2017-02-28"),
        ("2005-05-10T", 25, "hours", "2005-05-11T"),
        ("2014-01-01", "7.7", "days", "2014-01-08"),
        ("2014", "31536000000", "ms", "2015"),
        ("2014", -400, "days", "2013"),
        ("2014-03", -720, "hours", "2014-02"),
        ("2014-01-01T10:00:00.000+10:00", "0.1", "s", "2014-01-01T10:00:00.100+10:00"),
        ("2014-01-01T10:00:00", "0.9", "second", "2014-01-01T10:00:00"),
        ("2014-01-01", 1, "wk", "2014-01-08"),
        ("T23:30:00", 1, "hour", "T00:30:00"),
        ("T00:30:00", -1, "hour", "T23:30:00"),
        ("T10", 90, "minutes", "T11"),
    ],
)
def test_addition(start: str, amount: int | str, unit: str, expected: str) -> None:
    assert dates.add(_value(start), make(Decimal(amount), unit)) == _value(expected)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "error"),
    [
        ("2014", 1, "cm", IncompatibleValues),
        ("2014", 1, "a", IncompatibleValues),
        ("T10", 1, "day", IncompatibleValues),
        ("2005-10-10", 8000, "years", ValueOutOfRange),
        ("9999-12-31", 1, "day", ValueOutOfRange),
        ("0001-01-01", -1, "day", ValueOutOfRange),
    ],
)
def test_what_cannot_be_added(start: str, amount: int, unit: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        dates.add(_value(start), make(amount, unit))


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("2012-03-10T10:20:00.999+07:00", "2012-03-10T09:20:00.999+06:00", "hour", 0),
        ("2022-02-22T00:00:00.000-05:00", "2022-02-22T04:59:00.000Z", "day", 0),
        ("2022-02-22T23:00:00.000-05:00", "2022-02-23T05:00:00.000Z", "day", -1),  # days are compared as written
        ("2022-02-22T23:00:00.000-05:00", "2022-02-23T04:00:00.000Z", None, 0),
        ("2014-01-01", "2014-01-01T10", None, None),
        ("2014-01-01", "2014-01-02T10", None, -1),
        ("2014-01-01T10:00:00", "2014-01-01T10:00:00.000", None, None),
        ("2014-01-01T10+05:30", "2014-01-01T04:15Z", None, 1),
        ("2014-01-01T10+05:30", "2014-01-01T04:45Z", None, None),
        ("2014-01-01T10+05:30", "2014-01-01T04:45Z", "hour", None),  # 04:30 to 05:29, so it may be the next hour
        ("2014-01-01T10+05:00", "2014-01-01T05:45Z", "hour", 0),
        ("2014-01-01T10+05:00", "2014-01-01T05Z", None, 0),
        ("2014-01-01T10+05:00", "2014-01-01T05Z", "minute", None),
        ("2014-01-01T10:15+05:30", "2014-01-01T04Z", "hour", 0),
        ("T10:00", "T10", "hour", 0),
        ("T10:00", "T10", "minute", None),
    ],
)
def test_comparison(left: str, right: str, precision: str | None, expected: int | None) -> None:
    assert dates.compare(_value(left), _value(right), BY_NAME[precision] if precision else None) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("2012-04-15T15:30:31", "2012-04-15T15:30:31.0", 0),
        ("2012-04-15T15:30:31", "2012-04-15T15:30:31.1", -1),
        ("2012-04-15T15:00:00Z", "2012-04-15T10:00:00", None),
        ("2012-04-15T15:00:00Z", "2012-04-19T10:00:00", -1),
        ("T10:30:00", "T10:30:00.0", 0),
    ],
)
def test_comparison_in_fhirpath(left: str, right: str, expected: int | None) -> None:
    assert dates.compare_combined(_value(left), _value(right)) == expected


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("2005T", "2010T", "years", (4, 5)),
        ("2014-01-15T", "2014-02T", "days", (16, 44)),
        ("2000-02-29", "2001-02-28", "years", (0, 0)),
        ("2000-02-29", "2001-03-01", "years", (1, 1)),
        ("2014-01-31", "2014-02-28", "months", (0, 0)),
        ("2010-10-12T12:05", "2008-08-15T08:08", "days", (-788, -788)),
        ("2017-03-12T01:00:00-07:00", "2017-03-12T03:00:00-06:00", "hours", (1, 1)),
        ("2017-03-12T00:00:00-07:00", "2017-03-13T00:00:00-06:00", "days", (0, 0)),
        ("T06", "T07:00:00", "hours", (0, 1)),
        ("T20:26:15.555", "T23:25:15.555", "hours", (2, 2)),
        ("2012-03-10", "2012-03-10T12:00:00", "hours", (-11, 12)),
    ],
)
def test_duration(left: str, right: str, precision: str, expected: tuple[int, int]) -> None:
    assert bounds(durations.duration(_value(left), _value(right), BY_NAME[precision])) == expected


@pytest.mark.parametrize(
    ("left", "right", "precision", "expected"),
    [
        ("2000-10-15", "2000-10-28", "weeks", (1, 1)),
        ("2000-10-15", "2000-10-29", "weeks", (2, 2)),
        ("2005T", "2006-07T", "months", (7, 18)),
        ("2017-11-05T01:30:00-06:00", "2017-11-05T01:15:00-07:00", "minutes", (45, 45)),
        ("2017-03-12T00:00:00-07:00", "2017-03-13T00:00:00-06:00", "days", (1, 1)),
        ("T20:20:15.555", "T20:20:15.550", "milliseconds", (-5, -5)),
    ],
)
def test_difference(left: str, right: str, precision: str, expected: tuple[int, int]) -> None:
    assert bounds(durations.difference(_value(left), _value(right), BY_NAME[precision])) == expected


def test_times_of_day_are_not_counted_in_days() -> None:
    with pytest.raises(IncompatibleValues):
        durations.duration(parse_time("T10"), parse_time("T11"), P.DAY)
    with pytest.raises(IncompatibleValues):
        dates.compare(parse_time("T10"), parse_date("2014"))


@pytest.mark.parametrize(
    "text",
    [
        *("2014", "2014-02", "2014-02-28", "T08", "T08:30", "T08:30:15", "T08:30:15.050"),
        *("2014-02-28T08", "2014-02-28T08:30+01:00", "2014-02-28T08:30:15.123-05:30", "2014-02-28T08:30:00Z"),
    ],
)
def test_texts_read_back(text: str) -> None:
    written = formatting.to_string(_value(text))
    assert written == text.removeprefix("T").replace("Z", "+00:00")
    assert formatting.to_cql(_value(text)) == f"@{text}".replace("Z", "+00:00")


@pytest.mark.parametrize(
    "text",
    [
        *("", "2014-13", "2014-02-30", "14-01-01", "2014-1-1", "2014/01/01", "2014-01-01T24", "2014-01-01T10:60"),
        *("2014-01T10:00", "2014-01-01T10:00:00+25:00", "2014-01-01 10:00", "0000-01-01", "\uff12\uff10\uff11\uff14"),
    ],
)
def test_what_is_no_date_is_null(text: str) -> None:
    assert parse_datetime(text) is None
    with pytest.raises(ValueOutOfRange):
        datetime_literal(text)


@pytest.mark.parametrize("text", ["24:00", "23:59:60", "10:5", "T"])
def test_what_is_no_time_is_null(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "make_it",
    [
        lambda: make_date(2012, None, 1),
        lambda: make_date(10_000),
        lambda: make_date(2012, 0),
        lambda: make_datetime(2012, 1, 1, 25),
        lambda: make_datetime(2012, 1, 1, 12, 0, 0, 0, Decimal(15)),
        lambda: make_time(12, None, 0),
        lambda: make_time(-1),
    ],
)
def test_components_must_make_a_date(make_it: Any) -> None:
    with pytest.raises(ValueOutOfRange):
        make_it()


def test_components_and_parts() -> None:
    value = make_datetime(2012, 3, 4, 5, 6, 7, 8, Decimal("-7.5"))
    assert value is not None
    found = [dates.component(value, precision) for precision in list(P)[:7]]
    assert found == [2012, 3, 4, 5, 6, 7, 8]
    assert dates.timezone_offset(value) == Decimal("-7.5")
    assert dates.date_from(value) == parse_date("2012-03-04")
    assert dates.time_from(value) == parse_time("05:06:07.008")
    assert dates.component(parse_date("2012"), P.MONTH) is None
    assert dates.component(parse_date("2012-01-01"), P.HOUR) is None
    assert dates.component(parse_time("10"), P.MINUTE) is None
    assert dates.time_from(make_datetime(2012)) is None
    assert dates.localize(make_datetime(2012), 60) == DateTime(make_datetime(2012).instant, P.YEAR, 60)  # type: ignore[union-attr]
    now = datetime(2025, 1, 31, 8, 30, 15, 123_999, tzinfo=timezone(timedelta(hours=2)))
    assert formatting.to_string(dates.now_from(now)) == "2025-01-31T08:30:15.123+02:00"


@pytest.mark.parametrize(
    ("text", "digits", "low", "high"),
    [
        ("2014", 6, "2014-01", "2014-12"),
        ("2014-02", 8, "2014-02-01", "2014-02-28"),
        ("2014-01-01T08", 17, "2014-01-01T08:00:00.000", "2014-01-01T08:59:59.999"),
        ("T10:30", 9, "T10:30:00.000", "T10:30:59.999"),
        ("2014-05-06", 4, "2014", "2014"),
    ],
)
def test_boundaries_of_dates(text: str, digits: int, low: str, high: str) -> None:
    assert boundaries.low_boundary(_value(text), digits) == _value(low)
    assert boundaries.high_boundary(_value(text), digits) == _value(high)
    assert boundaries.low_boundary(_value(text), 5) is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [("2014", 4), ("2014-01-05T10:30:00.000", 17), ("T10:30", 4), ("T10:30:00.000", 9), ("2014-01-05", 8)],
)
def test_precision_counts_digits(text: str, digits: int) -> None:
    assert boundaries.precision(_value(text)) == digits


def test_null_goes_through() -> None:
    for call in (dates.compare, dates.add, dates.subtract):
        assert call(None, None) is None
    assert durations.duration(None, parse_date("2014"), P.DAY) is None
    assert dates.add(Time(0, P.HOUR), None) is None
    assert make_date(None) is None
    assert make(None) is None
    assert Quantity(Decimal(1)).unit == "1"


def test_uncertain_dates_compare_and_count() -> None:
    some_time = Uncertainty(parse_date("2025-01-01"), parse_date("2025-01-31"), "Date")
    last, later, earlier = (parse_date(text) for text in ("2025-01-31", "2025-02-02", "2024-12-31"))
    assert dates.before(some_time, later) is True
    assert dates.after(some_time, earlier) is True
    assert dates.before(some_time, last) is None
    assert dates.same_or_before(some_time, last) is True
    assert dates.same_or_after(last, some_time) is True
    assert dates.same_as(some_time, some_time) is None
    assert bounds(durations.duration(some_time, later, P.DAY)) == (2, 32)
    assert bounds(durations.difference(some_time, later, P.MONTH)) == (1, 1)
    assert dates.add(some_time, make(1, "day")) == Uncertainty(
        parse_date("2025-01-02"), parse_date("2025-02-01"), "Date"
    )
    assert dates.component(some_time, P.YEAR) is None
    assert dates.date_from(some_time) is None


@pytest.mark.parametrize("offset", [-420, 0, 330])
def test_dates_without_offset_are_read_at_that_of_the_evaluation(offset: int) -> None:
    with dates.evaluated_at(offset):
        late = dates.localize(parse_datetime("2025-06-15T23:30:00"), offset)
        assert dates.compare(late, parse_datetime("2025-06-15T23:30:00")) == 0
        assert dates.compare(late, parse_date("2025-06-15")) is None  # some time of that very day
        assert dates.compare(late, parse_date("2025-06-14")) == 1
        assert dates.before(late, parse_date("2025-06-16")) is True
        assert durations.duration(late, parse_datetime("2025-06-16T00:30:00"), P.HOUR) == 1
    far = parse_datetime("2025-06-15T23:30:00-07:00")
    with dates.evaluated_at(offset):
        assert dates.before(far, parse_date("2025-06-16")) is (True if offset == -420 else None)
