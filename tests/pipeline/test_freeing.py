"""A call leaves nothing behind that only the garbage collector could take away."""

from __future__ import annotations

import gc

import pytest

from cds_service.cases.reading import read_cases
from cds_service.cases.running import CaseRunner
from cds_service.settings import default_content
from tests.pipeline.calls import content

EVERY = 12  # so that every hook, and most ways through the logic, are met


@pytest.mark.parametrize("start", range(3))
def test_what_a_decision_was_made_of_is_freed_with_it(start: int) -> None:
    runner = CaseRunner(content())
    cases = list(read_cases([default_content() / "plandefinitions"]))[start::EVERY]
    assert {case.hook for case in cases} >= {"order-sign"}
    for case in cases:
        runner.run(case)  # what is kept for later calls is made now
    gc.collect()
    gc.freeze()  # only what comes from now on is looked at
    gc.disable()
    try:
        for case in cases:
            runner.run(case)
            assert gc.collect() == 0, case.id
    finally:
        gc.enable()
        gc.unfreeze()
