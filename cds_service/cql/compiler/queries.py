"""Queries: sources, let, with and without, where, return, aggregate, sort. CQL author's guide, Queries."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, condition, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.semantic_errors import DuplicateDefinition, TypeMismatch
from cds_service.cql.static_types import (
    BOOLEAN,
    CODE,
    NULL,
    VALUE_SET,
    ChoiceOf,
    IntervalOf,
    ListOf,
    TupleOf,
    Type,
    Typed,
    has_error,
)
from cds_service.cql.tree import (
    Aggregation,
    AsType,
    Conditional,
    Constant,
    IsType,
    Local,
    QueryValue,
    Relationship,
    SortKey,
    Source,
    TupleValue,
)


@compile_node.register
def compile_query(node: nodes.Query, scope: Scope) -> Typed:
    sources: list[Source] = []
    inner = scope
    for written in node.sources:
        source, inner = _source(written, inner, [found.alias for found in sources])
        sources.append(source)
    lets: list[tuple[Local, Typed]] = []
    for let in node.lets:
        value = compile_expression(let.value, inner)
        local = scope.local(let.name, value.type, let.span, "let")
        lets.append((local, value))
        inner = inner.with_names([(let.name, local)])
    relationships = tuple(_relationship(relationship, inner) for relationship in node.relationships)
    where = (
        condition(inner, compile_expression(node.where, inner), "What `where` asks") if node.where is not None else None
    )
    many = any(source.is_list for source in sources)
    aggregate = _aggregate(node.aggregate, inner, scope) if node.aggregate is not None else None
    returning, distinct, element = _result(node, inner, tuple(sources), scope)
    this = scope.local("row", element, node.span, "this") if node.sort else None
    sort = tuple(_key(item, scope, this) for item in node.sort) if this is not None else ()
    kind: Type = aggregate.value.type if aggregate is not None else ListOf(element) if many else element
    if any(has_error(source.value.type) for source in sources):
        return Constant(ListOf(element) if many and aggregate is None else kind, node.span, None)
    return QueryValue(
        kind, node.span, tuple(sources), tuple(lets), relationships, where, returning, distinct, aggregate, sort, this
    )


def _source(written: nodes.AliasedSource, scope: Scope, before: list[Local]) -> tuple[Source, Scope]:
    value = compile_expression(written.source, scope)
    value, many = as_source(scope, value)
    element = value.type.element if isinstance(value.type, ListOf) else value.type
    alias = scope.local(written.alias, element, written.span, "alias")
    if any(scope.names.get(written.alias) is known for known in before):
        raise DuplicateDefinition(f'The query has two sources called "{written.alias}".', where=written.span)
    return Source(alias, value, many), scope.with_names([(written.alias, alias)])


def as_source(scope: Scope, value: Typed) -> tuple[Typed, bool]:
    """The value as something to iterate over, and whether it is a list; a value set is its codes."""
    if isinstance(value.type, ListOf):
        return value, True
    if value.type == VALUE_SET:
        step = scope.relations.conversion(VALUE_SET, ListOf(CODE))
        if step is not None:
            return converted(value, step), True
    return value, False


def _relationship(node: nodes.With, scope: Scope) -> Relationship:
    source, inner = _source(node.source, scope, [])
    test = condition(inner, compile_expression(node.condition, inner), "What `such that` asks")
    return Relationship(source, test, node.negated)


def _aggregate(node: nodes.Aggregate, inner: Scope, outer: Scope) -> Aggregation:
    initial = compile_expression(node.initial, outer) if node.initial is not None else Constant(NULL, node.span, None)
    accumulator = outer.local(node.accumulator, initial.type, node.span, "let")
    value = compile_expression(node.value, inner.with_names([(node.accumulator, accumulator)]).with_total(accumulator))
    target = outer.relations.joined([initial.type, value.type])
    if target != initial.type:
        # The accumulator takes the type of what it becomes: compile the step again with that.
        accumulator = outer.local(node.accumulator, target, node.span, "let")
        scope = inner.with_names([(node.accumulator, accumulator)]).with_total(accumulator)
        value = compile_expression(node.value, scope)
        step = outer.relations.conversion(initial.type, target)
        initial = converted(initial, step) if step is not None else initial
    return Aggregation(accumulator, initial, value, node.distinct)


def _result(
    node: nodes.Query, inner: Scope, sources: tuple[Source, ...], scope: Scope
) -> tuple[Typed | None, bool, Type]:
    """What a row gives: the value, whether doubles go, and its type."""
    if node.returning is not None:
        value = compile_expression(node.returning.value, inner)
        return value, node.returning.distinct, value.type
    if len(sources) == 1:
        return None, False, sources[0].alias.type
    pairs = [(written.alias, source.alias) for written, source in zip(node.sources, sources, strict=True)]
    kind = TupleOf.of((name, alias.type) for name, alias in pairs)
    resources = all(scope.relations.is_resource(source.alias.type) for source in sources)
    # Rows of different resources are never doubles of each other.
    return TupleValue(kind, node.span, tuple(pairs)), not resources, kind


def _key(item: nodes.SortItem, scope: Scope, this: Local) -> SortKey:
    key = this if item.key is None else compile_expression(item.key, scope.with_element(this))
    descending = item.direction == "descending"
    if isinstance(key.type, ChoiceOf):
        moment = _moment(scope, key, key.type)
        if moment is not None:
            return SortKey(moment, descending)
    elif scope.relations.is_ordered(key.type) or has_error(key.type):
        step = scope.relations.conversion(key.type, scope.relations.systemized(key.type))
        return SortKey(converted(key, step) if step is not None else key, descending)
    place = item.span if item.key is None else item.key.span
    scope.problems.add(
        TypeMismatch(
            f"Values of type {key.type} have no order, so nothing can be sorted by them.",
            where=place,
            remedy=_sortable(scope, key.type) if item.key else "Write `sort by element`.",
        )
    )
    return SortKey(Constant(key.type, place, None), descending)


def _sortable(scope: Scope, kind: Type) -> str:
    options = kind.options if isinstance(kind, ChoiceOf) else ()
    ordered = [str(option) for option in options if scope.relations.is_ordered(option)]
    if ordered:
        return f"Say with `as` which of its types to sort by, such as {ordered[0]}."
    return "Sort by a number, a date, a quantity or a text."


def _moment(scope: Scope, key: Typed, kind: ChoiceOf) -> Typed | None:
    """A choice as something to sort by: its alternatives with an order, periods by their start; None if they mix."""
    relations = scope.relations
    plain = {option: relations.systemized(option) for option in kind.options}
    ordered = {option: own for option, own in plain.items() if relations.is_ordered(own)}
    if len(set(ordered.values())) != 1:
        return None
    (target,) = set(ordered.values())
    branches: list[tuple[Typed, Typed]] = []
    for option, own in plain.items():
        narrowed: Typed = AsType(option, key.span, key, strict=False)
        if option not in ordered and own == IntervalOf(target):
            narrowed = apply(scope, "Start", (narrowed,), key.span)
        step = relations.conversion(narrowed.type, target)
        if step is not None:
            branches.append((IsType(BOOLEAN, key.span, key, option), converted(narrowed, step)))
    return Conditional(target, key.span, tuple(branches), Constant(target, key.span, None))
