"""How types relate: which is a kind of which, what converts into what at which cost, what two have in common.

Costs order the candidates of an overload: the same type is free, a supertype nearly so, then `null`, then the
conversions in the order of how much they change. FHIRHelpers' conversions are known here by themselves, whichever
version of that library a text names.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    ERROR,
    INTEGER,
    LONG,
    NULL,
    QUANTITY,
    RATIO,
    STRING,
    SYSTEM_ELEMENTS,
    TIME,
    VALUE_SET,
    VOCABULARY,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    choice_of,
    fhir,
    has_error,
)
from cds_service.fhir.model.types import Element, Model, TypeInfo


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a value of one type becomes one of another: `kind` names the step, `parts` what happens inside it."""

    kind: str
    cost: float
    target: Type
    parts: tuple[tuple[Type, Conversion], ...] = ()


SAME, SUBTYPE, FROM_NULL, WIDEN, CAST, SIMPLE, COMPLEX = 0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0

_SYSTEM_CONVERSIONS: dict[tuple[Type, Type], tuple[str, float]] = {
    (INTEGER, LONG): ("integer-long", SIMPLE),
    (INTEGER, DECIMAL): ("integer-decimal", SIMPLE + 0.1),
    (INTEGER, QUANTITY): ("integer-quantity", COMPLEX),
    (LONG, DECIMAL): ("integer-decimal", SIMPLE + 0.1),
    (LONG, QUANTITY): ("integer-quantity", COMPLEX),
    (DECIMAL, QUANTITY): ("decimal-quantity", COMPLEX),
    (DATE, DATETIME): ("date-datetime", SIMPLE),
    (CODE, CONCEPT): ("code-concept", COMPLEX),
    (VALUE_SET, ListOf(CODE)): ("value-set-codes", COMPLEX),
}

# FHIR's structured types with a counterpart in System, and the name of the step.
_STRUCTURED: dict[str, tuple[Type, str]] = {
    "Quantity": (QUANTITY, "fhir-quantity"),
    "Coding": (CODE, "fhir-code"),
    "CodeableConcept": (CONCEPT, "fhir-concept"),
    "Period": (IntervalOf(DATETIME), "fhir-period"),
    "Range": (IntervalOf(QUANTITY), "fhir-range"),
    "Ratio": (RATIO, "fhir-ratio"),
}

# Primitive FHIR values whose text has to be read; all others are at run time already what System wants.
_PRIMITIVE_STEPS: dict[Type, str] = {DATE: "fhir-date", DATETIME: "fhir-datetime", TIME: "fhir-time"}

_POINTS = (INTEGER, LONG, DECIMAL, QUANTITY, DATE, DATETIME, TIME)


