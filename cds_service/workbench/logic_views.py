"""The CQL of a library line by line, with the values of a patient in the margin."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.errors import CdsError
from cds_service.knowledge.knowledge import Knowledge
from cds_service.pipeline import Decision
from cds_service.plans.logic import Logic
from cds_service.workbench.bench import UnusableInput
from cds_service.workbench.values import shown, truth_class


@dataclass(frozen=True, slots=True)
class Line:
    """One line of source; `name` is what is defined there, `margin` its value or its type."""

    number: int
    text: str
    name: str = ""
    margin: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class LibraryView:
    """A library as a page shows it."""

    name: str
    version: str
    origin: str
    lines: tuple[Line, ...]
    others: tuple[str, ...]


def library_view(knowledge: Knowledge, name: str, decision: Decision | None = None) -> LibraryView:
    """The source of a library; with a decision each definition has its value for that patient beside it."""
    text = knowledge.definitions.content.libraries.get(name)
    if text is None or name not in knowledge.compiled.libraries:
        raise UnusableInput("There is no such library.", remedy="Choose one of the list.")
    logic = _logic_of(decision) if decision is not None else None
    marks: dict[int, tuple[str, str, str]] = {}
    for definition in knowledge.compiled.definitions(name):
        margin, state = _value(logic, name, definition.name) if logic is not None else (definition.type, "")
        marks[definition.span.line] = (definition.name, margin, state)
    lines = tuple(
        Line(number, line, *marks.get(number, ("", "", ""))) for number, line in enumerate(text.text.splitlines(), 1)
    )
    return LibraryView(
        name, knowledge.compiled.version(name) or "", text.origin.rpartition("/")[2], lines,
        tuple(sorted(knowledge.compiled.libraries)),
    )  # fmt: skip


def _logic_of(decision: Decision) -> Logic:
    for judged in decision.trace.judged:
        for judgement in judged.judgements:
            if judgement.logic is not None:
                return judgement.logic
    return decision.trace.logic


def _value(logic: Logic, library: str, name: str) -> tuple[str, str]:
    try:
        value = logic.run.value(library, name)
    except CdsError:
        return "failed", "critical"
    return shown(value), truth_class(value)
