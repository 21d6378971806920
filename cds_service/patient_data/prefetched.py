"""Reads what a client sent under one prefetch key: data, none, nothing at all, or word that it could not be had."""

from __future__ import annotations

import msgspec

from cds_service.facts.availability import Availability
from cds_service.fhir.structs.decoding import Decoded, Decoder, SetAside
from cds_service.fhir.structs.flavours import Struct
from cds_service.patient_data.needs import Need


class Answer(msgspec.Struct, frozen=True):
    """What came for one need, from the client or from its server, and how complete it is."""

    state: Availability
    pages: tuple[Decoded, ...] = ()

    @property
    def next_link(self) -> str | None:
        """Where data go on that have not been read."""
        return self.pages[-1].next_link if self.pages else None

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        return tuple(bad for page in self.pages for bad in page.set_aside)


NOT_SENT = Answer(Availability.ABSENT)
NOT_OBTAINABLE = Answer(Availability.UNOBTAINABLE)
NONE_RECORDED = Answer(Availability.NONE)


def read_prefetched(value: object, need: Need, decoder: Decoder) -> Answer:
    """The answer that a prefetch value is; what is of another type than asked counts as not sent."""
    if value is None:
        return NONE_RECORDED
    if isinstance(value, msgspec.Raw):
        if bytes(value)[:1] != b"{":
            return NOT_SENT  # an array, a string, a number
        decoded = decoder.collect(value)
    elif isinstance(value, Struct):
        decoded = decoder.flatten(value)
    else:
        return NOT_SENT
    return judge([decoded], need)


def judge(pages: list[Decoded], need: Need) -> Answer:
    """The answer in some pages: whether it is what was asked for, and whether all of it."""
    first = pages[0]
    wanted = need.type_name
    if len(pages) == 1 and not (first.set_aside or first.has_outcome or first.next_link):
        return _judge_clean(first, wanted)
    found = any(resource.fhir_type == wanted for page in pages for resource in page.resources)  # type: ignore[attr-defined]
    bad = any(page.set_aside for page in pages)
    if first.resource_type == "OperationOutcome":
        return NOT_OBTAINABLE
    if first.resource_type not in ("Bundle", wanted):
        return NOT_SENT
    failed = any(page.has_outcome for page in pages)
    more = pages[-1].next_link is not None
    if failed and not found:
        return NOT_OBTAINABLE
    if failed or more or bad:
        state = Availability.PARTIAL if found or more else Availability.UNOBTAINABLE
    else:
        state = Availability.VALUE if found else Availability.NONE
    return Answer(state, tuple(pages))


def _judge_clean(page: Decoded, wanted: str) -> Answer:
    """The usual case: one page, and nothing wrong with it."""
    if page.resource_type not in ("Bundle", wanted):
        return NOT_OBTAINABLE if page.resource_type == "OperationOutcome" else NOT_SENT
    for resource in page.resources:
        if resource.fhir_type == wanted:  # type: ignore[attr-defined]
            return Answer(Availability.VALUE, (page,))
    return Answer(Availability.NONE, (page,))
