"""Units and quantities: the UCUM table, conversion there and back, calendar durations, arithmetic with units."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.values import conversion, formatting, quantities, units
from cds_service.values.equality import equal, equivalent, fhirpath_equal
from cds_service.values.quantity import Quantity, Ratio, make
from cds_service.values.unit_table import ARBITRARY, DEFINITIONS

D = Decimal


def _quantity(text: str) -> Quantity:
    found = conversion.to_quantity(text)
    assert found is not None, text
    return found


def test_every_unit_of_the_table_has_a_meaning() -> None:
    codes = [line.split(" = ")[0] for line in DEFINITIONS.strip().splitlines()] + ARBITRARY.split()
    assert len(codes) == len(set(codes))
    for code in codes:
        parsed = units.parse(code.removeprefix("*"))
        assert parsed is not None, code
        assert parsed.factor > 0


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("[lb_av]", "kg", "0.45359237"),
        ("[in_i]", "cm", "2.54"),
        ("mg/dL", "g/L", "0.01"),
        ("10*3/uL", "10*9/L", "1"),
        ("/mL", "10*3/L", "1"),
        ("mm[Hg]", "kPa", "0.133322"),
        ("mL/min/{1.73_m2}", "mL/min", "1"),
        ("mL/min", "L/h", "0.06"),
        ("kat", "U", "60000000"),
        ("[foz_us]", "mL", "29.5735295625"),
        ("a", "d", "365.25"),
        ("mo", "d", "30.4375"),
        ("J", "kg.m2/s2", "1"),
        ("ug/(24.h)", "ug/d", "1"),
        ("%", "1", "0.01"),
        ("[iU]/mL", "k[iU]/L", "1"),
        ("[acr_us]", "[rd_us]2", "160"),
        ("m[H2O]", "Pa", "9806.65"),
        ("KiBy", "bit", "8192"),
        ("umol/L", "mmol/L", "0.001"),
        ("[APL'U]/mL", "[APL'U]/L", "1000"),
    ],
)
def test_conversion_factors(source: str, target: str, factor: str) -> None:
    assert units.conversion_factor(source, target) == Fraction(factor)


@pytest.mark.parametrize(
    ("source", "target"), [("cm", "cm2"), ("g", "mol"), ("[iU]", "[arb'U]"), ("Cel", "m"), ("eggs", "1"), ("pH", "1")]
)
def test_units_of_different_things_do_not_convert(source: str, target: str) -> None:
    assert units.conversion(source, target) is None


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [("37", "Cel", "[degF]", "98.6"), ("98.6", "[degF]", "Cel", "37"), ("0", "Cel", "K", "273.15")],
)
def test_temperatures_convert_with_their_zero(value: str, source: str, target: str, expected: str) -> None:
    converted = quantities.convert(Quantity(D(value), source), target)
    assert converted is not None
    assert converted.value == D(expected)


@pytest.mark.parametrize(
    "text",
    ["", " ", "eggs", "mg/dL{", "m[", "(m", "m)", "m//s", "m.", "Cel/s", "Cel2", "day", "mm Hg", "µg", "0"],
)
def test_what_is_no_unit(text: str) -> None:
    assert not units.is_valid(text)


SAMPLE = [
    "mg/dL",
    "g/L",
    "kg/m3",
    "ug/mL",
    "[lb_av]/[gal_us]",
    "mm[Hg]",
    "kPa",
    "[psi]",
    "h",
    "min",
    "wk",
    "s",
    "Cel",
    "K",
]


@given(st.decimals(-1000, 1000, places=2), st.sampled_from(SAMPLE), st.sampled_from(SAMPLE))
def test_conversion_there_and_back_is_exact(value: Decimal, source: str, target: str) -> None:
    there, back = units.conversion(source, target), units.conversion(target, source)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert (Fraction(value) * there[0] + there[1]) * back[0] + back[1] == Fraction(value)
        converted = quantities.convert(Quantity(value, source), target)
        assert converted is not None
        if there[0] >= 1:
            returned = quantities.convert(converted, source)
            assert returned is not None
            assert abs(returned.value - value) <= D("0.00000001")


COMPONENTS = ["mg", "dL", "min", "cm2", "[in_i]", "10*3", "{cells}", "mmol", "s-1", "[iU]"]
expressions = st.lists(st.tuples(st.sampled_from(COMPONENTS), st.sampled_from("./")), min_size=1, max_size=4).map(
    lambda parts: "".join(f"{code}{sign}" for code, sign in parts)[:-1]
)


@given(expressions, expressions)
def test_products_and_quotients_of_units_mean_what_they_say(left: str, right: str) -> None:
    first, second = units.parse(left), units.parse(right)
    assert first is not None
    assert second is not None
    product = units.parse(units.multiply(left, right) or "")
    quotient = units.parse(units.divide(left, right) or "")
    assert product is not None
    assert quotient is not None
    assert product.factor == first.factor * second.factor
    assert quotient.factor == first.factor / second.factor


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1 'cm'", "0.01 'm'", True),
        ("1 'cm'", "1 'cm2'", None),
        ("98.6 '[degF]'", "37 'Cel'", True),
        ("98.7 '[degF]'", "37 'Cel'", False),
        ("310.15 'K'", "37 'Cel'", True),
        ("50 '%'", "0.5", True),
        ("1 week", "7 days", True),
        ("1 week", "1 'wk'", True),
        ("1 day", "24 'h'", True),
        ("1 month", "1 'mo'", None),
        ("1 year", "12 months", True),
        ("1 year", "1 'a'", None),
        ("1 year", "365 days", None),
        ("4 'eggs'", "4 'eggs'", True),
        ("2.0 'cm'", "2.00 'cm'", True),
    ],
)
def test_equal_quantities(left: str, right: str, same: bool | None) -> None:
    first, second = (Quantity(D(4), "eggs") if "eggs" in text else _quantity(text) for text in (left, right))
    assert equal(first, second) is same
    assert equal(second, first) is same
    assert fhirpath_equal(first, second) is same


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1 year", "1 'a'", True),
        ("1 month", "1 'mo'", True),
        ("1 year", "12 'mo'", True),
        ("1 year", "365 days", True),
        ("1 month", "30 'd'", True),
        ("2 years", "400 days", False),
        ("4 'g'", "4040 'mg'", True),
        ("4.1 'g'", "4200 'mg'", False),
        ("100 'cm'", "1 'm'", True),
        ("1 'cm'", "1 'cm2'", False),
    ],
)
def test_equivalent_quantities(left: str, right: str, same: bool) -> None:
    assert equivalent(_quantity(left), _quantity(right)) is same
    assert equivalent(_quantity(right), _quantity(left)) is same


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (quantities.add(make(1, "m"), make(1, "cm")), "101 'cm'"),
        (quantities.add(make(1, "year"), make(1, "month")), "13 months"),
        (quantities.add(make(1, "year"), make(1, "day")), None),
        (quantities.add(make(1, "Cel"), make(1, "Cel")), None),
        (quantities.add(make(1, "cm"), make(1, "cm2")), None),
        (quantities.subtract(make(1, "h"), make(30, "min")), "30 'min'"),
        (quantities.multiply(make(2, "cm"), make(3, "cm")), "6 'cm2'"),
        (quantities.multiply(make(2, "m"), make(3, "cm")), "0.06 'm2'"),
        (quantities.multiply(make(2, "year"), make(3)), "6 years"),
        (quantities.multiply(D(2), make(3, "mg")), "6 'mg'"),
        (quantities.multiply(make(2, "mL/min"), make(3, "min")), "6 'mL'"),
        (quantities.divide(make(12, "cm2"), make(3, "cm")), "4 'cm'"),
        (quantities.divide(make(1, "g/cm3"), make(1, "g/cm3")), "1 '1'"),
        (quantities.divide(make(1, "m"), make(1, "cm")), "100 '1'"),
        (quantities.divide(make(4, "g"), make(2, "m")), "2 'g/m'"),
        (quantities.divide(make(4, "g"), make(0, "m")), None),
        (quantities.divide(make(10, "mg"), make(2, "day")), "5 'mg/d'"),
        (quantities.modulo(make(D("3.5"), "cm"), make(3, "cm")), "0.5 'cm'"),
        (quantities.truncated_divide(make(D("10.1"), "cm"), make(D("-3.1"), "cm")), "-3 'cm'"),
        (quantities.negate(make(1, "cm")), "-1 'cm'"),
        (quantities.absolute(make(-1, "cm")), "1 'cm'"),
        (quantities.round_(make(D("2.54"), "cm")), "3 'cm'"),
        (quantities.convert(make(5, "mg"), "g"), "0.005 'g'"),
        (quantities.convert(make(2, "years"), "months"), "24 months"),
        (quantities.convert(make(2, "years"), "d"), None),
    ],
)
def test_arithmetic(result: Quantity | None, expected: str | None) -> None:
    assert formatting.to_string(result) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.5 'cm'", "5.5 'cm'"),
        ("-0.1'mg'", "-0.1 'mg'"),
        ("4 days", "4 days"),
        ("1 'days'", "1 day"),
        ("13", "13 '1'"),
        ("444 'cm", None),
        ("1 wk", None),
        ("1 'eggs'", None),
        ("+-1", None),
    ],
)
def test_quantities_from_text(text: str, expected: str | None) -> None:
    assert formatting.to_string(conversion.to_quantity(text)) == expected


def test_ratios() -> None:
    one = conversion.to_ratio("1 'mg':100 'mL'")
    ten = conversion.to_ratio("10 'mg':1 'L'")
    assert isinstance(one, Ratio)
    assert isinstance(ten, Ratio)
    assert equal(one, ten) is False
    assert equivalent(one, ten)
    assert formatting.to_string(one) == "1 'mg':100 'mL'"
    assert formatting.to_string(conversion.to_quantity(one)) == "0.01 'mg/mL'"
    assert conversion.to_ratio("1 'mg';2 'mg'") is None


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (make(29, "mL/min/{1.73_m2}"), "29 mL/min/1.73 m²"),
        (make(D("37.50"), "Cel"), "37.5 °C"),
        (make(1, "day"), "1 day"),
        (make(3, "months"), "3 months"),
        (make(D("1.0")), "1"),
    ],
)
def test_people_read_quantities_plainly(quantity: Quantity, text: str) -> None:
    assert formatting.to_text(quantity) == text
