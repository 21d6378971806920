"""Proposals for calls without a rating: one for each group of rules and checks that has something to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cds_service.plans.deciding import Judgement
from cds_service.plans.definitions import Action
from cds_service.plans.extensions import listed
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.offers import ApplyActivity, Offers, Subject, defined_orders
from cds_service.plans.orders import accompanying
from cds_service.plans.policy import Policy, worst_indicator
from cds_service.plans.rules import Finding, Rule
from cds_service.plans.translations import in_language, translations_of
from cds_service.plans.wording import Vocabulary, group_values, speaks
from cds_service.proposals.proposals import CardTemplate, Proposal, ProposedAction, ProposedSuggestion

_UNREADABLE = "Not everything could be checked: {types} could not be read."
_GROUP_DETAIL = """**Not met:**
- {checks-not-met}

**Not documented:**
- {checks-not-documented}

{disclaimer}"""


class GroupProposals(msgspec.Struct, frozen=True, gc=False):
    """Makes the proposals for one judgement without a rating."""

    judgement: Judgement
    knowhow: Knowhow
    words: Vocabulary
    offers: Offers
    subject: Subject
    apply_activity: ApplyActivity
    hook: str
    language: str | None = None

    def proposals(self) -> tuple[Proposal, ...]:
        """One for each group with something to say."""
        grouped: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in (*self.judgement.findings, *self.judgement.checks):
            plan, group = finding.rule.plan, finding.rule.group
            if group is not None:
                grouped.setdefault((plan.url, plan.version, group.id), []).append(finding)
        found = []
        for findings in grouped.values():
            speaking = [finding for finding in findings if speaks(finding)]
            if speaking:
                found.append(self.proposal(findings, speaking))
        return tuple(found)

    def unreadable(self, types: Sequence[str]) -> Proposal:
        """The card that says what could not be looked at, where nothing else is said: silence would reassure."""
        words = str(self.knowhow.policy.words.get("unreadable") or _UNREADABLE)
        return notice(self.knowhow.policy, words, "info", self.judgement.record.order, {"types": tuple(types)})

    def proposal(self, findings: Sequence[Finding], speaking: Sequence[Finding]) -> Proposal:
        """The card of one group."""
        rule, policy = findings[0].rule, self.knowhow.policy
        template = self.template(rule)
        must = [f for f in speaking if f.met is False and f.rule.level == "must"]
        indicators = [
            "critical" if f.rule.emergency else policy.severity(f.rule.severity).indicator
            for f in speaking
            if not f.rule.is_check
        ]
        values = group_values(self.judgement, findings, self.knowhow, self.language)
        values["group"] = template.summary[-1:]
        citation = next((citation for finding in speaking for citation in finding.rule.sources), None)
        known = policy.sources.get(citation.source) if citation else None
        return Proposal(
            template=template,
            order=self.judgement.record.order or self.judgement.record.subject,
            indicator=worst_indicator([*indicators, *(["warning"] if must else [])]),
            values=values,
            source_label=known.label if known else policy.source_label,
            source_url=known.url if known else policy.source_url,
            topic=template.topic,
            plan=rule.plan.canonical,
            action=template.id,
            content=(self.judgement.record.subject or "", *(f"{f.rule.id}={f.met}" for f in speaking)),
            suggestions=tuple(
                defined_orders(speaking, self.judgement.logic, self.offers, self.apply_activity, self.creation)
            ),
            override_reasons=template.override_reasons,
        )

    def template(self, rule: Rule) -> CardTemplate:
        """The words of the rule's group, made once."""
        group = rule.group
        assert group is not None
        key = (rule.plan.canonical, group.id, self.hook, self.language)
        found = self.knowhow.templates.get(key)
        if found is None or found[0] is not group:
            found = self.knowhow.templates[key] = (group, self.template_of(group))
        return found[1]

    def template_of(self, group: Action) -> CardTemplate:
        """The words of the group, with those of the policy where it has none."""
        policy = self.knowhow.policy
        base = next((card for card in policy.cards_at(self.hook) if card.about == "group"), None)
        topic = group.settings.get("topic")
        named = {"code": topic, "display": _title(topic)} if isinstance(topic, str) else (topic or {})
        words = translations_of(group.written, group.settings)
        return CardTemplate(
            id=group.id,
            about="group",
            hooks=frozenset(),
            severity=(),
            topic={"system": policy.topic_system, **named},
            summary=self.said(group, "summary") or (in_language(words, self.language, "title", group.title),),
            detail="\n".join(self.said(group, "detail")) or (base.detail if base else _GROUP_DETAIL),
            suggestions=(),
            override_reasons=policy.override_reasons,
        )

    def said(self, group: Action, name: str) -> tuple[str, ...]:
        """The forms of a text of the group, in the language of the answer where there are any."""
        words = in_language(translations_of(group.written, group.settings), self.language, name, "")
        return (words,) if words else tuple(str(form) for form in listed(group.settings.get(name)))

    def creation(self, request: Mapping[str, Any], name: str) -> ProposedSuggestion:
        """A button that adds an order."""
        text = str(self.knowhow.policy.words.get("create") or "Add an order: {name}").replace("{name}", name)
        order = accompanying(None, request, self.subject.patient)
        return ProposedSuggestion(text, (ProposedAction("create", text, order),), "create")


def unreadable_order(policy: Policy, order: str) -> Proposal:
    """The card that says that an order could not be looked at."""
    words = str(policy.words.get("unreadable-order") or "An order could not be read, so it was not checked.")
    return notice(policy, words, "warning", order, {})


def notice(
    policy: Policy, words: str, indicator: str, order: str | None, values: Mapping[str, tuple[str, ...]]
) -> Proposal:
    """A card of one sentence."""
    template = CardTemplate(
        id="unreadable", about="group", hooks=frozenset(), severity=(), topic={}, summary=(words,), detail="",
        suggestions=(), override_reasons=(),
    )  # fmt: skip
    return Proposal(
        template=template,
        order=order,
        indicator=indicator,
        values=values,
        source_label=policy.source_label,
        source_url=policy.source_url,
        topic=not_evaluated(policy),
        plan=policy.plan.canonical,
        action="unreadable",
        content=tuple(entry for entries in values.values() for entry in entries),
    )


def not_evaluated(policy: Policy) -> Mapping[str, str]:
    """The topic of cards that say what could not be looked at."""
    return {"system": policy.topic_system, "code": "not-evaluated", "display": "Not evaluated"}


def _title(code: str) -> str:
    """Words for a topic that has only a code: `bone-health` is "Bone health"."""
    words = code.replace("-", " ")
    return words[:1].upper() + words[1:]
