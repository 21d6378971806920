"""The hooks of the CDS Hooks Library as data: which context members each has, and under which names.

A hook that is not listed here works too, as long as its context names the patient: its resources are found by shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "references", "bundle", "resources"]


@dataclass(frozen=True, slots=True)
class Member:
    """One context member: its standard name, what it holds, and the other names it travels under."""

    name: str
    kind: Kind = "text"
    required: bool = False
    aliases: tuple[str, ...] = ()


def _members(*own: Member, user: bool = True, encounter: bool = False) -> tuple[Member, ...]:
    return (
        Member("userId", required=user),
        Member("patientId", required=True),
        Member("encounterId", required=encounter),
        *own,
    )


_DRAFTS = Member("draftOrders", "bundle", required=True)

HOOKS: Mapping[str, tuple[Member, ...]] = MappingProxyType(
    {
        "patient-view": _members(),
        "order-select": _members(Member("selections", "references", required=True), _DRAFTS),
        "order-sign": _members(_DRAFTS),
        "order-dispatch": _members(
            Member("dispatchedOrders", "references", required=True, aliases=("order",)),
            Member("performer", required=True),
            Member("fulfillmentTasks", "resources", aliases=("fulfillment-tasks", "task")),
            user=False,
        ),
        "appointment-book": _members(Member("appointments", "bundle", required=True)),
        "encounter-start": _members(encounter=True),
        "encounter-discharge": _members(encounter=True),
        "allergyintolerance-create": _members(Member("allergyIntolerance", "resources", required=True)),
        "problem-list-item-create": _members(Member("conditions", "bundle", required=True)),
        "medication-refill": _members(Member("medications", "bundle", required=True), user=False),
        "medication-verify": _members(Member("medication", "resources", required=True)),
        "medication-prescribe": _members(Member("medications", "bundle", required=True)),
        "order-review": _members(Member("orders", "bundle", required=True)),
    }
)
HOOK_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "patient-view": "1.0.0",
        "order-select": "1.0.2",
        "order-sign": "1.1.0",
        "order-dispatch": "1.1.0",
        "appointment-book": "1.0.0",
        "encounter-start": "1.0.0",
        "encounter-discharge": "1.0.0",
        "allergyintolerance-create": "0.1.0",
        "problem-list-item-create": "0.1.0",
        "medication-refill": "0.1.0",
        "medication-verify": "0.1.0",
    }
)


def members_of(hook: str) -> tuple[Member, ...] | None:
    """The context members of `hook`; None for a hook that is not in the library."""
    return HOOKS.get(hook)
