"""PostgreSQL behind the same few calls as SQLite; needs the extra `postgres`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psycopg

from cds_service.memory.database import MemoryUnavailable, Row, Session

Result = TypeVar("Result")

_CONNECT_SECONDS = 5
_WAIT_SECONDS = 10.0


class PostgresDatabase:
    """A server; one connection of this process, used by one thread at a time, made anew when it was lost."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()

    def folder(self, _name: str) -> None:
        """None: the processes may be on several machines."""

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Do `work` in one transaction; once more, when the connection turns out to be gone."""
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            raise MemoryUnavailable("The database is busy.")
        try:
            fresh = self._connection is None
            try:
                return self._once(work)
            except psycopg.OperationalError:
                self._disconnect()
                if fresh:
                    raise
                return self._once(work)  # every statement of ours may be repeated
        except psycopg.Error as error:
            self._disconnect()
            raise MemoryUnavailable(f"PostgreSQL failed: {error.sqlstate or type(error).__name__}.") from None
        finally:
            self._lock.release()

    def read(self, work: Callable[[Session], Result]) -> Result:
        """The same: here nobody who reads waits."""
        return self.run(work)

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._disconnect()

    def _once(self, work: Callable[[Session], Result]) -> Result:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            return work(_PostgresSession(cursor))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _PostgresSession:
    __slots__ = ("_cursor",)

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Row = ()) -> list[Row]:
        self._cursor.execute(_placeholders(sql), values)
        return self._cursor.fetchall() if self._cursor.description else []

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        self._cursor.executemany(_placeholders(sql), rows)


def _placeholders(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()  # our own statements: none has a question mark or a percent sign in a text
