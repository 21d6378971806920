"""Declarations: what a library declares becomes entries at once, and is compiled when something asks for it."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.cql import nodes
from cds_service.cql.compiler.application import converted
from cds_service.cql.compiler.dispatch import compile_expression
from cds_service.cql.compiler.scope import LibraryScope, Program, Scope
from cds_service.cql.compiler.selectors import code_system_of
from cds_service.cql.compiler.type_names import type_of
from cds_service.cql.entries import (
    CodeEntry,
    CodeSystemEntry,
    ConceptEntry,
    DefinitionEntry,
    FunctionEntry,
    IncludeEntry,
    ParameterEntry,
    ValueSetEntry,
)
from cds_service.cql.semantic_errors import (
    CircularDefinition,
    DuplicateDefinition,
    SemanticError,
    TypeMismatch,
    UnknownLibrary,
    UnknownModel,
    UnknownName,
    UnsupportedSyntax,
    meant,
)
from cds_service.cql.static_types import ANY, CODE, ERROR, Type, Typed
from cds_service.cql.tree import Constant
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet

FHIR_VERSIONS = ("4.0.1", "4.0.0")
CONTEXTS = ("Patient", "Practitioner", "Unfiltered", "Population")


def tags_of(documentation: nodes.Documentation | None) -> dict[str, str | None]:
    """The tags of a comment: name to the rest of its line, None for a tag alone."""
    return {tag.name: tag.value or None for tag in documentation.tags} if documentation is not None else {}


class Declarations:
    """Enters the libraries of a program and compiles their declarations on demand."""

    def __init__(self, program: Program) -> None:
        self.program = program
        program.complete_definition = self.definition
        program.complete_function = self.function
        program.complete_parameter = self.parameter

    # --- entering ------------------------------------------------------------------------------

    def enter(self, libraries: Iterable[LibraryScope]) -> None:
        """Note everything that the libraries declare; names and includes are checked."""
        scopes = list(libraries)
        for library in scopes:
            for node in library.node.definitions:
                if not isinstance(node, nodes.FunctionDefinition | nodes.Context):
                    self._enter(library, node)
                elif isinstance(node, nodes.Context):
                    self._context(library, node)
        self._refuse_cycles(scopes)
        for library in scopes:
            self._terminology(library)
        for library in scopes:
            for node in library.node.definitions:
                if isinstance(node, nodes.FunctionDefinition):
                    self._function(library, node)

    def _enter(self, library: LibraryScope, node: nodes.Definition) -> None:
        entry: object
        if isinstance(node, nodes.Using):
            self._using(library, node)
            return
        if isinstance(node, nodes.Include):
            entry, name = self._include(library, node), node.alias
        elif isinstance(node, nodes.ExpressionDefinition):
            name = node.name
            entry = DefinitionEntry(self.program.slot(), library.name, name, node, tags_of(node.documentation))
            self.program.definitions.append(entry)
        elif isinstance(node, nodes.Parameter):
            name = node.name
            entry = ParameterEntry(self.program.slot(), library.name, name, node)
            self.program.parameters.append(entry)
        elif isinstance(node, nodes.ValueSet):
            name = node.name
            url, _, version = node.id.partition("|")
            entry = ValueSetEntry(library.name, name, node, ValueSet(url, node.version or version or None, name))
            entry.number = len(self.program.value_sets)
            self.program.value_sets.append(entry)
        elif isinstance(node, nodes.CodeSystem):
            name = node.name
            entry = CodeSystemEntry(library.name, name, node, CodeSystem(node.id, node.version, name))
        elif isinstance(node, nodes.CodeDefinition):
            name, entry = node.name, CodeEntry(library.name, node.name, node, None)
        elif isinstance(node, nodes.ConceptDefinition):
            name, entry = node.name, ConceptEntry(library.name, node.name, node, None)
        else:
            return
        if name in library.entries:
            first = library.entries[name].node.name_span
            error = DuplicateDefinition(
                f'"{name}" is already declared in line {first.line}.',
                where=node.name_span,
                remedy="Rename one of them.",
            )
            self.program.problems.add(error)
            return
        library.entries[name] = entry

    def _using(self, library: LibraryScope, node: nodes.Using) -> None:
        if node.name == "System":
            return
        if node.name != "FHIR" or (node.version is not None and node.version not in FHIR_VERSIONS):
            what = f"{node.name} {node.version}" if node.version else node.name
            error = UnknownModel(
                f"The data model {what} is not at hand.", where=node.span, remedy="Write using FHIR version '4.0.1'."
            )
            self.program.problems.add(error)
            return
        if not self.program.relations.has_model:
            self.program.problems.add(UnknownModel("No data model is loaded.", where=node.span))
            return
        library.uses_fhir = True

    def _include(self, library: LibraryScope, node: nodes.Include) -> IncludeEntry:
        if node.name == "FHIRHelpers":
            return IncludeEntry(node.alias, node, None, is_fhir_helpers=True)
        libraries = self.program.libraries
        found = _included(libraries.values(), node, node.namespace or library.node.namespace)
        if found is None:
            name = f"{node.namespace}.{node.name}" if node.namespace else node.name
            error: SemanticError = UnknownLibrary(
                f"Library {name} is not at hand.", where=node.span, remedy=meant(node.name, libraries, quote="")
            )
        elif node.version is not None and found.version is not None and not _fits(node.version, found.version):
            error = UnknownLibrary(
                f"Library {node.name} is at hand in version {found.version}, not {node.version}.",
                where=node.span,
                remedy="Name that version, or leave it out.",
            )
        else:
            return IncludeEntry(node.alias, node, found.name)
        self.program.problems.add(error)
        return IncludeEntry(node.alias, node, None)

    def _context(self, library: LibraryScope, node: nodes.Context) -> None:
        if node.name not in CONTEXTS:
            error = UnknownName(
                f"There is no context {node.name}.",
                where=node.span,
                remedy=meant(node.name, CONTEXTS, quote="") or f"There is {', '.join(CONTEXTS[:3])}.",
            )
            self.program.problems.add(error)
        elif node.name not in library.contexts and library.uses_fhir:
            library.contexts = (*library.contexts, node.name)

    def _refuse_cycles(self, libraries: list[LibraryScope]) -> None:
        done: set[str] = set()

        def visit(library: LibraryScope, path: tuple[str, ...]) -> None:
            for entry in library.includes():
                if entry.library is None:
                    continue
                if entry.library in (*path, library.name):
                    loop = " includes ".join((*path, library.name, entry.library))
                    error = CircularDefinition(f"Libraries include each other: {loop}.", where=entry.node.span)
                    self.program.problems.add(error)
                    entry.library = None
                elif entry.library not in done:
                    visit(self.program.libraries[entry.library], (*path, library.name))
            done.add(library.name)

        for library in libraries:
            if library.name not in done:
                visit(library, ())

    def _terminology(self, library: LibraryScope) -> None:
        """Codes and concepts are known without a patient."""
        for entry in list(library.entries.values()):
            if isinstance(entry, CodeEntry):
                self._code(library, entry)
        for entry in list(library.entries.values()):
            if isinstance(entry, ConceptEntry):
                scope = self.scope(library, entry.name, None)
                codes = [compile_expression(code, scope) for code in entry.node.codes]
                values = [code.value for code in codes if isinstance(code, Constant) and code.type == CODE]
                known = tuple(value for value in values if isinstance(value, Code))
                entry.value = Concept(known, entry.node.display) if len(known) == len(codes) else None

    def _code(self, library: LibraryScope, entry: CodeEntry) -> None:
        try:
            system = code_system_of(entry.node.system, self.scope(library, entry.name, None))
        except SemanticError as error:
            self.program.problems.add(error)
            return
        if system.id:
            entry.value = Code(entry.node.id, system.id, system.version, entry.node.display)

    def _function(self, library: LibraryScope, node: nodes.FunctionDefinition) -> None:
        scope = self.scope(library, node.name, node.context)
        operands: list[tuple[str, Type]] = []
        for operand in node.operands:
            try:
                operands.append((operand.name, type_of(operand.type, scope)))
            except SemanticError as error:
                self.program.problems.add(error)
                operands.append((operand.name, ERROR))
        entry = FunctionEntry(len(self.program.functions), library.name, node.name, node, tuple(operands))
        self.program.functions.append(entry)
        others = library.functions.setdefault(node.name, [])
        kinds = [kind for _, kind in operands]
        if any([kind for _, kind in other.operands] == kinds for other in others):
            self.program.problems.add(
                DuplicateDefinition(f"{entry.signature()} is already declared.", where=node.name_span)
            )
        others.append(entry)

    # --- compiling -----------------------------------------------------------------------------

    def scope(self, library: LibraryScope, user: str, context: str | None) -> Scope:
        """The scope of a declaration of this library."""
        return Scope(self.program, library, user, context)

    def definition(self, entry: DefinitionEntry) -> Type:
        """The type of a definition, compiled now if it was not before."""
        if entry.state == "open":
            raise CircularDefinition(f'"{entry.name}" needs its own value.', where=entry.node.name_span)
        if entry.state == "untouched":
            entry.state = "open"
            scope = self.scope(self.program.libraries[entry.library], entry.name, entry.node.context)
            entry.body = compile_expression(entry.node.expression, scope)
            entry.type = entry.body.type
            entry.state = "done"
        return entry.type or ERROR

    def parameter(self, entry: ParameterEntry) -> Type:
        """The type of a parameter: declared, or that of its default."""
        if entry.state == "open":
            raise CircularDefinition(f'Parameter "{entry.name}" needs its own value.', where=entry.node.name_span)
        if entry.state == "done":
            return entry.type or ERROR
        entry.state = "open"
        scope = self.scope(self.program.libraries[entry.library], entry.name, None)
        declared: Type | None = None
        try:
            declared = type_of(entry.node.type, scope) if entry.node.type is not None else None
        except SemanticError as error:
            self.program.problems.add(error)
            declared = ERROR
        default = compile_expression(entry.node.default, scope) if entry.node.default is not None else None
        if default is not None and declared is not None:
            default = self._fitting(scope, default, declared, entry)
        entry.default = default
        entry.type = declared or (default.type if default is not None else ANY)
        entry.state = "done"
        return entry.type

    def _fitting(self, scope: Scope, default: Typed, declared: Type, entry: ParameterEntry) -> Typed:
        step = scope.relations.conversion(default.type, declared)
        if step is not None:
            return converted(default, step)
        self.program.problems.add(
            TypeMismatch(
                f'Parameter "{entry.name}" is {declared}, but its default is {default.type}.', where=default.span
            )
        )
        return Constant(declared, default.span, None)

    def function(self, entry: FunctionEntry) -> Type:
        """The result type of a function; one that calls itself is refused."""
        if entry.state == "open":
            raise CircularDefinition(
                f"The function {entry.name} calls itself.",
                where=entry.node.name_span,
                remedy="CQL has no recursion: use a query with aggregate.",
            )
        if entry.state == "untouched":
            entry.state = "open"
            self._compile_function(entry)
            entry.state = "done"
        return entry.type or ERROR

    def _compile_function(self, entry: FunctionEntry) -> None:
        scope = self.scope(self.program.libraries[entry.library], entry.name, entry.node.context)
        if entry.node.body is None:
            self.program.problems.add(
                UnsupportedSyntax(
                    f"The function {entry.name} is external, and nothing here provides it.", where=entry.node.name_span
                )
            )
            entry.type = ERROR
            return
        names = []
        for (name, kind), operand in zip(entry.operands, entry.node.operands, strict=True):
            names.append((name, scope.local(name, kind, operand.span, "operand")))
        entry.locals = tuple(local for _, local in names)
        body = compile_expression(entry.node.body, scope.with_names(names))
        if entry.node.returns is not None:
            declared = type_of(entry.node.returns, scope)
            step = scope.relations.conversion(body.type, declared)
            if step is None:
                self.program.problems.add(
                    TypeMismatch(
                        f"The function {entry.name} returns {declared}, but its value is {body.type}.", where=body.span
                    )
                )
            else:
                body = converted(body, step)
        entry.body, entry.type = body, body.type


def _included(libraries: Iterable[LibraryScope], node: nodes.Include, namespace: str | None) -> LibraryScope | None:
    """The library that is meant: of that namespace, else of none, and of those one whose version fits.

    A name without a namespace is looked for in the namespace of the library that includes it; where only others
    have such a library, the name alone is enough.
    """
    named = [each for each in libraries if each.node.name == node.name]
    near = [each for each in named if each.node.namespace == namespace]
    near = near or [each for each in named if each.node.namespace is None]
    near = near or (named if node.namespace is None else [])
    exact = [each for each in near if each.version == node.version]
    fitting = [each for each in near if node.version and each.version and _fits(node.version, each.version)]
    return next(iter((*exact, *fitting, *near)), None)


def _fits(wanted: str, found: str) -> bool:
    """Whether a version is the wanted one: equal, or more precise."""
    return found == wanted or found.startswith(f"{wanted}.")
