"""Values of expressions as FHIR JSON, and setting them at a path of a resource under construction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.fhir.model.types import Element, Model
from cds_service.fhir.structs.encoding import to_builtins
from cds_service.values.codes import Code, Concept
from cds_service.values.formatting import to_string, to_text
from cds_service.values.interval import Interval
from cds_service.values.quantity import Quantity, Ratio
from cds_service.values.temporals import Date, DateTime, Time

UCUM = "http://unitsofmeasure.org"
_SEGMENT = re.compile(r"^(?P<name>[A-Za-z_]\w*)(?:\[(?P<index>\d+|x)\])?$")
_EXTENSION = re.compile(r"""^extension\(\s*['"](?P<url>[^'"]+)['"]\s*\)$""")
_OF_TYPE = re.compile(r"^ofType\((?P<type>\w+)\)$")
_SPLIT = re.compile(r"""\.(?=(?:[^'"]*['"][^'"]*['"])*[^'"]*$)""")


class UnknownPath(CdsError):
    """A dynamic value names an element that the resource does not have, or a value that does not fit it."""

    code = "unknown-element-path"


def fhir_value(value: Any, type_name: str | None = None) -> Any:
    """`value` as FHIR JSON; `type_name` is the FHIR type of the element that it is for, where that is known."""
    match value:
        case None | bool() | int() | Decimal():
            return _number_or_text(value, type_name)
        case str():
            return _coded_text(value, type_name)
        case Date() | DateTime() | Time():
            return _temporal(value, type_name)
        case Quantity():
            quantity = {"value": value.value, "unit": value.unit}
            return quantity | {"system": UCUM, "code": value.unit}
        case Code():
            return _code(value, type_name)
        case Concept():
            concept: dict[str, Any] = {"coding": [_coding(code) for code in value.codes]}
            if value.display:
                concept["text"] = value.display
            return concept
        case Interval():
            return _interval(value, type_name)
        case Ratio():
            return {"numerator": fhir_value(value.numerator), "denominator": fhir_value(value.denominator)}
        case msgspec.Struct():
            return _element_or_reference(value, type_name)
        case list() | tuple():
            return [fhir_value(entry, type_name) for entry in value if entry is not None]
        case Mapping():
            return {name: fhir_value(entry) for name, entry in value.items() if entry is not None}
    return str(value)


def _element_or_reference(value: msgspec.Struct, type_name: str | None) -> Any:
    plain = to_builtins(value)
    if type_name == "Reference" and isinstance(plain, dict) and "resourceType" in plain and "id" in plain:
        return {"reference": f"{plain['resourceType']}/{plain['id']}"}
    return plain


def _number_or_text(value: bool | int | Decimal | None, type_name: str | None) -> Any:
    if value is not None and type_name in {"string", "markdown", "code", "id", "uri"}:
        return to_text(value)
    if type_name in {"Quantity", "Age", "Duration"} and value is not None and not isinstance(value, bool):
        return {"value": value}
    return value


def _coded_text(value: str, type_name: str | None) -> Any:
    if type_name == "CodeableConcept":
        return {"text": value}
    if type_name == "Coding":
        return {"code": value}
    if type_name == "Reference":
        return {"reference": value}
    if type_name == "Annotation":
        return {"text": value}
    return value


def _temporal(value: Date | DateTime | Time, type_name: str | None) -> str:
    text = to_string(value) or ""
    if type_name == "date":
        return text[:10]
    if type_name == "dateTime" and "T" in text and not re.search(r"(Z|[+-]\d\d:\d\d)$", text):
        return text.rstrip("T") if text.endswith("T") else f"{text}Z"
    return text


def _coding(code: Code) -> dict[str, Any]:
    coding = {"system": code.system, "version": code.version, "code": code.code, "display": code.display}
    return {name: part for name, part in coding.items() if part is not None}


def _code(code: Code, type_name: str | None) -> Any:
    if type_name in {"code", "string", "uri"}:
        return code.code
    return _coding(code) if type_name == "Coding" else {"coding": [_coding(code)]}


def _interval(value: Interval, type_name: str | None) -> Any:
    if isinstance(value.low, Quantity) or isinstance(value.high, Quantity) or type_name == "Range":
        parts = {"low": fhir_value(value.low, "Quantity"), "high": fhir_value(value.high, "Quantity")}
    else:
        parts = {"start": fhir_value(value.low, "dateTime"), "end": fhir_value(value.high, "dateTime")}
    return {name: part for name, part in parts.items() if part is not None}


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    index: int | None


def split_path(path: str) -> list[str]:
    """The segments of an element path; what only says "this resource" is left out."""
    parts: list[str] = []
    for part in _SPLIT.split(path.strip().replace("ofType(FHIR.", "ofType(")):
        if parts and (match := _OF_TYPE.match(part)):
            parts[-1] += match["type"][:1].upper() + match["type"][1:]  # value.ofType(Quantity) is valueQuantity
        elif part:
            parts.append(part)
    while parts and parts[0] in {"%resource", "$this", "%context", "%action"}:
        parts = parts[1:]
    return parts


def has_element(model: Model, type_name: str, path: str) -> bool:
    """Whether the first segment of `path` is an element of the type."""
    parts = split_path(path)
    info = model.get(type_name)
    if info is None or not parts:
        return False
    if parts[0] == type_name:
        parts = parts[1:]
    if not parts:
        return False
    match = _SEGMENT.match(parts[0])
    return info.element(match["name"]) is not None if match else parts[0].startswith("extension(")


def set_path(target: dict[str, Any], type_name: str, path: str, value: Any, model: Model) -> None:
    """Put `value` at `path` of the JSON object `target`, which is of FHIR type `type_name`; None leaves it as it is."""
    parts = split_path(path)
    if parts and parts[0] == type_name:
        parts = parts[1:]
    if not parts:
        raise UnknownPath(f"The path {path!r} names no element.", remedy="Name an element of the resource.")
    if value is None:
        return
    current, current_type = target, type_name
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if extension := _EXTENSION.match(part):
            current, current_type = _extension(current, extension["url"]), "Extension"
            if is_last:
                set_path(current, "Extension", "value", value, model)
            continue
        match = _SEGMENT.match(part)
        if not match:
            raise UnknownPath(f"The path {path!r} cannot be followed: {part}.")
        if match["name"] in {"first", "last"}:
            continue
        element, name, element_type = _element(model, current_type, match["name"], value if is_last else None, path)
        index = int(match["index"]) if match["index"] and match["index"] != "x" else None
        if is_last:
            found = fhir_value(value, element_type)
            if not _fits(found, element_type) or (not element.is_list and isinstance(found, list) and len(found) > 1):
                raise UnknownPath(f"The value does not fit {path!r}, which is {element_type}.")
            if element.is_choice:
                for other in element.attributes.values():
                    current.pop(other, None)  # of several types that an element may have it has one
            _assign(current, name, index, element, found)
            return
        current, current_type = _descend(current, name, index, element), element_type


_NUMBERS = {"boolean": bool, "integer": int, "positiveInt": int, "unsignedInt": int, "decimal": int | float | Decimal}


def _fits(value: Any, type_name: str) -> bool:
    """Whether a JSON value may stand in an element of the type."""
    if isinstance(value, list):
        return all(_fits(entry, type_name) for entry in value)
    if type_name in _NUMBERS:
        return isinstance(value, _NUMBERS[type_name]) and (type_name == "boolean") == isinstance(value, bool)
    return isinstance(value, str if type_name[:1].islower() else dict)


def close_gaps(element: Any) -> None:
    """Drop the empty objects that paths with high indexes, and paths that failed, left in the element."""
    if isinstance(element, list):
        for entry in element:
            close_gaps(entry)
        element[:] = [entry for entry in element if entry != {}]
    elif isinstance(element, dict):
        for name, value in list(element.items()):
            close_gaps(value)
            if value in ({}, []):
                del element[name]


def _element(model: Model, type_name: str, name: str, value: Any, path: str) -> tuple[Element, str, str]:
    info = model.get(type_name)
    element = info.element(name) if info else None
    if element is None:
        raise UnknownPath(f"{type_name} has no element {name} (path {path!r}).", remedy="Correct the path.")
    if not element.is_choice:
        return element, element.name, element.types[0]
    for choice, attribute in element.attributes.items():
        if attribute == name:
            return element, attribute, choice
    choice = _choose(element, value)
    return element, element.attributes[choice], choice


def _choose(element: Element, value: Any) -> str:
    wishes: tuple[str, ...]
    match value:
        case bool():
            wishes = ("boolean",)
        case int():
            wishes = ("integer", "positiveInt", "unsignedInt", "decimal", "Quantity")
        case Decimal():
            wishes = ("decimal", "Quantity")
        case str():
            wishes = ("string", "markdown", "code", "uri", "CodeableConcept", "Reference", "dateTime", "date")
        case Quantity():
            wishes = ("Quantity", "Age", "Duration", "Range")
        case Date():
            wishes = ("date", "dateTime")
        case DateTime():
            wishes = ("dateTime", "instant", "date", "Timing")
        case Code() | Concept():
            wishes = ("CodeableConcept", "Coding", "code")
        case Interval():
            wishes = ("Range",) if isinstance(value.low or value.high, Quantity) else ("Period",)
        case msgspec.Struct():
            wishes = (str(getattr(value, "fhir_type", "")),)
        case _:
            wishes = ()
    for wish in wishes:
        if wish in element.attributes:
            return wish
    return next(iter(element.attributes))


def _assign(current: dict[str, Any], name: str, index: int | None, element: Element, value: Any) -> None:
    if not element.is_list:
        current[name] = value[0] if isinstance(value, list) and len(value) == 1 else value
        return
    entries = current.setdefault(name, [])
    if index is None:
        current[name] = value if isinstance(value, list) else [value]
    else:
        while len(entries) <= index:
            entries.append({})
        entries[index] = value


def _descend(current: dict[str, Any], name: str, index: int | None, element: Element) -> dict[str, Any]:
    if not element.is_list:
        found: dict[str, Any] = current.setdefault(name, {})
        return found
    entries: list[dict[str, Any]] = current.setdefault(name, [])
    wanted = index or 0
    while len(entries) <= wanted:
        entries.append({})
    return entries[wanted]


def _extension(current: dict[str, Any], url: str) -> dict[str, Any]:
    extensions: list[dict[str, Any]] = current.setdefault("extension", [])
    for extension in extensions:
        if extension.get("url") == url:
            return extension
    extensions.append({"url": url})
    return extensions[-1]
