"""Everything that declarations reach: other definitions, parameters and functions; worked out once for each."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.cql.compiler.scope import Program
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import DefinitionValue, Invoke, ParameterValue, walk

Declared = DefinitionEntry | FunctionEntry | ParameterEntry


def body_of(entry: Declared) -> Typed | None:
    """The tree of a declaration; None where there is none."""
    return entry.default if isinstance(entry, ParameterEntry) else entry.body


class Reach:
    """What the declarations of a program ask, directly and through others; trees do not change, so answers are kept."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._nodes: dict[int, tuple[Typed, ...]] = {}
        self._asked: dict[int, tuple[Declared, ...]] = {}
        self._below: dict[int, dict[int, Declared]] = {}
        self._dependents: dict[int, bytes] = {}

    def nodes(self, entry: Declared) -> tuple[Typed, ...]:
        """Every node of the tree of a declaration."""
        key = id(entry)
        if key not in self._nodes:
            body = body_of(entry)
            self._nodes[key] = tuple(walk(body)) if body is not None else ()
        return self._nodes[key]

    def asked(self, entry: Declared) -> tuple[Declared, ...]:
        """The declarations that this one asks itself."""
        key = id(entry)
        if key not in self._asked:
            found: dict[int, Declared] = {}
            for node in self.nodes(entry):
                if isinstance(node, DefinitionValue):
                    found[id(node.definition)] = node.definition
                elif isinstance(node, ParameterValue):
                    found[id(node.parameter)] = node.parameter
                elif isinstance(node, Invoke):
                    found[id(node.function)] = node.function
            self._asked[key] = tuple(found.values())
        return self._asked[key]

    def below(self, entry: Declared) -> dict[int, Declared]:
        """The declaration and all that it asks, directly or through others, by identity."""
        key = id(entry)
        if key not in self._below:
            self._below[key] = {}
            found: dict[int, Declared] = {key: entry}
            for asked in self.asked(entry):
                found.update(self.below(asked))
            self._below[key] = found
        return self._below[key]

    def reached(self, entries: Iterable[Declared]) -> list[Declared]:
        """These declarations and all that they ask, each once."""
        found: dict[int, Declared] = {}
        for entry in entries:
            found.update(self.below(entry))
        return list(found.values())

    def dependents(self, slot: int) -> bytes:
        """For every place of memory whether its value may differ when this one changes."""
        if slot not in self._dependents:
            flags = bytearray(self._program.slots)
            declared: list[DefinitionEntry | ParameterEntry] = [*self._program.definitions, *self._program.parameters]
            changed = next((entry for entry in declared if entry.slot == slot), None)
            for entry in declared:
                if changed is not None and id(changed) in self.below(entry):
                    flags[entry.slot] = 1
            self._dependents[slot] = bytes(flags)
        return self._dependents[slot]
