"""Calls that a function makes several times with the same operands: made once, by whoever needs it first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cds_service.cql.static_types import Typed
from cds_service.cql.tree import (
    Bound,
    Constant,
    Converted,
    DefinitionValue,
    Element,
    Invoke,
    Iteration,
    ListValue,
    Local,
    ParameterValue,
    Part,
    QueryValue,
    children,
)


@dataclass(slots=True)
class Shared:
    """Which calls share a name, and after which local is bound the name has to be cleared (None: at the start)."""

    names: dict[str, str] = field(default_factory=dict)
    cleared: dict[str | None, list[str]] = field(default_factory=dict)


def shared_calls(body: Typed) -> Shared:
    """The calls in a tree that occur more than once with the same operands."""
    counts: dict[str, int] = {}
    places: dict[str, str | None] = {}
    for call, bound in _calls(body, ()):
        key = key_of(call)
        if key is None:
            continue
        counts[key] = counts.get(key, 0) + 1
        used = {node.name for node in _locals(call)}
        places[key] = next((name for name in reversed(bound) if name in used), None)
    shared = Shared()
    for key, count in counts.items():
        if count > 1:
            name = f"once{len(shared.names) + 1}"
            shared.names[key] = name
            shared.cleared.setdefault(places[key], []).append(name)
    return shared


def _calls(node: Typed, bound: tuple[str, ...]) -> Iterator[tuple[Invoke, tuple[str, ...]]]:
    """Every call below a node, with the locals that are bound around it, outermost first."""
    if isinstance(node, Invoke):
        yield node, bound
    if isinstance(node, QueryValue):
        names = [source.alias.name for source in node.sources]
        names += [local.name for local, _ in node.lets]
        names += [relationship.source.alias.name for relationship in node.relationships]
        names += [node.aggregate.accumulator.name] if node.aggregate is not None else []
        names += [node.this.name] if node.this is not None else []
        bound = (*bound, *names)
    elif isinstance(node, Iteration):
        bound = (*bound, node.index.name, node.this.name)
    elif isinstance(node, Bound):
        bound = (*bound, node.local.name)
    for child in children(node):
        yield from _calls(child, bound)


def _locals(node: Typed) -> Iterator[Local]:
    if isinstance(node, Local):
        yield node
    for child in children(node):
        yield from _locals(child)


def key_of(node: Typed) -> str | None:
    """A text that is the same for calls with the same operands; None where operands are not plain."""
    if isinstance(node, Local):
        return node.name
    if isinstance(node, Constant):
        return f"k{id(node.value)}" if not isinstance(node.value, str | int) else repr(node.value)
    if isinstance(node, DefinitionValue):
        return f"d{node.definition.slot}"
    if isinstance(node, ParameterValue):
        return f"p{node.parameter.slot}"
    if isinstance(node, Element | Part):
        inner = key_of(node.operand)
        return None if inner is None else f"{inner}.{node.name}"
    if isinstance(node, Converted):
        inner = key_of(node.operand)
        return None if inner is None else f"({inner} to {node.type})"
    if isinstance(node, Invoke | ListValue):
        parts = node.arguments if isinstance(node, Invoke) else node.elements
        inside = [key_of(part) for part in parts]
        head = f"f{node.function.slot}" if isinstance(node, Invoke) else "list"
        return None if None in inside else f"{head}({', '.join(map(str, inside))})"
    return None
