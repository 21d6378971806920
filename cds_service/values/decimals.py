"""Decimals of 28 digits, eight of them after the point; what does not fit is null.

The number of places of a value is kept (1.50 stays 1.50): it is its precision. Equality ignores trailing zeros.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DivisionByZero
from decimal import InvalidOperation as _InvalidOperation
from decimal import Overflow as _Overflow

from cds_service.values.failures import ValueOutOfRange

PLACES = 8
STEP = Decimal("0.00000001")
MAX = Decimal("99999999999999999999.99999999")
MIN = -MAX
EXACT = Context(prec=96, rounding=ROUND_HALF_UP, traps=[_InvalidOperation, DivisionByZero, _Overflow])
"""Wide enough for the product of any two values; rounding happens once, when a result is brought to eight places."""

_INTEGER_MIN, _INTEGER_MAX = -(2**31), 2**31 - 1
_ONE, _ZERO = Decimal(1), Decimal(0)


def literal(text: str) -> Decimal:
    """The value of a decimal literal, as precise as it was written."""
    digits = text.lstrip("+-")
    whole, _, places = digits.partition(".")
    if len(places) > PLACES or len(whole.lstrip("0")) > 28 - PLACES:
        raise ValueOutOfRange(f"{text} does not fit into a Decimal.", remedy="At most 20 digits and 8 decimal places.")
    return Decimal(text)


def places(value: Decimal) -> int:
    """The digits after the point, as written."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def normal(value: Decimal) -> Decimal | None:
    """`value` brought to at most eight places; null beyond the range."""
    if not MIN <= value <= MAX:
        return None
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -PLACES:
        return _trimmed(EXACT.quantize(value, STEP))
    return value


def _trimmed(value: Decimal) -> Decimal:
    """A rounded value without the zeros that rounding left at its end; there is no negative zero."""
    short = value.normalize(EXACT)
    return EXACT.quantize(short, _ONE) if short.as_tuple().exponent > 0 or not short else short  # type: ignore[operator]


def add(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left + right`."""
    if left is None or right is None:
        return None
    result = EXACT.add(left, right)
    return result if MIN <= result <= MAX else None


def subtract(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left - right`."""
    if left is None or right is None:
        return None
    result = EXACT.subtract(left, right)
    return result if MIN <= result <= MAX else None


def multiply(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left * right`, rounded to eight places."""
    return None if left is None or right is None else normal(EXACT.multiply(left, right))


def divide(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left / right`, rounded to eight places; null for a divisor of zero."""
    return None if left is None or not right else normal(EXACT.divide(left, right))


def truncated_divide(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left div right`: the whole part of the quotient; null for a divisor of zero."""
    return None if left is None or not right else normal(EXACT.divide_int(left, right))


def modulo(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """`left mod right` with the sign of `left`; null for a divisor of zero."""
    return None if left is None or not right else normal(EXACT.remainder(left, right))


def negate(operand: Decimal | None) -> Decimal | None:
    """`-operand`; there is no negative zero."""
    return None if operand is None else -operand if operand else operand


def absolute(operand: Decimal | None) -> Decimal | None:
    """`Abs(operand)`."""
    return None if operand is None else operand.copy_abs()


def power(base: Decimal | None, exponent: Decimal | None) -> Decimal | None:
    """`base ^ exponent`; null where the result is not a real number or does not fit."""
    if base is None or exponent is None:
        return None
    try:
        return normal(EXACT.power(base, exponent)) if base or exponent else _ONE
    except (_InvalidOperation, DivisionByZero, _Overflow):
        return None


def _whole(value: Decimal | None, rounding: str) -> int | None:
    if value is None:
        return None
    result = int(value.to_integral_value(rounding))
    return result if _INTEGER_MIN <= result <= _INTEGER_MAX else None


def ceiling(operand: Decimal | int | None) -> int | None:
    """The first Integer not below the operand."""
    return _whole(None if operand is None else Decimal(operand), ROUND_CEILING)


def floor(operand: Decimal | int | None) -> int | None:
    """The first Integer not above the operand."""
    return _whole(None if operand is None else Decimal(operand), ROUND_FLOOR)


def truncate(operand: Decimal | int | None) -> int | None:
    """The operand without its decimal places, as an Integer."""
    return _whole(None if operand is None else Decimal(operand), ROUND_DOWN)


def round_(operand: Decimal | int | None, digits: int | None = None) -> Decimal | None:
    """The operand rounded half away from zero to so many places (none given: to a whole number)."""
    if operand is None:
        return None
    value = Decimal(operand)
    places_wanted = max(digits or 0, -28)
    if places_wanted >= places(value) and places_wanted >= 0:
        return value
    result = EXACT.quantize(value, _ONE.scaleb(-places_wanted))
    return normal(result + 0 if result else _ZERO)


def ln(operand: Decimal | int | None) -> Decimal | None:
    """The natural logarithm; an error where there is none (zero and below)."""
    if operand is None:
        return None
    if operand <= 0:
        raise ValueOutOfRange("Ln of zero or a negative number does not exist.", remedy="Guard it with a condition.")
    return normal(EXACT.ln(Decimal(operand)))


def log(operand: Decimal | int | None, base: Decimal | int | None) -> Decimal | None:
    """The logarithm to that base; null where there is none."""
    if operand is None or base is None or operand <= 0 or base <= 0 or base == 1:
        return None
    return normal(EXACT.divide(EXACT.ln(Decimal(operand)), EXACT.ln(Decimal(base))))


def exp(operand: Decimal | int | None) -> Decimal | None:
    """e to the power of the operand; an error where the result does not fit."""
    if operand is None:
        return None
    if operand > 50:
        raise ValueOutOfRange("The result of Exp does not fit into a Decimal.", remedy="Guard it with a condition.")
    return normal(EXACT.exp(Decimal(operand)))


def sqrt(operand: Decimal | int | None) -> Decimal | None:
    """The square root; null below zero."""
    return None if operand is None or operand < 0 else normal(EXACT.sqrt(Decimal(operand)))


def equivalent(left: Decimal, right: Decimal) -> bool:
    """Equal once both are rounded to the places of the less precise; trailing zeros do not count as precision."""
    if left == right:
        return True
    significant = min(places(left.normalize(EXACT)), places(right.normalize(EXACT)))
    unit = _ONE.scaleb(-significant)
    return EXACT.quantize(left, unit) == EXACT.quantize(right, unit)
