"""Data requirements: the retrieves that definitions reach, with value sets, codes and date bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from cds_service.cql.explain.reach import Declared, Reach
from cds_service.cql.explain.reads import Collector, elements_by_type, merged, own_reads
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
)
from cds_service.cql.type_relations import Relations
from cds_service.fhir.structs.flavours import Reads
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


Bounds = tuple[str | None, Any, Any]  # the date element, from, to

_AFTER = ("After", "SameOrAfter", "Greater", "GreaterOrEqual")
_BEFORE = ("Before", "SameOrBefore", "Less", "LessOrEqual")
_INSIDE = ("In", "IncludedIn", "ProperIn", "ProperIncludedIn")


class DataUse:
    """The data that declarations use; worked out once for each declaration."""

    def __init__(self, reach: Reach, relations: Relations) -> None:
        self._reach = reach
        self._relations = relations
        self._reads: dict[int, Collector] = {}
        self._retrieves: dict[int, tuple[DataRequirement, ...]] = {}

    def reads(self, entries: Iterable[Declared], outputs: Iterable[Declared] = ()) -> Reads:
        """The elements by type that these declarations read, and everything of what the outputs hand out."""
        kinds = [entry.type for entry in outputs if entry.type is not None]
        return merged(map(self._own_reads, self._reach.reached(entries)), self._relations, kinds)

    def requirements(self, entries: Iterable[Declared]) -> tuple[DataRequirement, ...]:
        """The data requirements of these declarations and all that they ask, without repetition."""
        reached = self._reach.reached(entries)
        elements = elements_by_type(merged(map(self._own_reads, reached), self._relations))
        found = {
            replace(own, elements=elements.get(own.type, ())): None
            for entry in reached
            for own in self._own_retrieves(entry)
        }
        patient = _patient(elements)
        return (*((patient,) if patient is not None else ()), *found)

    def _own_reads(self, entry: Declared) -> Collector:
        key = id(entry)
        if key not in self._reads:
            self._reads[key] = own_reads(self._reach.nodes(entry), self._relations)
        return self._reads[key]

    def _own_retrieves(self, entry: Declared) -> tuple[DataRequirement, ...]:
        key = id(entry)
        if key not in self._retrieves:
            nodes = self._reach.nodes(entry)
            bounded = {id(node): bounds for node, bounds in _bounded(nodes)}
            self._retrieves[key] = tuple(
                _requirement(node, bounded.get(id(node), (None, None, None)))
                for node in nodes
                if isinstance(node, RetrieveValue)
            )
        return self._retrieves[key]


def _requirement(node: RetrieveValue, bounds: Bounds) -> DataRequirement:
    value_set = node.value_set.value.id if node.value_set is not None else None
    return DataRequirement(node.resource, node.code_path, value_set, _codes(node), *bounds, ())


def _patient(elements: Any) -> DataRequirement | None:
    """The patient is read without a retrieve."""
    if "Patient" not in elements:
        return None
    return DataRequirement("Patient", None, None, (), None, None, None, elements["Patient"])


def _codes(node: RetrieveValue) -> tuple[tuple[str | None, str], ...]:
    if not isinstance(node.codes, Constant) or not isinstance(node.codes.value, list):
        return ()
    return tuple((code.system, str(code.code)) for code in node.codes.value if isinstance(code, Code))


def _bounded(nodes: Iterable[Typed]) -> Iterator[tuple[RetrieveValue, Bounds]]:
    """Retrieves that a query restricts by a date, with what the text says about it."""
    for node in nodes:
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


def _bounds(test: Typed, alias: Local) -> Bounds | None:
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
