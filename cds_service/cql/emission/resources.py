"""List operators over resources: two resources are the same when they are one and the same object of the data."""

from __future__ import annotations

from cds_service.cql.emission.dispatch import emit
from cds_service.cql.emission.writer import Py, Writer
from cds_service.cql.runtime import sequences
from cds_service.cql.static_types import ListOf, Type
from cds_service.cql.tree import Apply

_BINARY = {
    "Union": sequences.union_same,
    "Intersect": sequences.intersect_same,
    "Except": sequences.except_same,
}


def emit_resource_operator(node: Apply, writer: Writer) -> Py | None:
    """The operator by identity, where it is one over lists of resources."""
    operator = node.signature.operator
    if not isinstance(node.type, ListOf) or not _all_resources(node.type.element, writer):
        return None
    if operator in _BINARY and len(node.arguments) == 2:
        helper = _BINARY[operator]
        left, right = (emit(argument, writer) for argument in node.arguments)
        known = not left.nullable and (operator == "Except" or not right.nullable)
        name = writer.module.named(helper.__name__, helper)
        return Py(f"{name}({left.text}, {right.text})", not (known or operator == "Union"))
    if operator == "Distinct":
        value = emit(node.arguments[0], writer)
        name = writer.module.named("distinct_same", sequences.distinct_same)
        return Py(f"{name}({value.text})", value.nullable)
    return None


def _all_resources(kind: Type, writer: Writer) -> bool:
    options = kind.options if hasattr(kind, "options") else (kind,)
    return all(writer.module.relations.is_resource(option) for option in options)
