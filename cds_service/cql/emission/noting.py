"""What a program can note: whatever notes nothing, or nothing new, is written as if nobody asked why."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.cql.emission.remembering import depends_on_codes_alone
from cds_service.cql.emission.tracing import holds_resources, traced_tree
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry
from cds_service.cql.static_types import ChoiceOf, ListOf, Type, Typed
from cds_service.cql.tree import (
    Bound,
    DefinitionValue,
    Invoke,
    Iteration,
    Local,
    Noted,
    QueryValue,
    TupleValue,
    walk,
)
from cds_service.cql.type_relations import Relations


class Noting:
    """Answers about definitions and functions are kept, since they are asked from many places.

    A thorough program also notes every element, search and definition that was asked for; else elements are noted only
    of resources that parameters hold (an order, say), of others that they were looked at.
    """

    def __init__(self, relations: Relations, parameters: Iterable[ParameterEntry] = (), *, thorough: bool) -> None:
        self.is_thorough = thorough
        self._relations = relations
        kinds = [entry.type.element if isinstance(entry.type, ListOf) else entry.type for entry in parameters]
        self._held = [kind for kind in kinds if kind is not None and relations.is_resource(kind)]
        self._heard: dict[int, bool] = {}
        self._asking: dict[int, bool] = {}
        self._adding: dict[int, bool] = {}

    def may_note(self, node: Typed | None, rows: frozenset[str] = frozenset()) -> bool:
        """Whether evaluating a marked tree can note anything but that it rests on these rows."""
        return node is not None and any(self._notes(below, rows) for below in walk(node))

    def _notes(self, node: Typed, rows: frozenset[str]) -> bool:
        if isinstance(node, Invoke):
            return not self.is_quiet(node, rows)
        if isinstance(node, Noted):
            return not self.follows(node, rows)
        return self._has_rows_of_resources(node) or self._has_resources(node, rows)

    def _has_resources(self, node: Typed, rows: frozenset[str]) -> bool:
        """Whether a tuple is made with resources in it, other than these rows."""
        return isinstance(node, TupleValue) and any(
            self._relations.is_resource(value.type) and not (isinstance(value, Local) and value.name in rows)
            for _, value in node.elements
        )

    def element(self, node: Noted) -> str | None:
        """The element that is noted with what is looked at."""
        return node.element if self.is_thorough or self._can_be_held(node.operand.type) else None

    def follows(self, node: Noted, rows: frozenset[str]) -> bool:
        """Whether a note says no more than that something rests on these rows."""
        return isinstance(node.operand, Local) and node.operand.name in rows and self.element(node) is None

    def is_quiet(self, call: Invoke, rows: frozenset[str], *, unheard: bool = False) -> bool:
        """Whether a call notes no more than that something rests on these rows, or nobody listens."""
        function = call.function
        if not self.is_heard(function) and (depends_on_codes_alone(function) or not self.asks(function)):
            return True
        if self.asks(function):
            return False
        return unheard or (not self.adds(function) and all(self._is_row(each, rows) for each in call.arguments))

    def _is_row(self, argument: Typed, rows: frozenset[str]) -> bool:
        if not holds_resources(argument.type, self._relations):
            return True
        return isinstance(argument, Local) and argument.name in rows and not self._can_be_held(argument.type)

    def _has_rows_of_resources(self, node: Typed) -> bool:
        return isinstance(node, QueryValue) and any(
            holds_resources(source.alias.type, self._relations)
            for source in (*node.sources, *(partner.source for partner in node.relationships))
        )

    def is_heard(self, function: FunctionEntry) -> bool:
        """Whether a call of the function can note anything."""
        key = id(function)
        if key not in self._heard:
            self._heard[key] = False
            self._heard[key] = not depends_on_codes_alone(function) and self.may_note(self._marked(function))
        return self._heard[key]

    def asks(self, entry: DefinitionEntry | FunctionEntry) -> bool:
        """Whether a definition notes anything, or one that it asks; whether a function asks such a definition."""
        if self.is_thorough:
            return True
        key = id(entry)
        if key not in self._asking:
            self._asking[key] = False
            self._asking[key] = (isinstance(entry, DefinitionEntry) and self.may_note(self._marked(entry))) or any(
                self.asks(node.function if isinstance(node, Invoke) else node.definition)
                for node in (walk(entry.body) if entry.body is not None else ())
                if isinstance(node, Invoke | DefinitionValue)
            )
        return self._asking[key]

    def adds(self, function: FunctionEntry) -> bool:
        """Whether a call can note something else than the operands, or gives something that rests on them."""
        key = id(function)
        if key not in self._adding:
            self._adding[key] = False
            body = self._marked(function)
            self._adding[key] = (
                body is None or holds_resources(body.type, self._relations) or any(map(self._adds, walk(body)))
            )
        return self._adding[key]

    def _adds(self, node: Typed) -> bool:
        if isinstance(node, Invoke):
            return self.is_heard(node.function) and (self.adds(node.function) or not self._is_handed_on(node))
        if isinstance(node, Noted):
            return not isinstance(node.operand, Local)
        named = [value for _, value in node.lets] if isinstance(node, QueryValue) else []
        named += [node.value] if isinstance(node, Bound) else [node.operand] if isinstance(node, Iteration) else []
        return self._has_rows_of_resources(node) or any(holds_resources(v.type, self._relations) for v in named)

    def _is_handed_on(self, call: Invoke) -> bool:
        return all(isinstance(a, Local) or not holds_resources(a.type, self._relations) for a in call.arguments)

    def _can_be_held(self, kind: Type) -> bool:
        """Whether a parameter may hold values of this type."""
        inner = kind.element if isinstance(kind, ListOf) else kind
        options = inner.options if isinstance(inner, ChoiceOf) else (inner,)
        is_subtype = self._relations.is_subtype
        return any(is_subtype(option, held) or is_subtype(held, option) for option in options for held in self._held)

    def _marked(self, entry: DefinitionEntry | FunctionEntry) -> Typed | None:
        return traced_tree(entry.body, self._relations) if entry.body is not None else None
