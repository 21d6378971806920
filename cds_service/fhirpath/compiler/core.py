"""The compiler: holds what is known, and turns one node after another into code.

`stream` writes code that visits the items of a node one by one; `compile` writes code that has them all.
`values=True` asks for System values instead of FHIR primitives: what operators and most functions work on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import NoReturn

from cds_service.errors import Span
from cds_service.fhir.model.types import Model
from cds_service.fhirpath import items, nodes
from cds_service.fhirpath.compiler.reading import ReadElements
from cds_service.fhirpath.compiler.shapes import (
    BOOLEAN,
    Code,
    Shape,
    Types,
    is_primitive,
    is_tagged,
    merged,
    system_type,
)
from cds_service.fhirpath.compiler.writer import Writer
from cds_service.fhirpath.failures import FhirPathSemanticError
from cds_service.fhirpath.runtime import checks

Body = Callable[[Code], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """What `$this`, `$index`, `$total` and the defined variables are at some place of an expression."""

    this: Code
    index: Code | None = None
    total: Code | None = None
    variables: dict[str, Code] = field(default_factory=dict)

    def within(self, this: Code, index: Code | None = None, total: Code | None = None) -> Scope:
        """The scope of an argument that is evaluated for each item; what it defines stays in it."""
        return Scope(this, index, total or self.total, dict(self.variables))

    def branch(self) -> Scope:
        """The same scope, for a part whose definitions stay in it."""
        return replace(self, variables=dict(self.variables))


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language: how many arguments it takes, and what writes its code."""

    minimum: int
    maximum: int
    compile: Callable[[Compiler, nodes.Call, Scope], Code] | None = None
    stream: Callable[[Compiler, nodes.Call, Scope, Body, bool], None] | None = None


FUNCTIONS: dict[str, Function] = {}

_COMPILE: dict[type[nodes.Node], Callable[[Compiler, nodes.Node, Scope], Code]] = {}
_COMPILE_VALUES: dict[type[nodes.Node], Callable[[Compiler, nodes.Node, Scope], Code | None]] = {}
_STREAM: dict[type[nodes.Node], Callable[[Compiler, nodes.Node, Scope, Body, bool], None]] = {}


CompileNode = Callable[["Compiler", nodes.Node, Scope], Code]
CompileValues = Callable[["Compiler", nodes.Node, Scope], Code | None]
StreamNode = Callable[["Compiler", nodes.Node, Scope, Body, bool], None]


def compiles(kind: type[nodes.Node]) -> Callable[[CompileNode], CompileNode]:
    """Registers what compiles a kind of node."""

    def register(function: CompileNode) -> CompileNode:
        _COMPILE[kind] = function
        return function

    return register


def compiles_values(kind: type[nodes.Node]) -> Callable[[CompileValues], CompileValues]:
    """Registers what compiles a kind of node to System values; it may give None, and is then streamed."""

    def register(function: CompileValues) -> CompileValues:
        _COMPILE_VALUES[kind] = function
        return function

    return register


def streams(kind: type[nodes.Node]) -> Callable[[StreamNode], StreamNode]:
    """Registers what streams a kind of node."""

    def register(function: StreamNode) -> StreamNode:
        _STREAM[kind] = function
        return function

    return register


_LONGEST_CHAIN = 10


def is_taken_in_parts(node: nodes.Node) -> bool:
    """Whether so many members and calls precede this one that their items are kept before it goes on."""
    length = 0
    current: nodes.Node | None = node
    while isinstance(current, (nodes.Member, nodes.Call)) and current.source is not None:
        length, current = length + 1, current.source
    return length % _LONGEST_CHAIN == _LONGEST_CHAIN - 1


