"""A FHIR primitive that has to say which type it is of, because a choice alone does not tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Primitive:
    """A bare FHIR value with the name of its type; only values of choices are kept like this."""

    fhir_type: str
    value: Any


def tag(value: Any, fhir_type: str) -> Primitive | None:
    """The value with its type; null stays null."""
    return None if value is None else Primitive(fhir_type, value)


def tag_all(values: list[Any] | None, fhir_type: str) -> list[Any] | None:
    """The values of a list, each with its type."""
    return None if values is None else [None if value is None else Primitive(fhir_type, value) for value in values]


def bare(value: Any) -> Any:
    """The value without its FHIR type."""
    return value.value if type(value) is Primitive else value
