"""Queries and methods over lists: loops, as one would write them by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from cds_service.cql.emission.dispatch import emit, emit_test
from cds_service.cql.emission.failing import is_dense
from cds_service.cql.emission.tracing import holds_resources
from cds_service.cql.emission.values import tuple_of_rows
from cds_service.cql.emission.writer import Py, Writer
from cds_service.cql.runtime import sequences
from cds_service.cql.runtime.tracing import DEAF
from cds_service.cql.static_types import STRING, ChoiceOf, ListOf, Type, Typed
from cds_service.cql.tree import Apply, Invoke, Iteration, Local, QueryValue, Relationship, Source, TupleValue, walk
from cds_service.values import lists

Consumer = Callable[[Py], None]


@emit.register
def emit_query(node: QueryValue, writer: Writer) -> Py:
    if node.aggregate is not None:
        return _aggregate(node, writer)
    if not node.gives_list:
        return _single(node, writer)
    result = writer.fresh("rows")
    if _is_copy(node):
        source = emit(node.sources[0].value, writer)
        nullable = None
        if source.nullable:
            source = writer.keep(source, "source")
            nullable = source.text
        writer.emit(f"{result} = list({source.text}{' or ()' if source.nullable else ''})")
    else:
        writer.emit(f"{result} = []")
        nullable = _rows(node, writer, lambda value: writer.emit(f"{result}.append({value.text})"))
    if (node.distinct and node.returning is not None) or (node.distinct and len(node.sources) > 1):
        helper = _distinct(node, writer)
        writer.emit(f"{result} = {helper}({result})")
    if node.sort:
        _sort(node, result, writer)
    if nullable is not None:
        return Py(f"(None if {nullable} is None else {result})")
    return Py(result, nullable=False, simple=True)


def _is_copy(node: QueryValue) -> bool:
    """Whether the rows are those of the one source as they are."""
    sifted = node.lets or node.relationships or node.where is not None
    return len(node.sources) == 1 and not sifted and node.returning is None


def _distinct(node: QueryValue, writer: Writer) -> str:
    kind: Type = node.type.element if isinstance(node.type, ListOf) else node.type
    if kind == STRING:
        return writer.module.named("distinct_texts", sequences.distinct_texts)
    if writer.module.relations.is_resource(kind):
        return writer.module.named("distinct_same", sequences.distinct_same)
    return writer.module.named("lists_distinct", lists.distinct)


def _rows(node: QueryValue, writer: Writer, consume: Consumer) -> str | None:
    """Loops over the sources; what each row gives goes to `consume`. The name of a source that may be null."""
    nullable: str | None = None
    with ExitStack() as stack:
        for position, source in enumerate(node.sources):
            value = emit(source.value, writer)
            if source.is_list:
                text = value.text
                if value.nullable:
                    value = writer.keep(value, "source")
                    text = f"{value.text} or ()"
                    if position == 0 and len(node.sources) == 1:
                        nullable = value.text
                stack.enter_context(writer.block(f"for {source.alias.name} in {text}:"))
                dense = is_dense(source.value, writer.module.relations)
            else:
                writer.emit(f"{source.alias.name} = {value.text}")
                dense = not value.nullable
                if not dense:
                    stack.enter_context(writer.block(f"if {source.alias.name} is not None:"))
                    dense = True
            writer.names[source.alias.name] = Py(source.alias.name, nullable=not dense, simple=True)
            writer.clear(source.alias.name)
        _row(node, writer, stack, consume)
    return nullable


def _row(node: QueryValue, writer: Writer, stack: ExitStack, consume: Consumer) -> None:
    rows = writer.rows.union(source.alias.name for source in node.sources)
    quiet = writer.takes_notes and _sifts_notes(node, rows, writer)
    before = _hushed(writer) if quiet else ""
    for local, value in node.lets:
        with writer.resting_on(rows):
            made = emit(value, writer)
        writer.emit(f"{local.name} = {made.text}")
        writer.names[local.name] = Py(local.name, made.nullable, simple=True)
        writer.clear(local.name)
    partners = [_relationship(relationship, writer, stack, before) for relationship in node.relationships]
    if node.where is not None:
        with writer.unheard():
            test = emit_test(node.where, writer)
        if quiet:
            name = writer.fresh("fits")
            writer.emit(f"{name} = {test}")
            writer.emit(f"top.into = {before}")
            test = name
        stack.enter_context(writer.block(f"if {test}:"))
    elif quiet:
        writer.emit(f"top.into = {before}")
    consume(_value_of_row(node, [name for name in partners if name is not None], writer))


def _sifts_notes(node: QueryValue, rows: frozenset[str], writer: Writer) -> bool:
    """Whether anything could be noted while rows are sifted."""
    noting = writer.module.noting
    assert noting is not None
    sifting = [value for _, value in node.lets]
    unheard = [node.where] if node.where is not None else []
    for relationship in node.relationships:
        sifting.append(relationship.source.value)
        unheard.append(relationship.condition)
    return any(noting.may_note(part, rows) for part in sifting) or any(_is_heard(part, writer) for part in unheard)


def _is_heard(node: Typed, writer: Writer) -> bool:
    """Whether a part that takes no notes itself asks something that does."""
    noting = writer.module.noting
    return noting is not None and any(
        isinstance(below, Invoke) and not noting.is_quiet(below, frozenset(), unheard=True) for below in walk(node)
    )


def _value_of_row(node: QueryValue, partners: list[str], writer: Writer) -> Py:
    """What a row gives, with the resources that the row consists of noted as what it rests on."""
    returning = node.returning or node.sources[0].alias
    if not writer.takes_notes:
        return emit(returning, writer)
    relations = writer.module.relations
    own = [source.alias.name for source in node.sources if holds_resources(source.alias.type, relations)]
    rows = partners if _gives_resources(node, writer) and node.aggregate is None else [*own, *partners]
    if isinstance(returning, TupleValue):
        return tuple_of_rows(returning, rows, writer)
    if not rows or (isinstance(returning, Local) and rows == [returning.name]):
        return emit(returning, writer)
    if holds_resources(returning.type, relations) or isinstance(returning.type, ChoiceOf):
        value = emit(returning, writer)
        return Py(f"run.attach({value.text}, {', '.join(rows)})", value.nullable)
    for row in rows:
        writer.emit(f"top.into.append({row})")
    with writer.resting_on(writer.rows.union(rows)):
        return emit(returning, writer)


def _gives_resources(node: QueryValue, writer: Writer) -> bool:
    kind = node.type.element if isinstance(node.type, ListOf) else node.type
    return writer.module.relations.is_resource(kind)


def _hushed(writer: Writer) -> str:
    """From here on nothing is noted; the name of where notes went until now."""
    before, deaf = writer.fresh("into"), writer.module.named("DEAF", DEAF)
    writer.emit(f"{before} = top.into")
    writer.emit(f"top.into = {deaf}")
    return before


def _relationship(node: Relationship, writer: Writer, stack: ExitStack, before: str) -> str | None:
    """A partner is looked for; without one (or, negated, with one) the row is left out, and notes go to `before`."""
    found = writer.fresh("partner")
    partner = _search(node.source, node.condition, found, writer)
    if before:
        # The search was quiet; when the row ends here, so does the quiet.
        with writer.block(f"if {'' if node.negated else 'not '}{found}:"):
            writer.emit(f"top.into = {before}")
    stack.enter_context(writer.block(f"if {'not ' if node.negated else ''}{found}:"))
    is_resource = writer.module.relations.is_resource(node.source.alias.type)
    return partner if is_resource and not node.negated else None


def _search(source: Source, condition: Typed, found: str, writer: Writer) -> str:
    alias = source.alias.name
    value = emit(source.value, writer)
    writer.emit(f"{found} = False")
    if source.is_list:
        text = f"{value.text} or ()" if value.nullable else value.text
        with writer.block(f"for {alias} in {text}:"):
            dense = is_dense(source.value, writer.module.relations)
            writer.names[alias] = Py(alias, nullable=not dense, simple=True)
            writer.clear(alias)
            with writer.unheard():
                test = emit_test(condition, writer)
            with writer.block(f"if {test}:"):
                writer.emit(f"{found} = True")
                writer.emit("break")
        return alias
    writer.emit(f"{alias} = {value.text}")
    with writer.block(f"if {alias} is not None:"):
        writer.names[alias] = Py(alias, nullable=False, simple=True)
        writer.clear(alias)
        with writer.unheard():
            test = emit_test(condition, writer)
        with writer.block(f"if {test}:"):
            writer.emit(f"{found} = True")
    return alias


def _single(node: QueryValue, writer: Writer) -> Py:
    """Sources that are single values give a single value, or null."""
    result = writer.fresh("row")
    writer.emit(f"{result} = None")
    _rows(node, writer, lambda value: writer.emit(f"{result} = {value.text}"))
    return Py(result, simple=True)


def _sort(node: QueryValue, result: str, writer: Writer) -> None:
    """Sorts in place; what a row is sorted by is no ground for it, so nothing of it is noted."""
    assert node.this is not None
    this = node.this.name
    quiet = writer.takes_notes and any(_is_heard(key.key, writer) for key in node.sort)
    with writer.block(f"if len({result}) > 1:"):
        keyed = writer.fresh("keyed")
        writer.emit(f"{keyed} = []")
        before = _hushed(writer) if quiet else ""
        with writer.block(f"for {this} in {result}:"), writer.unheard():
            dense = node.returning is None and all(
                is_dense(source.value, writer.module.relations) for source in node.sources
            )
            writer.names[this] = Py(this, nullable=not dense, simple=True)
            writer.clear(this)
            keys = [emit(key.key, writer).text for key in node.sort]
            writer.emit(f"{keyed}.append(({', '.join(keys)}, {this}))")
        if quiet:
            writer.emit(f"top.into = {before}")
        helper = writer.module.named("ordered", sequences.ordered)
        directions = tuple(key.descending for key in node.sort)
        writer.emit(f"{result} = {helper}({keyed}, {directions!r})")


def _aggregate(node: QueryValue, writer: Writer) -> Py:
    aggregate = node.aggregate
    assert aggregate is not None
    accumulator = aggregate.accumulator.name
    if aggregate.distinct and len(node.sources) == 1 and node.sources[0].is_list:
        # Doubles go before they are counted.
        source = node.sources[0]
        value = emit(source.value, writer)
        distinct = writer.module.named("lists_distinct", lists.distinct)
        rows = writer.fresh("rows")
        writer.emit(f"{rows} = {distinct}({value.text})")
        writer.emit(f"{accumulator} = {emit(aggregate.initial, writer).text}")
        writer.clear(accumulator)
        with ExitStack() as stack:
            stack.enter_context(writer.block(f"for {source.alias.name} in {rows} or ():"))
            writer.names[source.alias.name] = Py(source.alias.name, simple=True)
            writer.clear(source.alias.name)
            _row(node, writer, stack, lambda _: _step(node, writer))
        return Py(accumulator, simple=True)
    writer.emit(f"{accumulator} = {emit(aggregate.initial, writer).text}")
    writer.clear(accumulator)
    _rows(node, writer, lambda _: _step(node, writer))
    return Py(accumulator, simple=True)


def _step(node: QueryValue, writer: Writer) -> None:
    assert node.aggregate is not None
    value = emit(node.aggregate.value, writer)
    writer.emit(f"{node.aggregate.accumulator.name} = {value.text}")
    writer.clear(node.aggregate.accumulator.name)


@emit.register
def emit_iteration(node: Iteration, writer: Writer) -> Py:
    source = emit(node.operand, writer)
    if node.operator == "repeat":
        return _repeat(node, source, writer)
    value = writer.keep(source, "source")
    result = writer.fresh("found")
    start = {"all": "True", "exists": "False"}.get(node.operator, "[]")
    writer.emit(f"{result} = {start}")
    text = f"{value.text} or ()" if value.nullable else value.text
    this, index = node.this.name, node.index.name
    with writer.block(f"for {index}, {this} in enumerate({text}):"):
        dense = is_dense(node.operand, writer.module.relations)
        writer.names[this] = Py(this, nullable=not dense, simple=True)
        writer.clear(this)
        if node.operator == "select":
            _select(node, result, writer)
        else:
            test = emit_test(node.body, writer)
            with writer.block(f"if {'not ' if node.operator == 'all' else ''}{test}:"):
                if node.operator == "where":
                    writer.emit(f"{result}.append({this})")
                else:
                    writer.emit(f"{result} = {'False' if node.operator == 'all' else 'True'}")
                    writer.emit("break")
    if value.nullable and node.operator in ("where", "select"):
        return Py(f"(None if {value.text} is None else {result})")
    return Py(result, nullable=False, simple=True)


def _select(node: Iteration, result: str, writer: Writer) -> None:
    body = emit(node.body, writer)
    name = writer.fresh("item")
    writer.emit(f"{name} = {body.text}")
    with writer.block(f"if {name} is not None:"):
        verb = "extend" if isinstance(node.body.type, ListOf) else "append"
        writer.emit(f"{result}.{verb}({name})")


def _repeat(node: Iteration, source: Py, writer: Writer) -> Py:
    """The body over the source, then over what that gave, until nothing new comes."""
    result, level, this = writer.fresh("found"), writer.fresh("level"), node.this.name
    nexts = writer.fresh("next")
    writer.emit(f"{result}, {level} = [], {source.text} or ()")
    with writer.block(f"while {level}:"):
        writer.emit(f"{nexts} = []")
        with writer.block(f"for {this} in {level}:"):
            writer.names[this] = Py(this, simple=True)
            writer.clear(this)
            body = emit(node.body, writer)
            name = writer.fresh("item")
            writer.emit(f"{name} = {body.text}")
            with writer.block(f"if {name} is not None:"):
                many = isinstance(node.body.type, ListOf)
                writer.emit(f"{nexts}.{'extend' if many else 'append'}({name})")
        writer.emit(f"{level} = [{this} for {this} in {nexts} if {this} not in {result}]")
        writer.emit(f"{result}.extend({level})")
    return Py(result, nullable=False, simple=True)


def emit_exists(node: Apply, writer: Writer) -> Py | None:
    """Whether a query has a row: the loop ends at the first."""
    operand = node.arguments[0]
    if not isinstance(operand, QueryValue) or operand.aggregate is not None or not operand.gives_list:
        return None
    if len(operand.sources) != 1:
        return None
    noting = writer.module.noting
    if noting is not None and writer.takes_notes and noting.may_note(operand, writer.rows):
        return None  # evidence wants every row
    result = writer.fresh("any")
    writer.emit(f"{result} = False")

    def found(value: Py) -> None:
        if value.nullable:
            with writer.block(f"if {value.text} is not None:"):
                writer.emit(f"{result} = True")
                writer.emit("break")
        else:
            writer.emit(f"{result} = True")
            writer.emit("break")

    _rows(operand, writer, found)
    return Py(result, nullable=False, simple=True)
