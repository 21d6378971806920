"""Makes a hook request of a patient's Bundle: the data under the service's prefetch keys, the drafts in the context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cds_service.fhir.structs.decoding import Decoder
from cds_service.hooks.contexts import Context, ContextResource
from cds_service.hooks.requests import Arrival, HookRequest
from cds_service.patient_data.needs import Need
from cds_service.replay.failures import BrokenItem

ORDERS = frozenset({"ServiceRequest", "MedicationRequest", "DeviceRequest", "NutritionOrder", "VisionPrescription"})
_TELLING = ORDERS | {"Patient", "Encounter", "Appointment"}
_DRAFT = frozenset({"draft"})
_PROPOSED = frozenset({"proposed", "pending"})
_UNKNOWN_USER = "Practitioner/unknown"


class _Reference(msgspec.Struct, gc=False):
    reference: Any = None


class _Head(msgspec.Struct, gc=False):
    resourceType: Any = None
    id: Any = None
    status: Any = None
    requester: _Reference | None = None


class _Entry(msgspec.Struct, gc=False):
    resource: msgspec.Raw = msgspec.Raw()


class _Bundle(msgspec.Struct, gc=False):
    entry: list[_Entry] = []
    timestamp: Any = None


_bundle = msgspec.json.Decoder(_Bundle)
_head = msgspec.json.Decoder(_Head)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One resource of a Bundle: its place there, and what is told at its beginning."""

    place: int
    type: str
    id: str | None
    status: str | None

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}" if self.id else self.type


class Chart:
    """The resources of one patient, by the beginnings of those that tell what the call is about."""

    def __init__(
        self,
        body: bytes | msgspec.Raw,
        timestamp: object,
        entries: Sequence[Entry],
        by_type: Mapping[str, list[Any]] | None = None,
    ) -> None:
        self._body = body
        self.by_type = by_type or {}  # the entries of the Bundle with all that was decoded, where it was
        self._raw: list[msgspec.Raw] = []
        self.timestamp: str | None = timestamp if isinstance(timestamp, str) else None
        self.entries = entries

    @property
    def patient_id(self) -> str:
        """The id of the one patient of the chart."""
        found = [entry for entry in self.entries if entry.type == "Patient"]
        if len(found) != 1 or not found[0].id:
            raise BrokenItem(f"The Bundle has {len(found)} Patient resources; one with an id is needed.")
        return found[0].id

    def of(self, kinds: frozenset[str], statuses: frozenset[str]) -> list[Entry]:
        """The entries of some types and statuses."""
        return [entry for entry in self.entries if entry.type in kinds and entry.status in statuses]

    def drafts(self, named: frozenset[str]) -> list[Entry]:
        """The orders to decide on: those that are named, else those whose status says that they are drafts."""
        return [entry for entry in self.entries if named and entry.reference in named] or self.of(ORDERS, _DRAFT)

    def likely_hook(self, named: Iterable[str] = ()) -> str:
        """The hook that a chart looks like: drafts are signed, proposed appointments booked, all else is looked at."""
        if self.drafts(frozenset(named)):
            return "order-sign"
        return "appointment-book" if self.of(frozenset({"Appointment"}), _PROPOSED) else "patient-view"

    def text(self, entry: Entry) -> msgspec.Raw:
        """The JSON text of a resource, as it came."""
        if not self._raw:
            self._raw = [each.resource for each in _bundle.decode(self._body).entry]
        return self._raw[entry.place]

    def requester(self, entry: Entry) -> str | None:
        """Who asks for an order."""
        requester = _head.decode(self.text(entry)).requester
        reference = requester.reference if requester is not None else None
        return reference if isinstance(reference, str) else None


def read_chart(body: bytes | msgspec.Raw) -> Chart:
    """A chart from its text, every resource looked at; what is none is left for the decoder to name."""
    try:
        bundle = _bundle.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise BrokenItem("The Bundle has no list of entries.") from None
    entries: list[Entry] = []
    for place, each in enumerate(bundle.entry):
        try:
            head = _head.decode(each.resource)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(head.resourceType, str):
            ident, status = (text if isinstance(text, str) else None for text in (head.id, head.status))
            entries.append(Entry(place, head.resourceType, ident, status))
    return Chart(body, bundle.timestamp, entries)


def chart_of(body: bytes | msgspec.Raw, bundle: Any) -> Chart:
    """A chart from its Bundle, decoded: only what tells what the call is about is looked at."""
    entries: list[Entry] = []
    by_type: dict[str, list[Any]] = {}
    for place, entry in enumerate(bundle.entry):
        resource = entry.resource
        if resource is None:
            continue
        name = resource.fhir_type
        if name in _TELLING:
            entries.append(Entry(place, name, resource.id, getattr(resource, "status", None)))
        if name in by_type:
            by_type[name].append(entry)
        else:
            by_type[name] = [entry]
    return Chart(body, getattr(bundle, "timestamp", None), entries, by_type)


def can_tell(decoder: Decoder) -> bool:
    """Whether decoded resources say enough for `chart_of`: the status of what could be a draft."""
    structs = decoder.structs
    return "timestamp" in structs.struct_for("Bundle").__struct_fields__ and all(
        "status" in structs.struct_for(name).__struct_fields__ for name in (*ORDERS, "Appointment")
    )


class Scene(msgspec.Struct, frozen=True, gc=False):
    """What a chart says about a call of some hook: who asks, about which orders."""

    hook: str
    patient_id: str
    user: str
    encounter: str
    drafts: tuple[Entry, ...]
    dispatched: tuple[Entry, ...]
    appointments: tuple[Entry, ...]

    @property
    def moved(self) -> frozenset[tuple[str, str | None]]:
        """The types and ids of the resources that are in the context, and so not on record."""
        return frozenset([(entry.type, entry.id) for entry in self.drafts])


