"""The patient as evaluation sees it: resources by type and by code, what they refer to, and what could not be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from cds_service.errors import CdsError
from cds_service.facts.availability import Availability
from cds_service.facts.belonging import of_patient
from cds_service.facts.coding import Pair, coded_attributes_at, codes_at
from cds_service.facts.derived import (
    DeriveCodings,
    TextEvidence,
    derive_codings,
    derive_conclusions,
    observations_of,
)
from cds_service.facts.groups import CodeGroups, Membership
from cds_service.facts.origins import Batch, Origin
from cds_service.facts.sites import Sites
from cds_service.facts.versions import latest_versions
from cds_service.fhir.limits import Limits
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.decoding import Decoder, SetAside
from cds_service.fhir.structs.encoding import to_json
from cds_service.fhir.structs.flavours import Struct, full
from cds_service.values import dates
from cds_service.values.temporals import DateTime

_by_id = attrgetter("id")
Reader = Callable[[Any], Any]
_UNKNOWN = Origin("data")


class UnreadElement(CdsError):
    """A search by an element that was not decoded: a mistake of the program, not of the data."""

    code = "unread-element"


class _Index:
    """The resources of one type by the codes at one path."""

    __slots__ = ("by_code", "by_group", "resources", "version")

    def __init__(self, resources: Sequence[Struct]) -> None:
        self.by_code: dict[Pair, list[Struct]] = {}
        self.by_group: dict[int, list[Struct]] = {}
        self.resources = resources
        self.version = -1  # of the groups that were known when `by_group` was filled


class Facts:
    """One patient and the context of one call, as of one moment; nothing in it changes."""

    __slots__ = (
        "_availability",
        "_by_reference",
        "_by_type",
        "_context_types",
        "_derive",
        "_derived",
        "_full_urls",
        "_groups",
        "_indexes",
        "_is_closed",
        "_origins",
        "_ready",
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
        self._indexes: dict[tuple[str, str], _Index] = {}
        self._ready: dict[str, list[Struct]] = {}
        self._by_reference: dict[tuple[str, str], Struct] | None = None
        self._unreadable: tuple[str, ...] | None = None
        self._full_urls: dict[str, Struct] = {url: target for batch in batches for url, target in batch.full_urls}
        self._origins = [(batch.origin, batch.resources) for batch in batches]
        self._by_type, self._context_types = self._sorted_out(batches, patient_id)
        if self._derive is not None:
            # A draft is looked at by itself, without a retrieve: what its texts say has to be there from the start.
            coding = full().struct_for("Coding")
            for name, drafts in self._context_types.items():
                if not self._reads_texts_of(name):
                    continue
                self._derived.update((id(one), one) for one in derive_codings(drafts, self._derive, coding))
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
        stored: dict[str, list[Struct]] = {}
        context: dict[str, list[Struct]] = {}
        for batch in batches:
            place = context if batch.origin.source == "context" else stored
            for resource in batch.resources:
                fhir_type: str = resource.fhir_type  # type: ignore[attr-defined]
                members = place.get(fhir_type)
                if members is None:
                    members = place[fhir_type] = []
                members.append(resource)
        kept: list[dict[str, Sequence[Struct]]] = []
        if patient_id is None and len(stored.get("Patient", ())) == 1:
            patient_id = stored["Patient"][0].id  # type: ignore[attr-defined]
        for by_type in (stored, context):
            result: dict[str, Sequence[Struct]] = {}
            for name, found in by_type.items():
                own = of_patient(found, patient_id, self._full_urls) if patient_id is not None else found
                if own:
                    result[name] = latest_versions(own)
            kept.append(result)
        return kept[0], kept[1]

    # -- retrieving -------------------------------------------------------------------------------------------------

    def retrieve(
        self, type_name: str, code_path: str | None = None, membership: Membership | None = None
    ) -> list[Struct]:
        """The resources of a type, or those with a code of a group at a path.

        Ordered by id, those of the context last in the order they came in. Callers share the list: it is not to be
        changed.
        """
        if membership is None or code_path is None:
            return self._of_type(type_name)
        index = self._indexes.get((type_name, code_path))
        if index is None:
            index = self._make_index(type_name, code_path)
        found = index.by_group.get(id(membership))
        if found is None:
            if not index.by_code:
                return _NOTHING
            self._groups.learn(membership)
            if index.version != self._groups.version:
                self._fill_groups(index)
            found = index.by_group.setdefault(id(membership), _NOTHING)
        return found

    def found_at(self, sites: Sites) -> int:
        """Which of the groups that are looked for a retrieve finds something in, a bit for each."""
        found = 0
        for place in sites.places:
            name = place.type_name
            if name not in self._by_type and name not in self._context_types and self._texts is None:
                continue
            if place.code_path is None:
                if self._of_type(name):
                    found |= place.bit
                continue
            index = self._indexes.get((name, place.code_path)) or self._make_index(name, place.code_path)
            of_code = place.of_code
            for pair in index.by_code:
                bits = of_code.get(pair)
                found |= place.bits(pair) if bits is None else bits
        return found

    def codes(self, type_name: str, code_path: str) -> Iterable[Pair]:
        """The distinct codes that the resources of a type have at a path."""
        index = self._indexes.get((type_name, code_path)) or self._make_index(type_name, code_path)
        return index.by_code.keys()

    def _of_type(self, type_name: str) -> list[Struct]:
        found = self._ready.get(type_name)
        if found is None:
            stored = self._by_type.get(type_name, ())
            context = self._context_types.get(type_name, ())
            drafts = {resource.id for resource in context} - {None}  # type: ignore[attr-defined]
            found = _in_order([resource for resource in stored if resource.id not in drafts] if drafts else stored)  # type: ignore[attr-defined]
            found += context
            if self._derive is not None and self._reads_texts_of(type_name):
                coding = full().struct_for("Coding")
                self._derived.update((id(one), one) for one in derive_codings(found, self._derive, coding))
            if self._texts is not None:
                found = self._with_texts(type_name, found, self._texts)
            self._ready[type_name] = found
        return found

    def _reads_texts_of(self, type_name: str) -> bool:
        return self._texts is None or type_name in self._texts.resource_types

    def _with_texts(self, type_name: str, found: list[Struct], texts: TextEvidence) -> list[Struct]:
        """What reports say in words, as codes of theirs and as observations after those that were recorded."""
        if type_name == "DiagnosticReport":
            marked = derive_conclusions(found, texts)
        elif type_name == "Observation":
            today = date(self.as_of.year, self.as_of.month or 1, self.as_of.day or 1)
            marked = observations_of(self._of_type("DiagnosticReport"), found, texts, today)
            found = [*found, *marked]
        else:
            return found
        self._derived.update((id(one), one) for one in marked)
        return found

    def _make_index(self, type_name: str, code_path: str) -> _Index:
        resources = self._of_type(type_name)
        index = _Index(resources)
        if resources:
            readers = _readers(resources[0].__class__, type_name, code_path)
            for resource in resources:
                self._add(index.by_code, resource, readers, code_path)
        self._indexes[(type_name, code_path)] = index
        return index

    def _add(self, by_code: dict[Pair, list[Struct]], resource: Any, readers: Sequence[Reader], code_path: str) -> None:
        """Enter a resource under each of its codes."""
        for read in readers:
            value = read(resource)
            if value is None:
                continue
            for concept in value if value.__class__ in (list, tuple) else (value,):
                if concept.__class__.__name__ != "CodeableConcept":  # by far the usual case
                    _enter(by_code, resource, codes_at(resource, code_path, self._resolve_text))
                    return
                for coding in concept.coding:
                    pair = (coding.system, coding.code)
                    members = by_code.get(pair)
                    if members is None:
                        by_code[pair] = [resource]
                    elif members[-1] is not resource:
                        members.append(resource)
            return
        if not readers:
            _enter(by_code, resource, codes_at(resource, code_path, self._resolve_text))

    def _fill_groups(self, index: _Index) -> None:
        """Put every resource of an index under each of the groups that its codes are in."""
        index.version = self._groups.version
        collected: dict[int, list[list[Struct]]] = {}
        for (system, code), members in index.by_code.items():
            if code is None:
                continue
            for group in self._groups.of(system, code):
                collected.setdefault(group, []).append(members)
        for group, lists in collected.items():
            if group not in index.by_group:
                index.by_group[group] = lists[0] if len(lists) == 1 else _in_order_of(index, lists)

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
        found = self._full_urls.get(text)
        if found is not None:
            return found
        if parsed.type is None or parsed.id is None:
            return None
        found = self._references().get((parsed.type, parsed.id))
        if found is None or parsed.version is None:
            return found
        version = getattr(getattr(found, "meta", None), "versionId", None)
        return found if version in (None, parsed.version) else None

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
                return Availability.PARTIAL if has_data else Availability.UNOBTAINABLE
            if has_data or self._is_closed:
                return Availability.VALUE if has_data else Availability.NONE
            return Availability.ABSENT
        if state.is_complete:
            if has_bad:
                return Availability.PARTIAL
            return Availability.VALUE if has_data else Availability.NONE
        return state

    def unreadable(self) -> tuple[str, ...]:
        """The types that were wanted but could not be had completely, sorted by name."""
        if self._unreadable is None:
            named = set(self._availability) | {bad.type_name for bad in self.set_aside if bad.type_name}
            self._unreadable = tuple(sorted(name for name in named if not self.availability(name).is_complete))
        return self._unreadable

    def types(self) -> tuple[str, ...]:
        """The resource types of which there are data, sorted by name."""
        return tuple(sorted(set(self._by_type) | set(self._context_types)))

    def origin(self, resource: Struct) -> Origin:
        """Where a resource came from."""
        for origin, members in self._origins:
            if any(member is resource for member in members):
                return origin
        return _UNKNOWN

    def is_derived(self, resource: Struct) -> bool:
        """Whether a code of this resource was derived from free text."""
        return id(resource) in self._derived

    def read_from_text(self) -> frozenset[str]:
        """References of the resources retrieved so far of which a code was derived from free text."""
        return frozenset(self.reference_to(resource) for resource in self._derived.values())


_NOTHING: list[Struct] = []


@lru_cache(maxsize=2048)
def _readers(made: type[Struct], type_name: str, code_path: str) -> tuple[Reader, ...]:
    """What reads the codes at a path of a type, one for each type of a choice."""
    attributes = coded_attributes_at(type_name, code_path.split(".")[0])
    fields = frozenset(made.__struct_fields__)
    if not any(attribute in fields for attribute in attributes):
        raise UnreadElement(f"{type_name}.{code_path} is searched by its code, but was not decoded.")
    single = "." not in code_path
    return tuple(attrgetter(attribute) for attribute in attributes if attribute in fields and single)


def _enter(by_code: dict[Pair, list[Struct]], resource: Struct, pairs: Iterable[Pair]) -> None:
    for pair in pairs:
        members = by_code.setdefault(pair, [])
        if not members or members[-1] is not resource:
            members.append(resource)


def _in_order(members: Sequence[Struct]) -> list[Struct]:
    """The resources by id; those without one last, by their content."""
    try:
        return sorted(members, key=_by_id)
    except TypeError:
        named = sorted((member for member in members if member.id is not None), key=_by_id)  # type: ignore[attr-defined]
        return named + sorted((member for member in members if member.id is None), key=to_json)  # type: ignore[attr-defined]


def _in_order_of(index: _Index, lists: list[list[Struct]]) -> list[Struct]:
    """The union of some lists of an index, each resource once, in the order of the type."""
    wanted = {id(resource) for members in lists for resource in members}
    return [resource for resource in index.resources if id(resource) in wanted]


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
    batch = Batch(decoded.resources, Origin("data"), decoded.full_urls)
    return Facts([batch], as_of=as_of, patient_id=patient_id, set_aside=decoded.set_aside, groups=groups)


def facts_from_resources(
    resources: Sequence[Struct], *, as_of: DateTime | datetime, patient_id: str | None = None
) -> Facts:
    """The facts in resources that are decoded already; what is not among them does not exist."""
    return Facts([Batch(resources, Origin("data"))], as_of=as_of, patient_id=patient_id)
