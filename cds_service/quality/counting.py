"""One patient through one measure: which items count in which population, and in which strata.

An item is whatever a definition yields: the patient (a Boolean definition), a resource, or a text that names a
sitting or a vertebra. Three-valued to the end: an item whose membership cannot be told is *not evaluable*, which
is never the same as "no".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.errors import CdsError
from cds_service.quality.measures import Group, Measure

NOT_STATED = "not stated"


class Definitions(Protocol):
    """What counting needs of an evaluation: the value of a definition of a library."""

    def value(self, library: str, define: str) -> Any: ...
    def at(self, moment: Any) -> Definitions: ...


@dataclass(frozen=True, slots=True)
class Item:
    """One countable thing of one patient, with its roles and strata."""

    subject: str
    name: str
    roles: frozenset[str]
    strata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """The items of one patient in one group, or why they could not be counted."""

    measure: str
    group: str
    items: tuple[Item, ...]
    failure: str | None = None


def count_patient(measure: Measure, definitions: Definitions, subject: str) -> tuple[Counted, ...]:
    """Every group of `measure` for one patient; a group that fails says so and the others still count."""
    return tuple(_count_group(measure, group, definitions, subject) for group in measure.groups)


def _count_group(measure: Measure, group: Group, definitions: Definitions, subject: str) -> Counted:
    then: dict[str, dict[str, str]] = {}
    try:
        members = _members(measure, group, definitions, subject, then)
        strata = {
            stratifier.code: _values(definitions.value(measure.library, stratifier.define))
            for stratifier in group.stratifiers
        }
    except CdsError as error:
        return Counted(measure.identifier, group.identifier, (), f"{error.code}: {error.what}")
    names = dict.fromkeys(name for role in members.values() for name in role)
    items = tuple(
        Item(
            subject,
            name,
            _settle(frozenset(role for role, found in members.items() if name in found), group),
            {
                **{code: value.get(name, value.get("", NOT_STATED)) for code, value in strata.items()},
                **then.get(name, {}),
            },
        )
        for name in names
    )
    return Counted(measure.identifier, group.identifier, items)


def _members(
    measure: Measure, group: Group, definitions: Definitions, subject: str, strata: dict[str, dict[str, str]]
) -> dict[str, dict[str, None]]:
    """Who is in each population; of a group with moments, each item and its own strata are asked as of that moment."""
    if group.at is None:
        return {
            population.role: _names(definitions.value(measure.library, population.define), subject)
            for population in group.populations
        }
    members: dict[str, dict[str, None]] = {population.role: {} for population in group.populations}
    for row in definitions.value(measure.library, group.at) or ():
        then = definitions.at(row["value"])
        for population in group.populations:
            if then.value(measure.library, population.define) is True:
                members[population.role][row["item"]] = None
        strata[row["item"]] = dict(_at_the_time(measure, group, then))
    return members


def _at_the_time(measure: Measure, group: Group, then: Definitions) -> Iterator[tuple[str, str]]:
    for stratifier in group.stratifiers:
        value = then.value(measure.library, stratifier.define)
        if value is not None and (isinstance(value, str) or not isinstance(value, Sequence)):
            yield stratifier.code, _stratum_text(value)


def _settle(roles: frozenset[str], group: Group) -> frozenset[str]:
    """Population roles depend on one another: nothing is in the numerator that is not in the denominator."""
    declared = {population.role for population in group.populations}
    outside = (
        ("initial-population" in declared and "initial-population" not in roles)
        or ("denominator" in declared and "denominator" not in roles)
        or "denominator-exclusion" in roles
    )
    return roles - {"numerator", "denominator"} if outside else roles


def _names(value: Any, subject: str) -> dict[str, None]:
    if value is None or value is False:
        return {}
    if value is True:
        return {subject: None}
    found = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return dict.fromkeys(name for name in map(_name, found) if name)


def _name(item: Any) -> str:
    if isinstance(item, str):
        return item
    identifier = getattr(item, "id", None)
    return f"{getattr(item, 'fhir_type', type(item).__name__)}/{identifier}" if identifier else ""


def _values(value: Any) -> dict[str, str]:
    """Item -> stratum; the key "" stands for every item of the patient."""
    if value is None:
        return {}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return dict(_pairs(value))
    return {"": _stratum_text(value)}


def _pairs(rows: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for row in rows:
        if row is None:
            continue
        item, value = row["item"], row["value"]
        if item is not None and value is not None:
            yield _name(item), _stratum_text(value)


def _stratum_text(value: Any) -> str:
    return value.code if hasattr(value, "code") and isinstance(value.code, str) else str(value)
