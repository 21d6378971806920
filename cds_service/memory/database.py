"""One way to speak to SQLite and to PostgreSQL: plain SQL with `?`, short transactions, a connection that heals.

SQLite keeps a write-ahead log, so that readers and writers of several processes do not stop each other. How safe a
commit is depends on what it is for: `durable` waits for the disk, the rest outlives the process but not the machine.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from cds_service.errors import CdsError

Row = Sequence[Any]
Result = TypeVar("Result")

_BUSY_SECONDS = 10.0
_RETRY_SECONDS = 0.01
_VALUES = re.compile(r"VALUES (\([?, ]+\))")
_ROWS = 60  # of one statement: of up to 16 values each, for SQLite may be built to take no more than 999


class MemoryUnavailable(CdsError):
    """The database cannot be reached or does not answer in time; trying again later is right."""

    code = "memory-unavailable"
    issue: ClassVar[str] = "transient"
    status: ClassVar[int] = 503


class Session(Protocol):
    """What can be done inside a transaction."""

    def execute(self, sql: str, values: Row = ()) -> list[Row]:
        """Run one statement; the rows it gives."""

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Run one statement for each row."""


class Database(Protocol):
    """A place that keeps rows."""

    kind: str

    def folder(self, name: str) -> Path | None:
        """A folder (perhaps not made yet) for files that all processes of this database share; None: there is none."""

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Do `work` in one transaction: all of it is kept, or a MemoryUnavailable says that nothing is."""

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Do `work`, which changes nothing: it waits for no process that writes, and none waits for it."""

    def close(self) -> None:
        """Let go of the connection."""


def open_database(url: str, *, durable: bool = True) -> Database:
    """The database at `url`; it is connected at first use, so a forked process makes its own connection."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), durable=durable)
    return _open_postgres(url)


def _open_postgres(url: str) -> Database:
    try:
        from cds_service.memory.postgres import PostgresDatabase
    except ImportError:
        raise MemoryUnavailable(
            "PostgreSQL needs the package psycopg.", remedy="pip install 'cds-service[postgres]'."
        ) from None
    return PostgresDatabase(url)


class SqliteDatabase:
    """A file; one connection of this process, used by one thread at a time."""

    kind = "sqlite"

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path, self._durable = path, durable
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def folder(self, name: str) -> Path | None:
        """A folder beside the file."""
        return self._path.with_name(f"{self._path.name}-{name}")

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Do `work` in one transaction."""
        return self._do(work, "BEGIN IMMEDIATE")

    def read(self, work: Callable[[Session], Result]) -> Result:
        """The same without the lock that writing takes."""
        return self._do(work, "BEGIN")

    def _do(self, work: Callable[[Session], Result], begin: str) -> Result:
        if not self._lock.acquire(timeout=_BUSY_SECONDS):
            raise MemoryUnavailable("The database is busy.")
        try:
            connection = self._connected()
            with _transaction(connection, begin):
                return work(_SqliteSession(connection))
        except sqlite3.Error as error:
            self._disconnect()
            raise MemoryUnavailable(f"The database {self._path.name} failed: {_reason(error)}.") from None
        except OSError as error:
            raise MemoryUnavailable(f"The database {self._path.name} cannot be made: {error.strerror}.") from None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        self._disconnect()  # whoever drops a database without a word (Python 3.13 remarks connections left open)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _keep_journal(connection)
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys = ON")
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _keep_journal(connection: sqlite3.Connection) -> None:
    """Have a write-ahead log; while another process makes it, SQLite says busy at once and does not wait by itself."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _reason(error: sqlite3.Error) -> str:
    """SQLite's own name for the error: its text may quote what was written."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class _SqliteSession:
    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Row = ()) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        # As few statements as may be: at each, SQLite hands the interpreter to the other threads, and takes it back.
        found = _VALUES.search(sql)
        if found is None:
            self._connection.executemany(sql, rows)
            return
        waiting = iter(rows)
        while some := list(islice(waiting, _ROWS)):
            several = f"{sql[: found.start(1)]}{', '.join([found[1]] * len(some))}{sql[found.end(1) :]}"
            self._connection.execute(several, list(chain.from_iterable(some)))
