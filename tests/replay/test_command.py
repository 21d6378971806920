"""The commands with the content that comes with the software: results, baselines, expectations, wrong usage."""

from __future__ import annotations

import argparse
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli import generate as generate_command
from cds_service.cli import replay as replay_command
from cds_service.cli.main import main
from cds_service.cli.replay_plan import load_folders
from cds_service.errors import CdsError
from cds_service.fhir.structs.encoding import encode
from cds_service.hooks.rendering import render_response
from cds_service.knowledge.knowledge import Knowledge
from cds_service.replay.generating import bundle
from cds_service.replay.inputs import Item
from cds_service.replay.running import Runner


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, calls: list[dict[str, Any]]) -> Path:
    file = tmp_path_factory.mktemp("inputs") / "calls.ndjson"
    file.write_bytes(b"".join(encode(call) + b"\n" for call in calls[::12]))
    return file


@pytest.fixture
def replay(content: Path, knowledge: Knowledge) -> Callable[..., int]:
    """The command, with the content of this module loaded once for all."""

    def load_content(folders: Sequence[Path], base: str) -> Knowledge:
        return knowledge if list(folders) == [content] else load_folders(folders, base)

    def run(*arguments: object) -> int:
        parser = argparse.ArgumentParser()
        replay_command.add_parser(parser.add_subparsers())
        return replay_command.replay(
            parser.parse_args(["replay", *map(str, arguments), "--processes", "1"]), load_content
        )

    return run


