"""The command that looks up a code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.cli.main import main


def test_a_code_is_shown_with_its_sets_maps_and_uses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "M8008XA"]) == 0
    shown = capsys.readouterr().out
    assert "Age-related osteoporosis with current pathological fracture" in shown
    assert "vertebral-fracture-current" in shown
    assert "plandefinitions/facts/fractures.cql: vertebral-fracture-any" in shown


def test_a_code_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "http://www.ama-assn.org/go/cpt|72148", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["found"]
    assert found["display"] == "MRI lumbar spine, no contrast"
    assert {"mri-spine-wo", "lumbar"} <= {one["code"] for one in found["maps"]}


def test_a_code_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "392010000"]) == 1
    assert "Nothing is known" in capsys.readouterr().out


def test_a_text_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "--text", "h/o breast ca, comp fx L1", "--json"]) == 0
    mentions = {one["concept"]: one for one in json.loads(capsys.readouterr().out)["mentions"]}
    assert mentions["vcf_identified"]["levels"] == ["L1"]
    assert mentions["malignancy_history"]["status"] == "historical"


def test_check_finds_a_code_that_cannot_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "terminology"
    folder.mkdir()
    wrong = {"system": "http://loinc.org", "concept": [{"code": "6301-7"}]}
    value_set = {
        "resourceType": "ValueSet",
        "url": "https://hospital.example/ValueSet/x",
        "compose": {"include": [wrong]},
    }
    (folder / "x.json").write_text(json.dumps(value_set))
    assert main(["check", "--no-cases", str(tmp_path)]) == 1
    assert "LOINC 6301-7 has a wrong check digit" in capsys.readouterr().out
