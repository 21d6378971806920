"""Runs slices on this machine: in this process, or in several that share what was loaded."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from cds_service.replay.failures import ReplayError
from cds_service.replay.inputs import Item
from cds_service.replay.parts import Parts, settled
from cds_service.replay.results import Result
from cds_service.replay.tallies import Tally

Run = Callable[[Item], Result]


class _Shared:
    """What a forked process finds in its memory: too large to be sent, and the same for all."""

    parts: Parts
    run: Run


def run_parts(parts: Parts, run: Run, processes: int) -> Iterator[tuple[int, Tally]]:
    """Do all missing slices; yields each one's number and tally as it is done."""
    missing = parts.missing()
    with settled():
        yield from _run(parts, run, missing, processes)


def _run(parts: Parts, run: Run, missing: Sequence[int], processes: int) -> Iterator[tuple[int, Tally]]:
    if processes <= 1 or len(missing) <= 1:
        for number in missing:
            yield number, parts.do(number, run)
        return
    _Shared.parts, _Shared.run = parts, run
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(processes, len(missing)), mp_context=context, initializer=_end_with_parent)
    try:
        pending: dict[Future[Tally], int] = {pool.submit(_do, number): number for number in missing}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield pending.pop(future), future.result()
    except BrokenProcessPool:
        raise ReplayError(
            "A process of the run died.", remedy="Run the same command again: it continues where it was."
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for, and would wait for ever."""

    def wait_for_it() -> None:
        if (parent := multiprocessing.parent_process()) is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_for_it, daemon=True).start()


def _do(number: int) -> Tally:
    return _Shared.parts.do(number, _Shared.run)
