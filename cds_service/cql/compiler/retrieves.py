"""Retrieves: `[Type: path in "Value set"]`. CQL author's guide, Retrieve."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.elements import element_of
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.compiler.type_names import named_type
from cds_service.cql.semantic_errors import TypeMismatch, UnknownElement, UnknownType, UnsupportedSyntax, meant
from cds_service.cql.static_types import (
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    STRING,
    VALUE_SET,
    ListOf,
    Named,
    Type,
    Typed,
    fhir,
    has_error,
)
from cds_service.cql.tree import Constant, ListValue, RetrieveValue, ValueSetValue
from cds_service.values.codes import Code


@compile_node.register
def compile_retrieve(node: nodes.Retrieve, scope: Scope) -> Typed:
    kind = _resource(node, scope)
    result = ListOf(kind)
    if node.context is not None:
        raise UnsupportedSyntax(
            "Data of related contexts cannot be retrieved.",
            where=node.span,
            remedy="Only the data of one patient are at hand: leave the part before `->` out.",
        )
    if node.terminology is None:
        return RetrieveValue(result, node.span, kind.name, None, None, None)
    path, searched = _code_path(node, kind, scope)
    terminology = compile_expression(node.terminology, scope)
    if has_error(terminology.type):
        return RetrieveValue(result, node.span, kind.name, None, None, None)
    if isinstance(terminology, ValueSetValue):
        if node.comparator not in (None, "in"):
            raise TypeMismatch("A value set is searched with `in`.", where=node.terminology.span)
        return RetrieveValue(result, node.span, kind.name, path, terminology.value_set, None, searched)
    if terminology.type in (VALUE_SET, CODE_SYSTEM):
        raise UnsupportedSyntax(
            "Only a declared value set can be searched for.", where=node.terminology.span, remedy="Use `valueset`."
        )
    codes = _codes(terminology, scope)
    return RetrieveValue(result, node.span, kind.name, path, None, codes, searched)


def _resource(node: nodes.Retrieve, scope: Scope) -> Named:
    try:
        kind = named_type(node.type, scope)
    except UnknownType as error:
        resources = [name for name in scope.relations.model_names() if scope.relations.is_resource(fhir(name))]
        remedy = error.remedy if "using" in error.remedy else meant(node.type.name, resources)
        raise UnknownType(
            f'There is no resource type "{node.type.name}".', where=node.type.span, remedy=remedy
        ) from None
    if not isinstance(kind, Named) or not scope.relations.is_resource(kind):
        qualified = fhir(kind.name) if isinstance(kind, Named) else None
        if qualified is not None and scope.library.uses_fhir and scope.relations.is_resource(qualified):
            return qualified
        raise TypeMismatch(f"{kind} is no resource type, so there is nothing to retrieve.", where=node.type.span)
    return kind


def _code_path(node: nodes.Retrieve, kind: Named, scope: Scope) -> tuple[str, Type]:
    info = scope.relations.model_type(kind.name)
    path = node.code_path or (info.primary_code_path if info is not None else None)
    if info is None or path is None:
        raise TypeMismatch(
            f"{kind} has no element that is searched by default.",
            where=node.span,
            remedy="Name the element before the value set: [Type: element in ..].",
        )
    current: Type = kind
    for name in path.split("."):
        found = scope.relations.elements(current).get(name)
        if found is None:
            known = list(scope.relations.elements(current))
            raise UnknownElement(
                f"{current} has no element {name}.", where=node.span, remedy=meant(name, known, quote="")
            )
        current = found.element if isinstance(found, ListOf) else found
    return path, current


def _codes(terminology: Typed, scope: Scope) -> Typed:
    """The codes to search for, as one list of codes."""
    target = ListOf(CODE)
    kind = terminology.type
    if kind in (CODE, STRING) and isinstance(terminology, Constant):
        value = terminology.value
        code = value if isinstance(value, Code) else Code(str(value))
        return Constant(target, terminology.span, [code] if value is not None else [])
    if kind == ListOf(STRING) and isinstance(terminology, Constant) and isinstance(terminology.value, list):
        return Constant(target, terminology.span, [Code(text) for text in terminology.value if text is not None])
    if kind == CONCEPT and isinstance(terminology, Constant):
        codes = getattr(terminology.value, "codes", ())
        return Constant(target, terminology.span, list(codes))
    if scope.relations.systemized(kind) == CONCEPT:
        step = scope.relations.conversion(kind, CONCEPT)
        return element_of(scope, converted(terminology, step) if step else terminology, "codes", terminology.span)
    if scope.relations.systemized(kind) == CODE:
        step = scope.relations.conversion(kind, CODE)
        return ListValue(target, terminology.span, (converted(terminology, step) if step else terminology,))
    step = scope.relations.conversion(kind, target)
    if step is None:
        raise TypeMismatch(
            f"Resources cannot be searched by a value of type {kind}.",
            where=terminology.span,
            remedy="Use a value set, a code, a concept or a list of codes.",
        )
    return converted(terminology, step)
