"""Existence: whether there are items, how many, and what holds for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Compiler, Function, Scope
from cds_service.fhirpath.compiler.filtering import each_with_scope, stream_where
from cds_service.fhirpath.compiler.operators import read_whole
from cds_service.fhirpath.compiler.shapes import BOOLEAN, INTEGER, STRING, Code, Shape, one
from cds_service.fhirpath.runtime import collections, quantifiers


def _flagged(compiler: Compiler, emit: Callable[[Callable[[Code], None]], None]) -> str:
    """A variable that is true once `emit` visits an item; its loops end there."""
    writer = compiler.writer
    flag = writer.let("False")
    outer, writer.stop = writer.stop, flag
    emit(lambda _item: writer.line(f"{flag} = True"))
    writer.stop = outer
    return flag


def _compile_exists(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    def emit(body: Callable[[Code], None]) -> None:
        if call.arguments:
            stream_where(compiler, call, scope, body, False)
        else:
            compiler.stream_source(call, scope, body)

    flag = _flagged(compiler, emit)
    return Code(flag, one(BOOLEAN), nullable=False, test=flag)


def _compile_empty(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    flag = _flagged(compiler, lambda body: compiler.stream_source(call, scope, body))
    return Code(f"(not {flag})", one(BOOLEAN), nullable=False)


def _compile_all(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """Whether the criterion is true of every item: it is not of one where it is empty."""
    writer = compiler.writer
    fails = writer.let("False")
    outer, writer.stop = writer.stop, fails

    def visit(_item: Code, inner: Scope) -> None:
        stop, writer.stop = writer.stop, None
        truth = compiler.truth(call.arguments[0], inner, "all()")
        writer.stop = stop
        with writer.block(f"if not {truth.text}:"):
            writer.line(f"{fails} = True")

    each_with_scope(compiler, call, scope, visit)
    writer.stop = outer
    return Code(f"(not {fails})", one(BOOLEAN), nullable=False)


def _compile_count(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    if code.shape.many:
        return Code(compiler.writer.let(f"len({code.text})"), one(INTEGER), nullable=False)
    text = "1" if not code.nullable else f"(0 if {code.text} is None else 1)"
    return Code(text, one(INTEGER), nullable=False)


def _quantifier(function: Callable[[Any], bool]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        code = compiler.source(call, scope, values=True)
        types = code.shape.types
        if types is not None and types and BOOLEAN not in types:
            compiler.fail(f"{call.name}() takes truth values only.", call.span, "Use all() with a criterion.")
        name = compiler.writer.function(function)
        return Code(compiler.writer.let(f"{name}({compiler.as_list(code)})"), one(BOOLEAN), nullable=False)

    return compile_


def _set_test(function: Callable[[Any, Any], bool]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        codes = (compiler.source(call, scope), compiler.compile(call.arguments[0], scope.branch()))
        (left, right), types = compiler.together(*codes)
        read_whole(compiler, types)
        text = f"{compiler.writer.function(function)}({compiler.as_list(left)}, {compiler.as_list(right)})"
        return Code(compiler.writer.let(text), one(BOOLEAN), nullable=False)

    return compile_


def _compile_distinct(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    if not code.shape.many:
        return code
    read_whole(compiler, code.shape.types)
    hashed = code.shape.single_type in (STRING, INTEGER)
    text = f"list(dict.fromkeys({code.text}))"
    if not hashed:
        text = f"{compiler.writer.function(collections.distinct)}({code.text})"
    text = compiler.writer.let(text)
    return Code(text, Shape(code.shape.types, many=True, ordered=code.shape.ordered))


def _compile_is_distinct(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    read_whole(compiler, code.shape.types)
    text = f"{compiler.writer.function(collections.is_distinct)}({compiler.as_list(code)})"
    return Code(compiler.writer.let(text), one(BOOLEAN), nullable=False)


def _compile_not(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.as_truth(compiler.single(compiler.source(call, scope, values=True), "not()"))
    if not code.nullable:
        return Code(f"(not {code.text})", one(BOOLEAN), nullable=False)
    name = compiler.writer.let(code.text)
    return Code(f"(None if {name} is None else not {name})", one(BOOLEAN))


FUNCTIONS.update(
    {
        "exists": Function(0, 1, _compile_exists),
        "empty": Function(0, 0, _compile_empty),
        "all": Function(1, 1, _compile_all),
        "count": Function(0, 0, _compile_count),
        "allTrue": Function(0, 0, _quantifier(quantifiers.all_true)),
        "anyTrue": Function(0, 0, _quantifier(quantifiers.any_true)),
        "allFalse": Function(0, 0, _quantifier(quantifiers.all_false)),
        "anyFalse": Function(0, 0, _quantifier(quantifiers.any_false)),
        "subsetOf": Function(1, 1, _set_test(collections.subset_of)),
        "supersetOf": Function(1, 1, _set_test(collections.superset_of)),
        "distinct": Function(0, 0, _compile_distinct),
        "isDistinct": Function(0, 0, _compile_is_distinct),
        "not": Function(0, 0, _compile_not),
    }
)
