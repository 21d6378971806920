"""No text and no number breaks a function of values: there is a value, null, or an error of our own."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import CdsError
from cds_service.values import arithmetic, boundaries, comparison, conversion, decimals, equality, formatting, units
from cds_service.values.date_texts import parse_date, parse_datetime, parse_time
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime

unit_like = st.text(alphabet="mgL/.10*{}[]()i_%' -+^dCeh", max_size=24)
dates_like = st.text(alphabet="0123456789-:T.Z+", max_size=32)
numbers = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.decimals(-decimals.MAX, decimals.MAX, places=8),
    st.sampled_from([decimals.MAX, decimals.MIN, decimals.STEP, Decimal("-0"), Decimal("1E+19"), Decimal("1E-8")]),
)
quantities = st.builds(
    Quantity, st.decimals(-(10**6), 10**6, places=3), st.sampled_from(["1", "mg", "d", "year", "Cel", "?"])
)


@given(st.one_of(st.text(), unit_like))
def test_any_text_is_a_unit_or_none(text: str) -> None:
    parsed = units.parse(text)
    if parsed is not None:
        assert units.conversion(text, text) is not None
        assert parsed.factor > 0


@pytest.mark.parametrize("text", ["9" * 5000, "(" * 5000, "m" * 5000, "10*99999", "m999", "{" + "a" * 5000 + "}"])
def test_endless_units_are_none(text: str) -> None:
    assert units.parse(text) is None


@given(st.one_of(st.text(), dates_like))
def test_any_text_is_a_date_or_none(text: str) -> None:
    for parse in (parse_date, parse_datetime, parse_time):
        value = parse(text)
        if value is not None:
            assert parse(formatting.to_string(value)) == value
    for convert in (conversion.to_date, conversion.to_datetime, conversion.to_time, conversion.to_quantity):
        convert(text)
    for convert_number in (conversion.to_integer, conversion.to_long, conversion.to_decimal, conversion.to_ratio):
        convert_number(text)


@given(st.one_of(numbers, quantities), st.one_of(numbers, quantities))
def test_arithmetic_gives_a_value_in_range_or_null(left: Any, right: Any) -> None:
    for operation in (
        *(arithmetic.add, arithmetic.subtract, arithmetic.multiply, arithmetic.divide),
        *(arithmetic.truncated_divide, arithmetic.modulo),
    ):
        result = operation(left, right)
        value = result.value if isinstance(result, Quantity) else result
        if isinstance(value, Decimal):
            assert decimals.MIN <= value <= decimals.MAX
            assert decimals.places(value) <= decimals.PLACES
    assert comparison.less(left, right) is comparison.greater(right, left)
    assert equality.equal(left, right) is equality.equal(right, left)
    assert equality.equivalent(left, right) is equality.equivalent(right, left)
    formatting.to_cql(left)
    formatting.to_text(left)


@given(numbers, numbers, st.integers(-99, 99))
def test_functions_give_a_value_null_or_an_error_of_our_own(left: Any, right: Any, digits: int) -> None:
    for call in (
        *(lambda: decimals.ln(left), lambda: decimals.exp(left), lambda: decimals.log(left, right)),
        *(lambda: arithmetic.power(left, right), lambda: decimals.sqrt(left), lambda: decimals.round_(left, digits)),
        *(lambda: boundaries.low_boundary(left, digits), lambda: boundaries.fhirpath_high_boundary(left, digits)),
    ):
        with suppress(CdsError):
            call()


@given(dates_like, dates_like)
def test_dates_order_one_way(left: str, right: str) -> None:
    first, second = parse_datetime(left), parse_datetime(right)
    if first is not None and second is not None:
        forth, back = comparison.compare(first, second), comparison.compare(second, first)
        assert forth == (None if back is None else -back)


def test_absurd_numbers_print_shortly() -> None:
    assert len(formatting.to_text(Decimal("1E+999999"))) < 20
    assert formatting.to_string(Quantity(Decimal("1E-999999"), "mg")) == "1E-999999 'mg'"
    assert repr(parse_date("2014-02")) == "Date(2014-02)"
    assert isinstance(parse_date("2014-02"), Date)
    assert isinstance(parse_datetime("2014-02"), DateTime)
