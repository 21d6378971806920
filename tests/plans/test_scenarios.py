"""Scenario selection: precedence, asking instead of guessing, provisional ratings, open notes, what comes nearest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import EvaluationError
from cds_service.plans.definitions import read_plan
from cds_service.plans.extensions import expand_shorthand
from cds_service.plans.facts_catalogue import Fact, FactCatalogue
from cds_service.plans.scenarios import ScenarioGroup, Selection, provisional_rating, read_scenarios, select
from tests.plans.runs import has_any, logic_of

PROCEDURES = "https://example.org/procedures"
NO_FACTS = FactCatalogue(())


def row(procedure: str, rating: str) -> dict[str, Any]:
    return {"code": [{"coding": [{"system": PROCEDURES, "code": procedure}]}], "cds": {"rating": rating}}


def group(**alternatives: list[dict[str, Any]]) -> ScenarioGroup:
    """Alternatives A, B, C ... each with one criterion of its own name."""
    plan = expand_shorthand(
        {
            "resourceType": "PlanDefinition",
            "id": "p",
            "url": "https://example.org/p",
            "action": [
                {
                    "id": "g",
                    "selectionBehavior": "exactly-one",
                    "cds": {
                        "covers": "phase=any",
                        "precondition": [{"if": "In scope", "reason": "out-of-scope"}],
                        "no-match": [{"if": "Odd", "nearest": "B", "reason": "odd"}, {"reason": "none"}],
                    },
                    "action": [
                        {"id": name, "title": name, "when": [name], "action": rows}
                        for name, rows in alternatives.items()
                    ],
                }
            ],
        }
    )
    return read_scenarios(read_plan(plan, "Lib", has_any), has_any)[0]


THREE = group(
    A=[row("x", "good"), row("y", "bad")], B=[row("x", "good"), row("y", "good")], C=[row("x", "bad"), row("y", "bad")]
)


def selected(found: Selection) -> tuple[str | None, list[str], list[str]]:
    return (
        found.primary.id if found.primary else None,
        [alternative.id for alternative in found.also],
        [alternative.id for alternative in found.undecided],
    )


def run(a: object, b: object, c: object, **rest: object) -> Selection:
    table = {"A": a, "B": b, "C": c, "In scope": True, "Odd": False, **rest}
    return select(THREE, logic_of(table, facts=frozenset("ABC")), NO_FACTS)


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ((True, True, False), ("A", ["B"], [])),
        ((False, True, True), ("B", ["C"], [])),
        ((True, None, True), ("A", ["C"], [])),  # what ranks lower cannot change the choice
        ((None, True, True), (None, [], ["A"])),
        ((None, False, None), (None, [], ["A", "C"])),
        ((False, False, False), (None, [], [])),
        ((EvaluationError("broken"), True, False), (None, [], ["A"])),  # a failure is never read as "does not apply"
    ],
)
def test_the_highest_true_alternative_leads_unless_a_higher_one_is_open(
    truths: tuple[object, ...], expected: object
) -> None:
    assert selected(run(*truths)) == expected


def test_only_the_facts_of_undecided_alternatives_are_asked() -> None:
    assert run(None, True, None).must_ask == ("A",)
    assert run(None, False, None).must_ask == ("A", "C")


@pytest.mark.parametrize(
    ("truths", "procedure", "rating"),
    [
        ((None, True, False), "x", "good"),
        ((None, True, False), "y", None),
        ((None, None, None), "x", None),
        ((None, None, False), "x", "good"),
        ((None, True, False), "unrated", None),
    ],
)
def test_a_rating_is_provisional_only_if_all_possible_alternatives_agree(
    truths: tuple[object, ...], procedure: str, rating: str | None
) -> None:
    assert provisional_rating(run(*truths), procedure) == rating


def test_a_false_precondition_comes_before_everything() -> None:
    found = run(True, True, True, **{"In scope": False})
    assert found.excluded is not None
    assert found.excluded.reason == "out-of-scope"
    assert found.primary is None


def test_an_unknown_precondition_excludes_nobody() -> None:
    assert run(True, False, False, **{"In scope": None}).primary is not None


def test_a_situation_names_the_nearest_alternative_and_its_failed_criterion() -> None:
    found = run(False, False, False, Odd=True)
    assert found.situation is not None
    assert (found.situation.reason, found.nearest and found.nearest.id) == ("odd", "B")
    assert len(found.failed_criteria) == 1


def test_without_a_situation_the_alternative_with_fewest_failures_is_nearest() -> None:
    found = run(False, False, False)
    assert found.situation is not None
    assert (found.situation.reason, found.nearest and found.nearest.id) == ("none", "A")


NOTE = Fact("worse", "Lib", "Worse", "Boolean", "note", "", ("Lib", "Worse as recorded"), ("worse",), "")


@pytest.mark.parametrize(
    ("recorded", "lower", "expected"),
    [
        (None, True, ["worse"]),  # would lift a false alternative above the chosen one
        (False, True, []),  # known to be false
        (None, False, ["worse"]),
    ],
)
def test_unrecorded_facts_that_would_change_the_choice_are_noted(
    recorded: bool | None, lower: bool, expected: list[str]
) -> None:
    table = {
        "A": lambda run: run.value("Lib", "Worse"),
        "B": lower,
        "C": False,
        "Worse": False,
        "Worse as recorded": recorded,
        "In scope": True,
        "Odd": False,
    }
    found = select(THREE, logic_of(table), FactCatalogue((NOTE,)))
    assert [fact.id for fact in found.open_notes] == expected


TRUTH = st.sampled_from([True, False, None])


@given(st.tuples(TRUTH, TRUTH, TRUTH))
def test_settling_every_unknown_either_way_never_contradicts_a_choice(truths: tuple[bool | None, ...]) -> None:
    first = run(*truths)
    if first.primary is None:
        return
    for settled in (True, False):
        again = run(*(settled if truth is None else truth for truth in truths))
        assert again.primary is not None
        assert again.primary.id == first.primary.id
