"""A hook request written again, with only that of its prefetched resources which was read: another decision over it is
the same.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from msgspec.structs import replace

from cds_service.fhir.structs.encoding import encode
from cds_service.hooks.contexts import Context
from cds_service.hooks.definitions import Member, members_of
from cds_service.hooks.requests import HookRequest


def rewritten(request: HookRequest, left_out: Container[int]) -> bytes | None:
    """The request as JSON, without the prefetched resources of these identities.

    None for a hook of which only the client knows what its context holds.
    """
    defined = members_of(request.hook)
    if defined is None:
        return None
    told: dict[str, Any] = {
        "hook": request.hook,
        "hookInstance": request.hook_instance,
        "context": _context(request.context, defined),
        "prefetch": {key: _without(value, left_out) for key, value in request.prefetch.items()},
    }
    if request.extension:
        told["extension"] = request.extension
    if request.fhir_server is not None:
        told["fhirServer"] = request.fhir_server
    if request.fhir_authorization is not None:
        told["fhirAuthorization"] = request.fhir_authorization
    return encode(told)


def _without(value: Any, left_out: Container[int]) -> Any:
    if getattr(value, "fhir_type", None) != "Bundle" or not value.entry:
        return value
    return replace(value, entry=[entry for entry in value.entry if id(entry.resource) not in left_out])


def _context(context: Context, defined: tuple[Member, ...]) -> Mapping[str, Any]:
    told: dict[str, Any] = dict(context.fields)
    for member in defined:
        if member.kind == "references":
            told[member.name] = context.selections if member.name == "selections" else context.dispatched_orders
        elif member.kind != "text":
            entries = [{"resource": one.raw} for one in context.resources if one.member == member.name]
            told[member.name] = {"resourceType": "Bundle", "entry": entries}
    return told
