from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.cli.main import COMMANDS, main
from cds_service.hooks.cards import Card, CardOrigin, Response, Source
from cds_service.hooks.feedback import FeedbackEvent
from cds_service.hooks.profiles import ClientProfile
from cds_service.memory.database import open_database
from cds_service.memory.decisions import DecisionStore, Kept
from cds_service.memory.feedback import FeedbackStore
from cds_service.memory.migrations import migrate

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["feedback", "--nonsense"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: cds-service" in capsys.readouterr().err


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for command in ("serve", "check", "replay", "apply", "explain", "cql", "feedback"):
        assert f"{command} " in told
    assert all(says for says in COMMANDS.values())


def test_a_failure_is_a_sentence_and_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CDS_DATABASE_URL", "nonsense")
    assert main(["feedback"]) == 1
    assert "CDS_DATABASE_URL must begin with" in capsys.readouterr().err


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/memory.sqlite"
    monkeypatch.setenv("CDS_DATABASE_URL", url)
    database = open_database(url)
    migrate(database)
    cards = tuple(Card(f"c{n}", "Said", "info", Source("S"), origin=CardOrigin("plan|1", "rating")) for n in range(3))
    decisions = DecisionStore(database, records_member="m")
    decisions.keep(Kept("call", AT, "vcf-order-sign", "order-sign", "any", ("plan|1",), Response(cards), "p1"))
    decisions.flush()
    events = [
        FeedbackEvent("c0", "accepted", AT, ("s",)),
        FeedbackEvent("c1", "overridden", AT, reason_code="patient-refuses", reason_display="Patient declines"),
        FeedbackEvent("unknown", "overridden", AT),
    ]
    FeedbackStore(database).keep("vcf-order-sign", ClientProfile(), events)
    database.close()


@pytest.mark.usefixtures("remembered")
def test_feedback_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback"]) == 0
    told = capsys.readouterr().out
    assert "rating: 3 shown, 1 accepted, 1 overridden, 50% of the answered ones accepted" in told
    assert "overridden 1 x: patient-refuses" in told
    assert "1 event(s) name a card that is not known here" in told


@pytest.mark.usefixtures("remembered")
def test_feedback_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback", "--json", "--service", "vcf-order-sign"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unmatched"] == 1
    assert {line.get("card"): line["shown"] for line in told["cards"]} == {"rating": 3, None: 0}
    assert main(["feedback", "--json", "--service", "other"]) == 0
    assert json.loads(capsys.readouterr().out) == {"cards": [], "unmatched": 0}


def test_no_feedback_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CDS_DATABASE_URL", f"sqlite:///{tmp_path}/memory.sqlite")
    assert main(["feedback"]) == 0
    assert capsys.readouterr().out == "No cards and no feedback yet.\n"
