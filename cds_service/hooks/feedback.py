"""What users did with our cards, as clients report it: typed events, the whole batch or none of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from cds_service.fhir.limits import Limits, TooDeep
from cds_service.hooks.envelopes import check_model
from cds_service.hooks.refusals import MalformedRequest
from cds_service.hooks.requests import check_text

_MOST_EVENTS = 1000
_LONGEST_ID = 200
_LONGEST_COMMENT = 4000

_Id = Annotated[str, Field(min_length=1, max_length=_LONGEST_ID)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Suggestion(_Part):
    id: _Id


class _Reason(_Part):
    code: Annotated[str, Field(max_length=_LONGEST_ID)] | None = None
    system: Annotated[str, Field(max_length=_LONGEST_ID)] | None = None
    display: Annotated[str, Field(max_length=_LONGEST_COMMENT)] | None = None


class _Override(_Part):
    reason: _Reason | None = None
    userComment: str | None = None


class _Item(_Part):
    card: _Id
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: list[_Suggestion] | None = None
    overrideReason: _Override | None = None
    outcomeTimestamp: Annotated[str, Field(max_length=64)]


class _Feedback(_Part):
    feedback: Annotated[list[_Item], Field(max_length=_MOST_EVENTS)]


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One outcome of one card; equal events are the same event, reported again."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_code: str | None = None
    reason_system: str | None = None
    reason_display: str | None = None
    comment: str | None = field(default=None, repr=False)  # free text about a patient


def parse_feedback(body: bytes, limits: Limits) -> tuple[FeedbackEvent, ...]:
    """The events in `body`; one that does not hold refuses all, so that the client can send the batch again."""
    body = check_text(body, limits)
    try:
        sent = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        kind = "holds a value that cannot be read" if isinstance(error, msgspec.ValidationError) else "is not JSON"
        raise MalformedRequest(f"The body {kind}: {error}.") from None
    except RecursionError:
        raise TooDeep("The JSON is nested too deeply.") from None
    check_model(_Feedback, sent)
    return tuple(_event(item, index) for index, item in enumerate(sent["feedback"]))


def _event(item: dict[str, Any], index: int) -> FeedbackEvent:
    place = f"feedback[{index}]"
    suggestions = tuple(sorted({one["id"] for one in item.get("acceptedSuggestions") or ()}))
    if item["outcome"] == "accepted" and not suggestions:
        member = f"{place}.acceptedSuggestions"
        raise MalformedRequest(
            f"{member} must name at least one suggestion when the outcome is accepted.", member=member
        )
    override = item.get("overrideReason") or {}
    reason = override.get("reason") or {}
    comment = override.get("userComment")
    return FeedbackEvent(
        card=item["card"].removeprefix("urn:uuid:"),
        outcome=item["outcome"],
        at=_timestamp(item["outcomeTimestamp"], f"{place}.outcomeTimestamp"),
        suggestions=suggestions if item["outcome"] == "accepted" else (),
        reason_code=reason.get("code"),
        reason_system=reason.get("system"),
        reason_display=reason.get("display"),
        comment=comment[:_LONGEST_COMMENT] if comment else None,
    )


def _timestamp(text: str, member: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedRequest(f"{member} must be a date and time with a time zone (RFC 3339).", member=member)
