"""Everything that definitions reach: other definitions, parameters, functions, and the nodes in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.cql.compiler.scope import Program
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import DefinitionValue, Invoke, ParameterValue, walk

Declared = DefinitionEntry | FunctionEntry | ParameterEntry


def body_of(entry: Declared) -> Typed | None:
    """The tree of a declaration; None where there is none."""
    return entry.default if isinstance(entry, ParameterEntry) else entry.body


def reached(entries: Iterable[Declared]) -> list[Declared]:
    """These declarations and all that they ask, each once."""
    found: dict[int, Declared] = {}
    waiting = list(entries)
    while waiting:
        entry = waiting.pop()
        if id(entry) in found:
            continue
        found[id(entry)] = entry
        body = body_of(entry)
        if body is not None:
            waiting.extend(_asked(body))
    return list(found.values())


def _asked(body: Typed) -> Iterator[Declared]:
    for node in walk(body):
        if isinstance(node, DefinitionValue):
            yield node.definition
        elif isinstance(node, ParameterValue):
            yield node.parameter
        elif isinstance(node, Invoke):
            yield node.function


class Reach:
    """For every declaration the places of memory that it reads, directly or through others; answers are kept."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._below: dict[int, frozenset[int]] = {}

    def slots(self, entry: Declared) -> frozenset[int]:
        """The places that this declaration reads, without its own."""
        key = id(entry)
        if key not in self._below:
            self._below[key] = frozenset()
            found: set[int] = set()
            body = body_of(entry)
            for asked in _asked(body) if body is not None else ():
                found |= self.slots(asked)
                if not isinstance(asked, FunctionEntry):
                    found.add(asked.slot)
            self._below[key] = frozenset(found)
        return self._below[key]

    def dependents(self, slot: int) -> bytearray:
        """For every place of memory whether its value may differ when this one changes."""
        flags = bytearray(self._program.slots)
        flags[slot] = 1
        declared: list[DefinitionEntry | ParameterEntry] = [*self._program.definitions, *self._program.parameters]
        for entry in declared:
            if slot in self.slots(entry):
                flags[entry.slot] = 1
        return flags
