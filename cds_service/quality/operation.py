"""`Measure/$evaluate-measure` on inline data: one subject, the list of subjects, or the population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.fhir.model.types import r4
from cds_service.plans.extensions import listed
from cds_service.quality.measure_reports import ReportType, measure_report
from cds_service.quality.programme import Programme
from cds_service.quality.running import Counter, Period, parse_period
from cds_service.quality.tally import Tally

_KINDS: Mapping[str, ReportType] = {
    "subject": "individual",
    "individual": "individual",
    "subject-list": "subject-list",
    "patient-list": "subject-list",
    "population": "summary",
    "summary": "summary",
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class EvaluationRefused(CdsError):
    """An evaluation of a measure was asked for with something that cannot be counted."""

    code = "evaluation-refused"
    status = 400


@dataclass(frozen=True, slots=True)
class Request:
    """What an evaluation is asked for."""

    period: Period
    kind: ReportType
    subject: str | None
    patients: tuple[tuple[str, bytes], ...]  # reference and Bundle of each


def read_request(resource: Any) -> Request:
    """The request in a FHIR Parameters resource: periodStart, periodEnd, reportType, subject, data."""
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Parameters":
        raise EvaluationRefused("The body is no Parameters resource.", remedy="Send Parameters with period and data.")
    parts = [part for part in listed(resource.get("parameter")) if isinstance(part, Mapping)]
    first, last = _text(parts, "periodStart"), _text(parts, "periodEnd")
    if not first or not last:
        raise EvaluationRefused("periodStart or periodEnd is missing.", remedy="Send both as dates.")
    asked = _text(parts, "reportType")
    subject = _text(parts, "subject")
    if asked is not None and asked not in _KINDS:
        raise EvaluationRefused(f"reportType {asked!r} is not known.", remedy=f"Send one of {', '.join(_KINDS)}.")
    kind = _KINDS[asked] if asked else "individual" if subject and "/" in subject else "summary"
    bundles = [part["resource"] for part in parts if part.get("name") == "data" and "resource" in part]
    bundles += [
        inner["resource"]
        for part in parts
        if part.get("name") in {"prefetchData", "additionalData"}
        for inner in listed(part.get("part")) or [part]
        if isinstance(inner, Mapping) and isinstance(inner.get("resource"), Mapping)
    ]
    if not bundles:
        raise EvaluationRefused("There are no data to count.", remedy="Send a Bundle as the parameter data.")
    patients = _by_patient([resource for bundle in bundles for resource in _resources(bundle)])
    if subject is not None:
        wanted = subject if "/" in subject else f"Patient/{subject}"
        patients = [pair for pair in patients if pair[0] == wanted]
        if not patients:
            raise EvaluationRefused(f"The data hold no {wanted}.", remedy="Send the subject's Patient with the data.")
    if kind == "individual" and len(patients) != 1:
        raise EvaluationRefused("A report on one subject needs one.", remedy="Name the subject, or ask for population.")
    return Request(parse_period(f"{first[:10]}/{last[:10]}"), kind, subject, tuple(patients))


def evaluate_measure(programme: Programme, measure: str, request: Request, now: datetime) -> dict[str, Any]:
    """The MeasureReport for the patients of `request`."""
    (chosen,) = programme.chosen([measure])
    counter = Counter(programme, (chosen,), request.period, now)
    tally = Tally()
    for _, body in request.patients:
        _, counted = counter.count(body)
        tally.add(counted)
    return measure_report(
        chosen,
        tally,
        kind=request.kind,
        period=(request.period.first.isoformat(), request.period.last.isoformat()),
        made=now.astimezone(UTC).isoformat(timespec="seconds"),
        subject=request.patients[0][0] if request.kind == "individual" else None,
    )


def _resources(bundle: Any) -> list[Mapping[str, Any]]:
    if not isinstance(bundle, Mapping):
        return []
    if bundle.get("resourceType") != "Bundle":
        return [bundle]
    return [
        entry["resource"]
        for entry in listed(bundle.get("entry"))
        if isinstance(entry, Mapping) and isinstance(entry.get("resource"), Mapping)
    ]


def _by_patient(resources: Sequence[Mapping[str, Any]]) -> list[tuple[str, bytes]]:
    """One Bundle for each patient, with what belongs to nobody in each."""
    model = r4()
    own: dict[str, list[Mapping[str, Any]]] = {}
    shared: list[Mapping[str, Any]] = []
    for each in resources:
        kind = str(each.get("resourceType"))
        if kind == "Patient":
            own.setdefault(f"Patient/{each.get('id')}", []).append(each)
            continue
        info = model.get(kind)
        path = info.patient_path if info is not None else None
        reference = each.get(path) if path else None
        name = str(reference.get("reference", "")) if isinstance(reference, Mapping) else ""
        if name:
            own.setdefault("/".join(name.split("/")[-2:]), []).append(each)
        else:
            shared.append(each)
    found = []
    for name, members in sorted(own.items()):
        if any(each.get("resourceType") == "Patient" for each in members):
            entries = [{"resource": each} for each in (*members, *shared)]
            found.append((name, _ENCODER.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})))
    return found


def _text(parts: Sequence[Mapping[str, Any]], name: str) -> str | None:
    for part in parts:
        if part.get("name") == name:
            return next((str(value) for key, value in part.items() if key.startswith("value")), None)
    return None
