"""Functions on texts with FHIRPath's optional arguments: flags of a pattern, the unit of a conversion."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cds_service.fhirpath.failures import FhirPathEvaluationError
from cds_service.values import conversion, quantities, strings
from cds_service.values.quantity import SINGULAR, Quantity

_FLAGS = frozenset("imsx")


@lru_cache(maxsize=512)
def _with_flags(pattern: str, flags: str) -> str:
    """The pattern with its flags written into it."""
    unknown = set(flags) - _FLAGS
    if unknown:
        raise FhirPathEvaluationError(f"A pattern has no flag {min(unknown)!r}.", remedy="Known are i, m, s and x.")
    return f"(?{flags}:{pattern})" if flags else pattern


def matches(text: str | None, pattern: str | None, flags: str | None = None) -> bool | None:
    """Whether some part of the text matches."""
    return strings.matches(text, pattern if pattern is None or not flags else _with_flags(pattern, flags))


def matches_full(text: str | None, pattern: str | None, flags: str | None = None) -> bool | None:
    """Whether the whole text matches."""
    return strings.matches_full(text, pattern if pattern is None or not flags else _with_flags(pattern, flags))


def replace_matches(text: str | None, pattern: str | None, by: str | None, flags: str | None = None) -> str | None:
    """The text with its matches replaced."""
    wanted = pattern if not pattern or not flags else _with_flags(pattern, flags)
    return strings.fhirpath_replace_matches(text, wanted, by)


def to_quantity(value: Any, unit: str | None = None) -> Quantity | None:
    """The value as a quantity, in that unit if one is given."""
    quantity = conversion.fhirpath_to_quantity(value)
    if quantity is None or unit is None:
        return quantity
    return quantities.convert(quantity, SINGULAR.get(unit, unit))


def converts_to_quantity(value: Any, unit: str | None = None) -> bool | None:
    """Whether `to_quantity` gives one."""
    return None if value is None else to_quantity(value, unit) is not None


def join(items: list[Any], separator: str | None = None) -> str | None:
    """The texts as one; nothing for none."""
    for item in items:
        if item.__class__ is not str:
            raise FhirPathEvaluationError("join() takes texts only.", remedy="Convert the items with toString().")
    return strings.join(items, separator or "") if items else None
