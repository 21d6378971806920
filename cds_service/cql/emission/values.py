"""Constants, names, references, selectors."""

from __future__ import annotations

from cds_service.cql.emission.dispatch import emit
from cds_service.cql.emission.failing import is_known
from cds_service.cql.emission.sharing import key_of
from cds_service.cql.emission.writer import Py, Writer, is_simple
from cds_service.cql.entries import DefinitionEntry, ParameterEntry, ValueSetEntry
from cds_service.cql.runtime import instances, vocabularies
from cds_service.cql.runtime.run import UNSET
from cds_service.cql.runtime.structures import SYSTEM_SELECTORS
from cds_service.cql.runtime.tracing import DEAF
from cds_service.cql.static_types import ListOf, Named
from cds_service.cql.tree import (
    Bound,
    Constant,
    ContextValue,
    DefinitionValue,
    InstanceValue,
    IntervalValue,
    Invoke,
    ListValue,
    Local,
    Membership,
    Noted,
    ParameterValue,
    Part,
    RetrieveValue,
    TupleValue,
    ValueSetValue,
)
from cds_service.values import interval_bounds
from cds_service.values.tuples import Tuple


@emit.register
def emit_constant(node: Constant, writer: Writer) -> Py:
    text = writer.module.constant(node.value)
    return Py(text, node.value is None, simple=is_simple(text))


@emit.register
def emit_local(node: Local, writer: Writer) -> Py:
    return writer.names.get(node.name) or Py(node.name, simple=True)


@emit.register
def emit_bound(node: Bound, writer: Writer) -> Py:
    value = writer.keep(emit(node.value, writer), node.local.name)
    writer.clear(node.local.name)
    before = writer.names.get(node.local.name)
    writer.names[node.local.name] = value
    body = emit(node.body, writer)
    if before is not None:
        writer.names[node.local.name] = before
    return body


@emit.register
def emit_definition(node: DefinitionValue, writer: Writer) -> Py:
    entry = node.definition
    name = writer.module.ask_definition(entry)
    nullable = not is_known(entry.body)
    call = _asked(entry, name, writer, may_fail=writer.module.safety.may_fail(entry.body))
    if isinstance(node.type, ListOf) and node.type != entry.type:
        return Py(f"[{call}]", nullable=False)  # asked from the Unfiltered context
    return Py(call, nullable)


def _asked(entry: DefinitionEntry | ParameterEntry, name: str, writer: Writer, *, may_fail: bool) -> str:
    """The value of a definition or parameter: from memory where it is there, without a call."""
    noting, slot = writer.module.noting, entry.slot
    is_noted = noting is not None and (noting.asks(entry) if isinstance(entry, DefinitionEntry) else noting.is_thorough)
    note = f"top.used.append({slot}) or " if is_noted else ""
    value, unset = writer.fresh("m"), writer.module.named("UNSET", UNSET)
    known = f"({value} := {writer.memory}[{slot}]) is not {unset}"
    if may_fail:
        known = f"({known} and {value}.__class__ is not Failed)"
    return f"({value} if {note}{known} else {name}(run))"


@emit.register
def emit_parameter(node: ParameterValue, writer: Writer) -> Py:
    name = writer.module.ask_parameter(node.parameter)
    return Py(_asked(node.parameter, name, writer, may_fail=writer.module.safety.may_fail(node.parameter.default)))


@emit.register
def emit_context(node: ContextValue, writer: Writer) -> Py:  # noqa: ARG001 - every chapter has this form
    if node.context == "Patient":
        return Py("run.patient")
    return Py(f"run.subject({node.context!r})")


@emit.register
def emit_noted(node: Noted, writer: Writer) -> Py:
    value, noting = emit(node.operand, writer), writer.module.noting
    if noting is None or writer.quiet or noting.follows(node, writer.rows):
        return value
    element = noting.element(node)
    name, text = value.text, value.text
    if not value.simple:
        name = writer.fresh("n")
        text = f"({name} := {value.text})"
    first, note = (text, name) if value.nullable else ("", text)
    note = f"top.into.append({note if element is None else f'({note}, {element!r})'}) is None"
    told = f"{first} is None or {note}" if value.nullable else note  # mostly it is null: there is nothing to note then
    return Py(f"({name} if {told} else None)", value.nullable)


@emit.register
def emit_invoke(node: Invoke, writer: Writer) -> Py:
    module, noting = writer.module, writer.module.noting
    is_quiet = noting is not None and noting.is_quiet(node, writer.rows, unheard=bool(writer.quiet))
    name = module.ask_quiet(node.function) if is_quiet else module.ask_function(node.function)
    arguments = "".join(f", {emit(argument, writer).text}" for argument in node.arguments)
    call = f"{name}(run{arguments})"
    once = writer.shared.names.get(key_of(node) or "") if writer.shared.names else None
    if once is None:
        return Py(call)
    if is_quiet or noting is None:
        return Py(f"({once} if {once} is not UNSET else ({once} := {call}))")
    # The value with what was noted for it: that counts wherever the value is used in earnest.
    once = f"heard_{once}"
    told = f"({once} if {once} is not UNSET else ({once} := run.overheard({name}{arguments})))"
    return Py(f"run.told({told})" if writer.takes_notes else f"{told}[0]")


@emit.register
def emit_list(node: ListValue, writer: Writer) -> Py:
    return Py("[" + ", ".join(emit(element, writer).text for element in node.elements) + "]", nullable=False)


@emit.register
def emit_tuple(node: TupleValue, writer: Writer) -> Py:
    return tuple_of_rows(node, [], writer)


