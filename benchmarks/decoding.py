"""What it costs to read a request, in units of `orjson.loads` of the same bytes: `python -m benchmarks.decoding`.

Each figure is the best of many runs in this one process. "needed elements" is what a hook call pays; "all elements"
is for $apply and the command line; the last lines are what the facts cost on top.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from benchmarks.charts import Chart
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.limits import Limits, check_numbers
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full, lean
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.patient_data.gather import Reading, gather
from cds_service.patient_data.needs import Need
from cds_service.patient_data.sources import Sources

READS = {
    "Patient": frozenset({"birthDate", "gender"}),
    "Condition": frozenset({"code", "clinicalStatus", "verificationStatus", "onset", "recordedDate", "bodySite"}),
    "Observation": frozenset({"status", "code", "value", "effective", "bodySite", "dataAbsentReason"}),
    "MedicationRequest": frozenset({"status", "intent", "medication", "authoredOn"}),
    "Procedure": frozenset({"status", "code", "performed", "bodySite"}),
    "ServiceRequest": frozenset({"status", "intent", "code", "bodySite", "reasonCode", "authoredOn"}),
}
NOW = datetime(2025, 10, 1, 12, tzinfo=UTC)


class _Codes:
    def __init__(self, *codes: str) -> None:
        self.codes = frozenset(codes)

    def contains(self, system: str | None, code: str) -> bool:
        return system is not None and code in self.codes


GROUPS = [_Codes(f"none-{number}", "M80.08XA" if number % 10 == 0 else "6301-6") for number in range(100)]


def best(work: Callable[[], Any], seconds: float = 0.4) -> float:
    """The shortest time of one run, in seconds."""
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def measure(size: str) -> dict[str, float]:
    """The figures for one size of request, as multiples of `orjson.loads`."""
    chart = Chart(size)
    body = chart.request()
    needs = [Need(kind.lower(), f"{kind}?patient={{{{context.patientId}}}}") for kind in chart.resources]
    needs[0] = Need("patient", "Patient/{{context.patientId}}", required=True)
    reading = Reading(Decoder(lean(READS)), CodeGroups())
    parser = RequestParser("order-sign", reading.decoder.union)
    everything = RequestParser("order-sign", Decoder(full()).union)
    arrival, none = Arrival(NOW, "call"), Sources()
    request = parser.parse(body, arrival)
    fhir_bundle = chart.bundle()

    def search() -> None:
        facts = gather(request, needs, none, reading)
        for group in GROUPS:
            facts.retrieve("Condition", "code", group)
            facts.retrieve("Observation", "code", group)
            facts.retrieve("MedicationRequest", "medication", group)

    floor = best(lambda: orjson.loads(body))
    return {
        "bytes": len(body),
        "orjson.loads, microseconds": floor * 1e6,
        "json.loads": best(lambda: json.loads(body)) / floor,
        "limits of size and numbers": best(lambda: check_numbers(body, Limits())) / floor,
        "request, needed elements": best(lambda: parser.parse(body, arrival)) / floor,
        "request, all elements": best(lambda: everything.parse(body, arrival)) / floor,
        "Bundle, needed elements": best(lambda: reading.decoder.collect(fhir_bundle)) / floor,
        "Bundle, untyped msgspec": best(lambda: msgspec.json.decode(fhir_bundle)) / floor,
        "facts from the request": best(lambda: gather(request, needs, none, reading)) / floor,
        "facts and 300 retrieves by value set": best(search) / floor,
    }


def main() -> int:
    """Print both tables side by side."""
    small, large = measure("small"), measure("large")
    print(f"{'':40}{'small':>12}{'large':>12}")
    for name in small:
        digits = 0 if name.startswith(("bytes", "orjson")) else 2
        print(f"{name:40}{small[name]:>12.{digits}f}{large[name]:>12.{digits}f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
