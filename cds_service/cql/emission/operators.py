"""Operators: plain Python where it means the same, else a call of the function that holds the meaning."""

from __future__ import annotations

from cds_service.cql.emission.dispatch import emit, emit_test
from cds_service.cql.emission.failing import is_certain, is_dense
from cds_service.cql.emission.queries import emit_exists
from cds_service.cql.emission.resources import emit_resource_operator
from cds_service.cql.emission.writer import Py, Writer
from cds_service.cql.static_types import BOOLEAN, DECIMAL, INTEGER, LONG, STRING, ListOf, Typed
from cds_service.cql.tree import Apply, Constant, ListValue
from cds_service.values.precisions import Precision

_COMPARISONS = {
    "Equal": "==", "NotEqual": "!=", "Less": "<", "LessOrEqual": "<=", "Greater": ">", "GreaterOrEqual": ">=",
}  # fmt: skip
_PLAIN = (STRING, BOOLEAN, INTEGER, LONG, DECIMAL)


@emit.register
def emit_apply(node: Apply, writer: Writer) -> Py:
    special = _plain_python(node, writer) or emit_resource_operator(node, writer)
    if special is not None:
        return writer.bounded(special)
    signature = node.signature
    arguments = [emit(argument, writer).text for argument in node.arguments]
    if signature.needs_run:
        arguments.insert(0, "run")
    if signature.takes_precision:
        arguments.append(writer.module.precision(node.precision))
    for text in signature.extra:
        if text.startswith("Precision."):
            writer.module.named("Precision", Precision)
        arguments.append(text)
    name = writer.module.helper(signature.function)
    return writer.bounded(Py(f"{name}({', '.join(arguments)})", not signature.known))


def _plain_python(node: Apply, writer: Writer) -> Py | None:
    """The operator as Python has it, where that is the same."""
    operator = node.signature.operator
    if operator in ("IsNull", "IsNotNull"):
        value = emit(node.arguments[0], writer)
        return Py(f"({value.text} is {'' if operator == 'IsNull' else 'not '}None)", nullable=False)
    if operator in ("IsTrue", "IsFalse", "IsNotTrue", "IsNotFalse"):
        wanted = "True" if operator.endswith("True") else "False"
        negation = "not " if "Not" in operator else ""
        return Py(f"({emit(node.arguments[0], writer).text} is {negation}{wanted})", nullable=False)
    if operator == "Not":
        return _not(emit(node.arguments[0], writer), writer)
    if operator == "Positive":
        return emit(node.arguments[0], writer)
    if operator in _COMPARISONS and node.precision is None:
        return _comparison(node, writer)
    if operator == "In":
        return _in_constants(node, writer) or _in_texts(node, writer)
    if operator == "Exists":
        return _exists(node, writer)
    if operator in ("First", "Last"):
        value = writer.keep(emit(node.arguments[0], writer))
        return Py(f"({value.text}[{0 if operator == 'First' else -1}] if {value.text} else None)")
    if operator == "Flatten" and isinstance(node.arguments[0], ListValue):
        lists = [emit(each, writer) for each in node.arguments[0].elements]
        return Py(f"[{', '.join(f'*({e.text} or ())' if e.nullable else f'*{e.text}' for e in lists)}]", nullable=False)
    if operator == "Now":
        return Py("(run.instant or run.now())", nullable=False)
    if operator == "Count" and isinstance(node.arguments[0].type, ListOf):
        return _count(node.arguments[0], writer)
    return None


def _not(value: Py, writer: Writer) -> Py:
    if not value.nullable:
        return Py(f"(not {value.text})", nullable=False)
    if value.simple:
        return Py(f"(None if {value.text} is None else not {value.text})")
    name = writer.fresh("n")
    return Py(f"(None if ({name} := {value.text}) is None else not {name})")


def _comparison(node: Apply, writer: Writer) -> Py | None:
    left, right = node.arguments
    if isinstance(right, Constant) and right.value.__class__ is str and not is_certain(left):
        return _with_text(node, writer)
    if left.type not in _PLAIN or not (is_certain(left) and is_certain(right)):
        return None
    sign = _COMPARISONS[node.signature.operator]
    return _strict(emit(left, writer), emit(right, writer), sign, writer)


