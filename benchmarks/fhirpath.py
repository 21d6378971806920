"""FHIRPath beside two other engines on the same expressions and resources: `python -m benchmarks.fhirpath`.

`fhirpath.js` (npm, on Node) and `fhirpathpy` (PyPI) are installed into a folder of their own. Every engine compiles
an expression once and evaluates it again and again on a resource that is already in memory. Results are compared for
equality before anything is timed; a result that differs is named and not timed. Rounds of the engines alternate.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from cds_service.fhirpath.engine import compile_fhirpath
from cds_service.fhirpath.environment import Environment
from cds_service.values.dates import now_from
from cds_service.values.formatting import to_string

PACKAGE = {
    "private": True,
    "dependencies": {"fhirpath": "5.2.2"},
    "overrides": {"@lhncbc/ucum-lhc": "7.1.9"},  # the newest that the registry has
}
FHIRPATHPY = "fhirpathpy==2.2.4"

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CASES: tuple[tuple[str, str], ...] = (
    ("patient", "Patient.name.where(use = 'official').given.first()"),
    ("patient", "Patient.telecom.where(system = 'phone' and use = 'mobile').value"),
    ("patient", "Patient.birthDate <= @1975-01-01"),
    ("patient", "iif(Patient.gender = 'female', Patient.name.family.first(), 'unknown')"),
    ("patient", "Patient.name.given.select($this.upper()).distinct().count()"),
    ("patient", "(1 | 2 | 3).select($this * 2).where($this > 2)"),
    ("observation", "Observation.value.ofType(Quantity).value > 100"),
    ("observation", f"Observation.code.coding.exists(system = '{LOINC}' and code = '38268-3')"),
    ("observation", "Observation.component.where(code.text = 'height').value.ofType(Quantity).value"),
    (
        "bundle",
        "Bundle.entry.resource.ofType(Observation)"
        f".where(code.coding.exists(system = '{LOINC}' and code = '38268-3')).count()",
    ),
    ("bundle", "Bundle.entry.resource.ofType(Condition).where(clinicalStatus.coding.code = 'active').code.coding.code"),
    ("bundle", "Bundle.entry.resource.ofType(Observation).value.ofType(Quantity).value.where($this > 150).count()"),
)

_NODE = """
const fs = require('fs'), fhirpath = require('fhirpath'), model = require('fhirpath/fhir-context/r4');
const { cases, resources, seconds } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const out = cases.map(([name, text]) => {
  const run = fhirpath.compile(text, model), resource = resources[name];
  const result = run(resource);
  let count = 1, spent = 0;
  while (spent < seconds * 1e9) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < count; i++) run(resource);
    spent = Number(process.hrtime.bigint() - began);
    if (spent < seconds * 1e9) count = Math.ceil(count * 2);
  }
  return [result, spent / count];
});
console.log(JSON.stringify(out));
"""

_PYTHON = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
from fhirpathpy import compile
from fhirpathpy.models import models
content = json.load(open(sys.argv[1]))
out = []
for name, text in content["cases"]:
    run, resource = compile(text, models["r4"]), content["resources"][name]
    result, count, spent = run(resource), 1, 0.0
    while spent < content["seconds"]:
        began = time.perf_counter()
        for _ in range(count):
            run(resource)
        spent = time.perf_counter() - began
        if spent < content["seconds"]:
            count *= 2
    out.append((result, spent / count * 1e9))
print(json.dumps(out, default=str))
"""


def patient() -> dict[str, Any]:
    """A patient with a few names and telecoms."""
    return {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1950-03-01",
        "name": [
            {"use": "official", "family": "Roe", "given": ["Jane", "Ann"]},
            {"use": "nickname", "given": ["Janie"]},
            {"use": "maiden", "family": "Doe", "given": ["Jane", "Ann"]},
        ],
        "telecom": [
            {"system": "phone", "use": "home", "value": "1"},
            {"system": "phone", "use": "mobile", "value": "2"},
            {"system": "email", "value": "jane@example.org"},
        ],
    }


def observation(number: int, code: str) -> dict[str, Any]:
    """A measurement."""
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2025-01-{number % 28 + 1:02}T08:00:00Z",
        "code": {"coding": [{"system": "http://example.org", "code": "x"}, {"system": LOINC, "code": code}]},
        "valueQuantity": {
            "value": 100 + number,
            "unit": "mg/dL",
            "system": "http://unitsofmeasure.org",
            "code": "mg/dL",
        },
        "component": [
            {"code": {"text": "weight"}, "valueQuantity": {"value": 60, "unit": "kg"}},
            {"code": {"text": "height"}, "valueQuantity": {"value": 160, "unit": "cm"}},
        ],
    }


