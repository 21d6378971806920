"""The tree of elements, extensions, references, and what FHIR adds to FHIRPath."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cds_service.fhirpath import items, nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Body, Compiler, Function, Scope
from cds_service.fhirpath.compiler.shapes import BOOLEAN, STRING, SYSTEM_TYPES, Code, Shape, is_primitive, one
from cds_service.fhirpath.runtime import fhir_functions, tree

_CODED = frozenset(("Coding", "CodeableConcept", STRING))


def _tagged_source(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The items a function applies to, primitives with their type."""
    code = compiler.source(call, scope)
    return compiler.in_types(code, None)


def _tree(function: Callable[[Any], list[Any]]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        compiler.reads.everything = True
        code = _tagged_source(compiler, call, scope)
        text = f"{compiler.writer.function(function)}({compiler.as_list(code)})"
        return Code(compiler.writer.let(text), Shape(None, many=True, ordered=False))

    return compile_


def _text_argument(compiler: Compiler, call: nodes.Call, scope: Scope) -> str:
    code = compiler.value(call.arguments[0], scope.branch(), f"{call.name}()")
    if code.shape.types and STRING not in code.shape.types:
        compiler.fail(f"{call.name}() takes a String.", call.arguments[0].span, "Write a URL in single quotes.")
    return code.text


def _stream_extension(compiler: Compiler, call: nodes.Call, scope: Scope, body: Body, _values: bool) -> None:
    url = compiler.writer.let(_text_argument(compiler, call, scope))

    def visit(item: Code) -> None:
        for kind in item.shape.types or ():
            compiler.reads.add(kind, "extension")
        compiler.reads.add("Extension", "url")
        compiler.reads.add_beside_primitives("extension")
        types = item.shape.types
        if types is None:
            compiler.reads.everything = True
        elif types and types <= SYSTEM_TYPES:
            return
        function = compiler.writer.function(items.extensions_of)
        found = Code(f"{function}({item.text}, {url})", Shape(frozenset(("Extension",)), many=True))
        compiler.each(found, body)

    with compiler.writer.block(f"if {url} is not None:"):
        compiler.stream_source(call, scope, visit)


def _compile_has_value(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """Whether there is one primitive with a value."""
    code = compiler.source(call, scope)
    function = compiler.writer.function(tree.has_single_value)
    return Code(compiler.writer.let(f"{function}({compiler.as_list(code)})"), one(BOOLEAN), nullable=False)


def _compile_get_value(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.source(call, scope)
    single = code.shape.single_type
    if single is not None and not is_primitive(compiler.model, single) and single not in SYSTEM_TYPES:
        return Code("None", one())
    mapped = compiler.in_values(Code("None", replace(code.shape, many=False))).shape.types
    text = f"{compiler.writer.function(tree.get_value)}({compiler.as_list(compiler.in_types(code, None))})"
    return Code(compiler.writer.let(text), Shape(mapped))


def _compile_resolve(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    targets = frozenset(("Resource",))
    code = compiler.source(call, scope)
    for kind in code.shape.types or ():
        compiler.reads.add(kind, "reference")
    function = compiler.writer.function(fhir_functions.resolve)
    compiler.reads.add("DomainResource", "contained")
    container = compiler.container
    text = compiler.writer.let(f"{function}({compiler.as_list(code)}, env, {container})")
    return Code(text, Shape(targets, many=True))


def _compile_conforms(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.single(_tagged_source(compiler, call, scope), "conformsTo()")
    url = _text_argument(compiler, call, scope)
    text = f"{compiler.writer.function(fhir_functions.conforms_to)}({code.text}, {url})"
    return Code(compiler.writer.let(text), one(BOOLEAN))


def _coded(compiler: Compiler, code: Code, call: nodes.Call) -> Code:
    types = code.shape.types
    if types and not any(kind in _CODED or is_primitive(compiler.model, kind) for kind in types):
        names = " or ".join(sorted(types))
        compiler.fail(f"{call.name}() takes a code, Coding or CodeableConcept, not {names}.", call.span)
    for kind in types or ():
        compiler.reads.add_whole(kind)
    return compiler.single(code, f"{call.name}()")


def _compile_member_of(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = _coded(compiler, compiler.source(call, scope), call)
    url = _text_argument(compiler, call, scope)
    text = f"{compiler.writer.function(fhir_functions.member_of)}({code.text}, {url}, env)"
    return Code(compiler.writer.let(text), one(BOOLEAN))


def _subsumption(function: Callable[..., Any]) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        code = _coded(compiler, compiler.source(call, scope), call)
        other = _coded(compiler, compiler.compile(call.arguments[0], scope.branch()), call)
        text = f"{compiler.writer.function(function)}({code.text}, {other.text}, env)"
        return Code(compiler.writer.let(text), one(BOOLEAN))

    return compile_


def _compile_html_checks(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    code = compiler.single(_tagged_source(compiler, call, scope), "htmlChecks()")
    text = f"{compiler.writer.function(fhir_functions.html_checks)}({code.text})"
    return Code(compiler.writer.let(text), one(BOOLEAN))


def _compile_modifiers(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
    """The input, unless it has a modifier extension that is not among those named."""
    code = compiler.source(call, scope)
    urls = [compiler.value(argument, scope.branch(), "checkModifiers()").text for argument in call.arguments]
    for kind in code.shape.types or ():
        compiler.reads.add(kind, "modifierExtension")
    function = compiler.writer.function(tree.check_modifiers)
    compiler.writer.line(f"{function}({compiler.as_list(code)}, ({''.join(url + ', ' for url in urls)}))")
    return code


def _compile_profile(compiler: Compiler, call: nodes.Call, _scope: Scope) -> Code:
    """Profiles are not at hand, so what only they tell is refused and not guessed."""
    return compiler.fail(
        f"{call.name}() needs profiles, which are not at hand.", call.span, "Test the elements themselves."
    )


FUNCTIONS.update(
    {
        "elementDefinition": Function(0, 0, _compile_profile),
        "slice": Function(2, 2, _compile_profile),
        "children": Function(0, 0, _tree(tree.children_of)),
        "descendants": Function(0, 0, _tree(items.descendants)),
        "extension": Function(1, 1, stream=_stream_extension),
        "hasValue": Function(0, 0, _compile_has_value),
        "getValue": Function(0, 0, _compile_get_value),
        "resolve": Function(0, 0, _compile_resolve),
        "conformsTo": Function(1, 1, _compile_conforms),
        "memberOf": Function(1, 1, _compile_member_of),
        "subsumes": Function(1, 1, _subsumption(fhir_functions.subsumes)),
        "subsumedBy": Function(1, 1, _subsumption(fhir_functions.subsumed_by)),
        "htmlChecks": Function(0, 0, _compile_html_checks),
        "checkModifiers": Function(0, 99, _compile_modifiers),
    }
)
