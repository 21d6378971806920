"""Quantities: comparison and arithmetic across units.

Calendar durations of weeks and less are the UCUM units of the same length. Years and months vary in length, so they
compare with each other only; equivalence lets them stand for their UCUM counterparts or for 365 and 30 days (CQL
reference, Equal and Equivalent).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from cds_service.values import decimals, units
from cds_service.values.logic import Truth
from cds_service.values.quantity import CALENDAR_UNITS, SINGULAR, Quantity, make

__all__ = ["Quantity", "make"]

_MONTHS = {"year": 12, "month": 1}
_UCUM = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_COUNTERPARTS = {"year": "a", "month": "mo"}
_DAYS = {"year": 365, "month": 30}
_DEFINITE_ABOVE_WEEKS = frozenset(("a", "mo", "a_j", "mo_j", "a_t", "a_g", "mo_s", "mo_g"))

Scale = tuple[Fraction, Fraction]


@lru_cache(maxsize=4096)
def scale(source: str, target: str) -> Scale | None:
    """Factor and summand from one unit to another; null if they do not compare."""
    if source == target:
        return Fraction(1), Fraction(0)
    if source in _MONTHS or target in _MONTHS:
        if source in _MONTHS and target in _MONTHS:
            return Fraction(_MONTHS[source], _MONTHS[target]), Fraction(0)
        return None
    return units.conversion(_UCUM.get(source, source), _UCUM.get(target, target))


@lru_cache(maxsize=1024)
def _equivalence_scale(source: str, target: str) -> Scale | None:
    """As `scale`, but years and months also stand for their UCUM counterparts or for so many days."""
    exact = scale(source, target)
    if exact is not None:
        return exact
    if target in _MONTHS:
        back = _equivalence_scale(target, source)
        return None if back is None else (1 / back[0], Fraction(0))
    if source not in _MONTHS:
        return None
    if target in _DEFINITE_ABOVE_WEEKS:
        return scale(_COUNTERPARTS[source], target)
    days = scale("day", target)
    return None if days is None else (days[0] * _DAYS[source], Fraction(0))


def _decimal(value: Fraction) -> Decimal | None:
    numerator, denominator = Decimal(value.numerator), Decimal(value.denominator)
    return decimals.normal(decimals.EXACT.divide(numerator, denominator))


def _scaled(value: Decimal, by: Scale) -> Decimal | None:
    return _decimal(Fraction(value) * by[0] + by[1])


@lru_cache(maxsize=4096)
def _crossed(source: str, target: str) -> tuple[Decimal, Decimal, Decimal] | None:
    """`scale` without fractions: `source` times the first plus the third is `target` times the second."""
    by = scale(source, target)
    if by is None:
        return None
    numerator, denominator = by[0].numerator, by[0].denominator
    summand = by[1] * denominator
    return (
        Decimal(numerator * summand.denominator),
        Decimal(denominator * summand.denominator),
        Decimal(summand.numerator),
    )


def comparable(left: Quantity | None, right: Quantity | None) -> Truth:
    """Whether both can be expressed in one unit."""
    return None if left is None or right is None else scale(left.unit, right.unit) is not None


def compare(left: Quantity | None, right: Quantity | None) -> int | None:
    """-1, 0 or 1; null for units that do not compare."""
    if left is None or right is None:
        return None
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    crossed = _crossed(right.unit, left.unit)
    if crossed is None:
        return None
    numerator, denominator, summand = crossed
    first = decimals.EXACT.multiply(left.value, denominator)
    second = decimals.EXACT.fma(right.value, numerator, summand)
    return (first > second) - (first < second)


def equal(left: Quantity | None, right: Quantity | None) -> Truth:
    """Whether both are the same amount; null for units that do not compare."""
    order = compare(left, right)
    return None if order is None else order == 0


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Whether both are the same amount, rounded to the less precise, in the coarser of their units."""
    if left.unit == right.unit:
        return decimals.equivalent(left.value, right.value)
    by = _equivalence_scale(right.unit, left.unit)
    if by is None:
        return False
    if by[0] > 1:
        left, right = right, left
        by = (1 / by[0], -by[1] / by[0])
    value = _scaled(right.value, by)
    return value is not None and decimals.equivalent(left.value, value)


def convert(quantity: Quantity | None, unit: str | None) -> Quantity | None:
    """The same amount in another unit, rounded to eight places; null if there is no such conversion."""
    if quantity is None or unit is None:
        return None
    unit = SINGULAR.get(unit, unit)
    if quantity.unit == unit:
        return quantity
    by = scale(quantity.unit, unit)
    value = None if by is None else _scaled(quantity.value, by)
    return None if value is None else Quantity(value, unit)


def can_convert(quantity: Quantity | None, unit: str | None) -> Truth:
    """Whether `convert` gives a quantity."""
    return None if quantity is None or unit is None else convert(quantity, unit) is not None


@lru_cache(maxsize=1024)
def _summable(unit: str) -> bool:
    """Whether amounts in this unit can be added: it is a unit, and none with a shifted zero."""
    if unit in CALENDAR_UNITS:
        return True
    parsed = units.parse(unit)
    return parsed is not None and not parsed.special


