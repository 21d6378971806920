"""One line of discovery: what a CDS service says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CDS_HOOKS_VERSION = "2.0.1"  # spoken on the wire; semantic version, as the narrative of 3.0 has it
DEPRECATED_HOOKS = frozenset({"medication-prescribe", "order-review"})


@dataclass(frozen=True, slots=True)
class Service:
    """A service as discovery lists it; its id is the last part of its URL."""

    id: str
    hook: str
    title: str
    description: str
    prefetch: Mapping[str, str] = field(default_factory=dict)
    usage_requirements: str = ""
    fhirpath_prefetch: Mapping[str, str] = field(default_factory=dict)  # never required; for clients that can
    hook_version: str | None = None


def render_services(services: Iterable[Service], *, fhirpath: bool = False) -> dict[str, Any]:
    """The discovery answer; services on deprecated hooks answer calls but are not listed.

    `fhirpath` adds the templates whose tokens only clients of CDS Hooks 3.0 can read.
    """
    listed = (service for service in services if service.hook not in DEPRECATED_HOOKS)
    return {"services": [_render_service(service, fhirpath) for service in listed]}


def _render_service(service: Service, fhirpath: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "version": CDS_HOOKS_VERSION,
    }
    prefetch = {**service.prefetch, **(service.fhirpath_prefetch if fhirpath else {})}
    if prefetch:
        line["prefetch"] = prefetch
    if service.usage_requirements:
        line["usageRequirements"] = service.usage_requirements
    if service.hook_version:
        line["hookVersion"] = service.hook_version
    return {member: value for member, value in line.items() if value != ""}
