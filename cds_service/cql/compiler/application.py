"""Operators applied to operands: the overload found, the operands converted, constants worked out at once."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq

from cds_service.cql.compiler.scope import Scope
from cds_service.cql.operator_names import BINARY, UNARY
from cds_service.cql.operators.functions import evaluate_constant
from cds_service.cql.operators.signatures import INTERVAL, LIST, Signature, T
from cds_service.cql.operators.table import TABLE
from cds_service.cql.overloads import Match, resolve_overload
from cds_service.cql.semantic_errors import TypeMismatch
from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    ERROR,
    NULL,
    TIME,
    ChoiceOf,
    IntervalOf,
    Type,
    Typed,
    has_error,
)
from cds_service.cql.tree import Apply, AsType, Bound, Conditional, Constant, Converted, Element, IsType, Local
from cds_service.cql.type_relations import Conversion
from cds_service.errors import Span


def converted(operand: Typed, conversion: Conversion) -> Typed:
    """The operand after a conversion; nothing is added where the value stays what it is."""
    target = conversion.target
    if has_error(operand.type):
        return operand
    if isinstance(operand, Constant) and operand.value is None:
        return Constant(target, operand.span, None)
    if conversion.kind == "same":
        return operand if operand.type != NULL else Constant(target, operand.span, None)
    if isinstance(operand, Constant):
        done, value = evaluate_constant("convert", conversion, (operand.value,))
        if done:
            return Constant(target, operand.span, value)
    return Converted(target, operand.span, operand, conversion)


def convert_to(scope: Scope, operand: Typed, target: Type, what: str) -> Typed:
    """The operand as a value of `target`; `what` names the place for the message when that cannot be."""
    conversion = scope.relations.conversion(operand.type, target)
    if conversion is None:
        raise TypeMismatch(f"{what} has to be {target}, but this is {operand.type}.", where=operand.span)
    return converted(operand, conversion)


def condition(scope: Scope, operand: Typed, what: str) -> Typed:
    """The operand as a Boolean; a mistake is noted at its place."""
    try:
        return convert_to(scope, operand, BOOLEAN, what)
    except TypeMismatch as error:
        scope.problems.add(error)
        return Constant(ERROR, operand.span, None)


def apply(scope: Scope, operator: str, operands: Sequence[Typed], span: Span, precision: str | None = None) -> Typed:
    """The operator applied to these operands; TypeMismatch when none of its forms takes them."""
    return apply_one_of(scope, TABLE.get(operator), operator, operands, span, precision)


def apply_one_of(
    scope: Scope,
    candidates: list[Signature],
    operator: str,
    operands: Sequence[Typed],
    span: Span,
    precision: str | None = None,
) -> Typed:
    """The cheapest of these forms applied to the operands."""
    kinds = tuple(operand.type for operand in operands)
    if any(has_error(kind) for kind in kinds):
        return Constant(ERROR, span, None)
    match, _ = resolve_overload(scope.relations, candidates, kinds)
    divided = _by_alternative(scope, candidates, operator, operands, span, precision, match)
    if divided is not None:
        return divided
    if match is None:
        raise mismatch(operator, kinds, candidates, span)
    arguments = tuple(converted(operand, step) for operand, step in zip(operands, match.conversions, strict=True))
    signature = match.signature
    if precision is not None and not (signature.takes_precision and _is_temporal(signature.parameters)):
        raise TypeMismatch(f"{_words(operator)} takes no precision for {_types(kinds)}.", where=span)
    if all(isinstance(argument, Constant) for argument in arguments) and not signature.needs_run:
        done, value = evaluate_constant("apply", signature, arguments_of(arguments), precision)
        if done:
            return Constant(signature.result, span, value)
    return Apply(signature.result, span, signature, arguments, precision)


def _by_alternative(
    scope: Scope,
    candidates: list[Signature],
    operator: str,
    operands: Sequence[Typed],
    span: Span,
    precision: str | None,
    match: Match | None,
) -> Typed | None:
    """A choice whose alternatives need different forms of the operator: each alternative gets its own form."""
    for position, operand in enumerate(operands):
        if not isinstance(operand.type, ChoiceOf):
            continue
        kinds = [other.type for other in operands]
        fitting = []
        for option in operand.type.options:
            found, _ = resolve_overload(
                scope.relations, candidates, (*kinds[:position], option, *kinds[position + 1 :])
            )
            if found is not None:
                fitting.append(option)
        if match is not None and set(fitting) <= _covered(match.conversions[position], operand.type):
            continue
        subject = operand
        if not isinstance(operand, Local | Element):
            subject = scope.local("choice", operand.type, span, "let")
        branches: list[tuple[Typed, Typed]] = []
        for option in fitting:
            narrowed = AsType(option, span, subject, strict=False)
            parts = [*operands[:position], narrowed, *operands[position + 1 :]]
            value = apply_one_of(scope, candidates, operator, parts, span, precision)
            branches.append((IsType(BOOLEAN, span, subject, option), value))
        if not branches:
            return None
        whole = _joined(scope, branches, span)
        return whole if subject is operand else Bound(whole.type, span, subject, operand, whole)  # type: ignore[arg-type]
    return None


def _covered(conversion: Conversion, choice: ChoiceOf) -> set[Type]:
    """The alternatives that a conversion keeps."""
    if conversion.kind == "choose":
        return {kind for kind, _ in conversion.parts}
    return set() if conversion.kind in ("narrow", "cast") else set(choice.options)


def _joined(scope: Scope, branches: list[tuple[Typed, Typed]], span: Span) -> Typed:
    target = scope.relations.joined([value.type for _, value in branches])
    settled: list[tuple[Typed, Typed]] = []
    for test, value in branches:
        step = scope.relations.conversion(value.type, target)
        settled.append((test, converted(value, step) if step is not None else value))
    return Conditional(target, span, tuple(settled), Constant(target, span, None))


def _is_temporal(parameters: tuple[Type, ...]) -> bool:
    """Whether a precision such as `day` means anything for operands of these types."""
    points = [parameter.point if isinstance(parameter, IntervalOf) else parameter for parameter in parameters]
    return all(point in (DATE, DATETIME, TIME, NULL, ANY) for point in points)


def arguments_of(arguments: Sequence[Typed]) -> tuple[object, ...]:
    """The values of constant operands."""
    return tuple(argument.value for argument in arguments if isinstance(argument, Constant))


def mismatch(operator: str, kinds: Sequence[Type], candidates: list[Signature], span: Span) -> TypeMismatch:
    """What to say of an operator that does not take operands of these types."""
    fitting = [candidate for candidate in candidates if len(candidate.parameters) == len(kinds)]
    if not fitting:
        counts = sorted({len(candidate.parameters) for candidate in candidates})
        takes = " or ".join(str(count) for count in counts)
        return TypeMismatch(
            f"{_words(operator)} takes {takes} operand(s), not {len(kinds)}.",
            where=span,
            remedy=_forms(candidates),
        )
    # The forms that take some of what was given say most about what was meant.
    fitting.sort(key=lambda candidate: -sum(map(eq, candidate.parameters, kinds)))
    return TypeMismatch(f"{_words(operator)} does not take {_types(kinds)}.", where=span, remedy=_forms(fitting))


def _forms(candidates: list[Signature]) -> str:
    shown = list(dict.fromkeys(_form(candidate.parameters) for candidate in candidates))
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return f"It takes {', '.join(shown[:4])}{more}."


def _form(parameters: tuple[Type, ...]) -> str:
    """The operands of one form, as one would say it."""
    if parameters == (T, T):
        return "two values of one type"
    said = {T: "any value", LIST: "a list", INTERVAL: "an interval"}
    if len(parameters) == 1 and parameters[0] in said:
        return said[parameters[0]]
    return f"({', '.join(said.get(parameter, str(parameter)) for parameter in parameters)})"


def _words(operator: str) -> str:
    words = BINARY.get(operator) or UNARY.get(operator)
    return f"`{words}`" if words else operator


def _types(kinds: Sequence[Type]) -> str:
    return " and ".join(str(kind) for kind in kinds) if kinds else "no operands"
