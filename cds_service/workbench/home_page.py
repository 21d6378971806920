"""Home: what this is, the services with something to try each, and the state of the loaded content."""

from __future__ import annotations

from dataclasses import dataclass

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.knowledge.knowledge import Knowledge
from cds_service.workbench.bench import Bench


@dataclass(frozen=True, slots=True)
class ContentState:
    """What is loaded, in numbers."""

    plans: int
    libraries: int
    definitions: int
    rules: int
    scenarios: int
    facts: int
    value_sets: int
    maps: int
    warnings: tuple[str, ...]


def content_state(knowledge: Knowledge) -> ContentState:
    """The loaded content, counted."""
    decidings = [service.deciding for service in knowledge.services.values() if service.deciding is not None]
    rules = {rule.id for deciding in decidings for rule in deciding.knowhow.rules.rules}
    groups = {group.id: group for deciding in decidings for group in deciding.knowhow.groups}
    libraries = knowledge.compiled.libraries
    return ContentState(
        plans=len(knowledge.definitions.plans),
        libraries=len(libraries),
        definitions=sum(len(knowledge.compiled.definitions(name)) for name in libraries),
        rules=len(rules),
        scenarios=sum(len(group.alternatives) for group in groups.values()),
        facts=len(knowledge.facts.by_id),
        value_sets=len(knowledge.terminology.value_sets()),
        maps=len(knowledge.terminology.concept_maps()),
        warnings=tuple(error.what for error in knowledge.warnings),
    )


def add_home(blueprint: Blueprint, bench: Bench) -> None:
    """The first page."""
    state = content_state(bench.knowledge)

    @blueprint.get("/")
    def home() -> ResponseReturnValue:
        return flask.render_template("home.html", services=bench.knowledge.services.values(), state=state, bench=bench)
