"""The services that content makes: for each hook that a plan is triggered by, everything that answering needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b

from cds_service.errors import CdsError, ContentError, Span
from cds_service.hooks.services import Service
from cds_service.knowledge.definitions import Definitions
from cds_service.knowledge.reading import closure
from cds_service.patient_data.needs import Need
from cds_service.plans.apply import Activity
from cds_service.plans.definitions import Plan
from cds_service.plans.expressions import Define, Expression
from cds_service.plans.extensions import listed
from cds_service.plans.facts_catalogue import FactCatalogue
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.orders import OrderCodes, read_order_codes
from cds_service.plans.policy import Policy, read_policy
from cds_service.plans.procedures import OrderCodings, Procedures
from cds_service.plans.questions import Option, QuestionBook, read_questions
from cds_service.plans.rules import Rule, RuleBook, read_rules
from cds_service.plans.scenarios import ScenarioGroup, read_scenarios
from cds_service.plans.wording import Vocabulary
from cds_service.terminology.terminology import Terminology

PLAIN = ""  # what a service decides that is not one of ours: its plan is applied, its actions become cards
DECIDES = frozenset({"order", "dispatched-order", "appointment", "encounter", "patient"})
_INACTIVE = frozenset({"retired"})


class UnusableService(ContentError):
    """A plan that is triggered by a hook but cannot answer it."""

    code = "unusable-service"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A plan that a service gathers, with the conditions of the actions that led to it."""

    plan: Plan
    guards: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a service of ours decides with."""

    knowhow: Knowhow  # of all gathered plans together
    rules_of: Mapping[str, tuple[Rule, ...]]  # by canonical of the plan
    groups_of: Mapping[str, tuple[ScenarioGroup, ...]]
    words: Vocabulary
    codes: OrderCodes
    activities: Mapping[str, Activity]  # by procedure
    _limited: dict[frozenset[str], Knowhow] = field(default_factory=dict)

    def limited_to(self, canonicals: frozenset[str]) -> Knowhow:
        """What is known when only some of the gathered plans count for a patient; made once for the same plans."""
        found = self._limited.get(canonicals)
        if found is None:
            found = self._limited[canonicals] = self._without_others(canonicals)
        return found

    def _without_others(self, canonicals: frozenset[str]) -> Knowhow:
        rules = [rule for rule in self.knowhow.rules.rules if rule.plan.canonical in canonicals]
        groups = tuple(group for group in self.knowhow.groups if group.plan.canonical in canonicals)
        return replace(self.knowhow, rules=RuleBook(rules, self.knowhow.procedures), groups=groups)


@dataclass(frozen=True)
class KnownService:
    """One service, ready to answer calls."""

    id: str
    hook: str
    decides: str
    plan: Plan
    gathered: tuple[Gathered, ...]
    deciding: Deciding | None
    policy: Policy
    words: Vocabulary
    activities: tuple[Activity, ...] = ()  # the orders that its cards may carry
    needs: tuple[Need, ...] = ()
    offer: Service | None = None

    @cached_property
    def canonicals(self) -> tuple[str, ...]:
        """The service's own plan and those that it gathers, by name, each once."""
        return tuple(dict.fromkeys(plan.canonical for plan in self.plans))

    @cached_property
    def guarded(self) -> tuple[Gathered, ...]:
        """The gathered plans that count under a condition only."""
        return tuple(gathered for gathered in self.gathered if gathered.guards)

    @property
    def questions(self) -> QuestionBook | None:
        """What it can ask so that the answers can be filed; None where content names no codes for facts."""
        return self.words.questions if self.words.questions.facts_system else None

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The service's own plan and those that it gathers."""
        return (self.plan, *(gathered.plan for gathered in self.gathered))

    def expressions(self) -> Iterator[Expression]:
        """Every expression that answering may evaluate."""
        for plan in self.plans:
            for action in plan.walk():
                yield from action.conditions
                yield from (dynamic.expression for dynamic in action.dynamic_values)
        for activity in self.activities:
            yield from (dynamic.expression for dynamic in activity.dynamic_values)
        if self.deciding is not None:
            yield from policy_expressions(self.deciding.knowhow)


