"""Elements of FHIR values, casts and conversions: where static types let the generated code read an attribute."""

from __future__ import annotations

from cds_service.cql.emission.dispatch import emit, emit_test
from cds_service.cql.emission.type_tests import test_of
from cds_service.cql.emission.writer import Module, Py, Writer
from cds_service.cql.runtime import conversions, primitives, sequences
from cds_service.cql.runtime.type_tests import cast_to, element_of_choice, first_fitting
from cds_service.cql.static_types import ChoiceOf, ListOf, Type, Typed
from cds_service.cql.tree import AsType, ChoiceElement, Converted, Element, IsType, Local, Noted
from cds_service.cql.type_relations import Conversion


def _guarded(operand: Py, text: str) -> Py:
    """The text where the operand is known, else null."""
    return Py(f"(None if {operand.text} is None else {text})" if operand.nullable else text)


@emit.register
def emit_element(node: Element, writer: Writer) -> Py:
    if isinstance(node.operand.type, ListOf):
        return _of_list(node, writer)
    operand = writer.keep(emit(node.operand, writer))
    if node.is_list:
        # An absent list reads as null: nothing is known of it.
        return _guarded(operand, f"({operand.text}.{node.attributes[0][1]} or None)")
    if len(node.attributes) == 1:
        return _guarded(operand, f"{operand.text}.{node.attributes[0][1]}")
    return _guarded(operand, f"{_reader(node, writer)}({operand.text}, {_table(node, writer)})")


def _reader(node: Element, writer: Writer) -> str:
    del node
    return writer.module.named("element_of_choice", element_of_choice)


def _table(node: Element, writer: Writer) -> str:
    """The attributes of a choice, each with the FHIR type name that a bare value has to carry."""
    relations = writer.module.relations
    rows = tuple(
        (attribute, kind.name if relations.is_primitive(kind) else None)  # type: ignore[attr-defined]
        for kind, attribute in node.attributes
    )
    key = f"choice_{node.owner.replace('.', '_')}_{node.name}"
    return writer.module.named(key, rows)


def _of_list(node: Element, writer: Writer) -> Py:
    operand = writer.keep(emit(node.operand, writer))
    result = writer.fresh("all")
    writer.emit(f"{result} = []")
    item = writer.fresh("each")
    iterable = f"{operand.text} or ()" if operand.nullable else operand.text
    with writer.block(f"for {item} in {iterable}:"):
        with writer.block(f"if {item} is None:"):
            writer.emit("continue")
        if node.is_list:
            writer.emit(f"{result}.extend({item}.{node.attributes[0][1]} or ())")
        else:
            value = writer.fresh("value")
            if len(node.attributes) == 1:
                writer.emit(f"{value} = {item}.{node.attributes[0][1]}")
            else:
                writer.emit(f"{value} = {_reader(node, writer)}({item}, {_table(node, writer)})")
            with writer.block(f"if {value} is not None:"):
                writer.emit(f"{result}.append({value})")
    if operand.nullable:
        return Py(f"(None if {operand.text} is None else {result})")
    return Py(result, nullable=False, simple=True)


@emit.register
def emit_choice_element(node: ChoiceElement, writer: Writer) -> Py:
    if not isinstance(node.operand, Local):
        writer.names[node.subject.name] = writer.keep(emit(node.operand, writer))
    texts: list[str] = []
    for _, variant in node.variants:
        value = emit(variant, writer)
        texts.append(value.text)
    last = texts.pop()
    text = last
    for earlier in reversed(texts):
        name = writer.fresh("v")
        text = f"({name} if ({name} := {earlier}) is not None else {text})"
    return Py(text)


def direct(operand: Typed) -> Element | None:
    """The element behind an operand whose alternatives can be read one by one."""
    inner = operand.operand if isinstance(operand, Noted) else operand
    if isinstance(inner, Element) and len(inner.attributes) > 1 and not isinstance(inner.operand.type, ListOf):
        return inner
    return None


def alternatives(element: Element, target: Type, module: Module) -> list[tuple[Type, str]]:
    """The alternatives of a choice element that are values of the target."""
    return [(kind, attribute) for kind, attribute in element.attributes if module.relations.is_subtype(kind, target)]


def _attribute_chain(element: Element, rows: list[tuple[Type, str]], writer: Writer, *, tagged: bool) -> Py:
    owner = writer.keep(emit(element.operand, writer))
    texts = []
    for kind, attribute in rows:
        text = f"{owner.text}.{attribute}"
        if tagged and writer.module.relations.is_primitive(kind):
            tag = writer.module.named("tag", primitives.tag)
            text = f"{tag}({text}, {kind.name!r})"  # type: ignore[attr-defined]
        texts.append(text)
    text = texts.pop()
    while texts:
        name = writer.fresh("v")
        text = f"({name} if ({name} := {texts.pop()}) is not None else {text})"
    return _guarded(owner, text)


@emit.register
def emit_as(node: AsType, writer: Writer) -> Py:
    element = direct(node.operand)
    if element is not None and not node.strict:
        rows = alternatives(element, node.type, writer.module)
        if not rows:
            return Py("None", simple=True)
        return _attribute_chain(element, rows, writer, tagged=isinstance(node.type, ChoiceOf))
    relations = writer.module.relations
    if not isinstance(node.operand.type, ChoiceOf) and relations.is_primitive(node.operand.type):
        # Written out over an operand whose type is known.
        fits = relations.is_subtype(node.operand.type, node.type)
        return emit(node.operand, writer) if fits else Py("None", simple=True)
    operand = emit(node.operand, writer)
    test = test_of(node.type, writer)
    helper = writer.module.named("cast_to", cast_to)
    return Py(f"{helper}({operand.text}, {test}, {node.strict}, {str(node.type)!r})")