def scene_of(chart: Chart, hook: str, orders: Iterable[str] = ()) -> Scene:
    """The call that a chart stands for; `orders` (`ServiceRequest/o1`) names the drafts where their status does not."""
    drafts = chart.drafts(frozenset(orders))
    requesters = map(chart.requester, drafts)
    signs = hook in ("order-select", "order-sign")
    dispatched = drafts or chart.of(frozenset({"ServiceRequest"}), frozenset({"active"}))
    books = hook == "appointment-book"
    return Scene(
        hook=hook,
        patient_id=chart.patient_id,
        user=next((name for name in requesters if name and name.startswith("Practitioner")), _UNKNOWN_USER),
        encounter=next((each.id for each in chart.entries if each.type == "Encounter" and each.id), "unknown"),
        drafts=tuple(drafts) if signs else (),
        dispatched=tuple(dispatched) if hook == "order-dispatch" else (),
        appointments=tuple(chart.of(frozenset({"Appointment"}), _PROPOSED)) if books else (),
    )


def make_request(chart: Chart, scene: Scene, needs: Sequence[Need], decoder: Decoder, arrival: Arrival) -> HookRequest:
    """The request, from a chart of a Bundle that has been decoded."""
    by_type = {**chart.by_type}
    moved = scene.moved
    for name in {name for name, _ in moved}:
        by_type[name] = [entry for entry in by_type[name] if (name, entry.resource.id) not in moved]
    searchset = decoder.structs.struct_for("Bundle")
    prefetch: dict[str, object] = {}
    for need in needs:
        found = by_type.get(need.type_name)
        if not found:
            prefetch[need.key] = None  # the chart is all there is: asked, and none on record
        elif need.is_read:
            prefetch[need.key] = found[0].resource
        else:
            prefetch[need.key] = searchset(type="searchset", entry=found)
    return HookRequest(
        hook=scene.hook,
        hook_instance="replay",
        context=_context(chart, scene),
        as_of=arrival.now,
        call_id=arrival.call_id,
        prefetch=prefetch,
    )


def _context(chart: Chart, scene: Scene) -> Context:
    drafts = _resources(chart, "draftOrders", scene.drafts)
    appointments = _resources(chart, "appointments", scene.appointments)
    return Context(
        patient_id=scene.patient_id,
        user_id=scene.user,
        encounter_id=scene.encounter,
        selections=tuple([draft.reference for draft in scene.drafts]) if scene.hook == "order-select" else (),
        draft_orders=drafts,
        dispatched_orders=tuple([each.reference for each in scene.dispatched]),
        performer=scene.user if scene.hook == "order-dispatch" else None,
        appointments=appointments,
        resources=(*drafts, *appointments),
        fields={"userId": scene.user, "patientId": scene.patient_id, "encounterId": scene.encounter},
    )


def _resources(chart: Chart, member: str, entries: Sequence[Entry]) -> tuple[ContextResource, ...]:
    return tuple([ContextResource(each.type, each.id, member, chart.text(each)) for each in entries])


def compose_request(chart: Chart, scene: Scene, needs: Sequence[Need]) -> bytes:
    """The body of the request, for a service elsewhere and for charts in which something cannot be decoded."""
    members: dict[bytes, bytes] = {
        b"userId": _quote(scene.user),
        b"patientId": _quote(scene.patient_id),
        b"encounterId": _quote(scene.encounter),
    }
    if scene.hook in ("order-select", "order-sign"):
        members[b"draftOrders"] = _searchset(chart, scene.drafts, b"collection")
        if scene.hook == "order-select":
            members[b"selections"] = _list(_quote(each.reference) for each in scene.drafts)
    elif scene.hook == "order-dispatch":
        members[b"dispatchedOrders"] = _list(_quote(each.reference) for each in scene.dispatched)
        members[b"performer"] = _quote(scene.user)
    elif scene.hook == "appointment-book":
        members[b"appointments"] = _searchset(chart, scene.appointments, b"collection")
    return _object(
        {
            b"hook": _quote(scene.hook),
            b"hookInstance": b'"replay"',
            b"context": _object(members),
            b"prefetch": _prefetch(chart, scene, needs),
        }
    )


def _prefetch(chart: Chart, scene: Scene, needs: Sequence[Need]) -> bytes:
    by_type: dict[str, list[Entry]] = {}
    moved = scene.moved
    for entry in chart.entries:
        if (entry.type, entry.id) not in moved:
            by_type.setdefault(entry.type, []).append(entry)
    members: dict[bytes, bytes] = {}
    for need in needs:
        found = by_type.get(need.type_name, [])
        if not found:
            text = b"null"
        elif need.is_read:
            text = bytes(chart.text(found[0]))
        else:
            text = _searchset(chart, found, b"searchset")
        members[need.key.encode()] = text
    return _object(members)


def _searchset(chart: Chart, entries: Sequence[Entry], kind: bytes) -> bytes:
    inside = (b'{"resource":' + bytes(chart.text(entry)) + b"}" for entry in entries)
    return b'{"resourceType":"Bundle","type":"' + kind + b'","entry":' + _list(inside) + b"}"


def _list(parts: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def _object(members: Mapping[bytes, bytes]) -> bytes:
    return b"{" + b",".join(b'"' + name + b'":' + text for name, text in members.items()) + b"}"


def _quote(text: str) -> bytes:
    return msgspec.json.encode(text)
