"""Home: what this is, the services with something to try each, and the state of the loaded content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.errors import CdsError
from cds_service.hooks.rendering import encode_json, response_json
from cds_service.knowledge.knowledge import Knowledge
from cds_service.workbench.bench import Bench
from cds_service.workbench.examples import Examples

_TRIED = 40
# The hooks of the standard as a patient's way leads through them.
_HOOKS = ("patient-view", "order-select", "order-sign", "order-dispatch", "appointment-book", "encounter-discharge")
_ORDER = {hook: position for position, hook in enumerate(_HOOKS)}


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


def add_home(blueprint: Blueprint, bench: Bench, examples: Examples) -> None:
    """The first page."""
    state = content_state(bench.knowledge)
    sample = Sample(bench, examples)
    services = sorted(bench.knowledge.services.values(), key=lambda service: _ORDER.get(service.hook, len(_ORDER)))

    @blueprint.get("/")
    def home() -> ResponseReturnValue:
        return flask.render_template("home.html", services=services, state=state, sample=sample.card())


class Sample:
    """One card to look at: the first case whose answer has something to press."""

    def __init__(self, bench: Bench, examples: Examples) -> None:
        self._bench, self._examples = bench, examples
        self._found: tuple[str, Mapping[str, Any]] | None = None
        self._looked = False

    def card(self) -> tuple[str, Mapping[str, Any]] | None:
        """The example and its card; None where no case has one."""
        if not self._looked:
            self._found = next(self._candidates(), None)
            self._looked = True
        return self._found

    def _candidates(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for example in self._examples.all()[:_TRIED]:
            try:
                call = self._examples.call(example.id)
                answered = self._bench.answer(self._bench.service(call["service"]), encode_json(call["request"]))
            except CdsError:
                continue  # a case that cannot be asked is told by `cds-service check`
            for card in response_json(answered.decision.response)["cards"]:
                if card.get("suggestions") and card["indicator"] == "warning":
                    yield example.id, card
