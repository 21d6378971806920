"""Marks in a typed tree the points where something else is made of resources: that is what evidence rests on."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any

from cds_service.cql.static_types import ListOf, TupleOf, Type, Typed
from cds_service.cql.tree import (
    Aggregation,
    Bound,
    Element,
    Invoke,
    Noted,
    QueryValue,
    Relationship,
    SortKey,
    Source,
)
from cds_service.cql.type_relations import Relations

# Fields that say which name is bound, not what is asked.
_BINDERS = frozenset({"accumulator", "alias", "index", "local", "subject", "this"})


def traced_tree(node: Typed, relations: Relations) -> Typed:
    """A copy of the tree with every consumption of resources marked."""
    made = _copied(node, node, relations)
    assert isinstance(made, Typed)
    return made


def holds_resources(kind: Type, relations: Relations) -> bool:
    """Whether a value of this type is a resource, or a tuple that may be made of one, or several of either."""
    inner = kind.element if isinstance(kind, ListOf) else kind
    return isinstance(inner, TupleOf) or relations.is_resource(inner)


def _copied(value: Any, parent: Any, relations: Relations) -> Any:
    if isinstance(value, Typed):
        made = _with_copies(value, relations)
        if value is not parent and _is_consumed(value, parent, relations):
            element = parent.name if isinstance(parent, Element) else None
            return Noted(value.type, value.span, made, element)
        return made
    if isinstance(value, Source | Relationship | Aggregation | SortKey):
        return _with_copies(value, relations)
    if isinstance(value, tuple):
        return tuple(_copied(item, parent, relations) for item in value)
    return value


def _with_copies(value: Any, relations: Relations) -> Any:
    """A copy of a node whose parts are copies too."""
    made = copy.copy(value)
    for field in fields(value):
        if field.name in _BINDERS:
            continue
        setattr(made, field.name, _copied(getattr(value, field.name), value, relations))
    return made


def _is_consumed(value: Typed, parent: Any, relations: Relations) -> bool:
    """Whether the parent makes something else of the resources that this gives."""
    if not isinstance(parent, Typed) or isinstance(parent, QueryValue | Invoke | Bound):
        return False
    return holds_resources(value.type, relations) and not holds_resources(parent.type, relations)
