"""A FHIR Measure as the counting needs it: groups, populations, strata, and what their rates are held against.

Standard elements carry the structure. Our extensions on a group (base `<canonical>/StructureDefinition/`) carry
what FHIR has no element for: `quality-limit`, `quality-published`, `quality-unit`, `quality-review`,
`quality-at`, `quality-association`, `quality-association-published`, `quality-agreement`. They are told by the last
part of their URL, so that a site may move the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.errors import ContentError

PROPORTION_ROLES = ("initial-population", "denominator", "denominator-exclusion", "denominator-exception", "numerator")


class MeasureError(ContentError):
    """A Measure that cannot be counted as it is written."""

    code = "measure-error"


@dataclass(frozen=True, slots=True)
class Population:
    """Who counts in one role, as the name of a definition."""

    role: str
    define: str


@dataclass(frozen=True, slots=True)
class Stratifier:
    """A way to split a group, as the name of a definition that gives each item its value."""

    code: str
    define: str
    title: str


@dataclass(frozen=True, slots=True)
class Stratum:
    """One value of one stratifier; a limit or a published figure may hold for it alone."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate that must stay under `rate`."""

    identifier: str
    rate: float
    stratum: Stratum | None
    source: str


@dataclass(frozen=True, slots=True)
class Published:
    """A figure from the literature to show beside ours; `high` differs from `low` for a range."""

    identifier: str
    low: float
    high: float
    comparator: str
    stratum: Stratum | None
    source: str


@dataclass(frozen=True, slots=True)
class AgreementOf:
    """Two stratifiers that hold what two readers said about the same item."""

    first: str
    second: str
    axis: str | None
    published: str | None = None  # what the literature found, in words


