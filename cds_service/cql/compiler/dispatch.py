"""The one entrance to compilation: every chapter registers the syntax it understands here."""

from __future__ import annotations

from functools import singledispatch

from cds_service.cql import nodes
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import SemanticError, UnsupportedSyntax
from cds_service.cql.static_types import ERROR, Typed
from cds_service.cql.tree import Constant


@singledispatch
def compile_node(node: nodes.Node, scope: Scope) -> Typed:  # noqa: ARG001 - the chapters use it
    """The meaning of a node; the chapters register one function per kind of node."""
    raise UnsupportedSyntax(f"{type(node).__name__} is not supported here.", where=node.span)


def compile_expression(node: nodes.Node, scope: Scope) -> Typed:
    """The meaning of a node; a mistake is noted and leaves a value of the type that is never reported again."""
    try:
        return compile_node(node, scope)
    except SemanticError as error:
        scope.problems.add(error)
        return Constant(ERROR, node.span, None)
