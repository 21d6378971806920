"""`cds-service cql`: values, traces, types, code and mistakes on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.cli.main import main
from tests.cql.patients import HEAD, kilograms, observation

LOGIC = f"""{HEAD}include Shared
parameter "Limit" Decimal default 60
context Patient
define "Weights": [Observation: "weight"]
define "Heaviest": Max("Weights" O return O.value as FHIR.Quantity)
define "Is heavy": "Heaviest".value > "Limit" and Shared."Counts"
// @fact smokes
define "Smokes": null as Boolean
define "At risk": "Smokes" and "Is heavy"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with another that it includes, one with a mistake that nothing uses, and a patient."""
    (tmp_path / "logic.cql").write_text(LOGIC)
    (tmp_path / "shared.cql").write_text('library Shared\ndefine "Counts": true\n')
    (tmp_path / "broken.cql").write_text("library Broken\ndefine \"Wrong\": 1 + 'a'\n")
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"}
    entries = [{"resource": each} for each in (patient, observation("w1", "weight", "2025-01-10", **kilograms(70)))]
    (tmp_path / "data.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return tmp_path


def test_every_definition_is_printed_with_its_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cql", str(folder / "logic.cql"), "--data", str(folder / "data.json")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Weights = {Observation/w1}",
        "Heaviest = 70 'kg'",
        "Is heavy = true",
        "Smokes = null",
        "At risk = null",
    ]


def test_a_trace_says_what_a_value_rests_on_and_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cql", str(folder / "logic.cql"), "--data", str(folder / "data.json"), "--define", "At risk"]
    assert main([*arguments, "--trace"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "At risk = null"
    assert "    from Observation/w1.value, @2025-01-10T" in lines
    assert "    because Test.Is heavy = true" in lines
    assert lines[-1] == "    needs Test.Smokes (if true: true, if false: false)"


def test_machines_get_json_and_parameters_are_bound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cql", str(folder / "logic.cql"), "--data", str(folder / "data.json"), "--define", "Is heavy"]
    assert main([*arguments, "--parameter", "Limit=80", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"Is heavy": {"value": False, "type": "Boolean"}}


def test_types_and_code_can_be_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cql", str(folder / "logic.cql"), "--show", "types"]) == 0
    assert "Weights: List<FHIR.Observation>" in capsys.readouterr().out
    assert main(["cql", str(folder / "logic.cql"), "--define", "Is heavy", "--show", "python"]) == 0
    assert '# Test."Is heavy"' in capsys.readouterr().out


def test_mistakes_are_shown_with_their_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cql", str(folder / "broken.cql")]) == 1
    shown = capsys.readouterr().err
    assert "broken.cql:2:17: `+` does not take Integer and String." in shown
    assert "    define \"Wrong\": 1 + 'a'\n                    ^^^^^^^" in shown


def test_a_file_that_is_not_there_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cql", str(folder / "nowhere.cql")]) == 2
    assert "is no file" in capsys.readouterr().err


def test_a_parameter_that_nobody_declares_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cql", str(folder / "logic.cql"), "--data", str(folder / "data.json")]
    assert main([*arguments, "--parameter", "Limt=5"]) == 2
    assert 'There is no parameter "Limt". There are: Limit.' in capsys.readouterr().err


@pytest.mark.parametrize("value", ["4", "Coalesce(Weight, 4)"])
def test_messages_of_the_logic_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    file = tmp_path / "told.cql"
    file.write_text(
        "library Told\nparameter Weight Integer\n"
        f"define A: Message({value}, {value} > 3, 'W1', 'Warning', 'rather much')\n"
        f"define B: Message({value}, {value} > 5, 'W2', 'Warning', 'far too much')\n"
    )
    assert main(["cql", str(file)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == ["A = 4", "B = 4"]
    assert told.err == "warning W1: rather much\n"