@dataclass(frozen=True, slots=True)
class Group:
    """One thing that is counted."""

    identifier: str
    title: str
    description: str
    populations: tuple[Population, ...]
    stratifiers: tuple[Stratifier, ...]
    unit: str
    limits: tuple[Limit, ...]
    published: tuple[Published, ...]
    review: bool
    at: str | None  # definition of the moment of each item; the populations are then asked as of that moment
    association_with: tuple[str, ...]
    agreements: tuple[AgreementOf, ...]
    association_published: tuple[tuple[str, str], ...] = ()  # stratifier, what the literature found, in words

    def define(self, role: str) -> str | None:
        """The definition that fills `role`, if the group has it."""
        return next((population.define for population in self.populations if population.role == role), None)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: the library whose definitions it names, and its groups."""

    url: str
    version: str
    identifier: str
    title: str
    description: str
    library: str
    scoring: str
    groups: tuple[Group, ...]

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url


def parse_measure(resource: Mapping[str, Any]) -> Measure:
    """The Measure of `resource`; what is missing or misspelt is a MeasureError that names the element."""
    name = str(resource.get("id") or resource.get("name") or "")
    libraries = resource.get("library") or []
    if not libraries:
        raise MeasureError(f"Measure {name} names no library.", remedy="Add `library` with the canonical of its CQL.")
    groups = tuple(_parse_group(group, name, number) for number, group in enumerate(resource.get("group") or (), 1))
    if not groups:
        raise MeasureError(f"Measure {name} has no group.", remedy="Add at least one `group` with a population.")
    return Measure(
        url=str(resource.get("url") or f"Measure/{name}"),
        version=str(resource.get("version") or ""),
        identifier=name,
        title=str(resource.get("title") or resource.get("name") or name),
        description=str(resource.get("description") or ""),
        library=str(libraries[0]).split("|")[0].rsplit("/", 1)[-1],
        scoring=_code(resource.get("scoring")) or "proportion",
        groups=groups,
    )


def _parse_group(group: Mapping[str, Any], measure: str, number: int) -> Group:
    identifier = _code(group.get("code")) or str(group.get("id") or number)
    place = f"Measure {measure}, group {identifier}"
    populations = tuple(_parse_population(row, place) for row in group.get("population") or ())
    roles = [population.role for population in populations]
    if not roles:
        raise MeasureError(
            f"{place} has no population.", remedy="Add `population` with a code and a criteria expression."
        )
    extensions = _Extensions(group.get("extension") or ())
    return Group(
        identifier=identifier,
        title=_text(group.get("code")) or str(group.get("description") or identifier),
        description=str(group.get("description") or ""),
        populations=populations,
        stratifiers=tuple(_parse_stratifier(row, place) for row in group.get("stratifier") or ()),
        unit=extensions.text("quality-unit") or "patients",
        limits=tuple(_parse_limit(_Extensions(row), place) for row in extensions.nested("quality-limit")),
        published=tuple(_parse_published(_Extensions(row), place) for row in extensions.nested("quality-published")),
        review=extensions.flag("quality-review"),
        at=extensions.text("quality-at"),
        association_with=tuple(extensions.texts("quality-association")),
        agreements=tuple(
            AgreementOf(
                _Extensions(row).required("first", place),
                _Extensions(row).required("second", place),
                _Extensions(row).text("axis"),
                _Extensions(row).text("published"),
            )
            for row in extensions.nested("quality-agreement")
        ),
        association_published=tuple(
            (_Extensions(row).required("with", place), _Extensions(row).required("text", place))
            for row in extensions.nested("quality-association-published")
        ),
    )


def _parse_population(row: Mapping[str, Any], place: str) -> Population:
    role = _code(row.get("code"))
    define = (row.get("criteria") or {}).get("expression")
    if not role or not define:
        raise MeasureError(f"{place}: a population lacks its code or its criteria.expression.")
    return Population(role, str(define))


def _parse_stratifier(row: Mapping[str, Any], place: str) -> Stratifier:
    code = _code(row.get("code"))
    define = (row.get("criteria") or {}).get("expression")
    if not code or not define:
        raise MeasureError(f"{place}: a stratifier lacks its code or its criteria.expression.")
    return Stratifier(code, str(define), _text(row.get("code")) or code)


def _parse_limit(row: _Extensions, place: str) -> Limit:
    return Limit(row.required("id", place), row.number("rate", place), _stratum(row), row.text("source") or "")


def _parse_published(row: _Extensions, place: str) -> Published:
    low = row.number("low", place)
    return Published(
        identifier=row.required("id", place),
        low=low,
        high=row.number("high", place) if row.has("high") else low,
        comparator=row.text("comparator") or "=",
        stratum=_stratum(row),
        source=row.text("source") or "",
    )


def _stratum(row: _Extensions) -> Stratum | None:
    code, value = row.text("stratifier"), row.text("stratum")
    return Stratum(code, value) if code and value else None


class _Extensions:
    """FHIR extensions by the last part of their URL."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows

    def _named(self, name: str) -> list[Mapping[str, Any]]:
        return [row for row in self._rows if str(row.get("url", "")).rsplit("/", 1)[-1] == name]

    def _values(self, name: str) -> list[Any]:
        found = []
        for row in self._named(name):
            found += [value for key, value in row.items() if key.startswith("value")]
        return found

    def has(self, name: str) -> bool:
        return bool(self._values(name))

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self._values(name)]

    def text(self, name: str) -> str | None:
        return next(iter(self.texts(name)), None)

    def flag(self, name: str) -> bool:
        return any(value is True for value in self._values(name))

    def nested(self, name: str) -> list[Sequence[Mapping[str, Any]]]:
        return [row.get("extension") or () for row in self._named(name)]

    def required(self, name: str, place: str) -> str:
        value = self.text(name)
        if value is None:
            raise MeasureError(f"{place}: an extension lacks its part `{name}`.")
        return value

    def number(self, name: str, place: str) -> float:
        try:
            return float(self.required(name, place))
        except ValueError:
            raise MeasureError(f"{place}: `{name}` is no number.") from None


def _code(concept: object) -> str | None:
    if not isinstance(concept, Mapping):
        return None
    codings = concept.get("coding") or ()
    return next((str(coding["code"]) for coding in codings if coding.get("code")), None)


def _text(concept: object) -> str | None:
    if not isinstance(concept, Mapping):
        return None
    displays = (str(coding["display"]) for coding in concept.get("coding") or () if coding.get("display"))
    return str(concept["text"]) if concept.get("text") else next(displays, None)
