"""Records for machines: what is there is said, nothing null or empty is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.records import Record, render_record


def test_only_the_status_and_the_indicator_are_always_said() -> None:
    assert render_record(Record("advisory")) == {"status": "advisory", "indicator": "info"}
    empty = Record("advisory", order="", reason="", plan="", lists={"absolute": ()}, disagreement=True)
    assert render_record(empty) == render_record(Record("advisory"))


def test_a_full_record_keeps_its_order() -> None:
    level = Record("decided", order="ServiceRequest/1", level="L1", rating="good", candidates=("a",))
    record = Record(
        "decided", order="ServiceRequest/1", subject="Appointment/1", procedure="mri", rated_as="mri", level="L1",
        primary="V1", also=("V2",), rating="good", disagreement=True, provisional="good", nearest="V3", reason="why",
        lists={"absolute": ("R1",), "info": ()}, must_ask=("a",), safety_ask=("b",), notes_unknown=("c",),
        alternatives=("ct",), suggested_next=("dxa",), care_flags=("C1",), candidates=("mri", "ct"), failures=("R2",),
        indicator="warning", plan="https://example.org/p|1", evidence=(FactEvidence("a", True),), levels=(level,),
    )  # fmt: skip
    assert list(render_record(record).items()) == [
        ("order", "ServiceRequest/1"),
        ("subject", "Appointment/1"),
        ("procedure", "mri"),
        ("ratedAs", "mri"),
        ("candidates", ["mri", "ct"]),
        ("level", "L1"),
        ("status", "decided"),
        ("primaryVariant", "V1"),
        ("alsoMatches", ["V2"]),
        ("rating", "good"),
        ("panelDisagreement", True),
        ("provisionalRating", "good"),
        ("nearest", "V3"),
        ("reason", "why"),
        ("absolute", ["R1"]),
        ("mustAsk", ["a"]),
        ("safetyAsk", ["b"]),
        ("notesUnknown", ["c"]),
        ("alternatives", ["ct"]),
        ("suggestedNext", ["dxa"]),
        ("careFlags", ["C1"]),
        ("failed", ["R2"]),
        ("indicator", "warning"),
        ("plan", "https://example.org/p|1"),
        ("evidence", [{"fact": "a", "value": True}]),
        (
            "levels",
            [{"level": "L1", "status": "decided", "rating": "good", "panelDisagreement": False, "indicator": "info"}],
        ),
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (FactEvidence("f", None), {}),
        (FactEvidence("f", False), {"value": False}),
        (FactEvidence("f", 0), {"value": 0}),
        (FactEvidence("f", Decimal("1.50"), unit="1"), {"value": Decimal("1.50")}),
        (FactEvidence("f", Decimal("2"), unit="wk"), {"value": Decimal("2"), "unit": "wk"}),
        (FactEvidence("f", ""), {}),
        (FactEvidence("f", ["a", None, "", ["b", None]]), {"value": ["a", ["b"]]}),
        (FactEvidence("f", [None]), {}),
        (
            FactEvidence("f", "x", ("Condition/1",), "2025-01-01", from_text=True),
            {"value": "x", "from": ["Condition/1"], "dated": "2025-01-01", "readFromText": True},
        ),
    ],
)
def test_evidence_says_what_is_known(entry: FactEvidence, expected: dict[str, Any]) -> None:
    (found,) = render_record(Record("decided", evidence=(entry,)))["evidence"]
    assert found == {"fact": "f", **expected}
