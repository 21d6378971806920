"""What definitions reach, worked out once at load: the facts they rest on, the resource types they look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.cql.compile import CompiledLibraries
from cds_service.cql.entries import DefinitionEntry, FunctionEntry
from cds_service.cql.explain.reach import Declared, body_of
from cds_service.cql.tree import (
    Apply,
    Constant,
    ContextValue,
    DefinitionValue,
    Invoke,
    ParameterValue,
    RetrieveValue,
    walk,
)

Key = tuple[str, str]


class DefinitionReach:
    """For every definition the facts directly below it and the resource types that it retrieves."""

    def __init__(self, compiled: CompiledLibraries) -> None:
        self._compiled = compiled
        self._asked: dict[int, tuple[Declared, ...]] = {}
        self._own_types: dict[int, frozenset[str]] = {}
        self._types: dict[int, frozenset[str]] = {}
        self._own_looked_through: dict[int, frozenset[str]] = {}
        self._facts: dict[int, tuple[Key, ...]] = {}
        self._kept: list[Declared] = []  # ids stay theirs as long as they live

    def facts(self, keys: Mapping[Key, object]) -> dict[Key, tuple[Key, ...]]:
        """For each of these definitions the facts that it is made of; a fact is made of itself."""
        return {key: self._facts_of(self._compiled.entry(*key)) for key in keys}

    def types(self, key: Key) -> frozenset[str]:
        """The resource types that the definition retrieves, itself or through others."""
        return self._types_of(self._compiled.entry(*key))

    def looked_through(self, keys: Iterable[Key]) -> frozenset[str]:
        """The types that definitions retrieve whatever the code, themselves or through others.

        "Resource", where they follow references.
        """
        found: set[str] = set()
        waiting: list[Declared] = [self._compiled.entry(*key) for key in keys]
        seen: set[int] = set()
        while waiting:
            entry = waiting.pop()
            if id(entry) not in seen:
                seen.add(id(entry))
                waiting += self._below(entry)
                found |= self._own_looked_through[id(entry)]
        return frozenset(found)

    def _facts_of(self, entry: Declared) -> tuple[Key, ...]:
        if isinstance(entry, DefinitionEntry) and entry.tags.get("fact"):
            return ((entry.library, entry.name),)
        if id(entry) not in self._facts:
            self._facts[id(entry)] = ()
            found: dict[Key, None] = {}
            for asked in self._below(entry):
                found.update(dict.fromkeys(self._facts_of(asked)))
            self._facts[id(entry)] = tuple(found)
        return self._facts[id(entry)]

    def _types_of(self, entry: Declared) -> frozenset[str]:
        if id(entry) not in self._types:
            self._types[id(entry)] = frozenset()
            asked = self._below(entry)
            found = self._own_types[id(entry)].union(*(self._types_of(each) for each in asked))
            self._types[id(entry)] = found
        return self._types[id(entry)]

    def _below(self, entry: Declared) -> tuple[Declared, ...]:
        if id(entry) not in self._asked:
            self._kept.append(entry)
            asked: dict[int, Declared] = {}
            types: set[str] = set()
            whole: set[str] = set()
            body = body_of(entry)
            for node in walk(body) if body is not None else ():
                if isinstance(node, DefinitionValue):
                    asked[id(node.definition)] = node.definition
                elif isinstance(node, ParameterValue):
                    asked[id(node.parameter)] = node.parameter
                elif isinstance(node, Invoke) and isinstance(node.function, FunctionEntry):
                    asked[id(node.function)] = node.function
                elif isinstance(node, RetrieveValue):
                    types.add(node.resource)
                    if node.value_set is None and not isinstance(node.codes, Constant):
                        whole.add(node.resource)
                elif isinstance(node, ContextValue):
                    whole.add(node.context)
                elif isinstance(node, Apply) and node.signature.operator == "Resolve":
                    whole.add("Resource")
            self._asked[id(entry)] = tuple(asked.values())
            self._own_types[id(entry)] = frozenset(types)
            self._own_looked_through[id(entry)] = frozenset(whole)
        return self._asked[id(entry)]
