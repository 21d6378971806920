"""The same tests on SQLite and on a real PostgreSQL that the tests start themselves."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cds_service.memory.database import Database, open_database
from cds_service.memory.migrations import migrate


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(versions[0]) if versions else shutil.which(name)


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: the account to use instead."""
    if os.geteuid() != 0:
        return None
    return "postgres" if subprocess.run(["id", "postgres"], capture_output=True).returncode == 0 else "nobody"


def _cannot(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server's maintenance database."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        _cannot("PostgreSQL is not installed (apt-get install postgresql)")
        raise AssertionError
    folder = Path("/tmp") / f"pg-{uuid.uuid4().hex[:12]}"
    folder.mkdir(mode=0o700)
    user = _unprivileged()
    if user:
        shutil.chown(folder, user, user if user == "postgres" else "nogroup")
    data = str(folder / "data")
    account = {"user": user, "group": user if user == "postgres" else "nogroup", "extra_groups": []} if user else {}
    try:
        made = subprocess.run(
            [initdb, "-D", data, "-U", "tester", "-A", "trust", "--no-sync"],
            capture_output=True,
            cwd=folder,
            **account,  # type: ignore[call-overload]  # the same keywords for run and Popen
        )
        if made.returncode:
            _cannot(f"initdb failed: {made.stderr.decode()[-300:]}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        process = subprocess.Popen(
            [server, "-D", data, "-p", str(port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **account,  # type: ignore[call-overload]
        )
        try:
            url = f"postgresql://tester@127.0.0.1:{port}/postgres"
            _wait_until_up(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # ends at once, whoever is still connected
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    psycopg = pytest.importorskip("psycopg")
    for _ in range(150):
        assert process.poll() is None, "PostgreSQL ended before it was up"
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL did not come up")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/memory.sqlite"
    server: str = request.getfixturevalue("postgres")
    import psycopg

    name = f"t{uuid.uuid4().hex[:16]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with our tables."""
    database = open_database(empty_url)
    migrate(database)
    database.close()
    return empty_url


@pytest.fixture
def opened(empty_url: str) -> Iterator[Callable[[], Database]]:
    """Makes further connections to the database of the test, and closes them all."""
    made: list[Database] = []

    def open_one() -> Database:
        made.append(open_database(empty_url))
        return made[-1]

    yield open_one
    for database in made:
        database.close()


@pytest.fixture
def another(url: str, opened: Callable[[], Database]) -> Callable[[], Database]:
    """The same, to a database with our tables."""
    assert url
    return opened
