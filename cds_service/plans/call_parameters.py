"""The parameters that a call gives to logic: the context of the hook, the order, what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cds_service.facts.facts import Facts
from cds_service.hooks.requests import HookRequest

ORDER, PROCEDURE, RATED_PROCEDURE = "Order", "Procedure", "Rated procedure"
APPOINTMENT, UNREADABLE = "Appointment", "Unreadable"
# Members of hook contexts by our names for them; the members are parameters under their own names as well.
_MEMBERS = {
    "Draft orders": "draftOrders",
    "Selections": "selections",
    "Appointments": "appointments",
    "Dispatched orders": "dispatchedOrders",
    "Performer": "performer",
    "Fulfillment tasks": "fulfillmentTasks",
    "User": "userId",
    "Encounter id": "encounterId",
}


def call_parameters(request: HookRequest, facts: Facts, names: frozenset[str]) -> dict[str, Any]:
    """What every decision of this call has in common, as far as it is among the `names` of parameters."""
    context = facts.context
    found: dict[str, Any] = {"Hook": request.hook} if "Hook" in names else {}
    for name in names.intersection(context):
        found[name] = _plain(context[name])
    for name, member in _renamed(names):
        if member in context:
            found[name] = _plain(context[member])
    drafts = found.get("Draft orders")
    if isinstance(drafts, list):
        # The parameter is a list of service requests; other drafts stay under the member's own name.
        found["Draft orders"] = [d for d in drafts if getattr(d, "fhir_type", "") == "ServiceRequest"]
    return found


@lru_cache(maxsize=16)
def _renamed(names: frozenset[str]) -> list[tuple[str, str]]:
    return [(name, member) for name, member in _MEMBERS.items() if name in names]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def declared(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The values of parameters that some library declares."""
    return {name: value for name, value in values.items() if name in names}