def policy_expressions(knowhow: Knowhow) -> Iterator[Expression]:
    """The expressions in settings: targets, checks, situations, suggestions."""
    policy = knowhow.policy
    targets = policy.targets
    candidates: list[Expression | None] = [targets.levels, targets.otherwise, targets.unclear]
    candidates += [check.condition for check in policy.order_checks.values()]
    for card in policy.cards:
        for name in card.cql_names:
            library, _, define = name.removeprefix("cql:").partition(".")
            candidates.append(Define(library, define))
    for group in knowhow.groups:
        candidates += [situation.condition for situation in (*group.preconditions, *group.no_match)]
    for rule in knowhow.rules.rules:
        candidates += [rule.check, *(suggestion.condition for suggestion in rule.suggests)]
        candidates += [offered.condition for offered in rule.offers]
        candidates += [rule.observation.value] if rule.observation else []
    yield from (expression for expression in candidates if expression is not None)


def make_services(
    definitions: Definitions, terminology: Terminology, base: str, errors: list[CdsError]
) -> dict[str, KnownService]:
    """The services of the content by id."""
    found: dict[str, KnownService] = {}
    for plan in definitions.plans:
        if plan.written.get("status") in _INACTIVE:
            continue
        hooks = tuple(dict.fromkeys(hook for action in plan.walk() for hook in action.hooks))
        for hook in hooks:
            identifier = plan.id if len(hooks) == 1 else f"{plan.id}-{hook}"
            try:
                service = _make_service(identifier, hook, plan, definitions, terminology, base)
            except CdsError as error:
                errors.append(error)
                continue
            if identifier in found:
                what = f"Two plans make the service {identifier}: {found[identifier].plan.url} and {plan.url}."
                where = Span(definitions.origins.get(plan.url, plan.id), 1, 1)
                errors.append(UnusableService(what, where=where, remedy="Give one of them another id."))
            found[identifier] = service
    return found


def _make_service(
    identifier: str, hook: str, plan: Plan, definitions: Definitions, terminology: Terminology, base: str
) -> KnownService:
    decides = str(plan.settings.get("decides") or PLAIN)
    origin = Span(definitions.origins.get(plan.url, plan.id), 1, 1)
    if decides and decides not in DECIDES:
        what = f"The plan {plan.id} decides {decides!r}; it may be one of {', '.join(sorted(DECIDES))}."
        raise UnusableService(what, where=origin)
    gathered = tuple(_gather(plan, definitions))
    policy, plans = _policy(plan, definitions, origin), (plan, *(g.plan for g in gathered))
    deciding = make_deciding(policy, plans, definitions, terminology, base) if decides else None
    words = deciding.words if deciding else _own_words(policy, plans, definitions, terminology, base)
    activities = tuple(_orders_of(plans, deciding, definitions))
    return KnownService(identifier, hook, decides, plan, gathered, deciding, policy, words, activities)


def _own_words(
    policy: Policy, plans: Sequence[Plan], definitions: Definitions, terminology: Terminology, base: str
) -> Vocabulary:
    """The words of a plan that is applied as it is: for the facts of its own libraries."""
    texts = definitions.content.libraries
    own = {text.name for plan in plans for each in definitions.libraries_of(plan) for text in closure(texts, each.name)}
    facts = FactCatalogue(fact for fact in definitions.facts.facts if fact.library in own)
    prefix = f"ask-{blake2b(policy.plan.url.encode(), digest_size=4).hexdigest()}."
    return _words(policy, facts, definitions, terminology, base, prefix)


def _orders_of(plans: Sequence[Plan], deciding: Deciding | None, definitions: Definitions) -> Iterator[Activity]:
    for plan in plans:
        yield from definitions.activities_of(plan)
    if deciding is not None:
        yield from deciding.activities.values()
        for rule in deciding.knowhow.rules.rules:
            offered = (definitions.activity(each.definition, rule.plan.url) for each in rule.offers)
            yield from (activity for activity in offered if activity is not None)


