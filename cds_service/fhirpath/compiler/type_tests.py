"""Type specifiers, and `is`, `as`, `ofType` and `type`."""

from __future__ import annotations

from difflib import get_close_matches

from cds_service.errors import Span
from cds_service.fhirpath import items, nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Body, Compiler, Function, Scope, compiles
from cds_service.fhirpath.compiler.members import stream_accepted
from cds_service.fhirpath.compiler.shapes import BOOLEAN, SYSTEM_TYPES, TYPE_INFO, Code, Shape, is_primitive, one
from cds_service.fhirpath.runtime import tests


def resolve_type(compiler: Compiler, name: str, span: Span) -> frozenset[str]:
    """The types that a name can mean: `Quantity` is one of FHIR and one of the System."""
    qualifier, _, rest = name.partition(".")
    found: set[str] = set()
    if qualifier == "System" and rest:
        found |= {name} & SYSTEM_TYPES
    elif qualifier == "FHIR" and rest:
        found |= {rest} if compiler.model.get(rest) is not None else set()
    else:
        found |= {name} if compiler.model.get(name) is not None else set()
        found |= {f"System.{name}"} & SYSTEM_TYPES
    if not found:
        near = get_close_matches(rest or name, [*compiler.model.names, *(t[7:] for t in SYSTEM_TYPES)], n=1)
        compiler.fail(f"There is no type `{name}`.", span, f"Did you mean `{near[0]}`?" if near else "")
    return frozenset(found)


def type_argument(compiler: Compiler, node: nodes.Node) -> frozenset[str]:
    """The type that an argument names."""
    parts: list[str] = []
    current: nodes.Node | None = node
    while isinstance(current, nodes.Member):
        parts.insert(0, current.name)
        current = current.source
    if current is not None or not parts:
        compiler.fail("The name of a type is wanted here.", node.span, "Write Patient or FHIR.Patient, for example.")
    return resolve_type(compiler, ".".join(parts), node.span)


# --- is ------------------------------------------------------------------------------------------


def _test(compiler: Compiler, code: Code, wanted: frozenset[str]) -> Code:
    """Whether an item is of one of the wanted types; decided here where its type is known."""
    single = compiler.single(code, "is")
    kind = single.shape.single_type
    info = compiler.model.get(kind or "")
    if kind is not None and (kind in SYSTEM_TYPES or (info is not None and not info.abstract)):
        known = kind in wanted or any(info is not None and compiler.model.is_subtype(kind, name) for name in wanted)
        text = f"{known}" if not single.nullable else f"None if {single.text} is None else {known}"
        return Code(text if not single.nullable else compiler.writer.let(text), one(BOOLEAN), single.nullable)
    names = compiler.writer.constant(tuple(sorted(wanted)))
    function = compiler.writer.function(tests.is_any)
    return Code(compiler.writer.let(f"{function}({single.text}, {names})"), one(BOOLEAN))


def _compile_is(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    return _test(compiler, compiler.source(call, scope), type_argument(compiler, call.arguments[0]))


@compiles(nodes.TypeOperation)
def compile_type_operation(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """`x is T`, `x as T`."""
    assert isinstance(node, nodes.TypeOperation)
    wanted = resolve_type(compiler, node.type, node.span)
    if node.operator == "is":
        return _test(compiler, compiler.compile(node.operand, scope), wanted)
    return _as(compiler, node.operand, scope, wanted)


# --- as, ofType ----------------------------------------------------------------------------------


def lets_through(compiler: Compiler, kind: str, wanted: frozenset[str]) -> bool:
    """Whether items of a type may be among those wanted: primitives by their exact type."""
    if kind in wanted:
        return True
    if kind in SYSTEM_TYPES or is_primitive(compiler.model, kind):
        return False
    return any(compiler.model.is_subtype(kind, name) for name in wanted)


def stream_of_type(
    compiler: Compiler, node: nodes.Node | None, scope: Scope, body: Body, wanted: frozenset[str]
) -> None:
    """Visits the items that have one of the wanted types."""
    model = compiler.model

    def visit(item: Code) -> None:
        types = item.shape.types
        if types is not None and all(lets_through(compiler, kind, wanted) for kind in types):
            body(item)
            return
        if types is not None and not any(
            lets_through(compiler, kind, wanted) or any(model.is_subtype(name, kind) for name in wanted)
            for kind in types
        ):
            return
        names = compiler.writer.constant(tuple(sorted(wanted)))
        test = compiler.writer.function(tests.has_any)
        resources = [name for name in wanted if model.is_resource(name)]
        condition = f"{test}({item.text}, {names})"
        if item.shape.single_type is not None and len(resources) == len(wanted) == 1:
            condition = f"{item.text}.fhir_type == {resources[0]!r}"
        with compiler.writer.block(f"if {condition}:"):
            narrowed = wanted if len(wanted) == 1 else None
            body(Code(item.text, Shape(narrowed, ordered=item.shape.ordered), nullable=False))

    def accepts(kind: str) -> bool:
        return lets_through(compiler, kind, wanted)

    if node is None:
        compiler.each(scope.this, visit)
    else:
        stream_accepted(compiler, node, scope, visit, accepts)


def _stream_of_type(compiler: Compiler, call: nodes.Call, scope: Scope, body: Body, values: bool) -> None:
    wanted = type_argument(compiler, call.arguments[0])

    def visit(item: Code) -> None:
        compiler.each(compiler.in_values(item) if values else item, body)

    stream_of_type(compiler, call.source, scope, visit, wanted)


def _as(compiler: Compiler, node: nodes.Node | None, scope: Scope, wanted: frozenset[str]) -> Code:
    """The item, if it is of that type; several items are an error, whatever their types."""
    lines, loops = compiler.writer.lines, compiler.writer.loops_written
    size = len(lines)
    code = compiler.materialise(lambda body: stream_of_type(compiler, node, scope, body, wanted))
    if node is None or compiler.writer.loops_written == loops:
        return compiler.single(code, "as")
    del lines[size:]
    single = compiler.single(compiler.compile(node, scope), "as")
    inner = scope.within(single)
    return compiler.materialise(lambda body: stream_of_type(compiler, None, inner, body, wanted))


def _compile_as(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    wanted = type_argument(compiler, call.arguments[0])
    return _as(compiler, call.source, scope, wanted)


# --- type ----------------------------------------------------------------------------------------


def _stream_type(compiler: Compiler, call: nodes.Call, scope: Scope, body: Body, _values: bool) -> None:
    def visit(item: Code) -> None:
        kind = item.shape.single_type
        if kind is not None and is_primitive(compiler.model, kind):
            text = compiler.writer.constant(items.TypeName("FHIR", kind))
        else:
            text = compiler.writer.let(f"{compiler.writer.function(items.type_of)}({item.text})")
        body(Code(text, one(TYPE_INFO), nullable=False))

    compiler.stream_source(call, scope, visit)


FUNCTIONS["is"] = Function(1, 1, _compile_is)
FUNCTIONS["as"] = Function(1, 1, _compile_as)
FUNCTIONS["ofType"] = Function(1, 1, stream=_stream_of_type)
FUNCTIONS["type"] = Function(0, 0, stream=_stream_type)
