"""Counts as FHIR MeasureReports: one subject, a list of subjects, or a summary of a population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from cds_service.quality.counting import NOT_STATED, Item
from cds_service.quality.measures import Group, Measure, Stratifier
from cds_service.quality.tally import Tally

ReportType = Literal["individual", "subject-list", "summary"]
POPULATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/measure-population"


def measure_report(
    measure: Measure,
    tally: Tally,
    *,
    kind: ReportType,
    period: tuple[str, str],
    made: str,
    subject: str | None = None,
) -> dict[str, Any]:
    """The MeasureReport of what was counted; lists of subjects are contained Lists of references."""
    contained: list[dict[str, Any]] = []
    report: dict[str, Any] = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": kind,
        "measure": measure.canonical,
        "date": made,
        "period": {"start": period[0], "end": period[1]},
        "group": [_group(measure, group, tally, kind, contained) for group in measure.groups],
    }
    failures = sorted({reason for part in tally.groups.values() for reason in part.failures})
    if subject:
        report["subject"] = {"reference": subject}
    if failures:
        report["status"] = "error"
        contained.append(
            {
                "resourceType": "OperationOutcome",
                "id": "failures",
                "issue": [{"severity": "error", "code": "processing", "diagnostics": reason} for reason in failures],
            }
        )
    if contained:
        report["contained"] = contained
    return report


def _group(
    measure: Measure, group: Group, tally: Tally, kind: ReportType, contained: list[dict[str, Any]]
) -> dict[str, Any]:
    items = tally.items(measure, group)
    found: dict[str, Any] = {
        "code": {"coding": [{"code": group.identifier}], "text": group.title},
        "population": [_population(group, population.role, items, kind, contained) for population in group.populations],
    }
    score = _score(group, items)
    if score is not None:
        found["measureScore"] = {"value": score}
    stratifiers = [part for stratifier in group.stratifiers if (part := _stratifier(group, stratifier, items))]
    if stratifiers:
        found["stratifier"] = stratifiers
    return found


def _population(
    group: Group, role: str, items: Sequence[Item], kind: ReportType, contained: list[dict[str, Any]]
) -> dict[str, Any]:
    members = [item for item in items if role in item.roles]
    found: dict[str, Any] = {"code": _role(role), "count": len(members)}
    if kind == "subject-list" and members:
        identifier = f"{group.identifier}-{role}"
        subjects = sorted({item.subject for item in members})
        contained.append(
            {
                "resourceType": "List",
                "id": identifier,
                "status": "current",
                "mode": "snapshot",
                "entry": [{"item": {"reference": name}} for name in subjects],
            }
        )
        found["subjectResults"] = {"reference": f"#{identifier}"}
    return found


def _stratifier(group: Group, stratifier: Stratifier, items: Sequence[Item]) -> dict[str, Any] | None:
    values = sorted({item.strata.get(stratifier.code, NOT_STATED) for item in items})
    if not values:
        return None
    return {
        "code": [{"coding": [{"code": stratifier.code}], "text": stratifier.title}],
        "stratum": [_stratum(group, stratifier.code, value, items) for value in values],
    }


def _stratum(group: Group, code: str, value: str, items: Sequence[Item]) -> dict[str, Any]:
    members = [item for item in items if item.strata.get(code, NOT_STATED) == value]
    found: dict[str, Any] = {
        "value": {"text": value},
        "population": [
            {"code": _role(population.role), "count": sum(population.role in item.roles for item in members)}
            for population in group.populations
        ],
    }
    score = _score(group, members)
    if score is not None:
        found["measureScore"] = {"value": score}
    return found


def _score(group: Group, items: Sequence[Item]) -> float | None:
    if group.define("numerator") is None or group.define("denominator") is None:
        return None
    events = sum("numerator" in item.roles for item in items)
    total = sum("denominator" in item.roles for item in items)
    return events / total if total else None


def _role(role: str) -> dict[str, Any]:
    return {"coding": [{"system": POPULATION_SYSTEM, "code": role}]}
