"""Functions of codes alone: what they give for the same codes is the same in every evaluation, so it is kept.

Such a function takes concepts and asks nothing about them but in which value sets they are; it reads no data, no
parameter and no clock. Charts carry few different codes, and what a code means is asked again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cds_service.cql.entries import FunctionEntry, ValueSetEntry
from cds_service.cql.static_types import ListOf, Named, TupleOf, Type, Typed
from cds_service.cql.tree import (
    Apply,
    Conditional,
    Constant,
    Converted,
    FirstKnown,
    Invoke,
    ListValue,
    Local,
    Logical,
    Membership,
    Part,
    QueryValue,
    TupleValue,
    children,
)

_KEPT = 20_000  # answers of one function
_CONCEPT = Named("CodeableConcept", "FHIR")
_PLAIN = (
    Conditional, Constant, Converted, FirstKnown, Invoke, ListValue, Local, Logical, Membership, Part,
    QueryValue, TupleValue,
)  # fmt: skip


def depends_on_codes_alone(entry: FunctionEntry) -> bool:
    """Whether the function gives the same for concepts with the same codes."""
    kinds = [kind for _, kind in entry.operands]
    if not any(map(_is_concepts, kinds)) or entry.body is None or not _is_system(entry.body.type):
        return False
    return all(_is_concepts(kind) or _is_text(kind) for kind in kinds) and _is_pure(entry.body, set())


def _is_pure(node: Typed, entered: set[int]) -> bool:
    if isinstance(node, Apply):
        if node.signature.needs_run or any(_is_concept(argument.type) for argument in node.arguments):
            return False
        if not all(_is_system(argument.type) or node.signature.operator == "Exists" for argument in node.arguments):
            return False
    elif not isinstance(node, _PLAIN):
        return False
    if isinstance(node, Membership) and not isinstance(node.vocabulary, ValueSetEntry):
        return False
    if isinstance(node, Converted) and not (_is_system(node.type) and _is_system(node.operand.type)):
        return False
    if isinstance(node, QueryValue) and node.distinct and not _is_system(node.type):
        return False
    if isinstance(node, QueryValue) and (node.sort or node.aggregate is not None):
        return False
    if isinstance(node, Invoke) and id(node.function) not in entered:
        entered.add(id(node.function))
        if node.function.body is None or not _is_pure(node.function.body, entered):
            return False
    return all(_is_pure(child, entered) for child in children(node))


def _is_concept(kind: Type) -> bool:
    return kind == _CONCEPT


def _is_concepts(kind: Type) -> bool:
    return _is_concept(kind) or (isinstance(kind, ListOf) and _is_concept(kind.element))


def _is_text(kind: Type) -> bool:
    return kind == Named("String")


def _is_system(kind: Type) -> bool:
    """Whether nothing of FHIR is in a value of this type."""
    if isinstance(kind, ListOf):
        return _is_system(kind.element)
    if isinstance(kind, TupleOf):
        return all(_is_system(part) for _, part in kind.elements)
    return isinstance(kind, Named) and kind.namespace == "System"


def codes_of(value: Any) -> Any:
    """What such a function can learn of an argument: the codes of its concepts, in their order."""
    if value is None or value.__class__ is str:
        return value
    if value.__class__ is list or value.__class__ is tuple:
        return (list, *map(_codes, value))
    return _codes(value)


def _codes(concept: Any) -> tuple[tuple[str | None, str | None], ...] | None:
    return None if concept is None else tuple([(coding.system, coding.code) for coding in concept.coding])


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, that works out its value once for the same codes."""
    known: dict[Any, Any] = {}

    def ask(run: Any, *arguments: Any) -> Any:
        key = codes_of(arguments[0]) if len(arguments) == 1 else tuple(map(codes_of, arguments))
        if key in known:
            return known[key]
        value = function(run, *arguments)
        if len(known) >= _KEPT:
            known.clear()
        known[key] = value
        return value

    return ask


def remembered_for_one(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same for a function of one list of concepts, as most are: none, or one, with one code each, mostly."""
    known: dict[Any, Any] = {}

    def ask(run: Any, concepts: Any) -> Any:
        key = tuple(map(_codes, concepts)) if concepts else concepts is None
        value = known.get(key, _UNKNOWN)
        if value is _UNKNOWN:
            value = function(run, concepts)
            if len(known) >= _KEPT:
                known.clear()
            known[key] = value
        return value

    return ask


_UNKNOWN: Any = object()


def remember(namespace: dict[str, Any], functions: Iterable[FunctionEntry]) -> None:
    """Let those of the functions that depend on codes alone keep what they give."""
    for entry in functions:
        if depends_on_codes_alone(entry):
            name = f"f{entry.slot}"
            alone = [kind for _, kind in entry.operands] == [ListOf(_CONCEPT)]
            namespace[name] = (remembered_for_one if alone else remembered)(namespace[name])
