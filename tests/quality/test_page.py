"""The page: every number opens its list, charts keep within their frame, like is compared with like."""

from __future__ import annotations

import html
import json
import re

import pytest

from cds_service.quality.analysis import analyse
from cds_service.quality.charts import HEIGHT, WIDTH, Point, funnel_plot, run_chart
from cds_service.quality.conventions import Conventions
from cds_service.quality.counting import count_patient
from cds_service.quality.measures import parse_measure
from cds_service.quality.people import BITS
from cds_service.quality.report import Frame, render_report
from cds_service.quality.tables import rows
from cds_service.quality.tally import Tally
from tests.quality.test_counting import EVENTS, registry

FRAME = Frame("Quality", "2025", "1.0.0", "2026-01-01", "Compare like with like.", 1)
CONVENTIONS = Conventions(case_mix=("cause",))


@pytest.fixture(name="page", scope="module")
def rendered() -> str:
    measure = parse_measure(EVENTS)
    tally = Tally()
    for subject, values in registry(measure):
        tally.add(count_patient(measure, values, subject))
    return render_report(analyse([measure], tally, [["operator"]], CONVENTIONS), FRAME, CONVENTIONS)


def test_every_number_opens_just_the_list_behind_it(page: str) -> None:
    held = re.search(r'id="people">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    people = json.loads(held[1])
    numbers = re.findall(r'data-who="([^"]*)"[^>]*>(\d+)<', page)
    assert len(numbers) > 6
    for who, number in numbers:
        key, role, where = json.loads(html.unescape(who))
        group = people["groups"][key]
        found = [
            row
            for row in group["rows"]
            if row[2] & role
            and all(
                group["values"][at][row[3 + at]] == value
                for at, value in ((group["codes"].index(code), value) for code, value in where.items())
            )
        ]
        assert len(found) == int(number), who
    assert BITS["numerator"] in {json.loads(html.unescape(who))[1] for who, _ in numbers}


def test_nothing_leaves_the_list_of_names_and_runs(page: str) -> None:
    assert "</script>" not in page.partition('id="people">')[2].partition("</script>")[0]


def test_operators_are_compared_within_one_cause_where_limits_hold_for_one(page: str) -> None:
    titles = re.findall(r'<text class="heading"[^>]*>([^<]*)</text>', page)
    assert titles == ["event, porosis, by operator"]


def test_case_mix_stands_beside_what_is_split() -> None:
    measure = parse_measure(EVENTS)
    tally = Tally()
    for subject, values in registry(measure):
        tally.add(count_patient(measure, values, subject))
    found = rows(analyse([measure], tally, [["operator"]], CONVENTIONS))
    mixes = {row["stratum"]: row["case_mix"] for row in found if row["split"] == "operator"}
    assert all("porosis" in mix for mix in mixes.values())
    assert {row["split"] for row in found} == {"", "cause", "operator", "operator / cause"}


@pytest.mark.parametrize("name", ["Dr A", "Practitioner/a-rather-long-identifier"])
@pytest.mark.parametrize("rate", [0, 3, 50, 100])
def test_labels_stay_inside_the_frame(name: str, rate: int) -> None:
    charts = [
        funnel_plot("Events", [Point(name, rate, 100, True), Point("b", 0, 10, True)], 0.01, "patients"),
        run_chart("Events", [Point(f"20{at:02}-Q4", rate, 100, True) for at in range(20)], 0.01),
    ]
    for chart in charts:
        texts = re.findall(r"<text ([^>]*)>([^<]*)</text>", chart)
        assert "Events" in [text for _, text in texts]
        for attributes, text in texts:
            x, y = (float(re.search(rf'\b{axis}="([-\d.]+)"', attributes)[1]) for axis in "xy")  # type: ignore[index]
            width = 6.2 * len(text)
            anchor = re.search(r'text-anchor="(\w+)"', attributes)
            left = x - (width if anchor and anchor[1] == "end" else width / 2 if anchor else 0)
            assert 0 <= y <= HEIGHT, text
            assert left >= -1, text
            assert left + width <= WIDTH + 1, text
