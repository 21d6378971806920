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
        return self is VALUE or self is NONE


# A member of an enumeration is looked up by a function, and these are asked for all the time.
VALUE, NONE, ABSENT = Availability.VALUE, Availability.NONE, Availability.ABSENT
UNOBTAINABLE, PARTIAL = Availability.UNOBTAINABLE, Availability.PARTIAL


def combine(states: Iterable[Availability]) -> Availability:
    """The state of a type from the states of everything that was asked for it."""
    found = set(states)
    if len(found) == 1:
        return found.pop()
    if not found:
        return ABSENT
    if found <= {VALUE, NONE}:
        return VALUE
    if VALUE in found or NONE in found or PARTIAL in found:
        return PARTIAL
    return UNOBTAINABLE
