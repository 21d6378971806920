"""Writes one Python function: statements in blocks, expressions as text, constants and helpers by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cds_service.cql.emission.failing import Safety
from cds_service.cql.emission.noting import Noting
from cds_service.cql.emission.sharing import Shared, shared_calls
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry, ValueSetEntry
from cds_service.cql.operators.functions import function as table_function
from cds_service.cql.searches import Searches
from cds_service.cql.static_types import Typed
from cds_service.cql.type_relations import Relations
from cds_service.values.precisions import BY_NAME, Precision

Entry = DefinitionEntry | FunctionEntry | ParameterEntry


@dataclass(frozen=True, slots=True)
class Py:
    """Python text for a value: whether it can be null, and whether it is short enough to stand twice."""

    text: str
    nullable: bool = True
    simple: bool = False


@dataclass(slots=True)
class Module:
    """Everything that the functions of one program share: constants, helpers, and what still has to be written."""

    relations: Relations
    searches: Searches
    noting: Noting | None = None  # where functions take notes
    without_notes: Callable[[Entry], object] | None = None  # the same function where it takes none
    namespace: dict[str, object] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    keep: list[object] = field(default_factory=list)
    definitions: list[DefinitionEntry] = field(default_factory=list)
    functions: list[FunctionEntry] = field(default_factory=list)
    parameters: list[ParameterEntry] = field(default_factory=list)
    value_sets: list[ValueSetEntry] = field(default_factory=list)
    wanted: set[int] = field(default_factory=set)
    subtypes: dict[str, frozenset[str]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    safety: Safety = field(default_factory=Safety)

    @property
    def traced(self) -> bool:
        """Whether functions take notes."""
        return self.noting is not None

    def helper(self, path: str) -> str:
        """The name under which generated code calls `module.function`."""
        name = path.replace(".", "_")
        if name not in self.namespace:
            self.namespace[name] = table_function(path)
        return name

    def named(self, name: str, value: object) -> str:
        """A fixed value under a fixed name."""
        self.namespace.setdefault(name, value)
        return name

    def constant(self, value: object) -> str:
        """The name of a constant; small ones stand in the text themselves."""
        if value is None or value is True or value is False:
            return repr(value)
        if type(value) in (int, str):
            return repr(value)
        if id(value) not in self.constants:
            name = f"k{len(self.constants)}"
            self.constants[id(value)] = name
            self.keep.append(value)
            self.namespace[name] = value
        return self.constants[id(value)]

    def precision(self, name: str | None) -> str:
        """The name of a precision; None for the full one."""
        if name is None:
            return "None"
        found = BY_NAME[name]
        return self.named(Precision(found).name, found)

    def ask_definition(self, entry: DefinitionEntry) -> str:
        """The name of the function of a definition, which then will be written."""
        name = f"d{entry.slot}"
        if self.noting is not None and not self.noting.asks(entry):
            return self._quiet(name, entry)
        if id(entry) not in self.wanted:
            self.wanted.add(id(entry))
            self.definitions.append(entry)
        return name

    def ask_parameter(self, entry: ParameterEntry) -> str:
        """The name of the function of a parameter, which then will be written."""
        name = f"p{entry.slot}"
        if self.noting is not None and not self.noting.is_thorough:
            return self._quiet(name, entry)
        if id(entry) not in self.wanted:
            self.wanted.add(id(entry))
            self.parameters.append(entry)
        return name

    def ask_function(self, entry: FunctionEntry) -> str:
        """The name of the function of a library's function, which then will be written."""
        if id(entry) not in self.wanted:
            self.wanted.add(id(entry))
            self.functions.append(entry)
        return f"f{entry.slot}"

    def ask_quiet(self, entry: FunctionEntry) -> str:
        """The name of the same function as it is written where nobody takes notes."""
        return self._quiet(f"q{entry.slot}", entry)

    def _quiet(self, name: str, entry: Entry) -> str:
        assert self.without_notes is not None
        return name if name in self.namespace else self.named(name, self.without_notes(entry))

    def ask_value_set(self, entry: ValueSetEntry) -> str:
        """The name of the members of a value set."""
        if id(entry) not in self.wanted:
            self.wanted.add(id(entry))
            self.value_sets.append(entry)
        return f"vs{entry.number}"


_DEEP = 40  # parentheses in one expression


class Writer:
    """The body of one function while it is written."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[tuple[int, str]] = []
        self.depth = 0
        self.count = 0
        self.names: dict[str, Py] = {}
        self.shared = Shared()
        self.memory = "run.memory"  # how this function calls it
        self.chained: set[int] = set()  # connectives that continue one that is being written
        self.rows: frozenset[str] = frozenset()  # the rows that what is written now rests on anyway
        self.quiet = 0  # parts around this one of which nothing is noted

    @contextmanager
    def resting_on(self, rows: Iterable[str]) -> Iterator[None]:
        """What is written meanwhile rests on these rows anyway, which is noted already."""
        before, self.rows = self.rows, frozenset(rows)
        yield
        self.rows = before

    @property
    def takes_notes(self) -> bool:
        """Whether what is written now has to note what it looks at."""
        return self.module.noting is not None and not self.quiet

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is written meanwhile notes nothing itself: it only decides what becomes of a row."""
        self.quiet += 1
        yield
        self.quiet -= 1

    def fresh(self, stem: str = "t") -> str:
        """A name that nothing in this function has yet."""
        self.count += 1
        return f"{stem}{self.count}"

    def share(self, body: Typed) -> None:
        """Find what this function asks more than once."""
        self.shared = shared_calls(body)
        self.clear(None)

    def clear(self, local: str | None) -> None:
        """What depends on a local is not known any more: it has just been bound."""
        for name in self.shared.cleared.get(local, ()):
            self.emit(f"{name} = heard_{name} = UNSET" if self.module.traced else f"{name} = UNSET")

    def emit(self, text: str) -> None:
        """One statement."""
        self.lines.append((self.depth, text))

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Statements under a head that ends with a colon."""
        self.emit(head)
        self.depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.emit("pass")
        self.depth -= 1

    @contextmanager
    def aside(self) -> Iterator[list[tuple[int, str]]]:
        """Statements that are kept aside, because it is not yet known whether they run at all."""
        outer, depth = self.lines, self.depth
        self.lines, self.depth = [], 0
        try:
            yield self.lines
        finally:
            self.lines, self.depth = outer, depth

    def splice(self, lines: list[tuple[int, str]]) -> None:
        """Statements that were kept aside, here."""
        self.lines.extend((self.depth + depth, text) for depth, text in lines)

    def keep(self, value: Py, stem: str = "t") -> Py:
        """The value under a name, so that it can be used twice."""
        if value.simple:
            return value
        name = self.fresh(stem)
        self.emit(f"{name} = {value.text}")
        return Py(name, value.nullable, simple=True)

    def bounded(self, value: Py) -> Py:
        """The value, under a name if its text nests so deep that Python would not read much more of it."""
        return self.keep(value) if value.text.count("(") > _DEEP else value

    def text(self) -> str:
        """The statements as source text, indented once."""
        return "\n".join(f"{'    ' * (depth + 1)}{text}" for depth, text in self.lines)


_SIMPLE = re.compile(r"\w+\Z|'[^'\\]*'\Z")


def is_simple(text: str) -> bool:
    """Whether the text is a name or a short literal."""
    return bool(_SIMPLE.match(text))
