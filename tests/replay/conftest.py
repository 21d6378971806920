"""What several modules share: the content loaded once, and calls made with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from cds_service.replay.running import Runner, RunOptions
from cds_service.settings import default_content
from tests.replay.making import STARTED, generator


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the content, which stays as it is while the tests run."""
    folder = tmp_path_factory.mktemp("content")
    for part in ("plandefinitions", "terminology"):
        shutil.copytree(default_content() / part, folder / part)
    return folder


@pytest.fixture(scope="session")
def knowledge(content: Path) -> Knowledge:
    return load_knowledge([content])


@pytest.fixture(scope="session")
def runner(knowledge: Knowledge) -> Runner:
    return Runner(knowledge, RunOptions(started=STARTED))


@pytest.fixture(scope="session")
def calls(knowledge: Knowledge, content: Path) -> list[dict[str, Any]]:
    made = generator(knowledge, content)
    return [made.request(number) for number in range(made.cases + 60)]
