"""Connectives and branches: what does not matter is not asked, and an error that does not matter is none."""

from __future__ import annotations

from cds_service.cql.emission.dispatch import emit, emit_test
from cds_service.cql.emission.writer import Py, Writer
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import Conditional, Constant, DefinitionValue, FirstKnown, Logical
from cds_service.errors import EvaluationError

# The left value that settles the result alone, and what the result then is; xor is never settled early.
_SETTLING = {"And": ("False", "False"), "Or": ("True", "True"), "Implies": ("False", "True")}
# The right value that settles the result, and the left value that leaves it to the right.
_BY_RIGHT = {"And": ("False", "True"), "Or": ("True", "False"), "Implies": ("True", "True")}
_MEANING = {
    "And": "logic.conjunction",
    "Or": "logic.disjunction",
    "Implies": "logic.implication",
    "Xor": "logic.exclusive",
}


def _aside(node: Typed, writer: Writer) -> tuple[list[tuple[int, str]], Py]:
    with writer.aside() as lines:
        value = emit(node, writer)
    return lines, value


@emit.register
def emit_logical(node: Logical, writer: Writer) -> Py:
    settling = _settling_definitions(node, writer)
    if not settling:
        return _connected(node, writer)
    result, settled = writer.fresh("b"), _SETTLING[node.operator][0]
    with writer.block(f"if {' or '.join(f'{writer.memory}[{slot}] is {settled}' for slot in settling)}:"):
        writer.emit(f"{result} = {settled}")
    with writer.block("else:"):
        writer.emit(f"{result} = {_connected(node, writer).text}")
    return Py(result, simple=True)


def _settling_definitions(node: Logical, writer: Writer) -> list[int]:
    """Definitions in a chain of `and` (or `or`) that settle it without the others, if their values are known already.

    Evidence needs them all, so this is for functions that take no notes.
    """
    if writer.module.traced or node.operator not in ("And", "Or") or id(node) in writer.chained:
        return []
    operands, waiting = [], [node.right, node.left]
    while waiting:
        operand = waiting.pop()
        if isinstance(operand, Logical) and operand.operator == node.operator:
            writer.chained.add(id(operand))
            waiting += (operand.right, operand.left)
        else:
            operands.append(operand)
    return [each.definition.slot for each in operands[1:] if isinstance(each, DefinitionValue)]


def _connected(node: Logical, writer: Writer) -> Py:
    if writer.module.safety.may_fail(node.left) and node.operator in _SETTLING:
        return _guarded(node, writer)
    left = emit(node.left, writer)
    if node.operator == "Xor":
        right = emit(node.right, writer)
        return _combined(node, left, right, writer)
    lines, right = _aside(node.right, writer)
    when, then = _SETTLING[node.operator]
    if not lines:
        return writer.bounded(_inline(node, left, right, writer))
    left = writer.keep(left)
    result = writer.fresh("b")
    with writer.block(f"if {left.text} is {when}:"):
        writer.emit(f"{result} = {then}")
    with writer.block("else:"):
        writer.splice(lines)
        rest = _combined(node, left, right, writer) if left.nullable else right  # known on the left: right is the rest
        writer.emit(f"{result} = {rest.text}")
    return Py(result, left.nullable or right.nullable, simple=True)


def _inline(node: Logical, left: Py, right: Py, writer: Writer) -> Py:
    if not left.nullable and not right.nullable:
        word = {"And": f"({left.text} and {right.text})", "Or": f"({left.text} or {right.text})",
                "Implies": f"(not {left.text} or {right.text})"}[node.operator]  # fmt: skip
        return Py(word, nullable=False)
    if not left.nullable:
        # Known on the left: it settles the result, or the right side is the result.
        text = {"And": f"({right.text} if {left.text} else False)", "Or": f"(True if {left.text} else {right.text})",
                "Implies": f"({right.text} if {left.text} else True)"}[node.operator]  # fmt: skip
        return Py(text)
    when, then = _SETTLING[node.operator]
    name = writer.fresh("b")
    both = _combined(node, Py(name, simple=True), right, writer)
    return Py(f"({then} if ({name} := {left.text}) is {when} else {both.text})")


def _combined(node: Logical, left: Py, right: Py, writer: Writer) -> Py:
    """Both sides together, where the left alone does not settle the result."""
    if node.operator == "Xor" or not left.simple:
        meaning = writer.module.helper(_MEANING[node.operator])
        return Py(f"{meaning}({left.text}, {right.text})", left.nullable or right.nullable)
    settled, neutral = _BY_RIGHT[node.operator]
    name, text = right.text, right.text
    if not right.simple:
        name = writer.fresh("c")
        text = f"({name} := {right.text})"
    return Py(f"({name} if {text} is {settled} or {left.text} is {neutral} else None)")


