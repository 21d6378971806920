"""Needs: the facts whose values are not known and still matter for a definition that is null."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from cds_service.cql.entries import DefinitionEntry, FunctionEntry
from cds_service.cql.explain.reach import Reach
from cds_service.cql.static_types import BOOLEAN, Typed
from cds_service.cql.tree import (
    Apply,
    Bound,
    Conditional,
    Constant,
    DefinitionValue,
    FirstKnown,
    IntervalValue,
    Invoke,
    ListValue,
    Local,
    Logical,
    TupleValue,
    children,
    walk,
)
from cds_service.errors import EvaluationError
from cds_service.values import logic

FACT = "fact"
ENUMERATED = 6  # up to this many repeated facts, all their values are tried


class Need(msgspec.Struct, frozen=True):
    """A fact whose value is not known: which definition it is, its tags and its type."""

    library: str
    define: str
    tags: Mapping[str, str | None]
    type: str


_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "And": logic.conjunction,
    "Or": logic.disjunction,
    "Xor": logic.exclusive,
    "Implies": logic.implication,
}

Met = dict[DefinitionEntry, int]  # unknown facts, with how often each is met
Ask = Callable[[Typed, object], Any]
Bindings = tuple[tuple[Local, Typed], ...]


class Needs:
    """Looks for needs in one evaluation: below definitions, down to the facts and not below them."""

    def __init__(
        self, value_of: Callable[[DefinitionEntry], Any], ask: Ask, reach: Reach, known: dict[int, Met] | None = None
    ) -> None:
        self._reach = reach
        self._value_of = value_of
        self._ask = ask
        self._done = known if known is not None else {}  # by the place of a definition

    def of_definition(self, entry: DefinitionEntry) -> Met:
        """The unknown facts behind a definition, with how often each is met."""
        key = entry.slot
        if key not in self._done:
            self._done[key] = {}
            self._done[key] = self._find(entry)
        return self._done[key]

    def _find(self, entry: DefinitionEntry) -> Met:
        if self._known(lambda: self._value_of(entry)):
            return {}
        if FACT in entry.tags:
            return {entry: 1}
        return self._in(entry.body, ()) if entry.body is not None else {}

    def _known(self, value: Callable[[], Any]) -> bool:
        """Whether something has a value; what fails needs to be mended, not answered."""
        try:
            return value() is not None
        except EvaluationError:
            return True

    def _value(self, node: Typed, bound: Bindings) -> Any:
        """The value of a part; connectives are worked out here, since their parts mostly are definitions."""
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, DefinitionValue):
            return self._value_of(node.definition)
        if isinstance(node, Logical):
            return _COMBINE[node.operator](self._value(node.left, bound), self._value(node.right, bound))
        if isinstance(node, Apply) and node.signature.operator == "Not":
            return logic.negation(self._value(node.arguments[0], bound))
        closed = _closed(node, bound)
        # The tree lives as long as the program, so its nodes tell the parts apart.
        return self._ask(closed, (id(node), tuple(id(value) for _, value in bound) if closed is not node else ()))

    def _in(self, node: Typed, bound: Bindings) -> Met:
        """The unknown facts that keep this part, which is null, from having a value."""
        if isinstance(node, DefinitionValue):
            return self.of_definition(node.definition)
        if isinstance(node, Constant | Local):
            return {}
        if isinstance(node, Conditional):
            return self._in_branches(node, bound)
        if isinstance(node, Bound):
            inner = (*bound, (node.local, node.value))
            return _add(dict(self._unknown(node.value, bound)), self._unknown(node.body, inner))
        if isinstance(node, Invoke):
            return self._in_call(node, bound)
        if isinstance(node, Logical | FirstKnown) or (isinstance(node, Apply) and node.signature.operator == "Not"):
            return self._sum(children(node), bound)
        found = self._sum(children(node), bound)
        return found if found else self._deep(node)

    def _sum(self, parts: Iterable[Typed], bound: Bindings) -> Met:
        found: Met = {}
        for part in parts:
            _add(found, self._unknown(part, bound))
        return found

    def _unknown(self, node: Typed, bound: Bindings) -> Met:
        """The facts behind this part if it is null; nothing if it has a value."""
        if isinstance(node, ListValue | TupleValue | IntervalValue):
            return self._sum(children(node), bound)  # known as a whole, its members may not be
        free = _free(node) - {local.name for local, _ in bound}
        if free:
            return {}
        if self._known(lambda: self._value(node, bound)):
            return {}
        return self._in(node, bound)

    def _in_branches(self, node: Conditional, bound: Bindings) -> Met:
        found: Met = {}
        for test, value in node.branches:
            asked = self._guarded(test, bound)
            if asked is None:
                _add(found, self._unknown(test, bound))
            if asked is True:
                return _add(found, self._unknown(value, bound))
        return _add(found, self._unknown(node.otherwise, bound))

    def _guarded(self, node: Typed, bound: Bindings) -> Any:
        try:
            return self._value(node, bound)
        except EvaluationError:
            return False

    def _in_call(self, node: Invoke, bound: Bindings) -> Met:
        function: FunctionEntry = node.function
        found = self._sum(node.arguments, bound)
        operands = tuple(local for local in function.locals if isinstance(local, Local))
        inner = (*bound, *zip(operands, node.arguments, strict=True))
        if function.body is not None:
            _add(found, self._unknown(function.body, inner))
        return found

    def _deep(self, node: Typed) -> Met:
        """All unknown facts that are named anywhere below: where the way is not a matter of logic."""
        found: Met = {}
        for below in walk(node):
            if isinstance(below, DefinitionValue):
                _add(found, self.of_definition(below.definition))
            elif isinstance(below, Invoke) and below.function.body is not None:
                for entry in self._reach.reached((below.function,)):
                    if isinstance(entry, DefinitionEntry) and FACT in entry.tags:
                        _add(found, self.of_definition(entry))
        return found


def _add(found: Met, more: Met) -> Met:
    """`found`, with what is met in `more` too."""
    for entry, count in more.items():
        found[entry] = found.get(entry, 0) + count
    return found


_FREE: weakref.WeakKeyDictionary[Typed, frozenset[str]] = weakref.WeakKeyDictionary()


def _free(node: Typed) -> frozenset[str]:
    """The local names that a part uses but does not bind itself; kept, since trees do not change."""
    found = _FREE.get(node)
    if found is None:
        used = {below.name for below in walk(node) if isinstance(below, Local)}
        found = _FREE[node] = frozenset(used - _binders(node) if used else used)
    return found


def _binders(node: Typed) -> set[str]:
    bound: set[str] = set()
    for below in walk(node):
        for field in ("local", "subject", "this", "index"):
            local = getattr(below, field, None)
            if isinstance(local, Local):
                bound.add(local.name)
        for source in getattr(below, "sources", ()):
            bound.add(source.alias.name)
        for relationship in getattr(below, "relationships", ()):
            bound.add(relationship.source.alias.name)
        for local, _ in getattr(below, "lets", ()):
            bound.add(local.name)
        aggregate = getattr(below, "aggregate", None)
        if aggregate is not None:
            bound.add(aggregate.accumulator.name)
    return bound


def _closed(node: Typed, bound: Bindings) -> Typed:
    """The part with everything that it needs from around it."""
    free = set(_free(node))
    for local, value in reversed(bound):
        if local.name in free:
            node = Bound(node.type, node.span, local, value, node)
            free |= _free(value)
    return node


def pruned(found: Met, result_if: Callable[[Mapping[DefinitionEntry, Any]], Any]) -> list[DefinitionEntry]:
    """The facts that have to be known: where some are met more than once, one may go without another."""
    facts = list(found)
    if len(facts) < 2:
        return facts
    repeated = any(count > 1 for count in found.values())
    if not repeated or len(facts) > ENUMERATED or any(entry.type != BOOLEAN for entry in facts):
        return facts
    for entry in list(facts):
        rest = [other for other in facts if other is not entry]
        if rest and all(
            result_if(dict(zip(rest, values, strict=True))) is not None
            for values in itertools.product((False, True), repeat=len(rest))
        ):
            facts = rest
    return facts
