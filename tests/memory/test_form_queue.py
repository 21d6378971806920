"""Calls on their way to where they lie: written together, in time, and never in the way of a call."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from cds_service.memory import form_queue
from cds_service.memory.form_queue import CallQueue, Told


def told(number: int, size: int = 10) -> Told:
    return Told(f"call-{number}", 1300, b"a" * size)


def test_calls_are_written_together_and_in_order() -> None:
    written: list[Sequence[Told]] = []
    queue = CallQueue(written.append)
    for number in range(600):
        queue.add(told(number))
    queue.flush()
    assert [call.call_id for batch in written for call in batch] == [f"call-{number}" for number in range(600)]
    assert 2 < len(written) < 20


def test_calls_are_written_without_a_further_one() -> None:
    written: list[Sequence[Told]] = []
    queue = CallQueue(written.append)
    queue.add(told(1))
    for _ in range(200):
        if written:
            break
        time.sleep(0.01)
    assert len(written) == 1
    queue.flush()


def test_it_goes_on_after_it_was_flushed() -> None:
    written: list[Sequence[Told]] = []
    queue = CallQueue(written.append)
    queue.flush()
    for number in (1, 2):
        queue.add(told(number))
        queue.flush()
        assert len(written) == number


def test_when_more_come_than_can_be_written_the_log_names_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(form_queue, "_MOST_BYTES", 1000)
    monkeypatch.setattr(form_queue, "GATHER_SECONDS", 10.0)
    written: list[Sequence[Told]] = []
    queue = CallQueue(written.append)
    for number in range(5):
        queue.add(told(number, 600))
    assert [record.__dict__["id"] for record in caplog.records] == ["call-2", "call-3", "call-4"]
    queue.flush()
    assert [call.call_id for batch in written for call in batch] == ["call-0", "call-1"]
    queue.add(told(5))  # and there is room again
    queue.flush()
    assert len(written) == 2


def test_what_cannot_be_written_is_named_and_the_next_is_written(caplog: pytest.LogCaptureFixture) -> None:
    written: list[str] = []

    def write(calls: Sequence[Told]) -> None:
        if calls[0].call_id == "call-1":
            raise RuntimeError("told")
        written.extend(call.call_id for call in calls)

    queue = CallQueue(write)
    for number in (1, 2):
        queue.add(told(number))
        for _ in range(200):
            if not queue._queue and (written or caplog.records):
                break
            time.sleep(0.01)
    queue.flush()
    assert [record.__dict__["id"] for record in caplog.records] == ["call-1"]
    assert written == ["call-2"]
