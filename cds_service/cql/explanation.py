"""Why a definition has its value: the tree of definitions that were asked for it, each with what it rests on itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cds_service.cql.evaluation import Evaluation
from cds_service.cql.explain.evidence import ResourceEvidence, Search, resources_of, searches_of
from cds_service.cql.runtime.outputs import plain
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.runtime.tracing import TracedRun
from cds_service.errors import EvaluationError

DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Explained:
    """One definition or parameter with its value, its own resources and searches, and what it asked."""

    library: str
    name: str
    value: Any
    resources: tuple[ResourceEvidence, ...] = ()
    searches: tuple[Search, ...] = ()
    below: tuple[Explained, ...] = ()
    is_parameter: bool = False
    failure: str = ""


def explain_definition(evaluation: Evaluation, library: str, name: str) -> Explained:
    """The tree below a definition; what was not looked at, because something else settled the value, is not in it."""
    entry = evaluation.compiled.entry(library, name)
    try:
        value = evaluation.evidence(library, name).value
    except EvaluationError as error:
        return Explained(library, name, None, failure=error.what)
    compiled = evaluation.compiled
    parameters = {p.slot: (p.library, p.name) for p in compiled.program.parameters}
    tree = _Tree(evaluation.traced_run(), compiled.names_by_slot, parameters)
    return tree.node(entry.slot, library, name, value, ())


@dataclass(frozen=True, slots=True)
class _Tree:
    run: TracedRun
    names: dict[int, tuple[str, str]]
    parameters: dict[int, tuple[str, str]]

    def node(self, slot: int, library: str, name: str, value: Any, above: tuple[int, ...]) -> Explained:
        frame = self.run.frame(slot)
        if frame is None or len(above) >= DEEPEST:
            return Explained(library, name, value, is_parameter=slot in self.parameters)
        below = (self.below(used, (*above, slot)) for used in dict.fromkeys(frame.used) if used not in above)
        return Explained(
            library,
            name,
            value,
            resources_of(self.run, [frame], value),
            searches_of([frame]),
            tuple(node for node in below if node is not None),
            slot in self.parameters,
        )

    def below(self, slot: int, above: tuple[int, ...]) -> Explained | None:
        library, name = self.names.get(slot) or self.parameters.get(slot) or ("", "")
        if not name:
            return None
        value = self.run.memory[slot]
        if value is UNSET or value.__class__ is Failed:
            failure = "could not be worked out" if value is not UNSET else ""
            return Explained(library, name, None, is_parameter=slot in self.parameters, failure=failure)
        return self.node(slot, library, name, plain(value, None), above)
