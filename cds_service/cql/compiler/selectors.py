"""Selectors: lists, tuples, intervals, codes, concepts and structures that a text makes."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import convert_to, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.compiler.type_names import named_type, type_of
from cds_service.cql.runtime.structures import SYSTEM_SELECTORS
from cds_service.cql.semantic_errors import (
    DuplicateDefinition,
    TypeMismatch,
    UnknownElement,
    UnknownName,
    ValueNotAllowed,
    meant,
)
from cds_service.cql.static_types import (
    ANY,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    ERROR,
    NULL,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    Typed,
    has_error,
)
from cds_service.cql.tree import Constant, InstanceValue, IntervalValue, ListValue, TupleValue
from cds_service.errors import EvaluationError, Span
from cds_service.values import interval_bounds
from cds_service.values.codes import Code, CodeSystem, Concept
from cds_service.values.tuples import Tuple


@compile_node.register
def compile_list(node: nodes.ListSelector, scope: Scope) -> Typed:
    elements = [compile_expression(element, scope) for element in node.elements]
    if node.element_type is not None:
        target = type_of(node.element_type, scope)
        settled = tuple(convert_to(scope, element, target, "An element of this list") for element in elements)
    else:
        target = scope.relations.joined([element.type for element in elements])
        steps = [scope.relations.conversion(element.type, target) for element in elements]
        settled = tuple(
            converted(element, step) if step is not None else element
            for element, step in zip(elements, steps, strict=True)
        )
    if all(isinstance(element, Constant) for element in settled) and not has_error(target):
        values = [element.value for element in settled if isinstance(element, Constant)]
        return Constant(ListOf(target), node.span, values)
    return ListValue(ListOf(target), node.span, settled)


@compile_node.register
def compile_tuple(node: nodes.TupleSelector, scope: Scope) -> Typed:
    elements = tuple((element.name, compile_expression(element.value, scope)) for element in node.elements)
    names = [name for name, _ in elements]
    for position, element in enumerate(node.elements):
        if element.name in names[:position]:
            raise DuplicateDefinition(f"The tuple has two elements {element.name}.", where=element.span)
    kind = TupleOf.of((name, value.type) for name, value in elements)
    if all(isinstance(value, Constant) for _, value in elements):
        values = {name: value.value for name, value in elements if isinstance(value, Constant)}
        return Constant(kind, node.span, Tuple(values))
    return TupleValue(kind, node.span, elements)


@compile_node.register
def compile_interval(node: nodes.IntervalSelector, scope: Scope) -> Typed:
    low, high = compile_expression(node.low, scope), compile_expression(node.high, scope)
    return interval_of(scope, low, high, node.low_closed, node.high_closed, node.span)


def interval_of(scope: Scope, low: Typed, high: Typed, low_closed: bool, high_closed: bool, span: Span) -> Typed:
    """The interval between two ends, which are brought to one type of point."""
    relations = scope.relations
    kinds = (relations.point_of(low.type), relations.point_of(high.type))
    point = relations.common(*kinds)
    point = relations.systemized(point) if point is not None else None
    if point is not None and has_error(point):
        return Constant(ERROR, span, None)
    if point is None or not relations.is_point(point):
        raise TypeMismatch(
            f"There is no interval from {low.type} to {high.type}.",
            where=span,
            remedy="The ends have to be numbers, quantities, dates or times of one type.",
        )
    ends = [convert_to(scope, end, point, "The end of an interval") for end in (low, high)]
    name = "Any" if point in (NULL, ANY) else str(point)
    first, last = ends
    if isinstance(first, Constant) and isinstance(last, Constant):
        try:
            value = interval_bounds.make(first.value, last.value, low_closed, high_closed, name)
        except EvaluationError as error:
            raise ValueNotAllowed(error.what, where=span, remedy=error.remedy) from None
        return Constant(IntervalOf(point), span, value)
    return IntervalValue(IntervalOf(point), span, first, last, low_closed, high_closed, name)


@compile_node.register
def compile_code(node: nodes.CodeSelector, scope: Scope) -> Typed:
    system = code_system_of(node.system, scope)
    return Constant(CODE, node.span, Code(node.code, system.id, system.version, node.display))


@compile_node.register
def compile_concept(node: nodes.ConceptSelector, scope: Scope) -> Typed:
    codes = [compile_expression(code, scope) for code in node.codes]
    values = tuple(code.value for code in codes if isinstance(code, Constant) and isinstance(code.value, Code))
    return Constant(CONCEPT, node.span, Concept(values, node.display))


def code_system_of(node: nodes.Expression, scope: Scope) -> CodeSystem:
    """The code system that a code is `from`."""
    found = compile_expression(node, scope)
    if found.type == CODE_SYSTEM and isinstance(found, Constant) and isinstance(found.value, CodeSystem):
        return found.value
    if found.type == ERROR:
        return CodeSystem("")
    raise UnknownName("A code comes from a code system.", where=node.span, remedy="Declare it with `codesystem`.")


@compile_node.register
def compile_instance(node: nodes.InstanceSelector, scope: Scope) -> Typed:
    kind = named_type(node.type, scope)
    known = scope.relations.elements(kind)
    elements: list[tuple[str, Typed]] = []
    for element in node.elements:
        value = compile_expression(element.value, scope)
        wanted = _wanted(scope, kind, element.name, known)
        if wanted is None:
            error = UnknownElement(
                f"{kind} has no element {element.name}.",
                where=element.span,
                remedy=meant(element.name, known, quote=""),
            )
            scope.problems.add(error)
            continue
        elements.append((element.name, _fitting(scope, value, wanted, element.name)))
    if all(isinstance(value, Constant) for _, value in elements) and isinstance(kind, Named):
        done, constant = _constant(kind, {name: value.value for name, value in elements if isinstance(value, Constant)})
        if done:
            return Constant(kind, node.span, constant)
    return InstanceValue(kind, node.span, tuple(elements))


def _wanted(scope: Scope, kind: Type, name: str, known: dict[str, Type]) -> Type | None:
    if name == "value" and scope.relations.is_primitive(kind):
        system = scope.relations.system_type(kind)
        return system[0] if system else None
    return known.get(name)


def _fitting(scope: Scope, value: Typed, wanted: Type, name: str) -> Typed:
    """The value as the element wants it; a System value may stand for the FHIR type that wraps it."""
    step = scope.relations.conversion(value.type, wanted)
    if step is not None:
        return converted(value, step)
    options = wanted.options if hasattr(wanted, "options") else (wanted,)
    inner = [option.element if isinstance(option, ListOf) else option for option in options]
    given = value.type.element if isinstance(value.type, ListOf) else value.type
    for option in inner:
        if scope.relations.systemized(option) == scope.relations.systemized(given):
            return value
    if isinstance(wanted, ListOf) and scope.relations.conversion(value.type, wanted.element) is not None:
        single = converted(value, scope.relations.conversion(value.type, wanted.element))  # type: ignore[arg-type]
        return ListValue(wanted, value.span, (single,))
    raise TypeMismatch(f"The element {name} has to be {wanted}, but this is {value.type}.", where=value.span)


def _constant(kind: Named, values: dict[str, object]) -> tuple[bool, object]:
    if kind.namespace != "System" or kind.name not in SYSTEM_SELECTORS:
        return False, None
    return True, SYSTEM_SELECTORS[kind.name](**values)
