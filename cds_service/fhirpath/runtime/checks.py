"""Whether an item is what an operator or function takes; an error that names the function if not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.fhirpath.items import system_value, type_of
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime


def single(items: Sequence[Any], what: str) -> Any:
    """The only item, or None for none."""
    if len(items) > 1:
        raise FhirPathEvaluationError(
            f"{what} takes one item, and there are {len(items)}.",
            remedy="Choose one of them, for example with first().",
        )
    return items[0] if items else None


def truth(item: Any) -> bool | None:
    """An item as a truth value: what is no boolean counts as true."""
    return item if item is None or item.__class__ is bool else True


def system_value_or_none(item: Any) -> Any:
    """The System value of an item, if there is an item."""
    return None if item is None else system_value(item)


def expect(item: Any, wanted: tuple[type, ...], what: str) -> Any:
    """The item, if it has one of the wanted Python types or is nothing."""
    if item is None or item.__class__ in wanted:
        return item
    if item.__class__ is Date and DateTime in wanted:
        return item
    if item.__class__ is int and Quantity in wanted:
        return item
    raise FhirPathEvaluationError(
        f"{what} does not take a {type_of(item).name}.", remedy="Convert it, or choose another element."
    )
