"""The parameters that a call gives to logic: the context of the hook, the order, what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.facts.facts import Facts
from cds_service.hooks.requests import HookRequest

ORDER, PROCEDURE, RATED_PROCEDURE = "Order", "Procedure", "Rated procedure"
APPOINTMENT, UNREADABLE = "Appointment", "Unreadable"
# Our names for the members of hook contexts; the members are parameters under their own names as well.
_NAMES = {
    "draftOrders": "Draft orders",
    "selections": "Selections",
    "appointments": "Appointments",
    "dispatchedOrders": "Dispatched orders",
    "performer": "Performer",
    "fulfillmentTasks": "Fulfillment tasks",
    "userId": "User",
    "encounterId": "Encounter id",
}


def call_parameters(request: HookRequest, facts: Facts, names: frozenset[str]) -> dict[str, Any]:
    """What every decision of this call has in common, as far as it is among the `names` of parameters."""
    found: dict[str, Any] = {"Hook": request.hook} if "Hook" in names else {}
    for member, value in facts.context.items():
        for name in (member, _NAMES.get(member)):
            if name in names:
                found[name] = list(value) if isinstance(value, tuple) else value
    drafts = found.get(_NAMES["draftOrders"])
    if isinstance(drafts, list):
        # The parameter is a list of service requests; other drafts stay under the member's own name.
        found[_NAMES["draftOrders"]] = [d for d in drafts if getattr(d, "fhir_type", "") == "ServiceRequest"]
    return found


def declared(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The values of parameters that some library declares."""
    return {name: value for name, value in values.items() if name in names}
