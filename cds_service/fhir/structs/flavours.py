"""One msgspec Struct per FHIR type: with every element (full), or with only those that logic reads (lean).

Attributes have the names of the JSON members; a Python keyword gets an underscore (`class_`). An absent element is
None, an absent list the empty tuple. Choices are separate attributes (`valueQuantity`, `valueString`), and a
primitive has its companion beside it (`_birthDate`). Dates and times stay text; whoever knows the type converts.
A struct is made when it is first asked for, together with the types that its elements need.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import Meta

from cds_service.fhir.model.types import Element, Model, TypeInfo, attribute_name, r4


class _All(Enum):
    ALL = "all"

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = _All.ALL
"""In `reads`: every element of the type."""

Reads = Mapping[str, "frozenset[str] | _All"]
Struct = msgspec.Struct

_DATE = r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
# Servers in use leave out seconds or the zone now and then; that much is read. What is no date at all is not.
_LAX_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]+)?)?(?:Z|[+-][01][0-9]:[0-5][0-9])?"

TEMPORAL_PATTERNS: Final[Mapping[str, str]] = {
    "date": rf"^{_DATE})?)?$",
    "dateTime": rf"^{_DATE}(?:T{_LAX_CLOCK})?)?)?$",
    "instant": rf"^{_DATE}T{_LAX_CLOCK}))$",
    "time": rf"^{_CLOCK}$",
}
_TEMPORAL_TEXT: Final = Annotated[str, Meta(min_length=4, max_length=40)]

PRIMITIVE_TYPES: Final[Mapping[str, Any]] = {
    "boolean": bool,
    "integer": Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    "positiveInt": Annotated[int, Meta(ge=1, le=2**31 - 1)],
    "unsignedInt": Annotated[int, Meta(ge=0, le=2**31 - 1)],
    "decimal": Decimal,
    **{name: Annotated[str, Meta(pattern=pattern)] for name, pattern in TEMPORAL_PATTERNS.items()},
}

# What is read of these data types whenever anything of them is read: the engine itself (code indexes, references,
# quantities, pages of a search) needs it.
_FLOOR: Final[Mapping[str, frozenset[str]]] = {
    "Bundle": frozenset({"type", "link", "entry", "timestamp"}),
    "Bundle.Link": frozenset({"relation", "url"}),
    "Bundle.Entry": frozenset({"fullUrl", "resource"}),
    "CodeableConcept": frozenset({"coding", "text"}),
    "Coding": frozenset({"system", "code", "version", "display"}),
    "Meta": frozenset({"versionId", "lastUpdated"}),
    "OperationOutcome": frozenset({"issue"}),
    "OperationOutcome.Issue": frozenset({"severity"}),
    "Period": frozenset({"start", "end"}),
    "Quantity": frozenset({"value", "comparator", "unit", "system", "code"}),
    "Reference": frozenset({"reference", "type", "identifier"}),
    "Identifier": frozenset({"system", "value"}),
}
_NEVER_BY_DEFAULT: Final = frozenset({"id", "extension", "modifierExtension"})
_RESOURCE_FLOOR: Final = frozenset({"id", "meta"})
# Whether these are drafts or proposals is asked before any logic is.
_WITH_STATUS: Final = frozenset(
    {"ServiceRequest", "MedicationRequest", "DeviceRequest", "NutritionOrder", "VisionPrescription", "Appointment"}
)
_DECIMAL_DIGITS: Final = 28
_LEAST_DIGIT: Final = -10 * _DECIMAL_DIGITS


def _check_decimals(*attributes: str) -> Any:
    """A `__post_init__` that refuses decimals which no clinical quantity has and which arithmetic would choke on."""

    def refuse(value: Decimal) -> bool:
        return not value.is_finite() or value.adjusted() > _DECIMAL_DIGITS or value.adjusted() < _LEAST_DIGIT

    if attributes == ("value",):

        def check_value(self: Any) -> None:
            # The same, written out: there is one for each quantity of a request.
            value = self.value
            if value is not None and not (
                value.__class__ is Decimal and value.is_finite() and _LEAST_DIGIT <= value.adjusted() <= _DECIMAL_DIGITS
            ):
                raise ValueError("Expected a decimal of at most 28 digits")

        return check_value

    def check_all(self: Any) -> None:
        for attribute in attributes:
            value = getattr(self, attribute)
            for number in value if value.__class__ in (list, tuple) else (value,):
                if number is not None and (number.__class__ is not Decimal or refuse(number)):
                    raise ValueError("Expected a decimal of at most 28 digits")

    return check_all


class Structs:
    """The Structs of one flavour: `struct_for("Observation")`, and `union` for a place that holds any resource."""

    def __init__(self, model: Model, reads: Reads | None) -> None:
        self.model = model
        self.reads = reads
        self._made: dict[str, type[Struct]] = {}

    @property
    def is_full(self) -> bool:
        return self.reads is None

    def struct_for(self, type_name: str) -> type[Struct]:
        """The Struct of a FHIR type; made on first use, with all that it refers to."""
        found = self._made.get(type_name)
        if found is None:
            self._make_closure(type_name)
            found = self._made[type_name]
        return found

    def new(self, type_name: str, **attributes: Any) -> Any:
        """A new element of that type with the given attributes."""
        return self.struct_for(type_name)(**attributes)

    @functools.cached_property
    def union(self) -> Any:
        """The annotation for any resource: a union told apart by `resourceType`. Lean flavour: made once, at load."""
        self.struct_for("Bundle")  # refers to every resource type, so this makes them all
        return self._any_resource()

    def _any_resource(self) -> Any:
        return Union[tuple(self._made[name] for name in self.model.resources)]  # noqa: UP007 (made at run time)

    def element_names(self, type_name: str) -> frozenset[str] | None:
        """The elements that this flavour has of a type; None for all."""
        if self.reads is None:
            return None
        info = self.model.type(type_name)
        named = self.reads.get(type_name)
        if named is ALL:
            return None
        floor = _FLOOR.get(type_name, frozenset())
        if info.is_resource:
            floor |= _RESOURCE_FLOOR | self._patient_elements(info)
            if type_name in _WITH_STATUS:
                floor |= {"status"}
            return floor | (named or frozenset())
        if named is None:
            # Somebody reads an element of this type without saying what of it: everything but the rarities.
            return floor if floor else frozenset(info.elements) - _NEVER_BY_DEFAULT
        return floor | named | self._patient_steps(type_name)

    @staticmethod
    def _patient_elements(info: TypeInfo) -> frozenset[str]:
        return frozenset({info.patient_path.split(".")[0]}) if info.patient_path else frozenset()

    def _patient_steps(self, type_name: str) -> frozenset[str]:
        """The element of a nested type on the way to the patient (`participant.actor`)."""
        resource_name, _, rest = type_name.partition(".")
        path = (self.model.type(resource_name).patient_path or "").split(".")
        if len(path) == 2 and rest.lower() == path[0].lower():
            return frozenset({path[1]})
        return frozenset()

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_closure(self, type_name: str) -> None:
        """Make a type and all it refers to; annotations are filled in once every class exists."""
        pending = [type_name]
        annotations: dict[str, dict[str, Any]] = {}
        while pending:
            name = pending.pop()
            if name in self._made:
                continue
            fields = list(self._fields(name))
            self._made[name] = self._make(name, [(attribute, default) for attribute, _, _, default in fields])
            annotations[name] = {attribute: (target, is_list) for attribute, target, is_list, _ in fields}
            for _, target, _, _ in fields:
                if target == "Resource":
                    pending += self.model.resources
                elif target not in PRIMITIVE_TYPES and target not in ("str", "Raw"):
                    pending.append(target)
        for name, wanted in annotations.items():
            # The top of a lean resource is checked for dates in bulk, see `checking`: a pattern each doubles the cost.
            bulk = not self.is_full and (self.model.type(name).is_resource or name == "Meta")
            self._made[name].__annotations__ = {
                attribute: self._annotation(target, is_list, bulk) for attribute, (target, is_list) in wanted.items()
            }

    def _fields(self, type_name: str) -> Iterator[tuple[str, str, bool, Any]]:
        """Attribute, type, whether a list, and default of each field; primitive types other than those with a check
        are `str`."""
        wanted = self.element_names(type_name)
        info = self.model.type(type_name)
        for element in info.elements.values():
            for fhir_type, attribute in element.attributes.items():
                named = wanted is None or element.name in wanted or attribute in wanted
                if named:
                    target = "Raw" if self._is_left_raw(info, element) else self._target(fhir_type)
                    yield attribute, target, element.is_list, () if element.is_list else None
                companion = f"_{element.name if not element.is_choice else attribute}"
                if self._has_companion(info, element, fhir_type) and (wanted is None or companion in wanted):
                    yield companion, "Element", element.is_list, () if element.is_list else None

    def _is_left_raw(self, info: TypeInfo, element: Element) -> bool:
        """Whether an element stays JSON text: Meta that no logic reads, which only tells copies of a resource apart."""
        if self.reads is None or not info.is_resource or element.name != "meta":
            return False
        named = self.reads.get(info.name, frozenset())
        return named is not ALL and "meta" not in named

    def _has_companion(self, info: TypeInfo, element: Element, fhir_type: str) -> bool:
        if fhir_type == "Resource" or fhir_type.startswith("System.") or fhir_type == "xhtml":
            return False
        if element.name == "id" and not info.is_resource:
            return False
        return self.model.type(fhir_type).is_primitive

    def _target(self, fhir_type: str) -> str:
        if fhir_type == "Resource" or fhir_type in PRIMITIVE_TYPES:
            return fhir_type
        if fhir_type.startswith("System.") or self.model.type(fhir_type).is_primitive:
            return "str"
        return fhir_type

    def _annotation(self, target: str, is_list: bool, bulk: bool) -> Any:
        kind: Any
        if target == "Raw":
            return msgspec.Raw
        if bulk and target in TEMPORAL_PATTERNS:
            kind = _TEMPORAL_TEXT
        elif target == "Resource":
            kind = self._any_resource()
        elif target == "str":
            kind = str
        else:
            kind = PRIMITIVE_TYPES.get(target) or self._made[target]
        if not is_list:
            return kind | None
        primitive = target == "str" or target in PRIMITIVE_TYPES or target == "Element"
        return list[kind | None] if primitive else list[kind]

    def _make(self, type_name: str, fields: list[tuple[str, Any]]) -> type[Struct]:
        info = self.model.type(type_name)
        namespace: dict[str, Any] = {"fhir_type": type_name}
        decimals = tuple(
            attribute
            for element in info.elements.values()
            for fhir_type, attribute in element.attributes.items()
            if fhir_type == "decimal" and any(attribute == name for name, _ in fields)
        )
        if decimals:
            namespace["__post_init__"] = _check_decimals(*decimals)
        renamed = {attribute: attribute[:-1] for attribute, _ in fields if attribute_name(attribute[:-1]) == attribute}
        return msgspec.defstruct(
            type_name.replace(".", ""),
            [(attribute, Any, default) for attribute, default in fields],
            namespace=namespace,
            module="cds_service.fhir.structs.made",
            tag_field="resourceType" if info.is_resource else None,
            tag=type_name if info.is_resource else None,
            rename=renamed or None,
            omit_defaults=True,
            kw_only=True,
            gc=False,
        )


@functools.cache
def full() -> Structs:
    """The Structs with every element of FHIR R4."""
    return Structs(r4(), None)


def lean(reads: Reads) -> Structs:
    """The Structs with only what is read; `reads` maps type names to element names, or to ALL."""
    return Structs(r4(), dict(reads))
