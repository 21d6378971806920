"""Data requirements: the retrieves that definitions reach, with value sets, codes and date bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cds_service.cql.explain.reach import Declared, body_of, reached
from cds_service.cql.explain.reads import elements_by_type, reads_of
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import (
    Apply,
    AsType,
    Conditional,
    Constant,
    Converted,
    Element,
    IntervalValue,
    Local,
    Logical,
    QueryValue,
    RetrieveValue,
    walk,
)
from cds_service.cql.type_relations import Relations
from cds_service.values.codes import Code
from cds_service.values.interval import Interval


@dataclass(frozen=True, slots=True)
class DataRequirement:
    """One kind of resource that logic looks at; `date_low` and `date_high` only where the text itself says them."""

    type: str
    code_path: str | None
    value_set: str | None
    codes: tuple[tuple[str | None, str], ...]
    date_path: str | None
    date_low: Any
    date_high: Any
    elements: tuple[str, ...]


_AFTER = ("After", "SameOrAfter", "Greater", "GreaterOrEqual")
_BEFORE = ("Before", "SameOrBefore", "Less", "LessOrEqual")
_INSIDE = ("In", "IncludedIn", "ProperIn", "ProperIncludedIn")


def requirements_of(entries: Iterable[Declared], relations: Relations) -> tuple[DataRequirement, ...]:
    """The data requirements of these declarations and all that they ask, without repetition."""
    whole = reached(entries)
    elements = elements_by_type(reads_of(whole, relations))
    found: dict[DataRequirement, None] = {}
    for entry in whole:
        body = body_of(entry)
        if body is None:
            continue
        bounded = {id(node): bounds for node, bounds in _bounded(body)}
        for node in walk(body):
            if isinstance(node, RetrieveValue):
                path, low, high = bounded.get(id(node), (None, None, None))
                value_set = node.value_set.value.id if node.value_set is not None else None
                found[
                    DataRequirement(
                        node.resource,
                        node.code_path,
                        value_set,
                        _codes(node),
                        path,
                        low,
                        high,
                        elements.get(node.resource, ()),
                    )
                ] = None
    patient = _patient(elements)
    return (*((patient,) if patient is not None else ()), *found)


def _patient(elements: Any) -> DataRequirement | None:
    """The patient is read without a retrieve."""
    if "Patient" not in elements:
        return None
    return DataRequirement("Patient", None, None, (), None, None, None, elements["Patient"])


def _codes(node: RetrieveValue) -> tuple[tuple[str | None, str], ...]:
    if not isinstance(node.codes, Constant) or not isinstance(node.codes.value, list):
        return ()
    return tuple((code.system, str(code.code)) for code in node.codes.value if isinstance(code, Code))


def _bounded(body: Typed) -> Iterator[tuple[RetrieveValue, tuple[str | None, Any, Any]]]:
    """Retrieves that a query restricts by a date, with what the text says about it."""
    for node in walk(body):
        if isinstance(node, QueryValue) and node.where is not None:
            for source in node.sources:
                if isinstance(source.value, RetrieveValue):
                    for test in _conjuncts(node.where):
                        bounds = _bounds(test, source.alias)
                        if bounds is not None:
                            yield source.value, bounds
                            break


def _conjuncts(node: Typed) -> Iterator[Typed]:
    if isinstance(node, Logical) and node.operator == "And":
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _bounds(test: Typed, alias: Local) -> tuple[str | None, Any, Any] | None:
    if isinstance(test, Conditional):  # a choice of kinds of time, asked one by one
        return next((found for _, value in test.branches if (found := _bounds(value, alias)) is not None), None)
    if not isinstance(test, Apply) or len(test.arguments) != 2:
        return None
    name, (left, right) = test.signature.operator, test.arguments
    if name not in (*_AFTER, *_BEFORE, *_INSIDE):
        return None
    path = _date_path(left, alias)
    if path is None:
        return None
    if name in _INSIDE:
        if isinstance(right, Constant) and isinstance(right.value, Interval):
            return path, right.value.low, right.value.high
        if isinstance(right, IntervalValue):
            return path, _constant(right.low), _constant(right.high)
        return path, None, None
    bound = _constant(right)
    return (path, bound, None) if name in _AFTER else (path, None, bound)


def _constant(node: Typed) -> Any:
    return node.value if isinstance(node, Constant) else None


def _date_path(node: Typed, alias: Local) -> str | None:
    """The element of the alias that a timing operator looks at."""
    while True:
        if isinstance(node, Converted | AsType):
            node = node.operand
        elif isinstance(node, Apply) and node.signature.operator in ("Start", "End", "DateFrom"):
            node = node.arguments[0]
        else:
            break
    if isinstance(node, Element) and isinstance(node.operand, Local) and node.operand.name == alias.name:
        return node.name
    return None
