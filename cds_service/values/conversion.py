"""Conversions between types: the `ToX` operators give null for what cannot be converted, `converts_to_x` asks first."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cds_service.values import date_texts, dates, decimals, integers, longs, quantities, units
from cds_service.values.codes import Code, Concept
from cds_service.values.formatting import to_string
from cds_service.values.logic import Truth
from cds_service.values.longs import Long
from cds_service.values.quantity import SINGULAR, Quantity, Ratio
from cds_service.values.temporals import Date, DateTime, Time

__all__ = ["to_string"]

_TRUE = frozenset(("true", "t", "yes", "y", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "0"))
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-z]+))?", re.ASCII)


def to_boolean(value: Any) -> bool | None:
    """Booleans, the numbers 1 and 0, and the words for yes and no in any case."""
    kind = type(value)
    if kind is bool or value is None:
        return value  # type: ignore[no-any-return]
    if kind is str:
        text = value.lower()
        return True if text in _TRUE else False if text in _FALSE else None
    if kind in (int, Long, Decimal):
        return True if value == 1 else False if value == 0 else None
    return None


def fhirpath_to_boolean(value: Any) -> bool | None:
    """As `to_boolean`; `1.0` and `0.0` count as words too."""
    if type(value) is str and value in ("1.0", "0.0"):
        return value == "1.0"
    return to_boolean(value)


def to_integer(value: Any) -> int | None:
    """Booleans, whole numbers in range, and their texts."""
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]
    written = kind is str and len(value) < 40 and _INTEGER.fullmatch(value) is not None
    if not (written or kind is bool or kind is Long):
        return None
    number = int(value)
    return number if integers.in_range(number) else None


def to_long(value: Any) -> Long | None:
    """Booleans, whole numbers in range, and their texts."""
    kind = type(value)
    if kind is Long:
        return value  # type: ignore[no-any-return]
    if kind is bool or kind is int:
        return Long(value)
    if kind is str and _INTEGER.fullmatch(value) and len(value) < 40:
        number = int(value)
        return Long(number) if longs.MIN <= number <= longs.MAX else None
    return None


def to_decimal(value: Any) -> Decimal | None:
    """Booleans, numbers, and their texts, rounded to eight places."""
    kind = type(value)
    if kind is Decimal:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return Decimal("1.0") if value else Decimal("0.0")
    if kind is int or kind is Long:
        return Decimal(int(value))
    if kind is str and _DECIMAL.fullmatch(value) and len(value) < 64:
        return decimals.normal(Decimal(value))
    return None


def to_quantity(value: Any) -> Quantity | None:
    """Numbers (in the unit '1'), ratios (divided), and texts such as `5.5 'cm'` or `4 days`."""
    kind = type(value)
    if kind is Quantity:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return _quantity_from_text(value)
    if kind is Decimal or kind is int or kind is Long:
        return Quantity(Decimal(value))
    if kind is Ratio:
        return quantities.divide(value.numerator, value.denominator)
    return None


@lru_cache(maxsize=4096)
def _quantity_from_text(text: str) -> Quantity | None:
    match = _QUANTITY.fullmatch(text)
    value = None if match is None else to_decimal(match.group(1))
    if match is None or value is None:
        return None
    quoted, word = match.group(2), match.group(3)
    if word is not None:
        return Quantity(value, SINGULAR[word]) if word in SINGULAR else None
    if quoted is None:
        return Quantity(value)
    unit = SINGULAR.get(quoted, quoted)
    return Quantity(value, unit) if unit in SINGULAR or units.is_valid(unit) else None


def fhirpath_to_quantity(value: Any) -> Quantity | None:
    """As `to_quantity`; booleans count as 1.0 and 0.0."""
    return Quantity(Decimal("1.0") if value else Decimal("0.0")) if type(value) is bool else to_quantity(value)


def to_ratio(value: Any) -> Ratio | None:
    """Texts such as `1 'mg':2 'mL'`."""
    if type(value) is Ratio:
        return value
    if type(value) is not str:
        return None
    match = re.fullmatch(r"((?:[^':]|'[^']*')+):((?:[^':]|'[^']*')+)", value)
    if match is None:
        return None
    numerator, denominator = (_quantity_from_text(part.strip()) for part in match.groups())
    return None if numerator is None or denominator is None else Ratio(numerator, denominator)


def to_date(value: Any) -> Date | None:
    """Date-times (their date) and texts; the time of day in a text is read over."""
    kind = type(value)
    if kind is Date:
        return value  # type: ignore[no-any-return]
    if kind is DateTime:
        return dates.date_from(value)
    if kind is str:
        return date_texts.parse_date(value) or dates.date_from(date_texts.parse_datetime(value))
    return None


def to_datetime(value: Any) -> DateTime | None:
    """Dates (without time of day) and texts."""
    kind = type(value)
    if kind is DateTime:
        return value  # type: ignore[no-any-return]
    if kind is Date:
        return dates.to_datetime(value)
    return date_texts.parse_datetime(value) if kind is str and value[-1:] != "T" else None


def to_time(value: Any) -> Time | None:
    """Texts such as `14:30`, with or without a leading T."""
    if type(value) is Time:
        return value
    return date_texts.parse_time(value) if type(value) is str else None


def to_concept(value: Any) -> Concept | None:
    """A code as a concept of that code and its display; a list of codes as one concept."""
    if type(value) is Concept or value is None:
        return value
    if type(value) is Code:
        return Concept((value,), value.display)
    if isinstance(value, (list, tuple)):
        return Concept(tuple(code for code in value if code is not None))
    return None


def to_codes(value: Concept | None) -> list[Code] | None:
    """The codes of a concept."""
    return None if value is None else list(value.codes)


def to_list(value: Any) -> list[Any]:
    """A list of that one value; empty for null."""
    return [] if value is None else [value]


def _asks(convert: Callable[[Any], Any]) -> Callable[[Any], Truth]:
    def converts(value: Any) -> Truth:
        return None if value is None else convert(value) is not None

    converts.__doc__ = f"Whether `{convert.__name__}` gives a value; null for null."
    return converts


converts_to_boolean = _asks(to_boolean)
converts_to_integer = _asks(to_integer)
converts_to_long = _asks(to_long)
converts_to_decimal = _asks(to_decimal)
converts_to_quantity = _asks(to_quantity)
converts_to_ratio = _asks(to_ratio)
converts_to_string = _asks(to_string)
converts_to_date = _asks(to_date)
converts_to_datetime = _asks(to_datetime)
converts_to_time = _asks(to_time)
converts_to_concept = _asks(to_concept)

convert_quantity = quantities.convert
can_convert_quantity = quantities.can_convert
