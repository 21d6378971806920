from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from cds_service.hooks.cards import Card, CardOrigin, Response, Source
from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.memory.database import Database, MemoryUnavailable, Session
from cds_service.memory.decisions import DecisionStore, Kept, without_identifiers
from cds_service.memory.feedback import FeedbackStore
from cds_service.memory.migrations import STEPS, migrate
from cds_service.memory.reports import feedback_report
from cds_service.memory.tokens import UsedTokens

Result = TypeVar("Result")
Another = Callable[[], Database]
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
EHR = ClientProfile("ehr")
PLAN = "https://x.example/PlanDefinition/p|1"
RECORD: dict[str, Any] = {
    "order": "ServiceRequest/o1",
    "status": "decided",
    "evidence": [{"fact": "symptomatic", "value": True, "from": ["Observation/pain1"], "on": "2026-01-01"}],
    "levels": [{"level": "T12", "order": "ServiceRequest/o1"}, "L1"],
}


def card(uuid: str, action: str = "rating") -> Card:
    return Card(uuid, "Said", "info", Source("S"), origin=CardOrigin(PLAN, action))


def kept(number: int = 1, *cards: Card) -> Kept:
    response = Response(cards or (card(f"c{number}"),), (), {"m.decisions": [RECORD]})
    return Kept(f"call-{number}", AT, "s", "order-sign", "ehr", (PLAN,), response, "patient-7")


def rows(another: Another, table: str) -> list[Any]:
    return list(another().run(lambda session: session.execute(f"SELECT * FROM {table} ORDER BY 1")))


def overridden(of: str, second: int = 0, code: str | None = None, comment: str | None = None) -> FeedbackEvent:
    return FeedbackEvent(of, "overridden", AT.replace(second=second), reason_code=code, comment=comment)


def accepted(of: str, second: int = 0) -> FeedbackEvent:
    return FeedbackEvent(of, "accepted", AT.replace(second=second), ("s1",))


def test_tables_are_made_once(opened: Another) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: migrate(opened()), range(4)))
    assert versions == [len(STEPS)] * 4
    assert len(rows(opened, "schema_version")) == len(STEPS)


def test_a_newer_database_is_refused(another: Another) -> None:
    another().run(lambda session: session.execute("INSERT INTO schema_version VALUES (?)", (99,)))
    with pytest.raises(MemoryUnavailable, match="newer release"):
        migrate(another())


def test_who_reads_and_who_writes_do_not_wait_for_each_other(another: Another) -> None:
    FeedbackStore(another()).keep("s", EHR, [accepted("c1")])
    writing, reading = threading.Event(), threading.Event()

    def write(session: Session) -> None:
        session.execute("UPDATE feedback SET comment = 'x'")
        writing.set()
        assert reading.wait(5), "who reads waits for who writes"

    def read(session: Session) -> int:
        found = len(session.execute("SELECT * FROM feedback"))
        FeedbackStore(another()).keep("s", EHR, [accepted("c2")])
        return found + len(session.execute("SELECT comment FROM feedback WHERE comment IS NULL"))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(another().run, write)
        assert writing.wait(5)
        assert another().read(lambda session: session.execute("SELECT comment FROM feedback")) in ([(None,)], [[None]])
        reading.set()
        done.result()
    assert another().read(read) in (1, 2)  # SQLite goes on with what was there at first
    assert len(rows(another, "feedback")) == 2


def test_feedback_is_kept_once(another: Another) -> None:
    store = FeedbackStore(another())
    events = [overridden("c1"), overridden("c1"), overridden("c1", 1), accepted("c1")]
    for _ in range(3):
        store.keep("s", EHR, events)
    store.keep("s", EHR, [])
    assert len(rows(another, "feedback")) == 3
    store.keep("s", ClientProfile("other"), events)
    assert len(rows(another, "feedback")) == 6


def test_a_batch_is_kept_whole_or_not_at_all(another: Another) -> None:
    store = FeedbackStore(another())
    broken = replace(overridden("c2"), card=None)  # type: ignore[arg-type]  # what the table refuses
    with pytest.raises(MemoryUnavailable) as caught:
        store.keep("s", EHR, [overridden("c1", comment="about Mrs Smith"), broken])
    assert "Smith" not in str(caught.value)
    assert rows(another, "feedback") == []
    store.keep("s", EHR, [overridden("c1")])  # and the connection is whole again
    assert len(rows(another, "feedback")) == 1


