"""Literals, variables and operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cds_service.errors import Span
from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import Compiler, Scope, compiles
from cds_service.fhirpath.compiler.shapes import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    TIME,
    Code,
    Shape,
    Types,
    one,
)
from cds_service.fhirpath.runtime import arithmetic, collections, comparing
from cds_service.values import date_texts, dates, decimals, integers, longs
from cds_service.values.quantity import make

_NUMBERS = frozenset((INTEGER, DECIMAL, LONG))
_TEMPORALS = frozenset((DATE, DATETIME, TIME))
_DATES = frozenset((DATE, DATETIME))
_NATIVE = frozenset((INTEGER, DECIMAL, STRING, BOOLEAN, LONG))
_LITERALS: dict[str, Callable[[str], Any]] = {
    "Integer": integers.literal,
    "Long": longs.literal,
    "Decimal": decimals.literal,
    "Date": date_texts.date_literal,
    "DateTime": date_texts.datetime_literal,
    "Time": date_texts.time_literal,
}


# --- Literals and variables ----------------------------------------------------------------------


@compiles(nodes.Empty)
def compile_empty(_compiler: Compiler, _node: nodes.Node, _scope: Scope) -> Code:
    """`{}`."""
    return Code("None", one())


@compiles(nodes.Literal)
def compile_literal(compiler: Compiler, node: nodes.Node, _scope: Scope) -> Code:
    """A literal; numbers and texts stand in the code, other values are constants beside it."""
    assert isinstance(node, nodes.Literal)
    shape = one(f"System.{node.type}")
    if isinstance(node.value, tuple):
        number, unit = node.value
        return Code(compiler.writer.constant(make(Decimal(number), unit)), shape, nullable=False)
    if not isinstance(node.value, str) or node.type == "String":
        return Code(repr(node.value), shape, nullable=False)
    value = _LITERALS[node.type](node.value)
    return Code(repr(value) if node.type == "Integer" else compiler.writer.constant(value), shape, nullable=False)


@compiles(nodes.Variable)
def compile_variable(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """`$this`, `$index`, `$total`."""
    assert isinstance(node, nodes.Variable)
    if node.name == "this":
        return scope.this
    code = scope.index if node.name == "index" else scope.total
    if code is None:
        place = "inside where, select, all, repeat and aggregate" if node.name == "index" else "inside aggregate"
        compiler.fail(f"${node.name} has no value here.", node.span, f"It has one {place}.")
    return code


# --- Logic ---------------------------------------------------------------------------------------

_SETTLED = {"and": "is not False", "or": "is not True", "implies": "is not False"}


def _compile_logic(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    """Three-valued logic; the right side is not looked at once the left side settles it."""
    writer, operator = compiler.writer, node.operator
    left = compiler.truth(node.left, scope.branch(), f"`{operator}`")
    result = writer.let(left.text)
    if operator == "xor":
        right = compiler.truth(node.right, scope.branch(), "`xor`")
        name = writer.let(right.text)
        writer.line(f"{result} = None if {result} is None or {name} is None else {result} is not {name}")
        return Code(result, one(BOOLEAN))
    if operator == "implies":
        # `a implies b` is `not a or b`.
        writer.line(f"{result} = None if {result} is None else not {result}")
        operator = "or"
    with writer.block(f"if {result} {_SETTLED[operator]}:"):
        right = compiler.truth(node.right, scope.branch(), f"`{node.operator}`")
        name = writer.let(right.text)
        decided = "False" if operator == "and" else "True"
        # The left side is null or does not decide: the right side decides, or is the result, or both are open.
        writer.line(f"{result} = {decided} if {name} is {decided} else None if {result} is None else {name}")
    return Code(result, one(BOOLEAN), test=result)


# --- Equality ------------------------------------------------------------------------------------


def _is_native_pair(left: Code, right: Code) -> bool:
    """Whether both are single, and Python's own comparison is right for them."""
    return not left.shape.many and not right.shape.many and _is_native(left, right)