def _with_text(node: Apply, writer: Writer) -> Py | None:
    """A FHIR value, which mostly is a plain text, beside a text of the logic."""
    sign, function = _COMPARISONS[node.signature.operator], node.signature.function
    if sign not in ("==", "!=") or not function.startswith("equality."):
        return None
    value, text = writer.keep(emit(node.arguments[0], writer)), emit(node.arguments[1], writer).text
    otherwise = f"{writer.module.helper(function)}({value.text}, {text})"
    return Py(f"({value.text} {sign} {text} if {value.text}.__class__ is str else {otherwise})")


def _strict(left: Py, right: Py, sign: str, writer: Writer) -> Py:
    """Two operands with a sign between them; null if one of them is."""
    tests = []
    texts = []
    for value in (left, right):
        if not value.nullable:
            texts.append(value.text)
        elif value.simple:
            tests.append(f"{value.text} is None")
            texts.append(value.text)
        else:
            name = writer.fresh("c")
            tests.append(f"({name} := {value.text}) is None")
            texts.append(name)
    body = f"{texts[0]} {sign} {texts[1]}"
    if not tests:
        return Py(f"({body})", nullable=False)
    if len(tests) == 2:
        # Both are asked before either is compared, so that both names exist.
        return Py(f"(None if {tests[0]} or {tests[1]} else {body})")
    return Py(f"(None if {tests[0]} else {body})")


def _members(node: Typed) -> list[object] | None:
    """The texts or numbers of a constant list without null, which Python can search as CQL does."""
    if not isinstance(node, Constant) or not isinstance(node.value, list) or not isinstance(node.type, ListOf):
        return None
    if node.type.element not in (STRING, INTEGER) or any(type(item) not in (str, int) for item in node.value):
        return None
    return node.value


def _in_constants(node: Apply, writer: Writer) -> Py | None:
    element, elements = node.arguments
    members = _members(elements)
    if members is None:
        return None
    value = emit(element, writer)
    text = f"({', '.join(repr(item) for item in members)}{',' if len(members) == 1 else ''})"
    if is_certain(element):
        return Py(f"({value.text} in {text})", nullable=False)
    value = writer.keep(value)
    otherwise = f"{writer.module.helper(node.signature.function)}({value.text}, {emit(elements, writer).text})"
    return Py(f"({value.text} in {text} if {value.text}.__class__ is str else {otherwise})")


def _in_texts(node: Apply, writer: Writer) -> Py | None:
    """A text among texts: nothing is in no list, and null only where the list has it."""
    left, right = node.arguments
    if left.type != STRING or right.type != ListOf(STRING):
        return None
    element, elements = emit(left, writer), emit(right, writer)
    return Py(f"({element.text} in {f'({elements.text} or ())' if elements.nullable else elements.text})", False)


def _count(operand: Typed, writer: Writer) -> Py | None:

    if not is_dense(operand, writer.module.relations):
        return None
    value = emit(operand, writer)
    return Py(f"len({value.text})" if not value.nullable else f"len({value.text} or ())", nullable=False)


def _exists(node: Apply, writer: Writer) -> Py | None:
    early = emit_exists(node, writer)
    if early is not None:
        return early
    value = emit(node.arguments[0], writer)
    if is_dense(node.arguments[0], writer.module.relations):
        return Py(f"bool({value.text})", nullable=False)
    value, helper = writer.keep(value), writer.module.helper("lists.exists")
    return Py(f"(bool({value.text}) and ({value.text}[0] is not None or {helper}({value.text})))", nullable=False)


@emit_test.register
def test_apply(node: Apply, writer: Writer) -> str:
    """A comparison with a known value is false for null in Python too."""
    operator = node.signature.operator
    if operator in ("Equal",) and node.arguments[0].type in _PLAIN and all(map(is_certain, node.arguments)):
        left, right = (emit(argument, writer) for argument in node.arguments)
        if not (left.nullable and right.nullable):
            return f"{left.text} == {right.text}"
        return _strict(left, right, "==", writer).text
    return emit_apply(node, writer).text
