"""Elements: `value.name` for tuples, System structures, FHIR types, choices, and lists of any of these."""

from __future__ import annotations

from cds_service.cql.compiler.application import converted
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import UnknownElement, meant
from cds_service.cql.static_types import (
    ANY,
    INTEGER,
    NULL,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    Typed,
    choice_of,
    fhir,
    has_error,
)
from cds_service.cql.tree import AsType, ChoiceElement, Constant, Converted, Element, Iteration, Local, Part
from cds_service.cql.type_relations import Conversion
from cds_service.errors import Span
from cds_service.fhir.model.types import Element as ModelElement


def element_of(scope: Scope, operand: Typed, name: str, span: Span) -> Typed:
    """The element `name` of the operand; of every member, if it is a list."""
    kind = operand.type
    if has_error(kind) or kind == NULL:
        return Constant(kind, span, None)
    if isinstance(kind, ListOf):
        return _of_members(scope, operand, kind.element, name, span)
    if isinstance(kind, ChoiceOf):
        return _of_choice(scope, operand, kind, name, span)
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        return _of_fhir(scope, operand, kind, name, span)
    found = scope.relations.elements(kind).get(name)
    if found is None:
        raise _unknown(scope, kind, name, span)
    if isinstance(operand, Constant) and operand.value is not None and not isinstance(kind, TupleOf | IntervalOf):
        value = getattr(operand.value, name)
        return Constant(found, span, list(value) if isinstance(found, ListOf) else value)
    return Part(found, span, operand, name)


def _of_members(scope: Scope, operand: Typed, member: Type, name: str, span: Span) -> Typed:
    if isinstance(member, Named) and member.namespace == "FHIR" and not scope.relations.is_primitive(member):
        return _of_fhir(scope, operand, member, name, span)
    this = scope.local("this", member, span, "this")
    index = scope.local("index", INTEGER, span, "index")
    body = element_of(scope, this, name, span)
    inner = body.type.element if isinstance(body.type, ListOf) else body.type
    return Iteration(ListOf(inner), span, "select", operand, this, index, body)


def _of_fhir(scope: Scope, operand: Typed, kind: Named, name: str, span: Span) -> Typed:
    relations = scope.relations
    if relations.is_primitive(kind):
        return _of_primitive(scope, operand, kind, name, span)
    info = relations.model_type(kind.name)
    element = info.elements.get(name) if info is not None else None
    if info is None or element is None:
        raise _unknown(scope, kind, name, span)
    inner = relations.element_type(element)
    many = isinstance(operand.type, ListOf)
    result = ListOf(inner) if many and not isinstance(inner, ListOf) else inner
    return Element(result, span, operand, kind.name, name, attributes_of(element, scope), element.is_list)


def attributes_of(element: ModelElement, scope: Scope) -> tuple[tuple[Type, str], ...]:
    """Each type that an element can have, with the attribute that holds it."""
    if element.is_choice:
        return tuple((_named(name), attribute) for name, attribute in element.attributes.items())
    kind = scope.relations.element_type(element)
    return ((kind.element if isinstance(kind, ListOf) else kind, element.attribute),)


def _named(name: str) -> Type:
    return Named(name.removeprefix("System.")) if name.startswith("System.") else fhir(name)


def _of_primitive(scope: Scope, operand: Typed, kind: Named, name: str, span: Span) -> Typed:
    if name == "value":
        system = scope.relations.system_type(kind)
        if system is not None:
            step = scope.relations.conversion(kind, system[0])
            if step is not None:
                made = converted(operand, step)
                return made if made is not operand else _renamed(operand, system[0])
    if name in ("extension", "id"):
        if isinstance(operand, Element) and _is_single(operand):
            return _of_fhir(scope, _companion(operand, span), fhir("Element"), name, span)
        raise UnknownElement(
            f"{name} of a {kind} can only be read where the element is named.",
            where=span,
            remedy=f"Write it directly after the element: Patient.birthDate.{name}.",
        )
    raise _unknown(scope, kind, name, span)


def _is_single(operand: Element) -> bool:
    """Whether the operand is one attribute of one value."""
    return not operand.is_list and len(operand.attributes) == 1 and not isinstance(operand.operand.type, ListOf)


def _companion(operand: Element, span: Span) -> Element:
    """What stands beside a primitive: its id and its extensions."""
    kind, attribute = fhir("Element"), operand.attributes[0][1]
    name = f"_{operand.name}"
    return Element(
        kind, span, operand.operand, operand.owner, name, ((kind, f"_{attribute.rstrip('_')}"),), is_list=False
    )


def _renamed(operand: Typed, kind: Type) -> Typed:
    """The same value, known to be of the System type that its FHIR type wraps."""
    return Converted(kind, operand.span, operand, Conversion("same", 0.0, kind))


def _of_choice(scope: Scope, operand: Typed, kind: ChoiceOf, name: str, span: Span) -> Typed:
    subject = operand if isinstance(operand, Local) else scope.local("choice", kind, span, "let")
    variants = []
    for option in kind.options:
        if name in scope.relations.elements(option) or (name == "value" and scope.relations.is_primitive(option)):
            narrowed = AsType(option, span, subject, strict=False)
            variants.append((option, element_of(scope, narrowed, name, span)))
    if not variants:
        raise _unknown(scope, kind, name, span)
    result = choice_of(variant.type for _, variant in variants)
    settled = tuple(
        (option, converted(variant, step))
        for option, variant in variants
        if (step := scope.relations.conversion(variant.type, result)) is not None
    )
    return ChoiceElement(result, span, operand, name, settled, subject)


def _unknown(scope: Scope, kind: Type, name: str, span: Span) -> UnknownElement:
    known = list(scope.relations.elements(kind))
    hint = meant(name, known, quote="")
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        info = scope.relations.model_type(kind.name)
        element = info.element(name) if info is not None else None
        if element is not None and element.is_choice:
            option = next((key for key, attribute in element.attributes.items() if attribute == name), "")
            hint = f"Write ({element.name} as FHIR.{option})."
    if kind == ANY:
        hint = "Say with `as` which type it is."
    if not known and not hint:
        hint = f"A value of type {kind} has no elements."
    return UnknownElement(f"{kind} has no element {name}.", where=span, remedy=hint)
