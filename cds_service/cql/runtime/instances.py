"""FHIR structures that a text makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.cql.runtime.primitives import bare
from cds_service.cql.runtime.structures import fhir_text
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.flavours import full
from cds_service.values.codes import Code, Concept
from cds_service.values.quantity import Quantity


def new(name: str, elements: Mapping[str, Any], types: Mapping[str, str]) -> Any:
    """A FHIR structure with these elements; a primitive is its bare value."""
    info = r4().type(name)
    if info.is_primitive:
        return fhir_text(bare(elements.get("value")))
    attributes: dict[str, Any] = {}
    for element, value in elements.items():
        found = info.elements[element]
        kind = types.get(element, "").removeprefix("FHIR.")
        attribute = found.attributes.get(kind) or next(iter(found.attributes.values()))
        if value is not None:
            attributes[attribute] = [_plain(item) for item in value] if isinstance(value, list) else _plain(value)
    return full().new(name, **attributes)


def _plain(value: Any) -> Any:
    """A System value as FHIR has it."""
    value = bare(value)
    if isinstance(value, Code):
        parts = {"code": value.code, "system": value.system, "version": value.version, "display": value.display}
        return full().new("Coding", **{key: part for key, part in parts.items() if part is not None})
    if isinstance(value, Concept):
        return full().new("CodeableConcept", coding=[_plain(code) for code in value.codes], text=value.display)
    if isinstance(value, Quantity):
        return full().new("Quantity", value=value.value, unit=value.unit, code=value.unit)
    return fhir_text(value)
