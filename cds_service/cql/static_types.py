"""The types that expressions have before anything runs: System and FHIR types, lists, intervals, tuples, choices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.errors import Span


class Type:
    """What is known of a value before there is one."""

    __slots__ = ()


@dataclass(slots=True, eq=False, weakref_slot=True)
class Typed:
    """Something in a text that has a value of a known type; the kinds of it are in `tree.py`."""

    type: Type
    span: Span


@dataclass(frozen=True, slots=True)
class Named(Type):
    """A type with a name: `Integer` of System, `Patient` of FHIR."""

    name: str
    namespace: str = "System"

    def __str__(self) -> str:
        if self is NULL or self == NULL:
            return "Any"
        return self.name if self.namespace == "System" else f"{self.namespace}.{self.name}"


@dataclass(frozen=True, slots=True)
class ListOf(Type):
    """`List<element>`."""

    element: Type

    def __str__(self) -> str:
        return f"List<{self.element}>"


@dataclass(frozen=True, slots=True)
class IntervalOf(Type):
    """`Interval<point>`."""

    point: Type

    def __str__(self) -> str:
        return f"Interval<{self.point}>"


@dataclass(frozen=True, slots=True)
class TupleOf(Type):
    """`Tuple { name Type, .. }`; two tuples with the same elements in another order are the same type."""

    elements: tuple[tuple[str, Type], ...]

    @classmethod
    def of(cls, elements: Iterable[tuple[str, Type]]) -> TupleOf:
        """The tuple type of these elements, whatever their order."""
        return cls(tuple(sorted(elements, key=lambda pair: pair[0])))

    def element(self, name: str) -> Type | None:
        """The type of the element `name`; None when there is none."""
        return next((found for own, found in self.elements if own == name), None)

    def __str__(self) -> str:
        return "Tuple{" + ", ".join(f"{name} {kind}" for name, kind in self.elements) + "}"


_SHOWN = 16


@dataclass(frozen=True, slots=True)
class ChoiceOf(Type):
    """`Choice<A, B>`: a value of one of these types."""

    options: tuple[Type, ...]

    def __str__(self) -> str:
        shown = [str(option) for option in self.options]
        if len(shown) > _SHOWN:  # the open choice of an extension has fifty
            shown = [*shown[:3], f"{len(shown) - 3} more"]
        return "Choice<" + ", ".join(shown) + ">"


@dataclass(frozen=True, slots=True)
class Variable(Type):
    """The `T` of a generic signature."""

    name: str

    def __str__(self) -> str:
        return self.name


ANY = Named("Any")
NULL = Named("Null", "System.Literal")  # the type of a bare `null`: anything may be asked of it
ERROR = Named("Error", "System.Literal")  # what already has been reported; never reported twice
BOOLEAN = Named("Boolean")
INTEGER = Named("Integer")
LONG = Named("Long")
DECIMAL = Named("Decimal")
STRING = Named("String")
DATE = Named("Date")
DATETIME = Named("DateTime")
TIME = Named("Time")
QUANTITY = Named("Quantity")
RATIO = Named("Ratio")
CODE = Named("Code")
CONCEPT = Named("Concept")
VOCABULARY = Named("Vocabulary")
VALUE_SET = Named("ValueSet")
CODE_SYSTEM = Named("CodeSystem")

SYSTEM_TYPES: dict[str, Named] = {
    kind.name: kind
    for kind in (
        ANY, BOOLEAN, INTEGER, LONG, DECIMAL, STRING, DATE, DATETIME, TIME, QUANTITY, RATIO, CODE, CONCEPT,
        VOCABULARY, VALUE_SET, CODE_SYSTEM,
    )
}  # fmt: skip

# The elements of System's structured types, with the attribute names of the values at run time.
SYSTEM_ELEMENTS: dict[Named, dict[str, Type]] = {
    QUANTITY: {"value": DECIMAL, "unit": STRING},
    RATIO: {"numerator": QUANTITY, "denominator": QUANTITY},
    CODE: {"code": STRING, "system": STRING, "version": STRING, "display": STRING},
    CONCEPT: {"codes": ListOf(CODE), "display": STRING},
    VOCABULARY: {"id": STRING, "version": STRING, "name": STRING},
    VALUE_SET: {"id": STRING, "version": STRING, "name": STRING, "codesystems": ListOf(CODE_SYSTEM)},
    CODE_SYSTEM: {"id": STRING, "version": STRING, "name": STRING},
}


def fhir(name: str) -> Named:
    """The FHIR type of this name."""
    return Named(name, "FHIR")


def choice_of(options: Iterable[Type]) -> Type:
    """The choice of these types, flattened and without doubles; the type itself if only one is left."""
    flat: list[Type] = []
    for option in options:
        for single in option.options if isinstance(option, ChoiceOf) else (option,):
            if single not in flat and single not in (NULL,):
                flat.append(single)
    if not flat:
        return NULL
    if ERROR in flat:
        return ERROR
    return flat[0] if len(flat) == 1 else ChoiceOf(tuple(flat))


def is_unsettled(kind: Type) -> bool:
    """True where `null` or an empty list left the type, or a part of it, open."""
    if isinstance(kind, ListOf):
        return is_unsettled(kind.element)
    if isinstance(kind, IntervalOf):
        return is_unsettled(kind.point)
    return kind == NULL


def has_error(kind: Type) -> bool:
    """True where a mistake that was already reported left the type, or a part of it, unknown."""
    if isinstance(kind, ListOf):
        return has_error(kind.element)
    if isinstance(kind, IntervalOf):
        return has_error(kind.point)
    if isinstance(kind, ChoiceOf):
        return any(has_error(option) for option in kind.options)
    if isinstance(kind, TupleOf):
        return any(has_error(found) for _, found in kind.elements)
    return kind == ERROR
