"""Membership in value sets and code systems. CQL reference, Clinical Operators."""

from __future__ import annotations

from cds_service.cql.compiler.application import converted
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import TypeMismatch
from cds_service.cql.static_types import (
    BOOLEAN,
    CODE,
    CONCEPT,
    NULL,
    STRING,
    ChoiceOf,
    ListOf,
    Named,
    Type,
    Typed,
    has_error,
)
from cds_service.cql.tree import Constant, Membership, ValueSetValue
from cds_service.errors import Span

_SHAPES: dict[Type, str] = {STRING: "string", CODE: "code", CONCEPT: "concept"}


def membership(scope: Scope, operand: Typed, vocabulary: Typed, span: Span) -> Typed:
    """Whether the operand, or any of its members, is in the vocabulary."""
    if has_error(operand.type) or has_error(vocabulary.type):
        return Constant(BOOLEAN, span, None)
    target = vocabulary.value_set if isinstance(vocabulary, ValueSetValue) else vocabulary
    many = isinstance(operand.type, ListOf)
    kind = operand.type.element if isinstance(operand.type, ListOf) else operand.type
    if kind == NULL:
        return Constant(BOOLEAN, span, False if many else None)
    shape, wanted = _shape(scope, kind)
    if wanted is None:
        raise TypeMismatch(
            f"A value of type {operand.type} cannot be in a value set.",
            where=operand.span,
            remedy="Only codes, concepts and text can.",
        )
    step = scope.relations.conversion(operand.type, ListOf(wanted) if many else wanted)
    if step is not None and wanted != kind:
        operand = converted(operand, step)
    return Membership(BOOLEAN, span, operand, target, shape, any_of=many)  # type: ignore[arg-type]


def _shape(scope: Scope, kind: Type) -> tuple[str, Type | None]:
    """How the codes are found in the operand, and the type it has to have for that."""
    if kind in _SHAPES:
        return _SHAPES[kind], kind
    if isinstance(kind, ChoiceOf):
        for option in kind.options:
            _, wanted = _shape(scope, option)
            if wanted is not None and scope.relations.systemized(option) in (CONCEPT, CODE):
                system = scope.relations.systemized(option)
                return _SHAPES[system], system
        return "", None
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        if kind.name == "CodeableConcept":
            return "fhir-concept", kind
        if kind.name == "Coding":
            return "fhir-coding", kind
        if scope.relations.systemized(kind) == STRING:
            return "string", STRING
    return "", None
