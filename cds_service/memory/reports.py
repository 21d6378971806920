"""What became of the cards: shown, accepted, overridden and why, per service, plan and card."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cds_service.memory.database import Database, Row, Session

_SHOWN = "SELECT service, plan, action, COUNT(*) FROM cards GROUP BY service, plan, action"
_TOLD = """SELECT f.service, COALESCE(c.plan, ''), COALESCE(c.action, ''), CASE WHEN c.uuid IS NULL THEN 1 ELSE 0 END,
    f.card, f.outcome, f.reason_code, f.reason_display
    FROM feedback f LEFT JOIN cards c ON c.uuid = f.card ORDER BY f.at, f.id"""


@dataclass(slots=True)
class CardLine:
    """The fate of one kind of card."""

    service: str
    plan: str
    card: str
    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    without_reason: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """Cards that a user decided on; silence is no answer."""
        return self.accepted + self.overridden

    @property
    def acceptance(self) -> float | None:
        """Share of the answered cards that were accepted; None when nobody answered."""
        return self.accepted / self.answered if self.answered else None

    def as_json(self) -> dict[str, Any]:
        """The line for machines; what does not exist is left out."""
        line: dict[str, Any] = {
            "service": self.service,
            "plan": self.plan,
            "card": self.card,
            "shown": self.shown,
            "accepted": self.accepted,
            "overridden": self.overridden,
            "overriddenWithoutReason": self.without_reason,
            "acceptance": None if self.acceptance is None else round(self.acceptance, 4),
            "overrideReasons": dict(self.reasons.most_common()),
        }
        return {name: value for name, value in line.items() if value not in (None, "", {})}


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """All lines, and how many feedback events name a card that is not known here."""

    lines: tuple[CardLine, ...]
    unmatched: int

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"cards": [line.as_json() for line in self.lines], "unmatched": self.unmatched}


def feedback_report(database: Database, service: str | None = None) -> FeedbackReport:
    """The report over everything that is kept, or over one service."""

    def read(session: Session) -> tuple[list[Row], list[Row]]:
        return session.execute(_SHOWN), session.execute(_TOLD)

    shown, told = database.read(read)
    lines: dict[tuple[str, str, str], CardLine] = {}

    def line(key: tuple[str, str, str]) -> CardLine:
        return lines.setdefault(key, CardLine(*key))

    for of, plan, action, number in shown:
        line((of, plan, action)).shown = number
    unmatched = 0
    # A later outcome of the same card is a new event: the last one tells what the user settled on.
    for of, plan, action, unknown, _card, outcome, code, display in _last_of_each_card(told):
        unmatched += bool(unknown) and (service is None or of == service)
        entry = line((of, plan, action))
        if outcome == "accepted":
            entry.accepted += 1
        else:
            entry.overridden += 1
            if code or display:
                entry.reasons[code or display] += 1
            else:
                entry.without_reason += 1
    kept = [entry for entry in lines.values() if service is None or entry.service == service]
    kept.sort(key=lambda entry: (entry.service, entry.plan, entry.card))
    return FeedbackReport(tuple(kept), unmatched)


def _last_of_each_card(told: list[Row]) -> list[Row]:
    return list({(row[0], row[4]): row for row in told}.values())