class Relations:
    """Everything that is asked about types while one set of libraries compiles; answers are kept."""

    def __init__(self, model: Model | None) -> None:
        self._model = model
        self._conversions: dict[tuple[Type, Type], Conversion | None] = {}
        self._system: dict[Type, tuple[Type, str] | None] = {}
        self._types: dict[str, TypeInfo | None] = {}

    # --- the model -----------------------------------------------------------------------------

    @property
    def has_model(self) -> bool:
        """Whether FHIR types are known at all."""
        return self._model is not None

    def model_type(self, name: str) -> TypeInfo | None:
        """The FHIR type of this name; None when there is none."""
        if name not in self._types:
            self._types[name] = self._model.get(name) if self._model is not None else None
        return self._types[name]

    def model_names(self) -> tuple[str, ...]:
        """The names of all FHIR types, to say what was probably meant."""
        return tuple(self._model.names) if self._model is not None else ()

    def ancestors(self, kind: Named) -> list[Named]:
        """The type itself and everything that it is a kind of, nearest first, without Any."""
        if kind.namespace != "FHIR":
            return [kind, VOCABULARY] if kind in (VALUE_SET, CODE_SYSTEM) else [kind]
        found: list[Named] = []
        name: str | None = kind.name
        while name is not None:
            found.append(fhir(name))
            info = self.model_type(name)
            name = info.base if info else None
        return found

    def is_resource(self, kind: Type) -> bool:
        """Whether values of this type are resources (a choice: whether any option is)."""
        if isinstance(kind, ChoiceOf):
            return any(self.is_resource(option) for option in kind.options)
        if not isinstance(kind, Named) or kind.namespace != "FHIR":
            return False
        return self.ancestors(kind)[-1].name == "Resource"

    def is_primitive(self, kind: Type) -> bool:
        """Whether values of this type are bare Python values that do not know their FHIR type."""
        if not isinstance(kind, Named) or kind.namespace != "FHIR":
            return False
        info = self.model_type(kind.name)
        return info is not None and info.kind in ("primitive", "code")

    def system_type(self, kind: Type) -> tuple[Type, str] | None:
        """The System counterpart of a FHIR type and the step that leads there; None when there is none."""
        if kind in self._system:
            return self._system[kind]
        found: tuple[Type, str] | None = None
        if isinstance(kind, Named) and kind.namespace == "FHIR":
            for ancestor in self.ancestors(kind):
                info = self.model_type(ancestor.name)
                if ancestor.name in _STRUCTURED:
                    found = _STRUCTURED[ancestor.name]
                    break
                if info is not None and info.system is not None:
                    target = Named(info.system)
                    found = (target, _PRIMITIVE_STEPS.get(target, "same"))
                    break
        self._system[kind] = found
        return found

    def systemized(self, kind: Type) -> Type:
        """The type with every FHIR type that has a System counterpart replaced by it."""
        if isinstance(kind, ListOf):
            return ListOf(self.systemized(kind.element))
        found = self.system_type(kind)
        return found[0] if found else kind

    def elements(self, kind: Type) -> dict[str, Type]:
        """The elements of a type by name; empty for a type without any."""
        if isinstance(kind, TupleOf):
            return dict(kind.elements)
        if isinstance(kind, IntervalOf):
            return {"low": kind.point, "high": kind.point, "lowClosed": BOOLEAN, "highClosed": BOOLEAN}
        if isinstance(kind, ChoiceOf):
            merged: dict[str, Type] = {}
            for option in kind.options:
                for name, found in self.elements(option).items():
                    merged[name] = choice_of((merged[name], found)) if name in merged else found
            return merged
        if isinstance(kind, Named) and kind.namespace == "FHIR":
            info = self.model_type(kind.name)
            return {name: self.element_type(element) for name, element in info.elements.items()} if info else {}
        return SYSTEM_ELEMENTS.get(kind, {}) if isinstance(kind, Named) else {}

    def element_type(self, element: Element) -> Type:
        """The type of what an element of the model holds."""
        if element.binding is not None and self.model_type(element.binding) is not None:
            kind: Type = fhir(element.binding)
        else:
            kind = choice_of(self._named(name) for name in element.types)
        return ListOf(kind) if element.is_list else kind

    def _named(self, name: str) -> Type:
        return Named(name.removeprefix("System.")) if name.startswith("System.") else fhir(name)

    # --- relations -----------------------------------------------------------------------------

    def is_subtype(self, kind: Type, of: Type) -> bool:
        """Whether every value of `kind` is a value of `of` (reflexive)."""
        if kind == of or of == ANY:
            return True
        if isinstance(of, ChoiceOf):
            options = kind.options if isinstance(kind, ChoiceOf) else (kind,)
            return all(any(self.is_subtype(option, single) for single in of.options) for option in options)
        if isinstance(kind, ListOf) and isinstance(of, ListOf):
            return self.is_subtype(kind.element, of.element)
        if isinstance(kind, IntervalOf) and isinstance(of, IntervalOf):
            return self.is_subtype(kind.point, of.point)
        if isinstance(kind, TupleOf) and isinstance(of, TupleOf):
            names = [name for name, _ in kind.elements]
            return names == [name for name, _ in of.elements] and all(
                self.is_subtype(own, other) for (_, own), (_, other) in zip(kind.elements, of.elements, strict=True)
            )
        if isinstance(kind, Named) and isinstance(of, Named):
            return of in self.ancestors(kind)
        return False

    def conversion(self, kind: Type, target: Type) -> Conversion | None:
        """The cheapest way from one type to the other; None when there is none."""
        key = (kind, target)
        if key not in self._conversions:
            self._conversions[key] = None  # a type inside itself does not lead anywhere new
            self._conversions[key] = self._find(kind, target)
        return self._conversions[key]

    def _find(self, kind: Type, target: Type) -> Conversion | None:
        if kind == target or has_error(kind) or has_error(target):
            return Conversion("same", SAME, target)
        if kind == NULL:
            structured = isinstance(target, ListOf | IntervalOf)
            return Conversion("same", FROM_NULL + (0.5 if structured else 0.0), target)
        if isinstance(target, ChoiceOf) or target == ANY:
            return self._into_choice(kind, target)
        if isinstance(kind, ChoiceOf):
            return self._out_of_choice(kind, target)
        if self.is_subtype(kind, target):
            return Conversion("same", SUBTYPE, target)
        if kind == ANY:
            return Conversion("cast", CAST + COMPLEX, target)
        for inner in (self._elementwise(kind, target), self._system_step(kind, target), self._fhir_step(kind, target)):
            if inner is not None:
                return inner
        return None

    def _into_choice(self, kind: Type, target: Type) -> Conversion | None:
        if isinstance(kind, ChoiceOf) and target != ANY:
            shared = [option for option in kind.options if self.is_subtype(option, target)]
            if len(shared) == len(kind.options):
                return Conversion("same", SUBTYPE, target)
            return Conversion("narrow", CAST, target) if shared else None
        if target != ANY and not self.is_subtype(kind, target):
            return None
        cost = WIDEN + 3 if target == ANY else WIDEN
        return Conversion(self._tagging(kind), cost, target, ((kind, Conversion("same", 0, kind)),))

    def _tagging(self, kind: Type) -> str:
        """Inside a choice a bare FHIR value has to say which type it is of."""
        if self.is_primitive(kind):
            return "tag"
        if isinstance(kind, ListOf) and self.is_primitive(kind.element):
            return "tag-list"
        return "same"

    def _out_of_choice(self, kind: ChoiceOf, target: Type) -> Conversion | None:
        parts = []
        for option in kind.options:
            step = self.conversion(option, target)
            if step is not None and step.kind != "cast":
                parts.append((option, step))
        if not parts:
            return None
        return Conversion("choose", CAST + min(step.cost for _, step in parts), target, tuple(parts))

    def _elementwise(self, kind: Type, target: Type) -> Conversion | None:
        if isinstance(kind, ListOf) and isinstance(target, ListOf):
            inner = self.conversion(kind.element, target.element)
            if inner is None or inner.kind in ("choose", "narrow"):
                return None  # elements of another type would silently become null
            name = "same" if inner.kind == "same" else "list"
            return Conversion(name, inner.cost, target, ((kind.element, inner),))
        if isinstance(kind, IntervalOf) and isinstance(target, IntervalOf):
            inner = self.conversion(kind.point, target.point)
            if inner is None or inner.kind in ("choose", "narrow"):
                return None
            return Conversion("interval", inner.cost, target, ((kind.point, inner),))
        if isinstance(kind, TupleOf) and isinstance(target, TupleOf):
            if [name for name, _ in kind.elements] != [name for name, _ in target.elements]:
                return None
            steps = [
                (own, self.conversion(own, other))
                for (_, own), (_, other) in zip(kind.elements, target.elements, strict=True)
            ]
            parts = tuple((own, step) for own, step in steps if step is not None)
            if len(parts) < len(steps):
                return None
            name = "same" if all(step.kind == "same" for _, step in parts) else "tuple"
            return Conversion(name, max((step.cost for _, step in parts), default=0.0), target, parts)
        return None

    def _system_step(self, kind: Type, target: Type) -> Conversion | None:
        found = _SYSTEM_CONVERSIONS.get((kind, target))
        return Conversion(found[0], found[1], target) if found else None

    def _fhir_step(self, kind: Type, target: Type) -> Conversion | None:
        found = self.system_type(kind)
        if found is None:
            return None
        system, name = found
        first = Conversion(name, SIMPLE if name == "same" else COMPLEX, system)
        if system == target:
            return first
        rest = self.conversion(system, target)
        if rest is None or rest.kind == "cast":
            return None
        return Conversion("chain", first.cost + rest.cost, target, ((kind, first), (system, rest)))

    # --- what two types have in common -----------------------------------------------------------

    def common(self, first: Type, second: Type) -> Type | None:
        """The type that both can become with the least change; None when nothing but Any holds both."""
        if has_error(first) or has_error(second):
            return ERROR
        if first == second or second == NULL:
            return first
        if first == NULL:
            return second
        if ANY in (first, second):
            return ANY
        joined = self._common_inside(first, second)
        if joined is not None:
            return joined
        there, back = self.conversion(first, second), self.conversion(second, first)
        if there is not None and (back is None or there.cost <= back.cost):
            return second
        if back is not None:
            return first
        return self._common_system(first, second) or self._common_ancestor(first, second)

    def _common_inside(self, first: Type, second: Type) -> Type | None:
        if isinstance(first, ListOf) and isinstance(second, ListOf):
            inner = self.common(first.element, second.element)
            return ListOf(inner) if inner is not None else None
        if isinstance(first, IntervalOf) and isinstance(second, IntervalOf):
            inner = self.common(first.point, second.point)
            return IntervalOf(inner) if inner is not None else None
        if isinstance(first, TupleOf) and isinstance(second, TupleOf):
            if [name for name, _ in first.elements] != [name for name, _ in second.elements]:
                return None
            merged = [
                (name, self.common(own, other))
                for (name, own), (_, other) in zip(first.elements, second.elements, strict=True)
            ]
            parts = tuple((name, kind) for name, kind in merged if kind is not None)
            return TupleOf(parts) if len(parts) == len(merged) else None
        return None

    def _common_system(self, first: Type, second: Type) -> Type | None:
        one, two = self.systemized(first), self.systemized(second)
        if (one, two) != (first, second):
            return self.common(one, two)
        for choice, other in ((first, second), (second, first)):
            if isinstance(choice, ChoiceOf) and not isinstance(other, ChoiceOf):
                for option in choice.options:
                    shared = self.common(self.systemized(option), other)
                    if shared is not None and not isinstance(shared, ChoiceOf) and shared != ANY:
                        return shared
        return None

    def _common_ancestor(self, first: Type, second: Type) -> Type | None:
        if isinstance(first, Named) and isinstance(second, Named) and first.namespace == second.namespace == "FHIR":
            mine = self.ancestors(first)
            shared = next((kind for kind in self.ancestors(second) if kind in mine), None)
            if shared is not None and shared.name not in ("Element", "BackboneElement", "Resource", "DomainResource"):
                return shared
        return None

    def joined(self, kinds: list[Type]) -> Type:
        """The type of a value that is of one of these types: their common type, else their choice."""
        whole: Type | None = NULL
        for kind in kinds:
            whole = self.common(whole, kind) if whole is not None else None
        return whole if whole is not None else choice_of(kinds)

    def is_point(self, kind: Type) -> bool:
        """Whether values of this type have an order and neighbours, as the ends of an interval need."""
        return kind in _POINTS or kind in (NULL, ANY, ERROR)

    def point_of(self, kind: Type) -> Type:
        """The System type that a value counts as at the end of an interval; of a choice, the one that has an order."""
        if isinstance(kind, ChoiceOf):
            points = {plain for option in kind.options if self.is_point(plain := self.systemized(option))}
            return points.pop() if len(points) == 1 else kind
        return self.systemized(kind)

    def is_ordered(self, kind: Type) -> bool:
        """Whether values of this type, or what they convert to, can be sorted."""
        if isinstance(kind, ChoiceOf):
            return any(self.is_ordered(option) for option in kind.options)
        plain = self.systemized(kind)
        return plain in _POINTS or plain in (STRING, NULL, ANY, ERROR)
