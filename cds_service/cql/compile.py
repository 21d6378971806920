"""CQL texts in, something that can be evaluated out: every mistake of every text is reported together."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from cds_service.cql.blanks import Blanks
from cds_service.cql.compiler.declarations import tags_of
from cds_service.cql.compiler.program import EXPRESSIONS, InlineExpression, Source, build_program, compile_all
from cds_service.cql.compiler.scope import Program
from cds_service.cql.emission.noting import Noting
from cds_service.cql.emission.program import Functions
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry
from cds_service.cql.explain.reach import Declared, Reach
from cds_service.cql.explain.requirements import DataRequirement, DataUse
from cds_service.cql.runtime.outputs import is_shaped
from cds_service.cql.runtime.vocabularies import Members, Remembered
from cds_service.cql.semantic_errors import UnknownName, UnknownValueSetUse, meant
from cds_service.cql.static_types import STRING, ListOf, Named, Type, Typed
from cds_service.cql.tree import Membership, RetrieveValue, ValueSetValue, walk
from cds_service.errors import CdsError, ErrorGroup, Span
from cds_service.fhir.model.types import Model
from cds_service.fhir.structs.flavours import Reads


class Terminology(Protocol):
    """What the compiler asks of terminology."""

    def membership(self, url: str, version: str | None = None) -> Members: ...


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition as others see it."""

    library: str
    name: str
    type: str
    tags: Mapping[str, str | None]
    span: Span
    context: str | None
    comment: str
    access: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as others see it."""

    library: str
    name: str
    type: str
    has_default: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Handle:
    """A definition ready to be asked: its place in memory, its function, whether its values need plain form, and
    whether its evaluation takes notes.
    """

    entry: DefinitionEntry
    slot: int
    function: Callable[[Any], Any]
    shaped: bool
    notes: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """The parameters of one name: their places, by their types, and the values that can be bound as they are: all, or
    those of some Python types.
    """

    slots: tuple[int, ...]
    entries: tuple[tuple[ParameterEntry, tuple[int, ...]], ...]  # one of each type, with the places of all of the type
    plain: bool
    as_is: frozenset[type]


Table = tuple[tuple[tuple[str, str], ...] | None, ...]  # lists of definitions


class Row(msgspec.Struct, frozen=True):
    """Definitions that are asked whether all hold: the place of the first, those of the others, their handles."""

    first: int
    others: tuple[int, ...]
    handles: tuple[Handle, ...]


Rows = tuple[Row | None, ...]


class CompiledLibraries:
    """Libraries that hold: typed, checked, and with a Python function for every definition that is asked for."""

    def __init__(self, program: Program, terminology: Terminology | None) -> None:
        self.program = program
        self.terminology = terminology
        self.functions = Functions(program)
        self.traced_functions = Functions(program, Noting(program.relations, thorough=True), self.functions)
        self._index: dict[tuple[str, str], DefinitionEntry] = {}
        for entry in program.definitions:
            library = entry.library.removeprefix(EXPRESSIONS)
            self._index.setdefault((library, entry.name), entry)
        self._dependents: dict[frozenset[int], bytes] = {}
        self._dependents_of_names: dict[tuple[object, ...], bytes] = {}
        self._parameters: dict[str | tuple[str, str], tuple[ParameterEntry, ...]] | None = None
        self.names_by_slot: dict[int, tuple[str, str]] = {
            entry.slot: (entry.library.removeprefix(EXPRESSIONS), entry.name) for entry in program.definitions
        }
        self._bindings: dict[str | tuple[str, str], Binding] = {}
        self.reach = Reach(program)
        self.data = DataUse(self.reach, program.relations)
        self.known_handles: dict[tuple[str, str], Handle] = {}
        self._tables: dict[int, tuple[Table, Rows]] = {}
        self._parts: dict[object, Callable[[Any], Any]] = {}
        self.blanks: Blanks | None = None
        self.noting: set[int] = set()  # the places of definitions and parameters whose evaluation takes notes

    @property
    def libraries(self) -> tuple[str, ...]:
        """The names of the libraries."""
        return tuple(name for name in self.program.libraries if not name.startswith(EXPRESSIONS))

    def version(self, library: str) -> str | None:
        """The version that a library says it has."""
        return self.program.libraries[library].version

    def includes(self, library: str) -> tuple[str, ...]:
        """The libraries that a library includes."""
        found = (entry.library for entry in self.program.libraries[library].includes())
        return tuple(name for name in found if name is not None)

    def handle(self, library: str, name: str) -> Handle:
        """How the value of a definition is asked for; made once for each."""
        found = self.known_handles.get((library, name))
        if found is None:
            entry = self.entry(library, name)
            function = self.functions.definition(entry)
            shaped = is_shaped(entry.type, self.program.relations)
            found = Handle(entry, entry.slot, function, shaped, entry.slot in self.noting)
            self.known_handles[library, name] = found
        return found

    def rows(self, table: Table) -> Rows:
        """The rows of a table that lasts as long as these libraries; made once. None: no definitions."""
        found = self._tables.get(id(table))
        if found is None:
            made = tuple([self._row(keys) if keys else None for keys in table])
            found = self._tables[id(table)] = (table, made)  # with the table, so that its identity stays its own
        return found[1]

    def _row(self, keys: Iterable[tuple[str, str]]) -> Row:
        handles = tuple([self.handle(*key) for key in keys])
        first, *others = [handle.slot for handle in handles]
        return Row(first, tuple(others), handles)

    def entry(self, library: str, name: str) -> DefinitionEntry:
        """The entry of a definition; an error with what was probably meant where there is none."""
        found = self._index.get((library, name))
        if found is None:
            known = [own for other, own in self._index if other == library]
            hint = meant(name, known) if known else meant(library, self.libraries, quote="")
            raise UnknownName(f'There is no definition {library}."{name}".', remedy=hint)
        self.program.complete_definition(found)
        return found

    def has(self, library: str, name: str) -> bool:
        """Whether there is such a definition."""
        return (library, name) in self._index

    def definitions(self, library: str) -> tuple[Definition, ...]:
        """The definitions of a library, in the order of the text."""
        return tuple(self._shown(entry) for entry in self.program.definitions if entry.library == library)

    def definition(self, library: str, name: str) -> Definition:
        """One definition of a library."""
        return self._shown(self.entry(library, name))

    def _shown(self, entry: DefinitionEntry) -> Definition:
        node = entry.node
        comment = node.documentation.text if node.documentation is not None else ""
        kind = str(self.program.complete_definition(entry))
        return Definition(
            entry.library.removeprefix(EXPRESSIONS), entry.name, kind, tags_of(node.documentation), node.name_span,
            node.context, comment, node.access,
        )  # fmt: skip

    def parameters(self, library: str | None = None) -> tuple[Parameter, ...]:
        """The parameters of a library, or of all."""
        return tuple(
            Parameter(
                entry.library,
                entry.name,
                str(self.program.complete_parameter(entry)),
                entry.default is not None,
                entry.node.name_span,
            )
            for entry in self.program.parameters
            if library in (None, entry.library)
        )

    def prepare(self, definitions: Iterable[tuple[str, str]]) -> None:
        """Write the Python of these definitions now, so that no call waits for it."""
        self.functions.prepare([self.entry(library, name) for library, name in definitions])

    def prepare_blanks(self, asked_why: Iterable[tuple[str, str]] = ()) -> None:
        """Work out what every definition written so far comes to where the record says nothing.

        `asked_why`: those for which evidence will be prepared.
        """
        explained = {entry.slot for entry in self.reach.reached([self.entry(*key) for key in asked_why])}
        self.blanks = Blanks(self.program, self.functions, self.terminology, explained)

    def prepare_evidence(self, asked: Iterable[tuple[str, str]]) -> None:
        """The definitions that are `asked` why always take notes from now on: their grounds need no second evaluation.

        What notes all that an explanation tells is written when one is asked for.
        """
        wanted = [self.entry(*key) for key in asked]
        noting = Noting(self.program.relations, self.program.parameters, thorough=False)
        functions = Functions(self.program, noting, self.functions)
        functions.prepare(wanted)
        taking, usual = functions.module.namespace, self.functions.module.namespace
        for entry in self.reach.reached(wanted):
            if not isinstance(entry, FunctionEntry):
                self.noting.add(entry.slot)
                if isinstance(entry, DefinitionEntry) and noting.asks(entry):
                    usual[f"d{entry.slot}"] = taking[f"d{entry.slot}"]
        self.known_handles.clear()
        self._tables.clear()

    def python(self, library: str, name: str | None = None) -> str:
        """The Python of a definition, or of a whole library with all that it reaches."""
        if name is not None:
            entry = self.entry(library, name)
            self.functions.definition(entry)
            return self.functions.text(f"d{entry.slot}")
        entries = [entry for entry in self.program.definitions if entry.library == library]
        self.functions.prepare(entries)
        return "\n\n".join(self.functions.texts().values())

    def dependents(self, slots: Iterable[int], names: tuple[object, ...] | None = None) -> bytes:
        """For every place of memory whether its value may differ when these change; worked out once for each set.

        `names`: those of the parameters that stand in these places.
        """
        if names is not None:
            known = self._dependents_of_names.get(names)
            if known is None:
                known = self._dependents_of_names[names] = self.dependents(slots)
            return known
        key = frozenset(slots)
        found = self._dependents.get(key)
        if found is None:
            flags = bytearray(self.program.slots)
            for slot in key:
                for position, flag in enumerate(self.reach.dependents(slot)):
                    flags[position] |= flag
            found = self._dependents[key] = bytes(flags)
        return found

    def binding(self, key: str | tuple[str, str]) -> Binding:
        """How a value is bound to the parameters of this name; made once for each."""
        found = self._bindings.get(key)
        if found is None:
            entries = self.parameter_entries(key)
            typed: dict[Type | None, tuple[ParameterEntry, list[int]]] = {}
            for entry in entries:
                typed.setdefault(entry.type, (entry, []))[1].append(entry.slot)
            found = self._bindings[key] = Binding(
                slots=tuple(entry.slot for entry in entries),
                entries=tuple((entry, tuple(slots)) for entry, slots in typed.values()),
                plain=all(map(_is_fhir, typed)),
                as_is=frozenset([str] if set(typed) == {STRING} else [list] if all(map(_is_fhir_list, typed)) else []),
            )
        return found

    def parameter_entries(self, key: str | tuple[str, str]) -> tuple[ParameterEntry, ...]:
        """The parameters of this name, of all libraries or of the one that is named."""
        if self._parameters is None:
            index: dict[str | tuple[str, str], tuple[ParameterEntry, ...]] = {}
            for entry in self.program.parameters:
                self.program.complete_parameter(entry)
                index[entry.library, entry.name] = (entry,)
                index[entry.name] = (*index.get(entry.name, ()), entry)
            self._parameters = index
        return self._parameters.get(key, ())

    def reads(self, definitions: Iterable[tuple[str, str]] | None = None) -> Reads:
        """FHIR type to the elements that the logic reads, for a lean decoder.

        With definitions: what these need, and everything of FHIR values that they hand out. Without: what all need,
        where FHIR values stay inside.
        """
        if definitions is None:
            return self.data.reads(self._declared())
        entries = [self.entry(library, name) for library, name in definitions]
        return self.data.reads(entries, entries)

    def reads_of(self, libraries: Container[str]) -> Reads:
        """The same for all that some libraries declare."""
        return self.data.reads([entry for entry in self._declared() if entry.library in libraries])

    def requirements(self, definitions: Iterable[tuple[str, str]] | None = None) -> tuple[DataRequirement, ...]:
        """The data that these definitions, or all, look at."""
        entries: list[Declared] = (
            self._declared() if definitions is None else [self.entry(library, name) for library, name in definitions]
        )
        return self.data.requirements(entries)

    def _declared(self) -> list[Declared]:
        return [*self.program.definitions, *self.program.functions, *self.program.parameters]

    @property
    def value_sets(self) -> Mapping[str, tuple[str, ...]]:
        """The value sets that the libraries declare, with the definitions that use them."""
        found: dict[str, dict[str, None]] = {}
        for entry in self.program.value_sets:
            found.setdefault(entry.value.id, {}).update(dict.fromkeys(entry.users))
        return {url: tuple(users) for url, users in found.items()}

    def part(self, node: Typed, key: object) -> Callable[[Any], Any]:
        """The function of a part of a definition; made once for each key."""
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self.functions.expression(node)
        return found


def _is_fhir(kind: Type | None) -> bool:
    return isinstance(kind, Named) and kind.namespace == "FHIR"


def _is_fhir_list(kind: Type | None) -> bool:
    return isinstance(kind, ListOf) and _is_fhir(kind.element)


def compile_libraries(
    sources: Iterable[Source],
    model: Model | None = None,
    terminology: Terminology | None = None,
    roots: Iterable[tuple[str, str]] | None = None,
    expressions: Iterable[InlineExpression] = (),
) -> CompiledLibraries:
    """The libraries compiled; raises an ErrorGroup with every mistake of every text."""
    program, declarations = build_program(sources, model, terminology, expressions)
    wanted = None if roots is None else tuple(roots)
    compile_all(program, declarations, wanted)
    _look_up_value_sets(program, terminology)
    if program.problems.found:
        raise ErrorGroup(program.problems.sorted())
    compiled = CompiledLibraries(program, terminology)
    compiled.functions.prepare([entry for entry in program.definitions if entry.state == "done"])
    program.searches.is_closed = True
    return compiled


def _look_up_value_sets(program: Program, terminology: Terminology | None) -> None:
    """Every value set that compiled text uses, found once; a missing one is a mistake that names its users."""
    used: set[int] = set()
    bodies = [entry.body for entry in program.definitions] + [entry.body for entry in program.functions]
    bodies += [entry.default for entry in program.parameters]
    for body in bodies:
        for node in walk(body) if body is not None else ():
            if isinstance(node, ValueSetValue | RetrieveValue) and node.value_set is not None:
                used.add(id(node.value_set))
            elif isinstance(node, Membership) and not hasattr(node.vocabulary, "span"):
                used.add(id(node.vocabulary))
    for entry in program.value_sets:
        if id(entry) not in used or terminology is None:
            continue
        key = (entry.value.id, entry.value.version)
        try:
            program.members.setdefault(key, Remembered(terminology.membership(*key)))
        except CdsError as error:
            users = ", ".join(dict.fromkeys(entry.users[:3]))
            more = f" and {len(set(entry.users)) - 3} more" if len(set(entry.users)) > 3 else ""
            program.problems.add(
                UnknownValueSetUse(
                    f'Value set "{entry.name}" is used by {users}{more}, but: {error.what}',
                    where=entry.node.span,
                    remedy=error.remedy,
                )
            )


__all__ = [
    "CompiledLibraries", "Definition", "InlineExpression", "Parameter", "Source", "Terminology",
    "compile_libraries",
]  # fmt: skip
