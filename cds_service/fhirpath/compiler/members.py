"""Elements by name, and the variables and constants that a path may begin with."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache

from cds_service.fhir.model.types import Element, Model, TypeInfo
from cds_service.fhirpath import items, nodes
from cds_service.fhirpath.compiler.core import (
    Body,
    Compiler,
    Scope,
    compiles,
    compiles_values,
    is_taken_in_parts,
    streams,
)
from cds_service.fhirpath.compiler.reading import derived
from cds_service.fhirpath.compiler.shapes import (
    DECIMAL,
    QUANTITY,
    STRING,
    SYSTEM_TYPES,
    TYPE_INFO,
    Code,
    Shape,
    is_primitive,
    is_tagged,
    one,
)
from cds_service.fhirpath.runtime import choices

Accepts = Callable[[str], bool]

_SYSTEM_ELEMENTS = {
    (TYPE_INFO, "namespace"): STRING,
    (TYPE_INFO, "name"): STRING,
    (QUANTITY, "value"): DECIMAL,
    (QUANTITY, "unit"): STRING,
}


@streams(nodes.Member)
def stream_member(compiler: Compiler, node: nodes.Node, scope: Scope, body: Body, values: bool) -> None:
    """Visits the items of an element."""
    assert isinstance(node, nodes.Member)
    if node.source is None and (root := _typed_root(compiler, node, scope)) is not None:
        compiler.each(compiler.in_values(root) if values else root, body)
        return

    def step(item: Code) -> None:
        _step(compiler, item, node, body, values)

    if node.source is None:
        compiler.each(scope.this, step)
    else:
        stream_accepted(compiler, node.source, scope, step, lambda name: _has_element(compiler, name, node.name))


@compiles(nodes.Member)
def compile_member(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code:
    """The items of an element; a list of structures is taken as it stands."""
    assert isinstance(node, nodes.Member)
    if node.source is None and (root := _typed_root(compiler, node, scope)) is not None:
        return root
    source, element = _plain_step(compiler, node, scope)
    if source is not None and element is not None and element.is_list:
        kind = element.types[0]
        if not is_primitive(compiler.model, kind):
            compiler.reads.add(source.shape.single_type or "", element.name)
            text = compiler.writer.let(f"{source.text}.{element.attribute}")
            return Code(text, Shape(frozenset((kind,)), many=True))
    return compiler.materialise(lambda body: compiler.stream(node, scope, body))


@compiles_values(nodes.Member)
def compile_member_values(compiler: Compiler, node: nodes.Node, scope: Scope) -> Code | None:
    """The System value of a primitive that stands directly in what is at hand."""
    assert isinstance(node, nodes.Member)
    source, element = _plain_step(compiler, node, scope)
    if source is None or element is None or element.is_list or not is_primitive(compiler.model, element.types[0]):
        return None
    kind = element.types[0]
    compiler.reads.add(source.shape.single_type or "", element.name)
    shape = one(f"System.{compiler.model.type(kind).system or 'String'}")
    return compiler.converted(Code(compiler.writer.let(f"{source.text}.{element.attribute}"), shape), kind)


def _plain_step(compiler: Compiler, node: nodes.Member, scope: Scope) -> tuple[Code | None, Element | None]:
    """The one structure that certainly stands before a member, and the element, if it is no choice."""
    source = None
    if node.source is None:
        source = scope.this if _typed_root(compiler, node, scope) is None else None
    elif isinstance(node.source, nodes.Variable) and node.source.name == "this":
        source = scope.this
    elif isinstance(node.source, nodes.Member) and node.source.source is None:
        source = _typed_root(compiler, node.source, scope)
    if source is None or source.shape.many or source.nullable or source.shape.single_type is None:
        return None, None
    info = compiler.model.get(source.shape.single_type)
    element = info.elements.get(node.name) if info is not None and not info.is_primitive else None
    return (source, element) if element is not None and not element.is_choice else (None, None)


def stream_accepted(compiler: Compiler, node: nodes.Node, scope: Scope, body: Body, accepts: Accepts) -> None:
    """Visits the items of a node; of a choice element only the alternatives that are accepted are read at all."""
    if not isinstance(node, nodes.Member) or is_taken_in_parts(node) or _typed_root(compiler, node, scope) is not None:
        compiler.stream(node, scope, body)
        return

    def step(item: Code) -> None:
        element = _choice_of(compiler, item, node.name)
        accepted = [name for name in element.types if accepts(name)] if element is not None else []
        if element is None or not accepted or len(accepted) == len(element.types):
            _step(compiler, item, node, body, values=False)
        else:
            _read_choice(compiler, item, element, tuple(accepted), body, values=False)

    if node.source is None:
        compiler.each(scope.this, step)
    else:
        stream_accepted(compiler, node.source, scope, step, lambda name: _has_element(compiler, name, node.name))


def _typed_root(compiler: Compiler, node: nodes.Member, scope: Scope) -> Code | None:
    """`$this`, if the name is that of its type and not of one of its elements."""
    types, name, model = scope.this.shape.types, node.name, compiler.model
    if node.source is not None or not name[:1].isupper() or model.get(name) is None:
        return None
    if types is None:
        check = compiler.writer.function(items.is_type)
        text = f"{scope.this.text} if {scope.this.text} is not None and {check}({scope.this.text}, {name!r}) else None"
        return None if scope.this.shape.many else Code(compiler.writer.let(text), one(name))
    if any(_has_element(compiler, kind, name) for kind in types):
        return None
    if any(model.is_subtype(kind, name) for kind in types):
        return scope.this
    if any(model.is_subtype(name, kind) for kind in types) and not scope.this.shape.many:
        this = scope.this.text
        check = compiler.writer.function(items.is_type)
        return Code(compiler.writer.let(f"{this} if {check}({this}, {name!r}) else None"), one(name))
    return None


# --- One step ------------------------------------------------------------------------------------


@cache
def _all_names(model: Model) -> frozenset[str]:
    return frozenset(name for kind in model.names for name in model.type(kind).elements)


def _candidates(compiler: Compiler, types: frozenset[str], name: str) -> list[tuple[TypeInfo, Element]]:
    """The types, among these and those derived from abstract ones, that have an element of this name."""
    found = []
    for kind in sorted(types):
        if (info := compiler.model.get(kind)) is None:
            continue
        if (element := info.elements.get(name)) is not None:
            found.append((info, element))
        elif info.abstract:
            found += [
                (other, other.elements[name]) for other in derived(compiler.model, kind) if name in other.elements
            ]
    return found


def _has_element(compiler: Compiler, kind: str, name: str) -> bool:
    if kind in SYSTEM_TYPES:
        return (kind, name) in _SYSTEM_ELEMENTS
    return bool(_candidates(compiler, frozenset((kind,)), name))


def _choice_of(compiler: Compiler, item: Code, name: str) -> Element | None:
    info = compiler.model.get(item.shape.single_type or "")
    element = info.elements.get(name) if info is not None and not info.is_primitive else None
    return element if element is not None and element.is_choice else None


def _step(compiler: Compiler, item: Code, node: nodes.Member, body: Body, values: bool) -> None:
    types = item.shape.types
    if types is None:
        _step_anywhere(compiler, item, node, body, values)
        return
    if not types:
        return
    single = item.shape.single_type
    if single in SYSTEM_TYPES:
        result = _SYSTEM_ELEMENTS.get((single, node.name))
        if result is None:
            _fail_unknown(compiler, types, node)
            return
        body(Code(compiler.writer.let(f"{item.text}.{node.name}"), one(result), nullable=False))
        return
    candidates = _candidates(compiler, types, node.name)
    if not candidates:
        _fail_unknown(compiler, types, node)
        return
    for info, element in candidates:
        compiler.reads.add(info.name, element.name)
    info, element = candidates[0]
    if single is None or info.name != single:
        kinds = frozenset(kind for _, element in candidates for kind in element.types)
        _step_generic(compiler, item, node, kinds, body, values)
    elif info.is_primitive:
        _step_from_primitive(compiler, item, node, body)
    elif element.is_choice:
        _read_choice(compiler, item, element, element.types, body, values)
    else:
        _read(compiler, item, element, element.types[0], body, values)


def _step_anywhere(compiler: Compiler, item: Code, node: nodes.Member, body: Body, values: bool) -> None:
    """A step from an item of unknown type: the name must at least exist somewhere."""
    model = compiler.model
    names = _all_names(model)
    open_variables = any(types is None for types in compiler.variables.values())  # their elements may have any name
    if not open_variables and node.name not in names and node.name not in ("namespace", "name", "value", "unit"):
        near = get_close_matches(node.name, names, n=1)
        remedy = f"Did you mean `{near[0]}`?" if near else ""
        compiler.fail(f"No type of FHIR R4 has an element `{node.name}`.", node.span, remedy)
    compiler.reads.everything = True
    _step_generic(compiler, item, node, None, body, values)


def _step_generic(
    compiler: Compiler, item: Code, node: nodes.Member, kinds: frozenset[str] | None, body: Body, values: bool
) -> None:
    """A step that looks up the element by the type that the item turns out to have."""
    child = compiler.writer.function(items.child)
    shape = Shape(kinds, many=True)
    if not is_tagged(kinds) and any(is_primitive(compiler.model, kind) for kind in kinds or ()):
        shape = Shape(None, many=True)  # `child` tags primitives, so their type is to be read from them
    code = Code(compiler.writer.let(f"{child}({item.text}, {node.name!r})"), shape)
    compiler.each(compiler.in_values(code) if values else code, body)


def _step_from_primitive(compiler: Compiler, item: Code, node: nodes.Member, body: Body) -> None:
    """`extension`, `id` and `value` of a primitive."""
    writer = compiler.writer
    if node.name == "value":
        compiler.each(compiler.in_values(item), body)
        return
    primitive = writer.function(items.Primitive)
    compiler.reads.add_beside_primitives(node.name)
    with writer.block(f"if {item.text}.__class__ is {primitive} and {item.text}.element is not None:"):
        if node.name == "extension":
            extensions = f"{item.text}.element.extension"
            compiler.each(Code(extensions, Shape(frozenset(("Extension",)), many=True)), body)
        else:
            compiler.each(Code(f"{item.text}.element.{node.name}", one(STRING)), body)


def _has_companion(compiler: Compiler, info_name: str, element: Element, kind: str) -> bool:
    """Whether an id and extensions can stand beside the value."""
    if kind == "xhtml" or not is_primitive(compiler.model, kind):
        return False
    owner = compiler.model.type(info_name)
    return element.name != "id" or owner.is_resource


def _read(compiler: Compiler, item: Code, element: Element, kind: str, body: Body, values: bool) -> None:
    """Reads one element of one type."""
    writer, owner = compiler.writer, item.shape.single_type or ""
    attribute = element.attributes[kind]
    text = f"{item.text}.{attribute}"
    shape = Shape(frozenset((kind,)), many=element.is_list)
    if not is_primitive(compiler.model, kind):
        code = Code(text if element.is_list else writer.let(text), shape)
        compiler.each(compiler.in_values(code) if values else code, body)
        return
    companion = f"_{attribute if element.is_choice else element.name}"
    if values:
        _read_plain(compiler, text, element, kind, body)
        return
    if not _has_companion(compiler, owner, element, kind):
        compiler.each(Code(text if element.is_list else writer.let(text), shape), body)
        return
    compiler.reads.add(owner, companion)
    name, beside = writer.let(text), f"{item.text}.{companion}"
    if element.is_list:
        boxed = writer.function(items.boxed_list)
        listed = writer.let(f"{boxed}({name}, {kind!r}, {beside}) if {beside} else {name}")
        compiler.each(Code(listed, shape), body)
        return
    primitive = writer.function(items.Primitive)
    with writer.block(f"if {beside} is not None:"):
        writer.line(f"{name} = {primitive}({name}, {kind!r}, {beside})")
    compiler.each(Code(name, shape), body)


def _read_plain(compiler: Compiler, text: str, element: Element, kind: str, body: Body) -> None:
    """Reads a primitive as its System value."""
    writer = compiler.writer
    from_text = items.CONVERSIONS.get(kind)
    system = f"System.{compiler.model.type(kind).system or 'String'}"

    def visit(bare: str) -> None:
        value = bare if from_text is None else writer.let(f"{writer.function(from_text)}({bare})")
        with writer.block(f"if {value} is not None:"):
            body(Code(value, one(system), nullable=False))

    if element.is_list:
        variable = writer.name("x")
        with writer.loop(variable, text):
            visit(variable)
    else:
        visit(writer.let(text))


def _read_choice(
    compiler: Compiler, item: Code, element: Element, kinds: tuple[str, ...], body: Body, values: bool
) -> None:
    """Reads a choice element, or some of its alternatives."""
    owner = item.shape.single_type or ""
    compiler.reads.add(owner, element.name)
    if len(kinds) == 1:
        _read(compiler, item, element, kinds[0], body, values)
        return
    alternatives = []
    for kind in kinds:
        attribute = element.attributes[kind]
        with_companion = _has_companion(compiler, owner, element, kind)
        if with_companion:
            compiler.reads.add(owner, f"_{attribute}")
        alternatives.append((attribute, f"_{attribute}" if with_companion else "", kind))
    read = choices.reader(tuple(alternatives), frozenset(k for k in kinds if is_primitive(compiler.model, k)))
    code = Code(compiler.writer.let(f"{compiler.writer.function(read)}({item.text})"), Shape(frozenset(kinds)))
    compiler.each(compiler.in_values(code) if values else code, body)


def _fail_unknown(compiler: Compiler, types: frozenset[str], node: nodes.Member) -> None:
    """Says that no such element exists, and what may have been meant."""
    if compiler.lenient:
        return
    names: set[str] = set()
    remedy = ""
    for kind in types:
        info = compiler.model.get(kind)
        if info is None:
            continue
        names |= set(info.elements)
        alternative = info.element(node.name)
        if alternative is not None:
            kind_name = next(key for key, value in alternative.attributes.items() if value == node.name)
            remedy = f"Write `{alternative.name}`, or `{alternative.name}.ofType({kind_name})`."
    near = get_close_matches(node.name, names, n=1)
    if not remedy and near:
        remedy = f"Did you mean `{near[0]}`?"
    owners = " or ".join(sorted(kind.removeprefix("System.") for kind in types)[:3])
    if compiler.model.get(node.name) is not None and node.source is None:
        compiler.fail(f"This expression is about {owners}, not about {node.name}.", node.span)
    compiler.fail(f"{owners} has no element `{node.name}`.", node.span, remedy)
