"""Every resource of an item against `fhir.resources`: slow, complete, and by other people's reading of FHIR."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

_MOST = 20  # faults told of one item


def faults(body: bytes) -> tuple[str, ...]:
    """Where resources of an item break FHIR, and which rule; never what stands there."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ()  # the run itself tells that
    found: list[str] = []
    for resource in _resources(value):
        found += _faults_of(resource)
        if len(found) >= _MOST:
            break
    return tuple(found[:_MOST])


def _resources(value: Any) -> Iterator[Mapping[str, Any]]:
    """The resources in a request or Bundle, Bundles opened."""
    if isinstance(value, dict):
        kind = value.get("resourceType")
        if isinstance(kind, str) and kind != "Bundle":
            yield value
            return
        for part in value.values():
            yield from _resources(part)
    elif isinstance(value, list):
        for part in value:
            yield from _resources(part)


def _faults_of(resource: Mapping[str, Any]) -> Iterator[str]:
    kind = str(resource["resourceType"])
    name = f"{kind}/{resource['id']}" if isinstance(resource.get("id"), str) else kind
    try:
        module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
        getattr(module, kind).model_validate(resource)
    except (ModuleNotFoundError, AttributeError):
        return  # a type of R4 that R4B has renamed: nothing to check it by
    except ValidationError as failure:
        for error in failure.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(map(str, error["loc"]))
            yield f"{name}: {place}: {error['type']}"
