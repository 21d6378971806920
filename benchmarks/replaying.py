"""How fast recorded charts run again: `python -m benchmarks.replaying [CONTENT]`.

Two processes read and decide the same NDJSON files; the floor is two processes that call `orjson.loads` on every line.
The last table takes one chart apart in one process: where the time goes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import orjson

from benchmarks.decoding import best
from cds_service.cases.reading import read_cases
from cds_service.fhir.structs.encoding import encode
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.patient_data.gather import gather
from cds_service.patient_data.sources import Sources
from cds_service.replay.charts import read_chart
from cds_service.replay.generating import Generator, Mould, bundle
from cds_service.replay.inputs import Item, slices_of
from cds_service.replay.local_engine import run_parts
from cds_service.replay.parts import open_parts
from cds_service.replay.population import read_population
from cds_service.replay.results import write_result
from cds_service.replay.running import Runner, RunOptions
from cds_service.replay.tallies import Tally
from cds_service.settings import default_content

PROCESSES = 2
CONTENT = Path(sys.argv[1]) if len(sys.argv) > 1 else default_content()
SIZES = {"15 KB": (15_000, 4_000), "500 KB": (500_000, 160)}


def write_charts(knowledge: Knowledge, size: int, count: int, file: Path) -> list[bytes]:
    """A file of Bundles, and its lines; a few hundred different charts, repeated."""
    plans = CONTENT / "plandefinitions"
    population = read_population(plans / "synthetic" / "population.yaml")
    generator = Generator(knowledge, read_cases([plans]), population, Mould(size=size))
    different = [encode(bundle(generator.request(number))) for number in range(min(count, 400))]
    lines = [different[number % len(different)] for number in range(count)]
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return different


def _load_slice(path: str, start: int, end: int | None) -> int:
    count = 0
    with Path(path).open("rb") as stream:
        stream.seek(start)
        for line in stream:
            orjson.loads(line)
            count += 1
            if end is not None and stream.tell() >= end:
                break
    return count


def floor_rate(file: Path, folder: Path) -> float:
    """Lines a second that two processes take with `orjson.loads` alone."""
    slices = slices_of([str(file)], folder / "floor", 4 << 20)
    with get_context("fork").Pool(PROCESSES) as pool:
        pool.starmap(_load_slice, [(part.files[0], part.start, part.end) for part in slices[:PROCESSES]])
        start = time.perf_counter()
        count = sum(pool.starmap(_load_slice, [(part.files[0], part.start, part.end) for part in slices]))
        return count / (time.perf_counter() - start)


def replay_rate(runner: Runner, file: Path, folder: Path, processes: int) -> float:
    """Charts a second through the whole replay, results written."""
    slices = slices_of([str(file)], folder / "work", 2 << 20)
    parts = open_parts(folder / f"run-{processes}", slices, "benchmark")
    start = time.perf_counter()
    count = sum(counted.calls for _, counted in run_parts(parts, runner.run, processes))
    return count / (time.perf_counter() - start)


def taken_apart(runner: Runner, lines: list[bytes]) -> dict[str, float]:
    """Milliseconds a chart for each stage, on average over some charts."""
    found: dict[str, float] = {}
    some = lines[:: max(1, len(lines) // 12)]
    none = Sources()

    def add(name: str, work: Callable[[], object]) -> None:
        found[name] = found.get(name, 0.0) + best(work, 0.05) * 1000 / len(some)

    for line in some:
        item = Item("x", line)
        call = runner.call(item)
        add("orjson.loads", lambda: orjson.loads(line))  # noqa: B023  # used before the next turn
        add("entries found", lambda: read_chart(line))  # noqa: B023 - used before the next turn
        add("request made", lambda: runner.call(item))  # noqa: B023 - used before the next turn
        add("facts", lambda: gather(call.request, call.service.needs, none, runner.knowledge.reading))  # noqa: B023 - used before the next turn
        add("facts and decision", lambda: runner.decide(call))  # noqa: B023 - used before the next turn
        add("all, with the result", lambda: runner.run(item))  # noqa: B023 - used before the next turn
        result, counted = runner.run(item), Tally()
        add("counted", lambda: counted.add(result))  # noqa: B023 - used before the next turn
        add("written", lambda: write_result(result))  # noqa: B023 - used before the next turn
    return found


def main() -> int:
    """Print rates and stages for both sizes."""
    knowledge = load_knowledge([CONTENT])
    runner = Runner(knowledge, RunOptions(started=datetime(2025, 6, 15, 9, tzinfo=UTC)))
    with tempfile.TemporaryDirectory() as name:
        for label, (size, count) in SIZES.items():
            folder = Path(name) / label.replace(" ", "")
            folder.mkdir()
            file = folder / "charts.ndjson"
            lines = write_charts(knowledge, size, count, file)
            floor = floor_rate(file, folder)
            one, two = (replay_rate(runner, file, folder, processes) for processes in (1, PROCESSES))
            print(f"{label}: orjson.loads {floor:,.0f}/s, replay {two:,.0f}/s = 1/{floor / two:.1f} of it")
            print(f"    with one process {one:,.0f}/s")
            for stage, milliseconds in taken_apart(runner, lines).items():
                print(f"    {stage:32}{milliseconds:8.3f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
