"""Makes a hook request of a patient's Bundle: the data under the service's prefetch keys, the drafts in the context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cds_service.patient_data.needs import Need
from cds_service.replay.failures import BrokenItem

_ORDERS = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest", "NutritionOrder", "VisionPrescription"})
_PROPOSED = frozenset({"proposed", "pending"})
_UNKNOWN_USER = "Practitioner/unknown"


class _Reference(msgspec.Struct):
    reference: Any = None


class _Head(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    status: Any = None
    requester: _Reference | None = None


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []
    timestamp: Any = None


_bundle = msgspec.json.Decoder(_Bundle)
_head = msgspec.json.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a Bundle as text, with what is told from its beginning."""

    type: str
    id: str | None
    status: str | None
    requester: str | None
    text: bytes

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}" if self.id else self.type


@dataclass(frozen=True, slots=True)
class Chart:
    """The resources of one patient, not yet decoded."""

    entries: tuple[Entry, ...]
    timestamp: str | None

    @property
    def patient(self) -> Entry:
        """The one patient of the chart."""
        found = [entry for entry in self.entries if entry.type == "Patient"]
        if len(found) != 1 or not found[0].id:
            raise BrokenItem(f"The Bundle has {len(found)} Patient resources with an id; one is needed.")
        return found[0]

    def of(self, kinds: frozenset[str], statuses: frozenset[str]) -> list[Entry]:
        return [entry for entry in self.entries if entry.type in kinds and entry.status in statuses]


def read_chart(body: bytes | msgspec.Raw) -> Chart:
    """The entries of a Bundle; what is no resource at all is left for the decoder to name."""
    try:
        bundle = _bundle.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise BrokenItem("The Bundle has no list of entries.") from None
    entries = [entry for entry in (_entry(bytes(each.resource)) for each in bundle.entry) if entry is not None]
    return Chart(tuple(entries), bundle.timestamp if isinstance(bundle.timestamp, str) else None)


def _entry(text: bytes) -> Entry | None:
    try:
        head = _head.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(head.resourceType, str):
        return None
    requester = head.requester.reference if head.requester is not None else None
    ident, status = (value if isinstance(value, str) else None for value in (head.id, head.status))
    return Entry(head.resourceType, ident, status, requester if isinstance(requester, str) else None, text)


def likely_hook(chart: Chart) -> str:
    """The hook that a chart looks like: drafts are signed, proposed appointments booked, all else is looked at."""
    if chart.of(_ORDERS, frozenset({"draft"})):
        return "order-sign"
    if chart.of(frozenset({"Appointment"}), _PROPOSED):
        return "appointment-book"
    return "patient-view"


def compose_request(chart: Chart, hook: str, needs: Sequence[Need], orders: Iterable[str] = ()) -> bytes:
    """The body of a hook request; `orders` (`ServiceRequest/o1`) names the drafts where their status does not."""
    named = frozenset(orders)
    drafts = [entry for entry in chart.entries if entry.reference in named] or chart.of(_ORDERS, frozenset({"draft"}))
    context = _context(chart, hook, drafts)
    used = {id(entry) for entry in drafts} if hook.startswith("order-s") else set()
    members = {
        b"hook": _quote(hook),
        b"hookInstance": b'"replay"',
        b"context": context,
        b"prefetch": _prefetch(chart, needs, used),
    }
    return _object(members)


def _context(chart: Chart, hook: str, drafts: Sequence[Entry]) -> bytes:
    patient = chart.patient
    requesters = (draft.requester for draft in drafts)
    user = next((name for name in requesters if name and name.startswith("Practitioner")), _UNKNOWN_USER)
    encounter = next((entry.id for entry in chart.entries if entry.type == "Encounter" and entry.id), "unknown")
    members: dict[bytes, bytes] = {
        b"userId": _quote(user),
        b"patientId": _quote(patient.id or ""),
        b"encounterId": _quote(encounter),
    }
    if hook in ("order-select", "order-sign"):
        members[b"draftOrders"] = _searchset(drafts, b"collection")
        if hook == "order-select":
            members[b"selections"] = b"[" + b",".join(_quote(draft.reference) for draft in drafts) + b"]"
    elif hook == "order-dispatch":
        dispatched = drafts or chart.of(frozenset({"ServiceRequest"}), frozenset({"active"}))
        members[b"dispatchedOrders"] = b"[" + b",".join(_quote(order.reference) for order in dispatched) + b"]"
        members[b"performer"] = _quote(user)
    elif hook == "appointment-book":
        members[b"appointments"] = _searchset(chart.of(frozenset({"Appointment"}), _PROPOSED), b"collection")
    return _object(members)


def _prefetch(chart: Chart, needs: Sequence[Need], used: set[int]) -> bytes:
    by_type: dict[str, list[Entry]] = {}
    for entry in chart.entries:
        if id(entry) not in used:
            by_type.setdefault(entry.type, []).append(entry)
    members: dict[bytes, bytes] = {}
    for need in needs:
        found = by_type.get(need.type_name, [])
        if not found:
            text = b"null"  # the chart is all there is: asked, and none on record
        elif need.is_read:
            text = found[0].text
        else:
            text = _searchset(found, b"searchset")
        members[need.key.encode()] = text
    return _object(members)


def _searchset(entries: Sequence[Entry], kind: bytes) -> bytes:
    body = b",".join(b'{"resource":' + entry.text + b"}" for entry in entries)
    return b'{"resourceType":"Bundle","type":"' + kind + b'","entry":[' + body + b"]}"


def _object(members: Mapping[bytes, bytes]) -> bytes:
    return b"{" + b",".join(b'"' + name + b'":' + text for name, text in members.items()) + b"}"


def _quote(text: str) -> bytes:
    return msgspec.json.encode(text)
