"""Published resources as FHIR means them: single objects become lists where the element repeats, stray members go."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.fhir.model.types import Model, r4

_STRAY = frozenset({"fhir_comments"})
_TEXTS = frozenset({"string", "code", "id", "markdown", "uri", "canonical", "date", "dateTime"})
_LISTS = frozenset({"contained", "extension", "modifierExtension"})


def mended(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `resource` with the cardinalities that R4 wants, and without members that are no elements."""
    fixed = _mended(resource, str(resource.get("resourceType")), r4())
    identifier = fixed.get("id")
    if isinstance(identifier, str) and "/" in identifier:
        fixed["id"] = identifier.rpartition("/")[2]
    return fixed


def _mended(element: Mapping[str, Any], type_name: str, model: Model) -> dict[str, Any]:
    info = model.get(type_name)
    fixed: dict[str, Any] = {}
    for name, value in element.items():
        if name in _STRAY or value is None or value == [] or value == "":
            continue
        found = info.element(name) if info else None
        is_list = found.is_list if found else name in _LISTS
        inner = "" if found is None else next((t for t, a in found.attributes.items() if a == name), found.types[0])
        if isinstance(value, list):
            entries = [_value(entry, inner, model) for entry in value]
            fixed[name] = entries if is_list or len(entries) != 1 or found is None else entries[0]
        else:
            one = _value(value, inner, model)
            fixed[name] = [one] if is_list and not name.startswith("_") else one
    return fixed


def _value(value: Any, type_name: str, model: Model) -> Any:
    if isinstance(value, Mapping):
        own = value.get("resourceType")
        return _mended(value, str(own) if isinstance(own, str) else type_name, model)
    if type_name in _TEXTS and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)  # YAML reads the version 1.10 as a number
    return value
