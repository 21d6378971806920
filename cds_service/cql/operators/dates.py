"""Date and time operators of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import BOOLEAN, DATE, DATETIME, DECIMAL, INTEGER, TIME, Type

_TEMPORAL = (DATE, DATETIME, TIME)
_COMPARISONS = {
    "After": "after",
    "Before": "before",
    "SameAs": "same_as",
    "SameOrAfter": "same_or_after",
    "SameOrBefore": "same_or_before",
}


def _constructor(name: str, kind: Type, function: str, first: int, last: int) -> list[Signature]:
    return [Signature(name, (INTEGER,) * count, kind, function, may_fail=True) for count in range(first, last + 1)]


SIGNATURES: list[Signature] = [
    *[
        Signature(operator, (kind, kind), BOOLEAN, f"dates.{function}", takes_precision=True)
        for operator, function in _COMPARISONS.items()
        for kind in _TEMPORAL
    ],
    *_constructor("Date", DATE, "temporals.make_date", 1, 3),
    *_constructor("DateTime", DATETIME, "temporals.make_datetime", 1, 7),
    Signature("DateTime", (INTEGER,) * 7 + (DECIMAL,), DATETIME, "temporals.make_datetime", may_fail=True),
    Signature("DateFrom", (DATETIME,), DATE, "dates.date_from"),
    Signature("DateFrom", (DATE,), DATE, "conversions.same"),
    *[
        Signature("DateTimeComponentFrom", (kind,), INTEGER, "dates.component", takes_precision=True)
        for kind in _TEMPORAL
    ],
    *[
        Signature(operator, (kind, kind), INTEGER, f"durations.{function}", takes_precision=True, may_fail=True)
        for operator, function in (("DifferenceBetween", "difference"), ("DurationBetween", "duration"))
        for kind in _TEMPORAL
    ],
    Signature("Now", (), DATETIME, "run.now", known=True, needs_run=True),
    *_constructor("Time", TIME, "temporals.make_time", 1, 4),
    Signature("TimeFrom", (DATETIME,), TIME, "dates.time_from"),
    Signature("TimeOfDay", (), TIME, "run.time_of_day", known=True, needs_run=True),
    Signature("TimezoneOffsetFrom", (DATETIME,), DECIMAL, "dates.timezone_offset"),
    Signature("Today", (), DATE, "run.today", known=True, needs_run=True),
]
