"""Definitions evaluated for one patient: values now, and on request why, what is missing, and what would be if."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from cds_service.cql.blanks import Bound
from cds_service.cql.compile import CompiledLibraries, Handle, Row, Table
from cds_service.cql.compiler.program import EXPRESSIONS
from cds_service.cql.entries import DefinitionEntry
from cds_service.cql.explain.evidence import (
    Evidence,
    Grounds,
    Noted,
    known_values,
    resources_of,
    searches_of,
)
from cds_service.cql.explain.needs import Met, Need, Needs, pruned
from cds_service.cql.runtime.outputs import as_parameter, plain
from cds_service.cql.runtime.run import UNSET, Failed, Run, Unset
from cds_service.cql.runtime.tracing import TracedRun, frames_below
from cds_service.cql.static_types import Typed
from cds_service.errors import EvaluationError
from cds_service.values import dates

Parameters = Mapping[str, Any] | Mapping[tuple[str, str], Any] | Mapping[str | tuple[str, str], Any]


_UTC = nullcontext()
_TEXTS = frozenset({str})


_MISHAPS = (EvaluationError, ArithmeticError, RecursionError, TypeError, AttributeError, ValueError)


UNSETTLED: Final = Unset()  # a condition that failed, or that is neither true nor false nor null


def _all_hold(row: Row, memory: list[Any], run: Run) -> Any:
    """Whether all definitions are true; one that is known to be false saves asking the others."""
    for slot in row.others:
        if memory[slot] is False:
            return False
    result: Any = True
    for handle in row.handles:
        slot = handle.slot
        value = memory[slot]
        if value is UNSET or value.__class__ is Failed:
            owner = run  # asked where it belongs: what does not depend on the order is the same for all of them
            while owner.base is not None and owner.changed is not None and not owner.changed[slot]:
                owner = owner.base
            try:
                value = handle.function(owner)
            except _MISHAPS:
                result = UNSETTLED
                continue
        if value is True:
            continue
        if value is False:
            return False
        if value is not None:
            result = UNSETTLED
        elif result is True:
            result = None
    return result


class EvaluationFailed(EvaluationError):
    """A definition that could not be evaluated for a reason that its text does not show."""

    code = "evaluation-failed"


class Evaluation:
    """The definitions of compiled libraries over the facts of one patient; each is evaluated at most once."""

    def __init__(
        self,
        compiled: CompiledLibraries,
        facts: Any,
        parameters: Parameters | None = None,
        *,
        base: Evaluation | None = None,
        overrides: Mapping[int, Any] | None = None,
    ) -> None:
        self.compiled = compiled
        self.facts = facts
        self._base = base
        bound = self._bound(parameters) if parameters else {}
        self._overrides: Mapping[int, Any] = {**overrides, **bound} if overrides else bound
        changed = None
        if base is not None:
            base._asked = None
            names = tuple(parameters) if parameters and not overrides else None
            changed = compiled.dependents(self._overrides, names)
        self._blank, found = (None, None) if overrides else self._known_from_the_start(parameters)
        known = self._blank or [UNSET] * compiled.program.slots
        for slot, value in self._overrides.items():
            known[slot] = value
        kind = TracedRun if compiled.noting else Run
        below: Any = base.run if base is not None else None
        self.run: Run = kind(compiled.program, facts, compiled.terminology, below, changed, known, found)
        self._offset: int | None = base._offset if base is not None else None
        # The definitions that were asked for; None once what memory holds may come from anything else.
        self._asked: list[int] | None = []
        self._traced: TracedRun | None = None
        self._noted: Noted | None = None
        self._needed: dict[int, Met] = {}
        self._handles = compiled.known_handles

    def _known_from_the_start(
        self, parameters: Parameters | None
    ) -> tuple[list[Any] | None, list[list[Any] | None] | None]:
        """Memory with what definitions come to for which the record has nothing, and what searches find.

        None where that is not known; what searches find is that of the base, if there is one.
        """
        blanks, base = self.compiled.blanks, self._base
        if blanks is None or (base is not None and base._blank is None):
            return None, None
        named: Any = parameters or {}
        by_name = None if set(map(type, named)) - _TEXTS else named  # else bound in one library only
        if base is not None:
            assert base._blank is not None
            memory = base._blank[:]
            for slot in blanks.differing(Bound(self._overrides, by_name)):
                memory[slot] = UNSET
            return memory, None
        if not hasattr(self.facts, "found_at"):
            return None, None
        return blanks.start(self.facts, Bound(self._overrides, by_name))

    def value(self, library: str, name: str) -> Any:
        """The value of a definition, as plain values; raises an EvaluationError when the logic failed."""
        handle = self._handles.get((library, name)) or self.compiled.handle(library, name)
        value = self._value(handle)
        return plain(value, handle.entry.type) if handle.shaped else value

    def raw(self, library: str, name: str) -> Any:
        """The value as the engine has it: bare FHIR values may still carry the name of their type."""
        handle = self._handles.get((library, name)) or self.compiled.handle(library, name)
        value = self.run.memory[handle.slot]
        return self._ask(handle) if value is UNSET or value.__class__ is Failed else value

    def _value(self, handle: Handle) -> Any:
        value = self.run.memory[handle.slot]
        return self._ask(handle) if value is UNSET or value.__class__ is Failed else value

    def settled(self, table: Table) -> list[Any]:
        """For each list of conditions whether all hold: true, false, null, or UNSETTLED, which needs a closer look."""
        self._asked = None
        if self._offset == 0:  # as nearly always
            return self._settled(table)
        with self._at_offset():
            return self._settled(table)

    def _settled(self, table: Table) -> list[Any]:
        run = self.run
        memory = run.memory
        return [
            UNSETTLED if row is None else False if memory[row.first] is False else _all_hold(row, memory, run)
            for row in self.compiled.rows(table)
        ]

    def _ask(self, handle: Handle) -> Any:
        if self._asked is not None:
            self._asked.append(handle.slot)
        if self._offset is None:
            self._offset = self.run.now().offset or 0
        try:
            if self._offset:
                with dates.evaluated_at(self._offset):
                    return handle.function(self.run)
            return handle.function(self.run)
        except EvaluationError:
            raise
        except _MISHAPS as error:
            entry = handle.entry
            raise EvaluationFailed(
                f'{entry.library}."{entry.name}" could not be evaluated ({type(error).__name__}).',
                where=entry.node.name_span,
            ) from error

    def _at_offset(self) -> AbstractContextManager[object]:
        """Date-times without an offset are read at that of the instant that the evaluation is for."""
        if self._offset is None:
            self._offset = self.run.now().offset or 0
        return dates.evaluated_at(self._offset) if self._offset else _UTC

    def unknown(self, library: str, name: str) -> bool:
        """Whether the value of a definition is null."""
        return self.raw(library, name) is None

    def with_parameters(self, parameters: Parameters) -> Evaluation:
        """This evaluation with other parameters; what does not depend on them is shared, not asked again."""
        return Evaluation(self.compiled, self.facts, parameters, base=self)

    def followed_by(self, parameters: Mapping[str, Any]) -> Evaluation:
        """This evaluation with other parameters, where it is not needed as it was: what it worked out is taken over.

        That holds while nothing that was asked for depends on the parameters; else the other builds on this one.
        """
        blanks, bound = self.compiled.blanks, self._bound(parameters)
        changed = self.compiled.dependents(bound, tuple(parameters))
        if blanks is None or self._blank is None or self._asked is None or any(changed[slot] for slot in self._asked):
            return self.with_parameters(parameters)
        run, blank = self.run.copied(self.compiled.program), self._blank[:]
        for slot in blanks.differing(Bound(bound, parameters)):
            blank[slot] = run.memory[slot] = UNSET
        for slot, value in bound.items():
            blank[slot] = run.memory[slot] = value
        other = Evaluation.__new__(Evaluation)
        other.compiled, other.facts, other._base, other._blank = self.compiled, self.facts, self._base, blank
        other._overrides = {**self._overrides, **bound}
        if run.base is not None:
            run.changed = self.compiled.dependents(other._overrides)
        other.run, other._offset = run, self._offset
        other._asked, other._traced, other._noted, other._needed = None, None, None, {}
        other._handles = self._handles
        return other

    def assume(self, values: Mapping[tuple[str, str], Any]) -> Evaluation:
        """This evaluation as if these definitions had these values; only what depends on them is asked again."""
        overrides = {self._entry(library, name).slot: value for (library, name), value in values.items()}
        return Evaluation(self.compiled, self.facts, base=self, overrides=overrides)

    def what_if(self, library: str, name: str, values: Mapping[tuple[str, str], Any]) -> Any:
        """The value that a definition would have if others had these values."""
        return self.assume(values).value(library, name)

    # --- explaining ----------------------------------------------------------------------------

    def evidence(self, library: str, name: str) -> Evidence:
        """The value of a definition with the resources, searches and definitions that it rests on."""
        entry = self._entry(library, name)
        run = self.traced_run()
        function = self.compiled.traced_functions.definition(entry)
        with self._at_offset():
            value = function(run)
        frames = list(frames_below(run, entry.slot))
        names = self.compiled.names_by_slot
        definitions = tuple(
            (owner, define, plain(found, None)) for owner, define, found in known_values(run, frames, names)
        )
        return Evidence(plain(value, entry.type), resources_of(run, frames, value), definitions, searches_of(frames))

    def grounds(self, library: str, name: str) -> Grounds:
        """The value of a definition with the resources that it rests on; quick for those that always take notes."""
        handle = self._handles.get((library, name)) or self.compiled.handle(library, name)
        noted = self._notes() if handle.notes else None
        if noted is None:
            found = self.evidence(library, name)
            return Grounds(found.value, found.resources)
        value = self._value(handle)
        resources = noted.resources(handle.slot, value)
        return Grounds(plain(value, handle.entry.type) if handle.shaped else value, resources)

    def _notes(self) -> Noted | None:
        """What the usual run has noted; None where it started without knowing what has no data."""
        if self._noted is None and self._blank is not None:
            blanks, run, base = self.compiled.blanks, self.run, self._base
            assert blanks is not None
            assert isinstance(run, TracedRun)
            above = base._notes() if base is not None else None
            self._noted = Noted(run, blanks.looked_at, blanks.held(self._overrides), above)
        return self._noted

    def traced_run(self) -> TracedRun:
        """The run that notes what values rest on, made when it is first asked for."""
        if self._traced is None:
            base = self._base.traced_run() if self._base is not None else None
            run = TracedRun(self.compiled.program, self.facts, self.compiled.terminology, base, self.run.changed)
            for slot, value in self._overrides.items():
                run.memory[slot] = value
            self._traced = run
        return self._traced

    def needs(self, library: str, name: str) -> tuple[Need, ...]:
        """The facts whose values are not known and still matter; none when the value is known."""
        self._asked = None
        entry = self._entry(library, name)
        finder = Needs(self._quiet_value, self._part, self.compiled.reach, self._needed)
        with self._at_offset():
            found = finder.of_definition(entry)
        facts = pruned(found, lambda values: self._supposing(entry, values))
        return tuple(
            Need(fact.library.removeprefix(EXPRESSIONS), fact.name, fact.tags, str(fact.type)) for fact in facts
        )

    def _quiet_value(self, entry: DefinitionEntry) -> Any:
        return self.compiled.functions.definition(entry)(self.run)

    def _part(self, node: Typed, key: object) -> Any:
        return self.compiled.part(node, key)(self.run)

    def _supposing(self, entry: DefinitionEntry, values: Mapping[DefinitionEntry, Any]) -> Any:
        overrides = {fact.slot: value for fact, value in values.items()}
        supposed = Evaluation(self.compiled, self.facts, base=self, overrides=overrides)
        try:
            with self._at_offset():
                return supposed._quiet_value(entry)
        except EvaluationError as error:
            return type(error)

    def _entry(self, library: str, name: str) -> DefinitionEntry:
        return self.compiled.entry(library, name)

    def _bound(self, parameters: Parameters) -> dict[int, Any]:
        """The place of every parameter that is bound; a bare name binds it in all libraries."""
        bound: dict[int, Any] = {}
        for key, value in parameters.items():
            binding = self.compiled.binding(key)
            if value is None or binding.plain or value.__class__ in binding.as_is:
                for slot in binding.slots:
                    bound[slot] = value
                continue
            for entry, slots in binding.entries:
                assert entry.type is not None
                read = as_parameter(value, entry.type, entry)
                for slot in slots:
                    bound[slot] = read
        return bound
