"""Everything that was loaded, ready for questions: membership, translation, subsumption, lookup, expansion.

CQL, FHIRPath, the plan engine and the FHIR operations all ask here, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cds_service.errors import CdsError, Span
from cds_service.terminology import codes
from cds_service.terminology.artifacts import Artifact, ArtifactIndex, split_canonical
from cds_service.terminology.codes import CodePair
from cds_service.terminology.codesystems import CodeSystem, Concept, Relation, parse_code_system
from cds_service.terminology.conceptmaps import ConceptMaps, Match, parse_concept_map
from cds_service.terminology.expansions import Expansion, Validation, expand_members, judge_display
from cds_service.terminology.membership import Membership
from cds_service.terminology.valuesets import NO_HIERARCHY, User, ValueSetCompiler, added_to

Fetch = Callable[[str, str | None], Artifact | None]  # a value set from elsewhere, at load time only


class Terminology:
    """The value sets, code systems and concept maps of one service, frozen after load."""

    def __init__(
        self,
        artifacts: Sequence[Artifact],
        *,
        hierarchies: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
        fetch: Fetch | None = None,
        make_artifact: Callable[[Mapping[str, Any], str], Artifact] | None = None,
        maps: ConceptMaps | None = None,
    ) -> None:
        self._artifacts = tuple(artifacts)
        self._indexes = {
            kind: ArtifactIndex(one for one in artifacts if one.type == kind)
            for kind in ("ValueSet", "CodeSystem", "ConceptMap")
        }
        self._hierarchies = dict(hierarchies or {})
        self._fetch = fetch
        self._fetched: dict[tuple[str, str | None], Artifact] = {}
        self._make_artifact = make_artifact
        self._code_systems: dict[tuple[str, str | None], CodeSystem | None] = {}
        self._supplements = _supplements(self._indexes["CodeSystem"].newest())
        self._joining: dict[str, list[Artifact]] = {}
        for artifact in self._indexes["ValueSet"].newest():
            for url in added_to(artifact.resource):
                self._joining.setdefault(url, []).append(artifact)
        self._maps = maps or ConceptMaps(
            group for artifact in self._indexes["ConceptMap"].newest() for group in parse_concept_map(artifact)
        )
        self._locals = self._maps.local_names()
        self._compiler = ValueSetCompiler(self)
        self._displays: dict[CodePair, str] | None = None

    # --- what is at hand

    def value_set(self, url: str, version: str | None = None) -> Artifact | None:
        """The value set of that URL; one that was not loaded is asked for elsewhere, where a source was given."""
        found = self._indexes["ValueSet"].find(url, version) or self._fetched.get((url, version))
        if found is None and self._fetch is not None:
            found = self._fetch(url, version)
            if found is not None:
                self._fetched[url, version] = found
        return found

    def knows_value_set(self, url: str, version: str | None = None) -> bool:
        """Whether the value set was loaded; never asks elsewhere."""
        return self._indexes["ValueSet"].find(url, version) is not None or (url, version) in self._fetched

    def code_system(self, url: str, version: str | None = None) -> CodeSystem | None:
        """The code system of that URL as far as it is at hand."""
        url = codes.canonical_system(url)
        key = (url, version)
        if key not in self._code_systems:
            self._code_systems[key] = self._parse_code_system(url, version)
        return self._code_systems[key]

    def _parse_code_system(self, url: str, version: str | None) -> CodeSystem | None:
        index = self._indexes["CodeSystem"]
        artifact = index.find(url, version) or index.find(url)
        parents = self._hierarchies.get(url, {})
        if artifact is None and not parents:
            return None
        parsed = parse_code_system(artifact.resource, self._supplements.get(url, ())) if artifact else None
        if not parents:
            return parsed
        concepts = dict(parsed.concepts) if parsed else {}
        for code, above in parents.items():
            concepts[code] = replace(concepts.get(code, Concept(url, code)), parents=above)
        return CodeSystem(
            url, parsed.version if parsed else "", concepts.values(), content="fragment", case_sensitive=True
        )

    def added_to(self, url: str) -> Iterable[Artifact]:
        """Value sets whose members join the one of that URL."""
        return self._joining.get(url, ())

    def local_names(self) -> Mapping[CodePair, Iterable[CodePair]]:
        """For a code of ours: the local codes that a site's maps let stand for it."""
        return self._locals

    def find(
        self,
        kind: str,
        *,
        url: str | None = None,
        version: str | None = None,
        name: str | None = None,
        id: str | None = None,
    ) -> list[Artifact]:
        """The loaded artifacts of one type that match every criterion given."""
        if url is not None:
            url, version = split_canonical(url, version)
        return [
            artifact
            for artifact in self._indexes[kind].all()
            if (url is None or artifact.url == url)
            and (version is None or artifact.version == version)
            and (name is None or artifact.name.lower().startswith(name.lower()))
            and (id is None or artifact.id == id)
        ]

    def artifacts(self) -> tuple[Artifact, ...]:
        """Everything that was loaded, in the order it was read."""
        return self._artifacts

    def value_sets(self) -> tuple[Artifact, ...]:
        """The newest version of every value set."""
        return self._indexes["ValueSet"].newest()

    def code_systems(self) -> tuple[Artifact, ...]:
        """The newest version of every code system resource."""
        return self._indexes["CodeSystem"].newest()

    def concept_maps(self) -> tuple[Artifact, ...]:
        """The newest version of every concept map."""
        return self._indexes["ConceptMap"].newest()

    def with_resources(self, resources: Iterable[Mapping[str, Any]], origin: str = "given inline") -> Terminology:
        """The same terminology with these parsed FHIR resources added; other resource types are passed over."""
        if self._make_artifact is None:
            raise CdsError("This terminology was not made by the loader.", remedy="Use load_terminology.")
        make = self._make_artifact
        added = [make(one, origin) for one in resources if one.get("resourceType") in self._indexes]
        if not added:
            return self
        return Terminology(
            [*self._artifacts, *added],
            hierarchies=self._hierarchies,
            fetch=self._fetch,
            make_artifact=make,
            maps=self._maps if all(one.type != "ConceptMap" for one in added) else None,
        )

    # --- questions

    def membership(
        self, url: str, version: str | None = None, *, used_by: str = "", where: Span | None = None
    ) -> Membership:
        """The members of a value set; a ContentError that names `used_by` when there is no such set."""
        url, version = split_canonical(url, version)
        return self._compiler.membership(url, version, User(used_by, where))

    def translate(
        self, system: str, code: str, target: str | None = None, *, url: str | None = None, source: str | None = None
    ) -> tuple[Match, ...]:
        """What the maps say of a code: all maps to the `target` system, or the one of `url`."""
        return self._maps.translate(system, code, target, url, source)

    def translate_back(
        self, system: str, code: str, target: str | None = None, *, url: str | None = None, source: str | None = None
    ) -> tuple[Match, ...]:
        """Which codes the maps lead from to this one: the same question in reverse."""
        return self._maps.translate_back(system, code, target, url, source)

    def subsumes(self, system: str, a: str, b: str) -> Relation | None:
        """How code `a` stands to code `b`; None when no hierarchy at hand can tell."""
        system = codes.canonical_system(system)
        if system == codes.ICD_10_CM:
            return CodeSystem(system, "", (), content="fragment", case_sensitive=False).relation(a, b)
        if a == b:
            return "equivalent"
        at_hand = self.code_system(system)
        return at_hand.relation(a, b) if at_hand else None

    def lookup(self, system: str, code: str, version: str | None = None) -> Concept | None:
        """What is known of a code: from its code system, else its name in a value set or map."""
        system = codes.canonical_system(system)
        at_hand = self.code_system(system, version)
        concept = at_hand.find(code) if at_hand else None
        if concept is not None and concept.display:
            return concept
        canonical = codes.canonical_code(system, code)
        display = self.displays().get(CodePair(system, canonical))
        if concept is not None:
            return Concept(
                system,
                concept.code,
                display,
                concept.definition,
                concept.properties,
                concept.designations,
                concept.parents,
            )
        return Concept(system, canonical, display) if display else None

    def concepts(self, system: str) -> tuple[Concept, ...]:
        """Every concept of a code system at hand."""
        at_hand = self.code_system(system)
        return tuple(at_hand.concepts.values()) if at_hand else ()

    def validate_code(
        self,
        *,
        code: str,
        system: str | None = None,
        url: str | None = None,
        version: str | None = None,
        display: str | None = None,
    ) -> Validation:
        """Whether the code is valid: in the value set of `url`, else in its code system."""
        if url is not None:
            membership = self.membership(url, version)
            if system is None:
                # Without a system the code decides only when it can mean one thing.
                systems = [one for one in membership.systems if membership.contains(one, code)]
                if len(systems) > 1:
                    return Validation(
                        False, f"The code {code!r} is in several systems of the value set: give a system."
                    )
                system = systems[0] if systems else None
            if system is None or not membership.contains(system, code):
                return Validation(False, f"The code {code!r} is not in the value set {url}.", system=system)
            return judge_display(self.lookup(system, code), system, code, display)
        if system is None:
            return Validation(False, "Neither a value set nor a code system was named.")
        at_hand = self.code_system(system, version)
        concept = self.lookup(system, code, version)
        if concept is not None:
            return judge_display(concept, system, code, display)
        if at_hand is not None and at_hand.complete:
            return Validation(False, f"The code {code!r} does not exist in {system}.", system=system)
        return Validation(
            False, f"The code {code!r} is not in the part of {system} that is at hand; it may exist.", system=system
        )

    def expand(
        self, url: str, version: str | None = None, *, filter: str = "", count: int | None = None, offset: int = 0
    ) -> Expansion:
        """The members of a value set by name, those that can be listed; narrowed by words and cut into pages."""
        return expand_members(self.membership(url, version), self.name_of, filter, count, offset)

    def name_of(self, system: str, code: str) -> str | None:
        """The display of a code, where one is known."""
        return self.displays().get(CodePair(system, code))

    def displays(self) -> Mapping[CodePair, str]:
        """Names of codes: of the code systems at hand, else as value sets and maps call them."""
        if self._displays is None:
            self._displays = _collect_displays(self)
        return self._displays

    @property
    def notes(self) -> tuple[str, ...]:
        """What this terminology cannot recognise, and why: for the log at start and for `check`."""
        found: dict[str, None] = {}
        for artifact in self.value_sets():
            try:
                found.update(dict.fromkeys(self.membership(artifact.url).notes))
            except CdsError as failure:
                found[str(failure)] = None
        return _gathered(found)


