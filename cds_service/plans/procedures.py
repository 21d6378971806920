"""The procedures that content knows: their hierarchy and properties, and which of them an order's code asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.plans.expressions import Expression, HasDefinition
from cds_service.plans.extensions import listed
from cds_service.plans.logic import Logic
from cds_service.plans.scenarios import define_named
from cds_service.proposals.ratings import OrderedProcedure

Coding = tuple[str | None, str | None]  # system, code
_KEPT = 5_000  # lists of codings that are remembered
_SETTLES = frozenset({"equivalent", "equal", "inexact", "relatedto", "subsumes"})


class ProcedureConcept(Protocol):
    """A concept of the procedures code system."""

    @property
    def code(self) -> str: ...
    @property
    def display(self) -> str | None: ...
    @property
    def parents(self) -> Sequence[str]: ...
    @property
    def properties(self) -> Sequence[tuple[str, Any]]: ...


class Match(Protocol):
    """One translation of a code."""

    @property
    def code(self) -> str | None: ...
    @property
    def equivalence(self) -> str: ...
    @property
    def checks(self) -> Sequence[str]: ...


class Translating(Protocol):
    """The part of the terminology that maps codes."""

    def translate(self, system: str, code: str, target: str | None = None) -> Sequence[Match]: ...


class Procedures:
    """The procedures of one code system."""

    def __init__(
        self, system: str, concepts: Iterable[ProcedureConcept], names: Mapping[str, str] | None = None
    ) -> None:
        self.system = system
        self._names = names or {}
        self._concepts = {concept.code: concept for concept in concepts}
        self._properties = {code: dict(concept.properties) for code, concept in self._concepts.items()}
        self._children: dict[str, list[str]] = {}
        self._lines: dict[str | None, tuple[str, ...]] = {}
        self._families: dict[str, frozenset[str]] = {}
        self.ranking = {code: number for number, code in enumerate(self._concepts)}
        for code, concept in self._concepts.items():
            for parent in concept.parents:
                self._children.setdefault(parent, []).append(code)

    def __contains__(self, code: object) -> bool:
        return code in self._concepts

    def __iter__(self) -> Iterator[str]:
        return iter(self._concepts)

    def name(self, code: str) -> str:
        """The short name of a procedure, else its display, else its code."""
        if code in self._names:
            return str(self._names[code])
        concept = self._concepts.get(code)
        return (concept.display if concept else None) or code

    def has(self, code: str | None, name: str, value: str) -> bool:
        """Whether the procedure, or the nearest ancestor that says so, has the property value."""
        for each in self.line(code):
            found = self._properties.get(each, {}).get(name)
            if found is not None:
                return _text(found) == value
        return False

    def line(self, code: str | None) -> tuple[str, ...]:
        """The procedure and its ancestors, nearest first."""
        known = self._lines.get(code)
        if known is None:
            found: list[str] = []
            waiting = [code] if code else []
            while waiting:
                each = waiting.pop(0)
                if each not in found:
                    found.append(each)
                    waiting.extend(self._concepts[each].parents if each in self._concepts else ())
            known = tuple(found)
            if code in self._concepts:
                self._lines[code] = known
        return known

    def family(self, code: str) -> frozenset[str]:
        """The procedure and everything below it."""
        known = self._families.get(code)
        if known is None:
            found: set[str] = set()
            waiting = [code]
            while waiting:
                each = waiting.pop()
                if each not in found:
                    found.add(each)
                    waiting.extend(self._children.get(each, ()))
            known = frozenset(found)
            if code in self._concepts:
                self._families[code] = known
        return known

    def rated_as(self, code: str | None) -> str | None:
        """The procedure whose rating an order for `code` takes: itself, or the ancestor that it inherits from."""
        for each in self.line(code):
            properties = self._properties.get(each, {})
            if _text(properties.get("rated")) == "true":
                return each
            if _text(properties.get("inherits-rating")) == "false":
                return None
        return None

    def settled(self, codes: Iterable[str]) -> list[str]:
        """`codes` without those that are ancestors of others among them, each once."""
        wanted = list(dict.fromkeys(codes))
        if len(wanted) == 1:
            return wanted
        above = {ancestor for code in wanted for ancestor in self.line(code)[1:]}
        return [code for code in wanted if code not in above]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    code = getattr(value, "code", None)
    return str(code if code is not None else value)


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """What has to hold before an inexact code is taken for its procedure."""

    check: str
    condition: Expression | None  # not true: the order is none of ours
    becomes: str | None  # the procedure that it is instead, when the condition is true
    also: tuple[tuple[str, str], ...]  # (procedure, another one that the code leaves possible)


def read_order_checks(written: Any, library: str | None, has_definition: HasDefinition) -> Mapping[str, OrderCheck]:
    """The checks of a policy by name."""
    return {
        str(entry["check"]): OrderCheck(
            check=str(entry["check"]),
            condition=define_named(entry.get("if"), library, has_definition),
            becomes=str(entry["becomes"]) if entry.get("becomes") else None,
            also=tuple((str(pair["procedure"]), str(pair["possible"])) for pair in listed(entry.get("also"))),
        )
        for entry in listed(written)
    }


_Meaning = tuple[tuple[str, ...], tuple[OrderCheck, ...]]  # procedures, checks


class OrderCodings:
    """Says which procedure the codings of an order ask for."""

    def __init__(self, procedures: Procedures, terminology: Translating, checks: Mapping[str, OrderCheck]) -> None:
        self.procedures, self.terminology, self.checks = procedures, terminology, checks
        self._settled: dict[tuple[Coding, ...], OrderedProcedure] = {}  # by codings that are the same for any patient

    def procedure(self, codings: Iterable[Coding], logic: Callable[[], Logic]) -> OrderedProcedure | None:
        """The procedure that the codings ask for; None if it is none of the known ones.

        Each coding says the same thing, perhaps with less detail: what several of them leave possible is what all of
        them leave possible, and the more specific one wins. `logic` is asked for only where an inexact code has
        conditions.
        """
        key = tuple(codings)
        known = self._settled.get(key)
        if known is not None:
            return known
        procedures = self.procedures
        possible: Sequence[str] = ()
        used: list[OrderCheck] = []
        is_lasting = True
        for coding in key:
            found, checks = self._means(coding, logic)
            used += checks
            if found:
                possible = _narrow(possible, found, procedures) if possible else found
            else:
                is_lasting = False  # a code that only its sender knows
        if not possible:
            return None
        settled = procedures.settled(possible)
        if len(settled) == 1:
            checked = tuple(dict.fromkeys([check.check for check in used]))
            ordered = OrderedProcedure(settled[0], procedures.rated_as(settled[0]), checks=checked)
        else:
            ranked = sorted(settled, key=lambda code: procedures.ranking.get(code, 0))
            ordered = OrderedProcedure(None, None, tuple(ranked))
        if is_lasting and all(check.condition is None for check in used):
            if len(self._settled) >= _KEPT:
                self._settled.clear()
            self._settled[key] = ordered
        return ordered

    def _means(self, coding: Coding, logic: Callable[[], Logic]) -> _Meaning:
        """What a coding leaves possible, with the checks that were made."""
        system, code = coding
        if not system or not code:
            return (), ()
        if system == self.procedures.system:
            return ((code,) if code in self.procedures else ()), ()
        matches = [m for m in self.terminology.translate(system, code, target=self.procedures.system) if m.code]
        settling = [match for match in matches if match.equivalence in _SETTLES]
        found: list[str] = []
        used: list[OrderCheck] = []
        for match in settling or [match for match in matches if match.equivalence != "wider"] or matches:
            meant = match.code
            extra: list[str] = []
            for check in [self.checks[name] for name in match.checks if name in self.checks]:
                used.append(check)
                extra += [other for procedure, other in check.also if procedure == match.code]
                if check.condition is not None:
                    holds = logic().truth(check.condition)
                    if check.becomes:
                        meant = check.becomes if holds is True else meant
                    elif holds is not True:
                        meant = None
            if meant is not None:
                found += [meant, *extra]
        return tuple(dict.fromkeys(found)), tuple(used)


def _narrow(one: Sequence[str], other: Sequence[str], procedures: Procedures) -> list[str]:
    """What both leave possible; where they have nothing in common, what either says."""
    common = [code for code in one if any(code in procedures.family(each) for each in other)]
    common += [code for code in other if any(code in procedures.family(each) for each in one)]
    return list(dict.fromkeys(common)) or list(dict.fromkeys([*one, *other]))
