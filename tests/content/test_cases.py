"""All cases beside the plans hold, and together they reach everything."""

from __future__ import annotations

from pathlib import Path

from cds_service.cases.coverage import Coverage, gaps
from cds_service.cases.running import CaseResult
from cds_service.knowledge.knowledge import Knowledge

Results = tuple[list[CaseResult], Coverage]


def test_every_case_comes_out_as_expected(case_results: Results) -> None:
    """Vignettes, rule tests and the content's own cases."""
    results, _ = case_results
    failed = {f"{r.case.id}: {r.case.title}": (r.differences, r.error) for r in results if not r.passed}
    assert failed == {}


def test_there_are_enough_of_them(case_results: Results) -> None:
    """40 vignettes, 261 rule tests, and well over 60 full charts in standard codes."""
    results, _ = case_results
    assert sum(Path(r.case.origin).stem == "vignettes" for r in results) == 40
    assert sum(r.case.rule is not None for r in results) == 261
    assert sum(bool(r.case.resources) for r in results) >= 60


def test_no_rule_rating_or_fact_is_out_of_reach(case_results: Results, content_knowledge: Knowledge) -> None:
    """What no case reaches, nobody has ever seen."""
    found = gaps(content_knowledge, case_results[1])
    assert (found.never_fired, found.never_silent, found.ratings) == ((), (), ())
    assert (found.never_met, found.never_open, found.facts) == ((), (), ())


def test_every_rule_fires_and_stays_silent_in_a_full_chart(case_results: Results, content_knowledge: Knowledge) -> None:
    """Not only in tests of single rules."""
    own = Coverage()
    for result in case_results[0]:
        if result.case.resources:
            own.add(result, content_knowledge.facts.facts)
    found = gaps(content_knowledge, own)
    assert (found.never_fired, found.never_silent) == ((), ())
