"""The items one level below, and tests that look at an element as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import children, system_value
from cds_service.fhirpath.runtime.fhir_functions import has_value


def children_of(items: Iterable[Any]) -> list[Any]:
    """All items one level below these."""
    return [part for item in items for part in children(item)]


def has_single_value(items: Sequence[Any]) -> bool:
    """Whether there is just one item, and it is a primitive with a value."""
    return len(items) == 1 and has_value(items[0])


def get_value(items: Sequence[Any]) -> Any:
    """The System value of the only item, if that is a primitive with a value."""
    return system_value(items[0]) if has_single_value(items) else None


def check_modifiers(items: Iterable[Any], known: Sequence[str | None]) -> None:
    """An error if an item has a modifier extension that is not known."""
    for item in items:
        for extension in getattr(item, "modifierExtension", ()):
            if extension.url not in known:
                raise FhirPathEvaluationError(
                    f"The modifier extension {extension.url} is not known.", remedy="Name it in checkModifiers()."
                )
