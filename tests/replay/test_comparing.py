"""Changes between two runs: their kinds, their join, their report."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.replay.baselines import Comparison, Reason, differences, join
from cds_service.replay.comparing import Change, Difference, compare
from cds_service.replay.expectations import unmet
from cds_service.replay.junit import write_junit
from cds_service.replay.reports import as_page, in_words
from cds_service.replay.results import Result, write_result
from tests.replay.results import record, result

WORST_FIRST = ("ask", "bad", "no-variant", "fair", "good")


def kinds(before: Result, after: Result) -> list[str]:
    found = compare(before, after, WORST_FIRST)
    return [change.kind for change in found.changes] if found else []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (result(record()), result(record()), []),
        (result(record(), milliseconds=1.0), result(record(), milliseconds=2.0), []),
        (result(record(rating="bad")), result(record(rating="good")), ["rating up"]),
        (result(record(rating="good")), result(record(rating="fair")), ["rating down"]),
        (result(record(rating="odd")), result(record(rating="fair")), ["rating other"]),
        (result(record()), result(record("ask", mustAsk=["x"])), ["decision other", "question (mustAsk) new"]),
        (result(record(absolute=["A1"])), result(record(absolute=["A1", "A2"])), ["absolute new"]),
        (result(record(absolute=["A1"])), result(record()), ["absolute gone"]),
        (result(record(careFlags=["C"])), result(record(careFlags=["D"])), ["careFlags new", "careFlags gone"]),
        (result(record(safetyAsk=["x"])), result(record()), ["question (safetyAsk) gone"]),
        (result(record(alternatives=["a", "b"])), result(record(alternatives=["a"])), ["alternatives other"]),
        (result(record(primaryVariant="V1")), result(record(primaryVariant="V2")), ["scenario other"]),
        (result(record()), result(record(indicator="warning")), ["urgency other"]),
        (
            result(record(evidence=[{"fact": "f", "value": True}])),
            result(record(evidence=[{"fact": "f"}])),
            ["facts other"],
        ),
        (result(record(levels=[{"level": "a"}])), result(record(levels=[{"level": "b"}])), ["a target other"]),
        (result(record()), result(), ["decision gone"]),
        (result(), result(record()), ["decision new"]),
        (result(record()), result(failure="x"), ["failure new"]),
        (result(failure="x"), result(record()), ["failure gone"]),
        (result(failure="x"), result(failure="y"), []),
        (result(record(), cards=[("a", "info", "b")]), result(record(), cards=[("a", "info", "c")]), ["only words"]),
        (result(cards=[("a", "info")]), result(cards=[("a", "warning")]), ["cards other"]),
        (result(cards=[]), result(cards=[("a", "warning")]), ["cards new"]),
        (result(cards=[("a", "warning")]), result(cards=[]), ["cards gone"]),
        (
            result(record(rating="bad"), cards=[("bad", "info")]),
            result(record(rating="good"), cards=[("good", "info")]),
            ["rating up"],
        ),
    ],
)
def test_every_change_has_its_kind(before: Result, after: Result, expected: list[str]) -> None:
    assert kinds(before, after) == expected


def test_a_change_tells_what_it_is_about() -> None:
    found = compare(result(record(absolute=["A1"])), result(record(absolute=["A2"])))
    assert found is not None
    assert [str(change) for change in found.changes] == ["ServiceRequest/o1: A2", "ServiceRequest/o1: A1"]
    assert [change.ids for change in found.changes] == [("A2",), ("A1",)]
    assert str(Change("k", "o", "x", "y")) == "o: x → y"
    assert str(Change("k other", "o", "x")) == "o: x → nothing"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([{"level": "a"}], [{"level": "b"}], "a as before → b as before"),
        (
            [{"level": "a", "rating": "x", "rules": ["R"]}],
            [{"level": "a", "rating": "y", "rules": ["R"]}],
            "a rating x → a rating y",
        ),
        ([{"level": "a"}, {"level": "b"}], [{"level": "a"}], "b as before → nothing"),
    ],
)
def test_a_change_of_a_target_tells_which(before: list[Any], after: list[Any], told: str) -> None:
    found = compare(result(record(levels=before)), result(record(levels=after)))
    assert found is not None
    assert [str(change) for change in found.changes] == [f"ServiceRequest/o1: {told}"]


def test_orders_are_compared_by_their_reference() -> None:
    one, other = {"order": "A/1", "status": "decided"}, {"order": "A/2", "status": "ask"}
    assert kinds(result(one, other), result(other, one)) == []


IDS = st.lists(st.integers(0, 30), unique=True, max_size=25)


@given(IDS, IDS)
def test_results_are_joined_by_their_ids_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory, before: list[int], after: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("join")
    for name, ids in (("before", before), ("after", after)):
        (folder / name).write_bytes(b"".join(write_result(result(ident=str(ident))) for ident in ids))
    pairs = list(join([folder / "before"], [folder / "after"]))
    found = [(one.id if one else None, other.id if other else None) for one, other in pairs]
    common = {str(ident) for ident in set(before) & set(after)}
    assert [(one, other) for one, other in found if other is not None] == [
        (str(ident) if str(ident) in common else None, str(ident)) for ident in after
    ]
    assert sorted(one for one, other in found if other is None and one is not None) == sorted(
        str(ident) for ident in set(before) - set(after)
    )


def comparison() -> Comparison:
    found = Comparison()
    pairs: list[Any] = [
        (result(record(rating="good"), ident=f"f:{n}"), result(record(rating="bad"), ident=f"f:{n}")) for n in range(40)
    ]
    pairs += [(result(record()), result(record()))] * 5
    pairs += [(None, result(ident="new")), (result(ident="old"), None)]
    for difference in differences(pairs, found, WORST_FIRST):
        found.add(difference, [Reason("threshold", "Lib.Limit <b>", "30", "45", "lib.cql:7:1")])
    return found


def test_a_comparison_counts_and_keeps_some_examples() -> None:
    found = comparison()
    assert (found.calls, found.changed, found.missing_before, found.missing_after) == (47, 40, 1, 1)
    told = found.as_json()["kinds"]["rating down"]
    assert told["calls"] == 40
    assert told["reasons"] == [{"reason": "threshold Lib.Limit <b>: 30 → 45", "calls": 40}]
    assert len(told["examples"]) == 25
    json.dumps(found.as_json())


def test_the_reports_tell_kinds_reasons_and_examples() -> None:
    text, page = in_words(comparison()), as_page(comparison(), "What changed", "1.0", "<2.0>")
    assert "40 of 47 calls changed" in text
    assert "because of threshold Lib.Limit <b>: 30 → 45 (40)" in text
    assert "Lib.Limit &lt;b&gt;" in page
    assert "&lt;2.0&gt;" in page
    assert "25 of 40 calls" in page
    assert "<del>good</del> <ins>bad</ins>" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "No call is answered differently" in as_page(Comparison(), "t", "a", "b")


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"status": "decided", "rating": "good"}, []),
        ({"rating": "bad"}, ["rating: expected bad, found good"]),
        ({"absolute": ["A2", "A1"]}, []),
        ({"absolute": ["A1"]}, ["absolute: expected [A1], found [A1, A2]"]),
        ({"absolute_includes": ["A1"]}, []),
        ({"absolute_excludes": ["A1"]}, ["absolute_excludes: expected [A1], found [A1, A2]"]),
        ({"relative": []}, []),
        ({"panelDisagreement": False}, []),
        ({"order": "ServiceRequest/o2"}, ["no decision about ServiceRequest/o2"]),
        ({"cards": [{"indicator": "warning", "summary_contains": "Stop"}]}, []),
        ({"cards": [{"summary_contains": "Go"}]}, ["no card like {'summary_contains': 'Go'}"]),
    ],
)
def test_expectations(expected: dict[str, Any], told: list[str]) -> None:
    found = result(record(rating="good", absolute=["A1", "A2"]), cards=[("Stop this", "warning")], expected=(expected,))
    assert list(unmet(found)) == told


def test_junit_has_a_case_for_each_call(tmp_path: Path) -> None:
    results = [
        result(record(), ident="a:1", expected=({"status": "decided"},)),
        result(record(), ident="a:2", expected=({"status": "ask"},)),
        result(failure="broken-item", ident="a:3"),
        result(record(failed=["R1"]), ident="a:4"),
        result(record(), ident="a:5"),
    ]
    changed = [Difference("a:5", None, None, (Change("rating up", "o", "x", "y\x00"),))]
    assert write_junit(tmp_path / "junit.xml", results, changed) == 4
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "2",
        "errors": "2",
    }
    assert [child.tag for case in suite for child in case] == ["failure", "error", "error", "failure"]
