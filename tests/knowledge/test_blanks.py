"""What is known of definitions for which the record has nothing: the same decisions with and without it."""

from __future__ import annotations

import pytest

from cds_service.cases.reading import read_cases
from cds_service.cases.running import CaseRunner
from cds_service.cql.runtime.run import UNSET
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.settings import default_content

CASES = default_content() / "plandefinitions" / "cases" / "vignettes-coded.yaml"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge([default_content()])


def test_most_definitions_of_the_content_have_a_value_without_data(knowledge: Knowledge) -> None:
    blanks = knowledge.compiled.blanks
    assert blanks is not None
    assert sum(value is not UNSET for value in blanks.values) > len(blanks.values) / 2


def test_decisions_are_the_same_without_them(knowledge: Knowledge) -> None:
    runner = CaseRunner(knowledge)
    cases = list(read_cases([CASES]))
    known = [runner.run(case).answer for case in cases]
    blanks, knowledge.compiled.blanks = knowledge.compiled.blanks, None
    try:
        assert [runner.run(case).answer for case in cases] == known
    finally:
        knowledge.compiled.blanks = blanks
