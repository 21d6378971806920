"""The content, loaded once, and all its cases, run once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.cases.coverage import Coverage
from cds_service.cases.reading import read_cases
from cds_service.cases.running import CaseResult, CaseRunner
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge

ROOT = Path(__file__).resolve().parents[2]
CONTENT = ROOT / "plandefinitions"


@pytest.fixture(scope="session")
def content_knowledge() -> Knowledge:
    """The content of this project, compiled."""
    return load_knowledge([ROOT])


@pytest.fixture(scope="session")
def case_results(content_knowledge: Knowledge) -> tuple[list[CaseResult], Coverage]:
    """Every case beside the plans, run once, with what they reached."""
    runner, coverage = CaseRunner(content_knowledge), Coverage()
    results = []
    for result in runner.run_all(read_cases([CONTENT])):
        coverage.add(result, content_knowledge.facts.facts)
        results.append(result)
    return results, coverage
