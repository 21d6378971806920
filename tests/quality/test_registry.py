"""A registry with known true rates: the report finds the operator who exceeds and does not accuse bad luck."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.main import main
from tests.quality.registry import registry

COMMAND = ["quality", "--period", "2022-01-01/2024-12-31", "--as-of", "2026-06-01", "--by", "operator,etiology"]
MEASURES = ["--measure", "vcf-major-complications", "--measure", "vcf-success"]


@pytest.fixture(name="lines", scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.ndjson"
    path.write_text("\n".join(registry()) + "\n", encoding="utf-8")
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main([*COMMAND, *MEASURES, "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def flags(found: dict[str, Any]) -> dict[str, str]:
    return {
        row["stratum"]: row["flag"]
        for row in found["figures"]
        if row["measure"] == "vcf-major-complications" and row["split"] == "operator / etiology"
    }


def test_the_report_names_the_one_who_exceeds_and_nobody_else(
    lines: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    status, found = told(capsys, str(lines), "--processes", "1", "--html", str(page))
    assert status == 1
    assert found["patients"] == 1629
    assert found["refused"] == []
    judged = flags(found)
    assert [name for name, flag in judged.items() if flag == "exceeds"] == ["Practitioner/high / osteoporosis"]
    assert judged["Practitioner/unlucky / osteoporosis"] == "small-volume"
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")  # one file, nothing from elsewhere


def test_two_dask_workers_count_as_one_process_does(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    alone = told(capsys, str(lines), "--processes", "1")
    cluster = told(capsys, str(lines), "--engine", "dask", "--processes", "2")
    assert cluster == alone


@pytest.mark.parametrize(("each", "first"), [("month", "2022-01"), ("quarter", "2022-Q1"), ("year", "2022")])
def test_a_run_chart_follows_periods_of_the_asked_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], each: str, first: str
) -> None:
    few = tmp_path / "few.ndjson"
    few.write_text("\n".join(islice(registry(), 60)) + "\n")
    arguments = ["--processes", "1", "--measure", "vcf-major-complications", "--each", each]
    main(["quality", str(few), "--period", "2022/2024", "--by", "period", "--json", *arguments])
    figures = json.loads(capsys.readouterr().out)["figures"]
    periods = [row["stratum"] for row in figures if row["split"] == "period"]
    assert periods[0] == first
    assert periods == sorted(periods)


def test_another_spelling_of_a_stratum_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "few.ndjson"
    few.write_text("\n".join(islice(registry(), 5)) + "\n")
    main(["quality", str(few), "--period", "2022/2024", "--by", "aetiology", "--measure", "vcf-volume", "--json"])
    assert "etiology" in {row["split"] for row in json.loads(capsys.readouterr().out)["figures"]}


def test_pseudonyms_leave_no_name(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = told(capsys, str(lines), "--processes", "1", "--pseudonyms")
    assert "Practitioner/" not in json.dumps(found)
    assert "exceeds" in flags(found).values()


def test_a_broken_line_is_told_with_its_place_and_the_rest_counts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "broken.ndjson"
    whole = list(registry())[:5]
    path.write_text("\n".join([*whole[:3], "{not json", *whole[3:]]) + "\n", encoding="utf-8")
    status, found = told(capsys, str(path))
    assert status == 1
    assert found["patients"] == 5
    assert [place for place, _ in found["refused"]] == [f"{path}:4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["quality", "x.ndjson", "--period", "soon"], "is no period"),
        (["quality", "nowhere.ndjson", "--period", "2024"], "nowhere.ndjson"),
        (["quality", "x.ndjson", "--period", "2024", "--measure", "none"], "There is no measure none"),
        (["quality", "x.ndjson", "--period", "2024", "--by", "colour"], "No measure is split by colour"),
    ],
)
def test_wrong_usage_gets_a_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.ndjson").write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) in (1, 2)
    assert says in capsys.readouterr().err


def test_missing_statistics_are_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("cds_service.quality", "cds_service.cli.quality"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert main(["quality", "x.ndjson", "--period", "2024"]) == 2
    assert "Install cds-service[quality]." in capsys.readouterr().err
