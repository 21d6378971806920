"""Repeated projection, as far as it leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import Primitive
from cds_service.fhirpath.runtime.collections import same

Project = Callable[[Any], Sequence[Any]]
_MOST = 1_000_000


def repeat(items: Sequence[Any], first: Project, again: Project) -> list[Any]:
    """The items that a projection leads to, again and again, each once.

    A structure is told apart by its identity first: within one resource that is enough, and equality is costly.
    """
    result: list[Any] = []
    seen: set[int] = set()
    level: list[Any] = [part for item in items for part in first(item)]
    while level:
        fresh: list[Any] = []
        for item in level:
            if id(item) in seen or _occurs(result, item):
                continue
            seen.add(id(item))
            result.append(item)
            fresh.append(item)
        level = [part for item in fresh for part in again(item)]
    return result


def _occurs(result: list[Any], item: Any) -> bool:
    kind = item.__class__
    if kind is Primitive or not hasattr(item, "fhir_type"):
        return any(same(item, other) for other in result)
    return any(other.__class__ is kind and same(item, other) for other in result)


def repeat_all(items: Sequence[Any], first: Project, again: Project) -> list[Any]:
    """The same, repetitions kept; an error where it would not end."""
    result: list[Any] = []
    level: list[Any] = [part for item in items for part in first(item)]
    while level:
        result += level
        if len(result) > _MOST:
            raise FhirPathEvaluationError("repeatAll() does not come to an end.", remedy="Use repeat().")
        level = [part for item in level for part in again(item)]
    return result
