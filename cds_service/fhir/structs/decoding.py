"""Resources from JSON text: one pass over the whole, and where that fails, resource by resource.

What cannot be read is set aside: named with its type, id and the place of the fault, never with what stood there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from cds_service.errors import CdsError
from cds_service.fhir.limits import Limits, check_limits
from cds_service.fhir.structs.checking import are_plain_dates, malformed_date, with_malformed_dates
from cds_service.fhir.structs.flavours import Struct, Structs

_NEST = 4  # Bundles within Bundles that are opened


class UnreadableResource(CdsError):
    """Text that is no FHIR R4 resource."""

    code = "unreadable-resource"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A resource that could not be read: what it is, where the fault is, what was expected there."""

    type_name: str | None
    id: str | None
    path: str
    reason: str
    key: str | None = None

    def __str__(self) -> str:
        name = "/".join(part for part in (self.type_name or "resource", self.id) if part)
        return f"{name}: {self.path}: {self.reason}"


class Entry(Protocol):
    """An entry of a Bundle."""

    fullUrl: str | None
    resource: Struct | None


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What one JSON text held: its resources in order, and what the Bundle around them said."""

    resources: tuple[Struct, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    entries: Sequence[Entry] = ()
    """Where the resources stood, if it was in a Bundle; nested ones too."""
    bundle_type: str | None = None
    next_link: str | None = None
    has_outcome: bool = False
    """An OperationOutcome came, alone or as an entry, that tells of more than warnings."""
    resource_type: str | None = None
    """Type of the outermost resource."""
    groups: Sequence[Sequence[Struct]] = ()
    """The same resources, those of one type together."""


class _Peek(msgspec.Struct):
    resourceType: Any = None
    id: Any = None


class _RawEntry(msgspec.Struct):
    fullUrl: Any = None
    resource: msgspec.Raw = msgspec.Raw()


class _RawLink(msgspec.Struct):
    relation: Any = None
    url: Any = None


class _RawBundle(msgspec.Struct):
    type: Any = None
    link: list[_RawLink] = []
    entry: list[_RawEntry] = []


class _Entry(msgspec.Struct):
    fullUrl: str | None
    resource: Struct | None


class _Collector(msgspec.Struct):
    resources: list[Struct] = []
    set_aside: list[SetAside] = []
    entries: list[Any] = []
    has_outcome: bool = False


_QUOTED = re.compile(r"'[^']*'")
_peek = msgspec.json.Decoder(_Peek)
_raw_bundle = msgspec.json.Decoder(_RawBundle)


class Decoder:
    """Decodes JSON text into the Structs of one flavour."""

    def __init__(self, structs: Structs) -> None:
        self.structs = structs
        self._any = msgspec.json.Decoder(structs.union)

    @property
    def union(self) -> Any:
        """The msgspec annotation for any resource, for a place in a Struct of one's own."""
        return self.structs.union

    def resource(self, body: bytes | msgspec.Raw) -> Any:
        """One resource, whole; `UnreadableResource` says where and why it is none."""
        decoded = self.collect(body, flatten=False)
        if decoded.set_aside:
            raise UnreadableResource(str(decoded.set_aside[0]))
        return decoded.resources[0]

    def whole(self, body: bytes | msgspec.Raw) -> Any:
        """A resource that decodes in one pass as it stands; None when something in it does not."""
        try:
            return self._any.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return None

    def collect(self, body: bytes | msgspec.Raw, *, flatten: bool = True, limits: Limits | None = None) -> Decoded:
        """The resources of a text that holds one resource or a Bundle of them (`flatten`), the unreadable set aside."""
        if limits is not None:
            check_limits(bytes(body), limits)
        try:
            return self.flatten(self._any.decode(body), flatten=flatten)
        except (msgspec.DecodeError, RecursionError) as failure:
            return self._one_by_one(body, failure, flatten)

    def flatten(self, resource: Struct, *, flatten: bool = True) -> Decoded:
        """A resource that is decoded already, with the entries of a Bundle taken out of it."""
        return _checked([_opened(resource, flatten)])[0]

    def flatten_all(self, resources: Iterable[Struct], closed: Iterable[Struct] = ()) -> list[Decoded]:
        """The same for several at once, which costs less; `closed` ones, after them, are not opened."""
        opened = [_opened(resource, True) for resource in resources]
        return _checked(opened + [_opened(resource, False) for resource in closed])

    def _one_by_one(self, body: bytes | msgspec.Raw, failure: Exception, flatten: bool) -> Decoded:
        try:
            peek = _peek.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return Decoded(set_aside=(SetAside(None, None, "resource", "is no JSON object"),))
        if peek.resourceType != "Bundle" or not flatten:
            return Decoded(set_aside=(describe(peek, failure),), resource_type=_text(peek.resourceType))
        try:
            bundle = _raw_bundle.decode(body)
        except (msgspec.DecodeError, RecursionError) as fault:
            return Decoded(set_aside=(describe(peek, fault),), resource_type="Bundle")
        collector = _Collector()
        for entry in bundle.entry:
            if bytes(entry.resource) in (b"", b"null"):
                continue
            inner = self.collect(entry.resource)
            collector.resources += inner.resources
            collector.set_aside += inner.set_aside
            collector.entries += inner.entries
            if isinstance(entry.fullUrl, str) and len(inner.resources) == 1:
                collector.entries.append(_Entry(entry.fullUrl, inner.resources[0]))
            collector.has_outcome = collector.has_outcome or inner.has_outcome
        return _checked([_page(collector, "Bundle", _text(bundle.type), _next_link(bundle.link))])[0]


