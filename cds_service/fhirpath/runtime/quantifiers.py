"""What holds for all or some truth values of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import type_of


def _truths(items: Iterable[Any], what: str) -> Iterator[bool]:
    for item in items:
        if item.__class__ is not bool:
            raise FhirPathEvaluationError(
                f"{what} takes truth values only, not a {type_of(item).name}.", remedy="Use all() with a criterion."
            )
        yield item


def all_true(items: Iterable[Any]) -> bool:
    """Whether every item is true."""
    return all(list(_truths(items, "allTrue()")))


def any_true(items: Iterable[Any]) -> bool:
    """Whether some item is true."""
    return any(list(_truths(items, "anyTrue()")))


def all_false(items: Iterable[Any]) -> bool:
    """Whether every item is false."""
    return not any(list(_truths(items, "allFalse()")))


def any_false(items: Iterable[Any]) -> bool:
    """Whether some item is false."""
    return not all(list(_truths(items, "anyFalse()")))