def _gather(plan: Plan, definitions: Definitions) -> Iterator[Gathered]:
    seen = {plan.canonical}
    waiting: list[tuple[Plan, tuple[Expression, ...]]] = [(plan, ())]
    while waiting:
        owner, guards = waiting.pop(0)
        for action in owner.walk():
            found = definitions.plan(action.definition, owner.url) if action.definition else None
            if found is not None and found.canonical not in seen:
                seen.add(found.canonical)
                all_guards = (*guards, *action.conditions)
                yield Gathered(found, all_guards)
                waiting.append((found, all_guards))


def _policy(plan: Plan, definitions: Definitions, origin: Span) -> Policy:
    canonical = plan.settings.get("policy")
    if isinstance(canonical, str):
        found = definitions.plan(canonical)
        if found is None:
            what = f"The policy {canonical} of the plan {plan.id} is not loaded."
            raise UnusableService(what, where=origin, remedy="Add it, or correct the canonical.")
        return read_policy(found, definitions.has_definition)
    return read_policy(plan, definitions.has_definition)


def make_deciding(
    policy: Policy, plans: Sequence[Plan], definitions: Definitions, terminology: Terminology, base: str
) -> Deciding:
    """What a service decides with: its rules, scenarios, procedures and words."""
    concepts = tuple(terminology.concepts(policy.procedures)) if policy.procedures else ()
    short = policy.words.get("procedure")
    procedures = Procedures(policy.procedures, concepts, short if isinstance(short, Mapping) else {})
    rules_of = {plan.canonical: read_rules(plan, procedures, definitions.has_definition) for plan in plans}
    groups_of = {plan.canonical: read_scenarios(plan, definitions.has_definition) for plan in plans}
    rules = [rule for found in rules_of.values() for rule in found]
    groups = tuple(group for found in groups_of.values() for group in found)
    orders = OrderCodings(procedures, terminology, policy.order_checks)
    knowhow = Knowhow(policy, procedures, groups, RuleBook(rules, procedures), definitions.facts, orders)
    maps = [found.resource for found in terminology.find("ConceptMap")]
    return Deciding(
        knowhow=knowhow,
        rules_of=rules_of,
        groups_of=groups_of,
        words=_words(policy, definitions.facts, definitions, terminology, base, "ask-"),
        codes=read_order_codes(maps, policy.procedures, policy.regions, policy.levels),
        activities=_activities(definitions, policy.procedures),
    )


def _activities(definitions: Definitions, procedures: str) -> Mapping[str, Activity]:
    found: dict[str, Activity] = {}
    for activity in definitions.activities:
        for coding in listed((activity.written.get("code") or {}).get("coding")):
            if procedures and coding.get("system") == procedures and coding.get("code"):
                found.setdefault(str(coding["code"]), activity)
    return found


def _words(
    policy: Policy, facts: FactCatalogue, definitions: Definitions, terminology: Terminology, base: str, prefix: str
) -> Vocabulary:
    concepts = {concept.code: concept for concept in terminology.concepts(policy.facts)} if policy.facts else {}
    names = {code: concept.display for code, concept in concepts.items() if concept.display}
    short = policy.words.get("fact")
    if isinstance(short, Mapping):
        names |= {str(code): str(name) for code, name in short.items()}
    units = {code: _property(concept, "unit") for code, concept in concepts.items()}
    answers: dict[str, str] = {"true": "yes", "false": "no"}
    options: dict[str, list[Option]] = {}
    for concept in terminology.concepts(policy.fact_values) if policy.fact_values else ():
        display = concept.display or concept.code
        answers.setdefault(concept.code, display)
        for name, value in concept.properties:
            if name == "fact":
                options.setdefault(str(getattr(value, "code", value)), []).append(
                    Option(policy.fact_values, concept.code, display)
                )
    written = policy.words.get("answers")
    if isinstance(written, Mapping):
        answers.update({str(key): str(value) for key, value in written.items()})
    authored = definitions.resource("Questionnaire", policy.questions) if policy.questions else None
    questions: QuestionBook = read_questions(facts, authored, policy.facts, names, units, options, base, prefix)
    return Vocabulary(names, answers, questions, {fact.key: fact.says for fact in facts.facts if fact.says})


def _property(concept: object, wanted: str) -> str:
    for name, value in getattr(concept, "properties", ()):
        if name == wanted:
            return str(getattr(value, "code", value))
    return ""
