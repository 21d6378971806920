"""Filtering, projection and repetition: functions whose argument is evaluated for each item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass

from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Body, Compiler, Function, Scope
from cds_service.fhirpath.compiler.operators import read_whole
from cds_service.fhirpath.compiler.shapes import INTEGER, Code, Shape, Types, merged, one
from cds_service.fhirpath.runtime import repeating


def uses_index(node: object) -> bool:
    """Whether `$index` stands somewhere in an expression."""
    if isinstance(node, nodes.Variable):
        return node.name == "index"
    if isinstance(node, tuple):
        return any(uses_index(part) for part in node)
    return is_dataclass(node) and any(uses_index(getattr(node, part.name)) for part in fields(node))


def each_with_scope(compiler: Compiler, call: nodes.Call, scope: Scope, visit: Callable[[Code, Scope], None]) -> None:
    """Visits the items of a call's source, each with the scope of the call's arguments."""
    writer = compiler.writer
    counter = writer.let("-1") if uses_index(call.arguments) else None

    def each(item: Code) -> None:
        if not item.text.isidentifier():
            item = Code(writer.let(item.text), item.shape, nullable=False)
        index = None
        if counter is not None:
            writer.line(f"{counter} += 1")
            index = Code(counter, one(INTEGER), nullable=False)
        visit(item, scope.within(item, index))

    compiler.stream_source(call, scope, each)


def stream_where(compiler: Compiler, call: nodes.Call, scope: Scope, body: Body, values: bool) -> None:
    """Visits the items for which the criterion is true."""

    def visit(item: Code, inner: Scope) -> None:
        def keep() -> None:
            compiler.each(compiler.in_values(item) if values else item, body)

        compiler.when_true(call.arguments[0], inner, f"{call.name}()", keep)

    each_with_scope(compiler, call, scope, visit)


def _stream_select(compiler: Compiler, call: nodes.Call, scope: Scope, body: Body, values: bool) -> None:
    each_with_scope(compiler, call, scope, lambda _item, inner: compiler.stream(call.arguments[0], inner, body, values))


# --- repeat --------------------------------------------------------------------------------------


def _projection(compiler: Compiler, node: nodes.Node, scope: Scope, types: Types) -> tuple[str, Types]:
    """A local function that gives the items of an expression for one item of these types."""
    writer = compiler.writer
    name, parameter = writer.name("g"), writer.name("x")
    loops, writer.loops = writer.loops, 0
    with writer.block(f"def {name}({parameter}):"):
        this = Code(parameter, Shape(types), nullable=False)
        result = compiler.compile(node, scope.within(this))
        writer.line(f"return {compiler.as_list(result)}")
    writer.loops = loops
    return name, result.shape.types


def _fixed_projection(compiler: Compiler, node: nodes.Node, scope: Scope, types: Types) -> tuple[str, Types]:
    """A projection that takes its own results too: their types are found by trying until nothing new appears."""
    writer = compiler.writer
    # A name that was right for the first step may lead nowhere from its results: that is where the repetition ends.
    outer, compiler.lenient = compiler.lenient, True
    try:
        while True:
            size = len(writer.lines)
            name, found = _projection(compiler, node, scope, types)
            wider = merged(types, found)
            if wider == types:
                return name, types
            del writer.lines[size:]
            types = wider
    finally:
        compiler.lenient = outer


def _repeat(every: bool) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        writer = compiler.writer
        source = compiler.source(call, scope)
        first, types = _projection(compiler, call.arguments[0], scope, source.shape.types)
        again, types = _fixed_projection(compiler, call.arguments[0], scope, types)
        if types is not None and len(types) > 1:
            # One representation for the results of both steps.
            first, _ = _projection(compiler, call.arguments[0], scope, merged(source.shape.types, types))
            source = compiler.in_types(source, merged(source.shape.types, types))
        if not every:
            read_whole(compiler, types)
        function = writer.function(repeating.repeat_all if every else repeating.repeat)
        text = writer.let(f"{function}({compiler.as_list(source)}, {first}, {again})")
        return Code(text, Shape(types, many=True, ordered=False))

    return compile_


FUNCTIONS.update(
    {
        "where": Function(1, 1, stream=stream_where),
        "select": Function(1, 1, stream=_stream_select),
        "repeat": Function(1, 1, _repeat(every=False)),
        "repeatAll": Function(1, 1, _repeat(every=True)),
    }
)
