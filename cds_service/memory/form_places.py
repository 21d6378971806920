"""Where the calls behind forms lie until they expire: in files beside an SQLite database, else in a table.

Thousands of calls are kept for each one whose form is opened. To encrypt them and to append them to a file costs next
to nothing; compressing them, or having a database take them in, costs more than deciding them.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cds_service.memory.database import Database
from cds_service.memory.form_queue import Told
from cds_service.memory.form_table import CallTable
from cds_service.memory.sealing import Seal

_log = logging.getLogger(__name__)

_MINUTE: Final = 60
_TIDY_SECONDS = 60.0
_HEAD: Final = struct.Struct(">IQ")  # of calls that were written together: how many, length of what is sealed
_ENTRY: Final = struct.Struct(">16sQQQ")  # of a call among them: id, expiry, where it begins, where it ends
_MOST_CALLS: Final = 10_000  # written together: a larger number was never written
MOST_BYTES: Final = 4_096_000_000
_ROOM: Final = 512 * 1024 * 1024  # bytes of the disk that are left for everything else
_RESERVED: Final = 4 * 1024 * 1024  # bytes of the disk that a file asks for at a time: for each call alone costs more
_STEP: Final = 16 * 1024 * 1024  # bytes that one process writes before it looks what the others have written


class CallPlace(Protocol):
    """Takes calls and gives them back, to all processes that share the database."""

    def write(self, calls: Sequence[Told]) -> None:
        """Keep what is told of calls; where that is not possible, the log says so."""

    def read(self, call_id: str, expires: int) -> bytes | None:
        """What is kept of a call; None where it is not, or no longer, kept."""

    def close(self) -> None:
        """Let go of what is open."""


def place_beside(
    database: Database, seal: Seal, clock: Callable[[], float] = time.time, most_bytes: int = MOST_BYTES
) -> CallPlace:
    """The place for the calls of a site that has this database; files take up to so many bytes."""
    folder = database.folder("forms")
    return CallTable(database, seal, clock) if folder is None else CallFiles(folder, seal, clock, most_bytes)


class _NoRoom(OSError):
    """There is no room for a call; what was written before is whole."""


class CallFiles:
    """One file for each process and each minute in which calls expire; afterwards it is removed as a whole."""

    def __init__(self, folder: Path, seal: Seal, clock: Callable[[], float], most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._seal, self._clock, self._most = folder, seal, clock, most_bytes
        # Bytes: what all files take, what is free on the disk, and what this process wrote since it looked.
        self._taken, self._free, self._since = 0, 0, 0
        self._tidying: threading.Thread | None = None
        self._ended = threading.Event()
        self._file: int | None = None
        self._minute = 0
        self._written, self._reserved = 0, 0  # bytes of the file: those of calls, and those that the disk has given it
        self._lock = threading.Lock()

    def write(self, calls: Sequence[Told]) -> None:
        """Append calls to the files of their minutes."""
        for minute, together in groupby(calls, lambda call: call.expires // _MINUTE):
            several = tuple(together)
            pieces = self._pieces(several)
            with self._lock:
                try:
                    self._append(minute, pieces)
                except OSError as error:
                    if not isinstance(error, _NoRoom):
                        self._end_file()  # what is written next must not follow half a call
                    for call in several:
                        _log.warning("a call was not kept for its form: %s", error.strerror, extra={"id": call.call_id})

    def _pieces(self, calls: Sequence[Told]) -> tuple[bytes, ...]:
        """Calls sealed as one: sealing each would each time hand the interpreter to another thread and take it back."""
        entries, end = b"", 0
        for call in calls:
            begin, end = end, end + len(call.told)
            entries += _ENTRY.pack(_bytes_of(call.call_id), call.expires, begin, end)
        nonce, sealed = self._seal.closed(b"".join([call.told for call in calls]), entries)
        return _HEAD.pack(len(calls), len(nonce) + len(sealed)), entries, nonce, sealed

    def read(self, call_id: str, expires: int) -> bytes | None:
        """Look through the files of the minute, whichever process wrote them."""
        if expires < self._clock():
            return None
        wanted = (_bytes_of(call_id), expires)
        for file in self._folder.glob(f"{expires // _MINUTE}-*"):
            with suppress(FileNotFoundError):  # it ended just now
                found = _found(file, wanted)
                if found is not None:
                    told = self._seal.opened(found.sealed, found.entries)
                    return None if told is None else told[found.begin : found.end]
        return None

    def close(self) -> None:
        """Let go of the file, and remove those that have expired."""
        self._ended.set()
        with self._lock:
            self._end_file()
            if self._folder.is_dir():
                self._purge()

    def _append(self, minute: int, pieces: Sequence[bytes]) -> None:
        if self._file is None or minute != self._minute:
            self._end_file()
            self._file, self._minute = self._new_file(minute), minute
            self._written, self._reserved = 0, 0
        length = sum(map(len, pieces))
        if self._since + length > min(_STEP, self._most // 8):
            self._measure()
        if self._taken + length > self._most:
            raise _NoRoom(0, "those that are kept take as much of the disk as they may")
        if self._free - length < _ROOM:
            raise _NoRoom(0, "the disk is nearly full")
        if self._written + length > self._reserved:
            self._reserve(self._file, length)
        if os.pwritev(self._file, pieces, self._written) < length:
            raise OSError(0, "the disk is full")
        self._written += length
        self._taken, self._free, self._since = self._taken + length, self._free - length, self._since + length

    def _reserve(self, file: int, length: int) -> None:
        size = max(length, min(_RESERVED, self._most // 8))
        with suppress(OSError, AttributeError):  # not every system can: then the disk gives what is written, as it is
            os.posix_fallocate(file, self._written, size)
        self._reserved = self._written + size

    def _end_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):  # then it keeps the room that it asked for until it expires
                os.ftruncate(file, self._written)
            os.close(file)

    def _new_file(self, minute: int) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._purge()
        self._measure()
        if self._tidying is None or not self._tidying.is_alive():
            self._ended.clear()
            self._tidying = threading.Thread(target=self._tidy, name="forms", daemon=True)
            self._tidying.start()
        name = f"{minute}-{secrets.token_hex(8)}"
        return os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def _measure(self) -> None:
        self._taken = sum(_size(file) for file in self._folder.iterdir())
        self._free, self._since = shutil.disk_usage(self._folder).free, 0

    def _tidy(self) -> None:
        """Once a minute remove what has expired, also when no further call comes; until nothing is left."""
        while not self._ended.wait(_TIDY_SECONDS):
            with self._lock:
                if self._minute < self._clock() // _MINUTE:
                    self._end_file()
                try:
                    self._purge()
                    if self._file is None and not any(self._folder.iterdir()):
                        return
                except OSError as error:
                    _log.warning("files of calls behind forms were not looked through: %s", error.strerror)

    def _purge(self) -> None:
        ended = self._clock() // _MINUTE
        for file in self._folder.iterdir():
            minute = file.name.partition("-")[0]
            if minute.isdecimal() and int(minute) < ended:
                file.unlink(missing_ok=True)


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):  # another process has just removed it
        return file.stat().st_size
    return 0


def _bytes_of(call_id: str) -> bytes:
    return bytes.fromhex(call_id.replace("-", ""))


class _Found(NamedTuple):
    """Calls that were sealed together, and where among them one stands."""

    entries: bytes
    sealed: bytes
    begin: int
    end: int


def _found(file: Path, wanted: tuple[bytes, int]) -> _Found | None:
    """The call of that id and expiry; nothing, or half of something, stands where the next are being written."""
    with file.open("rb") as stream:
        end = os.fstat(stream.fileno()).st_size
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            number, length = _HEAD.unpack(head)
            if not 0 < number <= _MOST_CALLS or stream.tell() + number * _ENTRY.size + length > end:
                return None
            entries = stream.read(number * _ENTRY.size)
            for ident, expires, begins, ends in _ENTRY.iter_unpack(entries):
                if (ident, expires) == wanted:
                    return _Found(entries, stream.read(length), begins, ends)
            stream.seek(length, os.SEEK_CUR)
    return None