def _opened(resource: Any, flatten: bool) -> Decoded:
    """What a resource holds, before its dates are looked at."""
    kind: str = resource.fhir_type
    if kind != "Bundle" or not flatten:
        failed = kind == "OperationOutcome" and _tells_failure(resource)
        found = (resource,)
        return Decoded(found, has_outcome=failed, resource_type=kind, groups=(found,))
    next_link = _next_link(resource.link) if resource.link else None
    entries = resource.entry
    found = tuple([entry.resource for entry in entries])
    classes: set[Any] = set(map(type, found))
    if len(classes) == 1 and _is_plain(*classes):
        return Decoded(found, (), entries, resource.type, next_link, False, kind, (found,))
    if all(map(_is_plain, classes)):
        return Decoded(found, (), entries, resource.type, next_link, False, kind, grouped(found))
    collector = _Collector()
    _open_bundle(resource, collector, _NEST)
    return _page(collector, kind, resource.type, next_link)


@functools.cache
def _is_plain(made: Any) -> bool:
    """Whether an entry with something of a class is that resource and no more."""
    return made is not NoneType and made.fhir_type not in ("Bundle", "OperationOutcome")


def _page(collector: _Collector, kind: str, bundle_type: str | None, next_link: str | None) -> Decoded:
    return Decoded(
        tuple(collector.resources),
        tuple(collector.set_aside),
        collector.entries,
        bundle_type,
        next_link,
        collector.has_outcome,
        kind,
        grouped(collector.resources),
    )


def _open_bundle(bundle: Any, collector: _Collector, depth: int) -> None:
    for entry in bundle.entry:
        resource = entry.resource
        if resource is None:
            continue
        kind = resource.fhir_type
        if kind == "Bundle" and depth:
            _open_bundle(resource, collector, depth - 1)
            continue
        if kind == "OperationOutcome" and _tells_failure(resource):
            collector.has_outcome = True
        collector.resources.append(resource)
        collector.entries.append(entry)


def _tells_failure(outcome: Any) -> bool:
    """Whether something went wrong, and not only something remarkable."""
    return not outcome.issue or any(issue.severity not in ("warning", "information") for issue in outcome.issue)


def _next_link(links: Iterable[Any]) -> str | None:
    return next((_text(link.url) for link in links if link.relation == "next"), None)


def _checked(pages: list[Decoded]) -> list[Decoded]:
    """The pages without resources whose dates are none."""
    if are_plain_dates([group for page in pages for group in page.groups]):
        return pages
    return [_without_malformed(page) for page in pages]


def grouped(resources: Iterable[Struct]) -> tuple[list[Struct], ...]:
    """The resources, those of one type together."""
    groups: dict[type[Struct], list[Struct]] = {}
    for resource in resources:
        groups.setdefault(resource.__class__, []).append(resource)
    return tuple(groups.values())


def _without_malformed(page: Decoded) -> Decoded:
    bad = {id(resource): resource for resource in with_malformed_dates(page.resources)}
    if not bad:
        return page
    kept = tuple([resource for resource in page.resources if id(resource) not in bad])
    return replace(
        page,
        resources=kept,
        set_aside=(*page.set_aside, *map(_bad_date, bad.values())),
        entries=[entry for entry in page.entries if id(entry.resource) not in bad],
        groups=grouped(kept),
    )


def _bad_date(resource: Any) -> SetAside:
    path = f"{resource.fhir_type}.{malformed_date(resource)}"
    return SetAside(resource.fhir_type, resource.id, path, "Expected a date or time")


def describe(peek: _Peek, failure: Exception) -> SetAside:
    """What could not be read, from the decoder's message, with nothing of the text in it."""
    type_name = _text(peek.resourceType)
    message, _, place = str(failure).partition(" - at `$")
    if type_name is None:
        return SetAside(None, None, "resourceType", "is missing or no text")
    if isinstance(failure, RecursionError):
        return SetAside(type_name, _text(peek.id), type_name, "is nested too deep")
    path = f"{type_name}{place.rstrip('`').replace('[...]', '')}"
    if place.startswith(".resourceType"):
        return SetAside(type_name, _text(peek.id), "resourceType", "is no resource type of FHIR R4")
    return SetAside(type_name, _text(peek.id), path, _QUOTED.sub("value", message))


def _text(value: object) -> str | None:
    """A name or id out of JSON that was not checked: text of at most 64 characters without spaces, or nothing."""
    return value if isinstance(value, str) and len(value) <= 2000 and " " not in value else None
