"""Integers, longs and decimals: ranges, rounding, and uncertain integers against enumeration."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.values import arithmetic, boundaries, comparison, decimals, integers, longs, steps
from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.longs import Long
from cds_service.values.quantity import make
from cds_service.values.uncertainty import Uncertainty, between, bounds

D = Decimal


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (integers.add(integers.MAX, 1), None),
        (integers.multiply(65_536, 65_536), None),
        (integers.negate(integers.MIN), None),
        (integers.absolute(integers.MIN), None),
        (integers.truncated_divide(-7, 2), -3),
        (integers.truncated_divide(integers.MIN, -1), None),
        (integers.modulo(-7, 2), -1),
        (integers.modulo(7, 0), None),
        (integers.power(2, 31), None),
        (integers.power(-2, 31), integers.MIN),
        (integers.power(2, -1), D("0.5")),
        (integers.power(1, 10**6), 1),
        (longs.add(longs.MAX, 1), None),
        (longs.power(Long(2), Long(62)), 2**62),
        (longs.power(Long(2), Long(-1)), D("0.5")),
        (longs.truncated_divide(Long(-7), Long(2)), -3),
        (longs.truncated_divide(Long(7), Long(0)), None),
        (longs.modulo(Long(-7), Long(2)), -1),
        (longs.subtract(longs.MIN, Long(1)), None),
        (longs.negate(longs.MIN), None),
        (longs.absolute(Long(-7)), 7),
        (longs.literal("-9223372036854775808L"), longs.MIN),
        (arithmetic.round_(D("2.5")), D(3)),
        (arithmetic.negate(None), None),
        (arithmetic.negate(Uncertainty(1, 3)), Uncertainty(-3, -1)),
        (arithmetic.absolute(Uncertainty(-3, 1)), Uncertainty(0, 3)),
        (arithmetic.divide(None, 1), None),
        (boundaries.low_boundary(make(D("1.5"), "mg"), 2), make(D("1.50"), "mg")),
        (boundaries.fhirpath_low_boundary(make(D("1.5"), "mg"), 2), make(D("1.45"), "mg")),
        (boundaries.precision(make(D("1.50"), "mg")), 2),
        (boundaries.precision(7), 0),
        (longs.power(Long(3), Long(64)), None),
        (decimals.divide(D(1), D(3)), D("0.33333333")),
        (decimals.divide(D(2), D(3)), D("0.66666667")),
        (decimals.divide(D(1), D(0)), None),
        (decimals.multiply(D("0.00001"), D("0.00005")), D("0.00000000")),
        (decimals.multiply(D("0.0001"), D("0.00005")), D("0.00000001")),
        (decimals.add(decimals.MAX, decimals.STEP), None),
        (decimals.multiply(D("99999999999999999999"), D("0.99999999")), D("99999998999999999999.00000001")),
        (decimals.truncated_divide(D("-10.1"), D("3.1")), D(-3)),
        (decimals.modulo(D("-3.5"), D(3)), D("-0.5")),
        (decimals.power(D(-1), D("0.5")), None),
        (decimals.power(D(0), D(0)), D(1)),
        (decimals.power(D(10), D(21)), None),
        (decimals.round_(D("-0.5")), D(-1)),
        (decimals.round_(D("2.5")), D(3)),
        (decimals.round_(D("3.14159"), 3), D("3.142")),
        (decimals.round_(D(1234), -2), D(1200)),
        (decimals.ceiling(D("2147483647.1")), None),
        (decimals.floor(D("-2147483648.0")), integers.MIN),
        (decimals.truncate(D("-1.9")), -1),
        (decimals.log(D(16), D(2)), D(4)),
        (decimals.log(D(1), D(1)), None),
        (decimals.sqrt(D(2)), D("1.41421356")),
        (decimals.sqrt(D(-1)), None),
    ],
)
def test_arithmetic(result: Any, expected: Any) -> None:
    assert result == expected


@pytest.mark.parametrize("text", ["2147483648", "-2147483649"])
def test_integer_literals_have_a_range(text: str) -> None:
    with pytest.raises(ValueOutOfRange, match="does not fit"):
        integers.literal(text)


@pytest.mark.parametrize("text", ["0.000000001", "100000000000000000000", "-100000000000000000000.0"])
def test_decimal_literals_have_a_range(text: str) -> None:
    with pytest.raises(ValueOutOfRange):
        decimals.literal(text)


def test_logarithms_and_powers_of_e_out_of_range_are_errors() -> None:
    with pytest.raises(ValueOutOfRange):
        decimals.ln(0)
    with pytest.raises(ValueOutOfRange):
        decimals.exp(1000)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1.50", "1.55", False),
        ("0.66666667", "0.67", True),
        ("4", "4.04", True),
        ("1.10", "1.1", True),
        ("1", "2", False),
    ],
)
def test_equivalent_decimals_agree_to_the_less_precise(left: str, right: str, same: bool) -> None:
    assert decimals.equivalent(D(left), D(right)) is same


@pytest.mark.parametrize(
    ("value", "digits", "low", "high"),
    [
        ("1.587", 8, "1.58700000", "1.58799999"),
        ("1.587", 2, "1.58", "1.59"),
        ("-1.587", 8, "-1.58799999", "-1.58700000"),
        ("1", 0, "1", "1"),
    ],
)
def test_boundaries_of_decimals(value: str, digits: int, low: str, high: str) -> None:
    assert str(boundaries.low_boundary(D(value), digits)) == low
    assert str(boundaries.high_boundary(D(value), digits)) == high


@pytest.mark.parametrize(
    ("value", "digits", "low", "high"),
    [
        ("1.587", 8, "1.58650000", "1.58750000"),
        ("1.587", 2, "1.58", "1.59"),
        ("-1.587", 6, "-1.587500", "-1.586500"),
        ("12.500", 4, "12.4995", "12.5005"),
        ("1", 0, "0", "2"),
        ("0.0034", 1, "0.0", "0.0"),
        ("1", 40, "None", "None"),
    ],
)
def test_boundaries_of_decimals_in_fhirpath(value: str, digits: int, low: str, high: str) -> None:
    assert str(boundaries.fhirpath_low_boundary(D(value), digits)) == low
    assert str(boundaries.fhirpath_high_boundary(D(value), digits)) == high


def test_the_ends_of_a_type_have_no_neighbour() -> None:
    for name in ("Integer", "Long", "Decimal", "Date", "DateTime", "Time"):
        with pytest.raises(ValueOutOfRange):
            steps.successor(steps.maximum(name))
        with pytest.raises(ValueOutOfRange):
            steps.predecessor(steps.minimum(name))
    with pytest.raises(IncompatibleValues):
        steps.minimum("Boolean")


@given(st.integers(-9, 9), st.integers(0, 5), st.integers(-9, 9), st.integers(0, 5))
def test_uncertain_integers_hold_every_possible_result(a: int, width: int, b: int, other: int) -> None:
    left, right = between(a, a + width), between(b, b + other)
    pairs = [(x, y) for x in range(a, a + width + 1) for y in range(b, b + other + 1)]
    for operation in (integers.add, integers.subtract, integers.multiply):
        results = [operation(x, y) for x, y in pairs]
        assert bounds(operation(left, right)) == (min(results), max(results))
    for ask in (comparison.less, comparison.less_or_equal, comparison.greater, comparison.greater_or_equal):
        answers = {ask(x, y) for x, y in pairs}
        assert ask(left, right) is (answers.pop() if len(answers) == 1 else None)
    assert bounds(integers.absolute(left)) == (
        min(abs(x) for x in range(a, a + width + 1)),
        max(abs(x) for x in range(a, a + width + 1)),
    )


def test_dividing_an_uncertain_number_is_an_error() -> None:
    for operation in (arithmetic.truncated_divide, arithmetic.modulo, arithmetic.power, arithmetic.divide):
        with pytest.raises(IncompatibleValues):
            operation(Uncertainty(16, 44), 4)


@given(st.decimals(-1000, 1000, places=4), st.decimals(-1000, 1000, places=4))
def test_whole_quotient_and_remainder_make_up_the_dividend(left: Decimal, right: Decimal) -> None:
    if right:
        quotient, rest = decimals.truncated_divide(left, right), decimals.modulo(left, right)
        assert quotient is not None
        assert rest is not None
        assert quotient * right + rest == left


def test_mixed_operands_widen() -> None:
    assert arithmetic.add(1, D("0.5")) == D("1.5")
    assert type(arithmetic.add(1, Long(2))) is Long
    assert arithmetic.divide(10, 5) == D(2)
    with pytest.raises(IncompatibleValues):
        arithmetic.add("a", 1)
    with pytest.raises(IncompatibleValues):
        arithmetic.power(make(2, "mg"), 2)
    with pytest.raises(ValueOutOfRange):
        longs.literal("9223372036854775808L")
