"""Counts over many patients: adding is associative and commutative, so any number of processes may count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cds_service.quality.counting import NOT_STATED, Counted, Item
from cds_service.quality.measures import Group, Measure

Cell = tuple[str, ...]  # the values of the chosen stratifiers, in their order


@dataclass(slots=True)
class GroupTally:
    """The items of one group, kept so that every number can open the list behind it."""

    items: list[Item] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, counted: Counted) -> None:
        self.items.extend(counted.items)
        if counted.failure:
            self.failures[counted.failure] += 1

    def merge(self, other: GroupTally) -> None:
        self.items.extend(other.items)
        self.failures.update(other.failures)


@dataclass(slots=True)
class Tally:
    """What was counted so far, by measure and group; patients who could not be read at all are counted too."""

    groups: dict[tuple[str, str], GroupTally] = field(default_factory=dict)
    patients: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)  # place and reason of what could not be read

    def add(self, counted: Iterable[Counted]) -> None:
        """Add one patient."""
        self.patients += 1
        for part in counted:
            self.groups.setdefault((part.measure, part.group), GroupTally()).add(part)

    def refuse(self, place: str, reason: str) -> None:
        """Note data that could not be read."""
        self.refused.append((place, reason))

    def merge(self, other: Tally) -> None:
        """Add what another process counted."""
        self.patients += other.patients
        self.refused.extend(other.refused)
        for key, part in other.groups.items():
            self.groups.setdefault(key, GroupTally()).merge(part)

    def items(self, measure: Measure, group: Group) -> tuple[Item, ...]:
        """The items of a group in an order that does not depend on who counted first."""
        found = self.groups.get((measure.identifier, group.identifier), GroupTally()).items
        return tuple(sorted(found, key=lambda item: (item.subject, item.name)))


@dataclass(frozen=True, slots=True)
class Count:
    """How many of the items of one cell stand in each role."""

    cell: Cell
    denominator: int
    numerator: int
    not_evaluable: int
    excluded: int


def count_cells(group: Group, items: Sequence[Item], by: Sequence[str]) -> tuple[Count, ...]:
    """The items of `group` counted by the stratifiers in `by`; sorted, with an empty cell when `by` is empty."""
    cells: dict[Cell, list[Item]] = {} if by else {(): []}
    for item in items:
        cells.setdefault(tuple(item.strata.get(code, NOT_STATED) for code in by), []).append(item)
    has_denominator = group.define("denominator") is not None
    base = "denominator" if has_denominator else "initial-population"
    return tuple(_count(cell, members, base) for cell, members in sorted(cells.items()))


def _count(cell: Cell, items: Sequence[Item], base: str) -> Count:
    return Count(
        cell,
        sum(base in item.roles for item in items),
        sum("numerator" in item.roles for item in items),
        sum("denominator-exception" in item.roles for item in items),
        sum("denominator-exclusion" in item.roles for item in items),
    )


def cross_table(
    items: Sequence[Item], rows: str, columns: str, role: str
) -> tuple[list[str], list[str], list[list[int]]]:
    """How often each value of `rows` meets each value of `columns` among items in `role`; not stated drops out."""
    pairs = Counter(
        (item.strata[rows], item.strata[columns])
        for item in items
        if role in item.roles
        and item.strata.get(rows, NOT_STATED) != NOT_STATED
        and item.strata.get(columns, NOT_STATED) != NOT_STATED
    )
    names = sorted({row for row, _ in pairs})
    heads = sorted({column for _, column in pairs})
    return names, heads, [[pairs[row, column] for column in heads] for row in names]


def square_table(items: Sequence[Item], first: str, second: str, role: str) -> tuple[list[str], list[list[int]]]:
    """The readings of two readers over the same list of classes, for agreement."""
    rows, columns, counts = cross_table(items, first, second, role)
    classes = sorted({*rows, *columns})
    lookup = {(row, column): counts[at][to] for at, row in enumerate(rows) for to, column in enumerate(columns)}
    return classes, [[lookup.get((row, column), 0) for column in classes] for row in classes]


def strata_values(items: Iterable[Item], code: str) -> Iterator[str]:
    """Every value that a stratifier took, once, sorted."""
    yield from sorted({item.strata.get(code, NOT_STATED) for item in items})
