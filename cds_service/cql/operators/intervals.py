"""Interval operators of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import INTERVAL, Signature, T
from cds_service.cql.static_types import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    TIME,
    IntervalOf,
    ListOf,
    Type,
)


def _timing(operator: str, function: str, *shapes: tuple[Type, Type]) -> list[Signature]:
    return [
        Signature(operator, shape, BOOLEAN, f"intervals.{function}", takes_precision=True, system=True)
        for shape in shapes
    ]


_BOTH = (INTERVAL, INTERVAL)
_OUTER_FIRST = (INTERVAL, T)
_OUTER_LAST = (T, INTERVAL)
_PLAIN_POINTS = (INTEGER, LONG, DECIMAL, QUANTITY)

SIGNATURES: list[Signature] = [
    *_timing("After", "after", _BOTH, _OUTER_FIRST, _OUTER_LAST),
    *_timing("Before", "before", _BOTH, _OUTER_FIRST, _OUTER_LAST),
    *_timing("SameAs", "same_as", _BOTH),
    *_timing("SameOrAfter", "same_or_after", _BOTH, _OUTER_FIRST, _OUTER_LAST),
    *_timing("SameOrBefore", "same_or_before", _BOTH, _OUTER_FIRST, _OUTER_LAST),
    *[
        Signature(operator, (kind, kind), BOOLEAN, f"intervals.{function}", takes_precision=True)
        for operator, function in (
            ("After", "after"),
            ("Before", "before"),
            ("SameAs", "same_as"),
            ("SameOrAfter", "same_or_after"),
            ("SameOrBefore", "same_or_before"),
        )
        for kind in _PLAIN_POINTS
    ],
    Signature("Collapse", (ListOf(INTERVAL),), ListOf(INTERVAL), "coverage.collapse", system=True),
    Signature(
        "Collapse", (ListOf(INTERVAL), QUANTITY), ListOf(INTERVAL), "coverage.collapse", system=True, may_fail=True
    ),
    *_timing("Contains", "contains", _OUTER_FIRST),
    Signature("End", (INTERVAL,), T, "interval_bounds.known_end", may_fail=True, system=True),
    *_timing("Ends", "ends", _BOTH),
    Signature("Except", _BOTH, INTERVAL, "intervals.except_", system=True),
    Signature("Expand", (ListOf(INTERVAL),), ListOf(INTERVAL), "coverage.expand_intervals", system=True),
    Signature(
        "Expand",
        (ListOf(INTERVAL), QUANTITY),
        ListOf(INTERVAL),
        "coverage.expand_intervals",
        system=True,
        may_fail=True,
    ),
    Signature("Expand", (INTERVAL,), ListOf(T), "coverage.expand_points", system=True),
    Signature("Expand", (INTERVAL, QUANTITY), ListOf(T), "coverage.expand_points", system=True, may_fail=True),
    *_timing("In", "in_", _OUTER_LAST),
    *_timing("Includes", "includes", _BOTH, _OUTER_FIRST),
    *_timing("IncludedIn", "included_in", _BOTH, _OUTER_LAST),
    Signature("Intersect", _BOTH, INTERVAL, "intervals.intersect", system=True),
    *_timing("Meets", "meets", _BOTH),
    *_timing("MeetsAfter", "meets_after", _BOTH),
    *_timing("MeetsBefore", "meets_before", _BOTH),
    *_timing("Overlaps", "overlaps", _BOTH),
    *_timing("OverlapsAfter", "overlaps_after", _BOTH),
    *_timing("OverlapsBefore", "overlaps_before", _BOTH),
    Signature("PointFrom", (INTERVAL,), T, "intervals.point_from", may_fail=True, system=True),
    *_timing("ProperContains", "properly_contains", _OUTER_FIRST),
    *_timing("ProperIn", "properly_in", _OUTER_LAST),
    *_timing("ProperIncludes", "properly_includes", _BOTH),
    *_timing("ProperIncludes", "properly_contains", _OUTER_FIRST),
    *_timing("ProperIncludedIn", "properly_included_in", _BOTH),
    *_timing("ProperIncludedIn", "properly_in", _OUTER_LAST),
    *[Signature("Size", (IntervalOf(kind),), kind, "intervals.size") for kind in (INTEGER, LONG, DECIMAL, QUANTITY)],
    Signature("Start", (INTERVAL,), T, "interval_bounds.known_start", may_fail=True, system=True),
    *_timing("Starts", "starts", _BOTH),
    Signature("Union", _BOTH, INTERVAL, "intervals.union", system=True),
    *[Signature("Width", (IntervalOf(kind),), kind, "intervals.width") for kind in (INTEGER, LONG, DECIMAL, QUANTITY)],
]

TEMPORAL_POINTS = (DATE, DATETIME, TIME)
