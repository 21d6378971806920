"""The questions of `cql_questions.cql` as one would write them in Python, over parsed JSON: what CQL is measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

from benchmarks.charts import ICD, LOINC, RXNORM

Resource = dict[str, Any]


class Chart:
    """The resources of one patient by type, and by type and code."""

    def __init__(self, bundle: Resource) -> None:
        self.by_type: dict[str, list[Resource]] = {}
        self.by_code: dict[tuple[str, str, str], list[Resource]] = {}
        for entry in bundle["entry"]:
            resource = entry["resource"]
            kind = resource["resourceType"]
            self.by_type.setdefault(kind, []).append(resource)
            concept = resource.get("medicationCodeableConcept" if kind == "MedicationRequest" else "code")
            for coding in (concept or {}).get("coding", ()):
                self.by_code.setdefault((kind, coding.get("system"), coding.get("code")), []).append(resource)
        self.patient = self.by_type["Patient"][0]

    def all(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return self.by_type.get(kind, [])

    def coded(self, kind: str, system: str, code: str) -> list[Resource]:
        """The resources of a type with a code."""
        return self.by_code.get((kind, system, code), [])


def _values(resources: Iterable[Resource]) -> Iterator[float]:
    for resource in resources:
        quantity = resource.get("valueQuantity")
        if quantity is not None and quantity.get("value") is not None:
            yield quantity["value"]


def _instant(resource: Resource, element: str) -> datetime | None:
    text = resource.get(element)
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _latest(resources: list[Resource]) -> float | None:
    dated = [resource for resource in resources if resource.get("effectiveDateTime")]
    if not dated:
        return None
    newest = max(dated, key=lambda resource: _instant(resource, "effectiveDateTime"))  # type: ignore[arg-type,return-value]
    quantity = newest.get("valueQuantity")
    return quantity["value"] if quantity is not None else None


def _since_january(resources: Iterable[Resource], element: str) -> int:
    start = datetime.fromisoformat("2025-01-01T00:00:00+00:00")
    return sum((moment := _instant(resource, element)) is not None and moment > start for resource in resources)


def _below(value: float | None, limit: float) -> bool | None:
    return None if value is None else value < limit


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def answer(chart: Chart) -> dict[str, Any]:
    """Every question with its answer; what is asked twice is worked out once."""
    found: dict[str, Any] = {}
    observations, conditions = chart.all("Observation"), chart.all("Condition")
    by_code: Callable[[str], list[Resource]] = lambda code: chart.coded("Observation", LOINC, code)  # noqa: E731 - as short as a query
    has: Callable[[str], bool] = lambda code: bool(chart.coded("Condition", ICD, code))  # noqa: E731 - as short as a query
    takes: Callable[[str], bool] = lambda code: bool(chart.coded("MedicationRequest", RXNORM, code))  # noqa: E731 - as short as a query
    born = date.fromisoformat(chart.patient["birthDate"])
    found["Is female"] = chart.patient.get("gender") == "female"
    found["Is over 50"] = 2025 - born.year - ((born.month, born.day) > (10, 1)) > 50
    found["Number of observations"] = sum(o.get("status") in ("final", "amended", "corrected") for o in observations)
    results = [o for o in by_code("6301-6") if o["status"] == "final" and "valueQuantity" in o]
    found["Latest INR"] = inr = _latest(results)
    found["INR is high"] = None if inr is None else inr > 1.7
    platelets = min(_values(o for o in by_code("777-3") if o["status"] == "final"), default=None)
    found["Lowest platelets"] = platelets
    found["Platelets are low"] = _below(platelets, 100)
    found["Haemoglobin is low"] = any(value < 12 for value in _values(by_code("718-7")))
    found["Kidney function"] = kidney = _latest(by_code("62238-1"))
    found["Kidney function is reduced"] = _below(kidney, 60)
    found["Creatinine this year"] = _since_january(by_code("2160-0"), "effectiveDateTime")
    rates = list(_values(by_code("8867-4")))
    found["Average heart rate"] = sum(rates) / len(rates) if rates else None
    found["Obese ever"] = any(value >= 30 for value in _values(by_code("39156-5")))
    found["Highest CRP"] = max(_values(by_code("1988-5")), default=None)
    found["Laboratory observations"] = sum(
        any(d.get("code") == "laboratory" for c in o.get("category", ()) for d in c.get("coding", ()))
        for o in observations
    )
    found["Number of active conditions"] = sum(
        any(
            s.get("code") in ("active", "recurrence", "relapse")
            for s in (c.get("clinicalStatus") or {}).get("coding", ())
        )
        for c in conditions
    )
    found["Has a fracture"] = has("M80.08XA")
    found["Has osteoporosis"] = has("M81.0") or has("M80.08XA")
    found["Has diabetes and hypertension"] = has("E11.9") and has("I10")
    found["Number of active medications"] = sum(m.get("status") == "active" for m in chart.all("MedicationRequest"))
    warfarin = chart.coded("MedicationRequest", RXNORM, "11289")
    found["Takes an anticoagulant"] = any(m.get("status") == "active" for m in warfarin)
    found["Anticoagulated without reason"] = found["Takes an anticoagulant"] and not has("I48.91")
    found["Metformin and reduced kidney function"] = _and(takes("6809"), found["Kidney function is reduced"])
    found["Treated osteoporosis"] = found["Has osteoporosis"] and takes("46041")
    done = [p for p in chart.all("Procedure") if p.get("status") == "completed"]
    found["Procedures this year"] = _since_january(done, "performedDateTime")
    found["Imaging orders"] = sum(s.get("intent") == "order" for s in chart.all("ServiceRequest"))
    bleeding = _or(found["INR is high"], found["Platelets are low"])
    found["May proceed"] = _and(_and(found["Is over 50"], found["Has a fracture"]), _not(bleeding))
    return found
