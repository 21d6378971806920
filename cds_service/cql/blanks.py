"""What definitions come to where the record says nothing: worked out once, so that calls only ask what has data.

Most definitions of a clinical library look for something that a given patient does not have. Each is evaluated once
over an empty record, and the retrieves and parameters that it looked at are noted. Where none of these retrieves finds
anything and none of these parameters differs from its default, the definition takes the same path again and comes to
the same value. A definition that looked at anything else - the patient, the time, a reference - has no such value.

A parameter that holds a resource (an order, say) differs in nearly every call, but most elements that logic reads of
it are absent. So each definition is evaluated once more with a resource that has nothing: where that gives the same
value, only the elements that it looked at matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cds_service.cql.compiler.program import Program
from cds_service.cql.emission.program import Functions
from cds_service.cql.entries import ParameterEntry
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.type_relations import Relations
from cds_service.errors import CdsError
from cds_service.facts.sites import Site, Sites
from cds_service.values.tuples import Tuple


class _LookedAtMore(Exception):  # noqa: N818 - caught here, nobody else sees it
    """Something else than the record decides."""


class _Hollow:
    """A resource without any element; what is asked of it is noted."""

    def __init__(self, name: str, asked: set[tuple[str, str]]) -> None:
        self._name = name
        self._asked = asked

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "fhir_type" or attribute.startswith("__"):
            raise _LookedAtMore(attribute)
        self._asked.add((self._name, attribute))

    def __eq__(self, other: object) -> bool:
        raise _LookedAtMore("==")

    __hash__ = None  # type: ignore[assignment]


class _Memory(list[Any]):
    """Memory that notes which parameters are read."""

    def __init__(self, slots: int, parameters: Iterable[int], read: set[int], bound: Mapping[int, Any]) -> None:
        super().__init__([UNSET] * slots)
        self._parameters = frozenset(parameters)
        self._read = read
        for slot, value in bound.items():
            self[slot] = value

    def __getitem__(self, slot: Any) -> Any:
        if slot in self._parameters:
            self._read.add(slot)
        return super().__getitem__(slot)


class _EmptyRecord:
    """Facts of nobody: every retrieve is noted and finds nothing."""

    def __init__(self) -> None:
        self.looked_for: dict[Site, Any] = {}

    def retrieve(self, type_name: str, code_path: str | None = None, membership: Any = None) -> list[Any]:
        """Nothing."""
        if membership is None or code_path is None:
            self.looked_for[type_name, None, 0] = None
        else:
            self.looked_for[type_name, code_path, id(membership)] = membership
        return []

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtMore(name)


class _BlankRun:
    """A run over an empty record."""

    base = None
    changed = None

    def __init__(self, slots: int, parameters: Iterable[int], terminology: Any, bound: Mapping[int, Any]) -> None:
        self.facts = _EmptyRecord()
        self.read: set[int] = set()
        self.memory = _Memory(slots, parameters, self.read, bound)
        self.terminology = terminology

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtMore(name)


class Blanks:
    """The values of definitions over an empty record, and what makes each of them worth asking."""

    def __init__(self, program: Program, functions: Functions, terminology: Any) -> None:
        self._slots = program.slots
        self._terminology = terminology
        self._parameters = {entry.slot: entry for entry in program.parameters}
        self._holding = {
            entry.slot: entry.name for entry in program.parameters if _holds_resource(entry, program.relations)
        }
        self._defaults = {slot: self._default(slot, functions) for slot in self._parameters}
        self.values: list[Any] = [UNSET] * program.slots
        by_site: dict[Site, list[int]] = {}
        by_parameter: dict[int, list[int]] = {}
        by_element: dict[str, dict[str, list[int]]] = {}
        groups: dict[Site, Any] = {}
        for entry in program.definitions:
            function = functions.module.namespace.get(f"d{entry.slot}")
            if function is None:
                continue
            found = self._found(function)  # type: ignore[arg-type]
            if found is None:
                continue
            self.values[entry.slot], sites, parameters, elements = found
            groups.update(sites)
            for site in sites:
                by_site.setdefault(site, []).append(entry.slot)
            for slot in parameters:
                by_parameter.setdefault(slot, []).append(entry.slot)
            for name, element in elements:
                by_element.setdefault(name, {}).setdefault(element, []).append(entry.slot)
        self.sites = Sites(groups)
        self._by_bit = [tuple(by_site[site]) for site in self.sites.order]
        self._by_parameter = {slot: tuple(slots) for slot, slots in by_parameter.items()}
        self._by_element = {
            name: [(element, tuple(slots)) for element, slots in elements.items()]
            for name, elements in by_element.items()
        }
        self._together = {
            name: tuple(slot for slot, own in self._holding.items() if own == name) for name in self._by_element
        }

    def _found(
        self, function: Callable[[Any], Any]
    ) -> tuple[Any, dict[Site, Any], set[int], set[tuple[str, str]]] | None:
        """The value, the retrieves, the parameters and the elements of resources in parameters that decide it."""
        run = _BlankRun(self._slots, self._parameters, self._terminology, {})
        value = _value(function, run)
        if value is UNSET:
            return None
        sites, read = dict(run.facts.looked_for), run.read
        names = {self._holding[slot] for slot in read if slot in self._holding}
        if len(names) == 1:
            asked: set[tuple[str, str]] = set()
            hollow = _Hollow(next(iter(names)), asked)
            bound = {slot: hollow for slot, name in self._holding.items() if name in names}
            other = _BlankRun(self._slots, self._parameters, self._terminology, bound)
            same = _value(function, other)
            if _equal(value, same) and all(slot in bound for slot in other.read if slot in self._holding):
                plain = {slot for slot in read | other.read if slot not in self._holding}
                return value, sites | other.facts.looked_for, plain, asked
        return value, sites, read, set()

    def _default(self, slot: int, functions: Functions) -> Any:
        function = functions.module.namespace.get(f"p{slot}")
        try:
            run = _BlankRun(self._slots, (), None, {})
            return function(run) if callable(function) else UNSET
        except (_LookedAtMore, CdsError, IndexError):
            return UNSET

    def memory(self, facts: Any, bound: Mapping[int, Any]) -> list[Any]:
        """What is known from the start of an evaluation over these facts, with these parameters bound."""
        memory = self.values[:]
        found = facts.found_at(self.sites)
        while found:
            bit = found & -found
            for slot in self._by_bit[bit.bit_length() - 1]:
                memory[slot] = UNSET
            found ^= bit
        self._unset(memory, bound)
        return memory

    def without(self, memory: list[Any], bound: Mapping[int, Any]) -> list[Any]:
        """A copy of the memory, where parameters are bound to other values than their defaults."""
        memory = memory[:]
        self._unset(memory, bound)
        return memory

    def _unset(self, memory: list[Any], bound: Mapping[int, Any]) -> None:
        for parameter, slots in self._by_parameter.items():
            if parameter in bound:
                value, default = bound[parameter], self._defaults[parameter]
                if value is default or (value.__class__ is default.__class__ and value == default):
                    continue
                for slot in slots:
                    memory[slot] = UNSET
        for name, elements in self._by_element.items():
            together = self._together[name]
            held = bound.get(together[0])
            mixed = False
            for slot in together:
                if bound.get(slot) is not held:
                    mixed = True
            if held is None and not mixed:
                continue
            for element, slots in elements:
                if mixed or _is_there(getattr(held, element, None)):
                    for slot in slots:
                        memory[slot] = UNSET


def _is_there(value: Any) -> bool:
    return value is not None and (value.__class__ not in (list, tuple) or bool(value))


def _holds_resource(entry: ParameterEntry, relations: Relations) -> bool:
    return entry.type is not None and entry.default is None and relations.is_resource(entry.type)


def _value(function: Callable[[Any], Any], run: _BlankRun) -> Any:
    """The value over the empty record; UNSET where something else decides."""
    try:
        value = function(run)
    except (_LookedAtMore, CdsError, ArithmeticError, RecursionError, TypeError, AttributeError, ValueError):
        return UNSET
    return UNSET if value.__class__ is Failed or _is_hollow(value) else value


def _is_hollow(value: Any) -> bool:
    """Whether a resource without anything is part of a value."""
    if isinstance(value, _Hollow):
        return True
    if isinstance(value, list | tuple):
        return any(map(_is_hollow, value))
    return isinstance(value, Tuple) and any(map(_is_hollow, value.values()))


def _equal(one: Any, other: Any) -> bool:
    return one.__class__ is other.__class__ and bool(one == other)
