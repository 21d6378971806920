"""What became of the advice over time: decisions, cards, answers of users, what was asked, what failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.memory.database import Database, Row, Session
from cds_service.memory.reports import CardLine

MOST_DECISIONS = 50_000  # the newest ones whose records are read for a report

_DECIDED = (
    """SELECT SUBSTR(at, 1, 10), COUNT(*) FROM decisions WHERE at >= ? AND client <> ? GROUP BY SUBSTR(at, 1, 10)"""
)
_SHOWN = """SELECT c.service, c.plan, c.action, SUBSTR(c.at, 1, 10), COUNT(*) FROM cards c
    JOIN decisions d ON d.id = c.decision WHERE c.at >= ? AND d.client <> ?
    GROUP BY c.service, c.plan, c.action, SUBSTR(c.at, 1, 10)"""
_TOLD = """SELECT f.service, COALESCE(c.plan, ''), COALESCE(c.action, ''), f.card, f.outcome, SUBSTR(f.at, 1, 10),
    f.reason_code, f.reason_display FROM feedback f LEFT JOIN cards c ON c.uuid = f.card
    WHERE f.at >= ? AND f.client <> ? ORDER BY f.at, f.id"""
_RECORDS = "SELECT service, records FROM decisions WHERE at >= ? AND client <> ? ORDER BY at DESC LIMIT ?"


@dataclass(slots=True)
class Day:
    """What happened on one day."""

    date: str
    decisions: int = 0
    cards: int = 0
    accepted: int = 0
    overridden: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """How often something occurred, in two ways of occurring."""

    name: str
    first: int
    second: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.first + self.second


@dataclass(frozen=True, slots=True)
class Use:
    """The report."""

    days: tuple[Day, ...]
    cards: tuple[CardLine, ...]
    reasons: tuple[Count, ...]
    unknowns: tuple[Count, ...]  # first: a rating waited for it, second: asked for safety
    statuses: tuple[Count, ...]
    failures: tuple[Count, ...]
    decisions: int
    is_cut: bool  # whether older records were left out

    @property
    def accepted(self) -> int:
        """Cards of which a suggestion was accepted."""
        return sum(line.accepted for line in self.cards)

    @property
    def overridden(self) -> int:
        """Cards that were overridden."""
        return sum(line.overridden for line in self.cards)

    @property
    def shown(self) -> int:
        """Cards that were shown."""
        return sum(line.shown for line in self.cards)


def use_of(database: Database, since: str, without_client: str, plan: str = "", card: str = "") -> Use:
    """The report over everything since a date (`2026-01-31`), leaving out one client (empty: none).

    With a plan (its id) or a card, cards and answers are counted for that one only.
    """

    def is_meant(its_plan: str, its_card: str) -> bool:
        return (not plan or plan_id(its_plan) == plan) and (not card or its_card == card)

    def read(session: Session) -> list[list[Row]]:
        counted = [session.execute(sql, (since, without_client)) for sql in (_DECIDED, _SHOWN, _TOLD)]
        return [*counted, session.execute(_RECORDS, (since, without_client, MOST_DECISIONS))]

    decided, shown, told, records = database.read(read)
    days: dict[str, Day] = {}
    lines: dict[tuple[str, str, str], CardLine] = {}
    for date, number in decided:
        days.setdefault(date, Day(date)).decisions += number
    for service, canonical, action, date, number in shown:
        if not is_meant(canonical, action):
            continue
        days.setdefault(date, Day(date)).cards += number
        key = (service, canonical, action)
        lines.setdefault(key, CardLine(*key)).shown += number
    reasons: Counter[str] = Counter()
    for service, canonical, action, _card, outcome, date, code, display in _settled(told):
        if not is_meant(canonical, action):
            continue
        day = days.setdefault(date, Day(date))
        line = lines.setdefault((service, canonical, action), CardLine(service, canonical, action))
        if outcome == "accepted":
            day.accepted, line.accepted = day.accepted + 1, line.accepted + 1
            continue
        day.overridden, line.overridden = day.overridden + 1, line.overridden + 1
        reason = display or code
        if reason:
            line.reasons[reason] += 1
        else:
            line.without_reason += 1
        reasons[reason or "no reason given"] += 1
    must, safety, statuses, failures = _counted(records)
    names = sorted({*must, *safety}, key=lambda name: (-must[name] - safety[name], name))
    return Use(
        days=tuple(sorted(days.values(), key=lambda day: day.date)),
        cards=tuple(sorted(lines.values(), key=lambda line: (-line.shown, line.service, line.plan, line.card))),
        reasons=_counts(reasons),
        unknowns=tuple(Count(name, must[name], safety[name]) for name in names),
        statuses=_counts(statuses),
        failures=_counts(failures),
        decisions=sum(day.decisions for day in days.values()),
        is_cut=len(records) >= MOST_DECISIONS,
    )


def plan_id(canonical: str) -> str:
    """The last part of a canonical, without its version."""
    return canonical.partition("|")[0].rpartition("/")[2]


def _settled(told: list[Row]) -> Iterable[Row]:
    """The last outcome of each card: what the user settled on."""
    return {(row[0], row[3]): row for row in told}.values()


def _counted(rows: list[Row]) -> tuple[Counter[str], Counter[str], Counter[str], Counter[str]]:
    must: Counter[str] = Counter()
    safety: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for _service, text in rows:
        for record in _records(text):
            must.update(map(str, record.get("mustAsk", ())))
            safety.update(map(str, record.get("safetyAsk", ())))
            failures.update(map(str, record.get("failed", ())))
            statuses[str(record.get("rating") or record.get("status") or "")] += 1
    return must, safety, statuses, failures


def _records(text: str) -> Iterator[Mapping[str, Any]]:
    read = json.loads(text)
    yield from (record for record in read if isinstance(record, Mapping))


def _counts(counter: Counter[str]) -> tuple[Count, ...]:
    return tuple(Count(name, number) for name, number in counter.most_common())
