"""Methods: system functions behind a dot, as FHIRPath writes them (`list.where(..)`, `text.startsWith(..)`)."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.compiler.application import apply, condition, convert_to
from cds_service.cql.compiler.casts import cast
from cds_service.cql.compiler.conditionals import branching
from cds_service.cql.compiler.dispatch import compile_expression
from cds_service.cql.compiler.elements import element_of
from cds_service.cql.compiler.operations import union
from cds_service.cql.compiler.scope import Scope
from cds_service.cql.compiler.type_names import named_type
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.semantic_errors import TypeMismatch
from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    INTEGER,
    STRING,
    IntervalOf,
    ListOf,
    Type,
    Typed,
    fhir,
)
from cds_service.cql.tree import Apply, Constant, IsType, Iteration, Local
from cds_service.errors import Span

# Method -> operator that takes the source as its first operand.
_DIRECT = {
    "abs": "Abs", "allTrue": "AllTrue", "anyTrue": "AnyTrue", "ceiling": "Ceiling", "count": "Count",
    "distinct": "Distinct", "endsWith": "EndsWith", "exclude": "Except", "exp": "Exp", "first": "First",
    "flatten": "Flatten", "floor": "Floor", "highBoundary": "HighBoundary", "intersect": "Intersect", "last": "Last",
    "length": "Length", "ln": "Ln", "log": "Log", "lowBoundary": "LowBoundary", "lower": "Lower", "matches": "Matches",
    "not": "Not", "power": "Power", "precision": "Precision", "replaceMatches": "ReplaceMatches", "round": "Round",
    "single": "SingletonFrom", "skip": "Skip", "split": "Split", "startsWith": "StartsWith", "substring": "Substring",
    "tail": "Tail", "take": "Take", "toBoolean": "ToBoolean", "toChars": "ToChars", "toConcept": "ToConcept",
    "toDate": "ToDate", "toDateTime": "ToDateTime", "toDecimal": "ToDecimal", "toInteger": "ToInteger",
    "toLong": "ToLong", "toQuantity": "ToQuantity", "toRatio": "ToRatio", "toString": "ToString", "toTime": "ToTime",
    "truncate": "Truncate", "upper": "Upper", "sum": "Sum", "min": "Min", "max": "Max", "avg": "Avg",
    "convertsToBoolean": "ConvertsToBoolean", "convertsToDate": "ConvertsToDate",
    "convertsToDateTime": "ConvertsToDateTime", "convertsToDecimal": "ConvertsToDecimal",
    "convertsToInteger": "ConvertsToInteger", "convertsToQuantity": "ConvertsToQuantity",
    "convertsToString": "ConvertsToString", "convertsToTime": "ConvertsToTime",
    "children": "Children", "descendants": "Descendants",
}  # fmt: skip

_OTHERS = (
    "all", "allFalse", "anyFalse", "as", "combine", "contains", "empty", "exists", "extension", "hasValue", "iif",
    "indexOf", "is", "isDistinct", "lastIndexOf", "ofType", "repeat", "replace", "resolve", "select", "union", "where",
)  # fmt: skip

METHODS = frozenset(_DIRECT) | frozenset(_OTHERS)


def method_call(scope: Scope, source: Typed, node: nodes.MethodCall) -> Typed:
    """The method `node.name` of the source."""
    name = node.name
    if name in ("is", "as", "ofType"):
        return _typing(scope, source, node)
    if name in ("where", "select", "all", "repeat") or (name == "exists" and node.arguments):
        return _iteration(scope, source, node)
    arguments = [compile_expression(argument, scope) for argument in node.arguments]
    if name in _DIRECT:
        return apply(scope, _DIRECT[name], (_listed(scope, source, name), *arguments), node.span)
    return _other(scope, source, name, arguments, node.span)


def _listed(scope: Scope, source: Typed, name: str) -> Typed:
    """The source as a list where the method is about lists and the source is a single value."""
    if name in ("count", "first", "last", "tail", "skip", "take", "distinct", "single") and not isinstance(
        source.type, ListOf
    ):
        return apply(scope, "ToList", (source,), source.span)
    return source


def _other(scope: Scope, source: Typed, name: str, arguments: list[Typed], span: Span) -> Typed:
    many = isinstance(source.type, ListOf)
    if name in ("exists", "empty"):
        found = apply(scope, "Exists" if many else "IsNotNull", (source,), span)
        return found if name == "exists" else apply(scope, "Not", (found,), span)
    if name == "hasValue":
        return apply(scope, "IsNotNull", (source,), span)
    if name in ("union", "combine") and len(arguments) == 1:
        return union(scope, source, arguments[0], span)
    if name == "contains" and len(arguments) == 1:
        if many or isinstance(source.type, IntervalOf):
            return apply(scope, "Contains", (source, arguments[0]), span)
        return apply(scope, "GreaterOrEqual", (_position(scope, source, arguments[0], span), _zero(span)), span)
    if name == "indexOf" and len(arguments) == 1:
        if many:
            return apply(scope, "IndexOf", (source, arguments[0]), span)
        return _position(scope, source, arguments[0], span)
    if name == "lastIndexOf" and len(arguments) == 1:
        return apply(scope, "LastPositionOf", (arguments[0], source), span)
    if name == "isDistinct":
        whole, single = (apply(scope, "Count", (value,), span) for value in (
            source, apply(scope, "Distinct", (source,), span)))  # fmt: skip
        return apply(scope, "Equal", (whole, single), span)
    if name == "iif" and len(arguments) in (2, 3):
        otherwise = arguments[2] if len(arguments) == 3 else Constant(arguments[1].type, span, None)
        test = condition(scope, arguments[0], "The condition")
        return branching(scope, [(test, arguments[1])], otherwise, span)
    if name == "replace" and len(arguments) == 2:
        signature = Signature("Replace", (STRING, STRING, STRING), STRING, "strings.replace")
        texts = tuple(convert_to(scope, value, STRING, "What replace takes") for value in (source, *arguments))
        return Apply(STRING, span, signature, texts)
    if name == "resolve" and not arguments:
        return _resolve(scope, source, span)
    if name == "extension" and len(arguments) == 1:
        return _extension(scope, source, arguments[0], span)
    raise TypeMismatch(f"The method {name} does not take {len(arguments)} operand(s) here.", where=span)


def _position(scope: Scope, text: Typed, pattern: Typed, span: Span) -> Typed:
    return apply(scope, "PositionOf", (pattern, text), span)


def _zero(span: Span) -> Constant:
    return Constant(INTEGER, span, 0)


def _resolve(scope: Scope, source: Typed, span: Span) -> Typed:
    reference = source
    if source.type == fhir("Reference"):
        reference = element_of(scope, source, "reference", span)
    reference = convert_to(scope, reference, STRING, "What resolve follows")
    kind = fhir("Resource")
    return Apply(kind, span, Signature("Resolve", (STRING,), kind, "run.resolve", needs_run=True), (reference,))


def _extension(scope: Scope, source: Typed, url: Typed, span: Span) -> Typed:
    extensions = element_of(scope, source, "extension", span)
    this, index = scope.local("this", fhir("Extension"), span, "this"), _index(scope, span)
    body = apply(scope, "Equal", (element_of(scope, this, "url", span), url), span)
    return Iteration(ListOf(fhir("Extension")), span, "where", extensions, this, index, body)


def _index(scope: Scope, span: Span) -> Local:
    return scope.local("index", INTEGER, span, "index")


def _iteration(scope: Scope, source: Typed, node: nodes.MethodCall) -> Typed:
    if len(node.arguments) != 1:
        raise TypeMismatch(f"The method {node.name} takes one expression.", where=node.span)
    if not isinstance(source.type, ListOf):
        source = apply(scope, "ToList", (source,), source.span)
    element: Type = source.type.element if isinstance(source.type, ListOf) else ANY
    this = scope.local("this", element, node.span, "this")
    index = scope.local("index", INTEGER, node.span, "index")
    inner = scope.with_this(this, index)
    if node.name in ("where", "all", "exists"):
        inner = inner.with_element(this)
    body = compile_expression(node.arguments[0], inner if node.name != "select" else inner.with_element(this))
    result: Type = source.type
    if node.name in ("where", "all", "exists"):
        body = condition(scope, body, f"What {node.name} asks")
        result = source.type if node.name == "where" else BOOLEAN
    else:
        inside = body.type.element if isinstance(body.type, ListOf) else body.type
        result = ListOf(inside)
    return Iteration(result, node.span, node.name, source, this, index, body)  # type: ignore[arg-type]


def _typing(scope: Scope, source: Typed, node: nodes.MethodCall) -> Typed:
    argument = node.arguments[0] if len(node.arguments) == 1 else None
    if isinstance(argument, nodes.Identifier):
        written = nodes.NamedType(argument.name, span=argument.span)
    elif isinstance(argument, nodes.Property) and isinstance(argument.source, nodes.Identifier):
        written = nodes.NamedType(argument.name, argument.source.name, span=argument.span)
    else:
        raise TypeMismatch(f"The method {node.name} takes the name of a type.", where=node.span)
    kind = named_type(written, scope)
    if node.name == "is":
        return IsType(BOOLEAN, node.span, source, kind)
    if node.name == "as":
        return cast(scope, source, kind, node.span, strict=False)
    if not isinstance(source.type, ListOf):
        raise TypeMismatch("ofType is a method of lists.", where=node.span)
    this = scope.local("this", source.type.element, node.span, "this")
    body = cast(scope, this, kind, node.span, strict=False)
    return Iteration(ListOf(kind), node.span, "select", source, this, _index(scope, node.span), body)
