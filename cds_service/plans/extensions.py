"""What our extensions say, as plain values; and the YAML shorthands for writing them.

Every extension of this project lives below one base. In YAML an element may carry `cds: {name: value}` (our
extensions), `when:` (applicability conditions) and `source:` (citations); `expand_shorthand` turns these into the
FHIR that they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

BASE = "https://cds-service.example/fhir/StructureDefinition/"
IDENTIFIER_LANGUAGE = "text/cql-identifier"


def settings_of(element: Mapping[str, Any]) -> dict[str, Any]:
    """Our extensions on `element` by name: a value, a nested mapping, or a list where a name occurs more than once."""
    found: dict[str, Any] = {}
    for extension in listed(element.get("extension")):
        if isinstance(extension, Mapping):
            url = str(extension.get("url", ""))
            if url.startswith(BASE):
                _add(found, url[len(BASE) :], _plain(extension))
    return found


def listed(value: Any) -> list[Any]:
    """`value` as a list: nothing is an empty one, a single value a list of one."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    return [value]


def _plain(extension: Mapping[str, Any]) -> Any:
    nested = listed(extension.get("extension"))
    if nested:
        found: dict[str, Any] = {}
        for part in nested:
            url = str(part.get("url", ""))
            _add(found, url.removeprefix(BASE), _plain(part))
        return found
    for name, value in extension.items():
        if name.startswith("value"):
            return value
    return None


def _add(found: dict[str, Any], name: str, value: Any) -> None:
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]


def expand_shorthand(resource: Mapping[str, Any]) -> dict[str, Any]:
    """`resource` as plain FHIR: `cds`, `when` and `source` of our YAML files written out wherever they stand."""
    return dict(_expanded(resource))


def _expanded(element: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    extensions = [_expand_value(extension) for extension in listed(element.get("extension"))]
    conditions = [_expand_value(condition) for condition in listed(element.get("condition"))]
    documentation = [_expand_value(entry) for entry in listed(element.get("documentation"))]
    is_action = not isinstance(element.get("source"), str)
    for name, value in element.items():
        if name == "cds" and isinstance(value, Mapping):
            extensions += _extensions(value, BASE)
        elif name == "when":
            conditions += [_condition(text) for text in listed(value)]
        elif name == "source" and is_action and all(isinstance(entry, Mapping) for entry in listed(value)):
            documentation += [_citation(entry) for entry in listed(value)]
        elif name not in {"extension", "condition", "documentation"}:
            yield name, _expand_value(value)
    if extensions:
        yield "extension", extensions
    if conditions:
        # A FHIR resource may have a single `condition` of another shape (Goal, Claim): keep what is no list as it was.
        keep = isinstance(element.get("condition"), Mapping) and "when" not in element
        yield "condition", conditions[0] if keep else conditions
    if documentation:
        yield "documentation", documentation


def _expand_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return expand_shorthand(value)
    if isinstance(value, list):
        return [_expand_value(entry) for entry in value]
    return value


def _condition(text: Any) -> dict[str, Any]:
    if isinstance(text, Mapping):
        return {"kind": "applicability", "expression": dict(text)}
    return {"kind": "applicability", "expression": {"language": IDENTIFIER_LANGUAGE, "expression": str(text)}}


def _citation(entry: Mapping[str, Any]) -> dict[str, Any]:
    citation = {"type": "citation", "label": entry.get("id"), "display": entry.get("section"), "url": entry.get("url")}
    return {name: value for name, value in citation.items() if value is not None}


def _extensions(values: Mapping[str, Any], base: str) -> list[dict[str, Any]]:
    return [extension for name, value in values.items() for extension in _extension(base + name, value)]


def _extension(url: str, value: Any) -> Iterable[dict[str, Any]]:
    if value is None:
        return ()
    if isinstance(value, list):
        return [extension for entry in value for extension in _extension(url, entry)]
    if isinstance(value, Mapping):
        return [{"url": url, "extension": _extensions(value, "")}]
    if isinstance(value, bool):
        return [{"url": url, "valueBoolean": value}]
    if isinstance(value, int):
        return [{"url": url, "valueInteger": value}]
    if isinstance(value, float | Decimal):
        return [{"url": url, "valueDecimal": value}]
    return [{"url": url, "valueString": str(value)}]
