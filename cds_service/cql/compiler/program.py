"""From texts to a program: parsed, entered, compiled as far as it is reached, all mistakes together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.cql import nodes
from cds_service.cql.compiler import (  # noqa: F401 - every chapter registers what it understands
    calls,
    casts,
    conditionals,
    literals,
    names,
    operations,
    queries,
    retrieves,
    selectors,
    timing,
)
from cds_service.cql.compiler.declarations import Declarations
from cds_service.cql.compiler.scope import LibraryScope, Program
from cds_service.cql.entries import DefinitionEntry, IncludeEntry
from cds_service.cql.parser.library import parse_expression, parse_library
from cds_service.cql.semantic_errors import DuplicateDefinition, Problems, SemanticError, UnknownLibrary, too_deep
from cds_service.cql.type_relations import Relations
from cds_service.errors import CdsError, ErrorGroup, Span
from cds_service.fhir.model.types import Model


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a library and the name of the file that messages show."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class InlineExpression:
    """An expression that stands outside a library, such as a condition of a plan.

    It sees the definitions of `library` unqualified and every other library by its name.
    """

    name: str
    text: str
    library: str | None = None
    file: str = "<expression>"


ROOTS = "<roots>"  # where those name a definition who compile libraries
EXPRESSIONS = "<expressions>"


def parse_sources(sources: Iterable[Source], problems: Problems) -> list[tuple[Source, nodes.Library]]:
    """The libraries that parse; what does not is noted."""
    parsed: list[tuple[Source, nodes.Library]] = []
    for source in sources:
        try:
            parsed.append((source, parse_library(source.text, source.file)))
        except ErrorGroup as group:
            for error in group.errors:
                problems.add(error)
        except CdsError as error:
            problems.add(error)
    return parsed


def libraries_needed(sources: Iterable[Source], file: str) -> tuple[list[Source], str]:
    """The library of a file with all that it includes, directly or through others, and the name of it."""
    texts = list(sources)
    parsed = {source.file: node for source, node in parse_sources(texts, Problems())}
    by_name: dict[str | None, dict[tuple[str | None, str | None], str]] = {}
    for each, node in parsed.items():
        by_name.setdefault(node.name, {})[node.namespace, node.version] = each
    wanted: dict[str, None] = {}
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in wanted:
            continue
        wanted[current] = None
        library = parsed.get(current)
        includes = [node.name for node in library.definitions if isinstance(node, nodes.Include)] if library else []
        waiting.extend(each for name in includes for each in by_name.get(name, {}).values())
    own = parsed.get(file)
    return [source for source in texts if source.file in wanted], (own.name if own is not None else None) or file


def build_program(
    sources: Iterable[Source],
    model: Model | None,
    terminology: object | None,
    expressions: Iterable[InlineExpression] = (),
) -> tuple[Program, Declarations]:
    """All libraries entered, none compiled yet."""
    problems = Problems()
    program = Program(Relations(model), problems, {}, terminology)
    for source, node in parse_sources(sources, problems):
        name = node.name or source.file
        if name == "FHIRHelpers":
            continue  # its conversions are part of the language here
        if name in program.libraries:
            other = program.libraries[name]
            if node.namespace != other.node.namespace and f"{node.namespace}.{name}" not in program.libraries:
                name = f"{node.namespace}.{name}" if node.namespace else f"{name}|{node.version or source.file}"
            elif node.version is not None and node.version != other.version:
                name = f"{name}|{node.version}"
            else:
                problems.add(
                    DuplicateDefinition(
                        f"Library {name} is also in {other.file}.", where=Span(source.file, 1, 1), remedy="Remove one."
                    )
                )
                continue
        program.libraries[name] = LibraryScope(name, node.version, node, source.file)
    declarations = Declarations(program)
    declarations.enter(list(program.libraries.values()))
    _enter_expressions(program, declarations, expressions)
    return program, declarations


def _enter_expressions(program: Program, declarations: Declarations, expressions: Iterable[InlineExpression]) -> None:
    """Each expression becomes a definition of a library of its own, one for each library that it looks into."""
    for expression in expressions:
        home = program.libraries.get(expression.library) if expression.library else None
        where = Span(expression.file, 1, 1)
        if expression.library and home is None:
            program.problems.add(UnknownLibrary(f"Library {expression.library} is not at hand.", where=where))
            continue
        key = f"{EXPRESSIONS}{expression.library or ''}"
        library = program.libraries.get(key)
        if library is None:
            library = _expression_library(program, key, home)
        try:
            node = parse_expression(expression.text, expression.file)
        except ErrorGroup as group:
            for error in group.errors:
                program.problems.add(error)
            continue
        except CdsError as error:
            program.problems.add(error)
            continue
        context = home.contexts[0] if home is not None and home.contexts else "Patient"
        written = nodes.ExpressionDefinition(
            expression.name, node, context, span=node.span, name_span=node.span, documentation=None
        )
        entry = DefinitionEntry(program.slot(), key, expression.name, written, {})
        program.definitions.append(entry)
        library.entries[f"{EXPRESSIONS}{expression.name}"] = entry
    del declarations


def _expression_library(program: Program, key: str, home: LibraryScope | None) -> LibraryScope:
    span = Span("<expression>", 1, 1)
    empty = nodes.Library(None, None, None, (), span=span)
    library = LibraryScope(key, None, home.node if home is not None else empty, "<expression>")
    library.uses_fhir = program.relations.has_model if home is None else home.uses_fhir
    library.contexts = ("Patient",) if home is None and library.uses_fhir else home.contexts if home is not None else ()
    if home is not None:
        library.entries.update(home.entries)
        library.functions.update(home.functions)
    for name, other in program.libraries.items():
        if not name.startswith(EXPRESSIONS) and name not in library.entries:
            include = nodes.Include(other.name, None, other.name, span=span, name_span=span)
            library.entries[name] = IncludeEntry(name, include, other.name)
    program.libraries[key] = library
    return library


def compile_all(program: Program, declarations: Declarations, roots: Iterable[tuple[str, str]] | None) -> None:
    """Compile the roots and what they reach; without roots everything, so that every mistake is found."""
    if roots is not None:
        for library_name, name in roots:
            library = program.libraries.get(library_name)
            entry = library.entries.get(name) if library is not None else None
            if not isinstance(entry, DefinitionEntry):
                program.problems.add(
                    UnknownLibrary(f'There is no definition {library_name}."{name}".', where=Span(ROOTS, 1, 1))
                )
            else:
                _noted(program, declarations.definition, entry)
        for entry in program.definitions:
            if entry.library.startswith(EXPRESSIONS):
                _noted(program, declarations.definition, entry)
        return
    for parameter in program.parameters:
        _noted(program, declarations.parameter, parameter)
    for definition in program.definitions:
        _noted(program, declarations.definition, definition)
    for function in program.functions:
        _noted(program, declarations.function, function)


def _noted(program: Program, complete: object, entry: object) -> None:
    try:
        complete(entry)  # type: ignore[operator]
    except SemanticError as error:
        program.problems.add(error)
    except RecursionError:
        program.problems.add(too_deep(entry.node.name_span))  # type: ignore[attr-defined]
