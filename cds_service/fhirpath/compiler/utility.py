"""Conditions, variables, aggregates, sorting, tracing, the moment of evaluation, and constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Compiler, Function, Scope, compiles
from cds_service.fhirpath.compiler.filtering import uses_index
from cds_service.fhirpath.compiler.operators import read_whole
from cds_service.fhirpath.compiler.shapes import (
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    QUANTITY,
    STRING,
    TIME,
    Code,
    Shape,
    merged,
    one,
)
from cds_service.fhirpath.runtime import aggregating, texts
from cds_service.values import dates

_ADDRESSES = {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}
_PREFIXES = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}
_RESERVED = frozenset((*_ADDRESSES, "resource", "rootResource", "context", "terminologies", "factory"))


def is_predefined(name: str) -> bool:
    """Whether FHIRPath or FHIR itself says what `%name` is."""
    return name in _RESERVED or name.startswith(tuple(_PREFIXES))


# --- Constants and variables ---------------------------------------------------------------------


@compiles(nodes.Constant)
def compile_constant(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """`%name`."""
    assert isinstance(node, nodes.Constant)
    name = node.name
    if name in _ADDRESSES:
        return Code(repr(_ADDRESSES[name]), one(STRING), nullable=False)
    for prefix, address in _PREFIXES.items():
        if name.startswith(prefix):
            return Code(repr(address + name.removeprefix(prefix)), one(STRING), nullable=False)
    if name in scope.variables:
        return scope.variables[name]
    if name in compiler.variables:
        return Code(compiler.writer.let(f"env.variable({name!r})"), Shape(compiler.variables[name], many=True))
    known = sorted({*_ADDRESSES, *compiler.variables, *scope.variables})
    return compiler.fail(f"%{name} is not known here.", node.span, f"Known are {', '.join('%' + n for n in known)}.")


def _compile_define(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The input, once a name for a value is known from here on."""
    source = compiler.source(call, scope)
    name = call.arguments[0]
    if not isinstance(name, nodes.Literal) or not isinstance(name.value, str) or name.type != "String":
        compiler.fail("defineVariable() takes the name as a text.", call.span, "Write defineVariable('name', value).")
    if name.value in _RESERVED or name.value in scope.variables or name.value in compiler.variables:
        compiler.fail(f"%{name.value} is defined already.", name.span, "Choose another name.")
    value = source
    if len(call.arguments) == 2:
        value = compiler.compile(call.arguments[1], scope.within(source))
    scope.variables[name.value] = value
    return source


# --- iif -----------------------------------------------------------------------------------------


