"""The patient as evaluation sees it: resources by type and by code, what they refer to, and what could not be had."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from datetime import date, datetime
from typing import Any

from cds_service.facts.availability import ABSENT, NONE, PARTIAL, UNOBTAINABLE, VALUE, Availability
from cds_service.facts.belonging import of_patient
from cds_service.facts.coding import Pair
from cds_service.facts.derived import (
    DeriveCodings,
    TextEvidence,
    derive_codings,
    derive_conclusions,
    observations_of,
)
from cds_service.facts.groups import CodeGroups, Membership
from cds_service.facts.indexes import Hits, Index, look_for, make_index
from cds_service.facts.members import Members, in_order
from cds_service.facts.origins import Batch, Origin
from cds_service.facts.sites import Sites
from cds_service.facts.versions import latest_versions, meta_of
from cds_service.fhir.limits import Limits
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.decoding import Decoder, SetAside, grouped
from cds_service.fhir.structs.flavours import Struct, full
from cds_service.values import dates
from cds_service.values.temporals import DateTime

_UNKNOWN = Origin("data")
_NONE_READ: frozenset[str] = frozenset()


class Facts:
    """One patient and the context of one call, as of one moment; nothing in it changes."""

    __slots__ = (
        "_availability",
        "_batches",
        "_by_reference",
        "_by_type",
        "_context_types",
        "_derive",
        "_derived",
        "_full_urls",
        "_groups",
        "_hits",
        "_indexes",
        "_is_closed",
        "_members",
        "_retrieved",
        "_sites",
        "_texts",
        "_unreadable",
        "as_of",
        "context",
        "patient",
        "patient_id",
        "set_aside",
    )

    def __init__(
        self,
        batches: Sequence[Batch],
        *,
        as_of: DateTime | datetime,
        patient_id: str | None = None,
        context: Mapping[str, object] | None = None,
        availability: Mapping[str, Availability] | None = None,
        set_aside: Sequence[SetAside] = (),
        groups: CodeGroups | None = None,
        derive: DeriveCodings | None = None,
        texts: TextEvidence | None = None,
    ) -> None:
        self.as_of: DateTime = dates.now_from(as_of) if isinstance(as_of, datetime) else as_of
        self.context: Mapping[str, object] = context or {}
        self.set_aside: tuple[SetAside, ...] = tuple(set_aside)
        self._availability = dict(availability or {})
        self._is_closed = availability is None
        self._groups = groups if groups is not None else CodeGroups()
        self._derive = derive if derive is not None or texts is None else texts.codings
        self._texts = texts
        self._derived: dict[int, Struct] = {}
        self._hits: dict[tuple[str, str], Hits] = {}
        self._sites: Sites | None = None
        self._indexes: dict[tuple[str, str], Index] = {}
        self._members: dict[str, Members] = {}
        self._retrieved: dict[tuple[str, str | None, int], list[Struct]] = {}
        self._by_reference: dict[tuple[str, str], Struct] | None = None
        self._unreadable: tuple[str, ...] | None = None
        self._full_urls: dict[str, Struct] | None = None
        self._batches = batches
        self._by_type, self._context_types = self._sorted_out(batches, patient_id)
        # A draft is looked at by itself, without a retrieve: what its texts say has to be there from the start.
        for name, drafts in self._context_types.items():
            self._read_words(name, drafts)
        patients: Sequence[Any] = self._by_type.get("Patient", ())
        self.patient: Any = patients[0] if len(patients) == 1 or (patients and patient_id is not None) else None
        self.patient_id: str | None = patient_id or (self.patient.id if self.patient is not None else None)

    def at(self, as_of: DateTime | datetime) -> Facts:
        """The same record looked at as of another moment; what logic makes of dates is up to the logic."""
        other = copy(self)
        other.as_of = dates.now_from(as_of) if isinstance(as_of, datetime) else as_of
        return other

    def _sorted_out(
        self, batches: Sequence[Batch], patient_id: str | None
    ) -> tuple[dict[str, Sequence[Struct]], dict[str, Sequence[Struct]]]:
        """Stored resources and those of the context by type, without other patients' and older copies."""
        stored: dict[str, Sequence[Struct]] = {}
        context: dict[str, Sequence[Struct]] = {}
        for batch in batches:
            place = context if batch.origin.source == "context" else stored
            for group in grouped(batch.resources) if batch.groups is None else batch.groups:
                name: str = group[0].fhir_type  # type: ignore[attr-defined]  # classes of resources are made from the model
                before = place.get(name)
                place[name] = group if before is None else [*before, *group]
        if patient_id is None and len(stored.get("Patient", ())) == 1:
            patient_id = stored["Patient"][0].id  # type: ignore[attr-defined]
        return self._own(stored, patient_id), self._own(context, patient_id)

    def _own(self, by_type: Mapping[str, Sequence[Struct]], patient_id: str | None) -> dict[str, Sequence[Struct]]:
        """The newest of each resource that is not another patient's."""
        result: dict[str, Sequence[Struct]] = {}
        for name, found in by_type.items():
            own = of_patient(found, patient_id, self._at_full_urls) if patient_id is not None else found
            if own:
                result[name] = latest_versions(own)
        return result

    # -- retrieving -------------------------------------------------------------------------------------------------

    def retrieve(
        self, type_name: str, code_path: str | None = None, membership: Membership | None = None
    ) -> list[Struct]:
        """The resources of a type, or those with a code of a group at a path.

        Ordered by id, those of the context last in the order they came in. Callers share the list: it is not to be
        changed.
        """
        if membership is not None and code_path is not None and not getattr(membership, "lasts", True):
            return self._index(type_name, code_path).matching(membership)
        key = (type_name, code_path, id(membership))
        found = self._retrieved.get(key)
        if found is None:
            found = self._retrieved[key] = self._search(type_name, code_path, membership)
        return found

    def _search(self, type_name: str, code_path: str | None, membership: Membership | None) -> list[Struct]:
        if membership is None or code_path is None:
            return self._of_type(type_name).all()
        hits = self._hits.get((type_name, code_path))
        if hits is not None:
            bit = hits.groups.bit_of.get(id(membership))
            if bit is not None:
                chosen = [resource for bits, resource in hits.resources if bits & bit]
                return chosen if len(chosen) < 2 else self._of_type(type_name).some(chosen)
        return self._index(type_name, code_path).members_of(membership, self._groups)

    def found_at(self, sites: Sites) -> int:
        """Which of the groups that are looked for a retrieve finds something in, a bit for each."""
        found = 0
        self._sites = sites
        names = {*self._by_type, *self._context_types}
        if self._texts is not None and self._has_reports():
            names.add("Observation")  # what a report says may be the only one
        for name in names:
            places = sites.by_type.get(name)
            resources = self._of_type(name).resources if places is not None else ()
            if places is None or not resources:
                continue
            for place in places:
                if place.code_path is None:
                    found |= place.bit
                    continue
                hits = look_for(place, resources, self._resolve_text)
                if hits is None:
                    found |= place.mask  # whoever looks for these is told that they cannot be found
                else:
                    found |= hits.bits & place.mask
                    self._hits[name, place.code_path] = hits
        return found

    def unsought(self, looked_through: Container[str]) -> Container[int] | None:
        """The identities of the resources without a code that logic looks for, of types that it does not look through.

        None where that is not known, where it looks at everything, or where words were read as codes.
        """
        if self._sites is None or self._derived or "Resource" in looked_through:
            return None
        left: set[int] = set()
        for name, resources in self._by_type.items():
            paths = [place.code_path for place in self._sites.by_type.get(name, ()) if place.code_path is not None]
            hits = [self._hits.get((name, path)) for path in paths]
            if paths and None not in hits and name not in looked_through:
                left.update(map(id, resources))
                for hit in hits:
                    left.difference_update([id(resource) for _, resource in hit.resources] if hit else ())
        return left

    def codes(self, type_name: str, code_path: str) -> Iterable[Pair]:
        """The distinct codes that the resources of a type have at a path."""
        return self._index(type_name, code_path).by_code.keys()

    def _index(self, type_name: str, code_path: str) -> Index:
        index = self._indexes.get((type_name, code_path))
        if index is None:
            members = self._of_type(type_name).all()
            index = self._indexes[type_name, code_path] = make_index(type_name, code_path, members, self._resolve_text)
        return index

    def _of_type(self, type_name: str) -> Members:
        members = self._members.get(type_name)
        if members is None:
            members = self._members[type_name] = self._prepared(type_name)
        return members

    def _prepared(self, type_name: str) -> Members:
        """The resources of a type, with what their words say."""
        members = Members(self._by_type.get(type_name, ()))
        context = self._context_types.get(type_name)
        if context:
            drafts = {resource.id for resource in context} - {None}  # type: ignore[attr-defined]  # classes of resources are made from the model
            stored = [resource for resource in members.resources if resource.id not in drafts]  # type: ignore[attr-defined]  # classes of resources are made from the model
            members = Members((), [*in_order(stored), *context])
        self._read_words(type_name, members.resources)
        if self._texts is not None and type_name in ("DiagnosticReport", "Observation") and self._has_reports():
            members = self._with_texts(type_name, members, self._texts)
        return members

    def _has_reports(self) -> bool:
        return "DiagnosticReport" in self._by_type or "DiagnosticReport" in self._context_types

    def _read_words(self, type_name: str, resources: Sequence[Struct]) -> None:
        """Give concepts that have only text the codes that it is worth."""
        if self._derive is None or not (self._texts is None or type_name in self._texts.resource_types):
            return
        for resource in derive_codings(resources, self._derive):
            self._derived[id(resource)] = resource

    def _with_texts(self, type_name: str, members: Members, texts: TextEvidence) -> Members:
        """What reports say in words, as codes of theirs and as observations after those that were recorded."""
        if type_name == "DiagnosticReport":
            marked = derive_conclusions(members.resources, texts)
        else:
            reports = self._of_type("DiagnosticReport").all()
            today = date(self.as_of.year, self.as_of.month or 1, self.as_of.day or 1)
            marked = observations_of(reports, members.resources, texts, today)
            if marked:
                members = Members((), [*members.all(), *marked])
        self._derived.update((id(one), one) for one in marked)
        return members

    # -- references -------------------------------------------------------------------------------------------------

    def resolve(self, reference: Any, container: Struct | None = None) -> Any:
        """The resource that a reference (its text, or the Reference element) names among the data at hand, or none."""
        text = reference if isinstance(reference, str) else getattr(reference, "reference", None)
        return self._resolve_text(text, container) if text else None

    def _resolve_text(self, text: str, container: Struct | None = None) -> Struct | None:
        parsed = parse_reference(text)
        if parsed.is_contained:
            contained: Sequence[Any] = getattr(container, "contained", ())
            return next((inner for inner in contained if inner.id == parsed.fragment), None)
        found = self._at_full_urls().get(text)
        if found is not None:
            return found
        if parsed.type is None or parsed.id is None:
            return None
        found = self._references().get((parsed.type, parsed.id))
        if found is None or parsed.version is None:
            return found
        version = getattr(meta_of(found), "versionId", None)
        return found if version in (None, parsed.version) else None

    def _at_full_urls(self) -> dict[str, Struct]:
        if self._full_urls is None:
            self._full_urls = {
                entry.fullUrl: entry.resource
                for batch in self._batches
                for entry in batch.entries
                if entry.fullUrl is not None and entry.resource is not None
            }
        return self._full_urls

    def _references(self) -> dict[tuple[str, str], Struct]:
        if self._by_reference is None:
            self._by_reference = {
                (name, resource.id): resource  # type: ignore[attr-defined]
                for by_type in (self._by_type, self._context_types)
                for name, members in by_type.items()
                for resource in members
                if resource.id is not None  # type: ignore[attr-defined]
            }
        return self._by_reference

    @staticmethod
    def reference_to(resource: Any) -> str:
        """`Observation/pain1`; the type alone for a resource without id."""
        return f"{resource.fhir_type}/{resource.id}" if resource.id else str(resource.fhir_type)

    # -- what is known about the data -------------------------------------------------------------------------------

    def availability(self, type_name: str) -> Availability:
        """How much of a type could be had."""
        state = self._availability.get(type_name)
        has_data = bool(self._by_type.get(type_name))
        has_bad = bool(self.set_aside) and any(bad.type_name == type_name for bad in self.set_aside)
        if state is None:
            if has_bad:
                return PARTIAL if has_data else UNOBTAINABLE
            if has_data or self._is_closed:
                return VALUE if has_data else NONE
            return ABSENT
        if state.is_complete:
            if has_bad:
                return PARTIAL
            return VALUE if has_data else NONE
        return state

    def unreadable(self) -> tuple[str, ...]:
        """The types that were wanted but could not be had completely, sorted by name."""
        if self._unreadable is None:
            named = [name for name, state in self._availability.items() if not state.is_complete]
            if self.set_aside:
                known = {*self._availability, *(bad.type_name for bad in self.set_aside if bad.type_name)}
                named = [name for name in known if not self.availability(name).is_complete]
            self._unreadable = tuple(sorted(named))
        return self._unreadable

    def types(self) -> tuple[str, ...]:
        """The resource types of which there are data, sorted by name."""
        return tuple(sorted(set(self._by_type) | set(self._context_types)))

    def origin(self, resource: Struct) -> Origin:
        """Where a resource came from."""
        for batch in self._batches:
            if any(member is resource for member in batch.resources):
                return batch.origin
        return _UNKNOWN

    def is_derived(self, resource: Struct) -> bool:
        """Whether a code of this resource was derived from free text."""
        return id(resource) in self._derived

    def read_from_text(self) -> frozenset[str]:
        """References of the resources retrieved so far of which a code was derived from free text."""
        return frozenset(map(self.reference_to, self._derived.values())) if self._derived else _NONE_READ


def facts_from_bundle(
    body: bytes,
    *,
    as_of: DateTime | datetime,
    patient_id: str | None = None,
    decoder: Decoder | None = None,
    groups: CodeGroups | None = None,
    limits: Limits | None = None,
) -> Facts:
    """The facts in one JSON text: a Bundle, or a single resource; what is not in it does not exist."""
    decoded = (decoder or Decoder(full())).collect(body, limits=limits)
    batch = Batch(decoded.resources, Origin("data"), decoded.entries, decoded.groups)
    return Facts([batch], as_of=as_of, patient_id=patient_id, set_aside=decoded.set_aside, groups=groups)
