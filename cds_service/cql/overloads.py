"""Which overload a call means: generics bound, conversions found, the cheapest taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import (
    ANY,
    CODE,
    NULL,
    ChoiceOf,
    IntervalOf,
    ListOf,
    TupleOf,
    Type,
    Variable,
    has_error,
)
from cds_service.cql.type_relations import Conversion, Relations


@dataclass(frozen=True, slots=True)
class Match:
    """A signature whose types are settled, with the conversion of every argument."""

    signature: Signature
    conversions: tuple[Conversion, ...]
    cost: float


def resolve_overload(
    relations: Relations, candidates: Iterable[Signature], arguments: tuple[Type, ...]
) -> tuple[Match | None, bool]:
    """The cheapest match, and whether another signature with other types costs the same."""
    best: Match | None = None
    tied = False
    for candidate in candidates:
        if len(candidate.parameters) != len(arguments):
            continue
        if candidate.not_for_null and NULL in arguments:
            continue
        match = _match(relations, candidate, arguments)
        if match is None:
            continue
        if best is None or match.cost < best.cost:
            best, tied = match, False
        elif match.cost == best.cost and NULL not in arguments and not any(map(has_error, arguments)):
            tied = True
    return best, tied


def _match(relations: Relations, signature: Signature, arguments: tuple[Type, ...]) -> Match | None:
    bound: dict[str, Type] = {}
    for parameter, argument in zip(signature.parameters, arguments, strict=True):
        if not _bind(relations, parameter, argument, bound, signature.system):
            return None
    parameters = tuple(substitute(parameter, bound) for parameter in signature.parameters)
    conversions: list[Conversion] = []
    for parameter, argument in zip(parameters, arguments, strict=True):
        step = relations.conversion(argument, parameter)
        if step is None:
            return None
        conversions.append(step)
    settled = replace(signature, parameters=parameters, result=substitute(signature.result, bound))
    return Match(settled, tuple(conversions), sum(step.cost for step in conversions))


def _bind(relations: Relations, parameter: Type, argument: Type, bound: dict[str, Type], system: bool) -> bool:
    """Note what the variables in `parameter` have to be for `argument`; False when it cannot fit."""
    if isinstance(parameter, Variable):
        own = _systemized(relations, argument) if system else argument
        known = bound.get(parameter.name)
        shared = own if known is None else relations.common(known, own)
        if shared is None:
            return False
        bound[parameter.name] = _systemized(relations, shared) if system else shared
        return True
    if isinstance(parameter, ListOf):
        inner = _inside(relations, argument, ListOf)
        return inner is not None and _bind(relations, parameter.element, inner, bound, system)
    if isinstance(parameter, IntervalOf):
        inner = _inside(relations, argument, IntervalOf)
        return inner is not None and _bind(relations, parameter.point, inner, bound, True)
    return True


def _systemized(relations: Relations, kind: Type) -> Type:
    if isinstance(kind, ListOf):
        return ListOf(_systemized(relations, kind.element))
    return relations.systemized(kind)


def _inside(relations: Relations, argument: Type, form: type[ListOf] | type[IntervalOf]) -> Type | None:
    """What is inside a list or an interval, also where FHIR or a choice only counts as one."""
    if isinstance(argument, ListOf) and form is ListOf:
        return argument.element
    if isinstance(argument, IntervalOf) and form is IntervalOf:
        return argument.point
    if argument in (NULL, ANY) or has_error(argument):
        return NULL
    if isinstance(argument, ChoiceOf):
        for option in argument.options:
            inner = _inside(relations, option, form)
            if inner is not None and inner != NULL:
                return inner
        return None
    system = relations.systemized(argument)
    if system != argument:
        return _inside(relations, system, form)
    from_set = relations.conversion(argument, ListOf(CODE)) if form is ListOf else None
    return CODE if from_set is not None else None


def substitute(kind: Type, bound: dict[str, Type]) -> Type:
    """The type with its variables replaced; a variable that nothing bound is left open."""
    if isinstance(kind, Variable):
        return bound.get(kind.name, NULL)
    if isinstance(kind, ListOf):
        return ListOf(substitute(kind.element, bound))
    if isinstance(kind, IntervalOf):
        return IntervalOf(substitute(kind.point, bound))
    if isinstance(kind, TupleOf):
        return TupleOf(tuple((name, substitute(own, bound)) for name, own in kind.elements))
    return kind
