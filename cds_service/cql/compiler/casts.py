"""`is`, `as`, `cast`, `convert`, `minimum` and `maximum`. CQL reference, Type Operators."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.compiler.type_names import named_type, type_of
from cds_service.cql.operators.table import TABLE
from cds_service.cql.semantic_errors import TypeMismatch, ValueNotAllowed
from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    NULL,
    QUANTITY,
    RATIO,
    STRING,
    TIME,
    ChoiceOf,
    ListOf,
    Named,
    Type,
    Typed,
    fhir,
    has_error,
)
from cds_service.cql.tree import AsType, Constant, Converted, IsType
from cds_service.cql.type_relations import Conversion
from cds_service.errors import Span
from cds_service.values import steps, units
from cds_service.values.quantity import CALENDAR_UNITS, SINGULAR

_WITH_EXTENT = (INTEGER, LONG, DECIMAL, QUANTITY, DATE, DATETIME, TIME)


@compile_node.register
def compile_is(node: nodes.Is, scope: Scope) -> Typed:
    operand = compile_expression(node.operand, scope)
    of = _meant(scope, operand.type, node.type)
    if has_error(operand.type):
        return Constant(BOOLEAN, node.span, None)
    return IsType(BOOLEAN, node.span, operand, of)


@compile_node.register
def compile_as(node: nodes.As, scope: Scope) -> Typed:
    operand = compile_expression(node.operand, scope)
    target = _meant(scope, operand.type, node.type)
    return cast(scope, operand, target, node.span, strict=node.strict)


def _meant(scope: Scope, kind: Type, node: nodes.TypeSpecifier) -> Type:
    """The type that is asked for: of a FHIR value, `Quantity` and `Ratio` alone mean FHIR's, which convert anyway."""
    found = type_of(node, scope)
    if isinstance(node, nodes.NamedType) and node.qualifier is None and found in (QUANTITY, RATIO):
        own = fhir(node.name)
        options = kind.options if isinstance(kind, ChoiceOf) else (kind,)
        if any(scope.relations.is_subtype(option, own) for option in options):
            return own
    return found


def cast(scope: Scope, operand: Typed, target: Type, span: Span, *, strict: bool) -> Typed:
    """The operand as a value of the target; a cast that can never succeed is a mistake."""
    relations = scope.relations
    kind = operand.type
    if has_error(kind) or has_error(target):
        return Constant(target, span, None)
    if kind == target:
        return operand
    if isinstance(operand, Constant) and operand.value is None:
        return Constant(target, span, None)
    if relations.is_subtype(kind, target):
        step = relations.conversion(kind, target)
        made = converted(operand, step) if step is not None else operand
        return _seen_as(made, target)
    if _may_be(scope, kind, target):
        return AsType(target, span, operand, strict)
    step = relations.conversion(kind, target)
    system = relations.system_type(kind)
    if step is not None and (isinstance(kind, ChoiceOf) or system is not None or isinstance(kind, ListOf)):
        return converted(operand, step)
    raise TypeMismatch(
        f"A value of type {kind} is never a {target}.",
        where=span,
        remedy="Use `convert .. to ..` to make one of it." if step is not None else "",
    )


def _seen_as(operand: Typed, target: Type) -> Typed:
    """The same value, from here on known only to be of the wider type."""
    if operand.type == target:
        return operand
    if isinstance(operand, Constant):
        return Constant(target, operand.span, operand.value)
    return Converted(target, operand.span, operand, Conversion("same", 0.0, target))


def _may_be(scope: Scope, kind: Type, target: Type) -> bool:
    """Whether some values of `kind` are values of `target`."""
    if kind in (ANY, NULL):
        return True
    if isinstance(kind, ChoiceOf):
        return any(
            _may_be(scope, option, target) or scope.relations.is_subtype(option, target) for option in kind.options
        )
    if isinstance(kind, ListOf) and isinstance(target, ListOf):
        return kind.element == target.element or _may_be(scope, kind.element, target.element)
    if isinstance(target, ChoiceOf):
        return any(_may_be(scope, kind, option) for option in target.options)
    if isinstance(kind, Named) and isinstance(target, Named):
        return scope.relations.is_subtype(target, kind)
    return False


@compile_node.register
def compile_convert(node: nodes.Convert, scope: Scope) -> Typed:
    operand, target = compile_expression(node.operand, scope), type_of(node.type, scope)
    return convert(scope, operand, target, node.span)


def convert(scope: Scope, operand: Typed, target: Type, span: Span) -> Typed:
    """`convert operand to target`: an implicit conversion if there is one, else the function `ToTarget`."""
    if has_error(operand.type) or operand.type == target:
        return operand
    function = f"To{target}" if isinstance(target, Named) and target.namespace == "System" else ""
    if isinstance(operand.type, Named) and function in TABLE.by_name and operand.type != NULL:
        return apply(scope, function, (operand,), span)
    step = scope.relations.conversion(operand.type, target)
    if step is not None:
        return converted(operand, step)
    raise TypeMismatch(f"A value of type {operand.type} cannot be converted to {target}.", where=span)


@compile_node.register
def compile_convert_unit(node: nodes.ConvertUnit, scope: Scope) -> Typed:
    operand = compile_expression(node.operand, scope)
    unit = SINGULAR.get(node.unit, node.unit)
    if unit not in CALENDAR_UNITS and not units.is_valid(unit):
        raise ValueNotAllowed(f"'{node.unit}' is no unit that UCUM knows.", where=node.span)
    return apply(scope, "ConvertQuantity", (operand, Constant(STRING, node.span, unit)), node.span)


@compile_node.register
def compile_extent(node: nodes.TypeExtent, scope: Scope) -> Typed:
    kind = named_type(node.type, scope)
    if kind not in _WITH_EXTENT:
        raise TypeMismatch(
            f"{kind} has no {node.extent}.",
            where=node.span,
            remedy="Integer, Long, Decimal, Quantity, Date, DateTime and Time have one.",
        )
    value = steps.minimum(str(kind)) if node.extent == "minimum" else steps.maximum(str(kind))
    return Constant(kind, node.span, value)
