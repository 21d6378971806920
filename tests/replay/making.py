"""Makes invented calls from the content that comes with the software."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

from cds_service.cases.reading import Case, read_cases
from cds_service.knowledge.knowledge import Knowledge
from cds_service.replay.generating import Generator, Mould
from cds_service.replay.population import Population, read_population

STARTED = datetime(2025, 6, 15, 9, tzinfo=UTC)


@functools.cache
def moulds(plans: Path) -> tuple[list[Case], Population]:
    return list(read_cases([plans])), read_population(plans / "synthetic" / "population.yaml")


def generator(knowledge: Knowledge, content: Path, size: int = 8_000, seed: int = 1) -> Generator:
    cases, population = moulds(content / "plandefinitions")
    return Generator(knowledge, cases, population, Mould(size=size), seed)
