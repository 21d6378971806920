"""From counts to statements: a rate with its interval, how it stands to its limit, what was published, who agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.quality.conventions import Conventions, band
from cds_service.quality.counting import NOT_STATED, Item
from cds_service.quality.measures import AgreementOf, Group, Limit, Measure, Published, Stratum
from cds_service.quality.statistics import (
    Agreement,
    Association,
    Flag,
    Proportion,
    agreement,
    association,
    flag,
    proportion,
)
from cds_service.quality.tally import Cell, Tally, count_cells, cross_table, square_table


@dataclass(frozen=True, slots=True)
class Judged:
    """One limit, applied to one figure."""

    limit: Limit
    flag: Flag


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each value of a stratifier occurs among those counted: without it no comparison is fair."""

    code: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One rate of one cell, with all that must stand beside it."""

    cell: Cell
    share: Proportion
    not_evaluable: int
    excluded: int
    judged: tuple[Judged, ...]
    published: tuple[Published, ...]
    mix: tuple[Mix, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the items of a group fall differently over the values of a stratifier."""

    rows: str
    columns: str
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    association: Association | None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Readers:
    """How two readers of the same items agree."""

    reading: AgreementOf
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    agreement: Agreement | None
    band: str | None


@dataclass(frozen=True, slots=True)
class GroupAnalysis:
    """Everything said about one group."""

    measure: Measure
    group: Group
    overall: Figure
    by: tuple[tuple[tuple[str, ...], tuple[Figure, ...]], ...]
    comparisons: tuple[Comparison, ...]
    readers: tuple[Readers, ...]
    failures: tuple[tuple[str, int], ...]
    review: tuple[Item, ...]
    items: tuple[Item, ...] = ()  # everybody behind the figures


def analyse(
    measures: Sequence[Measure], tally: Tally, splits: Sequence[Sequence[str]], conventions: Conventions
) -> tuple[GroupAnalysis, ...]:
    """Every group of every measure, overall and for each split whose stratifiers the group has."""
    return tuple(
        _analyse(measure, group, tally, splits, conventions) for measure in measures for group in measure.groups
    )


def _analyse(
    measure: Measure, group: Group, tally: Tally, splits: Sequence[Sequence[str]], conventions: Conventions
) -> GroupAnalysis:
    items = tally.items(measure, group)
    known = {stratifier.code for stratifier in group.stratifiers}
    usable = [tuple(split) for split in splits if split and set(split) <= known]
    limited = {limit.stratum.code for limit in group.limits if limit.stratum}
    alone = [(code,) for code in sorted(limited & known)]
    judged = [(split[0], *code) for split in usable if len(split) == 1 for code in alone if code != split]
    seen = {frozenset(split) for split in usable}
    judged = [split for split in judged if frozenset(split) not in seen]
    usable = [*dict.fromkeys([*alone, *usable, *judged])]  # a limit for one stratum judges within it only
    found = tally.groups.get((measure.identifier, group.identifier))
    return GroupAnalysis(
        measure=measure,
        group=group,
        overall=_figures(group, items, (), conventions)[0],
        by=tuple((split, _figures(group, items, split, conventions)) for split in usable),
        comparisons=_comparisons(group, items, conventions),
        readers=tuple(_readers(group, items, reading, conventions) for reading in group.agreements),
        failures=tuple(sorted(found.failures.items())) if found else (),
        review=tuple(item for item in items if "numerator" in item.roles) if group.review else (),
        items=items,
    )


def _figures(
    group: Group, items: Sequence[Item], split: tuple[str, ...], conventions: Conventions
) -> tuple[Figure, ...]:
    figures = []
    members: dict[Cell, list[Item]] = {}
    for item in items if split else ():
        if role_of_all(group) in item.roles:
            members.setdefault(tuple(item.strata.get(code, NOT_STATED) for code in split), []).append(item)
    for count in count_cells(group, items, split):
        share = proportion(count.numerator, count.denominator, confidence=conventions.confidence)
        judged = tuple(
            Judged(limit, flag(share, limit.rate, smallest_volume=conventions.smallest_volume))
            for limit in group.limits
            if _holds(limit.stratum, split, count.cell)
        )
        shown = tuple(
            row for row in group.published if _holds(row.stratum, split, count.cell) and (row.stratum or not split)
        )
        mix = _mix(group, members.get(count.cell, ()), split, conventions)
        figures.append(Figure(count.cell, share, count.not_evaluable, count.excluded, judged, shown, mix))
    return tuple(figures)


def _mix(group: Group, members: Sequence[Item], split: tuple[str, ...], conventions: Conventions) -> tuple[Mix, ...]:
    known = {stratifier.code for stratifier in group.stratifiers}
    return tuple(
        Mix(code, tuple(sorted(Counter(item.strata.get(code, NOT_STATED) for item in members).items())))
        for code in conventions.case_mix
        if code in known and code not in split and members
    )


def _holds(stratum: Stratum | None, split: tuple[str, ...], cell: Cell) -> bool:
    """A figure for one stratum is never held against a mixture of strata."""
    return stratum is None or (stratum.code in split and cell[split.index(stratum.code)] == stratum.value)


def role_of_all(group: Group) -> str:
    """The role of everybody whom a rate is about."""
    return "denominator" if group.define("denominator") else "initial-population"


def role_of(group: Group) -> str:
    """The role whose items are compared: events where a group has them, else everybody."""
    return (
        "numerator"
        if group.define("numerator")
        else "denominator"
        if group.define("denominator")
        else "initial-population"
    )


def _comparisons(group: Group, items: Sequence[Item], conventions: Conventions) -> tuple[Comparison, ...]:
    if not group.association_with:
        return ()
    subject, *others = group.association_with
    found = []
    for other in others:
        rows, columns, counts = cross_table(items, other, subject, role_of(group))
        found.append(
            Comparison(
                other,
                subject,
                tuple(rows),
                tuple(columns),
                tuple(map(tuple, counts)),
                association(counts, smallest_expected=conventions.smallest_expected) if counts else None,
                dict(group.association_published).get(other),
            )
        )
    return tuple(found)


def _readers(group: Group, items: Sequence[Item], reading: AgreementOf, conventions: Conventions) -> Readers:
    classes, counts = square_table(items, reading.first, reading.second, role_of(group))
    found = agreement(counts, confidence=conventions.confidence) if counts else None
    name = band(found.kappa, conventions.kappa_bands) if found and found.kappa is not None else None
    return Readers(reading, tuple(classes), tuple(map(tuple, counts)), found, name)
