"""Calls: functions of libraries, system functions, fluent functions, and FHIRHelpers' conversions."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply_one_of, convert_to, converted
from cds_service.cql.compiler.dispatch import compile_expression, compile_node
from cds_service.cql.compiler.membership import membership
from cds_service.cql.compiler.methods import METHODS, method_call
from cds_service.cql.compiler.operations import logical
from cds_service.cql.compiler.scope import LibraryScope, Scope
from cds_service.cql.entries import FunctionEntry, IncludeEntry
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.operators.table import TABLE
from cds_service.cql.overloads import resolve_overload
from cds_service.cql.semantic_errors import (
    AmbiguousCall,
    PrivateDefinition,
    TypeMismatch,
    UnknownName,
    meant,
)
from cds_service.cql.static_types import (
    BOOLEAN,
    CODE,
    CODE_SYSTEM,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    ERROR,
    INTEGER,
    NULL,
    QUANTITY,
    RATIO,
    STRING,
    TIME,
    VALUE_SET,
    IntervalOf,
    Type,
    Typed,
    has_error,
)
from cds_service.cql.tree import Constant, FirstKnown, Invoke
from cds_service.errors import Span

_MEMBERSHIP = {"InValueSet": VALUE_SET, "AnyInValueSet": VALUE_SET, "InCodeSystem": CODE_SYSTEM,
               "AnyInCodeSystem": CODE_SYSTEM}  # fmt: skip
_LOGICAL = ("And", "Or", "Xor", "Implies")
# Spellings that authors know from elsewhere.
_ALIASES = {"ToUpper": "Upper", "ToLower": "Lower", "Average": "Avg"}

HELPERS: dict[str, Type | None] = {
    "ToString": STRING, "ToBoolean": BOOLEAN, "ToInteger": INTEGER, "ToDecimal": DECIMAL, "ToDate": DATE,
    "ToDateTime": DATETIME, "ToTime": TIME, "ToQuantity": QUANTITY, "ToQuantityIgnoringComparator": QUANTITY,
    "ToCode": CODE, "ToConcept": CONCEPT, "ToRatio": RATIO, "ToInterval": None, "ToValue": None,
}  # fmt: skip


@compile_node.register
def compile_call(node: nodes.Call, scope: Scope) -> Typed:
    arguments = [compile_expression(argument, scope) for argument in node.arguments]
    own = scope.library.functions.get(node.name, [])
    if own:
        found = _invoke(scope, own, arguments, node.span)
        if found is not None:
            return found
    return _system_call(scope, node, arguments, own)


def _system_call(scope: Scope, node: nodes.Call, arguments: list[Typed], own: list[FunctionEntry]) -> Typed:
    name, span = node.name, node.span
    if name == "Coalesce" and len(arguments) > 1:
        return coalesce(scope, arguments, span)
    if name in _MEMBERSHIP and len(arguments) == 2:
        convert_to(scope, arguments[1], _MEMBERSHIP[name], f"What {name} searches")
        return membership(scope, arguments[0], arguments[1], span)
    if name in _LOGICAL and len(arguments) == 2:
        return logical(scope, name, arguments[0], arguments[1], span)
    if name == "ToInterval" and len(arguments) == 1:
        return _to_interval(scope, arguments[0], span)
    candidates = TABLE.get(name)
    if candidates and name != "Ampersand":
        return apply_one_of(scope, candidates, name, arguments, span)
    if own:
        raise _no_overload(name, own, arguments, span)
    raise _unknown_function(scope, name, span)


def coalesce(scope: Scope, arguments: list[Typed], span: Span) -> Typed:
    """The first argument that is known."""
    kinds = [argument.type for argument in arguments]
    if any(has_error(kind) for kind in kinds):
        return Constant(ERROR, span, None)
    target = scope.relations.joined(kinds)
    steps = [scope.relations.conversion(kind, target) for kind in kinds]
    settled = tuple(
        converted(argument, step) if step is not None else argument
        for argument, step in zip(arguments, steps, strict=True)
    )
    known = tuple(value for value in settled if not (isinstance(value, Constant) and value.value is None))
    if not known:
        return Constant(target, span, None)
    return known[0] if isinstance(known[0], Constant) else FirstKnown(target, span, known)


def _unknown_function(scope: Scope, name: str, span: Span) -> UnknownName:
    hidden = ("Ampersand", "DateTimeComponentFrom", "IsNotNull", "IsNotTrue", "IsNotFalse")
    known = [*scope.library.functions, *(key for key in TABLE.by_name if key not in hidden), "Coalesce"]
    if name in _ALIASES:
        return UnknownName(f"There is no function {name}.", where=span, remedy=f"It is called {_ALIASES[name]}.")
    for entry in scope.library.includes():
        other = scope.program.libraries.get(entry.library or "")
        if other is not None and name in other.functions:
            return UnknownName(
                f"There is no function {name}.",
                where=span,
                remedy=f"Library {other.name} has one: write {entry.alias}.{name}(..).",
            )
    if name in scope.library.entries:
        return UnknownName(f'"{name}" is no function.', where=span, remedy="Leave the parentheses out.")
    return UnknownName(f"There is no function {name}.", where=span, remedy=meant(name, known, quote=""))


def _no_overload(name: str, functions: list[FunctionEntry], arguments: Sequence[Typed], span: Span) -> TypeMismatch:
    given = ", ".join(str(argument.type) for argument in arguments)
    return TypeMismatch(
        f"{name} does not take ({given}).",
        where=span,
        remedy=f"There is {', '.join(function.signature() for function in functions)}.",
    )


def _invoke(scope: Scope, functions: list[FunctionEntry], arguments: list[Typed], span: Span) -> Typed | None:
    """A call of the one of these functions that fits best; None when none fits."""
    kinds = tuple(argument.type for argument in arguments)
    if any(has_error(kind) for kind in kinds):
        return Constant(ERROR, span, None)
    candidates = {
        index: Signature(function.name, tuple(kind for _, kind in function.operands), NULL, str(index))
        for index, function in enumerate(functions)
    }
    match, tied = resolve_overload(scope.relations, candidates.values(), kinds)
    if match is None:
        return None
    if tied:
        forms = ", ".join(function.signature() for function in functions if len(function.operands) == len(kinds))
        raise AmbiguousCall(
            f"This call fits several functions equally well: {forms}.", where=span, remedy="Say with `as` which type."
        )
    function = functions[int(match.signature.function)]
    result = scope.program.complete_function(function)
    settled = tuple(converted(argument, step) for argument, step in zip(arguments, match.conversions, strict=True))
    return Invoke(result, span, function, settled) if result != ERROR else Constant(ERROR, span, None)


@compile_node.register
def compile_method(node: nodes.MethodCall, scope: Scope) -> Typed:
    if isinstance(node.source, nodes.Identifier):
        include = scope.include(node.source.name)
        if include is not None:
            return _library_call(scope, include, node)
    source = compile_expression(node.source, scope)
    if has_error(source.type):
        return source
    fluent = _fluent(scope, node.name)
    if fluent:
        arguments = [source, *(compile_expression(argument, scope) for argument in node.arguments)]
        found = _invoke(scope, fluent, arguments, node.span)
        if found is not None:
            return found
        if node.name not in METHODS:
            raise _no_overload(node.name, fluent, arguments, node.span)
    if node.name in METHODS:
        return method_call(scope, source, node)
    known = [*METHODS, *(entry.name for entry in _all_fluent(scope))]
    hint = meant(node.name, known, quote="")
    if node.name in scope.library.functions:
        hint = f"{node.name} is not fluent: write {node.name}(..), or define it as a fluent function."
    raise UnknownName(f"There is no fluent function {node.name}.", where=node.span, remedy=hint)


def _reachable(scope: Scope) -> list[LibraryScope]:
    included = (scope.program.libraries.get(entry.library or "") for entry in scope.library.includes())
    return [scope.library, *(library for library in included if library is not None)]


def _all_fluent(scope: Scope) -> list[FunctionEntry]:
    return [
        entry
        for library in _reachable(scope)
        for entries in library.functions.values()
        for entry in entries
        if entry.node.fluent
    ]


def _fluent(scope: Scope, name: str) -> list[FunctionEntry]:
    """The fluent functions of this name in reach; a library's own hide those of the libraries it includes."""
    found: list[FunctionEntry] = []
    seen: set[tuple[Type, ...]] = set()
    for library in _reachable(scope):
        for entry in library.functions.get(name, []):
            operands = tuple(kind for _, kind in entry.operands)
            if entry.node.fluent and operands not in seen:
                seen.add(operands)
                found.append(entry)
    return found


