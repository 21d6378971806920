"""Finds resources whose dates are no dates, many at a time.

A regular expression per date doubles the cost of decoding a large request. All dates of a call together cost a
tenth of that: those that are written alike go through a parser in C. Where that is not enough, the dates of each answer
are looked at in more ways.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

import msgspec

from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import TEMPORAL_PATTERNS, Struct

_TO_SHAPE = bytes.maketrans(b"123456789-", b"000000000+")
_PATTERNS = {name: re.compile(pattern) for name, pattern in TEMPORAL_PATTERNS.items()}
_DAYS, _MOMENTS = list[date], list[datetime]
_DAY_LENGTH = 10
_LONGEST_MOMENT = 29  # with milliseconds and a zone
_known_days: set[str] = set()  # days that were found to be some; of two centuries, so it stays small
_known_clocks: set[str] = {""}


@functools.cache
def _shapes() -> frozenset[bytes]:
    """How dates and times look with every digit a zero and every sign a plus."""
    clocks = [f"T00:00{seconds}" for seconds in ("", ":00", *(f":00.{'0' * places}" for places in range(1, 10)))]
    days = ("0000", "0000+00", "0000+00+00")
    times = (f"0000+00+00{clock}{zone}" for clock in clocks for zone in ("", "Z", "+00:00"))
    return frozenset(text.encode() for text in (*days, *times))


@functools.cache
def temporal_attributes(fhir_type: str) -> tuple[tuple[str, str], ...]:
    """The single top-level attributes of a type that hold a date or time, each with its FHIR type."""
    return tuple(
        (attribute, name)
        for element in r4().type(fhir_type).elements.values()
        if not element.is_list
        for name, attribute in element.attributes.items()
        if name in TEMPORAL_PATTERNS
    )


def malformed_date(resource: Struct) -> str | None:
    """The name of the first top-level attribute whose text is no date or time, or none."""
    fhir_type: str = resource.fhir_type  # type: ignore[attr-defined]
    for attribute, name in temporal_attributes(fhir_type):
        text = getattr(resource, attribute, None)
        if text is not None and not (_PATTERNS[name].match(text) and _is_day(text)):
            return attribute
    return None


def _is_day(text: str) -> bool:
    if len(text) < 10 or text[4] != "-":
        return True
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


@functools.cache
def _reader_of(made: type[Struct]) -> Callable[[Iterable[Struct], list[str], list[str]], None]:
    """Adds all dates that resources of a Struct have: those that never say more than the day, and the others."""
    present = frozenset(made.__struct_fields__)
    fhir_type: str = made.fhir_type  # type: ignore[attr-defined]
    lines = [
        "def read(members, days, moments):",
        " day, moment = days.append, moments.append",
        " for member in members:",
    ]
    for name, kind in temporal_attributes(fhir_type):
        if name in present:
            add = "day" if kind == "date" else "moment"
            lines += [f"  text = member.{name}", "  if text is not None:", f"   {add}(text)"]
    namespace: dict[str, Any] = {}
    # Written out, this takes half the time of any loop over names.
    exec("\n".join([*lines, "  pass"]), namespace)  # noqa: S102 - names of the FHIR model only
    read: Callable[[Iterable[Struct], list[str], list[str]], None] = namespace["read"]
    return read


def are_plain_dates(groups: Iterable[Sequence[Struct]]) -> bool:
    """Whether all dates at the top level of some resources have a usual shape and are some; a group has one type."""
    days: list[str] = []
    moments: list[str] = []
    for members in groups:
        _reader_of(members[0].__class__)(members, days, moments)
    return (not days or _parse(days, _DAYS)) and (not moments or _are_moments(moments) or _are_mixed(moments))


def _are_mixed(texts: list[str]) -> bool:
    """Whether all are some where days and moments are mixed, or moments are written in several ways."""
    texts.sort(key=len)
    days = bisect_right(texts, _DAY_LENGTH, key=len)
    if days and not _parse(texts[:days], _DAYS):
        return False
    moments = texts[days:]
    return not moments or _are_moments(moments) or all(_are_moments([*alike]) for _, alike in groupby(moments, len))


def _are_moments(texts: list[str]) -> bool:
    """Whether texts are moments, with seconds, that are all written the same way."""
    count, length, joined = len(texts), len(texts[0]), "".join(texts)
    # The parser alone would also take small letters, a blank before the time, and a zone without its colon.
    return (
        length <= _LONGEST_MOMENT
        and len(joined) == length * count
        and joined[_DAY_LENGTH::length] == "T" * count
        and (joined[length - 1 :: length] == "Z" * count or joined[length - 3 :: length] == ":" * count)
        and _parse(texts, _MOMENTS)
    )


def _parse(texts: list[str], kind: Any) -> bool:
    try:
        msgspec.convert(texts, kind)
    except msgspec.ValidationError:
        return False
    return True


def with_malformed_dates(resources: Sequence[Struct]) -> list[Struct]:
    """Those of the resources that have a malformed date at their top level; for where not all are plain."""
    texts: list[str] = []
    for resource in resources:
        _reader_of(resource.__class__)((resource,), texts, texts)
    if _all_dates(texts):
        return []
    return [resource for resource in resources if malformed_date(resource) is not None]


def _all_dates(texts: Sequence[str]) -> bool:
    """Whether every text looks like a date or time, is a day of the calendar, and an hour of the day."""
    if not texts:
        return True
    shapes = set("\n".join(texts).encode(errors="replace").translate(_TO_SHAPE).split(b"\n"))
    if not shapes <= _shapes():
        return False
    try:
        for day in {text[:10] for text in texts} - _known_days:
            if len(day) == 10:
                date.fromisoformat(day)
                if "1900" <= day < "2101":
                    _known_days.add(day)
            elif len(day) == 7 and not "01" <= day[5:] <= "12":
                return False
    except ValueError:
        return False
    for clock in {text[10:16] for text in texts} - _known_clocks:
        if clock > "T23:59" or clock[4:] > "59":
            return False
        _known_clocks.add(clock)
    return True
