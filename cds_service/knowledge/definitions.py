"""All definitions of the content, found by canonical, id or type: plans and activities with their expressions read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.errors import CdsError, ContentError, Span
from cds_service.fhir.model.types import Model, r4
from cds_service.knowledge.reading import Content, ContentResource, CqlText, version_key
from cds_service.plans.apply import Activity
from cds_service.plans.definitions import Action, Plan, dynamic_values_of, read_plan
from cds_service.plans.expressions import Expression, InlineCql, Unusable
from cds_service.plans.extensions import listed
from cds_service.plans.facts_catalogue import FactCatalogue
from cds_service.plans.logic import Logic
from cds_service.plans.scenarios import ScenarioGroup, Selection, read_scenarios, select


class UnusableDefinition(ContentError):
    """An expression of a plan that can never be evaluated, or a definition that is not there."""

    code = "unusable-definition"


class Definitions:
    """The definitions that plans are made of; what the plan engine asks for content."""

    def __init__(self, content: Content, model: Model | None = None) -> None:
        self.model = model or r4()
        self.content = content
        self.facts = FactCatalogue(())  # known once the CQL is compiled
        self._libraries = content.libraries
        self._library_urls = {library.url: name for name, library in content.libraries.items()}
        self._library_ids = {library.id: name for name, library in content.libraries.items() if library.id}
        self._resources: dict[tuple[str, str], ContentResource] = {}
        self._by_id: dict[tuple[str, str], ContentResource] = {}
        self._contained: dict[str, Mapping[str, Any]] = {}
        self._plans: dict[str, Plan] = {}
        self._activities: dict[str, Activity] = {}
        self._groups: dict[int, ScenarioGroup] = {}
        self.origins: dict[str, str] = {}
        newest_last = sorted(content.resources, key=lambda found: version_key(found.version))
        for found in newest_last:
            self._register(found)
        for found in newest_last:
            self._read(found)

    # --- what the plan engine asks

    def plan(self, canonical: str, within: str = "") -> Plan | None:
        """The PlanDefinition of that canonical (`#id`: contained in the resource `within`).

        Of several versions the one that is named, else the newest.
        """
        return self._plans.get(self._key(canonical, within)) or self._plans.get(_bare(canonical))

    def activity(self, canonical: str, within: str = "") -> Activity | None:
        """The ActivityDefinition of that canonical."""
        return self._activities.get(self._key(canonical, within)) or self._activities.get(_bare(canonical))

    def resource(self, type_name: str, canonical: str, within: str = "") -> Mapping[str, Any] | None:
        """Any other definition."""
        key = self._key(canonical, within)
        if key in self._contained:
            found = self._contained[key]
            return found if found.get("resourceType") == type_name else None
        entry = (
            self._resources.get((type_name, key))
            or self._resources.get((type_name, _bare(canonical)))
            or self._by_id.get((type_name, canonical.rpartition("/")[2]))
        )
        return entry.resource if entry else None

    def select(self, action: Action, logic: Logic) -> Selection | None:
        """Which alternative of a scenario group holds."""
        group = self._groups.get(id(action))
        return select(group, logic, self.facts) if group else None

    # --- what the endpoints and the command line ask

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All PlanDefinitions that stand on their own, each in its newest version, in order of their ids."""
        own = {id(plan): plan for key, plan in self._plans.items() if "#" not in key and "|" not in key}
        return tuple(sorted(own.values(), key=lambda plan: plan.id))

    @property
    def groups(self) -> tuple[ScenarioGroup, ...]:
        """All scenario groups."""
        return tuple(self._groups.values())

    @property
    def activities(self) -> tuple[Activity, ...]:
        """All ActivityDefinitions, each once."""
        return tuple({id(activity): activity for activity in self._activities.values()}.values())

    def activities_of(self, plan: Plan) -> Iterator[Activity]:
        """The ActivityDefinitions that the actions of a plan name."""
        for action in plan.walk():
            found = self.activity(action.definition, plan.url) if action.definition else None
            if found is not None:
                yield found

    def plan_by_id(self, identifier: str) -> Plan | None:
        """The PlanDefinition with that id."""
        return next((plan for plan in self.plans if plan.id == identifier), None)

    def find(self, type_name: str, **wanted: str) -> list[Mapping[str, Any]]:
        """The resources of a type with the given url, id, name and version."""
        found = []
        for (kind, _), entry in sorted(self._by_id.items()):
            if kind == type_name and all(_has(entry.resource, name, value) for name, value in wanted.items()):
                found.append(entry.resource)
        return found

    def libraries_of(self, plan: Plan) -> Iterator[CqlText]:
        """The CQL libraries that a plan names, the primary one first."""
        for canonical in listed(plan.written.get("library")):
            name = self.library_name(str(canonical))
            if name is not None:
                yield self._libraries[name]

    def library_name(self, canonical: str) -> str | None:
        """The name of the CQL library at a canonical; where nothing has that url, its last part is a name or an id."""
        bare = _bare(canonical)
        if bare in self._library_urls:
            return self._library_urls[bare]
        last = bare.rpartition("/")[2]
        return last if last in self._libraries else self._library_ids.get(last)

    def has_definition(self, library: str, name: str) -> bool:
        """Whether the library has a definition of that name."""
        found = self._libraries.get(library)
        return found is not None and name in found.defines

    def expressions(self) -> Iterator[tuple[Expression, str, str]]:
        """Every expression with the place it stands at and the file it comes from."""
        for plan in self._each_plan():
            origin = self.origins.get(plan.url, plan.id)
            for action in plan.walk():
                place = f"{plan.id}.{action.path}"
                for expression in action.conditions:
                    yield expression, place, origin
                for dynamic in action.dynamic_values:
                    yield dynamic.expression, f"{place} ({dynamic.path})", origin
        for activity in self.activities:
            name = str(activity.written.get("url") or activity.written.get("id"))
            for dynamic in activity.dynamic_values:
                yield dynamic.expression, f"{name} ({dynamic.path})", self.origins.get(name, name)

    def inline_cql(self) -> tuple[InlineCql, ...]:
        """The CQL that stands in plans themselves."""
        return tuple({e.name: e for e, _, _ in self.expressions() if isinstance(e, InlineCql)}.values())

    def errors(self) -> list[CdsError]:
        """Every expression that can never be evaluated, and every definition that is missing."""
        found: list[CdsError] = []
        for expression, place, origin in self.expressions():
            if isinstance(expression, Unusable):
                found.append(UnusableDefinition(f"{place}: {expression.reason}", where=Span(origin, 1, 1)))
        for plan in self._each_plan():
            for action in plan.walk():
                named = action.written.get("definitionCanonical")
                if named and not self._is_known(str(named), plan.url):
                    what = f"{plan.id}.{action.path}: {action.definition} is not loaded."
                    where = Span(self.origins.get(plan.url, plan.id), 1, 1)
                    found.append(UnusableDefinition(what, where=where, remedy="Add it, or correct the canonical."))
        return found

    # --- reading

    def _each_plan(self) -> Iterator[Plan]:
        yield from {id(plan): plan for plan in self._plans.values()}.values()

    def _register(self, found: ContentResource) -> None:
        self._by_id[found.type, found.id] = found
        if found.url:
            self._resources[found.type, found.url] = found
            self._resources[found.type, f"{found.url}|{found.version}"] = found
            self.origins[found.url] = found.origin

    def _read(self, found: ContentResource) -> None:
        if found.type not in {"PlanDefinition", "ActivityDefinition"}:
            return
        url = found.url or f"{found.type}/{found.id}"
        self._read_one(found.resource, (url, f"{found.type}/{found.id}", f"{url}|{found.version}"), None)
        own_library = self._primary(found.resource)
        siblings = listed(found.resource.get("contained"))
        scopes = [
            url,
            *(str(each.get("url") or each.get("id")) for each in siblings),
        ]  # they name each other the same way
        for contained in siblings:
            keys = tuple(f"{scope}#{contained.get('id')}" for scope in scopes)
            self._contained.update(dict.fromkeys(keys, contained))
            self._read_one(contained, keys, own_library)

    def _read_one(self, resource: Mapping[str, Any], keys: tuple[str, ...], fallback: str | None) -> None:
        library = self._primary(resource) or fallback
        if resource.get("resourceType") == "PlanDefinition":
            plan = read_plan(resource, library, self.has_definition)
            for key in keys:
                self._plans[key] = plan
            for group in read_scenarios(plan, self.has_definition):
                self._groups[id(group.action)] = group
        elif resource.get("resourceType") == "ActivityDefinition":
            place = str(resource.get("id") or keys[0])
            activity = Activity(resource, dynamic_values_of(resource, library, self.has_definition, place))
            for key in keys:
                self._activities[key] = activity

    def _primary(self, resource: Mapping[str, Any]) -> str | None:
        for canonical in listed(resource.get("library")):
            return self.library_name(str(canonical))
        return None

    @staticmethod
    def _key(canonical: str, within: str) -> str:
        return f"{within}{canonical}" if canonical.startswith("#") else canonical

    def _is_known(self, canonical: str, within: str) -> bool:
        return (
            self.activity(canonical, within) is not None
            or self.plan(canonical, within) is not None
            or self.resource("Questionnaire", canonical, within) is not None
        )


def _bare(canonical: str) -> str:
    return canonical.partition("|")[0]


def _has(resource: Mapping[str, Any], name: str, value: str) -> bool:
    key = {"_id": "id"}.get(name, name)
    if key == "url" and "|" in value:
        url, _, version = value.partition("|")
        return resource.get("url") == url and resource.get("version") == version
    return str(resource.get(key, "")) == value


def defines_of(expressions: Iterable[Expression]) -> set[tuple[str, str]]:
    """The (library, definition) pairs that expressions evaluate."""
    found: set[tuple[str, str]] = set()
    for expression in expressions:
        match expression:
            case InlineCql(name, _, library):
                found.add((library or "", name))
            case _ if hasattr(expression, "library") and hasattr(expression, "name"):
                found.add((expression.library, expression.name))
    return found
