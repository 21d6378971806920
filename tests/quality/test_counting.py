"""Counting, tallying and judging, with definitions given as plain values."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from cds_service.errors import EvaluationError
from cds_service.quality.analysis import analyse
from cds_service.quality.conventions import Conventions
from cds_service.quality.counting import count_patient
from cds_service.quality.measure_reports import measure_report
from cds_service.quality.measures import Measure, MeasureError, parse_measure
from cds_service.quality.report import Frame, render_report
from cds_service.quality.tables import rows, to_csv, to_json
from cds_service.quality.tally import Tally


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"code": code}]}


def criteria(name: str) -> dict[str, str]:
    return {"language": "text/cql-identifier", "expression": name}


EVENTS: dict[str, Any] = {
    "resourceType": "Measure",
    "id": "events",
    "url": "https://cds-service.example/fhir/Measure/events",
    "version": "1.0.0",
    "title": "Events",
    "library": ["https://cds-service.example/fhir/Library/Logic|1.0.0"],
    "group": [
        {
            "code": coded("event"),
            "extension": [
                {
                    "url": "https://cds-service.example/fhir/StructureDefinition/quality-limit",
                    "extension": [
                        {"url": "id", "valueString": "L1"},
                        {"url": "rate", "valueDecimal": 0.01},
                        {"url": "stratifier", "valueString": "cause"},
                        {"url": "stratum", "valueString": "porosis"},
                    ],
                },
                {"url": "https://cds-service.example/fhir/StructureDefinition/quality-review", "valueBoolean": True},
            ],
            "population": [
                {"code": coded("denominator"), "criteria": criteria("All")},
                {"code": coded("denominator-exception"), "criteria": criteria("Cannot tell")},
                {"code": coded("numerator"), "criteria": criteria("Bad")},
            ],
            "stratifier": [
                {"code": coded("operator"), "criteria": criteria("Operators")},
                {"code": coded("cause"), "criteria": criteria("Cause")},
            ],
        }
    ],
}


class Values:
    """Definitions with known values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def value(self, library: str, define: str) -> Any:
        assert library == "Logic"
        if define not in self.values:
            raise EvaluationError("no such thing here")
        return self.values[define]

    def at(self, moment: Any) -> Values:
        return self


def patient(
    items: list[str], bad: list[str], operator: str, cause: str | None, unknown: list[str] | None = None
) -> Values:
    return Values(
        {
            "All": items,
            "Cannot tell": unknown or [],
            "Bad": bad,
            "Operators": [{"item": item, "value": operator} for item in items],
            "Cause": cause,
        }
    )


@pytest.fixture(name="measure")
def parsed() -> Measure:
    return parse_measure(EVENTS)


def test_what_is_not_in_the_denominator_is_never_in_the_numerator(measure: Measure) -> None:
    (counted,) = count_patient(measure, patient(["a"], ["a", "z"], "Dr A", "porosis"), "Patient/1")
    assert {item.name: sorted(item.roles) for item in counted.items} == {
        "a": ["denominator", "numerator"],
        "z": [],
    }


def test_a_group_that_fails_says_so_and_counts_nobody(measure: Measure) -> None:
    tally = Tally()
    tally.add(count_patient(measure, Values({"All": ["a"]}), "Patient/1"))
    (analysis,) = analyse([measure], tally, [], Conventions())
    assert analysis.failures == (("evaluation-error: no such thing here", 1),)
    assert analysis.overall.share.rate is None
    assert (
        measure_report(measure, tally, kind="summary", period=("2025", "2026"), made="2026-01-01")["status"] == "error"
    )


def registry(measure: Measure) -> list[tuple[str, Values]]:
    """160 patients, seven of them with an event; Dr B treats twice as many as Dr A."""
    people = []
    for number in range(160):
        item = f"P/{number}"
        events = [item] if number % 25 == 0 else []
        cause = "porosis" if number < 150 else None
        people.append((f"Patient/{number:03}", patient([item], events, "Dr B" if number % 3 else "Dr A", cause)))
    return people


def test_the_order_and_the_number_of_counters_do_not_matter(measure: Measure) -> None:
    people = registry(measure)
    one = Tally()
    for subject, values in people:
        one.add(count_patient(measure, values, subject))
    random.Random(4).shuffle(people)
    first, second = Tally(), Tally()
    for number, (subject, values) in enumerate(people):
        (first if number % 2 else second).add(count_patient(measure, values, subject))
    first.merge(second)
    splits = [["operator"], ["operator", "cause"]]
    assert to_json(analyse([measure], one, splits, Conventions())) == to_json(
        analyse([measure], first, splits, Conventions())
    )


def test_a_limit_for_one_cause_is_not_held_against_the_mixture(measure: Measure) -> None:
    tally = Tally()
    for subject, values in registry(measure):
        tally.add(count_patient(measure, values, subject))
    found = rows(analyse([measure], tally, [["operator"], ["operator", "cause"]], Conventions()))
    flags = {(row["split"], row["stratum"]): row["flag"] for row in found}
    assert flags["", ""] == ""
    assert flags["operator", "Dr A"] == ""
    assert flags["cause", "porosis"] == "exceeds"
    assert flags["cause", "not stated"] == ""
    assert flags["operator / cause", "Dr A / porosis"] in ("watch", "exceeds")


def test_unknown_is_shown_beside_the_rate_and_not_in_it(measure: Measure) -> None:
    tally = Tally()
    tally.add(count_patient(measure, patient(["a"], [], "Dr A", "porosis", unknown=["b"]), "Patient/1"))
    (analysis,) = analyse([measure], tally, [], Conventions())
    assert (analysis.overall.share.total, analysis.overall.not_evaluable) == (1, 1)


def test_the_page_escapes_what_comes_from_data(measure: Measure) -> None:
    tally = Tally()
    tally.add(
        count_patient(measure, patient(["<b>x"], ["<b>x"], "<script>alert(1)</script>", "porosis"), "Patient/<1>")
    )
    analyses = analyse([measure], tally, [["operator"]], Conventions())
    page = render_report(
        analyses, Frame("Quality", "2025", "1.0.0", "2026-01-01", "Compare like with like.", 1), Conventions()
    )
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "'=" not in to_csv(analyses)


def test_a_report_lists_the_subjects_behind_each_number(measure: Measure) -> None:
    tally = Tally()
    for subject, values in registry(measure):
        tally.add(count_patient(measure, values, subject))
    report = measure_report(measure, tally, kind="subject-list", period=("2025", "2026"), made="2026-01-01")
    population = {part["code"]["coding"][0]["code"]: part for part in report["group"][0]["population"]}
    assert population["numerator"]["count"] == 7
    lists = {part["id"]: part for part in report["contained"]}
    assert len(lists["event-numerator"]["entry"]) == 7
    assert report["group"][0]["measureScore"]["value"] == pytest.approx(7 / 160)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"library": []}, "names no library"),
        ({"group": []}, "has no group"),
        ({"group": [{"code": coded("x")}]}, "group x has no population"),
        ({"group": [{"code": coded("x"), "population": [{"code": coded("numerator")}]}]}, "criteria.expression"),
    ],
)
def test_a_measure_that_cannot_be_counted_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(MeasureError, match=says):
        parse_measure({**EVENTS, **change})
