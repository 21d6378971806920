"""The context of a hook call, typed: who, which patient, and the resources that exist only in this call.

One type serves every hook; what a hook does not have is empty. Members are defined in the CDS Hooks Library; names
that older versions or well-known clients use instead are read as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_DICT_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_USER_TOKENS = {
    "Practitioner": "userPractitionerId",
    "PractitionerRole": "userPractitionerRoleId",
    "Patient": "userPatientId",
    "RelatedPerson": "userRelatedPersonId",
}


class ContextResource(msgspec.Struct, frozen=True, gc=False):
    """A resource that came in the context: a draft order, a proposed appointment, a task."""

    type: str
    id: str | None
    member: str  # the context member that it came in
    raw: msgspec.Raw
    decoded: Any = None  # the same as logic reads it, where that could be had in one pass

    @property
    def reference(self) -> str:
        """`ServiceRequest/o1`; the type alone when the client gave no id."""
        return f"{self.type}/{self.id}" if self.id else self.type

    def json(self) -> dict[str, Any]:
        """A fresh dict of the whole resource, decimals exact: what an update of it starts from."""
        try:
            return _DICT_DECODER.decode(self.raw)
        except msgspec.ValidationError:  # an integer beyond 64 bits
            exact: dict[str, Any] = json.loads(bytes(self.raw), parse_float=Decimal)
            return exact


class Context(msgspec.Struct, frozen=True, gc=False):
    """What the hook's context says, whichever hook it is."""

    patient_id: str
    user_id: str | None = None
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    draft_orders: tuple[ContextResource, ...] = ()
    dispatched_orders: tuple[str, ...] = ()
    performer: str | None = None
    tasks: tuple[ContextResource, ...] = ()
    appointments: tuple[ContextResource, ...] = ()
    resources: tuple[ContextResource, ...] = ()  # every resource of every member, those above included
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)  # root members with a simple value, as sent

    @property
    def selected_orders(self) -> tuple[ContextResource, ...]:
        """The draft orders that `selections` names; `Type/id` and a bare id both match."""
        wanted = frozenset(self.selections)
        return tuple(order for order in self.draft_orders if order.reference in wanted or order.id in wanted)

    def tokens(self) -> dict[str, str]:
        """The values of prefetch tokens: `context.patientId`, `userPractitionerId` and so on."""
        found = {f"context.{name}": value for name, value in self.fields.items()}
        found["context.patientId"] = self.patient_id
        if self.dispatched_orders:
            found["context.dispatchedOrders"] = ",".join(self.dispatched_orders)
        kind, _, ident = (self.user_id or "").rpartition("/")
        token = _USER_TOKENS.get(kind.rpartition("/")[2])
        if token and ident:
            found[token] = ident
        return found