@emit.register
def emit_is(node: IsType, writer: Writer) -> Py:
    relations = writer.module.relations
    element = direct(node.operand)
    if element is not None:
        rows = alternatives(element, node.of, writer.module)
        if not rows:
            return Py("False", nullable=False, simple=True)
        value = _attribute_chain(element, rows, writer, tagged=False)
        return Py(f"({value.text} is not None)", nullable=False)
    kind = node.operand.type
    if relations.is_subtype(kind, node.of) and not isinstance(kind, ChoiceOf):
        operand = emit(node.operand, writer)
        known = f"({operand.text} is not None)" if operand.nullable else "True"
        return Py(known, nullable=False)
    if relations.is_primitive(kind):
        return Py("False", nullable=False, simple=True)
    operand = emit(node.operand, writer)
    return Py(f"{test_of(node.of, writer)}({operand.text})", nullable=False)


@emit_test.register
def test_is(node: IsType, writer: Writer) -> str:
    return emit_is(node, writer).text


@emit.register
def emit_converted(node: Converted, writer: Writer) -> Py:
    if node.conversion.kind == "choose":
        element = direct(node.operand)
        if element is not None:
            return _choose_attribute(node, element, writer)
    return convert(emit(node.operand, writer), node.conversion, writer, node.operand.type)


def _choose_attribute(node: Converted, element: Element, writer: Writer) -> Py:
    owner = writer.keep(emit(element.operand, writer))
    attributes = dict(element.attributes)
    text = "None"
    for kind, step in reversed(node.conversion.parts):
        attribute = attributes.get(kind)
        if attribute is None:
            continue
        name = writer.fresh("v")
        made = convert(Py(name, nullable=False, simple=True), step, writer, kind)
        text = f"({made.text} if ({name} := {owner.text}.{attribute}) is not None else {text})"
    return _guarded(owner, text)


def convert(value: Py, conversion: Conversion, writer: Writer, kind: Type) -> Py:
    """The text of a value after a conversion."""
    step, module = conversion.kind, writer.module
    if step == "same":
        return value
    if step in conversions.STEPS:
        name = conversions.STEPS[step]
        module.named(name, getattr(conversions, name))
        known = not value.nullable and not step.startswith("fhir")
        return Py(f"{name}({value.text})", nullable=not known)
    if step == "chain":
        for own, part in conversion.parts:
            value = convert(value, part, writer, own)
        return value
    if step in ("tag", "tag-list"):
        helper = module.named("tag", primitives.tag) if step == "tag" else module.named("tag_all", primitives.tag_all)
        inner = kind.element if isinstance(kind, ListOf) else kind
        return Py(f"{helper}({value.text}, {inner.name!r})", value.nullable)  # type: ignore[attr-defined]
    if step == "narrow":
        helper = module.named("cast_to", cast_to)
        return Py(f"{helper}({value.text}, {test_of(conversion.target, writer)}, False, '')")
    if step == "cast":
        helper = module.named("cast_to", cast_to)
        return Py(f"{helper}({value.text}, {test_of(conversion.target, writer)}, True, {str(conversion.target)!r})")
    if step == "choose":
        return _choose(value, conversion, writer)
    if step == "value-set-codes":
        return Py(f"{module.helper('vocabularies.codes')}(run, {value.text})")
    return _inside(value, conversion, writer)


def _choose(value: Py, conversion: Conversion, writer: Writer) -> Py:
    """The first alternative whose type the value has, converted."""
    rows = []
    for kind, step in conversion.parts:
        made = convert(Py("x", nullable=False, simple=True), step, writer, kind)
        rows.append(f"({test_of(kind, writer)}, lambda x: {made.text})")
    helper = writer.module.named("first_fitting", first_fitting)
    return Py(f"{helper}({value.text}, ({', '.join(rows)},))")


def _inside(value: Py, conversion: Conversion, writer: Writer) -> Py:
    module = writer.module
    if conversion.kind == "tuple":
        names = [name for name, _ in conversion.target.elements]  # type: ignore[attr-defined]
        steps = []
        for name, (kind, step) in zip(names, conversion.parts, strict=True):
            made = convert(Py("x", simple=True), step, writer, kind)
            steps.append(f"{name!r}: (lambda x: {made.text})")
        helper = module.named("over_tuple", sequences.over_tuple)
        return Py(f"{helper}({value.text}, {{{', '.join(steps)}}})", value.nullable)
    kind, step = conversion.parts[0]
    made = convert(Py("x", simple=True), step, writer, kind)
    plain = made.text.removesuffix("(x)")
    each = plain if plain.isidentifier() else f"lambda x: {made.text}"
    if conversion.kind == "list":
        helper = module.named("over_list", conversions.over_list)
        return Py(f"{helper}({value.text}, {each})", value.nullable)
    helper = module.named("over_interval", conversions.over_interval)
    point = str(conversion.target.point)  # type: ignore[attr-defined]
    return Py(f"{helper}({value.text}, {each}, {point!r})", value.nullable)
