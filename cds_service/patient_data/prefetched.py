"""Reads what a client sent under one prefetch key: data, none, nothing at all, or word that it could not be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cds_service.facts.availability import ABSENT, NONE, PARTIAL, UNOBTAINABLE, VALUE, Availability
from cds_service.fhir.structs.decoding import Decoded, Decoder, SetAside
from cds_service.fhir.structs.flavours import Struct
from cds_service.patient_data.needs import Need


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came for one need, from the client or from its server, and how complete it is."""

    state: Availability
    pages: tuple[Decoded, ...] = ()

    @property
    def next_link(self) -> str | None:
        """Where data go on that have not been read."""
        return self.pages[-1].next_link if self.pages else None

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        found: tuple[SetAside, ...] = ()
        for page in self.pages:
            found += page.set_aside
        return found


NOT_SENT = Answer(ABSENT)
NOT_OBTAINABLE = Answer(UNOBTAINABLE)
NONE_RECORDED = Answer(NONE)


def read_prefetched(
    values: Mapping[str, object], needs: Sequence[Need], decoder: Decoder, drafts: Sequence[Struct] = ()
) -> tuple[dict[str, Answer], list[Decoded]]:
    """The answer to each need that the values under its key are; what is of another type than asked is as not sent.

    Drafts are checked along with them.
    """
    answers: dict[str, Answer] = {}
    asked: list[Need] = []
    decoded: list[Struct] = []
    for need in needs:
        value: Any = values.get(need.key)
        if value is None:
            answers[need.key] = NONE_RECORDED if need.key in values else NOT_SENT
        elif not isinstance(value, msgspec.Raw):
            if value.fhir_type == "Bundle" and not (value.entry or value.link):
                answers[need.key] = NONE_RECORDED
            else:
                asked.append(need)
                decoded.append(value)
        elif bytes(value)[:1] == b"{":
            answers[need.key] = judge([decoder.collect(value)], need)
        else:
            answers[need.key] = NOT_SENT  # an array, a string or a number is nothing that was asked for
    pages = decoder.flatten_all(decoded, drafts)
    for need, page in zip(asked, pages, strict=False):
        answers[need.key] = judge([page], need)
    return answers, pages[len(asked) :]


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
        return Answer(PARTIAL if found or more else UNOBTAINABLE, tuple(pages))
    return Answer(VALUE if found else NONE, tuple(pages))


def _judge_clean(page: Decoded, wanted: str) -> Answer:
    """The usual case: one page, and nothing wrong with it."""
    if page.resource_type not in ("Bundle", wanted):
        return NOT_OBTAINABLE if page.resource_type == "OperationOutcome" else NOT_SENT
    for resource in page.resources:
        if resource.fhir_type == wanted:  # type: ignore[attr-defined]
            return Answer(VALUE, (page,))
    return Answer(NONE, (page,))
