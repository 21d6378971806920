"""Reads the context of a hook call: the members its definition names, or, for other hooks, what their shape says."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cds_service.fhir.limits import Limits, check_depth
from cds_service.hooks.contexts import Context, ContextResource
from cds_service.hooks.definitions import Member, members_of
from cds_service.hooks.refusals import MalformedRequest

RawMembers = Mapping[str, msgspec.Raw]

_DRAFTS = frozenset({"draftOrders", "orders", "medications"})
_NULL = msgspec.Raw(b"null")
_NOTHING = msgspec.Raw(b"")


class _Head(msgspec.Struct):
    """What every resource begins with."""

    resourceType: str
    id: str | None = None


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"")


class _Bundle(msgspec.Struct):
    resourceType: str = "Bundle"
    entry: list[_Entry] = []


_FORMS: Mapping[str, Any] = {"text": str, "references": list[str], "bundle": _Bundle}
_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(list[str])
_head = msgspec.json.Decoder(_Head)
_bundle = msgspec.json.Decoder(_Bundle)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@functools.cache
def context_type(hook: str) -> Any:
    """The msgspec type of the usual context of a hook: one whose members all have one name and one form, or any."""
    defined = members_of(hook)
    if defined is None or any(member.aliases or member.kind not in _FORMS for member in defined):
        return dict[str, msgspec.Raw]
    return msgspec.defstruct("_Members", [(member.name, _FORMS[member.kind] | None, None) for member in defined])


def parse_context(
    hook: str,
    members: RawMembers | msgspec.Struct,
    limits: Limits,
    decoder: msgspec.json.Decoder[Any] | None = None,
) -> Context:
    """The context as its hook defines it, its resources decoded if there is a decoder for them.

    A MalformedRequest names the first member that does not hold.
    """
    defined = members_of(hook)
    if isinstance(members, msgspec.Struct):
        found = _take_defined(defined or (), members)
    else:
        present = {name: raw for name, raw in members.items() if raw != _NULL}
        found = _read_defined(defined, present) if defined else _read_by_shape(present)
    resources = tuple(
        [
            _read_resource(name, place, raw, limits, decoder)
            for name, raws in found.resources.items()
            for place, raw in raws
        ]
    )
    patient = found.texts.get("patientId", "").removeprefix("Patient/")
    if not patient:
        raise _missing("patientId")
    return Context(
        patient_id=patient,
        user_id=found.texts.get("userId"),
        encounter_id=_bare(found.texts.get("encounterId"), "Encounter/"),
        selections=found.references.get("selections", ()),
        draft_orders=tuple([one for one in resources if one.member in _DRAFTS]),
        dispatched_orders=found.references.get("dispatchedOrders", ()),
        performer=found.texts.get("performer"),
        tasks=tuple([one for one in resources if one.member == "fulfillmentTasks"]),
        appointments=tuple([one for one in resources if one.member == "appointments"]),
        resources=resources,
        fields=found.texts,
    )


class _Found:
    """What the members of one context hold, by kind."""

    __slots__ = ("references", "resources", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.references: dict[str, tuple[str, ...]] = {}
        self.resources: dict[str, list[tuple[str, msgspec.Raw]]] = {}


def _take_defined(defined: tuple[Member, ...], members: msgspec.Struct) -> _Found:
    """The members of a context that has the usual type."""
    found = _Found()
    for member in defined:
        name = member.name
        value = getattr(members, name)
        if value is None:
            if member.required:
                raise _missing(name)
        elif member.kind == "text":
            found.texts[name] = _checked_text(member, name, value.strip())
        elif member.kind == "references":
            found.references[name] = tuple(value)
        else:
            found.resources[name] = _entries(name, value)
    return found


def _read_defined(defined: tuple[Member, ...], present: RawMembers) -> _Found:
    found = _Found()
    for member in defined:
        name = next((name for name in (member.name, *member.aliases) if name in present), None)
        if name is None:
            if member.required:
                raise _missing(member.name)
            continue
        raw = present[name]
        if member.kind == "text":
            found.texts[member.name] = _checked_text(member, name, _read_text(name, raw))
        elif member.kind == "references":
            one = name in member.aliases and _is_text(raw)
            found.references[member.name] = (_read_text(name, raw),) if one else _read_texts(name, raw)
        elif member.kind == "bundle":
            found.resources[member.name] = _read_bundle(name, raw)
        else:
            found.resources[member.name] = list(_read_any(name, raw))
    return found


def _read_by_shape(present: RawMembers) -> _Found:
    """Strings are fields, arrays of strings references, objects with a resource type resources; the rest is ignored."""
    found = _Found()
    for name, raw in present.items():
        first = bytes(raw)[:1]
        if first == b'"':
            found.texts[name] = _read_text(name, raw)
        elif first == b"[":
            try:
                found.references[name] = tuple(_texts.decode(raw))
            except msgspec.ValidationError:
                found.resources[name] = [one for one in _read_any(name, raw) if _is_resource(one[1])]
        elif first == b"{" and _is_resource(raw):
            found.resources[name] = list(_read_any(name, raw))
    return found


def _checked_text(member: Member, name: str, text: str) -> str:
    if member.required and not text:
        raise MalformedRequest(f"context.{name} is empty.", member=f"context.{name}")
    return text


def _read_text(name: str, raw: msgspec.Raw) -> str:
    try:
        return _text.decode(raw).strip()
    except msgspec.ValidationError:
        raise MalformedRequest(f"context.{name} must be a string.", member=f"context.{name}") from None


def _read_texts(name: str, raw: msgspec.Raw) -> tuple[str, ...]:
    try:
        return tuple(_texts.decode(raw))
    except msgspec.ValidationError:
        raise MalformedRequest(f"context.{name} must be an array of strings.", member=f"context.{name}") from None


def _read_bundle(name: str, raw: msgspec.Raw) -> list[tuple[str, msgspec.Raw]]:
    try:
        bundle = _bundle.decode(raw)
    except msgspec.ValidationError:
        bundle = None
    return _entries(name, bundle)


def _entries(name: str, bundle: _Bundle | None) -> list[tuple[str, msgspec.Raw]]:
    if bundle is None or bundle.resourceType != "Bundle":
        raise MalformedRequest(f"context.{name} must be a Bundle with an array of entries.", member=f"context.{name}")
    return [
        (f"{name}.entry[{index}].resource", entry.resource)
        for index, entry in enumerate(bundle.entry)
        if entry.resource != _NOTHING and entry.resource != _NULL
    ]


def _read_any(name: str, raw: msgspec.Raw) -> Iterator[tuple[str, msgspec.Raw]]:
    """One resource, a Bundle of them, or an array of them."""
    if bytes(raw)[:1] == b"[":
        for index, one in enumerate(_raws.decode(raw)):
            yield f"{name}[{index}]", one
    elif _is_bundle(raw):
        yield from _read_bundle(name, raw)
    else:
        yield name, raw


def _read_resource(
    member: str, place: str, raw: msgspec.Raw, limits: Limits, decoder: msgspec.json.Decoder[Any] | None
) -> ContextResource:
    try:
        decoded = None if decoder is None else decoder.decode(raw)
    except msgspec.DecodeError:
        decoded = None  # patient_data says what is wrong with it
    if decoded is not None:
        kind, ident = decoded.fhir_type, decoded.id
    else:
        try:
            head = _head.decode(raw)
        except msgspec.ValidationError:
            what = f"context.{place} must be a FHIR resource with a resourceType."
            raise MalformedRequest(what, member=f"context.{place}") from None
        kind, ident = head.resourceType, head.id
    check_depth(bytes(raw), limits)
    return ContextResource(kind, ident, member, raw, decoded)


def _is_text(raw: msgspec.Raw) -> bool:
    return bytes(raw)[:1] == b'"'


def _is_resource(raw: msgspec.Raw) -> bool:
    return _decoded_head(raw) is not None


def _is_bundle(raw: msgspec.Raw) -> bool:
    head = _decoded_head(raw)
    return head is not None and head.resourceType == "Bundle"


def _decoded_head(raw: msgspec.Raw) -> _Head | None:
    try:
        return _head.decode(raw)
    except msgspec.ValidationError:
        return None


def _missing(name: str) -> MalformedRequest:
    return MalformedRequest(f"context.{name} is missing.", member=f"context.{name}")


def _bare(text: str | None, prefix: str) -> str | None:
    return text.removeprefix(prefix) or None if text else None


def context_from(hook: str, value: Mapping[str, Any], limits: Limits | None = None) -> Context:
    """The same from parsed JSON: for callers that made the request themselves (tests, cases, the workbench)."""
    members = {name: msgspec.Raw(msgspec.json.encode(part)) for name, part in value.items()}
    return parse_context(hook, members, limits or Limits())
