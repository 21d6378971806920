"""Subsets and combinations of collections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Compiler, Function, Scope, compiles
from cds_service.fhirpath.compiler.operators import join, read_whole
from cds_service.fhirpath.compiler.shapes import INTEGER, Code, Shape, one
from cds_service.fhirpath.runtime import checks, collections


def _position(compiler: Compiler, node: nodes.Node, scope: Scope, what: str) -> Code:
    """A whole number for a position or a number of items."""
    code = compiler.value(node, scope.branch(), what)
    types = code.shape.types
    if types and INTEGER not in types:
        names = " or ".join(sorted(kind.removeprefix("System.") for kind in types))
        compiler.fail(f"{what} takes an Integer, not {names}.", node.span)
    if types is None or len(types) > 1:
        expect = compiler.writer.function(checks.expect)
        code = Code(compiler.writer.let(f"{expect}({code.text}, {'(int,)'}, {what!r})"), one(INTEGER))
    return code


@compiles(nodes.Index)
def compile_index(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """`source[index]`."""
    assert isinstance(node, nodes.Index)
    source = compiler.compile(node.source, scope)
    compiler.require_order(source, "An index", node.span)
    index = _position(compiler, node.index, scope, "An index")
    function = compiler.writer.function(collections.index)
    text = compiler.writer.let(f"{function}({compiler.as_list(source)}, {index.text})")
    return Code(text, replace(source.shape, many=False))


def _compile_first(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The first item; loops end once it is found."""
    writer = compiler.writer
    result, found = writer.let("None"), writer.let("False")
    shapes: list[Shape] = []
    outer, writer.stop = writer.stop, found

    def keep(item: Code) -> None:
        shapes.append(item.shape)
        writer.line(f"{result} = {item.text}; {found} = True")

    compiler.stream_source(call, scope, keep)
    writer.stop = outer
    shape = shapes[0] if shapes else Shape(frozenset())
    code = Code(result, replace(shape, many=False))
    compiler.require_order(code, "first()", call.span)
    return code


def _compile_last(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    compiler.require_order(code, "last()", call.span)
    if not code.shape.many:
        return code
    return Code(compiler.writer.let(f"{code.text}[-1] if {code.text} else None"), replace(code.shape, many=False))


def _compile_single(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    return compiler.single(compiler.source(call, scope), "single()")


def _compile_tail(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    compiler.require_order(code, "tail()", call.span)
    return Code(compiler.writer.let(f"{compiler.as_list(code)}[1:]"), replace(code.shape, many=True))


def _part(function: Callable[[Any, Any], Sequence[Any]]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        code = compiler.source(call, scope)
        compiler.require_order(code, f"{call.name}()", call.span)
        number = _position(compiler, call.arguments[0], scope, f"{call.name}()")
        text = f"{compiler.writer.function(function)}({compiler.as_list(code)}, {number.text})"
        return Code(compiler.writer.let(text), replace(code.shape, many=True))

    return compile_


def _combination(function: Callable[[Any, Any], list[Any]]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        codes = (compiler.source(call, scope), compiler.compile(call.arguments[0], scope.branch()))
        (left, right), types = compiler.together(*codes)
        if function is not collections.combine:
            read_whole(compiler, types)
        text = f"{compiler.writer.function(function)}({compiler.as_list(left)}, {compiler.as_list(right)})"
        return Code(compiler.writer.let(text), Shape(types, many=True))

    return compile_


def _compile_union(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    return join(compiler, compiler.source(call, scope), compiler.compile(call.arguments[0], scope.branch()))


FUNCTIONS.update(
    {
        "first": Function(0, 0, _compile_first),
        "last": Function(0, 0, _compile_last),
        "single": Function(0, 0, _compile_single),
        "tail": Function(0, 0, _compile_tail),
        "skip": Function(1, 1, _part(collections.skip)),
        "take": Function(1, 1, _part(collections.take)),
        "intersect": Function(1, 1, _combination(collections.intersect)),
        "exclude": Function(1, 1, _combination(collections.exclude)),
        "combine": Function(1, 1, _combination(collections.combine)),
        "union": Function(1, 1, _compile_union),
    }
)
