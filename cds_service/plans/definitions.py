"""A PlanDefinition as the engine sees it: its actions with their expressions read, as written otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.plans.expressions import Expression, HasDefinition, Unusable, read_expression
from cds_service.plans.extensions import listed, settings_of


@dataclass(frozen=True, slots=True)
class DynamicValue:
    """An element that an expression fills."""

    path: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a plan, with its children."""

    id: str  # as written, else made from the position
    path: str  # "action[0].action[2]"
    depth: int  # 1 for the actions of the plan itself
    plan: str  # url|version
    written: Mapping[str, Any]
    settings: Mapping[str, Any]  # our extensions by name
    conditions: tuple[Expression, ...]  # the applicability conditions, all of which must hold
    dynamic_values: tuple[DynamicValue, ...]
    definition: str | None  # canonical of what the action does
    children: tuple[Action, ...]

    @property
    def title(self) -> str:
        """The title as written."""
        return str(self.written.get("title", ""))

    @property
    def description(self) -> str:
        """The description as written."""
        return str(self.written.get("description", ""))

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that trigger it."""
        triggers = [trigger for trigger in listed(self.written.get("trigger")) if isinstance(trigger, Mapping)]
        return tuple(str(t["name"]) for t in triggers if t.get("type") == "named-event" and t.get("name"))

    def walk(self) -> Iterator[Action]:
        """This action and everything below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Plan:
    """One PlanDefinition."""

    id: str
    url: str
    version: str
    title: str
    written: Mapping[str, Any]
    settings: Mapping[str, Any]
    library: str | None  # name of the primary library
    actions: tuple[Action, ...]

    @property
    def canonical(self) -> str:
        """The url, with the version if there is one."""
        return f"{self.url}|{self.version}" if self.version else self.url

    def walk(self) -> Iterator[Action]:
        """All actions, in order."""
        for action in self.actions:
            yield from action.walk()


def read_plan(resource: Mapping[str, Any], library: str | None, has_definition: HasDefinition) -> Plan:
    """The plan that a PlanDefinition describes; `library` is the name of its primary library."""
    url, version = str(resource.get("url") or ""), str(resource.get("version") or "")
    identifier = str(resource.get("id") or url.rstrip("/").rpartition("/")[2])
    reader = _Reader(
        f"{url or identifier}|{version}" if version else url or identifier, identifier, library, has_definition
    )
    return Plan(
        id=identifier,
        url=url or identifier,
        version=version,
        title=str(resource.get("title") or resource.get("name") or identifier),
        written=resource,
        settings=settings_of(resource),
        library=library,
        actions=reader.actions(resource, "", 1),
    )


def dynamic_values_of(
    resource: Mapping[str, Any], library: str | None, has_definition: HasDefinition, place: str
) -> tuple[DynamicValue, ...]:
    """The dynamic values of an ActivityDefinition or an action."""
    return tuple(
        DynamicValue(
            str(entry.get("path", "")),
            read_expression(entry["expression"], library, has_definition, f"{place}.dynamicValue[{number}]")
            if isinstance(entry.get("expression"), Mapping)
            else Unusable("A dynamic value has no expression."),
        )
        for number, entry in enumerate(listed(resource.get("dynamicValue")))
        if isinstance(entry, Mapping)
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    plan: str
    identifier: str
    library: str | None
    has_definition: HasDefinition

    def actions(self, owner: Mapping[str, Any], prefix: str, depth: int) -> tuple[Action, ...]:
        return tuple(
            self.action(written, f"{prefix}action[{number}]", depth)
            for number, written in enumerate(listed(owner.get("action")))
            if isinstance(written, Mapping)
        )

    def action(self, written: Mapping[str, Any], path: str, depth: int) -> Action:
        place = f"{self.identifier}.{path}"
        conditions = tuple(
            read_expression(
                condition.get("expression") or {}, self.library, self.has_definition, f"{place}.condition[{number}]"
            )
            for number, condition in enumerate(listed(written.get("condition")))
            if isinstance(condition, Mapping) and condition.get("kind", "applicability") == "applicability"
        )
        definition = written.get("definitionCanonical") or written.get("definitionUri")
        return Action(
            id=str(written.get("id") or path),
            path=path,
            depth=depth,
            plan=self.plan,
            written=written,
            settings=settings_of(written),
            conditions=conditions,
            dynamic_values=dynamic_values_of(written, self.library, self.has_definition, place),
            definition=str(definition) if definition else None,
            children=self.actions(written, f"{path}.", depth + 1),
        )