def tuple_of_rows(node: TupleValue, rows: list[str], writer: Writer) -> Py:
    """A tuple that is made of these rows, of the resources in it, and of what is noted while they are worked out."""
    made, noting, resting = writer.module.named("Tuple", Tuple), writer.module.noting, frozenset(rows)
    if noting is None or writer.quiet:
        return Py(f"{made}({{{_parts(node, writer)}}})", nullable=False)
    if not noting.may_note(node, resting):
        with writer.resting_on(resting):
            notes = f", ({', '.join(rows)},)" if rows else ""
            return Py(f"{made}({{{_parts(node, writer)}}}{notes})", nullable=False)
    before, notes, deaf = writer.fresh("into"), writer.fresh("notes"), writer.module.named("DEAF", DEAF)
    writer.emit(f"{before}, {notes} = top.into, [{', '.join(rows)}]")
    with writer.block(f"if {before} is not {deaf}:"):
        writer.emit(f"top.into = {notes}")
    with writer.resting_on(resting):
        parts = _parts(node, writer, notes)
    value = writer.keep(Py(f"{made}({{{parts}}}, {notes})", nullable=False), "tuple")
    writer.emit(f"top.into = {before}")
    return value


def _parts(node: TupleValue, writer: Writer, notes: str = "") -> str:
    """The elements of a tuple; resources among them go to its notes as well."""
    parts = []
    for name, value in node.elements:
        part = emit(value, writer)
        if notes and writer.module.relations.is_resource(value.type):
            part = writer.keep(part)
            writer.emit(f"{notes}.append({part.text})")
        parts.append(f"{name!r}: {part.text}")
    return ", ".join(parts)


@emit.register
def emit_interval(node: IntervalValue, writer: Writer) -> Py:
    made = writer.module.named("make_interval", interval_bounds.make)
    low, high = emit(node.low, writer).text, emit(node.high, writer).text
    return Py(f"{made}({low}, {high}, {node.low_closed}, {node.high_closed}, {node.point!r})")


@emit.register
def emit_instance(node: InstanceValue, writer: Writer) -> Py:
    kind = node.type
    parts = ", ".join(f"{name!r}: {emit(value, writer).text}" for name, value in node.elements)
    if isinstance(kind, Named) and kind.namespace == "System" and kind.name in SYSTEM_SELECTORS:
        made = writer.module.helper("structures.new_system")
        return Py(f"{made}({kind.name!r}, {{{parts}}})")
    made = writer.module.named("new_instance", instances.new)
    types = {name: str(value.type) for name, value in node.elements}
    name = kind.name if isinstance(kind, Named) else str(kind)
    return Py(f"{made}({name!r}, {{{parts}}}, {types!r})", nullable=False)


@emit.register
def emit_part(node: Part, writer: Writer) -> Py:
    operand = writer.keep(emit(node.operand, writer))
    kind = node.operand.type
    if hasattr(kind, "elements"):
        text = f"{operand.text}._elements.get({node.name!r})"
        return Py(f"(None if {operand.text} is None else {text})" if operand.nullable else text)
    text = f"{operand.text}.{node.name}"
    if isinstance(node.type, ListOf):
        text = f"list({text})"
    return Py(f"(None if {operand.text} is None else {text})" if operand.nullable else text)


@emit.register
def emit_value_set(node: ValueSetValue, writer: Writer) -> Py:
    return Py(writer.module.constant(node.value_set.value), nullable=False, simple=True)


@emit.register
def emit_membership(node: Membership, writer: Writer) -> Py:
    operand = emit(node.operand, writer)
    if isinstance(node.vocabulary, ValueSetEntry):
        members = writer.module.ask_value_set(node.vocabulary)
    else:
        resolve = writer.module.named("members_of", vocabularies.members_of)
        members = f"{resolve}(run, {emit(node.vocabulary, writer).text})"
    test = getattr(vocabularies, f"{node.shape.replace('-', '_').removesuffix('s')}_in")
    name = writer.module.named(test.__name__, test)
    if node.any_of:
        each = writer.module.named("any_in", vocabularies.any_in)
        return Py(f"{each}({operand.text}, {members}, {name})", nullable=False)
    return Py(f"{name}({operand.text}, {members})", operand.nullable)


@emit.register
def emit_retrieve(node: RetrieveValue, writer: Writer) -> Py:
    text = _search(node, writer)
    if writer.module.noting is not None and writer.module.noting.is_thorough:
        searched = node.value_set.value.id if node.value_set is not None else None
        name = writer.fresh("found")
        entry = f"({node.resource!r}, {node.code_path!r}, {searched!r}, len({name} := {text}))"
        text = f"({name} if top.searches.append({entry}) is None else ())"
    return Py(text, nullable=False)


def _search(node: RetrieveValue, writer: Writer) -> str:
    """The resources, as the evaluation has found them already, else searched for."""
    searches = writer.module.searches
    arguments = f"{node.resource!r}"
    number: int | None
    if node.value_set is not None:
        members = writer.module.ask_value_set(node.value_set)
        arguments += f", {node.code_path!r}, {members}"
        number = searches.number(node.resource, node.code_path, members)
    elif isinstance(node.codes, Constant):
        group = vocabularies.codes_as_members(node.codes.value)  # type: ignore[arg-type]  # a constant list of codes
        arguments += f", {node.code_path!r}, {writer.module.constant(group)}"
        number = searches.number(node.resource, node.code_path, searches.name(group))
    elif node.codes is not None:
        made = writer.module.named("codes_made_now", vocabularies.codes_made_now)
        arguments += f", {node.code_path!r}, {made}({emit(node.codes, writer).text})"
        number = None
    else:
        number = searches.number(node.resource, None)
    if number is None:
        return f"run.facts.retrieve({arguments})"
    name = writer.fresh("found")
    return f"({name} if ({name} := run.found[{number}]) is not None else run.search({number}, {arguments}))"
