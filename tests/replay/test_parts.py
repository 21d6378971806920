"""Runs in parts: they add up, they continue, they are done once, and a process that dies takes nothing with it."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from cds_service.replay.failures import ReplayError
from cds_service.replay.inputs import Item, Slice, slices_of
from cds_service.replay.local_engine import run_parts
from cds_service.replay.parts import open_parts
from cds_service.replay.progress import Progress
from cds_service.replay.results import CardLine, Result, comparable, read_results
from cds_service.replay.tallies import Tally, in_words, tally
from tests.replay.results import record, result


def answer(item: Item) -> Result:
    number = int(item.body)
    return Result(
        id=item.place,
        service="s",
        records=(record(rating="good" if number % 3 else "bad", absolute=["A1"], mustAsk=["q"]),),
        cards=(CardLine(f"number {number}", "info"),),
        milliseconds=number / 10,
    )


@pytest.fixture
def slices(tmp_path: Path) -> list[Slice]:
    (tmp_path / "in.ndjson").write_text("".join(f"{number}\n" for number in range(200)))
    return slices_of([str(tmp_path / "in.ndjson")], tmp_path / "work", 100)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_run_gives_all_results_in_the_order_of_the_input(tmp_path: Path, slices: list[Slice], processes: int) -> None:
    parts = open_parts(tmp_path / "run", slices, "x")
    done = dict(run_parts(parts, answer, processes))
    assert sorted(done) == list(range(len(slices)))
    parts.join(tmp_path / "out.ndjson")
    assert [each.cards[0].summary for each in read_results(tmp_path / "out.ndjson")] == [
        f"number {n}" for n in range(200)
    ]
    assert parts.tally().calls == 200
    assert parts.missing() == []


def test_a_run_that_was_interrupted_continues_where_it_was(tmp_path: Path, slices: list[Slice]) -> None:
    seen: list[int] = []

    def failing(item: Item) -> Result:
        if int(item.body) == 120:
            raise KeyboardInterrupt
        seen.append(int(item.body))
        return answer(item)

    with pytest.raises(KeyboardInterrupt):
        list(run_parts(open_parts(tmp_path / "run", slices, "x"), failing, 1))
    parts = open_parts(tmp_path / "run", slices, "x")
    assert 0 < len(parts.missing()) < len(slices)
    again: list[int] = []

    def noting(item: Item) -> Result:
        again.append(int(item.body))
        return answer(item)

    list(run_parts(parts, noting, 1))
    assert parts.tally().calls == 200
    assert not set(again) & {number for number in seen if number < min(again)}
    assert [each.cards[0].summary for path in parts.paths() for each in read_results(path)] == [
        f"number {n}" for n in range(200)
    ]


@pytest.mark.parametrize("fingerprint", ["x", "y"])
def test_another_run_begins_anew(tmp_path: Path, slices: list[Slice], fingerprint: str) -> None:
    list(run_parts(open_parts(tmp_path / "run", slices, "x"), answer, 1))
    missing = open_parts(tmp_path / "run", slices, fingerprint).missing()
    assert len(missing) == (0 if fingerprint == "x" else len(slices))


def test_a_run_over_input_that_was_written_anew_begins_anew(tmp_path: Path, slices: list[Slice]) -> None:
    list(run_parts(open_parts(tmp_path / "run", slices, "x"), answer, 1))
    os.utime(tmp_path / "in.ndjson", (1, 1))
    assert len(open_parts(tmp_path / "run", slices, "x").missing()) == len(slices)


def test_a_process_that_dies_ends_the_run_and_the_next_one_continues(tmp_path: Path, slices: list[Slice]) -> None:
    mark = tmp_path / "died"

    def dying(item: Item) -> Result:
        if int(item.body) == 150 and not mark.exists():
            mark.touch()
            os._exit(9)
        return answer(item)

    with pytest.raises(ReplayError, match="died"):
        list(run_parts(open_parts(tmp_path / "run", slices, "x"), dying, 2))
    parts = open_parts(tmp_path / "run", slices, "x")
    list(run_parts(parts, dying, 2))
    assert parts.tally().calls == 200


def test_a_run_that_is_given_up_leaves_no_process_at_work(tmp_path: Path, slices: list[Slice]) -> None:
    def slow(item: Item) -> Result:
        time.sleep(0.02)
        return answer(item)

    others = set(multiprocessing.active_children())
    parts = open_parts(tmp_path / "run", slices, "x")
    run = run_parts(parts, slow, 2)
    next(run)
    run.close()
    deadline = time.monotonic() + 30
    while (left := set(multiprocessing.active_children()) - others) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    assert len(parts.missing()) > len(slices) // 2


def test_tallies_of_parts_add_up_to_that_of_the_whole() -> None:
    results = [answer(Item("x", str(number).encode())) for number in range(100)]
    results += [
        result(failure="broken-item"),
        result(record(failed=["R1"]), unreadable=("Condition",), set_aside=("a", "b")),
    ]
    random.Random(1).shuffle(results)
    whole, parts = tally(results), Tally()
    for start in range(0, len(results), 7):
        parts.merge(tally(results[start : start + 7]))
    assert parts.as_json() == whole.as_json()
    told = whole.as_json()
    assert (told["calls"], told["failed"], told["set_aside"], told["partial_data"]) == (102, 2, 2, 1)
    assert told["ratings"] == {"good": 66, "bad": 34}
    assert told["questions"] == {"q": 100}
    assert told["rules"] == {"A1": 100}
    assert told["failures"] == {"broken-item": 1, "logic: R1": 1}
    assert told["milliseconds"]["p50"] == pytest.approx(5, rel=0.06)
    assert "102 calls, 51 calls/s: 2 failed" in in_words(whole, 2.0)


def test_the_time_a_call_took_is_no_difference() -> None:
    assert comparable(result(milliseconds=1.0)) == comparable(result(milliseconds=2.0))
    assert comparable(result(record())) != comparable(result())


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("make", [StringIO, Terminal])
def test_progress_shows_on_a_terminal_only(make: Callable[[], StringIO]) -> None:
    stream = make()
    progress = Progress(1000, stream)
    progress.add(500, 10)
    assert progress.line(10.0) == " 50%  10 calls  1/s  0:10 left"
    progress.close()
    assert bool(stream.getvalue()) is stream.isatty()
