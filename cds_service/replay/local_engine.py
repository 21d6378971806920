"""Runs slices on this machine: in this process, or in several that share what was loaded."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
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


def run_parts(parts: Parts, run: Run, processes: int) -> Generator[tuple[int, Tally], None, None]:
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
    ended, held = os.pipe()  # nobody writes: that the parent no longer holds its end is all it tells
    count = min(processes, len(missing))
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent, initargs=(ended, held))
    try:
        pending: dict[Future[Tally], int] = {pool.submit(_do, number): number for number in missing}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield pending.pop(future), future.result()
        pool.shutdown()
    except BrokenProcessPool:
        raise ReplayError(
            "A process of the run died.", remedy="Run the same command again: it continues where it was."
        ) from None
    finally:
        os.close(held)  # workers that are still at it end; what they leave is no result
        pool.shutdown(wait=False, cancel_futures=True)
        os.close(ended)


def _end_with_parent(ended: int, held: int) -> None:
    """A worker whose parent was killed or interrupted has nobody to work for, and would go on for long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses Ctrl-C means the parent
    os.close(held)

    def wait_for_it() -> None:
        os.read(ended, 1)
        os._exit(1)

    threading.Thread(target=wait_for_it, daemon=True).start()


def _do(number: int) -> Tally:
    return _Shared.parts.do(number, _Shared.run)
