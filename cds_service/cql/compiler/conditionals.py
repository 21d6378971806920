"""`if` and `case`. CQL reference, Conditional expressions."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, condition, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.static_types import Type, Typed
from cds_service.cql.tree import Bound, Conditional
from cds_service.errors import Span


@compile_node.register
def compile_if(node: nodes.If, scope: Scope) -> Typed:
    test = condition(scope, compile_expression(node.condition, scope), "The condition")
    then, otherwise = compile_expression(node.then, scope), compile_expression(node.otherwise, scope)
    return branching(scope, [(test, then)], otherwise, node.span)


@compile_node.register
def compile_case(node: nodes.Case, scope: Scope) -> Typed:
    otherwise = compile_expression(node.otherwise, scope)
    if node.comparand is None:
        branches = [
            (
                condition(scope, compile_expression(item.when, scope), "The condition"),
                compile_expression(item.then, scope),
            )
            for item in node.items
        ]
        return branching(scope, branches, otherwise, node.span)
    comparand = compile_expression(node.comparand, scope)
    subject = scope.local("case", comparand.type, node.span, "let")
    branches = [
        (
            apply(scope, "Equal", (subject, compile_expression(item.when, scope)), item.span),
            compile_expression(item.then, scope),
        )
        for item in node.items
    ]
    body = branching(scope, branches, otherwise, node.span)
    return Bound(body.type, node.span, subject, comparand, body)


def branching(scope: Scope, branches: list[tuple[Typed, Typed]], otherwise: Typed, span: Span) -> Conditional:
    """The branches brought to one type: their common one, else a choice of them."""
    kinds = [value.type for _, value in branches] + [otherwise.type]
    target = scope.relations.joined(kinds)
    settled = tuple((test, _as(scope, value, target)) for test, value in branches)
    return Conditional(target, span, settled, _as(scope, otherwise, target))


def _as(scope: Scope, value: Typed, target: Type) -> Typed:
    step = scope.relations.conversion(value.type, target)
    return converted(value, step) if step is not None else value
