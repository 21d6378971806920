"""The whole of it with the content that comes with the software: made up, run, compared, spread over processes."""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases.reading import Case, read_cases
from cds_service.cli import generate as generate_command
from cds_service.cli import replay as replay_command
from cds_service.cli.main import main
from cds_service.cli.replay_plan import load_folders
from cds_service.errors import CdsError
from cds_service.fhir.structs.encoding import encode
from cds_service.hooks.rendering import render_response
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.replay import dask_engine
from cds_service.replay.deidentifying import Deidentifier
from cds_service.replay.generating import Generator, Mould, bundle, chart
from cds_service.replay.inputs import Item, slices_of
from cds_service.replay.local_engine import run_parts
from cds_service.replay.parts import Parts, open_parts
from cds_service.replay.population import Population, read_population
from cds_service.replay.results import Result, comparable, read_results
from cds_service.replay.running import Runner, RunOptions
from cds_service.replay.strictness import faults
from cds_service.replay.tallies import tally
from cds_service.settings import default_content

STARTED = datetime(2025, 6, 15, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the content, which stays as it is while the tests run."""
    folder = tmp_path_factory.mktemp("content")
    for part in ("plandefinitions", "terminology"):
        shutil.copytree(default_content() / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def knowledge(content: Path) -> Knowledge:
    return load_knowledge([content])


@pytest.fixture(scope="module")
def runner(knowledge: Knowledge) -> Runner:
    return Runner(knowledge, RunOptions(started=STARTED))


@functools.cache
def moulds(plans: Path) -> tuple[list[Case], Population]:
    return list(read_cases([plans])), read_population(plans / "synthetic" / "population.yaml")


def generator(knowledge: Knowledge, content: Path, size: int = 8_000, seed: int = 1) -> Generator:
    cases, population = moulds(content / "plandefinitions")
    return Generator(knowledge, cases, population, Mould(size=size), seed)


@pytest.fixture(scope="module")
def calls(knowledge: Knowledge, content: Path) -> list[dict[str, Any]]:
    made = generator(knowledge, content)
    return [made.request(number) for number in range(made.cases + 60)]


@pytest.fixture(scope="module")
def results(runner: Runner, calls: list[dict[str, Any]]) -> list[Result]:
    return [runner.run(Item(f"call {number}", encode(call))) for number, call in enumerate(calls)]


# -- generator ------------------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_patients(knowledge: Knowledge, content: Path) -> None:
    one, same, other = (generator(knowledge, content, seed=seed) for seed in (1, 1, 2))
    assert [one.request(number) for number in range(5)] == [same.request(number) for number in range(5)]
    assert one.request(3) != other.request(3)


@pytest.mark.parametrize("size", [5_000, 50_000, 1_000_000])
def test_patients_have_the_size_that_is_asked_for(knowledge: Knowledge, content: Path, size: int) -> None:
    made = generator(knowledge, content, size)
    lengths = sorted(len(encode(made.request(number))) for number in range(7))
    assert lengths[3] == pytest.approx(size, rel=0.3)


def test_no_two_patients_share_a_resource(calls: list[dict[str, Any]]) -> None:
    seen: set[tuple[str, str]] = set()
    for call in calls:
        own = {(resource["resourceType"], resource["id"]) for resource in chart(call) if "id" in resource}
        assert not own & seen
        seen |= own


def test_every_scenario_and_every_rule_of_a_decision_is_reached(knowledge: Knowledge, results: list[Result]) -> None:
    counted = tally(results)
    assert counted.failed == 0, counted.places
    groups = [
        group
        for service in knowledge.services.values()
        if service.deciding
        for group in service.deciding.knowhow.groups
    ]
    scenarios = {alternative.id for group in groups for alternative in group.alternatives}
    assert scenarios <= set(counted.scenarios)
    rules = {
        rule.id
        for service in knowledge.services.values()
        if service.deciding
        for rule in service.deciding.knowhow.rules.rules
        if rule.severity and rule.action.conditions
    }
    assert rules <= set(counted.rules), sorted(rules - set(counted.rules))
    assert len(counted.ratings) == 3
    assert {"decided", "ask", "no-variant", "not-rated", "advisory"} <= set(counted.statuses)


def test_noise_does_not_bear_on_decisions(knowledge: Knowledge, content: Path, runner: Runner) -> None:
    bare, full = generator(knowledge, content, 0), generator(knowledge, content, 40_000)
    for number in range(0, bare.cases, 5):
        one, other = (runner.run(Item("x", encode(each.request(number)))) for each in (bare, full))
        assert one.records == other.records, number


def test_what_is_made_up_is_fhir(calls: list[dict[str, Any]]) -> None:
    wrong = [fault for call in calls[:400:20] for fault in faults(encode(call))]
    # The cases themselves leave out what does not matter to them.
    assert [fault for fault in wrong if not fault.endswith((": missing", "model_type"))] == []


# -- the same decision whatever the form ----------------------------------------------------------------------------


def decision(result: Result) -> tuple[Any, ...]:
    return (result.records, result.failure)


def test_a_bundle_is_decided_as_the_request_that_it_came_from(
    runner: Runner, calls: list[dict[str, Any]], results: list[Result]
) -> None:
    compared = 0
    for call, result in zip(calls[::4], results[::4], strict=True):
        if result.hook == "order-sign" and not result.unreadable:
            assert decision(runner.run(Item("x", encode(bundle(call))))) == decision(result), result.id
            compared += 1
    assert compared > 50


def test_an_export_is_decided_as_the_bundles_that_it_came_from(
    tmp_path: Path, runner: Runner, calls: list[dict[str, Any]], results: list[Result]
) -> None:
    chosen = [
        (call, result) for call, result in zip(calls[:40], results[:40], strict=True) if result.hook == "order-sign"
    ]
    for call, _ in chosen:
        for resource in chart(call):
            with (tmp_path / f"{resource['resourceType']}.ndjson").open("ab") as stream:
                stream.write(encode(resource) + b"\n")
    parts = open_parts(tmp_path / "run", slices_of([str(tmp_path)], tmp_path / "work"), "x")
    list(run_parts(parts, runner.run, 1))
    found = {result.patient: result for path in parts.paths() for result in read_results(path)}
    assert set(found) == {result.patient for _, result in chosen}
    assert all(result.failure is None for result in found.values())


def test_a_call_without_names_is_decided_as_it_was(
    runner: Runner, calls: list[dict[str, Any]], results: list[Result]
) -> None:
    tool = Deidentifier(b"key", keep_text=True)
    for call, result in zip(calls[::9], results[::9], strict=True):
        again = runner.run(Item("x", tool.item(encode(call))))
        shown = [{name: value for name, value in record.items() if name not in _NAMED} for record in again.records]
        assert shown == [
            {name: value for name, value in record.items() if name not in _NAMED} for record in result.records
        ]


_NAMED = ("order", "subject", "evidence")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"not json", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b'{"x":' + b"[" * 100_000, "nested too deep"),
        (b"{}", "neither a hook request nor a Bundle"),
        (b'{"hook": "none-such"}', "No service answers the hook none-such"),
        (b'{"hook": "order-sign"}', "is missing"),
        (b'{"resourceType": "Bundle", "entry": []}', "has 0 Patient resources"),
        (b'{"asOf": "yesterday", "request": {"hook": "order-sign"}}', "is no date and time"),
        (b'{"resourceType": "Patient", "id": "p"}', "neither a hook request nor a Bundle"),
    ],
)
def test_a_broken_item_is_a_result_with_its_reason(runner: Runner, body: bytes, told: str) -> None:
    result = runner.run(Item("f.ndjson:7", body))
    assert (result.id, result.failed) == ("f.ndjson:7", True)
    assert result.failure is not None
    assert told in result.failure.what


def test_the_decision_time_is_the_given_or_the_recorded_one(
    knowledge: Knowledge, runner: Runner, calls: list[dict[str, Any]]
) -> None:
    call = calls[0]
    member = f"{knowledge.namespace}.asOf"
    assert runner.run(Item("x", encode(call))).as_of == datetime.fromisoformat(call["extension"][member]).isoformat()
    bare = {**call, "extension": {}}
    recording = {"asOf": "2024-03-01T00:00:00Z", "request": bare}
    assert runner.run(Item("x", encode(recording))).as_of == "2024-03-01T00:00:00+00:00"
    assert runner.run(Item("x", encode(bare))).as_of == STARTED.isoformat()
    given = Runner(knowledge, RunOptions(as_of=datetime(2020, 1, 1, tzinfo=UTC)))
    assert given.run(Item("x", encode(recording))).as_of == "2020-01-01T00:00:00+00:00"


# -- several processes ----------------------------------------------------------------------------------------------


def test_dask_workers_give_the_same_results_though_one_is_killed(
    tmp_path: Path, content: Path, runner: Runner, calls: list[dict[str, Any]]
) -> None:
    distributed = pytest.importorskip("distributed")
    some = calls[::4]
    (tmp_path / "in.ndjson").write_bytes(b"".join(encode(call) + b"\n" for call in some))
    slices = slices_of([str(tmp_path / "in.ndjson")], tmp_path / "work", 100_000)
    assert len(slices) > 5
    local = open_parts(tmp_path / "local", slices, "x")
    list(run_parts(local, runner.run, 1))
    spread = open_parts(tmp_path / "spread", slices, "x")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        running = dask_engine.run_parts(
            spread, [content], runner.knowledge.base, RunOptions(started=STARTED), cluster.scheduler_address, 2
        )
        next(running)
        victim = next(iter(cluster.workers.values()))
        os.kill(victim.pid, signal.SIGKILL)
        list(running)
    assert texts(spread) == texts(local)
    assert spread.tally().calls == len(some)


def texts(parts: Parts) -> list[bytes]:
    return [comparable(result) for path in parts.paths() for result in read_results(path)]


# -- the command ----------------------------------------------------------------------------------------------------


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
