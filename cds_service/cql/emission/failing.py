"""Which parts of a tree can fail while running, and which lists never hold null: what need not be guarded."""

from __future__ import annotations

from cds_service.cql.static_types import BOOLEAN, DECIMAL, INTEGER, LONG, STRING, ListOf, Typed
from cds_service.cql.tree import (
    Apply,
    AsType,
    Constant,
    Converted,
    DefinitionValue,
    Element,
    InstanceValue,
    IntervalValue,
    Invoke,
    ListValue,
    Noted,
    ParameterValue,
    QueryValue,
    RetrieveValue,
    TupleValue,
    children,
)
from cds_service.cql.type_relations import Conversion, Relations


class Safety:
    """Answers about definitions are kept, since they are asked from many places."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def may_fail(self, node: Typed | None) -> bool:
        """Whether evaluating the node can raise an error."""
        if node is None:
            return False
        if isinstance(node, DefinitionValue):
            return self._of_entry(node.definition)
        if isinstance(node, ParameterValue):
            return self._of_entry(node.parameter)
        if isinstance(node, Invoke) and self._of_entry(node.function):
            return True
        if isinstance(node, Apply) and node.signature.may_fail:
            return True
        if isinstance(node, AsType) and node.strict:
            return True
        if isinstance(node, InstanceValue | IntervalValue):
            return True
        if isinstance(node, Converted) and _conversion_fails(node.conversion):
            return True
        return any(self.may_fail(child) for child in children(node))

    def _of_entry(self, entry: object) -> bool:
        key = id(entry)
        if key not in self._known:
            self._known[key] = False
            self._known[key] = self.may_fail(getattr(entry, "body", None) or getattr(entry, "default", None))
        return self._known[key]


def _conversion_fails(conversion: Conversion) -> bool:
    return conversion.kind in ("cast", "value-set-codes") or any(
        _conversion_fails(step) for _, step in conversion.parts
    )


_CERTAIN = frozenset({
    "Count", "Length", "PositionOf", "LastPositionOf", "DateTimeComponentFrom", "IndexOf", "Precision", "ToInteger",
    "ToDecimal", "ToLong", "Ceiling", "Floor", "Truncate",
})  # fmt: skip


def is_certain(node: Typed) -> bool:
    """Whether the value is a plain Python value that Python's own comparison understands as CQL does."""
    if node.type in (STRING, BOOLEAN):
        return True
    if node.type not in (INTEGER, LONG, DECIMAL):
        return False
    if isinstance(node, Constant | Element | ParameterValue):
        return True
    if isinstance(node, Converted):
        inner = node.conversion.kind in ("same", "integer-decimal", "integer-long")
        return inner and (is_certain(node.operand) or isinstance(node.operand, Element | AsType | ParameterValue))
    return isinstance(node, Apply) and node.signature.operator in _CERTAIN


def is_dense(node: Typed, relations: Relations) -> bool:
    """Whether the list certainly holds no null."""
    if isinstance(node, Noted):
        return is_dense(node.operand, relations)
    if isinstance(node, RetrieveValue):
        return True
    if isinstance(node, Element):
        kind = node.type.element if isinstance(node.type, ListOf) else node.type
        return not relations.is_primitive(kind)
    if isinstance(node, QueryValue):
        if node.aggregate is not None:
            return False
        if node.returning is not None:
            return isinstance(node.returning, TupleValue)
        return all(is_dense(source.value, relations) for source in node.sources)
    if isinstance(node, DefinitionValue):
        return node.definition.body is not None and is_dense(node.definition.body, relations)
    if isinstance(node, Apply) and node.signature.operator == "Flatten":
        lists = node.arguments[0]
        return isinstance(lists, ListValue) and all(is_dense(each, relations) for each in lists.elements)
    if isinstance(node, Apply) and node.signature.operator in (
        "Union", "Distinct", "Intersect", "Except", "Skip", "Take", "Tail",
    ):  # fmt: skip
        return all(is_dense(argument, relations) for argument in node.arguments if isinstance(argument.type, ListOf))
    if isinstance(node, Constant):
        return isinstance(node.value, list) and None not in node.value
    if isinstance(node, Converted):
        return node.conversion.kind in ("same", "list") and is_dense(node.operand, relations)
    if isinstance(node, ListValue):
        return all(isinstance(element, Constant) and element.value is not None for element in node.elements)
    return False


def is_known(node: Typed | None) -> bool:
    """Whether the value plainly never is null."""
    if isinstance(node, Apply):
        is_flat = node.signature.operator == "Flatten" and isinstance(node.arguments[0], ListValue)
        return node.signature.known or is_flat
    if isinstance(node, Constant):
        return node.value is not None
    if isinstance(node, RetrieveValue):
        return True
    if isinstance(node, DefinitionValue):
        return is_known(node.definition.body)
    if isinstance(node, QueryValue):
        return node.aggregate is None and node.gives_list and is_known(node.sources[0].value)
    return False
