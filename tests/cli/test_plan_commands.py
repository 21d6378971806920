"""cds-service check, apply and explain, called as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli.main import main
from tests.knowledge.test_loading import PLAN_YAML, SMALL_CQL, folder

PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
CASE = """
says: A woman of 75.
hook: patient-view
resources: [{resourceType: Patient, id: p, birthDate: "1950-01-01"}]
expect_cards: [{summary: Old enough}]
"""


def site(path: Path, **files: str) -> str:
    return str(folder(path, **{"plan__yaml": PLAN_YAML, "logic__cql": SMALL_CQL, **files}))


def cases(path: Path, text: str) -> str:
    file = path / "case.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_good_content_and_good_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", site(tmp_path), "--cases", cases(tmp_path, CASE)]) == 0
    assert "1 of 1 cases as expected" in capsys.readouterr().out


def test_a_case_that_fails_is_shown_with_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = cases(tmp_path, CASE.replace("1950-01-01", "2010-01-01"))
    assert main(["check", site(tmp_path), "--cases", wrong, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert "Old enough" in report["cases"][0]["differences"][0]


SMOKER_CASES = """
says: A smoker.
hook: patient-view
resources: [{resourceType: Patient, id: p, birthDate: "1950-01-01"}]
facts: {smokes: true}
expect: {status: advisory}
expect_cards: [{summary: Old enough}]
---
says: Nobody knows.
hook: patient-view
resources: [{resourceType: Patient, id: p, birthDate: "1950-01-01"}]
expect: {status: ask, mustAsk: [smokes]}
"""
SMOKES = """
// @fact smokes
define "Old enough": First([Observation] O where exists (O.code.coding C where C.system = 'http://example.org/facts')
  return (O.value as FHIR.boolean).value)
"""


def test_cases_of_a_plain_plan_assert_its_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asking = PLAN_YAML + 'cds: {policy: {facts: "http://example.org/facts"}}\n'
    logic = SMALL_CQL[: SMALL_CQL.index("define")] + SMOKES
    home = site(tmp_path, plan__yaml=asking, logic__cql=logic)
    assert main(["check", home, "--cases", cases(tmp_path, SMOKER_CASES)]) == 0
    assert "every rule, check, rating and fact is reached" in capsys.readouterr().out


def test_wrong_content_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", site(tmp_path, logic__cql=SMALL_CQL + "define Bad: 1 + true")]) == 1
    assert "logic.cql:6" in capsys.readouterr().err


def test_a_case_file_that_is_missing_or_no_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = site(tmp_path)
    assert main(["check", home, "--cases", str(tmp_path / "nowhere")]) == 2
    assert main(["check", str(tmp_path / "nowhere")]) == 2
    assert main(["check", home, "--cases", cases(tmp_path, "a: [")]) == 1
    assert "No YAML" in capsys.readouterr().err


def test_a_plan_is_applied_and_shown_as_a_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}))
    assert main(["apply", "small", "--data", str(data), "--content", site(tmp_path), "--as-of", "2025-06-15"]) == 0
    assert "+ Old enough" in capsys.readouterr().out
    arguments = ["apply", "small", "--data", str(data), "--content", str(tmp_path), "--as-of", "2000-06-15", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["resourceType"] == "CarePlan"


@pytest.mark.parametrize(
    "arguments", [["apply", "nonsense"], ["apply", "small", "--subject", "Patient/x", "--data", "nowhere.json"]]
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps(PATIENT))
    given = arguments if "--data" in arguments else [*arguments, "--data", str(data)]
    assert main([*given, "--content", site(tmp_path)]) == 2


def test_a_request_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"userId": "Practitioner/1", "patientId": "p"},
        "prefetch": {"patient": PATIENT},
    }
    request = tmp_path / "request.json"
    request.write_text(json.dumps(sent))
    home = site(tmp_path)
    assert main(["explain", str(request), "--content", home, "--as-of", "2025-06-15"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "[warning] Old enough"
    assert "|1.0.0)" in shown.splitlines()[1]  # the plan and its version
    assert main(["explain", str(request), "--content", home, "--as-of", "2025-06-15", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)["tree"]
    assert tree[0]["children"][0]["result"] == "yes"