def _in_one_unit(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal, str] | None:
    """Both values in the finer of the two units."""
    if not _summable(left.unit):
        return None
    if left.unit == right.unit:
        return left.value, right.value, left.unit
    by = scale(right.unit, left.unit)
    if by is None or not _summable(right.unit):
        return None
    if by[0] >= 1:
        value = _scaled(right.value, by)
        return None if value is None else (left.value, value, left.unit)
    value = _scaled(left.value, (1 / by[0], Fraction(0)))
    return None if value is None else (value, right.value, right.unit)


def _quantity(value: Decimal | None, unit: str | None) -> Quantity | None:
    return None if value is None or unit is None else Quantity(value, unit)


def add(left: Quantity | None, right: Quantity | None) -> Quantity | None:
    """`left + right` in the finer unit; null for units that do not compare."""
    both = None if left is None or right is None else _in_one_unit(left, right)
    return None if both is None else _quantity(decimals.add(both[0], both[1]), both[2])


def subtract(left: Quantity | None, right: Quantity | None) -> Quantity | None:
    """`left - right` in the finer unit; null for units that do not compare."""
    both = None if left is None or right is None else _in_one_unit(left, right)
    return None if both is None else _quantity(decimals.subtract(both[0], both[1]), both[2])


def _operand(value: Quantity | Decimal | int) -> Quantity:
    return value if isinstance(value, Quantity) else Quantity(Decimal(value))


def _for_product(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity] | None:
    """Both operands in UCUM units, the right one in the unit of the left if they compare."""
    if (left.unit in _MONTHS and right.unit != "1") or (right.unit in _MONTHS and left.unit != "1"):
        same = left.unit in _MONTHS and right.unit in _MONTHS
        converted = convert(right, left.unit) if same else None
        return None if converted is None else (left, converted)
    if right.unit not in (left.unit, "1"):
        left, right = (Quantity(each.value, _UCUM.get(each.unit, each.unit)) for each in (left, right))
        converted = convert(right, left.unit) if left.unit != "1" and _summable(left.unit) else None
        right = right if converted is None else converted
    return left, right


def multiply(left: Quantity | Decimal | int | None, right: Quantity | Decimal | int | None) -> Quantity | None:
    """`left * right` with the product of the units; null for units without a product."""
    if left is None or right is None:
        return None
    both = _for_product(_operand(left), _operand(right))
    if both is None:
        return None
    first, second = both
    if second.unit == "1":
        unit: str | None = first.unit
    elif first.unit == "1":
        unit = second.unit
    else:
        unit = units.multiply(_UCUM.get(first.unit, first.unit), _UCUM.get(second.unit, second.unit))
    return _quantity(decimals.multiply(first.value, second.value), unit)


def divide(left: Quantity | Decimal | int | None, right: Quantity | Decimal | int | None) -> Quantity | None:
    """`left / right` with the quotient of the units; null for a divisor of zero or units without a quotient."""
    if left is None or right is None:
        return None
    both = _for_product(_operand(left), _operand(right))
    if both is None:
        return None
    first, second = both
    if second.unit == "1":
        unit: str | None = first.unit
    elif first.unit == second.unit:
        unit = "1"
    else:
        unit = units.divide(_UCUM.get(first.unit, first.unit), _UCUM.get(second.unit, second.unit))
    return _quantity(decimals.divide(first.value, second.value), unit)


def truncated_divide(left: Quantity | None, right: Quantity | None) -> Quantity | None:
    """`left div right`: how often the right goes into the left, in the unit of the operands."""
    if left is None or right is None:
        return None
    both = (left.value, right.value, left.unit) if right.unit == "1" else _in_one_unit(left, right)
    return None if both is None else _quantity(decimals.truncated_divide(both[0], both[1]), both[2])


def modulo(left: Quantity | None, right: Quantity | None) -> Quantity | None:
    """`left mod right`: what is left, in the unit of the operands."""
    if left is None or right is None:
        return None
    both = (left.value, right.value, left.unit) if right.unit == "1" else _in_one_unit(left, right)
    return None if both is None else _quantity(decimals.modulo(both[0], both[1]), both[2])


def negate(operand: Quantity | None) -> Quantity | None:
    """`-operand`."""
    return None if operand is None else _quantity(decimals.negate(operand.value), operand.unit)


def absolute(operand: Quantity | None) -> Quantity | None:
    """`Abs(operand)`."""
    return None if operand is None else _quantity(decimals.absolute(operand.value), operand.unit)


def round_(operand: Quantity | None, digits: int | None = None) -> Quantity | None:
    """The quantity with its value rounded to so many places."""
    return None if operand is None else _quantity(decimals.round_(operand.value, digits), operand.unit)


@lru_cache(maxsize=4096)
def equality_key(quantity: Quantity) -> tuple[str, Fraction]:
    """The same for exactly those quantities that are equal."""
    months = _MONTHS.get(quantity.unit)
    return base_value(quantity) if months is None else ("months", Fraction(quantity.value) * months)


@lru_cache(maxsize=4096)
def base_value(quantity: Quantity) -> tuple[str, Fraction]:
    """A key that sorts quantities of one dimension by amount."""
    unit = quantity.unit
    if unit in _MONTHS:
        return "s1", Fraction(quantity.value) * _DAYS[unit] * 86_400
    parsed = units.parse(_UCUM.get(unit, unit))
    if parsed is None:
        return unit, Fraction(quantity.value)
    dimensions = ".".join(f"{base}{power}" for base, power in parsed.dimensions)
    return dimensions, (Fraction(quantity.value) + parsed.offset) * parsed.factor
