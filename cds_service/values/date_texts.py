"""Dates and times from text: ISO 8601 as CQL, FHIRPath and FHIR write it, to any precision; cached.

Null for what is no date. Fractions of a second beyond milliseconds are cut off.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import TypeVar

from cds_service.values.failures import ValueOutOfRange
from cds_service.values.precisions import Precision
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Time

_DATE = r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
_TIME = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
_ZONE = r"(Z|[+-]\d\d:\d\d)?"
_match_date = re.compile(_DATE, re.ASCII).fullmatch
_match_datetime = re.compile(f"{_DATE}(?:T(?:{_TIME}{_ZONE})?)?", re.ASCII).fullmatch
_match_time = re.compile(f"T?{_TIME}{_ZONE}", re.ASCII).fullmatch
_PRECISIONS = tuple(Precision)
_Value = TypeVar("_Value", Date, DateTime, Time)


def _ordinal(year: str, month: str | None, day: str | None) -> int | None:
    try:
        return date(int(year), int(month) if month else 1, int(day) if day else 1).toordinal()
    except ValueError:
        return None


def _time_of_day(hour: str, minute: str | None, second: str | None, fraction: str | None) -> tuple[int, int] | None:
    """Milliseconds since midnight and how many components are given."""
    if hour > "23" or (minute and minute > "59") or (second and second > "59"):
        return None
    total, depth = int(hour) * 3_600_000, 1
    if minute:
        total, depth = total + int(minute) * 60_000, 2
        if second:
            total, depth = total + int(second) * 1000, 3
            if fraction:
                total, depth = total + int(f"{fraction[:3]:<03}"), 4
    return total, depth


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:])
    return -minutes if zone[0] == "-" else minutes


@lru_cache(maxsize=16_384)
def parse_date(text: str | None) -> Date | None:
    """The date that `text` writes, to the precision it is written."""
    match = _match_date(text) if text else None
    if match is None:
        return None
    year, month, day = match.groups()
    ordinal = _ordinal(year, month, day)
    return None if ordinal is None else Date(ordinal, _PRECISIONS[(month is not None) + (day is not None)])


@lru_cache(maxsize=16_384)
def parse_datetime(text: str | None) -> DateTime | None:
    """The date-time that `text` writes; a date alone gives a date-time without time of day."""
    match = _match_datetime(text) if text else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    ordinal = _ordinal(year, month, day)
    if ordinal is None:
        return None
    if hour is None:
        return DateTime(ordinal * DAY_LENGTH, _PRECISIONS[(month is not None) + (day is not None)])
    time, offset = _time_of_day(hour, minute, second, fraction), _offset(zone)
    if time is None or day is None or (offset is not None and abs(offset) > 840):
        return None
    return DateTime(ordinal * DAY_LENGTH + time[0], _PRECISIONS[2 + time[1]], offset)


@lru_cache(maxsize=4_096)
def parse_time(text: str | None) -> Time | None:
    """The time of day that `text` writes; a leading T and a time zone are read over."""
    match = _match_time(text) if text else None
    time = _time_of_day(*match.groups()[:4]) if match else None
    return None if time is None else Time(time[0], _PRECISIONS[2 + time[1]])


def date_literal(text: str) -> Date:
    """The value of a date literal, without its `@`."""
    return _required(parse_date(text), text)


def datetime_literal(text: str) -> DateTime:
    """The value of a date-time literal, without its `@`."""
    return _required(parse_datetime(text), text)


def time_literal(text: str) -> Time:
    """The value of a time literal, without its `@` (and with or without its `T`)."""
    return _required(parse_time(text), text)


def _required(value: _Value | None, text: str) -> _Value:
    if value is None:
        raise ValueOutOfRange(f"{text} is no date or time.", remedy="Write it as 2025-01-31T08:30:00.0+01:00.")
    return value