def _compile_iif(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The second argument if the first is true, else the third; only that one is evaluated."""
    writer = compiler.writer
    source = compiler.single(compiler.source(call, scope), "iif()")
    inner = scope.within(replace(source, shape=replace(source.shape, many=False)), scope.index)
    condition = compiler.truth(call.arguments[0], inner, "iif()")
    result = writer.name()
    branches: list[tuple[list[str], Code]] = []
    for node in (*call.arguments[1:], *[nodes.Empty(span=call.span)][: 3 - len(call.arguments)]):
        with writer.capture() as lines:
            branches.append((lines, compiler.compile(node, inner.branch())))
    types = merged(*(code.shape.types for _, code in branches))
    many = any(code.shape.many for _, code in branches)
    for lines, code in branches:
        outer, writer.lines = writer.lines, lines
        writer.depth += 1
        final = compiler.in_types(code, types)
        writer.line(f"{result} = {compiler.as_list(final) if many else final.text}")
        writer.depth -= 1
        writer.lines = outer
    writer.splice(f"if {condition.test or condition.text}:", branches[0][0])
    writer.splice("else:", branches[1][0])
    ordered = all(code.shape.ordered for _, code in branches)
    nullable = many or any(code.nullable for _, code in branches)
    return Code(result, Shape(types, many, ordered), nullable)


# --- Aggregates ----------------------------------------------------------------------------------


def _compile_aggregate(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    writer = compiler.writer
    source = compiler.source(call, scope)
    total = writer.name()
    start = compiler.compile(call.arguments[1], scope.branch(), values=True) if len(call.arguments) == 2 else None
    writer.line(f"{total} = {compiler.as_list(start) if start is not None else '()'}")
    counter = writer.let("-1") if uses_index(call.arguments) else None
    running = Code(total, Shape(None, many=True))

    def visit(item: Code) -> None:
        if counter is not None:
            writer.line(f"{counter} += 1")
        index = Code(counter, one(INTEGER), nullable=False) if counter is not None else None
        outer, writer.stop = writer.stop, None
        result = compiler.compile(call.arguments[0], scope.within(item, index, running), values=True)
        writer.stop = outer
        writer.line(f"{total} = {compiler.as_list(result)}")

    compiler.each(source, visit)
    return running


def _reduction(function: Callable[[Any], Any]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        code = compiler.source(call, scope, values=True)
        text = compiler.writer.let(f"{compiler.writer.function(function)}({compiler.as_list(code)})")
        types = code.shape.types
        if function is aggregating.average:
            types = None if types is None else frozenset((QUANTITY if QUANTITY in types else DECIMAL,))
        return Code(text, Shape(types))

    return compile_


def _compile_sort(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The items in order; a leading minus or a trailing `desc` turns a key around."""
    writer = compiler.writer
    source = compiler.source(call, scope)
    keys = []
    for argument in call.arguments or (nodes.Variable("this", span=call.span),):
        descending, node = False, argument
        if isinstance(node, nodes.SortKey):
            descending, node = node.descending, node.key
        elif isinstance(node, nodes.Sign) and node.sign == "-":
            descending, node = True, node.operand
        name, parameter = writer.name("g"), writer.name("x")
        loops, writer.loops = writer.loops, 0
        with writer.block(f"def {name}({parameter}):"):
            this = Code(parameter, replace(source.shape, many=False), nullable=False)
            key = compiler.value(node, scope.within(this), "A key of sort()")
            writer.line(f"return {key.text}")
        writer.loops = loops
        keys.append(f"({name}, {descending})")
    function = writer.function(aggregating.sort)
    text = writer.let(f"{function}({compiler.as_list(source)}, ({', '.join(keys)},))")
    return Code(text, Shape(source.shape.types, many=True))


def _compile_coalesce(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The first argument that is not empty; those after it are not evaluated."""
    writer = compiler.writer
    captured: list[tuple[list[str], Code]] = []
    result = writer.let("()")
    for node in call.arguments:
        with writer.capture() as lines:
            captured.append((lines, compiler.compile(node, scope.branch())))
    types = merged(*(code.shape.types for _, code in captured))
    for lines, code in captured:
        outer, writer.lines = writer.lines, lines
        writer.depth += 1
        writer.line(f"{result} = {compiler.as_list(compiler.in_types(code, types))}")
        writer.depth -= 1
        writer.lines = outer
        writer.splice(f"if not {result}:", lines)
    return Code(result, Shape(types, many=True))


def _compile_join(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope, values=True)
    types = code.shape.types
    if types and STRING not in types:
        compiler.fail("join() takes texts only.", call.span, "Convert the items with select(toString()).")
    separator = compiler.value(call.arguments[0], scope.branch(), "join()").text if call.arguments else "''"
    text = f"{compiler.writer.function(texts.join)}({compiler.as_list(code)}, {separator})"
    return Code(compiler.writer.let(text), one(STRING))


# --- Tracing and time ----------------------------------------------------------------------------


def _compile_trace(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    writer = compiler.writer
    source = compiler.source(call, scope)
    name = compiler.value(call.arguments[0], scope.branch(), "trace()")
    with writer.block("if env.trace is not None:"):
        shown = source
        if len(call.arguments) == 2:
            projected = nodes.Call(nodes.Variable("this", span=call.span), "select", call.arguments[1:], span=call.span)
            inner = Scope(source, scope.index, scope.total, dict(scope.variables))
            shown = compiler.compile(projected, inner)
        else:
            read_whole(compiler, source.shape.types)
        writer.line(f"env.trace({name.text}, {compiler.as_list(shown)})")
    return source


def _moment(function: Callable[[Any], Any] | None, kind: str) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, _call: nodes.Call, _scope: Scope) -> Code:
        text = "env.moment()"
        if function is not None:
            text = f"{compiler.writer.function(function)}({text})"
        return Code(compiler.writer.let(text), one(kind), nullable=False)

    return compile_


FUNCTIONS.update(
    {
        "iif": Function(2, 3, _compile_iif),
        "defineVariable": Function(1, 2, _compile_define),
        "aggregate": Function(1, 2, _compile_aggregate),
        "sum": Function(0, 0, _reduction(aggregating.sum_)),
        "min": Function(0, 0, _reduction(aggregating.least)),
        "max": Function(0, 0, _reduction(aggregating.greatest)),
        "avg": Function(0, 0, _reduction(aggregating.average)),
        "sort": Function(0, 9, _compile_sort),
        "coalesce": Function(1, 99, _compile_coalesce),
        "join": Function(0, 1, _compile_join),
        "trace": Function(1, 2, _compile_trace),
        "now": Function(0, 0, _moment(None, DATETIME)),
        "today": Function(0, 0, _moment(dates.date_from, DATE)),
        "timeOfDay": Function(0, 0, _moment(dates.time_from, TIME)),
    }
)
