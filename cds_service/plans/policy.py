"""The policy of a service: how findings become a record and cards, as its content says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.plans.definitions import Plan
from cds_service.plans.expressions import Expression, HasDefinition
from cds_service.plans.extensions import listed
from cds_service.plans.procedures import OrderCheck, read_order_checks
from cds_service.plans.scenarios import define_named
from cds_service.proposals.proposals import CardTemplate, Reason, reasons_of

INDICATORS = ("info", "warning", "critical")  # mildest first
SERIOUSNESS = {indicator: rank for rank, indicator in enumerate(INDICATORS)}


@dataclass(frozen=True, slots=True)
class Severity:
    """What a severity of rules means."""

    code: str
    list: str  # the list of the record that its rules enter
    indicator: str
    title: str


@dataclass(frozen=True, slots=True)
class RatingMeaning:
    """What a rating means."""

    code: str
    indicator: str
    says: str
    mark: str  # the code of the rating that goes on the order


@dataclass(frozen=True, slots=True)
class Targets:
    """How one order is judged for each of its targets."""

    levels: Expression | None
    otherwise: Expression | None
    parameter: str
    unclear: Expression | None
    question: str


@dataclass(frozen=True, slots=True)
class AlternativesPolicy:
    """Which other procedures are offered, and when."""

    satisfied_by: str
    offer: tuple[str, ...]
    excluded_by: str  # a severity
    not_shown_by: frozenset[str] = frozenset()  # severities of rules that keep them off the card, not off the record


@dataclass(frozen=True, slots=True)
class MarkPolicy:
    """Which ratings are put on an order itself."""

    covers: tuple[str, str] | None
    by_status: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceName:
    """How a source is called on a card."""

    id: str
    label: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that content says about records and cards."""

    plan: Plan
    procedures: str
    facts: str
    fact_values: str
    ratings: str
    levels: str
    questions: str | None
    order_checks: Mapping[str, OrderCheck]
    unclear_procedure: str
    targets: Targets
    severities: tuple[Severity, ...]
    rating_meanings: Mapping[str, RatingMeaning]
    worst_first: tuple[str, ...]
    marks: MarkPolicy | None
    alternatives: AlternativesPolicy
    sources: Mapping[str, SourceName]
    source_label: str  # where an advice names no source of its own
    source_url: str | None
    topic_system: str
    regions: str
    override_reasons: tuple[Reason, ...]
    disclaimer: str
    words: Mapping[str, Any]
    cards: tuple[CardTemplate, ...]

    _by_code: Mapping[str, tuple[int, Severity]] = field(init=False, repr=False)
    _at_hook: dict[str, tuple[CardTemplate, ...]] = field(init=False, repr=False, default_factory=dict)
    _with_orders: dict[str, frozenset[str]] = field(init=False, repr=False, default_factory=dict)
    _unspoken: dict[frozenset[str], frozenset[str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        found = {severity.code: (number, severity) for number, severity in enumerate(self.severities)}
        object.__setattr__(self, "_by_code", found)

    def cards_at(self, hook: str) -> tuple[CardTemplate, ...]:
        """The cards that are shown at a hook."""
        found = self._at_hook.get(hook)
        if found is None:
            found = self._at_hook[hook] = tuple(card for card in self.cards if not card.hooks or hook in card.hooks)
        return found

    def severities_with_orders_at(self, hook: str) -> frozenset[str]:
        """The severities that have a card of their own with buttons for orders."""
        found = self._with_orders.get(hook)
        if found is None:
            offering = [card for card in self.cards_at(hook) if card.about == "rules" and "create" in card.suggestions]
            found = self._with_orders[hook] = frozenset(code for card in offering for code in card.severity)
        return found

    def unspoken(self, fired: frozenset[str]) -> frozenset[str]:
        """The parts of cards that speak of rules that fire, but not of rules of the severities in `fired`."""
        found = self._unspoken.get(fired)
        if found is None:
            silent = [code for code in self._by_code if code not in fired]
            found = self._unspoken[fired] = frozenset(silent).union([f"{code}-titles" for code in silent])
        return found

    def severity(self, code: str) -> Severity:
        """The meaning of a severity; one that is not declared is for information."""
        found = self._by_code.get(code)
        return found[1] if found else Severity(code, "info", "info", code)

    def seriousness(self, code: str) -> int:
        """Where a severity stands among all: the smaller, the more serious."""
        found = self._by_code.get(code)
        return found[0] if found else len(self.severities)

    def rank(self, status: str, rating: str | None) -> int:
        """Where a result stands among those of several targets: the smaller, the worse."""
        key = rating if status == "decided" and rating else status
        return self.worst_first.index(key) if key in self.worst_first else len(self.worst_first)


def read_policy(plan: Plan, has_definition: HasDefinition) -> Policy:
    """The policy that a plan carries."""
    written = plan.settings.get("policy") or {}

    def text(name: str) -> str:
        return str(written.get(name) or "")

    target = written.get("target") or {}
    alternatives = written.get("alternatives") or {}
    topic_system = str((written.get("topic") or {}).get("system") or "")
    reasons = reasons_of(listed(written.get("override-reason")))
    return Policy(
        plan=plan,
        procedures=text("procedures"),
        facts=text("facts"),
        fact_values=text("fact-values"),
        ratings=text("ratings"),
        levels=text("levels"),
        questions=text("questions") or None,
        order_checks=read_order_checks(written.get("order-check"), plan.library, has_definition),
        unclear_procedure=text("unclear-procedure") or "procedure",
        targets=Targets(
            levels=define_named(target.get("levels"), plan.library, has_definition),
            otherwise=define_named(target.get("otherwise"), plan.library, has_definition),
            parameter=str(target.get("parameter") or "Target level"),
            unclear=define_named(target.get("unclear"), plan.library, has_definition),
            question=str(target.get("question") or "target"),
        ),
        severities=tuple(
            Severity(
                str(entry["code"]),
                str(entry.get("list") or entry["code"]),
                str(entry.get("indicator") or "info"),
                str(entry.get("title") or entry["code"]),
            )
            for entry in listed(written.get("severity"))
        ),
        rating_meanings={
            str(entry["code"]): RatingMeaning(
                str(entry["code"]),
                str(entry.get("indicator") or "info"),
                str(entry.get("says") or entry["code"]),
                str(entry.get("pama") or ""),
            )
            for entry in listed(written.get("rating"))
        },
        worst_first=tuple(str(code) for code in listed(written.get("worst-first"))),
        marks=_marks(written.get("pama")),
        alternatives=AlternativesPolicy(
            satisfied_by=str(alternatives.get("satisfied-by") or ""),
            offer=tuple(str(code) for code in listed(alternatives.get("offer"))),
            excluded_by=str(alternatives.get("excluded-by") or ""),
            not_shown_by=frozenset(str(code) for code in listed(alternatives.get("not-shown-by"))),
        ),
        sources={
            str(entry["id"]): SourceName(str(entry["id"]), str(entry.get("label") or entry["id"]), entry.get("url"))
            for entry in listed(written.get("source"))
        },
        source_label=text("source-label") or plan.title,
        source_url=text("source-url") or None,
        regions=text("regions"),
        topic_system=topic_system,
        override_reasons=reasons,
        disclaimer=text("disclaimer"),
        words=written.get("words") or {},
        cards=tuple(_card(entry, topic_system, reasons) for entry in listed(written.get("card"))),
    )


def _marks(written: Any) -> MarkPolicy | None:
    if not isinstance(written, Mapping):
        return None
    name, _, value = str(written.get("covers") or "").partition("=")
    statuses = {key: str(code) for key, code in written.items() if key != "covers"}
    return MarkPolicy((name.strip(), value.strip()) if value else None, statuses)


def _card(entry: Mapping[str, Any], topic_system: str, reasons: tuple[Reason, ...]) -> CardTemplate:
    return CardTemplate(
        id=str(entry.get("id") or entry.get("about")),
        about=str(entry.get("about") or "rating"),
        hooks=frozenset(str(hook) for hook in listed(entry.get("hooks"))),
        severity=tuple(str(code) for code in listed(entry.get("severity"))),
        topic={"system": topic_system, **(entry.get("topic") or {})},
        summary=tuple(str(text) for text in listed(entry.get("summary"))),
        detail=str(entry.get("detail") or ""),
        suggestions=tuple(str(kind) for kind in listed(entry.get("suggestions"))),
        override_reasons=(*reasons, *reasons_of(listed(entry.get("override-reason")))),
        asks_safety=entry.get("asks-safety") is True,
        translations={str(t["lang"]): t for t in listed(entry.get("translation")) if t.get("lang")},
    )


def worst_indicator(indicators: list[str]) -> str:
    """The most serious of `indicators`; info if there is none."""
    return max(indicators, key=_rank, default="info")


def _rank(indicator: str) -> int:
    return SERIOUSNESS.get(indicator, 0)
