"""Value sets and code systems at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

from cds_service.errors import EvaluationError
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet
from cds_service.values.logic import Truth


class Members(Protocol):
    """What a value set can be asked."""

    def contains(self, system: str | None, code: str) -> bool: ...


class CodeList:
    """The members of a list of codes; a code without system fits in every system."""

    __slots__ = ("_codes", "_pairs", "_systemless")
    lasts = True  # whether it is asked for again and again

    def __init__(self, pairs: Iterable[tuple[str | None, str]]) -> None:
        self._codes = frozenset(pairs)
        self._pairs = {(system, code) for system, code in self._codes if system is not None}
        self._systemless = {code for system, code in self._codes if system is None}

    def contains(self, system: str | None, code: str) -> bool:
        """Whether the list has this code."""
        return (system, code) in self._pairs or code in self._systemless

    def codes(self) -> frozenset[tuple[str | None, str]]:
        """The codes as pairs of system and code."""
        return self._codes


class PassingCodes(CodeList):
    """A list of codes that was made for one patient: searches for it are not prepared for."""

    __slots__ = ()
    lasts = False


class Remembered:
    """A value set that keeps its answers: the codes that charts carry are few, and are asked for again and again."""

    __slots__ = ("_members", "answers")

    def __init__(self, members: Members) -> None:
        self._members = members
        self.answers: dict[tuple[str | None, str], bool] = {}

    def contains(self, system: str | None, code: str) -> bool:
        """Whether the value set has this code."""
        answer = self.answers.get((system, code))
        if answer is None:
            if len(self.answers) >= _KEPT:
                self.answers = {}
            answer = self.answers[system, code] = self._members.contains(system, code)
        return answer

    def __getattr__(self, name: str) -> Any:
        """Everything else is what the value set itself can do."""
        return getattr(self._members, name)


_KEPT = 20_000  # answers of one value set


class SystemMembers:
    """The members of a code system: whatever carries its name."""

    __slots__ = ("_id",)

    def __init__(self, system: str) -> None:
        self._id = system

    def contains(self, system: str | None, code: str) -> bool:  # noqa: ARG002 - as every group of codes is asked
        """Whether the code says that it is of this system."""
        return system == self._id


class NoTerminology(EvaluationError):
    """A question about terminology that nothing here can answer."""

    code = "no-terminology"


def codes_as_members(codes: list[Code | None] | None) -> CodeList:
    """A list of codes as something to search for; equal lists are one, so that a record is searched for it once."""
    return _code_list(_pairs_of(codes))


def codes_made_now(codes: list[Code | None] | None) -> PassingCodes:
    """A list of codes that evaluation came to, as something to search for."""
    return PassingCodes(_pairs_of(codes))


def _pairs_of(codes: list[Code | None] | None) -> frozenset[tuple[str | None, str]]:
    return frozenset((c.system, str(c.code)) for c in codes or () if c is not None and c.code is not None)


_code_list = lru_cache(maxsize=4096)(CodeList)


class NoMembers:
    """What a vocabulary that is null has: nothing."""

    def contains(self, system: str | None, code: str) -> bool:  # noqa: ARG002 - as every group of codes is asked
        """Never."""
        return False


def members_of(run: Any, vocabulary: ValueSet | CodeSystem | None) -> Members:
    """The members of a value set or code system that is only known at run time."""
    if vocabulary is None:
        return NoMembers()
    if isinstance(vocabulary, CodeSystem):
        return SystemMembers(vocabulary.id)
    if run.terminology is None:
        raise NoTerminology(f"Value set {vocabulary.id} is not at hand.")
    members: Members = run.terminology.membership(vocabulary.id, vocabulary.version)
    return members


def string_in(code: str | None, members: Members) -> Truth:
    """Whether a bare code is a member, in whatever system."""
    if code is None:
        return None
    # A value set tells a bare code from a coding whose system is missing; a code system has only one system anyway.
    bare = getattr(members, "contains_code", None)
    return bool(bare(code)) if bare is not None else members.contains(None, code)


def code_in(code: Code | None, members: Members) -> Truth:
    """Whether a code is a member."""
    return None if code is None or code.code is None else members.contains(code.system, code.code)


def concept_in(concept: Concept | None, members: Members) -> Truth:
    """Whether one of the codes of a concept is a member."""
    if concept is None:
        return None
    return any(code.code is not None and members.contains(code.system, code.code) for code in concept.codes)


def fhir_coding_in(coding: Any, members: Members) -> Truth:
    """Whether a FHIR Coding is a member."""
    return None if coding is None or coding.code is None else members.contains(coding.system, coding.code)


def fhir_concept_in(concept: Any, members: Members) -> Truth:
    """Whether one of the codings of a FHIR CodeableConcept is a member."""
    if concept is None:
        return None
    if members.__class__ is Remembered:
        answers = members.answers
        for coding in concept.coding:
            answer = answers.get((coding.system, coding.code))
            if answer or (answer is None and coding.code is not None and members.contains(coding.system, coding.code)):
                return True
        return False
    for coding in concept.coding:  # noqa: SIM110 - a loop costs half of any() here, and this is asked most
        if coding.code is not None and members.contains(coding.system, coding.code):
            return True
    return False


def any_in(values: list[Any] | None, members: Members, test: Callable[[Any, Members], Truth]) -> bool:
    """Whether any of the values is a member."""
    return any(test(value, members) is True for value in values or ())


def codes(run: Any, value_set: ValueSet | None) -> list[Code] | None:
    """The members of a value set, in the order of their codes."""
    if value_set is None:
        return None
    members: Any = members_of(run, value_set)
    return [Code(code, system) for system, code in sorted(members.codes())]


def _subsumes(run: Any, left: Any, right: Any) -> Truth:
    if left is None or right is None:
        return None
    outer = left.codes if isinstance(left, Concept) else (left,)
    inner = right.codes if isinstance(right, Concept) else (right,)
    answers = [_pair(run, one, other) for one in outer for other in inner if one.system == other.system]
    return True if True in answers else None if None in answers else False


def _pair(run: Any, one: Code, other: Code) -> Truth:
    if one.code == other.code:
        return True
    if run.terminology is None:
        return None
    answer = run.terminology.subsumes(one.system, one.code, other.code)
    return None if answer is None else answer in ("equivalent", "subsumes")


def subsumes(run: Any, left: Any, right: Any) -> Truth:
    """Whether the left code is the right one or above it; null where no hierarchy is at hand."""
    return _subsumes(run, left, right)


def subsumed_by(run: Any, left: Any, right: Any) -> Truth:
    """Whether the left code is the right one or below it; null where no hierarchy is at hand."""
    return _subsumes(run, right, left)
