"""Values as text: as `ToString` gives it, as a CQL literal, and as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.precisions import Precision
from cds_service.values.quantity import CALENDAR_UNITS, Quantity, Ratio
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\r": "\\r", "\n": "\\n", "\t": "\\t", "\f": "\\f"})
_DATE_LENGTHS = (4, 7, 10)


def _digits(value: Decimal) -> str:
    """All digits of a decimal, unless it lies far beyond every range."""
    return format(value, "f") if abs(value.adjusted()) < 64 else str(value)


def decimal_text(value: Decimal) -> str:
    """A decimal with at least one place: `5.0`."""
    text = _digits(value)
    return text if "." in text else f"{text}.0"


def date_text(value: Date) -> str:
    """A date to its precision: `2014-01`."""
    return date.fromordinal(value.days).isoformat()[: _DATE_LENGTHS[value.precision - 1]]


def _clock(milliseconds: int, precision: Precision) -> str:
    hour, rest = divmod(milliseconds, 3_600_000)
    minute, rest = divmod(rest, 60_000)
    second, millisecond = divmod(rest, 1000)
    text = f"{hour:02}:{minute:02}:{second:02}.{millisecond:03}"
    return text[: {Precision.HOUR: 2, Precision.MINUTE: 5, Precision.SECOND: 8}.get(precision, 12)]


def time_text(value: Time) -> str:
    """A time of day to its precision: `08:30`."""
    return _clock(value.milliseconds, value.precision)


def datetime_text(value: DateTime) -> str:
    """A date-time to its precision, with the offset if it has one: `2014-01-01T08:30:00.000-07:00`."""
    day = date.fromordinal(value.instant // DAY_LENGTH).isoformat()
    if value.precision <= Precision.DAY:
        return day[: _DATE_LENGTHS[value.precision - 1]]
    text = f"{day}T{_clock(value.instant % DAY_LENGTH, value.precision)}"
    if value.offset is None:
        return text
    hours, minutes = divmod(abs(value.offset), 60)
    return f"{text}{'-' if value.offset < 0 else '+'}{hours:02}:{minutes:02}"


def day_text(value: Date | DateTime) -> str:
    """The day of a date or date-time, or as much of it as is known: the first ten characters of its text."""
    return _day_text(value.instant // DAY_LENGTH if isinstance(value, DateTime) else value.days, value.precision)


@lru_cache(maxsize=8192)
def _day_text(days: int, precision: int) -> str:
    text = date.fromordinal(days).isoformat()
    return text if precision >= Precision.DAY else text[: _DATE_LENGTHS[precision - 1]]


def quantity_text(value: Quantity) -> str:
    """A quantity with its unit in quotes, calendar durations as words: `125 'cm'`, `4 days`."""
    number = _digits(value.value)
    if value.unit in CALENDAR_UNITS:
        return f"{number} {value.unit}" if value.value == 1 else f"{number} {value.unit}s"
    return f"{number} '{value.unit}'"


def to_string(value: Any) -> str | None:
    """The text of a value as CQL's ToString gives it; null for null and for what has no text."""
    if value is None:
        return None
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is Long:
        return str(int(value))
    writer = _TEXTS.get(kind)
    return None if writer is None else writer(value)


def _ratio_text(value: Ratio) -> str:
    return f"{quantity_text(value.numerator)}:{quantity_text(value.denominator)}"


_TEXTS: Mapping[type, Any] = {
    Decimal: decimal_text,
    Date: date_text,
    DateTime: datetime_text,
    Time: time_text,
    Quantity: quantity_text,
    Ratio: _ratio_text,
}


def quoted(text: str) -> str:
    """A string as a CQL literal."""
    return f"'{text.translate(_ESCAPES)}'"


def _named(name: str, elements: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key}: {to_cql(value)}" for key, value in elements.items())
    return f"{name} {{ {inside} }}" if inside else f"{name} {{ }}"


def _given(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names if getattr(value, name) is not None}


def to_cql(value: Any) -> str:
    """A value as CQL would write it, so that it reads back: for the command line and for traces."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is str:
        return quoted(value)
    if kind is Long:
        return f"{int(value)}L"
    if kind is Date:
        return f"@{date_text(value)}"
    if kind is DateTime:
        text = datetime_text(value)
        return f"@{text}" if "T" in text else f"@{text}T"
    if kind is Time:
        return f"@T{time_text(value)}"
    if kind is Interval:
        brackets = "[" if value.low_closed else "(", "]" if value.high_closed else ")"
        return f"Interval{brackets[0]}{to_cql(value.low)}, {to_cql(value.high)}{brackets[1]}"
    if kind is Uncertainty:
        return f"between {to_cql(value.low)} and {to_cql(value.high)}"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(to_cql(each) for each in value) + " }" if value else "{ }"
    if kind is Code:
        return _named("Code", _given(value, "code", "system", "version", "display"))
    if kind is Concept:
        return _named("Concept", _given(value, "codes", "display"))
    if kind is ValueSet or kind is CodeSystem:
        return _named(kind.__name__, _given(value, "id", "version", "name"))
    if isinstance(value, Mapping):
        return _named("Tuple", value)
    return to_string(value) or _structure(value)


def _structure(value: Any) -> str:
    """A model object by its type and id; its content is the patient's."""
    name = getattr(value, "fhir_type", type(value).__name__)
    identifier = getattr(value, "id", None)
    return f"{name}/{identifier}" if isinstance(identifier, str) else str(name)


_SPOKEN_UNITS = {
    "1": "",
    "Cel": "°C",
    "[degF]": "°F",
    "10*3/uL": "\u00d710³/µL",
    "10*9/L": "\u00d710⁹/L",
    "mm[Hg]": "mmHg",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "wk": "weeks",
    "mo": "months",
    "a": "years",
    "d": "days",
}


def to_text(value: Any) -> str:
    """A value as a person reads it, for cards: numbers without needless zeros, units without quotes or braces."""
    if value is None:
        return "unknown"
    kind = type(value)
    if kind is bool:
        return "yes" if value else "no"
    if kind is Decimal:
        return _plain(value)
    if kind is Quantity:
        return _spoken_quantity(value)
    if kind is Code:
        return value.display or value.code or "unknown"
    if kind is Concept:
        return value.display or (to_text(value.codes[0]) if value.codes else "unknown")
    if kind is DateTime:
        return datetime_text(value).partition(".")[0].replace("T", " ")[:16]
    if kind is Interval:
        return f"{to_text(value.low)} to {to_text(value.high)}"
    if kind is Uncertainty:
        return f"between {to_text(value.low)} and {to_text(value.high)}"
    if kind is Ratio:
        return f"{_spoken_quantity(value.numerator)} : {_spoken_quantity(value.denominator)}"
    if isinstance(value, (list, tuple)):
        return ", ".join(to_text(each) for each in value)
    return to_string(value) or to_cql(value)


def _plain(value: Decimal) -> str:
    text = _digits(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _spoken_quantity(value: Quantity) -> str:
    number, unit = _plain(value.value), value.unit
    if unit in CALENDAR_UNITS:
        return f"{number} {unit if value.value == 1 else unit + 's'}"
    unit = _SPOKEN_UNITS.get(unit, unit)
    for braced in ("{", "}"):
        unit = unit.replace(braced, "")
    return f"{number} {unit.replace('_m2', ' m²')}".rstrip()
