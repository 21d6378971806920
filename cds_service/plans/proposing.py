"""Proposals for what was found: one for each order and concern that the policy has a card for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from cds_service.errors import CdsError
from cds_service.plans.alternatives import Sketch, suggested_next
from cds_service.plans.answering import answers_to
from cds_service.plans.deciding import ASK, Judgement, OrderJudgement
from cds_service.plans.filing import filed_observation
from cds_service.plans.group_proposing import not_evaluated
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.marking import criterion_of
from cds_service.plans.offers import ApplyActivity, Offers, Subject, defined_orders
from cds_service.plans.order_words import OrderWords
from cds_service.plans.orders import DraftOrder, accompanying, marked, replaced
from cds_service.plans.policy import SERIOUSNESS, worst_indicator
from cds_service.plans.procedures import Coding
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
_FAILURE = CardTemplate(
    id="not-evaluated", about="rules", hooks=frozenset(), severity=(), topic={},
    summary=("Part of the advice on {order} could not be worked out.", "Part of the advice could not be worked out."),
    detail="These parts could not be evaluated. Their silence is no reassurance:\n- {failures}",
    suggestions=(), override_reasons=(),
)  # fmt: skip


class OrderProposals:
    """Makes the proposals for one judged order."""

    def __init__(
        self,
        judged: OrderJudgement,
        knowhow: Knowhow,
        words: Vocabulary,
        offers: Offers,
        subject: Subject,
        apply_activity: ApplyActivity,
        hook: str,
        order: DraftOrder,
        evidence: Sequence[FactEvidence],
        language: str | None = None,
        consult: Callable[[str], str] | None = None,  # id of the consultation about a procedure; None: no ratings
    ) -> None:
        self.judged, self.knowhow, self.words, self.offers = judged, knowhow, words, offers
        self.subject, self.apply_activity, self.hook = subject, apply_activity, hook
        self.order, self.consult = order, consult
        self.record, self.worst, self.policy = judged.record, judged.worst, knowhow.policy
        record = judged.record
        region = offers.codes.region(record.rated_as or record.procedure or "", record.level, order.codings)
        self.values = OrderWords(judged, knowhow, words, order.struct, evidence, region, language)
        self.fired = [finding for finding, _ in self.values.fired]  # the rules that fire at any target, each once
        self.safety_ask = tuple([fact for fact in record.safety_ask if fact not in record.must_ask])

    def proposals(self) -> tuple[Proposal, ...]:
        """One for each card of the policy that has something to say about the order at this hook."""
        found = []
        about = ["questions" if self.record.status == ASK else "rating"]
        if self.fired or self.record.safety_ask:
            about += ["rules", "safety-questions"]
        for template in self.policy.cards_at(self.hook):
            if template.about not in about:
                continue
            speaking: Sequence[Finding] = ()
            if template.about == "rules":
                speaking = [finding for finding in self.fired if finding.rule.severity in template.severity]
                if not speaking and not template.asks_safety:
                    continue
            indicator = self.indicator(template, speaking)
            if indicator is not None:
                found.append(self.proposal(template, indicator, speaking))
        if self.record.failures:
            found.append(self.failure())
        return self.raised(found)

    def indicator(self, template: CardTemplate, speaking: Sequence[Finding]) -> str | None:
        """How serious this card is; None: nothing to say."""
        record, about = self.record, template.about
        if about == "rules":
            if speaking:
                return worst_indicator([self._weight(finding) for finding in speaking])
            return "warning" if template.asks_safety and record.safety_ask else None
        if about == "rating":
            if record.indicator == "info" and self.is_silent():
                return None
            meaning = self.policy.rating_meanings.get(record.rating or "")
            return meaning.indicator if meaning else "info"
        return "warning" if about == "questions" or self.safety_ask else None

    def is_silent(self) -> bool:
        """Whether nothing is said where no scenario fits, for the reason that there is here."""
        selection = self.worst.selection
        if selection is None:
            return False
        situation, excluded = selection.situation, selection.excluded
        return (situation is not None and situation.silent) or (excluded is not None and excluded.silent)

    def raised(self, found: list[Proposal]) -> tuple[Proposal, ...]:
        """The cards, the most serious of them at least as serious as the record."""
        if not found:
            return ()
        wanted = self.record.indicator
        worst = max(found, key=_seriousness) if len(found) > 1 else found[0]
        if SERIOUSNESS[wanted] > _seriousness(worst):
            found[found.index(worst)] = replace(worst, indicator=wanted)
        return _each_button_once(found)

    def proposal(self, template: CardTemplate, indicator: str, speaking: Sequence[Finding]) -> Proposal:
        """One card."""
        citations = self.citations(template, speaking)
        label, url = self.source(citations)
        return Proposal(
            template=template,
            order=self.record.order,
            indicator=indicator,
            values=self.values,
            source_label=label,
            source_url=url,
            topic=template.topic,
            plan=self.record.plan or "",
            action=self.action_id(template, speaking),
            content=self.content(template, speaking),
            suggestions=tuple(self.suggestions(template)),
            override_reasons=template.override_reasons,
            links=tuple(self.links(template, citations)),
        )

    def source(self, citations: Iterable[Citation]) -> tuple[str, str | None]:
        """The primary source of the advice."""
        for citation in citations:
            if known := self.policy.sources.get(citation.source):
                return known.label, known.url
        return self.policy.source_label, self.policy.source_url

    def citations(self, template: CardTemplate, speaking: Sequence[Finding]) -> Sequence[Citation]:
        """What the advice is taken from, the most serious first."""
        selection = self.worst.selection
        if template.about == "rules":
            ranked = sorted(speaking, key=lambda finding: -SERIOUSNESS[self._weight(finding)])
            return [citation for finding in ranked for citation in finding.rule.sources]
        if selection is not None and selection.primary is not None:
            return selection.primary.sources
        return selection.undecided[0].sources if selection is not None and selection.undecided else ()

    def action_id(self, template: CardTemplate, speaking: Sequence[Finding]) -> str:
        """The scenario, rule or card that the advice comes from."""
        if template.about == "rules":
            worst = max(speaking, key=lambda finding: SERIOUSNESS[self._weight(finding)], default=None)
            return worst.rule.id if worst is not None else template.id
        return self.record.primary or self.record.nearest or template.id

    def content(self, template: CardTemplate, speaking: Sequence[Finding]) -> tuple[str, ...]:
        """What the advice says, without what is only good to know: the same content is the same advice."""
        record = self.record
        head = (_codes(self.order.codings), str(record.procedure), record.status, str(record.level))
        severity = template.severity
        if template.about == "rules":
            named = speaking if severity else self.fired
            return (*head, *[finding.rule.id for finding in named], *record.safety_ask)
        rules = [f.rule.id for f in self.fired if f.rule.severity in severity and self._weight(f) != "info"]
        return (
            *head, str(record.rating), str(record.primary), str(record.reason), *record.also, *record.must_ask,
            *record.alternatives, *record.notes_unknown, *rules,
        )  # fmt: skip

    def links(self, template: CardTemplate, citations: Iterable[Citation]) -> list[ProposedLink]:
        """The page that asks the open questions, then the sources."""
        found: list[ProposedLink] = []
        if "answer" in template.suggestions:
            asked = [fact for fact in self.asked(template) if fact in self.words.questions.questions]
            site, identifier = self.offers.site, self.words.questions.identifier(asked)
            url = site.question_url(identifier) if asked else None
            context = site.question_context(identifier) if url else None
            label = str(self.policy.words.get("answer-link") or "Answer the open questions")
            found += [ProposedLink(label, url, context is not None, context)] if url else []
        for name in dict.fromkeys([citation.source for citation in citations]):
            source = self.policy.sources.get(name)
            if source is not None and source.url:
                found.append(ProposedLink(source.label, source.url))
        return found

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
        if len({each.kind for each in found}) > 1:  # an answer does not rule out the other buttons
            found = [replace(each, kind="answer") if each.kind == "choose" else each for each in found]
        return found

    def asked(self, template: CardTemplate) -> tuple[str, ...]:
        """The facts that a card asks for: what the rating waits for, or what else clearance needs."""
        if template.about == "questions":
            return self.record.must_ask
        if template.about in {"safety-questions", "rules"}:
            return self.safety_ask
        return (*self.record.must_ask, *self.safety_ask)

    def replacements(self) -> list[ProposedSuggestion]:
        """The order replaced by one that is rated better, with its rating."""
        offered = self.values.alternatives[:_MOST_REPLACEMENTS]
        if not offered or not self.order.struct.id:
            return []
        return [self.replacement(procedure, number == 0) for number, procedure in enumerate(offered)]

    def replacement(self, procedure: str, recommended: bool) -> ProposedSuggestion:
        """A button that turns the order into one for another procedure."""
        policy, name = self.policy, self.knowhow.procedures.name(procedure)
        order = self.rated(replaced(self.order.json, procedure, name, policy.procedures, self.offers.codes), procedure)
        words = str(policy.words.get("replace") or "Order {name} instead").replace("{name}", name)
        return ProposedSuggestion(words, (ProposedAction("update", words, order),), "replace", recommended=recommended)

    def rated(self, order: Mapping[str, Any], procedure: str) -> Mapping[str, Any]:
        """The replacement with the rating that it would get itself."""
        selection, policy, consult = self.worst.selection, self.policy, self.consult
        if selection is None or selection.primary is None or consult is None or not self.knowhow.is_marked(procedure):
            return order
        row = selection.primary.rows.get(procedure)
        meaning = policy.rating_meanings.get(row.rating) if row else None
        if row is None or meaning is None or not meaning.mark:
            return order
        return marked(
            order, meaning.mark, {"system": policy.ratings, "code": row.rating}, self.offers.site.consulted,
            f"urn:uuid:{consult(procedure)}", criterion_of(self.judged, self.knowhow),
        )  # fmt: skip

    def creations(self, template: CardTemplate) -> list[ProposedSuggestion]:
        """Orders to add: what the rules that this card is about suggest, and what their definitions describe."""
        suggested: dict[str, bool] = {}
        defined: list[ProposedSuggestion] = []
        for judgement in self.judged.judgements:
            behind = self.findings_behind(template, judgement)
            if judgement.logic is None or not behind:
                continue
            fired = tuple([finding for finding in behind if finding.fires])
            if [finding for finding in fired if finding.rule.suggests or finding.rule.suggests_avoiding]:
                avoiding = all(finding.rule.suggests_avoiding for finding in fired)
                for procedure in suggested_next(_sketch(judgement, fired, judgement.logic, self.knowhow)):
                    suggested.setdefault(procedure, avoiding)
            defined += defined_orders(behind, judgement.logic, self.offers, self.apply_activity, self.creation)
        return [*[self.next_order(procedure, instead) for procedure, instead in suggested.items()], *defined]

    def findings_behind(self, template: CardTemplate, judgement: Judgement) -> list[Finding]:
        """The rules that a card speaks of; those that no other card offers orders for belong to the rating."""
        if template.about == "rules":
            return [finding for finding in judgement.fired if finding.rule.severity in template.severity]
        if template.about == "safety-questions":
            return [finding for finding in judgement.notable if finding.outcome.needs and finding.rule.unknown == "ask"]
        if not judgement.fired:
            return []
        elsewhere = self.policy.severities_with_orders_at(self.hook)
        return [finding for finding in judgement.fired if finding.rule.severity not in elsewhere]

    def next_order(self, procedure: str, instead: bool) -> ProposedSuggestion:
        """A button for a procedure that a rule suggests: beside the order, or instead of it."""
        if instead and self.order.struct.id:
            return self.replacement(procedure, recommended=True)
        activity = self.offers.activities.get(procedure)
        name = self.knowhow.procedures.name(procedure)
        template = self.apply_activity(activity) if activity is not None else self.plain_order(procedure, name)
        return self.creation(template, name)

    def filed(self) -> list[ProposedSuggestion]:
        """Values that were worked out and that somebody may want on record."""
        logic = self.worst.logic
        found = []
        for finding in self.worst.fired:
            wanted = finding.rule.observation
            if wanted is None or wanted.value is None or logic is None:
                continue
            try:
                value = logic.value(wanted.value)
            except CdsError:
                continue
            if value is not None:
                observation = filed_observation(wanted, value, self.subject, self.order.sites)
                words = str(self.policy.words.get("file") or "Record: {name}")
                words = words.replace("{name}", f"{wanted.display or wanted.code} {to_text(value)}")
                action = ProposedAction("create", words, observation)
                found.append(ProposedSuggestion(words, (action,), "create"))
        return found

    def creation(self, template: Mapping[str, Any], name: str) -> ProposedSuggestion:
        """A button that adds an order."""
        order = accompanying(self.order.json, template, self.subject.patient)
        words = str(self.policy.words.get("create") or "Add an order: {name}").replace("{name}", name)
        return ProposedSuggestion(words, (ProposedAction("create", words, order),), "create")

    def plain_order(self, procedure: str, name: str) -> Mapping[str, Any]:
        """An order in our own code, where content has no ActivityDefinition for the procedure."""
        coding = {"system": self.policy.procedures, "code": procedure, "display": name}
        return {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "code": {"coding": [coding], "text": name},
        }

    def answers(self, asked: Sequence[str]) -> list[ProposedSuggestion]:
        """Answers to open questions, to be filed with one click."""
        facts, order = self.knowhow.facts.by_id, self.order
        return answers_to(
            asked, self.words, self.subject, lambda fact: order.sites if facts[fact].scope == "fracture" else ()
        )

    def failure(self) -> Proposal:
        """The card that says what could not be worked out."""
        titles: dict[str, None] = {}
        for judgement in self.judged.judgements:
            for finding in (*judgement.notable, *judgement.checks):
                if finding.rule.id in judgement.record.failures:
                    titles.setdefault(finding.rule.title)
            if judgement.selection is not None:
                for alternative in judgement.selection.group.alternatives:
                    if alternative.id in judgement.record.failures:
                        titles.setdefault(alternative.title)
        filled = {"order": self.values["order"], "failures": tuple(titles)}
        record = self.record
        return Proposal(
            template=_FAILURE,
            order=record.order,
            indicator="warning",
            values=filled,
            source_label=self.policy.source_label,
            source_url=self.policy.source_url,
            topic=not_evaluated(self.policy),
            plan=record.plan or "",
            action="not-evaluated",
            content=record.failures,
        )

    def _weight(self, finding: Finding) -> str:
        if finding.rule.emergency:
            return "critical"
        return self.policy.severity(finding.rule.severity).indicator


def _sketch(judgement: Judgement, fired: tuple[Finding, ...], logic: Logic, knowhow: Knowhow) -> Sketch:
    """The judgement as if only some of its rules had fired."""
    ordered = judgement.ordered or OrderedProcedure(None, None)
    status, selection = judgement.record.status, judgement.selection
    return Sketch(ordered, knowhow, logic, judgement.notable, fired, status, selection)


@lru_cache(maxsize=1024)
def _codes(codings: tuple[Coding, ...]) -> str:
    """The codes of an order, for telling one order from another."""
    return repr(sorted([str(code) for _, code in codings]))


def _seriousness(proposal: Proposal) -> int:
    return SERIOUSNESS[proposal.indicator]


def _each_button_once(found: list[Proposal]) -> tuple[Proposal, ...]:
    """The proposals without buttons that a more serious one offers already."""
    if len(found) == 1:
        return tuple(found)
    seen: set[str] = set()
    kept = list(found)
    for number in sorted(
        range(len(found)), key=lambda n: (-_seriousness(found[n]), found[n].template.about != "rules")
    ):
        suggestions = found[number].suggestions
        new = [suggestion for suggestion in suggestions if suggestion.label not in seen]
        seen.update([suggestion.label for suggestion in new])
        if len(new) != len(suggestions):
            kept[number] = replace(found[number], suggestions=tuple(new))
    return tuple(kept)
