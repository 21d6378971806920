"""PlanDefinition $apply: what every action of a plan comes to for one subject, and the requests that follow.

The result keeps the whole tree, with the actions that do not apply, cannot be told or failed; `plans/rendering.py`
turns it into a RequestGroup, a CarePlan or a Bundle.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cds_service.errors import CdsError
from cds_service.fhir.model.types import Model
from cds_service.plans.activities import Subjects, moments_of, request_from
from cds_service.plans.definitions import Action, DynamicValue, Plan
from cds_service.plans.element_values import close_gaps, has_element, set_path
from cds_service.plans.expressions import FhirPath
from cds_service.plans.extensions import listed
from cds_service.plans.logic import Logic
from cds_service.plans.scenarios import Selection, is_scenario_group
from cds_service.proposals.outcomes import DOES_NOT_APPLY, Outcome, State, cannot_tell

_CARRIED = (
    "extension", "prefix", "title", "description", "textEquivalent", "priority", "code", "documentation", "condition",
    "relatedAction", "timingDateTime", "timingAge", "timingPeriod", "timingDuration", "timingRange", "timingTiming",
    "type", "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior",
)  # fmt: skip
_NOW = FhirPath("now()")
_DEEPEST = 16  # plans nested deeper than this refer to each other in a circle


@dataclass(frozen=True, slots=True)
class Activity:
    """An ActivityDefinition with its expressions read."""

    written: Mapping[str, Any]
    dynamic_values: tuple[DynamicValue, ...]


class Content(Protocol):
    """Where the definitions of a plan's actions are found."""

    @property
    def model(self) -> Model: ...
    def plan(self, canonical: str, within: str = "") -> Plan | None: ...
    def activity(self, canonical: str, within: str = "") -> Activity | None: ...
    def resource(self, type_name: str, canonical: str, within: str = "") -> Mapping[str, Any] | None: ...
    def select(self, action: Action, logic: Logic) -> Selection | None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """Something that has to be said about the application of a plan."""

    severity: str  # error | warning | information
    action: str  # the action's path
    text: str


@dataclass(slots=True)
class AppliedAction:
    """One action with what it came to."""

    action: Action
    outcome: Outcome
    element: dict[str, Any] | None = None  # the RequestGroup.action, for an action that applies
    request: dict[str, Any] | None = None  # the resource that it refers to
    children: list[AppliedAction] = field(default_factory=list)
    nested: Applied | None = None

    def walk(self) -> Iterator[AppliedAction]:
        """This action and all below it, also those of nested plans."""
        yield self
        for child in self.children:
            yield from child.walk()
        if self.nested:
            for action in self.nested.actions:
                yield from action.walk()


@dataclass(slots=True)
class Applied:
    """A plan applied to one subject."""

    plan: Plan
    id: str
    subjects: Subjects
    actions: list[AppliedAction]
    requests: list[dict[str, Any]]  # in order of the actions, those of nested plans included
    goals: list[dict[str, Any]]
    messages: list[Message]

    def walk(self) -> Iterator[AppliedAction]:
        """All actions in order."""
        for action in self.actions:
            yield from action.walk()


def apply_plan(plan: Plan, subjects: Subjects, logic: Logic, content: Content, hook: str | None = None) -> Applied:
    """What `plan` comes to for the subject; at a hook, without the actions that only other hooks trigger."""
    return _Application(subjects, logic, content, hook).plan(plan, plan.id)


def apply_activity(activity: Activity, subjects: Subjects, logic: Callable[[], Logic], model: Model) -> dict[str, Any]:
    """The request that an ActivityDefinition describes for the subject; `logic` is for its dynamic values."""
    request = request_from(activity.written, subjects)
    for dynamic in activity.dynamic_values:
        value = logic().value(dynamic.expression, variables={"context": activity.written})
        set_path(request, str(request["resourceType"]), dynamic.path, value, model)
    for name in moments_of(request):
        set_path(request, str(request["resourceType"]), name, logic().value(_NOW), model)
    close_gaps(request)
    return request


