"""The logic of plans for one patient: values, outcomes and needs of expressions, whatever language they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cds_service.errors import CdsError
from cds_service.plans.expressions import Define, Expression, FhirPath, InlineCql, Literal, Unusable
from cds_service.plans.facts_catalogue import NO_FACTS, FactCatalogue, ask_as
from cds_service.proposals.outcomes import (
    APPLIES,
    DOES_NOT_APPLY,
    UNTOLD,
    FactNeed,
    Outcome,
    all_of,
    cannot_tell,
    failed,
)


class Need(Protocol):
    """A fact definition whose value is not known."""

    @property
    def library(self) -> str: ...
    @property
    def define(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str | None]: ...


class Evaluating(Protocol):
    """A run of compiled CQL over one patient (`cql.evaluation.Evaluation`)."""

    def value(self, library: str, define: str) -> Any: ...
    def settled(self, table: Table) -> Sequence[Any]: ...
    def raw(self, library: str, define: str) -> Any: ...
    def needs(self, library: str, define: str) -> Sequence[Need]: ...
    def evidence(self, library: str, define: str) -> Any: ...
    def grounds(self, library: str, define: str) -> Any: ...
    def with_parameters(self, parameters: Mapping[str, Any]) -> Evaluating: ...
    def followed_by(self, parameters: Mapping[str, Any]) -> Evaluating: ...
    def assume(self, assumed: Mapping[tuple[str, str], Any]) -> Evaluating: ...


class PathEvaluating(Protocol):
    """Evaluates FHIRPath text with a focus and variables (`%subject`, `%context`, ...)."""

    def __call__(self, text: str, focus: Any, variables: Mapping[str, Any]) -> list[Any]: ...


_NONE: frozenset[str] = frozenset()

Table = tuple[tuple[tuple[str, str], ...] | None, ...]  # lists of conditions by library and name; None: not by name


def table_of(conditions: Iterable[Sequence[Expression]]) -> Table:
    """Lists of conditions in the form in which many are asked at once."""
    found: list[tuple[tuple[str, str], ...] | None] = []
    for entries in conditions:
        named = [(each.library, each.name) for each in entries if isinstance(each, Define)]
        found.append(tuple(named) if len(named) == len(entries) else None)
    return tuple(found)


class Logic(msgspec.Struct):
    """Evaluates the expressions of plans over one patient."""

    run: Evaluating
    paths: PathEvaluating
    variables: Mapping[str, Any] = {}
    # Data types that could not be had completely, for logic that does not look at "Unreadable" itself:
    # expression -> the types it reads.
    unreadable: frozenset[str] = frozenset()
    reads: Mapping[Expression, frozenset[str]] = {}
    facts: FactCatalogue = NO_FACTS
    # References of the resources whose codes were read from free text.
    read_from_text: Callable[[], frozenset[str]] = frozenset

    def value(self, expression: Expression, focus: Any = None, variables: Mapping[str, Any] | None = None) -> Any:
        """The value of `expression`; an error that can be explained is raised."""
        match expression:
            case Define(library, name):
                return self.run.value(library, name)
            case InlineCql(name, _, library):
                return self.run.value(library or "", name)
            case Literal(value):
                return value
            case FhirPath(text):
                about = self.variables.get("subject") if focus is None else focus
                found = self.paths(text, about, {**self.variables, **(variables or {})})
                return found[0] if len(found) == 1 else (found or None)
            case Unusable(reason):
                raise CannotEvaluate(reason)

    def outcome(self, expression: Expression, focus: Any = None, *, asks: bool = True) -> Outcome:
        """Whether `expression` holds: an unknown value cannot be told, an error is a failure.

        With `asks`, what cannot be told names the facts that would settle it; finding them is the costly part.
        """
        if self.unreadable and (missing := self.unreadable & self.reads.get(expression, _NONE)):
            return cannot_tell(reason=f"{', '.join(sorted(missing))} could not be read completely.")
        try:
            if expression.__class__ is Define:
                value = self.run.raw(expression.library, expression.name)
            else:
                value = self.value(expression, focus)
        except CdsError as error:
            return failed(str(error))
        if value is True:
            return APPLIES
        if value is False:
            return DOES_NOT_APPLY
        if value is None or value == []:
            return cannot_tell(self.needs(expression)) if asks else UNTOLD
        if isinstance(expression, FhirPath):
            return APPLIES  # FHIRPath: a collection of one item that is no Boolean counts as true
        return failed(f"The condition gives a {type(value).__name__}, not true or false.")

    def all(self, expressions: Iterable[Expression], focus: Any = None, *, asks: bool = True) -> Outcome:
        """Whether all of `expressions` hold; the first that does not settles it."""
        found: list[tuple[Expression, Outcome]] = []
        raw = self.run.raw if not self.unreadable else None
        for expression in expressions:
            if raw is not None and expression.__class__ is Define:  # nearly always, and asked most
                try:
                    value = raw(expression.library, expression.name)
                except CdsError as error:
                    found.append((expression, failed(str(error))))
                    continue
                if value is False:
                    return DOES_NOT_APPLY
                if value is True:
                    continue
            outcome = self.outcome(expression, focus, asks=False)
            if outcome is DOES_NOT_APPLY:
                return outcome
            found.append((expression, outcome))
        if not found:
            return APPLIES
        if not asks:
            return all_of([outcome for _, outcome in found])
        return all_of([self._asking(expression, outcome) for expression, outcome in found])

    def settled(self, table: Table) -> Sequence[Any]:
        """For each list of conditions whether all hold: true, false, null; anything else: ask `all`."""
        return (...,) * len(table) if self.unreadable and self.reads else self.run.settled(table)

    def _asking(self, expression: Expression, outcome: Outcome) -> Outcome:
        return cannot_tell(self.needs(expression)) if outcome is UNTOLD else outcome

    def truth(self, expression: Expression | None) -> bool | None:
        """True, false, or None where it is unknown or failed; no expression at all is true."""
        if expression is None:
            return True
        if expression.__class__ is Define and not self.unreadable:
            try:
                value = self.run.raw(expression.library, expression.name)
            except CdsError:
                return None
            if value is True or value is False:
                return bool(value)
        return self.outcome(expression, asks=False).truth

    def is_unknown(self, expression: Expression) -> bool:
        """Whether `expression` evaluates to nothing; an error is no such thing."""
        return self.outcome(expression, asks=False) is UNTOLD

    def needs(self, expression: Expression) -> tuple[FactNeed, ...]:
        """The facts that keep `expression` unknown."""
        match expression:
            case Define(library, name):
                found = self.run.needs(library, name)
            case InlineCql(name, _, library):
                found = self.run.needs(library or "", name)
            case _:
                return ()
        needs = [FactNeed(fact, need.library, need.define) for need in found for fact in self._asked(need.tags)]
        return tuple(dict.fromkeys(needs))

    def _asked(self, tags: Mapping[str, str | None]) -> tuple[str, ...]:
        """The facts to ask for an unknown one; of several that it is made of, those that are unknown themselves."""
        wanted = ask_as(tags)
        if len(wanted) < 2:
            return wanted
        known = [self.facts.by_id.get(fact) for fact in wanted]
        return tuple(fact.id for fact in known if fact is not None and self.is_unknown(Define(*fact.key)))

    def bound(self, parameters: Mapping[str, Any], *, alone: bool = False) -> Logic:
        """The same logic with other values for the named parameters; `alone`: this one is not asked any more."""
        return self._over(self.run.followed_by(parameters) if alone else self.run.with_parameters(parameters))

    def assuming(self, assumed: Mapping[tuple[str, str], Any]) -> Logic:
        """The same logic as if the named definitions had these values."""
        return self._over(self.run.assume(assumed))

    def _over(self, run: Evaluating) -> Logic:
        return Logic(run, self.paths, self.variables, self.unreadable, self.reads, self.facts, self.read_from_text)


class CannotEvaluate(CdsError):
    """An expression of a plan that cannot be evaluated for anybody."""

    code = "unusable-expression"
