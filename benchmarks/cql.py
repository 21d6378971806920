"""CQL beside cql-execution and beside Python by hand: the same questions, patients and machine, in one run.

    python -m benchmarks.cql [--packages DIR] [--rounds N]

`--packages` is a folder in which `npm i cql-execution@3.3.2 cql-exec-fhir @cqframework/cql` was run; without it only
Python is measured. Loading the data counts on all sides: from the bytes of a Bundle to the values of all definitions.
Answers are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.charts import SIZES
from benchmarks.charts import Chart as Invented
from benchmarks.cql_by_hand import Chart, answer
from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.facts.facts import facts_from_bundle
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean

HERE = Path(__file__).parent
LIBRARY = HERE / "cql_questions.cql"
NOW = datetime(2025, 10, 1, 12, tzinfo=UTC)
TURNS = {"small": 200, "large": 20}


def main() -> int:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    compiled, seconds = _compile()
    bodies = {size: Invented(size).bundle() for size in SIZES}
    decoder, groups = Decoder(lean(compiled.reads())), CodeGroups()
    names = [d.name for d in compiled.definitions("Questions")]

    def evaluate(body: bytes) -> dict[str, Any]:
        facts = facts_from_bundle(body, as_of=NOW, decoder=decoder, groups=groups)
        run = Evaluation(compiled, facts)
        return {name: run.value("Questions", name) for name in names}

    def by_hand(body: bytes) -> dict[str, Any]:
        return answer(Chart(orjson.loads(body)))

    foreign = _foreign(args, bodies) if args.packages else None
    _compare(
        {size: evaluate(body) for size, body in bodies.items()}, {s: by_hand(b) for s, b in bodies.items()}, foreign
    )
    print(f"compile: {len(LIBRARY.read_text().splitlines())} lines in {seconds * 1000:.0f} ms")
    for size, body in bodies.items():
        own = _median(lambda body=body: evaluate(body), TURNS[size], args.rounds)  # type: ignore[misc]
        hand = _median(lambda body=body: by_hand(body), TURNS[size], args.rounds)  # type: ignore[misc]
        parse = _median(lambda body=body: orjson.loads(body), TURNS[size], args.rounds)  # type: ignore[misc]
        line = f"{size}: {len(body)} bytes, own {own * 1e3:.3f} ms, by hand {hand * 1e3:.3f} ms ({own / hand:.2f} x)"
        print(f"{line}, orjson.loads {parse * 1e3:.3f} ms ({own / parse:.2f} x)")
        if foreign is not None:
            other = statistics.median(foreign["sizes"][size]["times"]) / 1e3
            print(f"    cql-execution {other * 1e3:.1f} ms: {other / own:.0f} x")
    return 0


def _compile() -> tuple[CompiledLibraries, float]:
    source = Source(LIBRARY.name, LIBRARY.read_text())
    compile_libraries([source], r4())
    before = time.perf_counter()
    compiled = compile_libraries([source], r4())
    return compiled, time.perf_counter() - before


def _median(call: Callable[[], object], turns: int, rounds: int) -> float:
    """The median CPU time of one call over rounds; what earlier rounds left behind is collected in between."""
    call()
    times = []
    for _ in range(rounds):
        gc.collect()
        before = time.process_time()
        for _ in range(turns):
            call()
        times.append((time.process_time() - before) / turns)
    return statistics.median(times)


def _foreign(args: argparse.Namespace, bodies: Mapping[str, bytes]) -> dict[str, Any]:
    """The answers and times of cql-execution, in a process of its own."""
    from tests.conformance.suites import suite_folder

    cql, plans = suite_folder("cql"), suite_folder("plandefinition")
    if cql is None or plans is None:
        sys.exit("The translator needs the model information of the conformance folder.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {size: folder / f"{size}.json" for size in bodies}
        for size, body in bodies.items():
            files[size].write_bytes(body)
        helpers = folder / "FHIRHelpers.cql"
        helpers.write_bytes(_helpers(plans))
        config = {
            "packages": str(args.packages.resolve()),
            "modelInfo": str(cql / "lib" / "fhir-modelinfo-4.0.1.xml"),
            "systemInfo": str(cql / "lib" / "system-modelinfo.xml"),
            "helpers": str(helpers),
            "library": str(LIBRARY),
            "bundles": {size: str(path) for size, path in files.items()},
            "turns": {"small": 20, "large": 2},
            "rounds": args.rounds,
            "now": NOW.isoformat().replace("+00:00", "Z"),
        }
        (folder / "config.json").write_text(json.dumps(config))
        command = ["node", str(HERE / "cql_execution.mjs"), str(folder / "config.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _helpers(plans: Path) -> bytes:
    content = json.loads((plans / "measles-dose-0" / "content.json").read_text())
    helpers = next(e["resource"] for e in content["entry"] if e["resource"].get("name") == "FHIRHelpers")
    return base64.b64decode(helpers["content"][0]["data"])


def _plain(value: Any) -> Any:
    """A value as all three sides can show it."""
    if isinstance(value, list):
        return len(value)
    value = getattr(value, "value", value)
    return value if value is None or isinstance(value, bool) else round(float(value), 6)


def _compare(own: Mapping[str, Any], hand: Mapping[str, Any], foreign: Mapping[str, Any] | None) -> None:
    """All sides have to give the same answers."""
    for size, answers in own.items():
        for name, value in answers.items():
            others = {"by hand": hand[size].get(name, value)}
            if foreign is not None:
                others["cql-execution"] = foreign["sizes"][size]["results"][name]
            for who, other in others.items():
                if _plain(other) != _plain(value):
                    sys.exit(f'{size}: "{name}" is {_plain(value)}, {who} says {_plain(other)}.')


if __name__ == "__main__":
    sys.exit(main())