def _guarded(node: Logical, writer: Writer) -> Py:
    """The left side may fail: then the right side may still settle the result alone."""
    when, then = _SETTLING[node.operator]
    settled_by = {"And": "False", "Or": "True", "Implies": "True"}[node.operator]
    failure = writer.module.named("EvaluationError", EvaluationError)
    left, held, result = writer.fresh("b"), writer.fresh("held"), writer.fresh("b")
    writer.emit(f"{held} = None")
    if writer.module.traced:
        writer.emit(f"into{held} = top.into")
    with writer.block("try:"):
        value = emit(node.left, writer)
        writer.emit(f"{left} = {value.text}")
    with writer.block(f"except {failure} as error:"):
        writer.emit(f"{left}, {held} = None, error")
        if writer.module.traced:
            writer.emit(f"top.into = into{held}")
    with writer.block(f"if {left} is {when}:"):
        writer.emit(f"{result} = {then}")
    with writer.block("else:"):
        right = emit(node.right, writer)
        writer.emit(f"{result} = {_combined(node, Py(left, simple=True), right, writer).text}")
        with writer.block(f"if {held} is not None and {result} is not {settled_by}:"):
            writer.emit(f"raise {held}")
    return Py(result, simple=True)


@emit_test.register
def test_logical(node: Logical, writer: Writer) -> str:
    """Where only truth counts, null is as good as false: Python's own connectives do."""
    if node.operator not in ("And", "Or") or writer.module.safety.may_fail(node.left):
        return emit_logical(node, writer).text
    left = emit_test(node.left, writer)
    with writer.aside() as lines:
        right = emit_test(node.right, writer)
    if not lines:
        text = f"({left} {'and' if node.operator == 'And' else 'or'} {right})"
        return writer.bounded(Py(text)).text
    result = writer.fresh("b")
    writer.emit(f"{result} = {left}")
    with writer.block(f"if {'' if node.operator == 'And' else 'not '}{result}:"):
        writer.splice(lines)
        writer.emit(f"{result} = {right}")
    return result


@emit.register
def emit_conditional(node: Conditional, writer: Writer) -> Py:
    if len(node.branches) > _MANY:
        return _one_pass(node, writer)
    (test, then), rest = node.branches[0], node.branches[1:]
    otherwise = Conditional(node.type, node.span, rest, node.otherwise) if rest else node.otherwise
    if isinstance(test, Constant):
        return emit(then if test.value is True else otherwise, writer)
    asked = emit_test(test, writer)
    then_lines, then_value = _aside(then, writer)
    else_lines, else_value = _aside(otherwise, writer)
    nullable = then_value.nullable or else_value.nullable
    if not then_lines and not else_lines:
        return writer.bounded(Py(f"({then_value.text} if {asked} else {else_value.text})", nullable))
    result = writer.fresh("r")
    with writer.block(f"if {asked}:"):
        writer.splice(then_lines)
        writer.emit(f"{result} = {then_value.text}")
    with writer.block("else:"):
        writer.splice(else_lines)
        writer.emit(f"{result} = {else_value.text}")
    return Py(result, nullable, simple=True)


_MANY = 4  # branches that are written inside each other


def _one_pass(node: Conditional, writer: Writer) -> Py:
    """Many branches, one after the other: a loop that is left by the first that holds."""
    result, nullable = writer.fresh("r"), False
    with writer.block("while True:"):
        for test, then in node.branches:
            with writer.block(f"if {emit_test(test, writer)}:"):
                value = emit(then, writer)
                nullable = nullable or value.nullable
                writer.emit(f"{result} = {value.text}")
                writer.emit("break")
        value = emit(node.otherwise, writer)
        writer.emit(f"{result} = {value.text}")
        writer.emit("break")
    return Py(result, nullable or value.nullable, simple=True)


@emit.register
def emit_first_known(node: FirstKnown, writer: Writer) -> Py:
    first, *others = node.arguments
    value = emit(first, writer)
    name = writer.fresh("v")
    writer.emit(f"{name} = {value.text}")
    nullable = value.nullable
    for argument in others:
        if not nullable:
            break
        with writer.block(f"if {name} is None:"):
            value = emit(argument, writer)
            writer.emit(f"{name} = {value.text}")
        nullable = value.nullable
    return Py(name, nullable, simple=True)