def test_a_run_against_the_same_content_finds_nothing(
    replay: Callable[..., int], inputs: Path, content: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(inputs, "--content", content, "--baseline", content, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["failed"] == 0
    assert told["baseline"]["changed"] == 0


def test_a_changed_threshold_is_named_as_the_reason(
    replay: Callable[..., int], tmp_path: Path, inputs: Path, content: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(content, changed)
    file = next(
        each for each in sorted((changed / "plandefinitions").rglob("*.cql")) if "default 1.5" in each.read_text()
    )
    file.write_text(file.read_text().replace("default 1.5", "default 2.9", 1))
    page = tmp_path / "report.html"
    status = replay(
        inputs,
        "--content",
        changed,
        "--baseline",
        content,
        "--html",
        page,
        "--junit",
        tmp_path / "j.xml",
        "--json",
        "--out",
        tmp_path / "results.ndjson",
    )
    told = json.loads(capsys.readouterr().out)["baseline"]
    assert status == 1
    assert told["changed"] > 0
    assert told["changed"] < told["calls"] / 4
    reasons = {each["reason"] for kind in told["kinds"].values() for each in kind["reasons"]}
    assert len(reasons) == 1
    assert "1.5 → 2.9" in reasons.pop()
    assert "1.5 → 2.9" in page.read_text(encoding="utf-8")
    backwards = [inputs, "--content", content, "--baseline", tmp_path / "results.ndjson"]
    assert replay(*backwards, "--json") == 1
    kinds = json.loads(capsys.readouterr().out)["baseline"]["kinds"]
    assert replay(*backwards, *(part for kind in kinds for part in ("--allow", kind))) == 0


def test_a_code_that_is_mapped_otherwise_is_named_and_nothing_else(
    replay: Callable[..., int], tmp_path: Path, inputs: Path, content: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(content, changed)
    file = next((changed / "terminology").rglob("orders-to-procedures-cpt.json"))
    resource = json.loads(file.read_bytes())
    for group in resource["group"]:
        group["element"] = [element for element in group["element"] if element["code"] != "72148"]
    file.write_text(json.dumps(resource), encoding="utf-8")
    rules = changed / "plandefinitions" / "rules" / "contraindications.yaml"
    rules.write_text(rules.read_text().replace('title: "fever"', 'title: "high fever"', 1))  # no patient here has it
    assert replay(inputs, "--content", changed, "--baseline", content, "--json") == 1
    kinds = json.loads(capsys.readouterr().out)["baseline"]["kinds"]
    reasons = [each["reason"] for each in kinds["decision gone"]["reasons"]]
    assert len(reasons) == 1
    assert "72148 as " in reasons[0]


@pytest.mark.parametrize(
    ("file", "old", "new", "kind", "told"),
    [
        (
            "rules/contraindications.cql",
            'not Imaging."Marrow edema"\n    and not Imaging."Cleft in the vertebra"',
            'not Imaging."Marrow edema"',
            "question (safetyAsk) gone",
            "definition Contraindications.ABS-R3",
        ),
        (
            "scenarios/vcf-treatment.yaml",
            'says: "malignant fracture with mechanical pain"',
            'says: "painful fracture in cancer"',
            "only words",
            "(says): malignant fracture with mechanical pain → painful fracture in cancer",
        ),
        (
            "facts/fracture-facts.cql",
            "Quantity default 13 'wk'",
            "Quantity default 12 'wk'",
            "only words",
            "threshold FractureFacts.New within: 13 'wk' → 12 'wk'",
        ),
    ],
)
def test_a_change_that_shows_in_no_value_has_its_reason_too(
    replay: Callable[..., int],
    tmp_path: Path,
    inputs: Path,
    content: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    kind: str,
    told: str,
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(content, changed)
    path = changed / "plandefinitions" / file
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    pain = changed / "terminology" / "valuesets" / "back-pain.json"  # much rests on it, and little changes with it
    pain.write_text(pain.read_text(encoding="utf-8").replace('"M54.6"', '"M54.5"', 1), encoding="utf-8")
    with (changed / "plandefinitions" / "facts" / "tumor-facts.cql").open("a", encoding="utf-8") as stream:
        stream.write('\ndefine "Used by nothing": true\n')
    assert replay(inputs, "--content", changed, "--baseline", content, "--json") == 1
    found = json.loads(capsys.readouterr().out)["baseline"]["kinds"][kind]
    first = found["reasons"][0]
    assert told in first["reason"]
    assert first["calls"] >= found["calls"] - 1  # the words of one say another origin of the pain


def test_results_are_a_baseline_for_later_runs(
    replay: Callable[..., int], tmp_path: Path, inputs: Path, content: Path
) -> None:
    out = tmp_path / "results.ndjson"
    assert replay(inputs, "--content", content, "--out", out, "--parquet", tmp_path / "results.parquet") == 0
    assert not out.with_name("results.ndjson.parts").exists()
    assert (tmp_path / "results.parquet").stat().st_size > 0
    assert replay(inputs, "--content", content, "--baseline", out) == 0


class Service(BaseHTTPRequestHandler):
    """A running service, which answers with the pipeline."""

    runner: Runner

    def do_GET(self) -> None:
        offers = self.runner.knowledge.services.values()
        self.answer(encode({"services": [{"id": each.id, "hook": each.hook} for each in offers]}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(render_response(self.runner.decide(self.runner.call(Item("peer", body))).response))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def peer(runner: Runner) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Service,), {"runner": runner}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("form", "options"),
    [("requests", []), ("requests", ["--as-of", "2031-01-01"]), ("recordings", []), ("bundles", [])],
)
def test_a_running_service_is_a_baseline_at_the_same_decision_time(
    replay: Callable[..., int],
    peer: str,
    tmp_path: Path,
    calls: list[dict[str, Any]],
    content: Path,
    capsys: pytest.CaptureFixture[str],
    form: str,
    options: list[str],
) -> None:
    forms: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "requests": lambda call: call,
        "recordings": lambda call: {
            "asOf": next(iter(call["extension"].values())),
            "request": {name: part for name, part in call.items() if name != "extension"},
        },
        "bundles": bundle,
    }
    lines = [encode(forms[form](call)) + b"\n" for call in calls[::12]]
    (tmp_path / "a.ndjson").write_bytes(b"".join(lines))
    assert replay(tmp_path / "a.ndjson", "--content", content, "--baseline", peer, "--json", *options) == 0
    assert json.loads(capsys.readouterr().out)["baseline"]["changed"] == 0


def test_expectations_of_a_recording_are_held(
    replay: Callable[..., int],
    tmp_path: Path,
    calls: list[dict[str, Any]],
    content: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = next(call for call in calls if call["hook"] == "order-sign")
    lines = [{"request": call, "expect": {"status": status}} for status in ("decided", "none-such")]
    (tmp_path / "a.ndjson").write_bytes(b"".join(encode(line) + b"\n" for line in lines) + b"broken\n")
    assert replay(tmp_path / "a.ndjson", "--content", content, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["summary"]["failures"] == {"broken-item": 1}
    assert any("expected none-such" in line for line in told["unmet"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--html", "x.html"], "give --baseline"),
        (["--scheduler", "tcp://x:1"], "--engine dask"),
        (["--junit", "none/x.xml"], "cannot be written"),
        (["--out", "."], "cannot be written"),
        (["--content", "none"], "no content at none"),
        (["--baseline", "none"], "no content at none"),
        (["--hook", "nonsense"], "no hook nonsense"),
        (["--service", "nonsense"], "no service nonsense"),
        (["--baseline", "calls.ndjson"], "no results of a replay"),
        (["--baseline", "http://127.0.0.1:9"], "no CDS service"),
    ],
)
def test_what_cannot_work_is_told_before_the_run(
    replay: Callable[..., int],
    tmp_path: Path,
    inputs: Path,
    content: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(inputs.parent)
    with pytest.raises(CdsError, match=told) as caught:
        replay(inputs, *([] if "--content" in arguments else ["--content", content]), *arguments)
    assert caught.value.code in ("usage", "unusable-input")


def test_an_order_that_is_named_is_decided_whatever_its_status(
    replay: Callable[..., int],
    tmp_path: Path,
    calls: list[dict[str, Any]],
    content: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chart = bundle(next(call for call in calls if call["hook"] == "order-sign"))
    order = next(each["resource"] for each in chart["entry"] if each["resource"].get("status") == "draft")
    order["status"] = "active"
    (tmp_path / "a.json").write_bytes(encode(chart))
    assert replay(tmp_path / "a.json", "--content", content, "--json", "--order", f"ServiceRequest/{order['id']}") == 0
    assert json.loads(capsys.readouterr().out)["summary"]["services"] == {"vcf-order-sign": 1}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--size", "9MB"),
        ("--size", "100"),
        ("--size", "much"),
        ("--patients", "-3"),
        ("--varied", "7"),
        ("--varied", "x"),
    ],
)
def test_what_cannot_be_made_is_wrong_usage(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["generate", "--out", str(tmp_path / "x.ndjson"), option, value])
    assert caught.value.code == 2


def test_the_generator_and_the_deidentifier_have_commands(
    replay: Callable[..., int], tmp_path: Path, content: Path, knowledge: Knowledge
) -> None:
    parser = argparse.ArgumentParser()
    generate_command.add_parser(parser.add_subparsers())
    out = tmp_path / "made.ndjson.gz"
    for form in (["--out", str(out), "--size", "6KB"], ["--out", str(tmp_path / "bulk"), "--form", "bulk"]):
        args = parser.parse_args(["generate", "--patients", "4", "--content", str(content), *form])
        assert generate_command.generate(args, lambda folders, base: knowledge) == 0
    assert (tmp_path / "bulk" / "Patient.ndjson").read_bytes().count(b"\n") == 4
    assert main(["deidentify", str(out), "--out", str(tmp_path / "clean.ndjson")]) == 0
    assert (tmp_path / "clean.ndjson").read_bytes().count(b"\n") == 4
    assert main(["deidentify", str(tmp_path / "bulk"), "--out", str(tmp_path / "patients.ndjson.gz")]) == 0
    assert replay(tmp_path / "patients.ndjson.gz", "--content", content, "--as-of", "2025-06-15") == 0
    assert main(["deidentify", str(out), "--out", str(out)]) == 2
    again = parser.parse_args(["generate", "--patients", "4", "--out", str(tmp_path / "b.ndjson.gz"), "--size", "6KB"])
    assert generate_command.generate(again, lambda folders, base: knowledge) == 0
    assert (tmp_path / "b.ndjson.gz").read_bytes() == out.read_bytes()
    assert replay(tmp_path / "clean.ndjson", "--content", content) == 0
