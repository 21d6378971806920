"""One hook request in, one decision out; live or replayed, every call comes through here.

The order below is the data path: the facts are gathered, the plans of the service are judged, what they come to
becomes proposals, and these become cards, ratings on orders and the record for machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace as with_changes

from cds_service.cards.compose import KEY_EXTENSION, compose_cards
from cds_service.errors import CdsError
from cds_service.facts.availability import Availability
from cds_service.facts.facts import Facts
from cds_service.fhir.references import parse_reference
from cds_service.hooks.cards import Action, Response
from cds_service.hooks.contexts import ContextResource
from cds_service.hooks.identifiers import derive_uuid
from cds_service.hooks.plain import Pruned
from cds_service.hooks.refusals import UnmetNeed
from cds_service.hooks.requests import HookRequest
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.running import logic_for
from cds_service.knowledge.services import Deciding, KnownService
from cds_service.patient_data.gather import gather
from cds_service.patient_data.sources import Sources
from cds_service.plans.action_proposing import Asking, action_proposals, action_record
from cds_service.plans.activities import Subjects
from cds_service.plans.apply import Activity, Applied, apply_activity, apply_plan
from cds_service.plans.call_parameters import (
    APPOINTMENT,
    ORDER,
    PROCEDURE,
    RATED_PROCEDURE,
    call_parameters,
    declared,
)
from cds_service.plans.deciding import Judgement, OrderJudgement, judge_order, judge_without_order
from cds_service.plans.evidence import evidence_of
from cds_service.plans.group_proposing import GroupProposals, unreadable_order
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.logic import Logic
from cds_service.plans.marking import order_mark
from cds_service.plans.offers import Offers, Site, Subject
from cds_service.plans.orders import DraftOrder, codings_of
from cds_service.plans.proposing import OrderProposals
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.proposals import Proposal
from cds_service.proposals.ratings import OrderedProcedure
from cds_service.proposals.records import Record, render_record

_RATED_AT = frozenset({"order-select", "order-sign"})


class Judged(msgspec.Struct, frozen=True):
    """What one order, appointment, encounter or patient came to."""

    record: Record
    evidence: tuple[FactEvidence, ...]
    order: OrderJudgement | None = None
    advice: Judgement | None = None
    draft: DraftOrder | None = None

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Everything that was judged, target by target."""
        if self.order is not None:
            return self.order.judgements
        return (self.advice,) if self.advice is not None else ()


class Trace(msgspec.Struct, frozen=True):
    """How a decision came about, for explanations."""

    service: KnownService
    facts: Facts
    logic_of_call: Callable[[], Logic]
    judged: tuple[Judged, ...] = ()
    applied: tuple[Applied, ...] = ()
    namespace: str = ""

    @property
    def logic(self) -> Logic:
        """The logic over the patient, whatever is ordered."""
        return self.logic_of_call()


class Decision(msgspec.Struct, frozen=True):
    """The answer to a call, the plans it was made with, and how it came about."""

    response: Response
    plans: tuple[str, ...]
    trace: Trace

    @property
    def said(self) -> frozenset[str]:
        """The keys of the advice on the cards."""
        found = (card.extension.get(f"{self.trace.namespace}.{KEY_EXTENSION}") for card in self.response.cards)
        return frozenset(str(key) for key in found if key)


class Manner(msgspec.Struct, frozen=True, gc=False):
    """How an installation answers."""

    site: Site = msgspec.field(default_factory=lambda: Site("cds-service"))
    rates_orders: bool = True
    language: str | None = None


def decide(
    request: HookRequest,
    service: KnownService,
    knowledge: Knowledge,
    sources: Sources,
    manner: Manner | None = None,
    already_said: frozenset[str] = frozenset(),
) -> Decision:
    """Answer `request` with the plans that `service` offers; advice whose key is in `already_said` is not repeated."""
    facts = gather(request, service.needs, sources, knowledge.reading)
    return decide_on(request, service, knowledge, facts, manner or Manner(), already_said)


