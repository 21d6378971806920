"""What definitions come to where the record says nothing: worked out once, so that calls only ask what has data.

Most definitions of a clinical library look for something that a given patient does not have. Each is evaluated once
over an empty record, and the retrieves and parameters that it looked at are noted. Where none of these retrieves finds
anything and none of these parameters differs from its default, the definition takes the same path again and comes to
the same value. A definition that looked at anything else - the patient, the time, a reference - has no such value.

A parameter that holds a resource (an order, say) differs in nearly every call, but most of what logic reads of it is
absent, or a code that is in none of the value sets that are asked about. So each definition is evaluated once more with
a resource that has nothing, and once with one whose codes are in no value set: where that gives the same value, only
the elements and the value sets that it looked at matter.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from cds_service.cql.compiler.scope import Program
from cds_service.cql.emission.program import Functions
from cds_service.cql.entries import ParameterEntry
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import DefinitionValue, Logical
from cds_service.cql.type_relations import Relations
from cds_service.errors import CdsError
from cds_service.facts.sites import Place, Site, Sites
from cds_service.values.tuples import Tuple

_MEMBERSHIP = "fhir_concept_in"  # what written functions ask whether a concept is in a value set by
_KEPT = 1_000  # sets of value sets that the codes of a parameter may be in


class _LookedAtMore(Exception):
    """Something else than the record decides."""


class _HollowConcept:
    """A concept that is in no value set; only asking for that is allowed."""

    def __init__(self, element: str) -> None:
        self.element = element

    def __getattr__(self, attribute: str) -> Any:
        raise _LookedAtMore(attribute)

    def __eq__(self, other: object) -> bool:
        raise _LookedAtMore("==")

    __hash__ = None  # type: ignore[assignment]


class _Asked:
    """What was asked of a resource in a parameter."""

    def __init__(self) -> None:
        self.elements: set[str] = set()
        self.groups: dict[tuple[str, int], Any] = {}  # (element, identity of the group): the group


class _Hollow:
    """A resource without any element, or with one concept of no value set in each of `concepts`."""

    def __init__(self, asked: _Asked, concepts: Mapping[str, bool]) -> None:
        self._asked = asked
        self._concepts = concepts

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "fhir_type" or attribute.startswith("__"):
            raise _LookedAtMore(attribute)
        self._asked.elements.add(attribute)
        if attribute not in self._concepts:
            return None
        concept = _HollowConcept(attribute)
        return [concept] if self._concepts[attribute] else concept

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

    def __init__(
        self, slots: int, parameters: Iterable[int], terminology: Any, bound: Mapping[int, Any], searches: int = 0
    ) -> None:
        self.facts = _EmptyRecord()
        self.found: list[Any] = [None] * searches
        self.read: set[int] = set()
        self.memory = _Memory(slots, parameters, self.read, bound)
        self.terminology = terminology

    def search(self, _number: int, *what: Any) -> list[Any]:
        """Nothing, each time."""
        return self.facts.retrieve(*what)

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtMore(name)


@dataclass(slots=True)
class _Found:
    """What a definition comes to over an empty record, and what that depends on."""

    value: Any
    sites: dict[Site, Any]
    parameters: set[int]
    name: str = ""  # of the resource in a parameter that it looks at
    elements: set[str] = field(default_factory=set)
    coded: str = ""  # the one element of these of which the codes decide
    groups: dict[tuple[str, int], Any] = field(default_factory=dict)

    def extent(self) -> int:
        """How much there is that it depends on."""
        return len(self.sites) + len(self.parameters) + len(self.elements) + len(self.groups)


class _Read:
    """An element that is read of the resource in a parameter: which definitions look at it, and for which codes."""

    def __init__(self, element: str) -> None:
        self.element = element
        self.plain: list[int] = []  # these depend on whatever it is
        self.coded: list[int] = []  # these on the value sets that its one concept is in
        self.place = Place("", element)
        self.of_bit: dict[int, list[int]] = {}
        self._bits: dict[int, int] = {}
        self._of_bits: dict[int, list[int]] = {}  # for each set of bits met so far

    def add(self, slot: int, groups: Iterable[Any]) -> None:
        """A definition that looks only for these groups."""
        self.coded.append(slot)
        for group in groups:
            bit = self._bits.get(id(group))
            if bit is None:
                bit = self._bits[id(group)] = 1 << len(self._bits)
                self.place.add(bit, group)
            self.of_bit.setdefault(bit, []).append(slot)

    def touched(self, value: Any) -> list[int]:
        """The definitions for which this value of the element makes a difference."""
        if value is None:
            return []
        concept: Any = value
        if value.__class__ is list or value.__class__ is tuple:
            if not value:
                return []
            concept = value[0] if len(value) == 1 else None
        if not self.coded:
            return self.plain
        if concept.__class__.__name__ != "CodeableConcept":
            return self.plain + self.coded
        found = self.place.groups.bits_of(concept.coding)
        slots = self._of_bits.get(found)
        if slots is None:
            if len(self._of_bits) >= _KEPT:
                self._of_bits.clear()
            by_bit = [own for bit, own in self.of_bit.items() if bit & found]
            slots = self._of_bits[found] = list(dict.fromkeys(sum(by_bit, self.plain)))
        return slots


class Bound(msgspec.Struct, frozen=True):
    """Parameters with their values: by their places, and by name where all of one name have the same value."""

    by_slot: Mapping[int, Any]
    by_name: Mapping[str, Any] | None


class Blanks:
    """The values of definitions over an empty record, and what makes each of them worth asking."""

    def __init__(
        self, program: Program, functions: Functions, terminology: Any, explained: Container[int] = frozenset()
    ) -> None:
        """`explained`: the places of the definitions whose grounds may be asked for."""
        program.searches.is_closed = True
        self._searches = len(program.searches)
        self._slots = program.slots
        self._terminology = terminology
        self._parameters = {entry.slot: entry for entry in program.parameters}
        self._relations = program.relations
        self._holding = {
            entry.slot: entry.name for entry in program.parameters if _holds_resource(entry, program.relations)
        }
        self._defaults = {slot: self._default(slot, functions) for slot in self._parameters}
        self.values: list[Any] = [UNSET] * program.slots
        self.looked_at: dict[int, tuple[str, tuple[str, ...]]] = {}  # the elements of a resource in a parameter
        by_site: dict[Site, list[int]] = {}
        by_parameter: dict[int, list[int]] = {}
        reads: dict[str, dict[str, _Read]] = {}
        groups: dict[Site, Any] = {}
        for slot, found in self._known(program, functions, explained).items():
            self.values[slot] = found.value
            if found.elements:
                self.looked_at[slot] = (found.name, tuple(sorted(found.elements)))
            groups.update(found.sites)
            for site in found.sites:
                by_site.setdefault(site, []).append(slot)
            for bound in found.parameters:
                by_parameter.setdefault(bound, []).append(slot)
            for element in found.elements:
                read = reads.setdefault(found.name, {}).setdefault(element, _Read(element))
                if element == found.coded:
                    read.add(slot, [group for (at, _), group in found.groups.items() if at == element])
                else:
                    read.plain.append(slot)
        named = {**functions.module.namespace, **program.searches.groups}
        numbers: dict[Site, list[int]] = {}
        for number, (type_name, path, name) in enumerate(program.searches.all()):
            members = named.get(name)
            site = (type_name, path, id(members)) if members is not None else (type_name, None, 0)
            groups.setdefault(site, members)  # to be found in the same pass
            numbers.setdefault(site, []).append(number)
        self.sites = Sites(groups)
        # For each bit what makes it worth asking: definitions, and the numbers of searches.
        order = self.sites.order
        self._by_bit = [(tuple(by_site.get(site, ())), tuple(numbers.get(site, ()))) for site in order]
        self._by_parameter = {slot: tuple(slots) for slot, slots in by_parameter.items()}
        self._reads_of = {name: tuple(found.values()) for name, found in reads.items()}
        self._together = {name: next(s for s, own in self._holding.items() if own == name) for name in reads}
        self._by_name: dict[str, list[tuple[Any, tuple[int, ...]]]] = {}
        for parameter in program.parameters:
            self.values[parameter.slot] = self._defaults[parameter.slot]
            slots = self._by_parameter.get(parameter.slot)
            if slots:
                self._by_name.setdefault(parameter.name, []).append((self._defaults[parameter.slot], slots))

    def _known(self, program: Program, functions: Functions, explained: Container[int]) -> dict[int, _Found]:
        """What is known of definitions, by their places.

        One that is a chain of others is settled by a single one of them, unless its grounds are asked for: then the
        others count as well.
        """
        namespace = functions.module.namespace
        known: dict[int, _Found] = {}
        for entry in program.definitions:
            function = namespace.get(f"d{entry.slot}")
            found = self._found(function, namespace) if callable(function) else None
            if found is not None:
                known[entry.slot] = found
        for entry in program.definitions:
            if entry.slot not in explained and callable(namespace.get(f"d{entry.slot}")):
                found = _settled(entry.body, known)
                if found is not None:
                    known[entry.slot] = found
        return known

    def _found(self, function: Callable[[Any], Any], namespace: dict[str, Any]) -> _Found | None:
        """The value over an empty record, and all that decides it; None where anything else does."""
        run = _BlankRun(self._slots, self._parameters, self._terminology, {}, self._searches)
        value = _value(function, run)
        if value is UNSET:
            return None
        found = _Found(value, dict(run.facts.looked_for), run.read)
        names = {self._holding[slot] for slot in run.read if slot in self._holding}
        if len(names) != 1:
            return found
        found.name = next(iter(names))
        without = self._with_hollow(function, found, {})
        if without is None:
            return _Found(found.value, found.sites, found.parameters)
        found.elements = without.elements
        concepts = self._concepts(found.name)
        coded = [element for element in without.elements if element in concepts]
        if len(coded) == 1:
            usual, asked = namespace.get(_MEMBERSHIP), _Asked()
            namespace[_MEMBERSHIP] = partial(_noted_membership, asked, usual)
            try:
                other = self._with_hollow(function, found, {coded[0]: concepts[coded[0]]}, asked)
            finally:
                namespace[_MEMBERSHIP] = usual
            if other is not None:
                found.elements |= other.elements
                if [element for element in found.elements if element in concepts] == coded:
                    found.coded, found.groups = coded[0], other.groups
        found.parameters = {slot for slot in found.parameters if slot not in self._holding}
        return found

    def _with_hollow(
        self, function: Callable[[Any], Any], found: _Found, concepts: Mapping[str, bool], asked: _Asked | None = None
    ) -> _Asked | None:
        """What is asked of a hollow resource; None where the value is another one or depends on more."""
        asked = asked or _Asked()
        hollow = _Hollow(asked, concepts)
        bound = {slot: hollow for slot, name in self._holding.items() if name == found.name}
        run = _BlankRun(self._slots, self._parameters, self._terminology, bound, self._searches)
        same = _value(function, run)
        if not _equal(found.value, same) or any(slot in self._holding and slot not in bound for slot in run.read):
            return None
        found.sites.update(run.facts.looked_for)
        found.parameters |= run.read
        return asked

    def _concepts(self, name: str) -> dict[str, bool]:
        """The elements of the resource in a parameter that are concepts, and whether they may be several."""
        kinds = {
            str(self._parameters[slot].type).removeprefix("FHIR.") for slot, n in self._holding.items() if n == name
        }
        info = self._relations.model_type(next(iter(kinds))) if len(kinds) == 1 else None
        if info is None:
            return {}
        return {
            element.name: element.is_list
            for element in info.elements.values()
            if element.types == ("CodeableConcept",) and not element.is_choice
        }

    def _default(self, slot: int, functions: Functions) -> Any:
        function = functions.module.namespace.get(f"p{slot}")
        try:
            run = _BlankRun(self._slots, (), None, {})
            return function(run) if callable(function) else UNSET
        except (_LookedAtMore, CdsError, IndexError):
            return UNSET

    def start(self, facts: Any, bound: Bound) -> tuple[list[Any], list[list[Any] | None]]:
        """What is known from the start of an evaluation over these facts, with these parameters bound.

        The memory, and what searches find (None: something).
        """
        memory = self.values[:]
        searched: list[list[Any] | None] = [_NOTHING] * self._searches
        found = facts.found_at(self.sites)
        while found:
            bit = found & -found
            slots, searches = self._by_bit[bit.bit_length() - 1]
            for slot in slots:
                memory[slot] = UNSET
            for number in searches:
                searched[number] = None
            found ^= bit
        for slot in self.differing(bound):
            memory[slot] = UNSET
        return memory, searched

    def held(self, bound: Mapping[int, Any]) -> dict[str, Any]:
        """The resources in parameters, by the name of the parameter."""
        return {name: bound[slot] for name, slot in self._together.items() if bound.get(slot) is not None}

    def differing(self, bound: Bound) -> list[int]:
        """The definitions that may differ where parameters are bound to other values than their defaults."""
        if bound.by_name is None:
            return self._differing_one_by_one(bound.by_slot)
        found: list[int] = []
        for name, value in bound.by_name.items():
            for default, slots in self._by_name.get(name, ()):
                if value is not default and not _same_value(value, default):
                    found += slots
            if value is not None:
                for read in self._reads_of.get(name, ()):
                    element = getattr(value, read.element, None)
                    if element:
                        found += read.touched(element)
        return found

    def _differing_one_by_one(self, bound: Mapping[int, Any]) -> list[int]:
        """The same where libraries are given different values for parameters of one name."""
        found: list[int] = []
        for parameter, value in bound.items():
            default = self._defaults[parameter]
            if value is not default and not _same_value(value, default):
                found += self._by_parameter.get(parameter, ())
        for name, reads in self._reads_of.items():
            together = [slot for slot, own in self._holding.items() if own == name]
            first = bound.get(together[0])
            is_mixed = any(bound.get(slot) is not first for slot in together)
            if first is None and not is_mixed:
                continue
            for read in reads:
                found += read.plain + read.coded if is_mixed else read.touched(getattr(first, read.element, None))
        return found


def _settled(node: Typed | None, known: Mapping[int, _Found]) -> _Found | None:
    """What a chain of `and` (or `or`) comes to by one definition that settles it alone: the one that looks least."""
    if isinstance(node, DefinitionValue):
        return known.get(node.definition.slot)
    if not isinstance(node, Logical) or node.operator not in ("And", "Or"):
        return None
    sides = [_settled(side, known) for side in (node.left, node.right)]
    settling = [side for side in sides if side is not None and side.value is (node.operator == "Or")]
    return min(settling, key=_Found.extent, default=None)


def _same_value(value: Any, default: Any) -> bool:
    return value.__class__ is default.__class__ and bool(value == default)


_NOTHING: list[Any] = []


def _holds_resource(entry: ParameterEntry, relations: Relations) -> bool:
    return entry.type is not None and entry.default is None and relations.is_resource(entry.type)


def _value(function: Callable[[Any], Any], run: _BlankRun) -> Any:
    """The value over the empty record; UNSET where something else decides."""
    try:
        value = function(run)
    except (_LookedAtMore, CdsError, ArithmeticError, RecursionError, TypeError, AttributeError, ValueError):
        return UNSET
    return UNSET if value.__class__ is Failed or _is_hollow(value) else value


def _noted_membership(asked: _Asked, usual: Any, concept: Any, members: Any) -> Any:
    """Whether a concept is in a value set; a hollow one is in none, and which was asked is noted."""
    if isinstance(concept, _HollowConcept):
        asked.groups[concept.element, id(members)] = members
        return False
    return usual(concept, members)


def _is_hollow(value: Any) -> bool:
    """Whether a resource without anything is part of a value."""
    if isinstance(value, _Hollow | _HollowConcept):
        return True
    if isinstance(value, list | tuple):
        return any(map(_is_hollow, value))
    return isinstance(value, Tuple) and any(map(_is_hollow, value.values()))


def _equal(one: Any, other: Any) -> bool:
    return one.__class__ is other.__class__ and bool(one == other)
