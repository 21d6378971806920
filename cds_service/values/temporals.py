"""Dates, date-times and times of day, each known to some precision, held as one integer for fast comparison.

A value stands for all its completions: 2014-03 is some day of that March. Inside is the earliest completion, so two
values of the same precision and offset compare as integers. The operations live in `dates` and its siblings.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from cds_service.values.failures import ValueOutOfRange
from cds_service.values.precisions import Precision

DAY_LENGTH = 86_400_000
_YEAR, _MONTH, _DAY = Precision.YEAR, Precision.MONTH, Precision.DAY
_HOUR, _MINUTE, _SECOND, _MILLISECOND = Precision.HOUR, Precision.MINUTE, Precision.SECOND, Precision.MILLISECOND


class Date(msgspec.Struct, frozen=True, gc=False):
    """A calendar date to the year, month or day: the ordinal of its first day (0001-01-01 is 1), and the precision."""

    days: int
    precision: Precision

    @property
    def year(self) -> int:
        return date.fromordinal(self.days).year

    @property
    def month(self) -> int | None:
        return date.fromordinal(self.days).month if self.precision >= _MONTH else None

    @property
    def day(self) -> int | None:
        return date.fromordinal(self.days).day if self.precision >= _DAY else None

    def __repr__(self) -> str:
        return f"Date({date.fromordinal(self.days).isoformat()[: (4, 7, 10)[self.precision - 1]]})"


class DateTime(msgspec.Struct, frozen=True, gc=False):
    """A date and time of day to any precision: local milliseconds since 0000-12-31, the precision, minutes of offset.

    An `offset` of None means that none was given: such a value is read at the offset of the evaluation (see
    `dates.evaluated_at`).
    """

    instant: int
    precision: Precision
    offset: int | None = None

    @property
    def year(self) -> int:
        return date.fromordinal(self.instant // DAY_LENGTH).year

    @property
    def month(self) -> int | None:
        return date.fromordinal(self.instant // DAY_LENGTH).month if self.precision >= _MONTH else None

    @property
    def day(self) -> int | None:
        return date.fromordinal(self.instant // DAY_LENGTH).day if self.precision >= _DAY else None

    @property
    def hour(self) -> int | None:
        return self.instant % DAY_LENGTH // 3_600_000 if self.precision >= _HOUR else None

    @property
    def minute(self) -> int | None:
        return self.instant % 3_600_000 // 60_000 if self.precision >= _MINUTE else None

    @property
    def second(self) -> int | None:
        return self.instant % 60_000 // 1000 if self.precision >= _SECOND else None

    @property
    def millisecond(self) -> int | None:
        return self.instant % 1000 if self.precision >= _MILLISECOND else None


class Time(msgspec.Struct, frozen=True, gc=False):
    """A time of day to the hour, minute, second or millisecond: milliseconds since midnight, and the precision."""

    milliseconds: int
    precision: Precision

    @property
    def hour(self) -> int:
        return self.milliseconds // 3_600_000

    @property
    def minute(self) -> int | None:
        return self.milliseconds % 3_600_000 // 60_000 if self.precision >= _MINUTE else None

    @property
    def second(self) -> int | None:
        return self.milliseconds % 60_000 // 1000 if self.precision >= _SECOND else None

    @property
    def millisecond(self) -> int | None:
        return self.milliseconds % 1000 if self.precision >= _MILLISECOND else None


Temporal = Date | DateTime | Time


def _depth(*components: int | None) -> int:
    """How many leading components are given; an error if one is missing in between."""
    depth = 0
    for component in components:
        if component is None:
            break
        depth += 1
    if any(component is not None for component in components[depth:]):
        raise ValueOutOfRange("A date or time skips a component.", remedy="Give every coarser component as well.")
    return depth


def _ordinal(year: int, month: int | None, day: int | None) -> int:
    try:
        return date(year, month or 1 if month != 0 else 0, day or 1 if day != 0 else 0).toordinal()
    except ValueError:
        raise ValueOutOfRange(
            "A date does not exist or lies outside the years 1 to 9999.", remedy="Check year, month and day."
        ) from None


def _milliseconds(hour: int | None, minute: int | None, second: int | None, millisecond: int | None) -> int:
    hour, minute, second, millisecond = hour or 0, minute or 0, second or 0, millisecond or 0
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= millisecond < 1000):
        raise ValueOutOfRange("A time of day does not exist.", remedy="It runs from 00:00:00.000 to 23:59:59.999.")
    return hour * 3_600_000 + minute * 60_000 + second * 1000 + millisecond


def make_date(year: int | None, month: int | None = None, day: int | None = None) -> Date | None:
    """The date of these components; null without a year."""
    depth = _depth(year, month, day)
    return Date(_ordinal(year, month, day), Precision(depth)) if year is not None else None


def make_datetime(
    year: int | None,
    month: int | None = None,
    day: int | None = None,
    hour: int | None = None,
    minute: int | None = None,
    second: int | None = None,
    millisecond: int | None = None,
    offset: Decimal | int | None = None,
) -> DateTime | None:
    """The date-time of these components (`offset` in hours); null without a year."""
    depth = _depth(year, month, day, hour, minute, second, millisecond)
    if year is None:
        return None
    instant = _ordinal(year, month, day) * DAY_LENGTH + _milliseconds(hour, minute, second, millisecond)
    if offset is not None and not -14 <= offset <= 14:
        raise ValueOutOfRange("A time zone offset lies between -14 and 14 hours.", remedy="Give it in hours.")
    return DateTime(instant, Precision(depth), None if offset is None else int(offset * 60))


def make_time(
    hour: int | None, minute: int | None = None, second: int | None = None, millisecond: int | None = None
) -> Time | None:
    """The time of day of these components; null without an hour."""
    depth = _depth(hour, minute, second, millisecond)
    return None if hour is None else Time(_milliseconds(hour, minute, second, millisecond), Precision(depth + 3))