class _Application:
    def __init__(self, subjects: Subjects, logic: Logic, content: Content, hook: str | None) -> None:
        self.subjects, self.logic, self.content, self.hook = subjects, logic, content, hook
        self.used_ids: set[str] = set()
        self.depth = 0

    def plan(self, plan: Plan, identifier: str) -> Applied:
        applied = Applied(plan, self.unique(identifier, ""), self.subjects, [], [], [], [])
        applied.goals = [self.goal(goal, applied.id, n) for n, goal in enumerate(listed(plan.written.get("goal")))]
        self.depth += 1
        applied.actions = [self.action(action, applied, ()) for action in plan.actions]
        self.depth -= 1
        _drop_dangling(applied.actions)
        return applied

    def action(self, action: Action, applied: Applied, above: tuple[str, ...]) -> AppliedAction:
        hooks = action.hooks or above
        if not self.is_triggered(action, hooks):
            return AppliedAction(action, Outcome(State.DOES_NOT_APPLY, reason=f"Only at {', '.join(hooks)}."))
        outcome = self.logic.all(action.conditions, focus=None)
        result = AppliedAction(action, outcome)
        if outcome.state is not State.APPLIES:
            self.report(result, applied)
            return result
        result.element = self.element(action)
        self.children(result, applied, hooks)
        try:
            self.definition(result, applied)
        except CdsError as error:
            self.fail(result, applied, str(error))
            return result
        for dynamic in action.dynamic_values:
            self.dynamic(dynamic, result, applied)
        if action.dynamic_values:
            close_gaps(result.element)
            close_gaps(result.request)
        _attach(result)
        return result

    def is_triggered(self, action: Action, hooks: tuple[str, ...]) -> bool:
        """Whether the hook concerns the action or something below it; what a plan gathers, it gathers for its hooks."""
        if self.hook is None or self.depth > 1 or not hooks or self.hook in hooks:
            return True
        return any(self.hook in below.hooks for below in action.walk())

    def report(self, result: AppliedAction, applied: Applied) -> None:
        outcome = result.outcome
        if outcome.state is State.FAILED:
            applied.messages.append(Message("error", result.action.path, outcome.reason))
        elif outcome.state is State.CANNOT_TELL:
            asked = f"Not known: {', '.join(outcome.facts)}." if outcome.needs else outcome.reason
            asked = asked or "Whether this applies is not known."
            applied.messages.append(Message("information", result.action.path, asked))

    def fail(self, result: AppliedAction, applied: Applied, reason: str) -> None:
        result.outcome = Outcome(State.FAILED, reason=reason)
        result.element = None
        self.report(result, applied)

    def element(self, action: Action) -> dict[str, Any]:
        written = action.written
        element: dict[str, Any] = {}
        if "id" in written:
            element["id"] = written["id"]
        element |= {name: copy.deepcopy(written[name]) for name in _CARRIED if name in written}
        for name in ("extension", "condition", "code", "documentation", "relatedAction"):
            if name in element:
                element[name] = listed(element[name])
        for condition in element.get("condition", ()):
            condition.pop("extension", None)
        if participants := self.participants(action):
            element["participant"] = participants
        return element

    def participants(self, action: Action) -> list[dict[str, Any]]:
        people = {
            "patient": self.subjects.subject,
            "practitioner": self.subjects.practitioner,
            "related-person": None,
            "device": None,
        }
        found = [people.get(str(entry.get("type"))) for entry in listed(action.written.get("participant"))]
        return [{"reference": reference} for reference in dict.fromkeys(found) if reference]

    def children(self, result: AppliedAction, applied: Applied, hooks: tuple[str, ...]) -> None:
        action = result.action
        selection = self.content.select(action, self.logic) if is_scenario_group(action) else None
        for child in action.children:
            if selection is None or (selection.primary is not None and selection.primary.id == child.id):
                result.children.append(self.action(child, applied, hooks))
            else:
                outcome = selection.outcomes.get(child.id, DOES_NOT_APPLY)
                if selection.undecided and outcome.state is State.APPLIES:
                    outcome = cannot_tell(reason="An alternative that takes precedence is not decided.")
                result.children.append(AppliedAction(child, outcome))
                self.report(result.children[-1], applied)

    def definition(self, result: AppliedAction, applied: Applied) -> None:
        canonical = result.action.definition
        if not canonical:
            return
        assert result.element is not None
        within = applied.plan.url
        if (activity := self.content.activity(canonical, within)) is not None:
            result.request = self.activity(activity, result)
            applied.requests.append(result.request)
            if transform := activity.written.get("transform") or result.action.written.get("transform"):
                told = f"The transform {transform} is not carried out: the request has only what its definition says."
                applied.messages.append(Message("warning", result.action.path, told))
        elif (plan := self.content.plan(canonical, within)) is not None:
            if self.depth > _DEEPEST:
                raise CircularPlans(f"The plan {canonical} leads back to itself.")
            result.nested = self.plan(plan, f"{result.action.id}-{plan.id}" if plan.id in self.used_ids else plan.id)
            named = result.nested.plan.title
            applied.messages += [replace(each, text=f"{named}: {each.text}") for each in result.nested.messages]
            applied.requests.extend(result.nested.requests)
        elif (questionnaire := self.content.resource("Questionnaire", canonical, within)) is not None:
            result.request = self.questionnaire(questionnaire, result)
            applied.requests.append(result.request)
        elif "definitionCanonical" not in result.action.written:
            result.element["resource"] = {"reference": canonical}  # a definitionUri may lead to anything
        else:
            raise UnknownDefinition(
                f"The definition {canonical} is not loaded.", remedy="Add it to the content, or correct the canonical."
            )

    def activity(self, activity: Activity, result: AppliedAction) -> dict[str, Any]:
        request = apply_activity(activity, self.subjects, lambda: self.logic, self.content.model)
        self.reason(request, listed(result.action.written.get("reason")))
        name = str(activity.written.get("id") or request["resourceType"])
        return {
            "resourceType": request["resourceType"],
            "id": self.unique(f"{_own_id(result.action)}-{name}", request["resourceType"]),
            **{key: value for key, value in request.items() if key != "resourceType"},
        }

    def reason(self, request: dict[str, Any], reasons: list[Any]) -> None:
        """Why the action is to be done, where the request has a place for it and says nothing itself."""
        info = self.content.model.get(str(request["resourceType"]))
        element = info.element("reasonCode") if info is not None else None
        if reasons and element is not None and "reasonCode" not in request:
            request["reasonCode"] = copy.deepcopy(reasons if element.is_list else reasons[0])

    def questionnaire(self, questionnaire: Mapping[str, Any], result: AppliedAction) -> dict[str, Any]:
        url, version = questionnaire.get("url"), questionnaire.get("version")
        task = request_from({"kind": "Task", "description": questionnaire.get("title")}, self.subjects)
        canonical = f"{url}|{version}" if url and version else url or questionnaire.get("id")
        text = {"text": "Questionnaire"}
        return {
            "resourceType": "Task",
            "id": self.unique(f"{_own_id(result.action)}-{questionnaire.get('id', 'questionnaire')}", "Task"),
            **{key: value for key, value in task.items() if key != "resourceType"},
            "input": [{"type": text, "valueCanonical": canonical}],
        }

    def goal(self, written: Mapping[str, Any], plan_id: str, number: int) -> dict[str, Any]:
        goal: dict[str, Any] = {
            "resourceType": "Goal",
            "id": self.unique(str(written.get("id") or f"{plan_id}-goal-{number + 1}"), "Goal"),
            "lifecycleStatus": "proposed",
        }
        for name, target in (("category", "category"), ("priority", "priority"), ("start", "startCodeableConcept")):
            if name in written:
                goal[target] = listed(written[name]) if name == "category" else copy.deepcopy(written[name])
        goal["description"] = copy.deepcopy(written.get("description", {"text": "Goal"}))
        goal["subject"] = {"reference": self.subjects.subject}
        targets = [
            {(("dueDuration") if key == "due" else key): copy.deepcopy(value) for key, value in target.items()}
            for target in listed(written.get("target"))
        ]
        if targets:
            goal["target"] = targets
        return goal

    def dynamic(self, dynamic: DynamicValue, result: AppliedAction, applied: Applied) -> None:
        path, is_action = _relative(dynamic.path, result.action.depth)
        request = result.request
        on_request = (
            not is_action
            and request is not None
            and has_element(self.content.model, str(request["resourceType"]), path)
        )
        try:
            value = self.logic.value(dynamic.expression, variables={"context": applied.plan.written})
            if on_request and request is not None:
                set_path(request, str(request["resourceType"]), path, value, self.content.model)
            elif path == "extension" and result.element is not None and isinstance(value, str):
                # Some published plans put the card's indicator here as a bare text.
                set_path(
                    result.element, "RequestGroup.Action", f"extension('{INDICATOR}').value", value, self.content.model
                )
            elif result.element is not None:
                set_path(result.element, "RequestGroup.Action", path, value, self.content.model)
        except CdsError as error:
            applied.messages.append(Message("error", f"{result.action.path}.{dynamic.path}", str(error)))

    def unique(self, wished: str, type_name: str) -> str:
        base = re.sub(r"[^A-Za-z0-9.-]+", "-", wished).strip("-")[:56] or type_name
        found, number = base, 2
        while found in self.used_ids:
            found, number = f"{base}-{number}", number + 1
        self.used_ids.add(found)
        return found