def decide_on(
    request: HookRequest,
    service: KnownService,
    knowledge: Knowledge,
    facts: Facts,
    manner: Manner,
    already_said: frozenset[str] = frozenset(),
) -> Decision:
    """The decision on facts that have been gathered."""
    call = _Call(request, service, knowledge, facts, manner)
    if service.deciding is None:
        return call.apply(already_said)
    return call.judge(service.deciding, already_said)


class _Call:
    """One call on its way."""

    def __init__(
        self, request: HookRequest, service: KnownService, knowledge: Knowledge, facts: Facts, manner: Manner
    ) -> None:
        self.request, self.service, self.knowledge, self.facts, self.manner = request, service, knowledge, facts, manner
        self.parameters = call_parameters(request, facts, knowledge.parameter_names)
        self._logic: Logic | None = None
        context = request.context
        user = context.user_id if context.user_id and context.user_id.startswith("Practitioner/") else None
        self.subjects = Subjects(
            subject=f"Patient/{context.patient_id}",
            encounter=f"Encounter/{context.encounter_id}" if context.encounter_id else None,
            practitioner=user,
        )
        self.subject = Subject(self.subjects.subject, self.subjects, request.as_of)
        self.plans = service.canonicals

    @property
    def logic(self) -> Logic:
        """The logic over the patient, whatever is ordered; made when it is first asked for."""
        if self._logic is None:
            self._logic = logic_for(self.knowledge, self.facts, self.parameters)
        return self._logic

    def trace(self, judged: tuple[Judged, ...] = (), applied: tuple[Applied, ...] = ()) -> Trace:
        return Trace(self.service, self.facts, lambda: self.logic, judged, applied, self.knowledge.namespace)

    # --- plans that decide nothing of ours

    def apply(self, already_said: frozenset[str]) -> Decision:
        hook, definitions = self.request.hook, self.knowledge.definitions
        applied = apply_plan(self.service.plan, self.subjects, self.logic, definitions, hook)
        asking = Asking(self.service.words, self.manner.site, self.subject, self.lost())
        proposals = action_proposals(applied, asking, self.manner.language)
        response = self.response(proposals, (), (action_record(applied, proposals, self.logic),), already_said)
        return Decision(response, self.plans, self.trace(applied=(applied,)))

    # --- plans that decide

    def judge(self, deciding: Deciding, already_said: frozenset[str]) -> Decision:
        knowhow = self.active(deciding)
        proposals: list[Proposal] = []
        actions: list[Action] = []
        judged: list[Judged] = []
        offers = Offers(deciding.codes, deciding.activities, self.knowledge.definitions.activity, self.manner.site)
        for one in self.subjects_of_decision(knowhow):
            judged.append(one)
            if one.order is not None:
                proposals += self.order_proposals(one, knowhow, deciding, offers)
                actions += self.order_marks(one, knowhow)
            elif one.advice is not None:
                made = GroupProposals(
                    one.advice,
                    knowhow,
                    deciding.words,
                    offers,
                    self.subject,
                    self.activity,
                    self.request.hook,
                    self.manner.language,
                )
                found = made.proposals()
                lost = () if found else self.lost()
                proposals += (made.unreadable(lost),) if lost else found
        proposals += [unreadable_order(knowhow.policy, order) for order in self.unreadable_orders()]
        records = tuple(one.record for one in judged)
        response = self.response(tuple(proposals), tuple(actions), records, already_said)
        return Decision(response, self.plans, self.trace(tuple(judged)))

    def lost(self) -> tuple[str, ...]:
        """The kinds of data that were asked for and could not be had; what a client never offers is no loss."""
        states = (Availability.UNOBTAINABLE, Availability.PARTIAL)
        return tuple(name for name in self.facts.unreadable() if self.facts.availability(name) in states)

    def active(self, deciding: Deciding) -> Knowhow:
        """What counts for this patient: a gathered plan whose condition is false is left out."""
        guarded = self.service.guarded
        out = {g.plan.canonical for g in guarded if self.logic.all(g.guards, asks=False).truth is False}
        return deciding.limited_to(frozenset(self.service.canonicals) - out) if out else deciding.knowhow

    def subjects_of_decision(self, knowhow: Knowhow) -> Iterable[Judged]:
        match self.service.decides:
            case "order":
                return self.orders(knowhow)
            case "dispatched-order":
                return self.dispatched(knowhow)
            case "appointment":
                return self.appointments(knowhow)
            case _:
                return (self.advice(knowhow, self.logic),)

    def orders(self, knowhow: Knowhow) -> Iterator[Judged]:
        read: dict[tuple[str, str | None], list[Any]] = {}
        for struct in self.facts.context.get("draftOrders", ()):  # type: ignore[attr-defined]
            read.setdefault((struct.fhir_type, getattr(struct, "id", None)), []).append(struct)
        drafts = self.drafts()
        for draft in drafts:
            waiting = read.get((draft.type, draft.id))  # several orders may come without an id
            found = self.order(draft, waiting.pop(0), knowhow, shared=len(drafts) > 1) if waiting else None
            if found is not None:
                yield found

    def unreadable_orders(self) -> Sequence[str]:
        """The orders that would have been decided, had they been readable."""
        if self.service.decides != "order" or not self.facts.set_aside:
            return ()
        bad = {fault.id for fault in self.facts.set_aside if fault.key == "draftOrders"}
        return [draft.reference for draft in self.drafts() if draft.id in bad]

    def drafts(self) -> tuple[ContextResource, ...]:
        """The orders that this hook is about."""
        context = self.request.context
        found = context.selected_orders if self.request.hook == "order-select" else context.draft_orders
        return tuple([draft for draft in found if draft.type == "ServiceRequest"])

    def order(self, draft: ContextResource, struct: Any, knowhow: Knowhow, *, shared: bool) -> Judged | None:
        """The decision on one draft order; None if it is none of ours."""
        ordered = self.ordered(struct, knowhow)
        if ordered is None:
            return None
        parameters = {ORDER: struct, PROCEDURE: ordered.procedure, RATED_PROCEDURE: ordered.rated_as}
        logic, reference = self.bind(parameters, shared=shared), draft.reference
        judged = judge_order(reference, ordered, knowhow, logic)
        silent = None if struct.reasonCode or struct.reasonReference else reference
        evidence = evidence_of(judged.worst, knowhow.facts, silent)
        record = with_changes(judged.record, evidence=evidence)
        came = DraftOrder(struct, draft.json, is_read_from_text=self.facts.is_derived(struct))
        return Judged(record, evidence, order=judged, draft=came)

    def ordered(self, struct: Any, knowhow: Knowhow) -> OrderedProcedure | None:
        return knowhow.orders.procedure(codings_of(struct), lambda: self.bind({ORDER: struct}))

    def dispatched(self, knowhow: Knowhow) -> Iterator[Judged]:
        dispatched = self.request.context.dispatched_orders
        for reference in dispatched:
            struct = self.facts.resolve(reference)
            if struct is None and not self.facts.availability("ServiceRequest").is_complete:
                keys = tuple(need.key for need in self.service.needs if need.type_name == "ServiceRequest")
                raise UnmetNeed("The dispatched order could not be had.", keys=keys, remedy="Send it as prefetch.")
            if struct is None or getattr(struct, "fhir_type", "") != "ServiceRequest":
                continue
            ordered = self.ordered(struct, knowhow)
            if ordered is not None:
                procedure = {PROCEDURE: ordered.procedure, RATED_PROCEDURE: ordered.rated_as}
                logic = self.bind({ORDER: struct, **procedure}, shared=len(dispatched) > 1)
                yield self.advice(knowhow, logic, order=_relative(reference), procedure=ordered.procedure)

    def appointments(self, knowhow: Knowhow) -> Iterator[Judged]:
        structs: Any = self.facts.context.get("appointments") or ()
        for struct in structs:
            order = self.based_on(struct)
            parameters = {APPOINTMENT: struct}
            if order is not None:
                parameters[ORDER] = order
            identifier = f"Appointment/{struct.id}" if struct.id else None
            yield self.advice(knowhow, self.bind(parameters, shared=len(structs) > 1), subject=identifier)
        if not structs:
            yield self.advice(knowhow, self.logic)

    def based_on(self, appointment: Any) -> Any:
        for reference in getattr(appointment, "basedOn", None) or ():
            found = self.facts.resolve(reference)
            if found is not None and getattr(found, "fhir_type", "") == "ServiceRequest":
                return found
        return None

    def advice(
        self,
        knowhow: Knowhow,
        logic: Logic,
        order: str | None = None,
        subject: str | None = None,
        procedure: str | None = None,
    ) -> Judged:
        judgement = judge_without_order(knowhow, logic, order, subject, procedure)
        evidence = evidence_of(judgement, knowhow.facts)
        record = with_changes(judgement.record, evidence=evidence)
        return Judged(record, evidence, advice=judgement)

    def bind(self, parameters: Mapping[str, Any], *, shared: bool = True) -> Logic:
        """The logic with parameters bound; `shared`: with others that are bound otherwise, so it builds on theirs."""
        if not shared and self._logic is None:
            return logic_for(self.knowledge, self.facts, {**self.parameters, **parameters})
        known = declared(parameters, self.knowledge.parameter_names)
        return self.logic.bound(known) if known else self.logic

    def activity(self, activity: Activity) -> Mapping[str, Any]:
        return apply_activity(activity, self.subjects, lambda: self.logic, self.knowledge.definitions.model)

    # --- the answer

    def order_proposals(
        self, one: Judged, knowhow: Knowhow, deciding: Deciding, offers: Offers
    ) -> tuple[Proposal, ...]:
        assert one.order is not None
        assert one.draft is not None
        return OrderProposals(
            judged=one.order,
            knowhow=knowhow,
            words=deciding.words,
            offers=offers,
            subject=self.subject,
            apply_activity=self.activity,
            hook=self.request.hook,
            order=one.draft,
            evidence=one.evidence,
            language=self.manner.language,
            consult=partial(self.consult, one.record.order) if self.rates_orders else None,
        ).proposals()

    @property
    def rates_orders(self) -> bool:
        """Whether this caller wants ratings on orders."""
        return self.manner.rates_orders and self.request.client.rates_orders

    def consult(self, order: str | None, *replacement: str) -> str:
        """The id of the consultation about an order, or about a procedure that may replace it."""
        return derive_uuid(self.request.call_id, "consult", str(order), *replacement)

    def order_marks(self, one: Judged, knowhow: Knowhow) -> Sequence[Action]:
        if not self.rates_orders or one.order is None or one.draft is None or self.request.hook not in _RATED_AT:
            return ()
        consult = partial(self.consult, one.record.order)
        marked = order_mark(one.order, knowhow, one.draft, self.manner.site, consult)
        if marked is None:
            return ()
        words = str(knowhow.policy.words.get("mark") or "Record the appropriateness rating on the order")
        return (Action.update(words, marked),)

    def response(
        self,
        proposals: tuple[Proposal, ...],
        actions: tuple[Action, ...],
        records: tuple[Record, ...],
        already_said: frozenset[str],
    ) -> Response:
        namespace = self.knowledge.namespace
        cards = compose_cards(proposals, self.request.call_id, namespace, self.manner.language, already_said)
        extension = Pruned()
        if records:
            extension[f"{namespace}.decisions"] = list(map(render_record, records))
        return Response(cards, actions, extension)


def _relative(reference: str) -> str:
    try:
        parsed = parse_reference(reference)
    except CdsError:
        return reference
    if parsed is None or not parsed.type or not parsed.id:
        return reference
    return f"{parsed.type}/{parsed.id}"
