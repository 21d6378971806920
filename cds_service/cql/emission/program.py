"""Source text to functions: everything that is reached, written as one Python module and compiled once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from cds_service.cql.compiler.scope import Program
from cds_service.cql.emission.emptiness import for_empty_lists
from cds_service.cql.emission.functions import (
    write_definition,
    write_expression,
    write_function,
    write_parameter,
)
from cds_service.cql.emission.noting import Noting
from cds_service.cql.emission.remembering import remember
from cds_service.cql.emission.writer import Entry, Module
from cds_service.cql.entries import DefinitionEntry, ParameterEntry
from cds_service.cql.runtime.run import UNSET, Failed
from cds_service.cql.runtime.vocabularies import NoTerminology
from cds_service.cql.semantic_errors import too_deep
from cds_service.cql.static_types import Typed

Declared = TypeVar("Declared", bound=Entry)


class Functions:
    """The callables of a program, written when they are first asked for; safe to ask from several threads."""

    def __init__(self, program: Program, noting: Noting | None = None, usual: Functions | None = None) -> None:
        """With `noting`, functions take notes; `usual` are those that do not."""
        without_notes = usual.written if usual is not None else None
        self.module = Module(program.relations, program.searches, noting, without_notes)
        self.module.namespace.update({"UNSET": UNSET, "Failed": Failed})
        self._program = program
        self._texts: dict[str, str] = {}
        self._lock = threading.RLock()
        self._written = [0, 0, 0, 0]
        self._expressions = 0

    def definition(self, entry: DefinitionEntry) -> Callable[[Any], Any]:
        """The function of a definition."""
        return self._function(f"d{entry.slot}", self.module.ask_definition, entry)

    def parameter(self, entry: ParameterEntry) -> Callable[[Any], Any]:
        """The function of a parameter."""
        return self._function(f"p{entry.slot}", self.module.ask_parameter, entry)

    def written(self, entry: Entry) -> Callable[..., Any]:
        """The function of any declaration."""
        if isinstance(entry, DefinitionEntry):
            return self.definition(entry)
        if isinstance(entry, ParameterEntry):
            return self.parameter(entry)
        return self._function(f"f{entry.slot}", self.module.ask_function, entry)

    def _function(self, name: str, ask: Callable[[Declared], str], entry: Declared) -> Callable[..., Any]:
        if name not in self.module.namespace:
            with self._lock:
                ask(entry)
                self._write()
        found: Any = self.module.namespace[name]
        return cast("Callable[..., Any]", found)

    def expression(self, node: Typed) -> Callable[[Any], Any]:
        """The function of a part of a definition."""
        with self._lock:
            self._expressions += 1
            name = f"e{self._expressions}"
            text = write_expression(name, node, self.module)
            self._write({name: text})
            return self.module.namespace[name]  # type: ignore[return-value]

    def prepare(self, entries: Iterable[DefinitionEntry]) -> None:
        """Write these definitions and everything that they reach."""
        with self._lock:
            for entry in entries:
                self.module.ask_definition(entry)
            self._write()

    def text(self, name: str) -> str:
        """The Python text of a function, by its name in the module."""
        return self._texts[name]

    def texts(self) -> dict[str, str]:
        """The Python text of every function written so far."""
        return dict(self._texts)

    def _write(self, first: dict[str, str] | None = None) -> None:
        fresh = dict(first or {})
        module, done = self.module, self._written
        while True:
            before = list(done)
            for entry in module.definitions[done[0] :]:
                try:
                    fresh[f"d{entry.slot}"] = write_definition(entry, module)
                except RecursionError:
                    raise too_deep(entry.node.name_span) from None
                done[0] += 1
            for parameter in module.parameters[done[1] :]:
                fresh[f"p{parameter.slot}"] = write_parameter(parameter, module)
                done[1] += 1
            for function in module.functions[done[2] :]:
                fresh[f"f{function.slot}"] = write_function(function, module)
                done[2] += 1
            for value_set in module.value_sets[done[3] :]:
                key = (value_set.value.id, value_set.value.version)
                module.namespace[f"vs{value_set.number}"] = self._program.members.get(key) or _Missing(key[0])
                done[3] += 1
            if done == before:
                break
        if fresh:
            code = compile("\n\n".join(fresh.values()), "<cql>", "exec")
            exec(code, self.module.namespace)  # noqa: S102 - our own text, made from a typed tree
            functions = [entry for entry in module.functions if f"f{entry.slot}" in fresh]
            shorter = for_empty_lists(fresh, module.namespace, functions)
            code = compile("\n\n".join(fresh[name] for name in shorter), "<cql>", "exec")
            exec(code, self.module.namespace)  # noqa: S102 - the same text with a shorter way
            remember(self.module.namespace, functions)
            self._texts.update(fresh)


class _Missing:
    """A value set that the terminology did not have: asking for it fails."""

    def __init__(self, url: str) -> None:
        self._url = url

    def contains(self, system: str | None, code: str) -> bool:  # noqa: ARG002 - as every group of codes is asked
        raise NoTerminology(f"Value set {self._url} is not at hand.")

    def codes(self) -> frozenset[tuple[str, str]]:
        raise NoTerminology(f"Value set {self._url} is not at hand.")
