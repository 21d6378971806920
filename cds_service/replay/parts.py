"""Results on disk, part by part: a part that is complete is never done again, one that is not leaves no trace.

A run writes below its folder one file of results and one tally for each slice, each put in place by renaming. So a
run that was interrupted continues with what is missing, a slice that two processes did is counted once, and the
result is the same in whatever order the parts were done.
"""

from __future__ import annotations

import gc
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.replay.files import stamp_of
from cds_service.replay.inputs import Item, Slice, read_slice
from cds_service.replay.results import Result, write_result
from cds_service.replay.tallies import Tally

_MANIFEST = "run.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """The folder of a run and its slices."""

    folder: Path
    slices: tuple[Slice, ...]

    def missing(self) -> list[int]:
        """The numbers of the slices that have no results yet."""
        return [number for number in range(len(self.slices)) if not self._tally(number).exists()]

    def _results(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.ndjson"

    def _tally(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.json"

    def do(self, number: int, run: Callable[[Item], Result]) -> Tally:
        """Run the items of a slice and keep what they came to."""
        counted = Tally()
        temporary = self._temporary(number)
        with temporary.open("wb") as stream:
            stream.writelines(run_slice(self.slices[number], run, counted))
        self._settle(number, temporary, counted)
        return counted

    def put(self, number: int, lines: bytes, counted: Tally) -> None:
        """Keep what another machine found for a slice."""
        temporary = self._temporary(number)
        temporary.write_bytes(lines)
        self._settle(number, temporary, counted)

    def _temporary(self, number: int) -> Path:
        return self.folder / f".part-{number:06d}.tmp"

    def _settle(self, number: int, temporary: Path, counted: Tally) -> None:
        temporary.replace(self._results(number))
        temporary.write_bytes(msgspec.json.encode(counted))
        temporary.replace(self._tally(number))  # last: where there is a tally, there are results

    def tally(self) -> Tally:
        """The tallies of all parts together."""
        found = Tally()
        for number in range(len(self.slices)):
            found.merge(msgspec.json.decode(self._tally(number).read_bytes(), type=Tally))
        return found

    def paths(self) -> Iterator[Path]:
        """The files of results, in the order of the input."""
        for number in range(len(self.slices)):
            yield self._results(number)

    def join(self, target: Path) -> None:
        """All results in one file, in the order of the input."""
        temporary = target.with_name(f".{target.name}.tmp")
        with temporary.open("wb") as joined:
            for path in self.paths():
                with path.open("rb") as stream:
                    shutil.copyfileobj(stream, joined, 1 << 20)
        temporary.replace(target)

    def remove(self) -> None:
        """Forget the parts; what was joined stays."""
        shutil.rmtree(self.folder)


@contextmanager
def settled() -> Iterator[None]:
    """While this is open, the garbage collector leaves alone what is loaded, and looks seldom.

    A chart makes thousands of objects that reference counting frees at once, and hardly any that it cannot: a fifth of
    the time of a large chart.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def run_slice(part: Slice, run: Callable[[Item], Result], counted: Tally) -> Iterator[bytes]:
    """The lines of results of a slice, counted as they are made."""
    for item in read_slice(part):
        result = run(item)
        counted.add(result)
        yield write_result(result)


def open_parts(folder: Path, slices: Sequence[Slice], fingerprint: str) -> Parts:
    """The parts of a run; those of an earlier run stay if it was the same (same input, content and options)."""
    stamps = {name: stamp_of(name) for part in slices for name in part.files}
    described = "\n".join((fingerprint, *(part.as_json() for part in slices), *stamps.values()))
    digest = hashlib.sha256(described.encode()).hexdigest().encode()
    manifest = folder / _MANIFEST
    if not manifest.exists() or manifest.read_bytes() != digest:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        manifest.write_bytes(digest)
    for stale in folder.glob(".part-*.tmp"):
        stale.unlink()
    return Parts(folder, tuple(slices))
