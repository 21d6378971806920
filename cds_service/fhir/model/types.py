"""The types of FHIR R4 and their elements, read from `r4.json` when they are first asked for."""

from __future__ import annotations

import difflib
import functools
import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final, Literal

import msgspec

from cds_service.errors import CdsError

Kind = Literal["resource", "complex", "nested", "primitive", "code"]


class UnknownFhirType(CdsError):
    """A type name that FHIR R4 does not have."""

    code = "unknown-fhir-type"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: its types, its cardinality, and the names that a decoded resource has for it."""

    name: str
    types: tuple[str, ...]
    is_list: bool
    is_choice: bool
    required: bool
    targets: tuple[str, ...]
    attributes: Mapping[str, str]
    binding: str | None = None

    @property
    def attribute(self) -> str:
        """The attribute of an element that is no choice."""
        return self.attributes[self.types[0]]

    @property
    def json_names(self) -> tuple[str, ...]:
        """The member names in JSON, one for each type of a choice."""
        if not self.is_choice:
            return (self.name,)
        return tuple(self.attributes.values())


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One type: what it is derived from, and its elements in the order of the specification."""

    name: str
    base: str | None
    kind: Kind
    abstract: bool
    system: str | None
    own: tuple[Element, ...]
    elements: Mapping[str, Element]
    primary_code_path: str | None = None
    patient_path: str | None = None
    patient_search: str | None = None
    _by_attribute: Mapping[str, Element] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_resource(self) -> bool:
        return self.kind == "resource"

    @property
    def is_primitive(self) -> bool:
        """Whether JSON writes a value of it as a bare string, number or boolean."""
        return self.kind in ("primitive", "code")

    def element(self, name: str) -> Element | None:
        """The element of that name; a choice is found by its base name and by the name of each alternative."""
        return self.elements.get(name) or self._by_attribute.get(name)


class _Entry(msgspec.Struct):
    kind: Kind
    elements: list[str]
    base: str | None = None
    abstract: bool = False
    system: str | None = None
    code: str | None = None
    patient: str | None = None
    search: str | None = None


class _File(msgspec.Struct):
    version: str
    types: dict[str, _Entry]


class Model:
    """FHIR R4 (4.0.1): its types by name, made when they are first asked for."""

    name: Final = "FHIR"

    def __init__(self, body: bytes) -> None:
        file = msgspec.json.decode(body, type=_File)
        self.version: Final = file.version
        self._entries = file.types
        self._types: dict[str, TypeInfo] = {}
        self.names: Final = tuple(file.types)
        self.resources: Final = tuple(
            name for name, entry in file.types.items() if entry.kind == "resource" and not entry.abstract
        )
        self._resource_names = frozenset(self.resources)

    @functools.cached_property
    def enumerations(self) -> frozenset[str]:
        """The names of the code enumerations that elements are bound to."""
        return frozenset(
            part.split("(")[0].split("#")[1]
            for entry in self._entries.values()
            for text in entry.elements
            if "#" in text
            for part in text.partition(" ")[2].split("|")
            if "#" in part
        )

    def is_resource(self, name: str) -> bool:
        """Whether `name` is a concrete resource type."""
        return name in self._resource_names

    def get(self, name: str) -> TypeInfo | None:
        """The type of that name, or none."""
        found = self._types.get(name)
        if found is None:
            entry = self._entries.get(name)
            if entry is None:
                if name not in self.enumerations:
                    return None
                entry = _Entry(kind="code", elements=[], base="code", system="String")
            found = self._types[name] = self._make(name, entry)
        return found

    def type(self, name: str) -> TypeInfo:
        """The type of that name; an error that names the nearest ones when there is none."""
        found = self.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self.names, n=3)
            remedy = f"Did you mean {' or '.join(near)}?" if near else ""
            raise UnknownFhirType(f'FHIR R4 has no type "{name}".', remedy=remedy)
        return found

    def is_subtype(self, name: str, of: str) -> bool:
        """Whether `name` is `of` or derived from it."""
        current: str | None = name
        while current is not None:
            if current == of:
                return True
            info = self.get(current)
            current = info.base if info else None
        return False

    def _make(self, name: str, entry: _Entry) -> TypeInfo:
        own = tuple(parse_element(text) for text in entry.elements)
        if entry.kind in ("primitive", "code"):
            system = f"System.{entry.system}"
            own = (Element("value", (system,), False, False, False, (), {system: "value"}),)
        inherited = self.type(entry.base).elements if entry.base else {}
        elements = {**inherited, **{element.name: element for element in own}}
        return TypeInfo(
            name=name,
            base=entry.base,
            kind=entry.kind,
            abstract=entry.abstract,
            system=entry.system,
            own=own,
            elements=elements,
            primary_code_path=entry.code,
            patient_path=entry.patient,
            patient_search=entry.search,
            _by_attribute={
                attribute: element for element in elements.values() for attribute in element.attributes.values()
            },
        )


def attribute_name(element_name: str) -> str:
    """The Python attribute for a FHIR element: the same name, with an underscore after Python's keywords."""
    return f"{element_name}_" if keyword.iskeyword(element_name) else element_name


def parse_element(text: str) -> Element:
    """One element from the notation of the data file, which `build.py` describes."""
    head, _, tail = text.partition(" ")
    sign = head[-1] if head[-1] in "!*+" else ""
    head = head.removesuffix(sign) if sign else head
    is_choice = head.endswith("[x]")
    name = head.removesuffix("[x]")
    types: list[str] = []
    targets: list[str] = []
    binding = None
    for part in tail.split("|"):
        type_name, _, inside = part.partition("(")
        targets += [target for target in inside.rstrip(")").split(",") if target]
        type_name, _, enumeration = type_name.partition("#")
        binding = enumeration or binding
        types.append(type_name)
    if is_choice:
        attributes = {type_name: f"{name}{type_name[0].upper()}{type_name[1:]}" for type_name in types}
    else:
        attributes = {types[0]: attribute_name(name)}
    return Element(
        name=name,
        types=tuple(types),
        is_list=sign in ("*", "+"),
        is_choice=is_choice,
        required=sign in ("!", "+"),
        targets=tuple(targets),
        attributes=attributes,
        binding=binding,
    )


@functools.cache
def r4() -> Model:
    """The model of FHIR R4, read once."""
    return Model(resources.files("cds_service.fhir.model").joinpath("r4.json").read_bytes())
