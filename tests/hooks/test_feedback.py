from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.fhir.limits import Limits
from cds_service.hooks.feedback import FeedbackEvent, parse_feedback
from cds_service.hooks.refusals import MalformedRequest

ACCEPTED = {
    "card": "c1",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s2"}, {"id": "s1"}],
    "outcomeTimestamp": "2026-03-01T10:05:31Z",
}
OVERRIDDEN = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T12:05:31.5+02:00"}


def parse(*items: Any) -> tuple[FeedbackEvent, ...]:
    return parse_feedback(json.dumps({"feedback": list(items)}).encode(), Limits())


def test_events() -> None:
    reason = {"reason": {"code": "own", "system": "urn:x"}, "userComment": "c" * 9000}
    accepted, overridden, why = parse(ACCEPTED, OVERRIDDEN, {**OVERRIDDEN, "overrideReason": reason, "extra": 1})
    assert accepted == FeedbackEvent("c1", "accepted", datetime(2026, 3, 1, 10, 5, 31, tzinfo=UTC), ("s1", "s2"))
    assert overridden == FeedbackEvent("c1", "overridden", datetime(2026, 3, 1, 10, 5, 31, 500_000, tzinfo=UTC))
    assert (why.reason_code, why.reason_system, len(why.comment or "")) == ("own", "urn:x", 4000)
    assert "ccc" not in repr(why)


def test_nothing_to_report() -> None:
    assert parse() == ()


@pytest.mark.parametrize(
    ("item", "member"),
    [
        ({**ACCEPTED, "card": None}, "feedback[0].card"),
        ({**ACCEPTED, "outcome": "ignored"}, "feedback[0].outcome"),
        ({**ACCEPTED, "acceptedSuggestions": []}, "feedback[0].acceptedSuggestions"),
        ({**ACCEPTED, "acceptedSuggestions": [{}]}, "feedback[0].acceptedSuggestions[0].id"),
        ({**ACCEPTED, "outcomeTimestamp": "yesterday"}, "feedback[0].outcomeTimestamp"),
        ({**ACCEPTED, "outcomeTimestamp": "2026-03-01T10:05:31"}, "feedback[0].outcomeTimestamp"),
        ({**OVERRIDDEN, "overrideReason": "no"}, "feedback[0].overrideReason"),
        ({**OVERRIDDEN, "overrideReason": {"reason": {"code": 5}}}, "feedback[0].overrideReason.reason.code"),
        ("x", "feedback[0]"),
    ],
)
def test_one_bad_item_refuses_the_batch(item: Any, member: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(item, OVERRIDDEN)
    assert caught.value.member == member


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"feedback":{}}', b'{"feedback":null}', b"{", b"\xff", b"[" * 5000]
)
def test_what_is_no_feedback_is_refused(body: bytes) -> None:
    with pytest.raises(Exception, match=r"malformed|too-deep"):
        parse_feedback(body, Limits())
