"""Calls behind forms, beside SQLite and in PostgreSQL: found by every process, whole, sealed, and gone in time."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.memory import form_places
from cds_service.memory.database import Database, SqliteDatabase
from cds_service.memory.form_places import CallFiles, place_beside
from cds_service.memory.form_queue import Told
from cds_service.memory.forms import FormStore, KeptCall
from cds_service.memory.sealing import Seal

Another = Callable[[], Database]

SEAL = Seal(b"k" * 32)


def ids(number: int) -> list[str]:
    return [str(uuid.uuid5(uuid.NAMESPACE_URL, str(each))) for each in range(number)]


def test_another_process_finds_each_call_whole(another: Another) -> None:
    first, second, reader = (place_beside(another(), SEAL, lambda: 1000.0) for _ in range(3))
    named = ids(300)
    bodies = {ident: os.urandom(number * 37 % 5000) for number, ident in enumerate(named)}
    for place, some in ((first, named[:170]), (second, named[170:])):
        for number, ident in enumerate(some):
            place.write([Told(ident, 1300 + number % 90, bodies[ident])])
        place.close()
    for number, ident in [*enumerate(named[:170]), *enumerate(named[170:])][::7]:
        assert reader.read(ident, 1300 + number % 90) == bodies[ident]
        assert reader.read(ident, 1299 + number % 90) is None
    assert reader.read(str(uuid.uuid4()), 1300) is None


def test_a_call_with_another_secret_is_not_found(another: Another) -> None:
    (ident,) = ids(1)
    place = place_beside(another(), SEAL, lambda: 1000.0)
    place.write([Told(ident, 1300, b"told")])
    place.close()
    assert place_beside(another(), Seal(b"o" * 32), lambda: 1000.0).read(ident, 1300) is None


def test_a_call_ends(another: Another) -> None:
    now = [1000.0]
    first, last = ids(2)
    place = place_beside(another(), SEAL, lambda: now[0])
    place.write([Told(first, 1030, b"told")])
    place.close()
    now[0] = 1031.0
    assert place.read(first, 1030) is None
    now[0] = 1300.0
    place.write([Told(last, 1400, b"told")])
    place.close()
    now[0] = 1000.0  # as if nothing had ended: what is removed stays removed
    assert place.read(first, 1030) is None
    assert place.read(last, 1400) == b"told"


def test_what_follows_half_a_call_is_found(tmp_path: Path) -> None:
    first, last = ids(2)
    folder = tmp_path / "calls"
    place = CallFiles(folder, SEAL, lambda: 1000.0)
    place.write([Told(first, 1300, b"a" * 1000)])
    place.close()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    place.write([Told(last, 1300, b"told")])
    assert place.read(first, 1300) is None
    assert place.read(last, 1300) == b"told"
    place.close()


def test_room_that_was_asked_for_ahead_is_no_call_and_is_given_back(tmp_path: Path) -> None:
    first, last = ids(2)
    place = CallFiles(tmp_path, SEAL, lambda: 1000.0)
    place.write([Told(first, 1300, b"a" * 1000)])
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 100_000
    assert place.read(last, 1300) is None
    place.write([Told(last, 1300, b"told")])
    place.close()
    assert file.stat().st_size < 2_000
    assert (place.read(first, 1300), place.read(last, 1300)) == (b"a" * 1000, b"told")


def test_without_room_ahead_calls_are_kept_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    first, last = ids(2)
    place = CallFiles(tmp_path, SEAL, lambda: 1000.0)
    place.write([Told(first, 1300, b"a" * 1000)])
    place.write([Told(last, 1300, b"told")])
    assert (place.read(first, 1300), place.read(last, 1300)) == (b"a" * 1000, b"told")
    place.close()


def test_room_that_cannot_be_given_back_costs_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "ftruncate", refuse)
    first, last = ids(2)
    place = CallFiles(tmp_path, SEAL, lambda: 1000.0)
    place.write([Told(first, 1300, b"one")])
    place.write([Told(last, 1500, b"in the file of another minute")])
    assert place.read(first, 1300) == b"one"
    place.close()


def test_the_end_of_a_process_removes_what_has_expired(tmp_path: Path) -> None:
    now = [1000.0]
    place = CallFiles(tmp_path, SEAL, lambda: now[0])
    place.write([Told(ids(1)[0], 1030, b"told")])
    now[0] = 1079.0
    place.close()
    assert len(list(tmp_path.iterdir())) == 1
    now[0] = 1080.0
    place.close()
    assert not list(tmp_path.iterdir())


def test_a_changed_call_is_not_found(tmp_path: Path) -> None:
    (ident,) = ids(1)
    place = CallFiles(tmp_path, SEAL, lambda: 1000.0)
    place.write([Told(ident, 1300, b"a" * 1000)])
    (file,) = tmp_path.iterdir()
    told = bytearray(file.read_bytes())
    told[500] ^= 1
    file.write_bytes(bytes(told))
    assert place.read(ident, 1300) is None
    place.close()


def test_only_the_account_of_the_service_may_read(tmp_path: Path) -> None:
    (ident,) = ids(1)
    place = place_beside(SqliteDatabase(tmp_path / "memory.sqlite", durable=False), SEAL, lambda: 1000.0)
    place.write([Told(ident, 1300, b"told")])
    folder = tmp_path / "memory.sqlite-forms"
    (file,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    place.close()


def test_where_nothing_can_be_written_the_calls_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "memory.sqlite-forms").write_text("in the way")
    database = SqliteDatabase(tmp_path / "memory.sqlite", durable=False)
    store = FormStore(database, b"k" * 32, clock=lambda: 1000.0)
    store.keep(ids(1)[0], KeptCall("service", "2025-06-15T09:00:00+00:00", "any", b"{}"), 1300)
    store.flush()
    assert "not kept" in caplog.text


def test_all_processes_together_take_no_more_of_the_disk_than_they_may(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    places = [CallFiles(tmp_path, SEAL, lambda: now[0], 100_000) for _ in range(4)]
    several = ids(200)
    for number, ident in enumerate(several):
        places[number % 4].write([Told(ident, 1060, b"a" * 1000)])
    taken = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 80_000 < taken <= 150_000  # each looks again after an eighth of what they may take
    assert places[0].read(several[0], 1060) is not None
    assert places[3].read(several[-1], 1060) is None
    assert "as much of the disk as they may" in caplog.text
    assert len(list(tmp_path.iterdir())) == 4
    now[0] = 1140.0  # all of these have expired
    places[1].write([Told(several[-1], 1500, b"a" * 1000)])
    assert places[1].read(several[-1], 1500) is not None
    for place in places:
        place.close()


def test_what_has_expired_goes_without_a_further_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_places, "_TIDY_SECONDS", 0.01)
    now = [1000.0]
    place = CallFiles(tmp_path, SEAL, lambda: now[0])
    place.write([Told(ids(1)[0], 1030, b"told")])
    now[0] = 1080.0
    for _ in range(500):
        if not list(tmp_path.iterdir()):
            break
        time.sleep(0.01)
    assert not list(tmp_path.iterdir())
    place.write([Told(ids(1)[0], 1200, b"told")])  # and the next call finds everything as it was
    assert len(list(tmp_path.iterdir())) == 1
    place.close()


@pytest.mark.parametrize("damaged", [slice(0, 4), slice(4, 8), slice(28, 32)])
def test_a_damaged_length_is_no_call(tmp_path: Path, damaged: slice) -> None:
    (ident,) = ids(1)
    place = CallFiles(tmp_path, SEAL, lambda: 1000.0)
    place.write([Told(ident, 1300, b"told")])
    (file,) = tmp_path.iterdir()
    told = bytearray(file.read_bytes())
    told[damaged] = b"\xff" * 4
    file.write_bytes(bytes(told))
    assert place.read(ident, 1300) is None
    place.close()


def test_a_store_goes_on_after_it_was_flushed(another: Another) -> None:
    first, last = ids(2)
    store = FormStore(another(), b"k" * 32, clock=lambda: 1000.0)
    for ident in (first, last):
        store.keep(ident, KeptCall("service", "2025-06-15T09:00:00+00:00", "any", b"{}"), 1300)
        store.flush()
    assert store.get(first, 1300) == store.get(last, 1300)
    assert store.get(first, 1300) is not None
