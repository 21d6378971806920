"""Counts slices of patients: in this process, in several on this machine, or on a Dask cluster, with one result.

A slice gives one tally whoever counts it, and only the process that began the run adds tallies up: so a worker that
dies loses nothing and nothing is counted twice.
"""

from __future__ import annotations

import importlib
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cds_service.errors import CdsError
from cds_service.fhir.limits import Limits
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.quality.programme import read_programme
from cds_service.quality.running import LENGTH, Counter, Period
from cds_service.quality.tally import Tally
from cds_service.replay.content_files import pack, unpack
from cds_service.replay.dask_engine import connect
from cds_service.replay.failures import ReplayError
from cds_service.replay.files import LONGEST
from cds_service.replay.inputs import Slice, read_slice

_LIMITS = Limits(size=LONGEST)
_RETRIES = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted, in words that can be sent to another machine."""

    measures: tuple[str, ...]
    period: Period
    as_of: datetime
    base: str
    each: str = ""  # month, quarter or year: how long the periods of run charts are


def counter_of(folders: Sequence[Path], asked: Asked) -> Counter:
    """The counter for content in `folders`."""
    programme = read_programme(load_knowledge(folders, options=LoadOptions(base=asked.base)))
    parameters = {LENGTH: asked.each} if asked.each else None
    return Counter(programme, programme.chosen(asked.measures), asked.period, asked.as_of, parameters=parameters)


def count_slice(part: Slice, counter: Counter) -> Tally:
    """The tally of one slice; an item that cannot be read is counted as such, with its place."""
    tally = Tally()
    for item in read_slice(part):
        if item.fault is not None:
            tally.refuse(item.place, item.fault)
            continue
        try:
            _, counted = counter.count(item.body, _LIMITS)
        except CdsError as error:
            tally.refuse(item.place, error.what)
        else:
            tally.add(counted)
    return tally


class _Shared:
    """What a forked process finds in its memory."""

    counter: Counter


def _count_shared(part: Slice) -> Tally:
    return count_slice(part, _Shared.counter)


def count_here(slices: Sequence[Slice], counter: Counter, processes: int) -> Iterator[tuple[int, Tally]]:
    """Count on this machine; yields each slice's number and tally as it is done."""
    if processes <= 1 or len(slices) <= 1:
        for number, part in enumerate(slices):
            yield number, count_slice(part, counter)
        return
    _Shared.counter = counter
    with ProcessPoolExecutor(min(processes, len(slices)), multiprocessing.get_context("fork")) as pool:
        futures = {pool.submit(_count_shared, part): number for number, part in enumerate(slices)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise ReplayError("A process of the run died.", remedy="Run the same command again.") from None


class _Loaded:
    """The counters that this worker process has compiled."""

    lock = threading.Lock()
    counters: dict[tuple[str, Asked], Counter] = {}  # noqa: RUF012  # one for the process, made under the lock


def _count_there(part: Slice, content: bytes, asked: Asked) -> Tally:
    key = (sha256(content).hexdigest(), asked)
    with _Loaded.lock:
        counter = _Loaded.counters.get(key)
        if counter is None:
            with tempfile.TemporaryDirectory() as folder:
                counter = _Loaded.counters[key] = counter_of(unpack(content, Path(folder)), asked)
    return count_slice(part, counter)


def count_on_dask(
    slices: Sequence[Slice], folders: Sequence[Path], asked: Asked, scheduler: str | None, processes: int
) -> Iterator[tuple[int, Tally]]:
    """Count on a Dask cluster; content is sent once and compiled once in each worker process."""
    with connect(scheduler, processes) as client:
        content = client.scatter(pack(folders), broadcast=True, hash=True)
        futures = {
            client.submit(_count_there, part, content, asked, retries=_RETRIES, pure=False): number
            for number, part in enumerate(slices)
        }
        for future in importlib.import_module("distributed").as_completed(list(futures), loop=client.loop):
            yield futures[future], future.result()