def condition(number: int) -> dict[str, Any]:
    """A problem, every third one active."""
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "subject": {"reference": "Patient/p1"},
        "clinicalStatus": {"coding": [{"code": "active" if number % 3 == 0 else "resolved"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": f"M80.{number}"}]},
    }


def bundle() -> dict[str, Any]:
    """A patient with 340 resources."""
    resources = [patient()]
    resources += [observation(i, "38268-3" if i % 10 == 0 else f"{i}-1") for i in range(240)]
    resources += [condition(i) for i in range(99)]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def plain(value: Any) -> Any:
    """A result as JSON has it, numbers as floats."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float, Decimal)):
        return float(value)
    return to_string(value)


def own(content: dict[str, Any]) -> list[tuple[Any, float]]:
    """Results and nanoseconds of this project's engine."""
    structs = {name: Decoder(full()).resource(json.dumps(each).encode()) for name, each in content["resources"].items()}
    environment = Environment(now=now_from(datetime.now(UTC)))
    out = []
    for name, text in content["cases"]:
        focus = structs[name]
        evaluate = compile_fhirpath(text, focus.fhir_type).evaluate
        count, spent = 1, 0.0
        while spent < content["seconds"]:
            began = time.perf_counter()
            for _ in range(count):
                evaluate(focus, environment)
            spent = time.perf_counter() - began
            if spent < content["seconds"]:
                count *= 2
        out.append((evaluate(focus, environment), spent / count * 1e9))
    return out


def install(folder: Path) -> None:
    """Puts both other engines into `folder`, unless they are there."""
    (folder / "run.js").write_text(_NODE)
    (folder / "run.py").write_text(_PYTHON)
    if not (folder / "node_modules" / "fhirpath").exists():
        (folder / "package.json").write_text(json.dumps(PACKAGE))
        npm = shutil.which("npm") or "npm"
        subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    if not (folder / "python" / "fhirpathpy").exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder / "python"), FHIRPATHPY]
        subprocess.run(command, check=True)


def _outside(command: list[str]) -> Callable[[], list[tuple[Any, float]]]:
    def run() -> list[tuple[Any, float]]:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [(result, nanoseconds) for result, nanoseconds in json.loads(done.stdout)]

    return run


def compare(rounds: int, seconds: float, folder: Path) -> Iterator[tuple[str, list[float], list[bool]]]:
    """For each case: nanoseconds of ours, fhirpath.js and fhirpathpy, and whether the latter two agree with ours."""
    resources = {"patient": patient(), "observation": observation(20, "38268-3"), "bundle": bundle()}
    content = {"cases": CASES, "resources": resources, "seconds": seconds}
    data = folder / "data.json"
    data.write_text(json.dumps(content))
    engines: list[Callable[[], list[tuple[Any, float]]]] = [
        lambda: own(content),
        _outside([shutil.which("node") or "node", str(folder / "run.js"), str(data)]),
        _outside([sys.executable, str(folder / "run.py"), str(data), str(folder / "python")]),
    ]
    measured = [[engine() for engine in engines] for _ in range(rounds)]
    for number, (_, text) in enumerate(CASES):
        times = [statistics.median(each[engine][number][1] for each in measured) for engine in range(3)]
        results = [plain(measured[0][engine][number][0]) for engine in range(3)]
        yield text, times, [results[0] == result for result in results[1:]]


def main() -> None:
    """Prints one line for each expression, and how many times faster this engine is on the whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="time for one expression in one engine")
    parser.add_argument("--folder", type=Path, help="where the other engines are installed (default: a new folder)")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="fhirpath-engines-"))
    folder.mkdir(parents=True, exist_ok=True)
    install(folder)
    ratios: tuple[list[float], list[float]] = ([], [])
    print(f"{'µs here':>9} {'fhirpath.js':>12} {'fhirpathpy':>12}  expression")
    for text, times, agree in compare(options.rounds, options.seconds, folder):
        shown = []
        for index, same in enumerate(agree):
            ratio = times[index + 1] / times[0]
            shown.append(f"{ratio:10.1f} x" if same else "differs")
            if same:
                ratios[index].append(ratio)
        print(f"{times[0] / 1000:9.2f} {shown[0]:>12} {shown[1]:>12}  {text}")
    for name, found in zip(("fhirpath.js", "fhirpathpy"), ratios, strict=True):
        print(f"{name}: {statistics.geometric_mean(found):.1f} times slower (geometric mean of {len(found)})")


if __name__ == "__main__":
    main()
