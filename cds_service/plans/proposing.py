"""Proposals for what was found: one for each order and concern that the policy has a card for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cds_service.errors import CdsError
from cds_service.plans.alternatives import Sketch, shown, suggested_next
from cds_service.plans.deciding import ASK, Judgement, OrderJudgement
from cds_service.plans.extensions import listed
from cds_service.plans.filing import filed_observation
from cds_service.plans.group_proposing import not_evaluated
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.marking import criterion_of
from cds_service.plans.offers import ApplyActivity, Offers, Subject, defined_orders
from cds_service.plans.order_words import Entries, OrderWords
from cds_service.plans.orders import accompanying, marked, replaced
from cds_service.plans.policy import INDICATORS, worst_indicator
from cds_service.plans.questions import Option
from cds_service.plans.rules import Finding
from cds_service.plans.wording import Vocabulary
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.proposals import (
    CardTemplate,
    Proposal,
    ProposedAction,
    ProposedLink,
    ProposedSuggestion,
)
from cds_service.proposals.ratings import OrderedProcedure
from cds_service.proposals.sources import Citation
from cds_service.values.formatting import to_text

_MOST_REPLACEMENTS = 3
_MOST_ANSWERS = 8
_FAILURE = CardTemplate(
    id="not-evaluated", about="rules", hooks=frozenset(), severity=(), topic={},
    summary=("Part of the advice on {order} could not be worked out.", "Part of the advice could not be worked out."),
    detail="These parts could not be evaluated. Their silence is no reassurance:\n- {failures}",
    suggestions=(), override_reasons=(),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderProposals:
    """Makes the proposals for one judged order."""

    judged: OrderJudgement
    knowhow: Knowhow
    words: Vocabulary
    offers: Offers
    subject: Subject
    apply_activity: ApplyActivity
    hook: str
    draft: Mapping[str, Any] | None
    evidence: Sequence[FactEvidence]
    language: str | None = None

    def proposals(self) -> tuple[Proposal, ...]:
        """One for each card of the policy that has something to say about the order at this hook."""
        record = self.judged.record
        region = self.offers.codes.region(record.rated_as or record.procedure or "", record.level, self.draft or {})
        values = OrderWords(self.judged, self.knowhow, self.words, self.draft, self.evidence, region, self.language)
        found = []
        for template in self.knowhow.policy.cards:
            if template.hooks and self.hook not in template.hooks:
                continue
            indicator = self.indicator(template)
            if indicator is not None:
                found.append(self.proposal(template, indicator, values))
        if self.judged.record.failures:
            found.append(self.failure(values))
        return self.raised(found)

    def indicator(self, template: CardTemplate) -> str | None:
        """How serious this card is; None: nothing to say."""
        record, policy = self.judged.record, self.knowhow.policy
        is_silent = self.judged.worst.selection is not None and any(
            situation is not None and situation.silent
            for situation in (self.judged.worst.selection.situation, self.judged.worst.selection.excluded)
        )
        meaning = policy.rating_meanings.get(record.rating or "")
        match template.about:
            case "rating":
                if record.status == ASK or (is_silent and record.indicator == "info"):
                    return None
                return meaning.indicator if meaning else "info"
            case "questions":
                return "warning" if record.status == ASK else None
            case "safety-questions":
                return "warning" if self.asked(template) else None
            case "rules":
                fired = [f for f in self.fired() if f.rule.severity in template.severity]
                if fired:
                    return worst_indicator([self._weight(finding) for finding in fired])
                return "warning" if template.asks_safety and record.safety_ask else None
        return None

    def fired(self) -> list[Finding]:
        """The rules that fire at any target, each once."""
        if len(self.judged.judgements) == 1:
            return list(self.judged.judgements[0].fired)
        found: dict[str, Finding] = {}
        for judgement in self.judged.judgements:
            for finding in judgement.fired:
                found.setdefault(finding.rule.id, finding)
        return list(found.values())

    def raised(self, found: list[Proposal]) -> tuple[Proposal, ...]:
        """The cards, the most serious of them at least as serious as the record."""
        if not found:
            return ()
        wanted = self.judged.record.indicator
        worst = max(found, key=lambda proposal: INDICATORS.index(proposal.indicator))
        if INDICATORS.index(wanted) > INDICATORS.index(worst.indicator):
            found[found.index(worst)] = replace(worst, indicator=wanted)
        return _each_button_once(found)

    def proposal(self, template: CardTemplate, indicator: str, values: Mapping[str, Entries]) -> Proposal:
        """One card."""
        policy, record = self.knowhow.policy, self.judged.record
        label, url = self.source(template)
        return Proposal(
            template=template,
            order=record.order,
            indicator=indicator,
            values=values,
            source_label=label,
            source_url=url,
            topic={"system": policy.topic_system, **template.topic},
            plan=record.plan or "",
            action=self.action_id(template),
            content=self.content(template),
            suggestions=tuple(self.suggestions(template)),
            override_reasons=(*policy.override_reasons, *template.override_reasons),
            links=tuple(self.links(template)),
        )

    def source(self, template: CardTemplate) -> tuple[str, str | None]:
        """The primary source of the advice."""
        for citation in self.citations(template):
            if known := self.knowhow.policy.sources.get(citation.source):
                return known.label, known.url
        return self.knowhow.policy.source_label, self.knowhow.policy.source_url

    def citations(self, template: CardTemplate) -> list[Citation]:
        """What the advice is taken from, the most serious first."""
        selection = self.judged.worst.selection
        if template.about == "rules":
            fired = [f for f in self.fired() if f.rule.severity in template.severity]
            fired.sort(key=lambda finding: -INDICATORS.index(self._weight(finding)))
            return [citation for finding in fired for citation in finding.rule.sources]
        if selection is not None and selection.primary is not None:
            return list(selection.primary.sources)
        return list(selection.undecided[0].sources) if selection is not None and selection.undecided else []

    def action_id(self, template: CardTemplate) -> str:
        """The scenario, rule or card that the advice comes from."""
        record = self.judged.record
        if template.about == "rules":
            fired = [f for f in self.fired() if f.rule.severity in template.severity]
            return max(fired, key=lambda f: INDICATORS.index(self._weight(f))).rule.id if fired else template.id
        return record.primary or record.nearest or template.id

    def content(self, template: CardTemplate) -> tuple[str, ...]:
        """What the advice says: two cards with the same content are the same advice."""
        record = self.judged.record
        code = repr(sorted(str(c.get("code")) for c in listed(((self.draft or {}).get("code") or {}).get("coding"))))
        rules = tuple(f.rule.id for f in self.fired() if not template.severity or f.rule.severity in template.severity)
        head = (code, str(record.procedure), record.status, str(record.level))
        if template.about == "rules":
            return (*head, *rules, *record.safety_ask)
        return (
            *head, str(record.rating), str(record.primary), str(record.reason), *record.also, *record.must_ask,
            *record.alternatives, *record.notes_unknown, *rules,
        )  # fmt: skip

    def links(self, template: CardTemplate) -> list[ProposedLink]:
        """The page that asks the open questions, then the sources."""
        found: list[ProposedLink] = []
        if "answer" in template.suggestions:
            asked = [fact for fact in self.asked(template) if fact in self.words.questions.questions]
            site, identifier = self.offers.site, self.words.questions.identifier(asked)
            url = site.question_url(identifier) if asked else None
            context = site.question_context(identifier) if url else None
            label = str(self.knowhow.policy.words.get("answer-link") or "Answer the open questions")
            found += [ProposedLink(label, url, context is not None, context)] if url else []
        sources = self.knowhow.policy.sources
        names = dict.fromkeys(citation.source for citation in self.citations(template))
        known = [sources[name] for name in names if name in sources]
        return found + [ProposedLink(source.label, source.url) for source in known if source.url]

    def suggestions(self, template: CardTemplate) -> list[ProposedSuggestion]:
        """The buttons of a card."""
        found: list[ProposedSuggestion] = []
        for kind in template.suggestions:
            if kind == "replace":
                found += self.replacements()
            elif kind == "create":
                found += self.creations(template)
            elif kind == "file":
                found += self.filed()
            elif kind == "answer":
                found += self.answers(self.asked(template))
        return found

    def asked(self, template: CardTemplate) -> tuple[str, ...]:
        """The facts that a card asks for: what the rating waits for, or what else clearance needs."""
        record = self.judged.record
        safety = tuple(fact for fact in record.safety_ask if fact not in record.must_ask)
        if template.about == "questions":
            return record.must_ask
        return safety if template.about in {"safety-questions", "rules"} else (*record.must_ask, *safety)

    def replacements(self) -> list[ProposedSuggestion]:
        """The order replaced by one that is rated better, with its rating."""
        draft = self.draft
        if draft is None or not draft.get("id"):
            return []
        offered = shown(self.judged.record.alternatives, self.knowhow, self.judged.worst.logic)[:_MOST_REPLACEMENTS]
        return [self.replacement(draft, procedure, number == 0) for number, procedure in enumerate(offered)]

    def replacement(self, draft: Mapping[str, Any], procedure: str, recommended: bool) -> ProposedSuggestion:
        """A button that turns the order into one for another procedure."""
        policy, name = self.knowhow.policy, self.knowhow.procedures.name(procedure)
        order = dict(self.rated(replaced(draft, procedure, name, policy.procedures, self.offers.codes), procedure))
        words = str(policy.words.get("replace") or "Order {name} instead").replace("{name}", name)
        return ProposedSuggestion(words, (ProposedAction("update", words, order),), "replace", recommended=recommended)

    def rated(self, order: Mapping[str, Any], procedure: str) -> Mapping[str, Any]:
        """The replacement with the rating that it would get itself."""
        selection, policy = self.judged.worst.selection, self.knowhow.policy
        consult = self.offers.consult
        if selection is None or selection.primary is None or consult is None or not self._marks(procedure):
            return order
        row = selection.primary.rows.get(procedure)
        meaning = policy.rating_meanings.get(row.rating) if row else None
        if row is None or meaning is None or not meaning.mark:
            return order
        return marked(
            order, meaning.mark, {"system": policy.ratings, "code": row.rating}, self.offers.site.consulted,
            f"urn:uuid:{consult(procedure)}", criterion_of(self.judged, self.knowhow),
        )  # fmt: skip

    def _marks(self, procedure: str | None) -> bool:
        marks = self.knowhow.policy.marks
        return marks is not None and (marks.covers is None or self.knowhow.procedures.has(procedure, *marks.covers))

    def creations(self, template: CardTemplate) -> list[ProposedSuggestion]:
        """Orders to add: what the rules that this card is about suggest, and what their definitions describe."""
        suggested: dict[str, bool] = {}
        defined: list[ProposedSuggestion] = []
        for judgement in self.judged.judgements:
            behind = self.findings_behind(template, judgement)
            if judgement.logic is None or not behind:
                continue
            fired = tuple(finding for finding in behind if finding.fires)
            avoiding = bool(fired) and all(finding.rule.suggests_avoiding for finding in fired)
            for procedure in suggested_next(_sketch(judgement, fired, judgement.logic, self.knowhow)):
                suggested.setdefault(procedure, avoiding)
            defined += defined_orders(behind, judgement.logic, self.offers, self.apply_activity, self.creation)
        return [*(self.next_order(procedure, instead) for procedure, instead in suggested.items()), *defined]

    def findings_behind(self, template: CardTemplate, judgement: Judgement) -> tuple[Finding, ...]:
        """The rules that a card speaks of; those that no other card offers orders for belong to the rating."""
        if template.about == "rules":
            return tuple(finding for finding in judgement.fired if finding.rule.severity in template.severity)
        if template.about == "safety-questions":
            asking = (finding for finding in judgement.findings if finding.rule.unknown == "ask")
            return tuple(finding for finding in asking if finding.outcome.needs)
        elsewhere = self.severities_with_orders()
        return tuple(finding for finding in judgement.fired if finding.rule.severity not in elsewhere)

    def severities_with_orders(self) -> frozenset[str]:
        """The severities that have a card of their own with buttons for orders."""
        cards = (card for card in self.knowhow.policy.cards if not card.hooks or self.hook in card.hooks)
        offering = (card for card in cards if card.about == "rules" and "create" in card.suggestions)
        return frozenset(severity for card in offering for severity in card.severity)

    def next_order(self, procedure: str, instead: bool) -> ProposedSuggestion:
        """A button for a procedure that a rule suggests: beside the order, or instead of it."""
        if instead and self.draft is not None and self.draft.get("id"):
            return self.replacement(self.draft, procedure, recommended=True)
        activity = self.offers.activities.get(procedure)
        name = self.knowhow.procedures.name(procedure)
        template = self.apply_activity(activity) if activity is not None else self.plain_order(procedure, name)
        return self.creation(template, name)

    def filed(self) -> list[ProposedSuggestion]:
        """Values that were worked out and that somebody may want on record."""
        logic = self.judged.worst.logic
        found = []
        for finding in self.judged.worst.fired:
            wanted = finding.rule.observation
            if wanted is None or wanted.value is None or logic is None:
                continue
            try:
                value = logic.value(wanted.value)
            except CdsError:
                continue
            if value is not None:
                observation = filed_observation(wanted, value, self.subject, self.draft)
                words = str(self.knowhow.policy.words.get("file") or "Record: {name}")
                words = words.replace("{name}", f"{wanted.display or wanted.code} {to_text(value)}")
                action = ProposedAction("create", words, observation)
                found.append(ProposedSuggestion(words, (action,), "create"))
        return found

    def creation(self, template: Mapping[str, Any], name: str) -> ProposedSuggestion:
        """A button that adds an order."""
        order = accompanying(self.draft, template, self.subject.patient)
        words = str(self.knowhow.policy.words.get("create") or "Add an order: {name}").replace("{name}", name)
        return ProposedSuggestion(words, (ProposedAction("create", words, order),), "create")

    def plain_order(self, procedure: str, name: str) -> Mapping[str, Any]:
        """An order in our own code, where content has no ActivityDefinition for the procedure."""
        coding = {"system": self.knowhow.policy.procedures, "code": procedure, "display": name}
        return {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "code": {"coding": [coding], "text": name},
        }

    def answers(self, asked: Sequence[str]) -> list[ProposedSuggestion]:
        """Answers to open questions, to be filed with one click."""
        book = self.words.questions
        found: list[ProposedSuggestion] = []
        for fact in asked:
            question = book.questions.get(fact)
            if question is None or question.type not in {"boolean", "choice"}:
                continue
            choices: list[tuple[Any, str]] = [(option, option.display) for option in question.options]
            if question.type == "boolean":
                names = self.words.answer_names
                choices = [(True, names.get("true", "yes")), (False, names.get("false", "no"))]
            if len(found) + len(choices) > _MOST_ANSWERS:
                break
            found += [self.answer(fact, question.text, value, text) for value, text in choices]
        return found

    def answer(self, fact: str, question: str, value: bool | Option, text: str) -> ProposedSuggestion:
        """A button that files one answer."""
        scope = self.knowhow.facts.by_id[fact].scope
        sites = [site for site in listed((self.draft or {}).get("bodySite")) if isinstance(site, Mapping)]
        observation = self.words.questions.observation(
            fact, value, self.subject.patient, self.subject.as_of, sites if scope == "fracture" else ()
        )
        words = f"{question} {text[:1].upper()}{text[1:]}"
        return ProposedSuggestion(words, (ProposedAction("create", words, observation),), "answer")

    def failure(self, values: Mapping[str, Entries]) -> Proposal:
        """The card that says what could not be worked out."""
        titles: dict[str, None] = {}
        for judgement in self.judged.judgements:
            for finding in (*judgement.findings, *judgement.checks):
                if finding.rule.id in judgement.record.failures:
                    titles.setdefault(finding.rule.title)
            if judgement.selection is not None:
                for alternative in judgement.selection.group.alternatives:
                    if alternative.id in judgement.record.failures:
                        titles.setdefault(alternative.title)
        filled = {"order": values.get("order", ()), "failures": tuple(titles)}
        record = self.judged.record
        return Proposal(
            template=_FAILURE,
            order=record.order,
            indicator="warning",
            values=filled,
            source_label=self.knowhow.policy.source_label,
            source_url=self.knowhow.policy.source_url,
            topic=not_evaluated(self.knowhow.policy),
            plan=record.plan or "",
            action="not-evaluated",
            content=record.failures,
        )

    def _weight(self, finding: Finding) -> str:
        if finding.rule.emergency:
            return "critical"
        return self.knowhow.policy.severity(finding.rule.severity).indicator


def _sketch(judgement: Judgement, fired: tuple[Finding, ...], logic: Logic, knowhow: Knowhow) -> Sketch:
    """The judgement as if only some of its rules had fired."""
    ordered = judgement.ordered or OrderedProcedure(None, None)
    status, selection = judgement.record.status, judgement.selection
    return Sketch(ordered, knowhow, logic, judgement.findings, fired, status, selection)


def _each_button_once(found: list[Proposal]) -> tuple[Proposal, ...]:
    """The proposals without buttons that a more serious one offers already."""
    seen: set[str] = set()
    kept = {}
    for proposal in sorted(found, key=lambda each: (-INDICATORS.index(each.indicator), each.template.about != "rules")):
        new = tuple(suggestion for suggestion in proposal.suggestions if suggestion.label not in seen)
        seen |= {suggestion.label for suggestion in new}
        kept[id(proposal)] = replace(proposal, suggestions=new)
    return tuple(kept[id(proposal)] for proposal in found)
