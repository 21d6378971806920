"""Requests and Bundles without what names a person: ids replaced, names and free text removed, dates shifted.

All dates of one patient move by the same number of days, so ages (give or take a day around a birthday) and intervals
stay. The same key gives the same replacements, so records of one patient stay together; without the key nothing leads
back. What an element is, the FHIR model says; a member that the model does not know is removed. This lowers a risk: it
is no proof of anonymity, as rare diagnoses and sequences of events can still single a person out.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from cds_service.fhir.model.types import Element, TypeInfo, r4
from cds_service.fhir.references import parse_reference
from cds_service.fhir.structs.encoding import encode
from cds_service.replay.failures import BrokenItem

_WEEKS = 520  # how far dates move at most, back in time
_DATED = frozenset({"date", "dateTime", "instant"})
# Types that name or show a person, or hold text that may.
_REMOVED_TYPES = frozenset(
    {
        "HumanName",
        "Address",
        "ContactPoint",
        "Attachment",
        "Signature",
        "Narrative",
        "ContactDetail",
        "url",
        "oid",
        "base64Binary",
    }
)
# Text that is a term of a vocabulary and no free text.
_KEPT_TEXT = frozenset({"Quantity.unit", "Coding.display", "Coding.version", "Extension.url"})
_TEXT = frozenset({"string", "markdown", "xhtml"})
_REMOVED_ELEMENTS = frozenset(
    {
        "Patient.contact",
        "Location.position",
        "Reference.display",
        "Reference.identifier",
        "Identifier.assigner",
        "Meta.source",
        "Meta.tag",
        "Bundle.link",
        "Bundle.Entry.link",
        "Bundle.Entry.request",
        "Bundle.Entry.response",
    }
)
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d(T.*)?$")
_REFERENCES = ("userId", "performer")
_REFERENCE_LISTS = ("selections", "dispatchedOrders")
_IDS = {"patientId": "Patient", "encounterId": "Encounter"}
_CARD_WORDS = ("summary_contains", "detail_contains")


class Deidentifier:
    """Replaces and removes; made once with a secret key."""

    def __init__(self, key: bytes, *, keep_text: bool = False) -> None:
        self._key, self._keep_text = key, keep_text
        self._model = r4()

    def item(self, body: bytes) -> bytes:
        """A hook request, a recording of one, a Bundle, or a single resource, without what names a person."""
        try:
            value = json.loads(body, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise BrokenItem("The item is no JSON object.") from None
        if not isinstance(value, dict):
            raise BrokenItem("The item is no JSON object.")
        return encode(self._item(value))

    def _item(self, value: dict[str, Any]) -> dict[str, Any]:
        if isinstance(value.get("request"), dict):
            walker = self._walker(_patient_of(value["request"]))
            kept: dict[str, Any] = {"service": value["service"]} if "service" in value else {}
            if "expect" in value:
                kept["expect"] = walker.expectation(value["expect"])
            if isinstance(value.get("asOf"), str):
                kept["asOf"] = walker.moved(value["asOf"])
            return {**kept, "request": walker.request(value["request"])}
        walker = self._walker(_patient_of(value))
        return walker.request(value) if "hook" in value else walker.resource(value) or {}

    def _walker(self, patient: str) -> _Walker:
        return _Walker(self, self._days(patient))

    def _days(self, patient: str) -> int:
        """Days to move the dates of a patient by: whole weeks, so that weekdays stay."""
        return -7 * (1 + int(self.digest("days", patient)[:8], 16) % _WEEKS)

    def digest(self, *parts: str) -> str:
        """A text that stands for another one, and leads back to it only with the key."""
        return hmac.new(self._key, "\x1f".join(parts).encode(), sha256).hexdigest()

    @property
    def model(self) -> Any:
        return self._model

    @property
    def keeps_text(self) -> bool:
        return self._keep_text


class _Walker:
    """Goes through what belongs to one patient."""

    def __init__(self, owner: Deidentifier, days: int) -> None:
        self._owner, self._days = owner, timedelta(days=days)

    # -- hook requests ----------------------------------------------------------------------------------------------

    def request(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A hook request: without the server, the token, and context that nobody knows."""
        kept: dict[str, Any] = {"hook": value.get("hook"), "hookInstance": self._uuid(str(value.get("hookInstance")))}
        context = value.get("context")
        kept["context"] = self._context(context) if isinstance(context, dict) else {}
        prefetch = value.get("prefetch")
        if isinstance(prefetch, dict):
            cleaned = {key: self.resource(sent) for key, sent in prefetch.items() if isinstance(sent, dict)}
            kept["prefetch"] = {
                key: cleaned.get(key) for key, sent in prefetch.items() if sent is None or cleaned.get(key) is not None
            }
        extension = value.get("extension")
        moments = {
            name: self.moved(text)
            for name, text in (extension.items() if isinstance(extension, dict) else ())
            if isinstance(text, str) and _MOMENT.match(text)
        }
        return {**kept, "extension": moments} if moments else kept

    def _context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in context.items():
            if name in _IDS and isinstance(value, str):
                bare = value.removeprefix(f"{_IDS[name]}/")
                kept[name] = self._id(_IDS[name], bare)
            elif name in _REFERENCES and isinstance(value, str):
                kept[name] = self._reference(value)
            elif name in _REFERENCE_LISTS and isinstance(value, list):
                kept[name] = [self._reference(each) for each in value if isinstance(each, str)]
            elif isinstance(value, dict):
                kept[name] = self.resource(value)
            elif isinstance(value, list):
                kept[name] = [found for each in value if isinstance(each, dict) and (found := self.resource(each))]
        return {name: value for name, value in kept.items() if value is not None}

    def expectation(self, value: Any) -> Any:
        """What a decision should be: ids of rules stay, references are replaced, words of cards are removed."""
        if isinstance(value, list):
            return [self.expectation(each) for each in value]
        if isinstance(value, dict):
            kept = {name: each for name, each in value.items() if self._owner.keeps_text or name not in _CARD_WORDS}
            return {name: self.expectation(each) for name, each in kept.items()}
        if isinstance(value, str) and self._owner.model.is_resource(value.partition("/")[0]) and "/" in value:
            return self._reference(value)
        return value

    # -- resources --------------------------------------------------------------------------------------------------

    def resource(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        """A resource; None for what is none."""
        kind = value.get("resourceType")
        if not isinstance(kind, str) or not self._owner.model.is_resource(kind):
            return None
        head = {"resourceType": kind}
        if isinstance(value.get("id"), str):
            head["id"] = self._id(kind, value["id"])
        return {**head, **self._walk(self._owner.model.type(kind), value)}

    def _walk(self, info: TypeInfo, value: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, part in value.items():
            element = info.element(name.lstrip("_"))
            if element is None or part is None or f"{info.name}.{element.name}" in _REMOVED_ELEMENTS:
                continue
            if element.name in ("id", "implicitRules"):
                continue  # the id of a resource is replaced by who asked; that of an element leads nowhere
            if name.startswith("_"):
                cleaned = self._each(self._owner.model.type("Element"), part)
            else:
                cleaned = self._element(info, element, name, part)
            if cleaned not in (None, [], {}):
                kept[name] = cleaned
        return kept

    def _element(self, info: TypeInfo, element: Element, name: str, value: Any) -> Any:
        type_name = next(
            (each for each, attribute in element.attributes.items() if attribute == name), element.types[0]
        )
        if type_name in _REMOVED_TYPES:
            return None
        if isinstance(value, list):
            cleaned = [self._value(info, element, type_name, each) for each in value]
            # A list of primitives goes with a list of companions: what is removed there leaves a null in its place.
            if all(each is None for each in cleaned):
                return None
            return (
                [each for each in cleaned if each not in (None, {})]
                if any(isinstance(e, dict) for e in value)
                else cleaned
            )
        return self._value(info, element, type_name, value)

    def _value(self, info: TypeInfo, element: Element, type_name: str, value: Any) -> Any:
        if value is None:
            return None
        place = f"{info.name}.{element.name}"
        if type_name == "Resource":
            return self._inner(element, value) if isinstance(value, dict) else None
        if place == "Reference.reference":
            return self._reference(str(value))
        if place == "Identifier.value":
            return self._owner.digest("identifier", str(value))[:16]
        if place == "Bundle.Entry.fullUrl":
            return self._full_url(str(value))
        if type_name == "id":
            return self._owner.digest("id", str(value))[:16]
        if type_name in ("uri", "uuid") and not _is_vocabulary(info, element):
            return f"urn:uuid:{self._uuid(str(value))}"
        if type_name in _DATED:
            return self.moved(str(value))
        if type_name in _TEXT or type_name.startswith("System."):
            return value if place in _KEPT_TEXT or self._owner.keeps_text else None
        known = self._owner.model.type(type_name)
        if known.is_primitive:
            return value
        if not isinstance(value, dict):
            return None
        walked = self._walk(known, value)
        return None if type_name == "Extension" and walked.keys() <= {"url"} else walked

    def _inner(self, element: Element, value: Mapping[str, Any]) -> dict[str, Any] | None:
        found = self.resource(value)
        if found is not None and element.name == "contained" and isinstance(value.get("id"), str):
            found["id"] = self._fragment(f"#{value['id']}")[1:]
        return found

    def _each(self, info: TypeInfo, value: Any) -> Any:
        if isinstance(value, list):
            cleaned = [self._each(info, each) or None for each in value]
            return None if all(each is None for each in cleaned) else cleaned
        return self._walk(info, value) if isinstance(value, dict) else None

    # -- replacements -----------------------------------------------------------------------------------------------

    def _id(self, kind: str, ident: str) -> str:
        return f"{kind[:4].lower()}-{self._owner.digest(kind, ident)[:16]}"

    def _uuid(self, text: str) -> str:
        found = self._owner.digest("uuid", text)
        return f"{found[:8]}-{found[8:12]}-4{found[13:16]}-8{found[17:20]}-{found[20:32]}"

    def _reference(self, text: str) -> str:
        parsed = parse_reference(text)
        if parsed.is_contained:
            return self._fragment(text)
        if parsed.type and parsed.id:
            return f"{parsed.type}/{self._id(parsed.type, parsed.id)}"
        return f"urn:uuid:{self._uuid(text)}"

    def _fragment(self, text: str) -> str:
        return text if text == "#" else f"#{self._owner.digest('contained', text[1:])[:12]}"

    def _full_url(self, text: str) -> str:
        parsed = parse_reference(text)
        if parsed.type and parsed.id:
            return f"https://removed.invalid/{parsed.type}/{self._id(parsed.type, parsed.id)}"
        return f"urn:uuid:{self._uuid(text)}"

    def moved(self, text: str) -> str:
        """A date or time moved by the days of this patient; one of a month or year moves by its middle."""
        day, length = text[:10], len(text)
        try:
            if length == 4:
                return f"{(date(int(text), 7, 1) + self._days).year:04d}"
            if length == 7:
                return (date(int(text[:4]), int(text[5:]), 15) + self._days).isoformat()[:7]
            return (date.fromisoformat(day) + self._days).isoformat() + text[10:]
        except (ValueError, OverflowError):
            return "1900"


def _is_vocabulary(info: TypeInfo, element: Element) -> bool:
    """Whether a uri says what a code, an extension or a reference means."""
    if element.name == "system":
        return info.name != "Identifier"
    return (info.name, element.name) in (("Extension", "url"), ("Reference", "type"))


def _patient_of(value: Mapping[str, Any]) -> str:
    """Something that is the same for all records of one patient: the id, wherever it stands first."""
    context = value.get("context")
    if isinstance(context, dict) and isinstance(context.get("patientId"), str):
        return str(context["patientId"]).removeprefix("Patient/")
    if value.get("resourceType") == "Patient":
        return str(value.get("id"))
    entries = value.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            return str(resource.get("id"))
    for name in ("subject", "patient", "beneficiary", "for"):
        reference = value.get(name)
        text = reference.get("reference") if isinstance(reference, dict) else None
        if isinstance(text, str) and parse_reference(text).type == "Patient":
            return str(parse_reference(text).id)
    return ""
