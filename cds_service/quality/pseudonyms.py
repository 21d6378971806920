"""Operators and patients by pseudonym: the same registry gives the same names, and no name gives the person away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cds_service.quality.counting import NOT_STATED, Item
from cds_service.quality.tally import GroupTally, Tally


def pseudonyms(names: Sequence[str], prefix: str) -> dict[str, str]:
    """A numbered name for each, in the order of the names sorted."""
    known = sorted({name for name in names if name != NOT_STATED})
    width = max(2, len(str(len(known))))
    return {name: f"{prefix} {number:0{width}}" for number, name in enumerate(known, 1)}


def with_pseudonyms(tally: Tally, operator: str) -> Tally:
    """The same counts with operators, patients and their procedures renamed."""
    items = [item for group in tally.groups.values() for item in group.items]
    operators = pseudonyms([item.strata[operator] for item in items if operator in item.strata], "Operator")
    people = pseudonyms([item.subject for item in items], "Patient")
    names = pseudonyms([_base(item.name) for item in items], "Procedure")
    renamed = Tally(patients=tally.patients, refused=list(tally.refused))
    for key, group in tally.groups.items():
        changed = [_renamed(item, operator, operators, people, names) for item in group.items]
        renamed.groups[key] = GroupTally(changed, group.failures)
    return renamed


def _base(name: str) -> str:
    return name.partition("#")[0]


def _renamed(
    item: Item, operator: str, operators: dict[str, str], people: dict[str, str], names: dict[str, str]
) -> Item:
    base, mark, level = item.name.partition("#")
    name = people[base] if base in people else names[base]
    strata = {code: operators.get(value, value) if code == operator else value for code, value in item.strata.items()}
    return replace(item, subject=people[item.subject], name=f"{name}{mark}{level}", strata=strata)
