"""Keeps feedback: when `keep` returns, the events are on disk; the same event twice is kept once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.memory.database import Database, Session

_INSERT = """INSERT INTO feedback (id, received, service, client, card, outcome, at, suggestions,
    reason_code, reason_system, reason_display, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING"""


class FeedbackStore:
    """Feedback events of all services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, service: str, client: ClientProfile, events: Sequence[FeedbackEvent]) -> None:
        """Return once all events are safe; none is kept when one cannot be."""
        if not events:
            return
        received = datetime.now(UTC).isoformat()
        rows = [_row(service, client.name, event, received) for event in events]

        def insert(session: Session) -> None:
            session.execute_many(_INSERT, rows)

        self._database.run(insert)


def _row(service: str, client: str, event: FeedbackEvent, received: str) -> tuple[str | None, ...]:
    at = event.at.isoformat()
    suggestions = json.dumps(event.suggestions)
    reason = (event.reason_code, event.reason_system, event.reason_display, event.comment)
    told = json.dumps([service, client, event.card, event.outcome, at, suggestions, *reason])
    identity = blake2b(told.encode(), digest_size=16).hexdigest()
    return (identity, received, service, client, event.card, event.outcome, at, suggestions, *reason)
