"""Names and paths: what an identifier stands for, and the elements below a value."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.elements import element_of
from cds_service.cql.compiler.scope import LibraryScope, Scope
from cds_service.cql.entries import (
    CodeEntry,
    CodeSystemEntry,
    ConceptEntry,
    DefinitionEntry,
    Entry,
    IncludeEntry,
    ParameterEntry,
    UsingEntry,
    ValueSetEntry,
)
from cds_service.cql.semantic_errors import PrivateDefinition, SemanticError, UnknownName, meant
from cds_service.cql.static_types import (
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    ERROR,
    INTEGER,
    VALUE_SET,
    ListOf,
    Named,
    Typed,
)
from cds_service.cql.tree import Constant, ContextValue, DefinitionValue, ParameterValue, ValueSetValue
from cds_service.errors import Span


@compile_node.register
def compile_identifier(node: nodes.Identifier, scope: Scope) -> Typed:
    name = node.name
    if name in scope.names:
        return scope.names[name]
    if scope.element is not None and name in scope.relations.elements(scope.element.type):
        return element_of(scope, scope.element, name, node.span)
    entry = scope.library.entries.get(name)
    if entry is not None and not isinstance(entry, UsingEntry):
        return entry_value(scope, scope.library, entry, node.span)
    if name in scope.library.contexts and name != "Unfiltered":
        return ContextValue(Named(name, "FHIR"), node.span, name)
    raise UnknownName(
        f'Nothing here is called "{name}".', where=node.span, remedy=_hint(scope, name, scope.known_names())
    )


def _hint(scope: Scope, name: str, known: list[str]) -> str:
    if name in ("Patient", "Practitioner") and not scope.library.uses_fhir:
        return "Add `using FHIR version '4.0.1'` to the library, and `context Patient`."
    if name in ("Patient", "Practitioner"):
        return f"Add `context {name}` above the first definition."
    near = meant(name, known)
    if near:
        return near
    for entry in scope.library.includes():
        other = scope.program.libraries.get(entry.library or "")
        if other is not None and name in other.entries:
            return f'Library {other.name} has one: write {entry.alias}."{name}".'
    return "Define it, or correct the name."


def entry_value(scope: Scope, library: LibraryScope, entry: Entry, span: Span) -> Typed:
    """The value of something that a library declares, used at this place."""
    program = scope.program
    if library is not scope.library and entry.node.access == "private":
        name = getattr(entry, "name", "")
        raise PrivateDefinition(
            f'"{name}" is private to library {library.name}.', where=span, remedy="Make it public, or copy it."
        )
    if isinstance(entry, DefinitionEntry):
        kind = program.complete_definition(entry)
        if scope.context == "Unfiltered" and entry.node.context not in ("Unfiltered", None):
            kind = kind if isinstance(kind, ListOf) else ListOf(kind)
        if kind == ERROR:
            return Constant(ERROR, span, None)
        return DefinitionValue(kind, span, entry)
    if isinstance(entry, ParameterEntry):
        return ParameterValue(program.complete_parameter(entry), span, entry)
    if isinstance(entry, ValueSetEntry):
        entry.users.append(f'{scope.library.name}."{scope.user}"')
        return ValueSetValue(VALUE_SET, span, entry)
    if isinstance(entry, CodeSystemEntry):
        return Constant(CODE_SYSTEM, span, entry.value)
    if isinstance(entry, CodeEntry):
        return Constant(CODE if entry.value else ERROR, span, entry.value)
    if isinstance(entry, ConceptEntry):
        return Constant(CONCEPT if entry.value else ERROR, span, entry.value)
    raise SemanticError(
        "The name of a library is not a value.", where=span, remedy="Write the definition after it: Library.Name."
    )


def library_entry(scope: Scope, include: IncludeEntry, name: str, span: Span) -> Typed:
    """The value of `name` in an included library."""
    if include.library is None:
        return Constant(ERROR, span, None)  # that the library is missing has been said
    library = scope.program.libraries[include.library]
    entry = library.entries.get(name)
    if entry is None or isinstance(entry, IncludeEntry | UsingEntry):
        known = [key for key, found in library.entries.items() if not isinstance(found, IncludeEntry | UsingEntry)]
        raise UnknownName(f'Library {library.name} has nothing called "{name}".', where=span, remedy=meant(name, known))
    return entry_value(scope, library, entry, span)


@compile_node.register
def compile_property(node: nodes.Property, scope: Scope) -> Typed:
    if isinstance(node.source, nodes.Identifier):
        include = scope.include(node.source.name)
        if include is not None:
            return library_entry(scope, include, node.name, node.span)
    return element_of(scope, compile_expression(node.source, scope), node.name, node.span)


@compile_node.register
def compile_this(node: nodes.This, scope: Scope) -> Typed:
    return _special(node, scope.this, "$this", "inside a sort or a method over a list")


@compile_node.register
def compile_index(node: nodes.IterationIndex, scope: Scope) -> Typed:
    found = _special(node, scope.index, "$index", "inside a method over a list")
    return found if found.type == INTEGER else Constant(ERROR, node.span, None)


@compile_node.register
def compile_total(node: nodes.Total, scope: Scope) -> Typed:
    return _special(node, scope.total, "$total", "inside aggregate")


def _special(node: nodes.Node, found: Typed | None, name: str, where: str) -> Typed:
    if found is None:
        raise UnknownName(f"{name} only has a value {where}.", where=node.span)
    return found


@compile_node.register
def compile_external(node: nodes.ExternalConstant, scope: Scope) -> Typed:
    """`%name` is a parameter by another spelling."""
    entry = scope.library.entries.get(node.name)
    if isinstance(entry, ParameterEntry):
        return entry_value(scope, scope.library, entry, node.span)
    raise UnknownName(
        f"There is no parameter %{node.name}.", where=node.span, remedy=f'Declare parameter "{node.name}".'
    )
