"""Runs slices on a Dask cluster: an existing one, or one of local processes.

Content is sent once and compiled once per worker process. A task is one slice; its results come back to the process
that started the run, which alone writes them. So a worker that dies loses nothing (its slices are done elsewhere) and
nothing is counted twice (a slice has one result, whoever brings it).
"""

from __future__ import annotations

import importlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.replay.content_files import pack, unpack
from cds_service.replay.failures import ReplayError
from cds_service.replay.inputs import Slice
from cds_service.replay.parts import Parts, run_slice, settled
from cds_service.replay.running import Runner, RunOptions
from cds_service.replay.tallies import Tally

_AHEAD = 3  # slices a worker has waiting
_RETRIES = 5  # times a slice is tried again after its worker died


class _Loaded:
    """The content that this worker process has compiled."""

    lock = threading.Lock()
    runners: dict[tuple[str, RunOptions], Runner] = {}  # noqa: RUF012  # one for the process, made under the lock


def _runner(content: bytes, base: str, options: RunOptions) -> Runner:
    key = (sha256(content).hexdigest(), options)
    with _Loaded.lock:
        found = _Loaded.runners.get(key)
        if found is None:
            with tempfile.TemporaryDirectory() as folder:
                knowledge = load_knowledge(unpack(content, Path(folder)), options=LoadOptions(base=base))
            found = _Loaded.runners[key] = Runner(knowledge, options)
        return found


def do_slice(part: Slice, content: bytes, base: str, options: RunOptions) -> tuple[bytes, Tally]:
    """The results of a slice, on a worker."""
    counted = Tally()
    runner = _runner(content, base, options)
    with settled():
        lines = b"".join(run_slice(part, runner.run, counted))
    return lines, counted


def run_parts(
    parts: Parts, folders: Sequence[Path], base: str, options: RunOptions, scheduler: str | None, processes: int
) -> Iterator[tuple[int, Tally]]:
    """Do all missing slices; yields each one's number and tally as it is done."""
    missing = parts.missing()
    if not missing:
        return
    distributed = _distributed()
    with _client(distributed, scheduler, processes) as client:
        content = client.scatter(pack(folders), broadcast=True, hash=True)
        waiting = iter(missing)
        ahead = max(1, sum(client.nthreads().values())) * _AHEAD
        numbers: dict[Any, int] = {}
        running = distributed.as_completed(loop=client.loop)
        for _ in range(ahead):
            _submit(client, parts, waiting, running, numbers, (content, base, options))
        for future in running:
            number = numbers.pop(future.key)
            try:
                lines, counted = future.result()
            except distributed.KilledWorker:
                raise ReplayError(
                    f"Slice {number} ended {_RETRIES} workers.",
                    remedy="Run the same command again with --engine local to see why.",
                ) from None
            parts.put(number, lines, counted)
            _submit(client, parts, waiting, running, numbers, (content, base, options))
            yield number, counted


def _submit(
    client: Any, parts: Parts, waiting: Iterator[int], running: Any, numbers: dict[Any, int], rest: tuple[Any, ...]
) -> None:
    number = next(waiting, None)
    if number is not None:
        future = client.submit(do_slice, parts.slices[number], *rest, retries=_RETRIES, pure=False)
        numbers[future.key] = number
        running.add(future)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError:
        raise ReplayError("--engine dask needs Dask.", remedy="Install cds-service[scale].") from None


def connect(scheduler: str | None, processes: int) -> Any:
    """A client of the cluster at `scheduler`, or of one on this machine; a context manager."""
    return _client(_distributed(), scheduler, processes)


def _client(distributed: Any, scheduler: str | None, processes: int) -> Any:
    if scheduler is not None:
        try:
            return distributed.Client(scheduler, timeout=20)
        except (OSError, TimeoutError):
            raise ReplayError(f"No Dask scheduler answers at {scheduler}.") from None
    cluster = distributed.LocalCluster(
        n_workers=max(1, processes),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # None would take the default port, which another cluster may hold
        silence_logs=40,
    )
    return distributed.Client(cluster, set_as_default=False)