def _library_call(scope: Scope, include: IncludeEntry, node: nodes.MethodCall) -> Typed:
    arguments = [compile_expression(argument, scope) for argument in node.arguments]
    if include.is_fhir_helpers:
        return _helper(scope, node, arguments)
    if include.library is None:
        return Constant(ERROR, node.span, None)
    library = scope.program.libraries[include.library]
    functions = library.functions.get(node.name, [])
    if not functions:
        raise UnknownName(
            f"Library {library.name} has no function {node.name}.",
            where=node.span,
            remedy=meant(node.name, library.functions, quote=""),
        )
    public = [function for function in functions if function.node.access == "public"]
    if not public:
        raise PrivateDefinition(f"{node.name} is private to library {library.name}.", where=node.span)
    found = _invoke(scope, public, arguments, node.span)
    if found is None:
        raise _no_overload(node.name, public, arguments, node.span)
    return found


def _helper(scope: Scope, node: nodes.MethodCall, arguments: list[Typed]) -> Typed:
    """A conversion of FHIRHelpers: known by itself, whichever version is named."""
    name, span = node.name, node.span
    if name not in HELPERS or len(arguments) != 1:
        raise UnknownName(
            f"FHIRHelpers has no function {name} of {len(arguments)} operand(s).",
            where=span,
            remedy=meant(name, HELPERS, quote=""),
        )
    argument = arguments[0]
    if name == "ToInterval":
        return _to_interval(scope, argument, span)
    target = HELPERS[name] or scope.relations.systemized(argument.type)
    return convert_to(scope, argument, target, f"What FHIRHelpers.{name} takes")


def _to_interval(scope: Scope, argument: Typed, span: Span) -> Typed:
    kind = argument.type
    options = kind.options if hasattr(kind, "options") else (kind,)
    intervals = [system for system in map(scope.relations.systemized, options) if isinstance(system, IntervalOf)]
    if has_error(kind):
        return Constant(ERROR, span, None)
    if not intervals:
        raise TypeMismatch(f"A value of type {kind} does not become an interval.", where=span)
    return convert_to(scope, argument, intervals[0], "What ToInterval takes")
