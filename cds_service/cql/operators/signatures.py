"""The form of an operator table: one signature says what an operator takes, gives, and which function means it."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.cql.static_types import IntervalOf, ListOf, Type, Variable

T = Variable("T")
LIST = ListOf(T)
INTERVAL = IntervalOf(T)


@dataclass(frozen=True, slots=True)
class Signature:
    """One overload of an operator.

    `function` is `module.function` of `cds_service.values`, or of the runtime with a leading `run.`; with
    `takes_precision` the precision (or null) comes last. `known`: the result is never null. `system`: FHIR
    operands count as their System counterparts. `may_fail`: evaluation can raise.
    """

    operator: str
    parameters: tuple[Type, ...]
    result: Type
    function: str
    takes_precision: bool = False
    known: bool = False
    system: bool = False
    may_fail: bool = False
    not_for_null: bool = False  # a bare `null` means another overload
    extra: tuple[str, ...] = ()  # further arguments as Python text, e.g. a type name
    needs_run: bool = False  # the function takes the run first

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(str(parameter) for parameter in self.parameters)})"


class Table:
    """The signatures of all operators by name, in the order of preference among equals."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Signature]] = {}
        self.chapters: dict[str, str] = {}

    def chapter(self, title: str, signatures: list[Signature]) -> None:
        """Add the operators of one chapter of the reference."""
        for signature in signatures:
            self.by_name.setdefault(signature.operator, []).append(signature)
            self.chapters.setdefault(signature.operator, title)

    def get(self, name: str) -> list[Signature]:
        """The overloads of an operator; empty for an unknown one."""
        return self.by_name.get(name, [])
