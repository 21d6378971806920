"""What definitions come to where the record says nothing: worked out once, so that calls only ask what has data.

Most definitions of a clinical library look for something that a given patient does not have. Each is evaluated once
over an empty record, and the retrieves and parameters that it looked at are noted. Where none of these retrieves finds
anything and none of these parameters differs from its default, the definition takes the same path again and comes to
the same value. A definition that looked at anything else - the patient, the time, a reference - has no such value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cds_service.cql.compiler.scope import Program
from cds_service.cql.emission.program import Functions
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.errors import CdsError

Path = tuple[str, str | None]


class _LookedAtMore(Exception):
    """Something else than the record decides."""


class _Memory(list[Any]):
    """Memory that notes which parameters are read."""

    def __init__(self, slots: int, parameters: Mapping[int, Any], read: set[int]) -> None:
        super().__init__([UNSET] * slots)
        self._parameters = parameters
        self._read = read

    def __getitem__(self, slot: Any) -> Any:
        if slot in self._parameters:
            self._read.add(slot)
        return super().__getitem__(slot)


class _EmptyRecord:
    """Facts of nobody: every retrieve is noted and finds nothing."""

    def __init__(self) -> None:
        self.looked_for: dict[tuple[Path, int], Any] = {}

    def retrieve(self, type_name: str, code_path: str | None = None, membership: Any = None) -> list[Any]:
        """Nothing."""
        if membership is None or code_path is None:
            self.looked_for[(type_name, None), 0] = None
        else:
            self.looked_for[(type_name, code_path), id(membership)] = membership
        return []

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtMore(name)


class _BlankRun:
    """A run over an empty record."""

    base = None
    changed = None

    def __init__(self, slots: int, parameters: Mapping[int, Any], terminology: Any) -> None:
        self.facts = _EmptyRecord()
        self.read: set[int] = set()
        self.memory = _Memory(slots, parameters, self.read)
        self.terminology = terminology

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtMore(name)


class Blanks:
    """The values of definitions over an empty record, and what makes each of them worth asking."""

    def __init__(self, program: Program, functions: Functions, terminology: Any) -> None:
        self.values: list[Any] = [UNSET] * program.slots
        self.sites: dict[Path, tuple[Any, ...]] = {}  # what is looked for at a path of a type
        self._by_site: dict[tuple[Path, int], tuple[int, ...]] = {}
        self._by_parameter: dict[int, tuple[int, ...]] = {}
        parameters = {entry.slot: None for entry in program.parameters}
        self._defaults = {entry.slot: self._default(entry.slot, functions) for entry in program.parameters}
        by_site: dict[tuple[Path, int], list[int]] = {}
        by_parameter: dict[int, list[int]] = {}
        sites: dict[Path, dict[int, Any]] = {}
        for entry in program.definitions:
            function = functions.module.namespace.get(f"d{entry.slot}")
            if function is None:
                continue
            run = _BlankRun(program.slots, parameters, terminology)
            if not self._takes(entry.slot, function, run):  # type: ignore[arg-type]
                continue
            for site, membership in run.facts.looked_for.items():
                by_site.setdefault(site, []).append(entry.slot)
                sites.setdefault(site[0], {})[site[1]] = membership
            for slot in run.read:
                by_parameter.setdefault(slot, []).append(entry.slot)
        self.sites = {path: tuple(found.values()) for path, found in sites.items()}
        self._by_site = {site: tuple(slots) for site, slots in by_site.items()}
        self._by_parameter = {slot: tuple(slots) for slot, slots in by_parameter.items()}

    def _takes(self, slot: int, function: Callable[[Any], Any], run: _BlankRun) -> bool:
        try:
            value = function(run)
        except (_LookedAtMore, CdsError, ArithmeticError, RecursionError, TypeError, AttributeError, ValueError):
            return False
        if value.__class__ is Failed:
            return False
        self.values[slot] = value
        return True

    def _default(self, slot: int, functions: Functions) -> Any:
        function = functions.module.namespace.get(f"p{slot}")
        try:
            return function(_BlankRun(slot + 1, {}, None)) if callable(function) else UNSET
        except (_LookedAtMore, CdsError, IndexError):
            return UNSET

    def memory(self, facts: Any, bound: Mapping[int, Any]) -> list[Any]:
        """What is known from the start of an evaluation over these facts, with these parameters bound."""
        memory = self.values[:]
        by_site = self._by_site
        for path, memberships in self.sites.items():
            for group in facts.found_at(path[0], path[1], memberships):
                for slot in by_site.get((path, group), ()):
                    memory[slot] = UNSET
        return self.without(memory, bound)

    def without(self, memory: list[Any], bound: Mapping[int, Any]) -> list[Any]:
        """The same memory, where parameters are bound to other values than their defaults."""
        for parameter, value in bound.items():
            default = self._defaults.get(parameter, UNSET)
            if value is default or (value.__class__ is default.__class__ and value == default):
                continue
            for slot in self._by_parameter.get(parameter, ()):
                memory[slot] = UNSET
        return memory