def _is_native(left: Code, right: Code) -> bool:
    """Whether Python's own comparison is right for items of both."""
    first, second = left.shape.single_type, right.shape.single_type
    if first is None or second is None:
        return False
    return first in _NATIVE and second in _NATIVE and (first == second or (first in _NUMBERS and second in _NUMBERS))


def _null_guard(*codes: Code) -> str:
    """A prefix that gives None if one of the operands is None."""
    checks = " or ".join(f"{code.text} is None" for code in codes if code.nullable)
    return f"None if {checks} else " if checks else ""


def _same_precision(left: Code, right: Code, fast: str, slow: str) -> str:
    """What can be said of two dates at once if they are equally precise."""
    return f"({fast}) if {left.text}.precision is {right.text}.precision else {slow}"


def _named(compiler: Compiler, code: Code) -> Code:
    """The code with a text that may be repeated."""
    if code.nullable and not code.text.isidentifier():
        return replace(code, text=compiler.writer.let(code.text))
    return code


def _compile_equality(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    left = _named(compiler, compiler.compile(node.left, scope.branch(), values=True))
    right = _named(compiler, compiler.compile(node.right, scope.branch(), values=True))
    for code in (left, right):
        read_whole(compiler, code.shape.types)
    writer, operator = compiler.writer, node.operator
    nullable = left.nullable or right.nullable
    if operator in ("=", "!=") and _is_native_pair(left, right):
        sign = "==" if operator == "=" else "!="
        plain = f"{left.text} {sign} {right.text}"
        # An equality with something that is there cannot be true of None.
        safe = operator == "=" and not (left.nullable and right.nullable)
        return Code(f"({_null_guard(left, right)}{plain})", one(BOOLEAN), nullable, test=plain if safe else "")
    single = not left.shape.many and not right.shape.many
    if operator == "=" and left.shape.many and not right.nullable and _is_native(left, right):
        # A list equals one value if that is all it holds.
        items, value = left.text, right.text
        test = f"len({items}) == 1 and {items}[0] == {value}"
        return Code(f"(None if not {items} else {test})", one(BOOLEAN), test=test)
    function = writer.function((comparing.SINGLE if single else comparing.LISTS)[operator])
    if single:
        return Code(writer.let(f"{function}({left.text}, {right.text})"), one(BOOLEAN))
    return Code(writer.let(f"{function}({compiler.as_list(left)}, {compiler.as_list(right)})"), one(BOOLEAN))


def read_whole(compiler: Compiler, types: Types) -> None:
    """Notes that all of these types is read, as for a comparison."""
    if types is None:
        compiler.reads.everything = True
    for kind in types or ():
        compiler.reads.add_whole(kind)


# --- Order ---------------------------------------------------------------------------------------


def _comparable(left: Types, right: Types) -> bool:
    """Whether some pair of these types has an order."""
    if left is None or right is None or not left or not right:
        return True
    groups = (_NUMBERS | {QUANTITY}, frozenset((STRING,)), frozenset((DATE, DATETIME)), frozenset((TIME,)))
    return any(left & group and right & group for group in groups)


def _compile_order(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    what = f"`{node.operator}`"
    left = _named(compiler, compiler.value(node.left, scope.branch(), what))
    right = _named(compiler, compiler.value(node.right, scope.branch(), what))
    if not _comparable(left.shape.types, right.shape.types):
        _fail_types(compiler, what, left.shape.types, right.shape.types, node.span)
    if _is_native_pair(left, right) and left.shape.single_type != BOOLEAN:
        text = f"({_null_guard(left, right)}{left.text} {node.operator} {right.text})"
        return Code(text, one(BOOLEAN), left.nullable or right.nullable)
    if left.shape.single_type in _DATES and right.shape.single_type in _DATES:
        compare = compiler.writer.function(dates.compare_combined)
        text = f"{compare}({left.text}, {right.text})"
        if left.shape.single_type == right.shape.single_type == DATE:
            text = _same_precision(left, right, f"{left.text}.days - {right.text}.days", text)
        order = compiler.writer.let(f"{_null_guard(left, right)}{text}")
        return Code(f"(None if {order} is None else {order} {node.operator} 0)", one(BOOLEAN))
    function = compiler.writer.function(comparing.ORDER[node.operator])
    return Code(compiler.writer.let(f"{function}({left.text}, {right.text})"), one(BOOLEAN))


def _fail_types(compiler: Compiler, what: str, left: Types, right: Types, span: Span) -> None:
    first, second = (" or ".join(sorted(kind.removeprefix("System.") for kind in t or ())) for t in (left, right))
    compiler.fail(f"{what} does not take {first} and {second}.", span, "Convert one of them.")


# --- Arithmetic ----------------------------------------------------------------------------------

_DIRECT: dict[tuple[str, str], Callable[..., Any]] = {
    ("+", INTEGER): integers.add,
    ("-", INTEGER): integers.subtract,
    ("*", INTEGER): integers.multiply,
    ("+", DECIMAL): decimals.add,
    ("-", DECIMAL): decimals.subtract,
    ("*", DECIMAL): decimals.multiply,
    ("/", DECIMAL): decimals.divide,
}


def _result_types(operator: str, left: Types, right: Types) -> Types:
    """The types of a result; None where the operands leave it open."""
    if left is None or right is None:
        return None
    if not left or not right:
        return frozenset()
    if left <= _TEMPORALS:
        return left
    both = left | right
    if both <= {STRING}:
        return both
    if QUANTITY in both:
        return frozenset((QUANTITY,))
    if operator == "/":
        return frozenset((DECIMAL,))
    if both == {INTEGER}:
        return both
    if operator == "div" and both <= _NUMBERS:
        return frozenset((INTEGER,))
    return frozenset((DECIMAL,)) if both <= {INTEGER, DECIMAL} else None


def _takes(operator: str, left: str, right: str) -> bool:
    """Whether the operator takes operands of these types."""
    if left in _TEMPORALS:
        return operator in ("+", "-") and right == QUANTITY
    numeric = _NUMBERS | {QUANTITY}
    if left in numeric and right in numeric:
        return True
    return operator == "+" and left == right == STRING


def _compile_arithmetic(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    what = f"`{node.operator}`"
    left = compiler.value(node.left, scope.branch(), what)
    right = compiler.value(node.right, scope.branch(), what)
    types, others = left.shape.types, right.shape.types
    if types and others and not any(_takes(node.operator, a, b) for a in types for b in others):
        _fail_types(compiler, what, types, others, node.span)
    direct = _DIRECT.get((node.operator, left.shape.single_type or ""))
    same = left.shape.single_type == right.shape.single_type
    function = direct if direct is not None and same else arithmetic.OPERATORS[node.operator]
    text = compiler.writer.let(f"{compiler.writer.function(function)}({left.text}, {right.text})")
    return Code(text, Shape(_result_types(node.operator, types, others)))


def _compile_concatenation(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    left = compiler.value(node.left, scope.branch(), "`&`")
    right = compiler.value(node.right, scope.branch(), "`&`")
    for code in (left, right):
        if code.shape.types and STRING not in code.shape.types:
            _fail_types(compiler, "`&`", left.shape.types or frozenset(), right.shape.types or frozenset(), node.span)
    function = compiler.writer.function(arithmetic.concatenate)
    return Code(compiler.writer.let(f"{function}({left.text}, {right.text})"), one(STRING), nullable=False)


@compiles(nodes.Sign)
def compile_sign(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """`-x`, `+x`."""
    assert isinstance(node, nodes.Sign)
    if isinstance(node.operand, nodes.Literal) and node.operand.type in ("Integer", "Long") and node.sign == "-":
        value = _LITERALS[node.operand.type](f"-{node.operand.value}")
        text = f"({value!r})" if node.operand.type == "Integer" else compiler.writer.constant(value)
        return Code(text, one(f"System.{node.operand.type}"), nullable=False)
    what = f"`{node.sign}`"
    operand = compiler.value(node.operand, scope, what)
    types = operand.shape.types
    if types and not types & (_NUMBERS | {QUANTITY}):
        names = " or ".join(sorted(kind.removeprefix("System.") for kind in types))
        compiler.fail(f"{what} does not take a {names}.", node.span, "Parentheses may be missing: (-1).abs().")
    function = compiler.writer.function(arithmetic.negate if node.sign == "-" else arithmetic.positive)
    return Code(compiler.writer.let(f"{function}({operand.text})"), Shape(types), operand.nullable)


# --- Collections ---------------------------------------------------------------------------------


def _literals(node: nodes.Node, kind: str | None = None) -> list[nodes.Literal] | None:
    """The literals that a chain of unions consists of, if they are all texts or all whole numbers."""
    if isinstance(node, nodes.Literal) and node.type in ("String", "Integer") and kind in (None, node.type):
        return [node]
    if not isinstance(node, nodes.Binary) or node.operator != "|":
        return None
    left = _literals(node.left, kind)
    right = _literals(node.right, left[0].type) if left else None
    return [*left, *right] if left and right else None


def _compile_union(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    literals = _literals(node)
    if literals is not None:
        kind = literals[0].type
        values = dict.fromkeys(integers.literal(str(x.value)) if kind == "Integer" else x.value for x in literals)
        return Code(compiler.writer.constant(tuple(values)), Shape(frozenset((f"System.{kind}",)), many=True))
    return join(compiler, compiler.compile(node.left, scope.branch()), compiler.compile(node.right, scope.branch()))


def join(compiler: Compiler, left: Code, right: Code) -> Code:
    """Both collections as one without repetition."""
    (left, right), types = compiler.together(left, right)
    read_whole(compiler, types)
    function = compiler.writer.function(collections.union)
    text = compiler.writer.let(f"{function}({compiler.as_list(left)}, {compiler.as_list(right)})")
    return Code(text, Shape(types, many=True, ordered=left.shape.ordered and right.shape.ordered))


def _compile_membership(compiler: Compiler, node: nodes.Binary, scope: Scope) -> Code:
    """`x in xs`, `xs contains x`."""
    item, among = (node.left, node.right) if node.operator == "in" else (node.right, node.left)
    first = compiler.compile(node.left, scope.branch(), values=True)
    second = compiler.compile(node.right, scope.branch(), values=True)
    element, elements = (first, second) if item is node.left else (second, first)
    assert among is not item
    for code in (first, second):
        read_whole(compiler, code.shape.types)
    element = compiler.single(element, f"`{node.operator}`")
    function = compiler.writer.function(collections.is_in)
    return Code(compiler.writer.let(f"{function}({element.text}, {compiler.as_list(elements)})"), one(BOOLEAN))


_HANDLERS: dict[str, Callable[[Compiler, nodes.Binary, Scope], Code]] = {
    **dict.fromkeys(("and", "or", "xor", "implies"), _compile_logic),
    **dict.fromkeys(("=", "!=", "~", "!~"), _compile_equality),
    **dict.fromkeys(("<", "<=", ">", ">="), _compile_order),
    **dict.fromkeys(("+", "-", "*", "/", "div", "mod"), _compile_arithmetic),
    **dict.fromkeys(("in", "contains"), _compile_membership),
    "&": _compile_concatenation,
    "|": _compile_union,
}


@compiles(nodes.Binary)
def compile_binary(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """An operator with two operands."""
    assert isinstance(node, nodes.Binary)
    return _HANDLERS[node.operator](compiler, node, scope)
