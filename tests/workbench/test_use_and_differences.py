"""Numbers of use, and what differs between versions of the content."""

from __future__ import annotations

import io
import json
from pathlib import Path

from cds_service.hooks.cards import Card, CardOrigin, Response, Source
from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.memory.database import SqliteDatabase
from cds_service.memory.decisions import DecisionStore, Kept
from cds_service.memory.feedback import FeedbackStore
from cds_service.memory.migrations import migrate
from cds_service.memory.use import use_of
from tests.workbench.conftest import Site


def test_use_counts_what_users_settled_on(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    database = SqliteDatabase(tmp_path / "memory.sqlite", durable=False)
    migrate(database)
    store = DecisionStore(database, records_member="x.decisions")
    at = datetime(2026, 1, 10, 9, tzinfo=UTC)
    for number in range(4):
        card = Card(f"card-{number}", "Summary", "info", Source("s"), origin=CardOrigin("https://x/P|1", "A1"))
        record = {"status": "ask", "mustAsk": ["known"], "safetyAsk": ["safe"], "failed": ["R9"]}
        client = "workbench" if number == 3 else "ehr"
        response = Response((card,), (), {"x.decisions": [record]})
        store.keep(Kept(f"call-{number}", at, "svc", "order-sign", client, ("https://x/P|1",), response, "p"))
    store.flush()
    feedback = FeedbackStore(database)
    ehr = ClientProfile("ehr")
    feedback.keep("svc", ehr, [FeedbackEvent("card-0", "overridden", at, reason_display="Too costly")])
    feedback.keep("svc", ehr, [FeedbackEvent("card-0", "accepted", at + timedelta(minutes=1), ("s1",))])
    feedback.keep("svc", ehr, [FeedbackEvent("card-1", "overridden", at, reason_display="Too costly")])
    found = use_of(database, "2026-01-01", "workbench")
    assert (found.decisions, found.shown, found.accepted, found.overridden) == (3, 3, 1, 1)
    assert [(reason.name, reason.first) for reason in found.reasons] == [("Too costly", 1)]
    assert [(count.name, count.first, count.second) for count in found.unknowns] == [("known", 3, 0), ("safe", 0, 3)]
    assert [(count.name, count.first) for count in found.failures] == [("R9", 3)]
    assert use_of(database, "2026-01-01", "").decisions == 4
    assert use_of(database, "2026-01-01", "", plan="P", card="A1").accepted == 1
    assert use_of(database, "2026-01-01", "", plan="Q").shown == 0
    assert use_of(database, "2026-02-01", "").decisions == 0
    database.close()


def test_numbers_come_as_csv_that_no_spreadsheet_runs(site: Site) -> None:
    loaded = site.example("V02")
    told = site.post("/playground/decide", {**loaded, "facts": {}})
    card = json.loads(told["response"])["cards"][0]["uuid"]
    reason = {"reason": {"code": "x", "system": "s", "display": "=1+1"}}
    item = {"card": card, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": "2026-11-20T00:00:00Z"}
    site.post(f"/playground/feedback/{loaded['service']}", {"feedback": [item]})
    answer = site.client().get("/use/reasons.csv?days=400&tries=on")
    assert answer.content_type.startswith("text/csv")
    assert "'=1+1" in answer.get_data(as_text=True)


def test_a_changed_rating_is_told(site: Site) -> None:
    written = Path("plandefinitions/scenarios/vcf-imaging.yaml").read_text()
    changed = written.replace("rating: usually-not-appropriate", "rating: may-be-appropriate", 1).replace(
        "version: 1.0.0", "version: 1.1.0", 1
    )
    files = {"files": (io.BytesIO(changed.encode()), "vcf-imaging.yaml")}
    answer = site.client().post("/plans/differences", data=files, content_type="multipart/form-data")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "<td>Rating</td>" in text
    assert "usually not appropriate" in text
    assert "|1.1.0" in text
    same = {"files": (io.BytesIO(written.encode()), "vcf-imaging.yaml")}
    answer = site.client().post("/plans/differences", data=same, content_type="multipart/form-data")
    assert "No differences" in answer.get_data(as_text=True)


def test_other_files_are_not_compared(site: Site) -> None:
    files = {"files": (io.BytesIO(b"x"), "../../evil.py")}
    answer = site.client().post("/plans/differences", data=files, content_type="multipart/form-data")
    assert answer.status_code == 400