def test_feedback_from_many_threads_and_processes(another: Another) -> None:
    def from_threads() -> None:
        database = another()
        store = FeedbackStore(database)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda second: store.keep("s", EHR, [overridden(f"c{second}", second)]), range(20)))
        database.close()

    processes = [multiprocessing.get_context("fork").Process(target=from_threads) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(rows(another, "feedback")) == 20


def test_decisions_are_kept_without_identifiers(another: Another) -> None:
    counts: dict[str, int] = {}
    store = DecisionStore(
        another(), records_member="m.decisions", count=lambda fate, number: counts.update({fate: number})
    )
    store.keep(kept())
    assert store.flush()
    (row,) = rows(another, "decisions")
    assert (row[0], row[2], row[3], row[4], row[7]) == ("call-1", "s", "order-sign", "ehr", None)
    assert all(text not in str(row) for text in ("patient-7", "ServiceRequest", "Observation", "2026-01-01"))
    assert '"symptomatic"' in row[6]
    assert counts == {"kept": 1}
    assert [each[:5] for each in rows(another, "cards")] == [("c1", "call-1", "s", PLAN, "rating")]


def test_identifiers_are_kept_where_the_site_says_so(another: Another) -> None:
    store = DecisionStore(another(), records_member="m.decisions", identifiers=True)
    store.keep(kept())
    store.flush()
    (row,) = rows(another, "decisions")
    assert row[7] == "patient-7"
    assert "Observation/pain1" in row[6]


def test_what_a_record_is_without_identifiers() -> None:
    assert without_identifiers(RECORD) == {
        "status": "decided",
        "levels": [{"level": "T12"}, "L1"],
        "evidence": [{"fact": "symptomatic", "value": True}],
    }


def test_many_decisions_arrive(another: Another) -> None:
    store = DecisionStore(another(), records_member="m.decisions")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.keep(kept(number)), range(3000)))
    assert store.flush(30)
    assert len(rows(another, "decisions")) == 3000


def test_old_decisions_are_deleted(another: Another) -> None:
    first = DecisionStore(another(), records_member="m.decisions")
    first.keep(kept())
    first.keep(msgspec.structs.replace(kept(2), at=datetime.now(UTC)))
    first.flush()
    second = DecisionStore(another(), records_member="m.decisions", keep_days=30)
    second.keep(msgspec.structs.replace(kept(3), at=datetime.now(UTC)))
    second.flush()
    assert [row[0] for row in rows(another, "decisions")] == ["call-2", "call-3"]


class Stuck:
    """A database that takes nothing until it is told to."""

    kind = "stuck"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.batches = 0

    def folder(self, name: str) -> Path | None:
        return None

    def run(self, work: Callable[[Session], Result]) -> Result:
        if not self.free.is_set():
            raise MemoryUnavailable("stuck")
        self.batches += 1
        return work(Nothing())

    def read(self, work: Callable[[Session], Result]) -> Result:
        return self.run(work)

    def close(self) -> None:
        """Nothing to close."""


class Nothing:
    """A session that forgets."""

    def execute(self, sql: str, values: Any = ()) -> list[Any]:
        return []

    def execute_many(self, sql: str, rows: Any) -> None:
        list(rows)


def test_a_full_queue_is_never_silent(caplog: pytest.LogCaptureFixture) -> None:
    counts = {"kept": 0, "lost": 0}

    def count(fate: str, number: int) -> None:
        counts[fate] += number

    stuck: Database = Stuck()
    store = DecisionStore(stuck, records_member="m", capacity=5, patience=0.02, count=count)
    started = time.monotonic()
    for number in range(8):
        store.keep(kept(number))
    assert time.monotonic() - started < 2
    assert counts == {"kept": 0, "lost": 3}
    assert "the queue is full" in caplog.text
    stuck.free.set()  # type: ignore[attr-defined]
    assert store.flush(10)
    assert counts == {"kept": 5, "lost": 3}


def test_tokens_are_used_once(another: Another) -> None:
    one, two = UsedTokens(another()), UsedTokens(another())
    assert one.use("iss", "j", 100, 50)
    assert not one.use("iss", "j", 100, 50)
    assert not two.use("iss", "j", 100, 50)
    assert two.use("other", "j", 100, 50)
    later = UsedTokens(another())
    assert later.use("iss", "new", 300, 200)
    assert len(rows(another, "tokens")) == 1  # expired ones are forgotten


def test_the_report(another: Another) -> None:
    decisions = DecisionStore(another(), records_member="m")
    decisions.keep(kept(1, card("c1"), card("c2"), card("c3"), card("c4", "question")))
    decisions.flush()
    FeedbackStore(another()).keep(
        "s",
        EHR,
        [
            overridden("c1", 1, "patient-refuses"),
            accepted("c1", 2),  # thought again: the last word counts
            overridden("c2", 1, "too-costly-uncovered"),
            overridden("c3"),
            accepted("never-seen"),
        ],
    )
    report = feedback_report(another())
    assert report.as_json() == {
        "cards": [
            {
                "service": "s",
                "shown": 0,
                "accepted": 1,
                "overridden": 0,
                "overriddenWithoutReason": 0,
                "acceptance": 1.0,
            },
            {
                "service": "s",
                "plan": PLAN,
                "card": "question",
                "shown": 1,
                "accepted": 0,
                "overridden": 0,
                "overriddenWithoutReason": 0,
            },
            {
                "service": "s",
                "plan": PLAN,
                "card": "rating",
                "shown": 3,
                "accepted": 1,
                "overridden": 2,
                "overriddenWithoutReason": 1,
                "acceptance": 0.3333,
                "overrideReasons": {"too-costly-uncovered": 1},
            },
        ],
        "unmatched": 1,
    }
    assert feedback_report(another(), "nobody").as_json() == {"cards": [], "unmatched": 0}
