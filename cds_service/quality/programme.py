"""The measures of the content, compiled: what is counted, by which logic, and how its figures are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.errors import CdsError, ErrorGroup
from cds_service.facts.groups import CodeGroups
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.reading import Content, closure
from cds_service.plans.extensions import listed, settings_of
from cds_service.quality.conventions import Band, Conventions
from cds_service.quality.measures import Measure, MeasureError, parse_measure

CONVENTIONS = "quality-conventions"


class UnknownMeasure(CdsError):
    """A measure that the content does not have."""

    code = "not-found"


class UnknownStratum(CdsError):
    """A name by which no measure splits its figures."""

    code = "usage"


@dataclass(frozen=True, slots=True)
class Programme:
    """Measures with everything that counting and judging them needs."""

    measures: tuple[Measure, ...]
    compiled: CompiledLibraries
    decoder: Decoder
    groups: CodeGroups
    parameters: Mapping[tuple[str, str], Any]
    parameter_names: frozenset[str]
    conventions: Conventions
    title: str
    version: str
    fairness: str
    operator: str
    period: str
    also_called: Mapping[str, str]  # other names of stratifiers

    def splits(self, names: Sequence[str]) -> list[list[str]]:
        """Each stratum alone, and all together when there are several."""
        known = {each.code for measure in self.measures for group in measure.groups for each in group.stratifiers}
        found = [self.also_called.get(name, name) for name in names]
        missing = [name for name in found if name not in known]
        if missing:
            raise UnknownStratum(
                f"No measure is split by {', '.join(missing)}.", remedy=f"Known are {', '.join(sorted(known))}."
            )
        return [[name] for name in found] + ([found] if len(found) > 1 else [])

    def chosen(self, names: Sequence[str]) -> tuple[Measure, ...]:
        """The measures of those ids or canonicals, all when none is named."""
        known = {key: measure for measure in self.measures for key in (measure.identifier, measure.url)}
        missing = [name for name in names if name.partition("|")[0] not in known]
        if missing:
            raise UnknownMeasure(
                f"There is no measure {', '.join(missing)}.",
                remedy=f"Known are {', '.join(measure.identifier for measure in self.measures)}.",
            )
        return tuple(known[name.partition("|")[0]] for name in names) or self.measures


def read_programme(knowledge: Knowledge) -> Programme:
    """The quality programme of the loaded content; an `ErrorGroup` with everything that is wrong."""
    content = knowledge.definitions.content
    errors: list[CdsError] = []
    measures = _measures(content, errors)
    described = next((each for each in content.resources if CONVENTIONS in settings_of(each.resource)), None)
    settings: Mapping[str, Any] = settings_of(described.resource)[CONVENTIONS] if described else {}
    roots = {(measure.library, define) for measure in measures for define in _defines(measure)}
    missing = sorted(root for root in roots if not _is_defined(content, *root))
    errors += [
        MeasureError(f'A measure names "{define}", which library {library} does not define.')
        for library, define in missing
    ]
    if errors:
        raise ErrorGroup(tuple(errors))
    texts = {text.name: text for library in {root[0] for root in roots} for text in closure(content.libraries, library)}
    compiled = compile_libraries(
        [Source(text.origin, text.text) for text in texts.values()],
        model=r4(),
        terminology=knowledge.terminology,
        roots=sorted(roots),
    )
    return Programme(
        measures=measures,
        compiled=compiled,
        decoder=Decoder(lean(dict(compiled.reads()))),
        groups=CodeGroups(),
        parameters={key: value for key, value in knowledge.site_parameters.items() if key[0] in texts},
        parameter_names=frozenset(p.name for name in compiled.libraries for p in compiled.parameters(name)),
        conventions=_conventions(settings),
        title=str(described.resource.get("title") or described.id) if described else "Quality",
        version=described.version if described else "",
        fairness=str(settings.get("fairness") or ""),
        operator=str(settings.get("operator") or "operator"),
        period=str(settings.get("period") or "period"),
        also_called={str(row["name"]): str(row["means"]) for row in listed(settings.get("also-called"))},
    )


def _measures(content: Content, errors: list[CdsError]) -> tuple[Measure, ...]:
    """All measures, first those that a collection lists in its order, then the others by id."""
    found: dict[str, Measure] = {}
    for each in content.resources:
        if each.type == "Measure":
            try:
                found[each.url or each.id] = parse_measure(each.resource)
            except CdsError as error:
                errors.append(error)
    listed_first = [
        str(artifact.get("resource", "")).partition("|")[0]
        for each in content.resources
        if each.type == "Library" and CONVENTIONS in settings_of(each.resource)
        for artifact in listed(each.resource.get("relatedArtifact"))
    ]
    order = [*dict.fromkeys(url for url in listed_first if url in found), *sorted(set(found) - set(listed_first))]
    return tuple(found[url] for url in order)


def _defines(measure: Measure) -> set[str]:
    populations = (part.define for group in measure.groups for part in group.populations)
    moments = (group.at for group in measure.groups if group.at)
    return {*populations, *moments, *(part.define for group in measure.groups for part in group.stratifiers)}


def _is_defined(content: Content, library: str, define: str) -> bool:
    text = content.libraries.get(library)
    return text is not None and define in text.defines


def _conventions(settings: Mapping[str, Any]) -> Conventions:
    base = Conventions()
    return Conventions(
        confidence=float(settings.get("confidence", base.confidence)),
        smallest_volume=int(settings.get("smallest-volume", base.smallest_volume)),
        smallest_expected=float(settings.get("smallest-expected", base.smallest_expected)),
        kappa_bands=tuple(_band(row) for row in listed(settings.get("kappa-band"))),
        case_mix=tuple(map(str, listed(settings.get("case-mix")))),
    )


def _band(row: Mapping[str, Any]) -> Band:
    low = row.get("from", row.get("above"))
    high = row.get("to", row.get("below"))
    return Band(
        str(row["code"]),
        float(low) if low is not None else None,
        float(high) if high is not None else None,
        includes_low="from" in row,
        includes_high="below" not in row,
    )
