"""Small functions of libraries written out where they are called, so that what is known of the operands counts.

`Moment(O.effective)` asks of a choice which of four types it has; written out over the element, each question is the
test of one attribute. Larger functions stay calls.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import fields
from typing import Any

from cds_service.cql.entries import FunctionEntry
from cds_service.cql.static_types import ChoiceOf, ListOf, Typed
from cds_service.cql.tree import (
    Aggregation,
    AsType,
    Bound,
    Constant,
    ContextValue,
    Converted,
    Element,
    Invoke,
    IsType,
    Iteration,
    Local,
    ParameterValue,
    Part,
    QueryValue,
    Relationship,
    SortKey,
    Source,
    children,
    walk,
)

SMALL = 60  # nodes of a function that is written out because an operand is a choice
TINY = 6  # nodes of a function that costs less than its call
LARGE = 900  # nodes of a definition, beyond which nothing more is written out
_Replacements = dict[str, Typed]


class Inliner:
    """Writes out small functions in one definition; every copy gets local names of its own."""

    def __init__(self, sizes: dict[int, int]) -> None:
        self._sizes = sizes
        self._names = itertools.count(1)
        self._room = LARGE

    def inlined(self, node: Typed) -> Typed:
        """The tree with small functions written out."""
        if not any(isinstance(below, Invoke) for below in walk(node)):
            return node
        self._room -= _size(node)
        made = self._copied(node, {})
        assert isinstance(made, Typed)
        return made

    def _copied(self, value: Any, replaced: _Replacements) -> Any:
        if isinstance(value, Local):
            return replaced.get(value.name, value)
        if isinstance(value, Invoke) and self._fits(value):
            return self._written_out(value, replaced)
        if isinstance(value, Typed | Source | Relationship | Aggregation | SortKey):
            made = copy.copy(value)
            for field in fields(value):
                setattr(made, field.name, self._copied(getattr(value, field.name), replaced))
            return _plainer(made) if isinstance(made, IsType | AsType) else made
        if isinstance(value, tuple):
            return tuple(self._copied(item, replaced) for item in value)
        return value

    def _fits(self, call: Invoke) -> bool:
        """Whether writing the function out gains something and does not take too much room."""
        function: FunctionEntry = call.function
        if function.body is None:
            return False
        key = id(function)
        if key not in self._sizes:
            self._sizes[key] = _size(function.body)
        size = self._sizes[key]
        gains = any(isinstance(kind, ChoiceOf) for _, kind in function.operands)
        if size > (SMALL if gains else TINY) or size > self._room:
            return False
        self._room -= size
        return True

    def _written_out(self, call: Invoke, replaced: _Replacements) -> Typed:
        function = call.function
        assert function.body is not None
        own: _Replacements = {}
        for local in _bound_in(function.body):
            own[local.name] = Local(local.type, local.span, f"{local.name}i{next(self._names)}", local.kind)
        held: list[tuple[Local, Typed]] = []
        for operand, written in zip(function.locals, call.arguments, strict=True):
            assert isinstance(operand, Local)
            argument = self._copied(written, replaced)
            if _is_cheap(argument) or _is_used_once(operand.name, function.body):
                own[operand.name] = argument
            else:
                name = Local(operand.type, operand.span, f"{operand.name}i{next(self._names)}", "let")
                own[operand.name] = name
                held.append((name, argument))
        body = self._copied(function.body, own)
        for name, argument in reversed(held):
            body = Bound(call.type, call.span, name, argument, body)
        assert isinstance(body, Typed)
        return body


def _size(node: Typed) -> int:
    return sum(1 for _ in walk(node))


def _bound_in(body: Typed) -> list[Local]:
    """The names that a body binds itself."""
    found: dict[str, Local] = {}
    for node in walk(body):
        for holder in (node, *getattr(node, "sources", ()), getattr(node, "aggregate", None)):
            for name in ("alias", "accumulator", "local", "subject", "this", "index"):
                local = getattr(holder, name, None)
                if isinstance(local, Local) and not (name == "subject" and local is getattr(node, "operand", None)):
                    found[local.name] = local
        for relationship in getattr(node, "relationships", ()):
            found[relationship.source.alias.name] = relationship.source.alias
        for local, _ in getattr(node, "lets", ()):
            found[local.name] = local
    return list(found.values())


def _is_cheap(node: Typed) -> bool:
    """Whether asking again costs next to nothing: names, constants, attributes of them."""
    if isinstance(node, Converted):
        return node.conversion.kind in ("same", "tag") and _is_cheap(node.operand)
    if isinstance(node, Element):
        return not isinstance(node.operand.type, ListOf) and _is_cheap(node.operand)
    if isinstance(node, Part):
        return _is_cheap(node.operand)
    return isinstance(node, Local | Constant | ContextValue | ParameterValue)


def _is_used_once(name: str, body: Typed) -> bool:
    """Whether an operand is asked at most once when the body runs: one use, and not for every row of a query."""
    return _uses(name, body) <= 1


def _uses(name: str, node: Typed) -> int:
    if isinstance(node, Local):
        return int(node.name == name)
    if isinstance(node, QueryValue | Iteration):
        inside = sum(_uses(name, child) for child in children(node))
        first = node.sources[0].value if isinstance(node, QueryValue) else node.operand
        outside = _uses(name, first)
        return outside + 2 * (inside - outside)  # asked again for every row
    return sum(_uses(name, child) for child in children(node))


def _plainer(node: IsType | AsType) -> Typed:
    """A question about a choice, asked of what the choice was made of."""
    inner = node.operand
    while isinstance(inner, Converted) and inner.conversion.kind in ("same", "tag"):
        if isinstance(inner.operand.type, ChoiceOf) and not isinstance(inner.type, ChoiceOf):
            break
        inner = inner.operand
    node.operand = inner
    return node
