"""The codes of a resource at a path, as pairs of system and code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import Struct

Pair = tuple[str | None, str]
Resolve = Callable[[str, Struct], "Struct | None"]


@functools.cache
def attributes_at(fhir_type: str, step: str) -> tuple[str, ...]:
    """The attributes for one step of a path: one for each alternative of a choice; none if there is no such element."""
    info = r4().get(fhir_type)
    element = info.element(step) if info else None
    if element is None:
        return ()
    if element.is_choice and step != element.name:
        return (step,)
    return tuple(element.attributes.values())


_CODED = frozenset({"CodeableConcept", "Coding", "Reference", "code"})


@functools.cache
def coded_attributes_at(fhir_type: str, step: str) -> tuple[str, ...]:
    """The attributes of a step that can hold codes: of a choice, those that are codes or lead to some."""
    info = r4().get(fhir_type)
    element = info.element(step) if info else None
    if element is None or not element.is_choice or step != element.name:
        return attributes_at(fhir_type, step)
    return tuple(attribute for name, attribute in element.attributes.items() if name in _CODED)


def codes_at(resource: Struct, path: str, resolve: Resolve) -> Iterator[Pair]:
    """Every code at a path; a reference on the way is followed to the codes of what it names."""
    for element in _elements_at(resource, path, resolve):
        yield from _codes_of(element, resource, resolve)


def _elements_at(resource: Struct, path: str, resolve: Resolve) -> list[Any]:
    elements: list[Any] = [resource]
    for step in path.split("."):
        following: list[Any] = []
        for element in elements:
            if getattr(element, "fhir_type", None) == "Reference":
                element = _target(element, resource, resolve)
                if element is None:
                    continue
            for attribute in coded_attributes_at(getattr(element, "fhir_type", ""), step):
                value = getattr(element, attribute, None)
                if isinstance(value, list | tuple):
                    following += [part for part in value if part is not None]
                elif value is not None:
                    following.append(value)
        elements = following
    return elements


def _target(reference: Any, container: Struct, resolve: Resolve) -> Struct | None:
    return resolve(reference.reference, container) if reference.reference else None


def _codes_of(element: Any, container: Struct, resolve: Resolve) -> Iterator[Pair]:
    if isinstance(element, str):
        yield None, element
        return
    kind = getattr(element, "fhir_type", None)
    if kind == "CodeableConcept":
        for coding in element.coding:
            if coding.code is not None:
                yield coding.system, coding.code
    elif kind in ("Coding", "Quantity"):
        if element.code is not None:
            yield element.system, element.code
    elif kind == "Reference":
        target = _target(element, container, resolve)
        path = r4().type(target.fhir_type).primary_code_path if target is not None else None  # type: ignore[attr-defined]
        if target is not None and path and "." not in path:
            for inner in _elements_at(target, path, resolve):
                if getattr(inner, "fhir_type", None) != "Reference":
                    yield from _codes_of(inner, target, resolve)