class Compiler:
    """Compiles one expression."""

    def __init__(self, model: Model, variables: Mapping[str, Types], *, check_order: bool) -> None:
        self.model = model
        self.variables = variables
        self.check_order = check_order
        self.writer = Writer()
        self.reads = ReadElements(model)
        self.container = "resource"  # what contained resources are looked up in
        self.lenient = False  # whether an element that a type does not have is nothing, and no error

    # --- The two ways to write code ---------------------------------------------------------------

    def stream(self, node: nodes.Node, scope: Scope, body: Body, values: bool = False) -> None:
        """Writes code that does `body` for each item, which is never null there."""
        if is_taken_in_parts(node):
            # Python limits how deeply loops nest: a long path is taken in parts.
            self.each(self.materialise(lambda keep: self._stream(node, scope, keep, values)), body)
        else:
            self._stream(node, scope, body, values)

    def _stream(self, node: nodes.Node, scope: Scope, body: Body, values: bool) -> None:
        handler = _STREAM.get(type(node))
        if handler is not None:
            handler(self, node, scope, body, values)
            return
        if isinstance(node, nodes.Call):
            function = self.function_of(node)
            if function.stream is not None:
                function.stream(self, node, scope, body, values)
                return
        self.each(self.compile(node, scope, values), body)

    def compile(self, node: nodes.Node, scope: Scope, values: bool = False) -> Code:
        """Writes code that has all the items of a node."""
        outer, self.writer.stop = self.writer.stop, None
        try:
            direct = _COMPILE_VALUES.get(type(node)) if values else None
            if direct is not None:
                found = direct(self, node, scope)
                return found or self.materialise(lambda body: self.stream(node, scope, body, values))
            handler = _COMPILE.get(type(node))
            if handler is not None:
                code = handler(self, node, scope)
            elif isinstance(node, nodes.Call) and (function := self.function_of(node)).compile is not None:
                code = function.compile(self, node, scope)
            else:
                return self.materialise(lambda body: self.stream(node, scope, body, values))
            return self.in_values(code) if values else code
        finally:
            self.writer.stop = outer

    def materialise(self, emit: Callable[[Body], None]) -> Code:
        """The items that `emit` visits, kept: a list if a loop was needed, else one item or None."""
        writer = self.writer
        result, at, depth, loops = writer.name(), len(writer.lines), writer.depth, writer.loops
        found: list[Shape] = []

        def keep(item: Code) -> None:
            many = writer.loops > loops
            found.append(Shape(item.shape.types, many, item.shape.ordered))
            writer.line(f"{result}.append({item.text})" if many else f"{result} = {item.text}")

        outer, writer.stop = writer.stop, None
        emit(keep)
        writer.stop = outer
        shape = found[0] if found else Shape(frozenset())
        writer.insert(at, f"{result} = {'[]' if shape.many else 'None'}", depth)
        return Code(result, shape)

    def each(self, code: Code, body: Body) -> None:
        """Writes code that does `body` for each item of a collection."""
        writer = self.writer
        if code.shape.many:
            variable = writer.name("x")
            with writer.loop(variable, code.text):
                body(Code(variable, replace(code.shape, many=False), nullable=False))
        elif not code.nullable:
            body(code)
        else:
            name = code.text if code.text.isidentifier() else writer.let(code.text)
            with writer.block(f"if {name} is not None:"):
                body(Code(name, code.shape, nullable=False))

    # --- Changing how a collection is represented -------------------------------------------------

    def in_values(self, code: Code) -> Code:
        """The collection as System values where its items have one."""
        types = code.shape.types
        if types is not None and not any(self.has_system_form(name) for name in types):
            return code
        writer = self.writer
        single = code.shape.single_type
        if single is None:
            mapped = None if types is None else frozenset(system_type(self.model, name) for name in types)
            function = writer.function(items.system_values if code.shape.many else checks.system_value_or_none)
            return Code(writer.let(f"{function}({code.text})"), replace(code.shape, types=mapped))
        shape = replace(code.shape, types=frozenset((system_type(self.model, single),)))
        if single in items.QUANTITY_TYPES:
            convert = writer.function(items.quantity_of)
            text = f"[{convert}(x) for x in {code.text}]" if shape.many else f"{convert}({code.text})"
            return Code(writer.let(text), shape)
        if shape.many:
            text = f"{writer.function(items.unboxed)}({code.text})"
        else:
            name = code.text if code.text.isidentifier() else writer.let(code.text)
            text = f"{name}.value if {name}.__class__ is {writer.function(items.Primitive)} else {name}"
        return self.converted(Code(writer.let(text), shape), single)

    def converted(self, code: Code, primitive: str) -> Code:
        """Bare values of a FHIR primitive as System values: the texts of dates and times become dates and times."""
        conversion = items.CONVERSIONS.get(primitive)
        if conversion is None:
            return code
        function = self.writer.function(conversion)
        if code.shape.many:
            text = f"[v for x in {code.text} if (v := {function}(x)) is not None]"
        else:
            text = f"{function}({code.text})"  # which gives None for None
        return Code(self.writer.let(text), code.shape)

    def has_system_form(self, name: str) -> bool:
        """Whether operators read this FHIR type as a System type."""
        return name in items.QUANTITY_TYPES or is_primitive(self.model, name)

    def in_types(self, code: Code, types: Types) -> Code:
        """The collection as items of a place where `types` may occur: primitives with their type if these differ."""
        single = code.shape.single_type
        if not is_tagged(types) or single is None or not is_primitive(self.model, single):
            return code
        writer = self.writer
        function, name = writer.function(items.tagged), repr(single)
        if code.shape.many:
            return Code(writer.let(f"[{function}(x, {name}) for x in {code.text}]"), code.shape)
        text = f"None if {code.text} is None else {function}({code.text}, {name})" if code.nullable else ""
        return Code(writer.let(text or f"{function}({code.text}, {name})"), code.shape, code.nullable)

    def together(self, *codes: Code) -> tuple[tuple[Code, ...], Types]:
        """Collections in one representation, so that their items can stand in one list."""
        types = merged(*(code.shape.types for code in codes))
        return tuple(self.in_types(code, types) for code in codes), types

    def as_list(self, code: Code) -> str:
        """An expression for the collection as a list or tuple."""
        if code.shape.many:
            return code.text
        if code.shape.types == frozenset() or code.text == "None":
            return "()"
        return f"({code.text},)" if not code.nullable else f"(() if {code.text} is None else ({code.text},))"

    # --- One item ---------------------------------------------------------------------------------

    def single(self, code: Code, what: str) -> Code:
        """The collection as at most one item; several are an error at run time that says `what` took one."""
        if not code.shape.many:
            return code
        function = self.writer.function(checks.single)
        text = self.writer.let(f"{function}({code.text}, {what!r})")
        return Code(text, replace(code.shape, many=False))

    def value(self, node: nodes.Node, scope: Scope, what: str) -> Code:
        """At most one System value."""
        return self.single(self.compile(node, scope, values=True), what)

    def truth(self, node: nodes.Node, scope: Scope, what: str) -> Code:
        """A truth value: a single item that is no boolean counts as true."""
        return self.as_truth(self.value(node, scope, what))

    def when_true(self, node: nodes.Node, scope: Scope, what: str, then: Callable[[], None]) -> None:
        """Writes code that does `then` if a condition is true, and does not care why it is not."""
        if isinstance(node, nodes.Binary) and node.operator == "and":
            left, right = node.left, node.right
            self.when_true(left, scope.branch(), what, lambda: self.when_true(right, scope.branch(), what, then))
            return
        outer, self.writer.stop = self.writer.stop, None
        truth = self.truth(node, scope, what)
        self.writer.stop = outer
        with self.writer.block(f"if {truth.test or truth.text}:"):
            then()

    def as_truth(self, code: Code) -> Code:
        """An item as a truth value."""
        shape = Shape(frozenset((BOOLEAN,)))
        if code.shape.types in (frozenset((BOOLEAN,)), frozenset()):
            return replace(code, shape=shape)
        if code.shape.types is not None and BOOLEAN not in code.shape.types:
            text = "True" if not code.nullable else f"None if {code.text} is None else True"
            return Code(self.writer.let(text), shape)
        return Code(self.writer.let(f"{self.writer.function(checks.truth)}({code.text})"), shape)

    # --- Sources and errors -----------------------------------------------------------------------

    def source(self, call: nodes.Call | nodes.Member, scope: Scope, values: bool = False) -> Code:
        """The collection that a function or member applies to."""
        if call.source is not None:
            return self.compile(call.source, scope, values)
        return self.in_values(scope.this) if values else scope.this

    def stream_source(self, call: nodes.Call | nodes.Member, scope: Scope, body: Body, values: bool = False) -> None:
        """Visits the items that a function or member applies to."""
        if call.source is not None:
            self.stream(call.source, scope, body, values)
        else:
            self.each(self.in_values(scope.this) if values else scope.this, body)

    def function_of(self, call: nodes.Call) -> Function:
        """The function that a call names, once its arguments are counted."""
        function = FUNCTIONS.get(call.name)
        if function is None:
            near = get_close_matches(call.name, FUNCTIONS, n=1)
            self.fail(
                f"FHIRPath has no function `{call.name}`.", call.span, f"Did you mean `{near[0]}`?" if near else ""
            )
        if not function.minimum <= len(call.arguments) <= function.maximum:
            wanted = str(function.minimum)
            if function.maximum != function.minimum:
                wanted += f" to {function.maximum}"
            self.fail(f"`{call.name}` takes {wanted} argument(s), not {len(call.arguments)}.", call.span)
        return function

    def require_order(self, code: Code, what: str, span: Span) -> None:
        """Refuses what depends on an order that the collection does not have."""
        if self.check_order and not code.shape.ordered:
            self.fail(f"{what} depends on an order, and this collection has none.", span, "Sort it first.")

    def fail(self, what: str, span: Span, remedy: str = "") -> NoReturn:
        """Raises a semantic error."""
        raise FhirPathSemanticError(what, where=span, remedy=remedy)
