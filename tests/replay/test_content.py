"""The whole of it with the content that comes with the software: made up, run, compared, spread over processes."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.fhir.structs.encoding import encode
from cds_service.knowledge.knowledge import Knowledge
from cds_service.replay import dask_engine
from cds_service.replay.deidentifying import Deidentifier
from cds_service.replay.generating import bundle, chart
from cds_service.replay.inputs import Item, slices_of
from cds_service.replay.local_engine import run_parts
from cds_service.replay.parts import Parts, open_parts
from cds_service.replay.results import Result, comparable, read_results
from cds_service.replay.running import Runner, RunOptions
from cds_service.replay.strictness import faults
from cds_service.replay.tallies import tally
from tests.replay.making import STARTED, generator


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
