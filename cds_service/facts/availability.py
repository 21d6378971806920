"""How much of a resource type could be had: data, none on record, never sent, not obtainable, or only a part."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Availability(Enum):
    """The state of one kind of data; what is not obtainable is never read as "none"."""

    VALUE = "value"  # data are there
    NONE = "none"  # asked for, and there are none on record
    ABSENT = "absent"  # not sent, and nowhere to ask
    UNOBTAINABLE = "unobtainable"  # asked for, and the answer failed
    PARTIAL = "partial"  # some are there, and more exist that could not be read

    @property
    def is_complete(self) -> bool:
        """Whether a search in these data may conclude that something is not recorded."""
        return self in (Availability.VALUE, Availability.NONE)


def combine(states: Iterable[Availability]) -> Availability:
    """The state of a type from the states of everything that was asked for it."""
    found = set(states)
    if len(found) == 1:
        return found.pop()
    if not found:
        return Availability.ABSENT
    if found <= {Availability.VALUE, Availability.NONE}:
        return Availability.VALUE
    if Availability.VALUE in found or Availability.NONE in found or Availability.PARTIAL in found:
        return Availability.PARTIAL
    return Availability.UNOBTAINABLE