def _gathered(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes, those about one missing hierarchy told as one."""
    alone: dict[str, int] = {}
    others: list[str] = []
    for note in notes:
        head, found, _ = note.partition(" is at hand: ")
        if found and head.startswith(NO_HIERARCHY):
            alone[head] = alone.get(head, 0) + 1
        else:
            others.append(note)
    gathered = [f"{head} is at hand: {count} concept(s) stand for themselves alone." for head, count in alone.items()]
    return (*others, *gathered)


def _supplements(artifacts: Iterable[Artifact]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for artifact in artifacts:
        if artifact.resource.get("content") == "supplement":
            url = split_canonical(str(artifact.resource.get("supplements", "")))[0]
            found.setdefault(codes.canonical_system(url), []).append(artifact.resource)
    return found


def _collect_displays(terminology: Terminology) -> dict[CodePair, str]:
    found: dict[CodePair, str] = {}
    for artifact in terminology.concept_maps():
        for group in artifact.resource.get("group", ()):
            source = codes.canonical_system(str(group.get("source", "")))
            for element in group.get("element", ()):
                if "display" in element:
                    found[CodePair(source, codes.canonical_code(source, str(element["code"])))] = str(
                        element["display"]
                    )
    for artifact in terminology.value_sets():
        compose = artifact.resource.get("compose", {})
        for part in (*compose.get("include", ()), *compose.get("exclude", ())):
            system = codes.canonical_system(str(part.get("system", "")))
            for one in part.get("concept", ()):
                if "display" in one:
                    found[CodePair(system, codes.canonical_code(system, str(one["code"])))] = str(one["display"])
            for one in part.get("filter", ()):
                for extension in one.get("extension", ()):
                    if str(extension.get("url", "")).endswith("StructureDefinition/filter-display"):
                        pair = CodePair(system, codes.canonical_code(system, str(one["value"])))
                        found.setdefault(pair, str(extension["valueString"]))
    for artifact in terminology.code_systems():
        at_hand = terminology.code_system(artifact.url)
        for concept in at_hand.concepts.values() if at_hand else ():
            if concept.display:
                found[CodePair(concept.system, concept.code)] = concept.display
    return found
