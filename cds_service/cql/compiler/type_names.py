"""Type specifiers: from what is written to the type that is meant."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import UnknownType, meant
from cds_service.cql.static_types import SYSTEM_TYPES, IntervalOf, ListOf, TupleOf, Type, choice_of, fhir


def type_of(node: nodes.TypeSpecifier, scope: Scope) -> Type:
    """The type that a specifier names; of two types with the same name System's is meant."""
    if isinstance(node, nodes.NamedType):
        return named_type(node, scope)
    if isinstance(node, nodes.ListType):
        return ListOf(type_of(node.element, scope))
    if isinstance(node, nodes.IntervalType):
        return IntervalOf(type_of(node.point, scope))
    if isinstance(node, nodes.TupleType):
        return TupleOf.of((element.name, type_of(element.type, scope)) for element in node.elements)
    if isinstance(node, nodes.ChoiceType):
        return choice_of(type_of(choice, scope) for choice in node.choices)
    raise UnknownType("This is no type.", where=node.span)


def named_type(node: nodes.NamedType, scope: Scope) -> Type:
    """The type of this name in System or, where the library uses it, in FHIR."""
    name, qualifier = node.name, node.qualifier
    if qualifier in (None, "System") and name in SYSTEM_TYPES:
        return SYSTEM_TYPES[name]
    if qualifier is not None and qualifier not in ("System", "FHIR"):
        # `Observation.Component` has its own dot: the first part is no model.
        name, qualifier = f"{qualifier}.{name}".removeprefix("FHIR."), None
    if qualifier != "System" and scope.library.uses_fhir and scope.relations.model_type(name) is not None:
        return fhir(name)
    known = [*SYSTEM_TYPES]
    if scope.library.uses_fhir:
        known.extend(scope.relations.model_names())
    full = f"{qualifier}.{name}" if qualifier else name
    hint = meant(name, known)
    if not scope.library.uses_fhir and scope.relations.model_type(name) is not None:
        hint = "Add `using FHIR version '4.0.1'` to the library."
    raise UnknownType(f'There is no type "{full}".', where=node.span, remedy=hint)
