"""Works out the blank values of compiled libraries, once, when they are loaded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cds_service.cql.compiler.scope import Program
from cds_service.cql.emission.program import Functions
from cds_service.cql.entries import DefinitionEntry, ParameterEntry, ValueSetEntry
from cds_service.cql.explain.evidence import frames_below
from cds_service.cql.explain.reach import Reach
from cds_service.cql.runtime.blanks import Blank, BlankRun, Blanks, NoResources, Site
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.runtime.vocabularies import Members, codes_as_members
from cds_service.cql.tree import Constant, RetrieveValue
from cds_service.errors import EvaluationError
from cds_service.values import dates


class _Sites:
    """Gives every thing that is looked for a bit of its own."""

    def __init__(self, program: Program) -> None:
        self._members = program.members
        self._bits: dict[tuple[str, str | None, object], Site] = {}

    def of(self, node: RetrieveValue) -> Site:
        """The thing that a retrieve looks for; codes that are only known in a call count as the whole type."""
        members: Members | None = None
        key: object = None
        if node.value_set is not None:
            members, key = self._of_set(node.value_set), node.value_set.value
        elif isinstance(node.codes, Constant) and isinstance(node.codes.value, list):
            key = tuple(node.codes.value)
            members = codes_as_members(node.codes.value)
        path = node.code_path if members is not None else None
        whole = (node.resource, path, key if members is not None else None)
        if whole not in self._bits:
            self._bits[whole] = Site(1 << len(self._bits), node.resource, path, members)
        return self._bits[whole]

    def _of_set(self, entry: ValueSetEntry) -> Members | None:
        return self._members.get((entry.value.id, entry.value.version))

    def all(self) -> list[Site]:
        """Every thing that is looked for."""
        return list(self._bits.values())


def find_blanks(program: Program, functions: Functions, reach: Reach) -> Blanks:
    """The blank values of every definition that has one; `functions` are the traced ones."""
    sites = _Sites(program)
    nobody = NoResources(dates.now_from(datetime(2000, 1, 1, tzinfo=UTC)))
    run = BlankRun(program.slots, nobody, program.terminology)
    masks: dict[int, int] = {}
    parameters = {entry.slot: entry for entry in program.parameters}
    done = [entry for entry in program.definitions if entry.state == "done"]
    functions.prepare(done)
    for entry in done:
        try:
            run.ask(entry.slot, functions.definition(entry))
        except (EvaluationError, ArithmeticError, TypeError, ValueError, AttributeError):
            continue  # it has no blank value; why it fails is told where it is asked for
        masks[entry.slot] = _mask(reach, entry, sites)
    values = {}
    for slot, mask in masks.items():
        blank = _blank(run, slot, mask, parameters)
        if blank is not None:
            values[slot] = blank
    return Blanks(sites.all(), values)


def _mask(reach: Reach, entry: DefinitionEntry, sites: _Sites) -> int:
    mask = 0
    for below in reach.below(entry).values():
        for node in reach.nodes(below):
            if isinstance(node, RetrieveValue):
                mask |= sites.of(node).bit
    return mask


def _blank(run: BlankRun, slot: int, mask: int, parameters: dict[int, ParameterEntry]) -> Blank | None:
    """What was found for a definition, if it looked at nothing that differs from call to call."""
    used: dict[int, None] = {}
    for frame in frames_below(run, slot):
        if frame.slot in run.dependent:
            return None
        used.update(frame.used)
    values: list[tuple[int, Any]] = [(own, run.memory[own]) for own in used]
    if any(value is UNSET or value.__class__ is Failed for _, value in [*values, (slot, run.memory[slot])]):
        return None
    below = tuple((own, value, run.frames.get(own)) for own, value in values if own not in parameters)
    read = tuple((own, value) for own, value in values if own in parameters)
    return Blank(mask, read, run.memory[slot], ((slot, run.memory[slot], run.frames.get(slot)), *below))