INDICATOR = "https://cds-service.example/fhir/StructureDefinition/indicator"


def _own_id(action: Action) -> str:
    return str(action.written.get("id") or re.sub(r"[^0-9]+", "-", action.path).strip("-"))


def _relative(path: str, depth: int) -> tuple[str, bool]:
    """The path below the action it stands on, and whether it named the action itself.

    Published plans write `action.title` for the title of the action that carries the dynamic value, at any depth, or
    repeat `action` once for each level.
    """
    parts = path.split(".")
    count = 0
    while count < len(parts) - 1 and re.fullmatch(r"action(\[\d+\])?", parts[count]):
        count += 1
    if count > depth:
        return ".".join(parts[depth:]), True
    return ".".join(parts[count:]), count > 0


def _attach(result: AppliedAction) -> None:
    element = result.element
    assert element is not None
    if result.request is not None:
        element["resource"] = {"reference": f"{result.request['resourceType']}/{result.request['id']}"}
    elif result.nested is not None:
        element["resource"] = {"reference": f"RequestGroup/{result.nested.id}"}
    children = [child.element for child in result.children if child.element is not None]
    if children:
        # A child that the dynamic values of this action reached is already there.
        element["action"] = children


def _drop_dangling(actions: list[AppliedAction]) -> None:
    """Leave out relations to actions that are not part of the result."""
    present = {
        str(a.element["id"]) for top in actions for a in _tree(top) if a.element is not None and "id" in a.element
    }
    for top in actions:
        for applied in _tree(top):
            if applied.element is None or "relatedAction" not in applied.element:
                continue
            kept = [related for related in applied.element["relatedAction"] if related.get("actionId") in present]
            if kept:
                applied.element["relatedAction"] = kept
            else:
                del applied.element["relatedAction"]


def _tree(action: AppliedAction) -> Iterator[AppliedAction]:
    yield action
    for child in action.children:
        yield from _tree(child)


class UnknownDefinition(CdsError):
    """An action names a definition that is not loaded."""

    code = "unknown-definition"


class CircularPlans(CdsError):
    """Plans that apply each other without end."""

    code = "circular-plans"
