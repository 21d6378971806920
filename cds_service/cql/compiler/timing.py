"""Timing phrases with a distance: `3 days or more before`, `within 3 days of`. CQL author's guide, Timing Phrases."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.literals import quantity_of
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.compiler.selectors import interval_of
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import BOOLEAN, QUANTITY, IntervalOf, Typed
from cds_service.cql.tree import Apply, Bound, Conditional, Constant


def _point(scope: Scope, operand: Typed, end: str) -> Typed:
    """The end of an interval that a phrase is about; a point is itself."""
    kind = scope.relations.systemized(operand.type)
    return apply(scope, end, (operand,), operand.span) if isinstance(kind, IntervalOf) else operand


@compile_node.register
def compile_offset(node: nodes.OffsetTiming, scope: Scope) -> Typed:
    """Measured from the near ends: the end of what comes first, the start of what comes later."""
    before = node.direction == "before"
    left = _point(scope, compile_expression(node.left, scope), "End" if before else "Start")
    whole = _point(scope, compile_expression(node.right, scope), "Start" if before else "End")
    distance = Constant(QUANTITY, node.offset.span, quantity_of(node.offset))
    right = scope.local("anchor", scope.relations.systemized(whole.type), node.span, "let")
    shifted = apply(scope, "Subtract" if before else "Add", (right, distance), node.span)
    if node.bound == "exactly":
        body = apply(scope, "SameAs", (left, shifted), node.span, node.precision)
    elif node.bound in ("or more", "more than"):
        strict = node.bound == "more than"
        operator = ("Before" if before else "After") if strict else ("SameOrBefore" if before else "SameOrAfter")
        body = apply(scope, operator, (left, shifted), node.span, node.precision)
    else:
        far = node.bound == "or less"
        low, high = (shifted, right) if before else (right, shifted)
        closed = (far, node.inclusive) if before else (node.inclusive, far)
        window = interval_of(scope, low, high, closed[0], closed[1], node.span)
        body = _unless_unknown(right, apply(scope, "In", (left, window), node.span, node.precision))
    return Bound(BOOLEAN, node.span, right, _converted(scope, whole), body)


@compile_node.register
def compile_within(node: nodes.Within, scope: Scope) -> Typed:
    left = compile_expression(node.left, scope)
    whole = compile_expression(node.right, scope)
    right = scope.local("anchor", scope.relations.systemized(whole.type), node.span, "let")
    distance = Constant(QUANTITY, node.distance.span, quantity_of(node.distance))
    low = apply(scope, "Subtract", (_point(scope, right, "Start"), distance), node.span)
    high = apply(scope, "Add", (_point(scope, right, "End"), distance), node.span)
    window = interval_of(scope, low, high, not node.proper, not node.proper, node.span)
    inside = isinstance(scope.relations.systemized(left.type), IntervalOf)
    body = apply(scope, "IncludedIn" if inside else "In", (left, window), node.span)
    return Bound(BOOLEAN, node.span, right, _converted(scope, whole), _unless_unknown(right, body))


def _converted(scope: Scope, operand: Typed) -> Typed:
    step = scope.relations.conversion(operand.type, scope.relations.systemized(operand.type))
    return converted(operand, step) if step is not None else operand


def _unless_unknown(anchor: Typed, body: Typed) -> Typed:
    """Null while the anchor is not known: an interval around null would be the whole of time."""
    unknown = Constant(BOOLEAN, body.span, None)
    test = Apply(
        BOOLEAN, body.span, Signature("IsNull", (anchor.type,), BOOLEAN, "logic.is_null", known=True), (anchor,)
    )
    return Conditional(BOOLEAN, body.span, ((test, unknown),), body)
